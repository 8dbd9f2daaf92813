package dataplane

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// UDPSocket is a UDP socket of the gateway's, bound to one address, for IKE
// and for ESP in UDP. Runs of equal packets to one peer go out as one datagram
// that the kernel or the card cuts (UDP_SEGMENT), and what comes in that way is
// received as one (UDP_GRO), as far as the kernel knows that.
type UDPSocket struct {
	conn      *net.UDPConn
	local     netip.AddrPort
	segmented atomic.Bool // cleared when the kernel has refused to segment
	df        *fragmentation
}

const (
	maxSegments    = 64    // UDP_MAX_SEGMENTS of kernels before 6.9
	maxSuperPacket = 65000 // below what a UDP datagram can be
	maxFailures    = 1000  // reads in a row that fail before a loop gives up
)

// ListenUDP opens the socket in the calling thread's network namespace.
func ListenUDP(local netip.AddrPort) (*UDPSocket, error) {
	lc := net.ListenConfig{Control: control}
	pc, err := lc.ListenPacket(context.Background(), "udp4", local.String())
	if err != nil {
		return nil, fmt.Errorf("UDP socket: %w", err)
	}
	conn := pc.(*net.UDPConn)
	s := &UDPSocket{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	if s.df, err = newFragmentation(conn); err != nil {
		conn.Close()
		return nil, err
	}
	err = raw.Control(func(fd uintptr) {
		_, noSegment := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.segmented.Store(noSegment == nil)
		// Without UDP_GRO every datagram comes alone, which is right too.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		// Without it marks of congestion on the way are lost.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// Local is the address that the socket is bound to.
func (s *UDPSocket) Local() netip.AddrPort { return s.local }

// Outlast lets the socket send from its address when the host has it no longer,
// which the kernel refuses otherwise: a last word to the peers.
func (s *UDPSocket) Outlast() error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1) })
	return errors.Join(err, set)
}

// Close closes the socket; Receive returns.
func (s *UDPSocket) Close() error { return s.conn.Close() }

// Send sends datagrams in order to one peer. It goes on behind one that is
// refused, and returns all errors.
func (s *UDPSocket) Send(to netip.AddrPort, datagrams ...[]byte) error {
	return s.send(to, dfWhereItFits, nil, datagrams)
}

// SendESP is Send with the outer IP header that the packets are to have. The
// error is EMSGSIZE for those that are too large for the path and must not be
// fragmented.
func (s *UDPSocket) SendESP(to netip.AddrPort, outer ipsec.OuterHeader, packets ...[]byte) error {
	return s.send(to, espDF(outer.DF), tosControl(outer.TOS), packets)
}

func (s *UDPSocket) send(to netip.AddrPort, df int, control []byte, datagrams [][]byte) error {
	var errs []error
	err := s.df.with(df, func() {
		for len(datagrams) > 0 {
			n := 1
			if s.segmented.Load() {
				n = segmentRun(datagrams)
			}
			if err := s.sendRun(to, control, datagrams[:n]); err != nil {
				errs = append(errs, err)
			}
			datagrams = datagrams[n:]
		}
	})
	return errors.Join(append(errs, err)...)
}

// segmentRun is how many datagrams can go as one: all but the last have the
// same length, and the last is not longer.
func segmentRun(datagrams [][]byte) int {
	size, total := len(datagrams[0]), len(datagrams[0])
	n := 1
	for n < len(datagrams) && n < maxSegments && total+len(datagrams[n]) <= maxSuperPacket {
		next := len(datagrams[n])
		if next > size || next == 0 {
			break
		}
		total += next
		n++
		if next < size {
			break
		}
	}
	return n
}

func (s *UDPSocket) sendRun(to netip.AddrPort, control []byte, run [][]byte) error {
	if len(run) == 1 {
		_, _, err := s.conn.WriteMsgUDPAddrPort(run[0], control, to)
		return err
	}
	room := superPackets.Get().(*[]byte)
	super := (*room)[:0]
	for _, d := range run {
		super = append(super, d...)
	}
	_, _, err := s.conn.WriteMsgUDPAddrPort(super, append(segmentControl(len(run[0])), control...), to)
	superPackets.Put(room)
	if err == nil {
		return nil
	}
	// Some devices cannot checksum segments (EIO), some paths are narrower
	// than a segment (EINVAL, EMSGSIZE): alone each datagram may pass.
	if errors.Is(err, unix.EIO) {
		s.segmented.Store(false)
	}
	var errs []error
	for _, d := range run {
		if _, _, err := s.conn.WriteMsgUDPAddrPort(d, control, to); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

var superPackets = sync.Pool{New: func() any {
	room := make([]byte, maxSuperPacket)
	return &room
}}

func segmentControl(size int) []byte {
	b := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[unix.CmsgLen(0):], uint16(size))
	return b
}

// Receive calls handle for the datagrams as they come, those that came as one
// together, until the socket is closed. tos is that octet of their IP headers.
// They are valid during the call only,
// which may change them. Errors of single datagrams, such as an ICMP answer to
// one that was sent, are passed over.
func (s *UDPSocket) Receive(handle func(from netip.AddrPort, tos uint8, datagrams [][]byte)) error {
	buf, oob := make([]byte, 65535), make([]byte, 128)
	var datagrams [][]byte
	failures := 0
	for {
		n, oobn, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			if failures++; errors.Is(err, net.ErrClosed) || failures > maxFailures {
				return err
			}
			continue
		}
		failures = 0
		size, tos := readControl(oob[:oobn])
		datagrams = split(datagrams[:0], buf[:n], size)
		handle(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), tos, datagrams)
	}
}

// split cuts what was received into datagrams of size octets; 0 is one alone.
func split(out [][]byte, b []byte, size int) [][]byte {
	for size > 0 && len(b) > size {
		out = append(out, b[:size:size])
		b = b[size:]
	}
	return append(out, b)
}

// readControl reads the size of UDP_GRO's segments, 0 without any, and the TOS
// octet.
func readControl(oob []byte) (size int, tos uint8) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, 0
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_UDP && m.Header.Type == unix.UDP_GRO && len(m.Data) >= 4:
			size = int(binary.NativeEndian.Uint32(m.Data))
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TOS && len(m.Data) >= 1:
			tos = m.Data[0]
		}
	}
	return size, tos
}
