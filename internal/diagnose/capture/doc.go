// Package capture reads what passed between two gateways, a capture of packets,
// into the observations of package diagnose.
//
// It reads pcap and pcapng, plain or in gzip; Ethernet with VLANs and PPPoE,
// Linux cooked captures of both versions, raw IP and loopback; IPv4 and IPv6 with
// fragments put together; and of them IKE on UDP 500 and 4500, ESP and AH, and
// ICMP errors about these. Of IKE it reads what is in clear (RFC 2408, RFC 2409,
// RFC 3947); a Reader that is given keys reads the rest of phase 1, the quick
// modes and the informational exchanges.
//
// A capture sees both directions, and no end's mind. So "here" is, in each
// observation, the end that was left waiting: who got no answer, or was told of a
// failure. Where nothing failed it is the initiator. Observations are marked
// OnPath, so that a Case is of a pair of addresses and not of a peer.
//
// Nothing in a file is believed: records are at most maxRecord octets, and what
// is remembered of peers, negotiations, fragments and SPIs is bounded each, so
// that memory does not grow with the input. What was left out is said in the
// Result.
//
// It opens no file and knows no clock: bytes come by an io.Reader, and time is
// that of the packets.
//
// The files: container.go, pcap.go and pcapng.go (the file), link.go, ip.go and
// fragment.go (down to UDP and ESP), conversation.go, session.go, phase1.go and
// later.go (IKE between two ends), flow.go (ESP), keys.go, decrypt.go and psk.go
// (what keys tell), observe.go (what is told of it).
package capture
