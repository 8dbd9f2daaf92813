package dataplane

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketBuffer, in octets, absorbs what comes while the processors are another's: some
// 40,000 small packets, which is most of a second of a flood of 50,000 a second. The
// kernel takes the memory only as packets wait.
const socketBuffer = 16 << 20

// socket is an IPv4 socket whose readers wait in the kernel. Go's poller would
// wake a thread of its own for every burst, and that one another, which costs
// more than to receive the burst.
type socket struct {
	file   *os.File // counts who uses the descriptor
	raw    syscall.RawConn
	local  netip.AddrPort
	closed atomic.Bool
	df     fragmentation
}

// openSocket opens a socket in the calling thread's network namespace.
func openSocket(kind, protocol int, local netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{file: os.NewFile(uintptr(fd), "socket"), local: local}
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = s.prepare(fd, local)
	}
	if err != nil {
		return nil, errors.Join(err, s.file.Close())
	}
	return s, nil
}

func (s *socket) prepare(fd int, local netip.AddrPort) error {
	if err := setOptions(fd); err != nil {
		return err
	}
	if err := s.df.set(fd, dfWhereItFits); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	if b, ok := bound.(*unix.SockaddrInet4); ok {
		s.local = netip.AddrPortFrom(netip.AddrFrom4(b.Addr), uint16(b.Port))
	}
	return nil
}

// setOptions sets what all of the gateway's sockets share: the mark that keeps
// their packets out of the TUN device, and large buffers as far as the process
// may have them.
func setOptions(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, Mark); err != nil {
		return os.NewSyscallError("SO_MARK", err)
	}
	for _, o := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], socketBuffer) == nil {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], socketBuffer); err != nil {
			return os.NewSyscallError("socket buffer", err)
		}
	}
	return nil
}

// control runs f with the descriptor, which stays valid as long as it runs.
func (s *socket) control(f func(fd uintptr)) error {
	if err := s.raw.Control(f); err != nil {
		return net.ErrClosed
	}
	return nil
}

// receive waits for packets and returns how many are in the inbox; net.ErrClosed
// once the socket is closed.
func (s *socket) receive(in *inbox) (int, error) {
	if err := s.control(in.read); err != nil {
		return 0, err
	}
	if s.closed.Load() {
		return 0, net.ErrClosed
	}
	return in.result()
}

// send sends what is in the outbox, in order, with one choice of DF. It goes on
// behind a packet that the kernel refuses, and tells of it.
func (s *socket) send(mode int, out *outbox, refused func(at int, err error)) error {
	alone, err := s.df.hold(s, mode)
	if err != nil {
		return err
	}
	defer s.df.release(alone)
	out.sendEach(s, refused)
	return nil
}

// Close wakes who waits in receive.
func (s *socket) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	// The error says that there is no connection, which is so; readers wake all
	// the same.
	_ = s.control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RD) })
	return s.file.Close()
}
