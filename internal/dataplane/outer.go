package dataplane

import (
	"fmt"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fragmentation is a socket's choice between DF and fragments. The kernel has
// it for a socket, not for a packet, so those who send take turns.
type fragmentation struct {
	mu   sync.Mutex
	raw  syscall.RawConn
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

func newFragmentation(conn syscall.Conn) (*fragmentation, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	f := &fragmentation{raw: raw, mode: -1}
	return f, f.with(dfWhereItFits, func() {})
}

// with runs send while the socket is in a mode.
func (f *fragmentation) with(mode int, send func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if mode != f.mode {
		var err error
		if e := f.raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode)
		}); e != nil {
			return e
		}
		if err != nil {
			return fmt.Errorf("IP_MTU_DISCOVER: %w", err)
		}
		f.mode = mode
	}
	send()
	return nil
}

// tosControl is the control message that sets a packet's TOS octet.
func tosControl(tos uint8) []byte {
	b := make([]byte, unix.CmsgSpace(1))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_TOS
	h.SetLen(unix.CmsgLen(1))
	b[unix.CmsgLen(0)] = tos
	return b
}
