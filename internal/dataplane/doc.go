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
// leaves in the kernel bears the route protocol number RouteProtocol, so that
// a start after a crash finds and removes it. It changes no address of the
// host and no sysctl but the TUN device's own. Packet forwarding between
// interfaces (net.ipv4.ip_forward) is the operator's to enable.
//
// What it does not protect from, on purpose or for now:
//   - Clear text from a protected network to an address of the gateway itself
//     is delivered: the kernel's local table comes before all rules.
//   - A fragment after the first has no ports for a rule to see. With lines
//     that name ports, let connection tracking reassemble what is forwarded.
//   - The rules hold for all interfaces, not only for the one that bears the
//     crypto map.
//   - A policy that selects the gateways' own addresses, as transport mode has
//     it, needs net.ipv4.conf.*.rp_filter 0 or 2: the strict filter judges ARP
//     by the policy's rules too, where nothing tells ARP from what they select.
//   - The outer header copies neither DSCP nor ECN from the inner one.
//   - IPv6 does not pass: entries and endpoints are IPv4.
package dataplane
