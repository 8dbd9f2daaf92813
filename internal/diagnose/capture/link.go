package capture

import "encoding/binary"

// Link types (LINKTYPE_ numbers) that are read.
const (
	linkNull     = 0
	linkEthernet = 1
	linkPPP      = 9
	linkRawBSD   = 12
	linkRawOBSD  = 14
	linkPPPHDLC  = 50
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// Ethernet types.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ9  = 0x9100
	etherPPPoE  = 0x8864
	pppIPv4     = 0x0021
	pppIPv6     = 0x0057
	maxVLANTags = 4
)

// known says whether a link type is read.
func known(link uint32) bool {
	switch link {
	case linkNull, linkEthernet, linkPPP, linkRawBSD, linkRawOBSD, linkPPPHDLC, linkRaw, linkLoop, linkSLL, linkIPv4, linkIPv6, linkSLL2:
		return true
	}
	return false
}

// network takes a frame's link layer off: what is left is IPv4 or IPv6, as its
// first four bits say. It is nil for anything else.
func network(link uint32, b []byte) []byte {
	switch link {
	case linkEthernet:
		if len(b) < 14 {
			return nil
		}
		return ethernet(binary.BigEndian.Uint16(b[12:]), b[14:])
	case linkSLL:
		if len(b) < 16 {
			return nil
		}
		return ethernet(binary.BigEndian.Uint16(b[14:]), b[16:])
	case linkSLL2:
		if len(b) < 20 {
			return nil
		}
		return ethernet(binary.BigEndian.Uint16(b), b[20:])
	case linkNull, linkLoop:
		// Four octets name the family, in the byte order and by the numbers of the
		// system that captured: the packet says it more surely.
		if len(b) < 4 {
			return nil
		}
		return b[4:]
	case linkPPP, linkPPPHDLC:
		return ppp(b)
	case linkRaw, linkRawBSD, linkRawOBSD, linkIPv4, linkIPv6:
		return b
	}
	return nil
}

func ethernet(kind uint16, b []byte) []byte {
	for range maxVLANTags {
		switch kind {
		case etherIPv4, etherIPv6:
			return b
		case etherVLAN, etherQinQ, etherQinQ9:
			if len(b) < 4 {
				return nil
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherPPPoE:
			if len(b) < 6 {
				return nil
			}
			return ppp(b[6:])
		default:
			return nil
		}
	}
	return nil
}

// ppp takes the protocol off, before which address and control may stand (RFC
// 1662).
func ppp(b []byte) []byte {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	if len(b) < 2 {
		return nil
	}
	switch binary.BigEndian.Uint16(b) {
	case pppIPv4, pppIPv6:
		return b[2:]
	}
	return nil
}
