package ipsec

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers that this package looks at.
const (
	protoHopByHop    = 0
	protoIPv4        = 4
	protoTCP         = 6
	protoUDP         = 17
	protoDCCP        = 33
	protoIPv6        = 41
	protoRouting     = 43
	protoFragment    = 44
	protoAH          = 51
	protoNoNext      = 59
	protoDestination = 60
	protoSCTP        = 132
	protoUDPLite     = 136
)

// Flow is what selectors look at in a packet: addresses, protocol and ports.
// PortsUnknown marks a fragment after the first, whose ports stand in another
// packet; protocols without ports have zero ports.
type Flow struct {
	Src, Dst         netip.Addr
	Protocol         uint8
	PortsUnknown     bool
	SrcPort, DstPort uint16
}

// Reverse returns the flow as the other side sees it.
func (f Flow) Reverse() Flow {
	f.Src, f.Dst = f.Dst, f.Src
	f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
	return f
}

// ParseFlow reads the flow of an IPv4 or IPv6 packet. The packet may be
// followed by padding. It returns DropTruncated or DropMalformed for what is
// no packet, and DropNone otherwise.
func ParseFlow(packet []byte) (Flow, Drop) {
	h, drop := parseIP(packet)
	return h.flow, drop
}

// ipHeader is where the parts of an IP packet stand.
type ipHeader struct {
	flow    Flow
	total   int // octets of the packet by its own header
	payload int // offset of what the IP header carries, IPv6 extensions included in it
	next    uint8
	df      bool // routers must not fragment it; always so with IPv6
}

func parseIP(packet []byte) (ipHeader, Drop) {
	if len(packet) == 0 {
		return ipHeader{}, DropTruncated
	}
	switch packet[0] >> 4 {
	case 4:
		return parseIPv4(packet)
	case 6:
		return parseIPv6(packet)
	}
	return ipHeader{}, DropMalformed
}

func parseIPv4(packet []byte) (ipHeader, Drop) {
	if len(packet) < 20 {
		return ipHeader{}, DropTruncated
	}
	header, total := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < 20 || total < header {
		return ipHeader{}, DropMalformed
	}
	if total > len(packet) {
		return ipHeader{}, DropTruncated
	}
	f := Flow{
		Src:      netip.AddrFrom4([4]byte(packet[12:16])),
		Dst:      netip.AddrFrom4([4]byte(packet[16:20])),
		Protocol: packet[9],
	}
	f.PortsUnknown = binary.BigEndian.Uint16(packet[6:])&0x1fff != 0
	drop := f.readPorts(packet[header:total])
	return ipHeader{f, total, header, packet[9], packet[6]&0x40 != 0}, drop
}

func parseIPv6(packet []byte) (ipHeader, Drop) {
	if len(packet) < 40 {
		return ipHeader{}, DropTruncated
	}
	total := 40 + int(binary.BigEndian.Uint16(packet[4:]))
	if total > len(packet) {
		return ipHeader{}, DropTruncated
	}
	f := Flow{
		Src:      netip.AddrFrom16([16]byte(packet[8:24])),
		Dst:      netip.AddrFrom16([16]byte(packet[24:40])),
		Protocol: packet[6],
	}
	rest, drop := f.skipExtensions(packet[40:total])
	if drop == DropNone {
		drop = f.readPorts(rest)
	}
	return ipHeader{f, total, 40, packet[6], true}, drop
}

// skipExtensions walks the IPv6 extension headers (RFC 8200 section 4) to the
// upper layer, whose protocol it leaves in f.
func (f *Flow) skipExtensions(rest []byte) ([]byte, Drop) {
	for {
		length := 0
		switch f.Protocol {
		case protoHopByHop, protoRouting, protoDestination:
			if len(rest) < 2 {
				return nil, DropTruncated
			}
			length = (int(rest[1]) + 1) * 8
		case protoAH:
			if len(rest) < 2 {
				return nil, DropTruncated
			}
			length = (int(rest[1]) + 2) * 4
		case protoFragment:
			length = 8
		default:
			return rest, DropNone
		}
		if len(rest) < length {
			return nil, DropTruncated
		}
		if f.Protocol == protoFragment && binary.BigEndian.Uint16(rest[2:])&0xfff8 != 0 {
			f.PortsUnknown = true
		}
		f.Protocol, rest = rest[0], rest[length:]
		if f.PortsUnknown {
			return rest, DropNone
		}
	}
}

func (f *Flow) readPorts(upper []byte) Drop {
	switch f.Protocol {
	case protoTCP, protoUDP, protoDCCP, protoSCTP, protoUDPLite:
	default:
		return DropNone
	}
	if f.PortsUnknown {
		return DropNone
	}
	if len(upper) < 4 {
		return DropTruncated
	}
	f.SrcPort = binary.BigEndian.Uint16(upper)
	f.DstPort = binary.BigEndian.Uint16(upper[2:])
	return DropNone
}
