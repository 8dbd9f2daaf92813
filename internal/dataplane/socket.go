package dataplane

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
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
// that opened it. The kernel makes the outer header: DF is set where the
// packet fits the path, and larger packets are fragmented.
type rawESP struct {
	conn  net.PacketConn
	batch *ipv4.PacketConn
}

func openRawESP() (*rawESP, error) {
	lc := net.ListenConfig{Control: control}
	conn, err := lc.ListenPacket(context.Background(), fmt.Sprintf("ip4:%d", protoESP), "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("raw ESP socket: %w", err)
	}
	return &rawESP{conn, ipv4.NewPacketConn(conn)}, nil
}

// send sends packets in order from one address to another, as many as possible
// with one system call. A packet that the kernel refuses is skipped; lost is
// how many were. room is memory that the caller keeps for the next call.
func (r *rawESP) send(local, remote netip.Addr, packets []sealedPacket, room *[]ipv4.Message) (lost int) {
	source := (&ipv4.ControlMessage{Src: local.AsSlice()}).Marshal()
	to := &net.IPAddr{IP: remote.AsSlice()}
	scratch := (*room)[:0]
	for _, p := range packets {
		scratch = append(scratch, ipv4.Message{Buffers: [][]byte{p.packet}, OOB: source, Addr: to})
	}
	*room = scratch
	for len(scratch) > 0 {
		n, err := r.batch.WriteBatch(scratch, 0)
		if err != nil || n <= 0 {
			lost++
			n = 1
		}
		scratch = scratch[n:]
	}
	return lost
}

// receiveBatch is buffers for packets of any size, with the outer IP header.
func receiveBatch(n int) []ipv4.Message {
	batch := make([]ipv4.Message, n)
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, 65535)}
	}
	return batch
}

// stripOuter returns what an IPv4 packet carries and its addresses, and false
// for what is none.
func stripOuter(packet []byte) (payload []byte, from, to netip.Addr, ok bool) {
	if len(packet) < ipv4HeaderLen {
		return nil, from, to, false
	}
	header := int(packet[0]&15) * 4
	if header < ipv4HeaderLen || len(packet) < header {
		return nil, from, to, false
	}
	from = netip.AddrFrom4([4]byte(packet[12:16]))
	to = netip.AddrFrom4([4]byte(packet[16:20]))
	return packet[header:], from, to, true
}
