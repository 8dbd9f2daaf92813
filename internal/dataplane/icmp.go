package dataplane

import "encoding/binary"

const (
	protoICMP          = 1
	icmpUnreachable    = 3
	icmpFragNeeded     = 4 // code
	icmpQuotedPayload  = 8 // octets behind the quoted IP header (RFC 792)
	ipv4HeaderLen      = 20
	icmpHeaderLen      = 8
	ipv4FragmentOffset = 0x1fff
)

// fragNeeded makes the ICMP message that tells the sender of an IPv4 packet
// which size would have passed (RFC 1191 section 4). It seems to come from the
// packet's destination: an address of this host would not be let in from the
// TUN device. It returns nil where RFC 1122 section 3.2.2 forbids a message:
// for errors of ICMP and for fragments after the first.
func fragNeeded(packet []byte, mtu int) []byte {
	if len(packet) < ipv4HeaderLen || packet[0]>>4 != 4 {
		return nil
	}
	header := int(packet[0]&15) * 4
	if header < ipv4HeaderLen || len(packet) < header+icmpQuotedPayload {
		return nil
	}
	if binary.BigEndian.Uint16(packet[6:])&ipv4FragmentOffset != 0 || isICMPError(packet, header) {
		return nil
	}
	out := make([]byte, ipv4HeaderLen+icmpHeaderLen, ipv4HeaderLen+icmpHeaderLen+header+icmpQuotedPayload)
	out = append(out, packet[:header+icmpQuotedPayload]...)
	out[0], out[8], out[9] = 0x45, 64, protoICMP
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	copy(out[12:16], packet[16:20])
	copy(out[16:20], packet[12:16])
	binary.BigEndian.PutUint16(out[10:], checksum(out[:ipv4HeaderLen]))
	icmp := out[ipv4HeaderLen:]
	icmp[0], icmp[1] = icmpUnreachable, icmpFragNeeded
	binary.BigEndian.PutUint16(icmp[6:], uint16(mtu))
	binary.BigEndian.PutUint16(icmp[2:], checksum(icmp))
	return out
}

func isICMPError(packet []byte, header int) bool {
	if packet[9] != protoICMP {
		return false
	}
	switch packet[header] {
	case 3, 4, 5, 11, 12: // unreachable, quench, redirect, time exceeded, parameter problem
		return true
	}
	return false
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var acc uint32
	for ; len(b) >= 2; b = b[2:] {
		acc += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return ^uint16(acc)
}
