package dataplane

import (
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
	*socket
	segmented atomic.Bool // cleared when the kernel has refused to segment
	outboxes  sync.Pool
}

const (
	maxSegments    = 64    // UDP_MAX_SEGMENTS of kernels before 6.9
	maxSuperPacket = 65000 // below what a UDP datagram can be
	maxFailures    = 1000  // reads in a row that fail before a loop gives up
	receiveBatch   = 32    // datagrams of any size, taken at once
)

// ListenUDP opens the socket in the calling thread's network namespace.
func ListenUDP(local netip.AddrPort) (*UDPSocket, error) {
	opened, err := openSocket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, local)
	if err != nil {
		return nil, fmt.Errorf("UDP socket %v: %w", local, err)
	}
	s := &UDPSocket{socket: opened}
	s.outboxes.New = func() any { return newOutbox(batchSize) }
	err = s.control(func(fd uintptr) {
		_, noSegment := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.segmented.Store(noSegment == nil)
		// Without UDP_GRO every datagram comes alone, which is right too.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		// Without it marks of congestion on the way are lost.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Local is the address that the socket is bound to.
func (s *UDPSocket) Local() netip.AddrPort { return s.local }

// Outlast lets the socket send from its address when the host has it no longer,
// which the kernel refuses otherwise: a last word to the peers.
func (s *UDPSocket) Outlast() error {
	var set error
	err := s.control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1) })
	return errors.Join(err, set)
}

// Send sends datagrams in order to one peer. It goes on behind one that is
// refused, and returns all errors.
func (s *UDPSocket) Send(to netip.AddrPort, datagrams ...[]byte) error {
	return s.sendAll(to, dfWhereItFits, nil, datagrams)
}

// SendESP is Send with the outer IP header that the packets are to have. The
// error is EMSGSIZE for those that are too large for the path and must not be
// fragmented.
func (s *UDPSocket) SendESP(to netip.AddrPort, outer ipsec.OuterHeader, packets ...[]byte) error {
	return s.sendAll(to, espDF(outer.DF), &outer, packets)
}

func (s *UDPSocket) sendAll(to netip.AddrPort, df int, outer *ipsec.OuterHeader, datagrams [][]byte) error {
	out := s.outboxes.Get().(*outbox)
	defer s.outboxes.Put(out)
	var errs []error
	for len(datagrams) > 0 {
		out.reset(to)
		rest := datagrams
		for len(rest) > 0 {
			n := 1
			if s.segmented.Load() {
				n = segmentRun(rest)
			}
			if !out.room(n) {
				break
			}
			out.add(rest[:n], func(b []byte) []byte { return appendOuter(b, outer, rest[:n]) })
			rest = rest[n:]
		}
		errs = s.sendBox(out, df, outer, errs)
		datagrams = rest
	}
	return errors.Join(errs...)
}

// appendOuter is the control messages of a run of datagrams.
func appendOuter(b []byte, outer *ipsec.OuterHeader, run [][]byte) []byte {
	if outer != nil {
		b = appendTOS(b, outer.TOS)
	}
	if len(run) > 1 {
		b = appendSegment(b, len(run[0]))
	}
	return b
}

// sendBox sends the runs in an outbox and appends what went wrong to errs.
func (s *UDPSocket) sendBox(out *outbox, df int, outer *ipsec.OuterHeader, errs []error) []error {
	err := s.send(df, out, func(at int, err error) {
		pieces := out.pieces(at)
		if len(pieces) == 1 {
			errs = append(errs, err)
			return
		}
		// Some devices cannot checksum segments (EIO), some paths are narrower
		// than a segment (EINVAL, EMSGSIZE): alone each datagram may pass.
		if errors.Is(err, unix.EIO) {
			s.segmented.Store(false)
		}
		errs = s.sendAlone(out.name, pieces, outer, errs)
	})
	if err != nil {
		errs = append(errs, err)
	}
	return errs
}

// sendAlone sends the pieces of what was refused one by one.
func (s *UDPSocket) sendAlone(name unix.RawSockaddrInet4, pieces []unix.Iovec, outer *ipsec.OuterHeader, errs []error) []error {
	out := newOutbox(len(pieces))
	out.name = name
	for _, v := range pieces {
		alone := [1][]byte{unsafe.Slice(v.Base, v.Len)}
		out.add(alone[:], func(b []byte) []byte { return appendOuter(b, outer, alone[:]) })
	}
	out.sendEach(s.socket, func(_ int, err error) { errs = append(errs, err) })
	return errs
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

// Receive calls handle for the datagrams as they come, those that came as one
// together, until the socket is closed. tos is that octet of their IP headers.
// They are valid during the call only,
// which may change them. Errors of single datagrams, such as an ICMP answer to
// one that was sent, are passed over.
func (s *UDPSocket) Receive(handle func(from netip.AddrPort, tos uint8, datagrams [][]byte)) error {
	in := newInbox(receiveBatch)
	var datagrams [][]byte
	failures := 0
	for {
		n, err := s.receive(in)
		if err != nil {
			if failures++; errors.Is(err, net.ErrClosed) || failures > maxFailures {
				return err
			}
			continue
		}
		failures = 0
		for i := range n {
			size, tos := readControl(in.oob(i))
			datagrams = split(datagrams[:0], in.packet(i), size)
			handle(in.from(i), tos, datagrams)
		}
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
