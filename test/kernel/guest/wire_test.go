//go:build guest

package guest

import (
	"encoding/binary"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// tap sees what both gateways send to each other. What they receive it leaves out:
// the kernel shows a packet that it has opened as one that came in.
type tap struct{ fds []int }

func (l *lab) listen(t *testing.T) *tap {
	t.Helper()
	x := &tap{}
	for _, role := range []string{"hub", "spoke"} {
		if err := l.within(role, x.open); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, fd := range x.fds {
			unix.Close(fd)
		}
	})
	return x
}

func (x *tap) open() error {
	link, err := net.InterfaceByName("wan0")
	if err != nil {
		return err
	}
	const allProtocols = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, allProtocols)
	if err != nil {
		return err
	}
	x.fds = append(x.fds, fd)
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: link.Index})
}

// seen is what has passed since the last look.
type seen struct{ clear, icmp, esp, udp int }

// inside says whether an address is one of a private network or of a client's.
func inside(a []byte) bool { return a[0] == 192 && a[1] == 168 || a[0] == 10 && a[1] == 55 }

// look counts what has passed in clear between the private networks, as ESP and as
// ESP in UDP.
func (x *tap) look() (s seen) {
	b := make([]byte, 65535)
	for _, fd := range x.fds {
		for {
			n, from, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				break
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING && n >= 28 && b[0]>>4 == 4 {
				s.count(b[:n])
			}
		}
	}
	return s
}

func (s *seen) count(packet []byte) {
	payload := packet[int(packet[0]&15)*4:]
	switch {
	case inside(packet[12:]) || inside(packet[16:]):
		s.clear++
	case packet[9] == unix.IPPROTO_ICMP:
		s.icmp++
	case packet[9] == unix.IPPROTO_ESP:
		s.esp++
	case packet[9] == unix.IPPROTO_UDP && len(payload) >= 12 && binary.BigEndian.Uint16(payload) == 4500 && binary.BigEndian.Uint32(payload[8:]) != 0:
		s.udp++
	}
}
