//go:build guest

package guest

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echo is requests for an echo from a namespace, one after the other.
type echo struct {
	to, from string // addresses; without from the host chooses
	count    int
	size     int // octets behind the header; 0 is what ping sends
	// wait is how long an answer is waited for; 0 is as long as it may take, and without an
	// answer it is the last request.
	wait time.Duration
}

// unanswered is how long an answer is waited for that is not to come, or is asked for anew.
const unanswered = 300 * time.Millisecond

const (
	echoHeader  = 8
	echoRequest = 8
	echoReply   = 0
)

// echo sends them and returns how many were answered.
func (l *lab) echo(t *testing.T, role string, e echo) (answered int) {
	t.Helper()
	patient := e.wait == 0
	if patient {
		e.wait = patience / 2
	}
	if e.size == 0 {
		e.size = 56
	}
	err := l.within(role, func() (err error) {
		answered, err = e.send(patient)
		return err
	})
	if err != nil {
		t.Fatalf("echo in %s: %v", role, err)
	}
	return answered
}

func (e echo) send(patient bool) (answered int, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if e.from != "" {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(e.from).As4()}); err != nil {
			return 0, err
		}
	}
	id := uint16(rand.Uint32())
	for n := range e.count {
		err := unix.Sendto(fd, request(id, uint16(n), e.size), 0, &unix.SockaddrInet4{Addr: netip.MustParseAddr(e.to).As4()})
		if err != nil && !isLoss(err) {
			return answered, err
		}
		came, err := e.answer(fd, id, uint16(n))
		if err != nil {
			return answered, err
		}
		if came {
			answered++
		} else if patient {
			break
		}
	}
	return answered, nil
}

// isLoss says that the kernel has dropped the packet.
func isLoss(err error) bool {
	for _, is := range []error{unix.EAGAIN, unix.EPERM, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EREMOTE, unix.EINVAL} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

func request(id, n uint16, size int) []byte {
	b := make([]byte, echoHeader+size)
	b[0] = echoRequest
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], n)
	sum := uint32(echoRequest)<<8 + uint32(id) + uint32(n)
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum+sum>>16))
	return b
}

// answer waits for the one that belongs to a request.
func (e echo) answer(fd int, id, n uint16) (bool, error) {
	b := make([]byte, 65535)
	for end := time.Now().Add(e.wait); ; {
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		limit := unix.NsecToTimeval(left.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
			return false, err
		}
		size, _, err := unix.Recvfrom(fd, b, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, err
		}
		if at := int(b[0]&15) * 4; size == at+echoHeader+e.size && b[at] == echoReply && binary.BigEndian.Uint16(b[at+4:]) == id && binary.BigEndian.Uint16(b[at+6:]) == n {
			return true, nil
		}
	}
}

// wantEchoes wants so many of them answered.
func (l *lab) wantEchoes(t *testing.T, role string, e echo, want int) {
	t.Helper()
	if want == 0 {
		e.wait = unanswered
	}
	if got := l.echo(t, role, e); got != want {
		t.Errorf("%s has had %d of %d requests to %s answered, want %d", role, got, e.count, e.to, want)
	}
}

// connect asks until an answer comes: the kernel drops the very first packets, and
// asks for an SA.
func (l *lab) connect(t *testing.T, role, to string) {
	t.Helper()
	eventually(t, "an echo from "+to+" to "+role, func() bool {
		return l.echo(t, role, echo{to: to, count: 1, wait: unanswered}) == 1
	})
}
