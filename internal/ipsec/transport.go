package ipsec

import (
	"encoding/binary"
	"net/netip"
)

// rebuild writes into the first octets of packet the IP header that transport
// mode did not carry. Its addresses are those of the SA, which is what the
// header had after any NAT.
func (sa *SA) rebuild(packet []byte, next uint8) ([]byte, Drop) {
	if len(packet) > 65535 {
		return nil, DropTooBig
	}
	headerLen := sa.outerIPLen()
	header, payload := packet[:headerLen], packet[headerLen:]
	clear(header)
	if headerLen == 20 {
		src, dst := sa.addresses.remote().As4(), sa.addresses.local().As4()
		header[0], header[8], header[9] = 0x45, defaultTTL, next
		binary.BigEndian.PutUint16(header[2:], uint16(len(packet)))
		copy(header[12:], src[:])
		copy(header[16:], dst[:])
		binary.BigEndian.PutUint16(header[10:], ^fold(sum(0, header)))
	} else {
		src, dst := sa.addresses.remote().As16(), sa.addresses.local().As16()
		header[0], header[6], header[7] = 0x60, next, defaultTTL
		binary.BigEndian.PutUint16(header[4:], uint16(len(payload)))
		copy(header[8:], src[:])
		copy(header[24:], dst[:])
	}
	if sa.udpEncap {
		sa.fixChecksum(payload, next)
	}
	if _, drop := parseIP(packet); drop != DropNone {
		return nil, drop
	}
	return packet, DropNone
}

const defaultTTL = 64

// fixChecksum computes the TCP or UDP checksum anew: the sender's covers its
// address before the NAT (RFC 3948 section 3.1.2). A UDP checksum of zero
// means none and stays.
func (sa *SA) fixChecksum(payload []byte, next uint8) {
	at := 0
	switch {
	case next == protoTCP && len(payload) >= 20:
		at = 16
	case next == protoUDP && len(payload) >= 8 && (payload[6]|payload[7]) != 0:
		at = 6
	default:
		return
	}
	payload[at], payload[at+1] = 0, 0
	acc := sumAddr(sa.addresses.remote()) + sumAddr(sa.addresses.local())
	check := ^fold(sum(acc+uint32(next)+uint32(len(payload)), payload))
	if check == 0 && next == protoUDP {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(payload[at:], check)
}

// sumAddr is an address's part of the pseudo-header's sum.
func sumAddr(a netip.Addr) uint32 {
	if a.Is4() {
		raw := a.As4()
		return sum(0, raw[:])
	}
	raw := a.As16()
	return sum(0, raw[:])
}

// sum adds the 16-bit words of b, padded with a zero octet (RFC 1071). b is
// at most 65,535 octets, so the accumulator does not overflow.
func sum(acc uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		acc += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	return acc
}

func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}
