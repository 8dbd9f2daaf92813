package dataplane

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// fragmentation is a socket's choice between DF and fragments. The kernel has
// it for a socket, not for a packet: those who want the same send at the same
// time, others take turns.
type fragmentation struct {
	mu   sync.RWMutex
	mode int // IP_MTU_DISCOVER
}

// Modes of fragmentation.
const (
	// dfWhereItFits sets DF where the packet fits the path as the kernel knows
	// it, and fragments larger ones: for IKE.
	dfWhereItFits = unix.IP_PMTUDISC_WANT
	// dfAlways refuses what does not fit the path with EMSGSIZE. That is how the
	// user-space data plane learns what ICMP has told the kernel.
	dfAlways = unix.IP_PMTUDISC_DO
	dfNever  = unix.IP_PMTUDISC_DONT
)

func espDF(df bool) int {
	if df {
		return dfAlways
	}
	return dfNever
}

// set is for one who has the socket to himself.
func (f *fragmentation) set(fd, mode int) error {
	f.mode = mode
	return os.NewSyscallError("IP_MTU_DISCOVER", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode))
}

// hold keeps the socket in a mode until release is called with what it returns.
func (f *fragmentation) hold(s *socket, mode int) (alone bool, err error) {
	f.mu.RLock()
	if f.mode == mode {
		return false, nil
	}
	f.mu.RUnlock()
	f.mu.Lock()
	if f.mode == mode {
		return true, nil
	}
	if err := f.change(s, mode); err != nil {
		f.mu.Unlock()
		return false, err
	}
	return true, nil
}

func (f *fragmentation) change(s *socket, mode int) error {
	var err error
	if e := s.control(func(fd uintptr) { err = f.set(int(fd), mode) }); e != nil {
		err = e
	}
	if err != nil {
		f.mode = -1
	}
	return err
}

func (f *fragmentation) release(alone bool) {
	if alone {
		f.mu.Unlock()
		return
	}
	f.mu.RUnlock()
}
