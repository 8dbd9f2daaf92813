package capture

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers.
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoOptions  = 60
	protoNone     = 59
)

// maxExtensions bounds the headers between IPv6 and what it carries.
const maxExtensions = 8

// datagram is an IP packet, or a fragment of one.
type datagram struct {
	src, dst netip.Addr
	protocol uint8
	ttl      uint8
	id       uint32 // of its fragments
	offset   int    // of a fragment, in octets
	more     bool   // fragments follow
	payload  []byte
	cut      bool // the capture has less of the payload than was sent
}

func (d *datagram) fragment() bool { return d.more || d.offset > 0 }

// parseIP reads an IP packet. It is false for what is none.
func parseIP(b []byte, d *datagram) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b, d)
	case 6:
		return parseIPv6(b, d)
	}
	return false
}

func parseIPv4(b []byte, d *datagram) bool {
	if len(b) < 20 {
		return false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = len(b) // segmentation was left to the interface
	}
	if header < 20 || header > len(b) || total < header {
		return false
	}
	flags := binary.BigEndian.Uint16(b[6:])
	*d = datagram{src: netip.AddrFrom4([4]byte(b[12:])), dst: netip.AddrFrom4([4]byte(b[16:])), protocol: b[9], ttl: b[8],
		id: uint32(binary.BigEndian.Uint16(b[4:])), offset: int(flags&0x1fff) * 8, more: flags&0x2000 != 0}
	d.payload, d.cut = within(b[header:], total-header)
	return true
}

// within cuts what a link adds for padding, and tells what the capture lacks.
func within(b []byte, length int) (payload []byte, cut bool) {
	if length > len(b) {
		return b, true
	}
	return b[:length], false
}

func parseIPv6(b []byte, d *datagram) bool {
	if len(b) < 40 {
		return false
	}
	*d = datagram{src: netip.AddrFrom16([16]byte(b[8:])), dst: netip.AddrFrom16([16]byte(b[24:])), protocol: b[6], ttl: b[7]}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 {
		length = len(b) - 40
	}
	d.payload, d.cut = within(b[40:], length)
	for range maxExtensions {
		switch d.protocol {
		case protoHopByHop, protoRouting, protoOptions:
			if !d.skip(8) {
				return false
			}
		case protoFragment:
			if len(d.payload) < 8 {
				return false
			}
			at := binary.BigEndian.Uint16(d.payload[2:])
			d.offset, d.more, d.id = int(at&^7), at&1 != 0, binary.BigEndian.Uint32(d.payload[4:])
			d.protocol, d.payload = d.payload[0], d.payload[8:]
			if d.offset > 0 {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// skip takes one extension header off, whose length is in units after the first
// eight octets.
func (d *datagram) skip(unit int) bool {
	if len(d.payload) < 8 {
		return false
	}
	n := 8 + int(d.payload[1])*unit
	if n > len(d.payload) {
		return false
	}
	d.protocol, d.payload = d.payload[0], d.payload[n:]
	return true
}

const udpLen = 8

// udp is a UDP datagram's ports and data.
type udp struct {
	src, dst uint16
	data     []byte
	cut      bool
}

// parseUDP reads UDP. It is false for what is none.
func parseUDP(b []byte, cut bool, u *udp) bool {
	if len(b) < udpLen {
		return false
	}
	*u = udp{src: binary.BigEndian.Uint16(b), dst: binary.BigEndian.Uint16(b[2:])}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 {
		length = len(b)
	}
	if length < udpLen {
		return false
	}
	u.data, u.cut = within(b[udpLen:], length-udpLen)
	u.cut = u.cut || cut && len(u.data) < length-udpLen
	return true
}
