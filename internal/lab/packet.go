package lab

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers.
const (
	protoICMP = 1
	protoUDP  = 17
	protoESP  = 50
)

// ICMP types (RFC 792) and the code of an unreachable host.
const (
	icmpEchoReply       = 0
	icmpUnreachable     = 3
	icmpEcho            = 8
	icmpHostUnreachable = 1
)

const (
	ipLen   = 20 // of an IPv4 header without options
	udpLen  = 8
	icmpLen = 8
	// ipTTL is IOS's.
	ipTTL = 255
)

// packet is an IPv4 packet.
type packet []byte

// newPacket makes a packet with room for n octets of payload.
func newPacket(protocol uint8, src, dst netip.Addr, n int) packet {
	p := make(packet, ipLen+n)
	p[0], p[8], p[9] = 0x45, ipTTL, protocol
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p.setSrc(src)
	p.setDst(dst)
	p.sum()
	return p
}

// valid says whether the methods below can be called. The lab makes no packet
// with IP options and no fragment, but an ESP packet may hold anything.
func (p packet) valid() bool {
	return len(p) >= ipLen && p[0] == 0x45 && int(binary.BigEndian.Uint16(p[2:])) == len(p) &&
		binary.BigEndian.Uint16(p[6:])&0x3fff == 0
}

func (p packet) src() netip.Addr     { return netip.AddrFrom4([4]byte(p[12:])) }
func (p packet) dst() netip.Addr     { return netip.AddrFrom4([4]byte(p[16:])) }
func (p packet) protocol() uint8     { return p[9] }
func (p packet) payload() []byte     { return p[ipLen:] }
func (p packet) setSrc(a netip.Addr) { copy(p[12:16], a.AsSlice()) }
func (p packet) setDst(a netip.Addr) { copy(p[16:20], a.AsSlice()) }

// sum writes the header checksum.
func (p packet) sum() {
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], checksum(p[:ipLen]))
}

// age takes one off the time to live and says whether any is left.
func (p packet) age() bool {
	if p[8] <= 1 {
		return false
	}
	p[8]--
	p.sum()
	return true
}

// newUDP makes a UDP packet without a checksum.
func newUDP(from, to netip.AddrPort, data []byte) packet {
	p := newPacket(protoUDP, from.Addr(), to.Addr(), udpLen+len(data))
	u := p.payload()
	binary.BigEndian.PutUint16(u, from.Port())
	binary.BigEndian.PutUint16(u[2:], to.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(len(u)))
	copy(u[udpLen:], data)
	return p
}

// udp returns the ends and the data of a UDP packet.
func (p packet) udp() (from, to netip.AddrPort, data []byte, ok bool) {
	u := p.payload()
	if p.protocol() != protoUDP || len(u) < udpLen {
		return from, to, nil, false
	}
	from = netip.AddrPortFrom(p.src(), binary.BigEndian.Uint16(u))
	to = netip.AddrPortFrom(p.dst(), binary.BigEndian.Uint16(u[2:]))
	return from, to, u[udpLen:], true
}

func (p packet) setSrcPort(port uint16) { binary.BigEndian.PutUint16(p[ipLen:], port) }
func (p packet) setDstPort(port uint16) { binary.BigEndian.PutUint16(p[ipLen+2:], port) }

// newESP makes a packet of protocol 50.
func newESP(from, to netip.Addr, esp []byte) packet {
	p := newPacket(protoESP, from, to, len(esp))
	copy(p.payload(), esp)
	return p
}

// newEcho makes an echo request of size octets in all.
func newEcho(src, dst netip.Addr, id, seq uint16, size int) packet {
	p := newPacket(protoICMP, src, dst, max(size-ipLen, icmpLen))
	m := p.payload()
	m[0] = icmpEcho
	binary.BigEndian.PutUint16(m[4:], id)
	binary.BigEndian.PutUint16(m[6:], seq)
	for i := icmpLen; i+1 < len(m); i += 2 {
		m[i], m[i+1] = 0xab, 0xcd // IOS's pattern
	}
	sumICMP(m)
	return p
}

// echoReply answers an echo request.
func (p packet) echoReply() packet {
	out := newPacket(protoICMP, p.dst(), p.src(), len(p.payload()))
	m := out.payload()
	copy(m, p.payload())
	m[0] = icmpEchoReply
	sumICMP(m)
	return out
}

// unreachable tells the sender of p that its destination is out of reach.
func (p packet) unreachable(from netip.Addr) packet {
	quote := p[:min(len(p), ipLen+icmpLen)]
	out := newPacket(protoICMP, from, p.src(), icmpLen+len(quote))
	m := out.payload()
	m[0], m[1] = icmpUnreachable, icmpHostUnreachable
	copy(m[icmpLen:], quote)
	sumICMP(m)
	return out
}

// icmp returns the type of an ICMP message.
func (p packet) icmp() (kind uint8, ok bool) {
	m := p.payload()
	if p.protocol() != protoICMP || len(m) < icmpLen || checksum(m) != 0 {
		return 0, false
	}
	return m[0], true
}

// echoID returns the identifier and the sequence number of an echo message.
func (p packet) echoID() (id, seq uint16) {
	m := p.payload()
	return binary.BigEndian.Uint16(m[4:]), binary.BigEndian.Uint16(m[6:])
}

// quoted returns the packet that an ICMP error is about, its first octets.
func (p packet) quoted() (packet, bool) {
	m := p.payload()
	if len(m) < icmpLen+ipLen+icmpLen {
		return nil, false
	}
	return packet(m[icmpLen:]), true
}

func sumICMP(m []byte) {
	m[2], m[3] = 0, 0
	binary.BigEndian.PutUint16(m[2:], checksum(m))
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
