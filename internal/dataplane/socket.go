package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

const (
	socketBuffer = 4 << 20 // octets; absorbs bursts of some thousand packets
	protoESP     = 50
)

// control sets what all of the gateway's sockets share: the mark that keeps
// their packets out of the TUN device, and large buffers as far as the
// process may have them.
func control(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = setOptions(int(fd)) }); e != nil {
		return e
	}
	return err
}

func setOptions(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, Mark); err != nil {
		return fmt.Errorf("SO_MARK: %w", err)
	}
	for _, o := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], socketBuffer) == nil {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], socketBuffer); err != nil {
			return fmt.Errorf("socket buffer: %w", err)
		}
	}
	return nil
}

// rawESP is a raw socket for IP protocol 50 in the namespace of the thread
// that opened it. The kernel makes the outer header.
type rawESP struct {
	conn  *net.IPConn
	batch *ipv4.PacketConn
	df    *fragmentation
}

func openRawESP() (*rawESP, error) {
	lc := net.ListenConfig{Control: control}
	conn, err := lc.ListenPacket(context.Background(), fmt.Sprintf("ip4:%d", protoESP), "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("raw ESP socket: %w", err)
	}
	ip := conn.(*net.IPConn)
	df, err := newFragmentation(ip)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &rawESP{ip, ipv4.NewPacketConn(ip), df}, nil
}

// send sends packets with equal outer headers in order from one address to
// another, as many as possible with one system call. A packet that the kernel
// refuses is skipped; errs has an error for each. room is memory that the
// caller keeps for the next call.
func (r *rawESP) send(local, remote netip.Addr, outer ipsec.OuterHeader, packets []sealedPacket, room *[]ipv4.Message) (errs []error) {
	control := append((&ipv4.ControlMessage{Src: local.AsSlice()}).Marshal(), tosControl(outer.TOS)...)
	to := &net.IPAddr{IP: remote.AsSlice()}
	scratch := (*room)[:0]
	for _, p := range packets {
		scratch = append(scratch, ipv4.Message{Buffers: [][]byte{p.packet}, OOB: control, Addr: to})
	}
	*room = scratch
	err := r.df.with(espDF(outer.DF), func() {
		for len(scratch) > 0 {
			n, err := r.batch.WriteBatch(scratch, 0)
			if err != nil || n <= 0 {
				errs = append(errs, err)
				n = 1
			}
			scratch = scratch[n:]
		}
	})
	if err != nil {
		errs = append(errs, err)
	}
	return errs
}

// receiveBatch is buffers for packets of any size, with the outer IP header.
func receiveBatch(n int) []ipv4.Message {
	batch := make([]ipv4.Message, n)
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, 65535)}
	}
	return batch
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
