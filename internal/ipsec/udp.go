package ipsec

// UDPKind is what a datagram on the NAT-T port is (RFC 3948 section 2).
type UDPKind uint8

// Kinds of datagrams.
const (
	UDPInvalid   UDPKind = iota // too short for anything
	UDPKeepalive                // one octet 0xFF
	UDPIKE                      // behind the non-ESP marker
	UDPESP
)

// NonESPMarkerLen is the octets of zero before an IKE message on the NAT-T
// port (RFC 3948 section 2.2).
const NonESPMarkerLen = 4

// ClassifyUDP tells the three uses of the NAT-T port apart. What follows the
// marker of a UDPIKE datagram may be empty.
func ClassifyUDP(datagram []byte) UDPKind {
	switch {
	case len(datagram) == 1 && datagram[0] == 0xff:
		return UDPKeepalive
	case len(datagram) < NonESPMarkerLen:
		return UDPInvalid
	case datagram[0]|datagram[1]|datagram[2]|datagram[3] == 0:
		return UDPIKE
	case len(datagram) < headerLen:
		return UDPInvalid
	}
	return UDPESP
}
