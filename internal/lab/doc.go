// Package lab runs gateways on an in-memory network and a virtual clock: each
// is a router.Router with interfaces, routes and the ESP data path around it,
// as its configuration says. Interfaces in one subnet are one link, which can
// delay, lose, filter and translate packets. A script types commands at the
// gateways, lets time pass and makes faults.
//
// It is deterministic: one goroutine, events in the order of time and of their
// making, and all randomness from one seed. It knows no socket, no real clock
// and no IKE; it reads files in Run only.
//
// Of the network it implements what a tunnel needs: IPv4 forwarding (RFC 1812),
// UDP without checksums (RFC 768), ICMP echo and destination unreachable
// (RFC 792), and the forms of UDP-encapsulated ESP (RFC 3948).
package lab
