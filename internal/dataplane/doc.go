// Package dataplane carries packets between the network and internal/ipsec on
// Linux. Backend is what the gateway sees of it; Userspace is the backend that
// does ESP itself, on a TUN device, a raw socket for IP protocol 50 and the
// gateway's UDP sockets for RFC 3948.
//
// It must not know IKE, configuration or the console: it is handed SA
// parameters and policy entries and calls back with what happened.
//
// Which packets enter the TUN device is decided by policy routing rules, made
// from the crypto map's access lists (see planRules). All that the package
// leaves in the routing tables bears the route protocol number RouteProtocol,
// so that a start after a crash finds and removes it. The addresses
// that VPN servers give are the TUN device's, and go with it. It changes no other
// address of the host and no sysctl but the TUN device's own. Packet forwarding between
// interfaces (net.ipv4.ip_forward) is the operator's to enable.
//
// The nftables table GuardTable stands behind the rules: what the policy
// selects and does not go into the TUN device is dropped, and so is what comes
// in clear and should not have. It looks at packets, not at routes and
// interfaces, is replaced in one transaction, and outlives the process; Release
// takes it down. With lines that name ports it makes the kernel track
// connections, so that fragments are joined before their ports are asked for.
//
// What it does not protect from, on purpose or for now:
//   - After a boot nothing is held back before the first start.
//   - The rules hold for all interfaces, not only for the one that bears the
//     crypto map.
//   - A policy that selects the gateways' own addresses, as transport mode has
//     it, needs net.ipv4.conf.*.rp_filter 0 or 2: the strict filter judges ARP
//     by the policy's rules too, where nothing tells ARP from what they select.
//   - IPv6 does not pass: entries and endpoints are IPv4.
package dataplane
