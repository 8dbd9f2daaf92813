package dataplane

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

const protoESP = 50

// rawESP is a raw socket for IP protocol 50 in the namespace of the thread
// that opened it. The kernel makes the outer header.
type rawESP struct{ *socket }

func openRawESP() (*rawESP, error) {
	s, err := openSocket(unix.SOCK_RAW, protoESP, netip.AddrPortFrom(netip.IPv4Unspecified(), 0))
	if err != nil {
		return nil, fmt.Errorf("raw ESP socket: %w", err)
	}
	return &rawESP{s}, nil
}

// send sends packets with equal outer headers in order from one address to
// another, as many as possible with one system call. refused is told of each
// that the kernel does not take.
func (r *rawESP) send(local, remote netip.Addr, outer ipsec.OuterHeader, packets []sealedPacket, out *outbox, refused func(error)) {
	for len(packets) > 0 {
		out.reset(netip.AddrPortFrom(remote, 0))
		n := 0
		for n < len(packets) && out.room(1) {
			piece := [1][]byte{packets[n].packet}
			out.add(piece[:], func(b []byte) []byte { return appendTOS(appendSource(b, local), outer.TOS) })
			n++
		}
		if err := r.socket.send(espDF(outer.DF), out, func(_ int, err error) { refused(err) }); err != nil {
			refused(err)
		}
		packets = packets[n:]
	}
}

// stripOuter returns what an IPv4 packet carries, its addresses and its TOS
// octet, and false for what is none.
func stripOuter(packet []byte) (payload []byte, from, to netip.Addr, tos uint8, ok bool) {
	if len(packet) < ipv4HeaderLen {
		return nil, from, to, 0, false
	}
	header := int(packet[0]&15) * 4
	if header < ipv4HeaderLen || len(packet) < header {
		return nil, from, to, 0, false
	}
	from = netip.AddrFrom4([4]byte(packet[12:16]))
	to = netip.AddrFrom4([4]byte(packet[16:20]))
	return packet[header:], from, to, packet[1], true
}
