package flood

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kind is what a flood is made of.
type Kind string

// Kinds.
const (
	// FirstMessages are first messages of main mode (seven of ten) and aggressive mode.
	FirstMessages Kind = "first-messages"
	// Marked are the same to port 4500, behind the non-ESP marker (RFC 3948 section 2.2).
	Marked Kind = "port-4500"
	// MadeUpCookies are later messages of every exchange, to either port, whose cookies
	// are of no SA.
	MadeUpCookies Kind = "made-up-cookies"
	// UnknownSPIs are ESP packets of no SA, every other one in UDP.
	UnknownSPIs Kind = "unknown-spis"
	// Fragments are those of IKE messages, of which the rest does not come: of first
	// messages, and every other one under cookies of no SA.
	Fragments Kind = "fragments"
)

// Kinds are all.
var Kinds = []Kind{FirstMessages, Marked, MadeUpCookies, UnknownSPIs, Fragments}

// Flood is what to send.
type Flood struct {
	Kind   Kind
	Device string // the interface by which frames leave
	To     netip.Addr
	MAC    net.HardwareAddr // of the next hop
	Rate   int              // datagrams a second
	Length time.Duration
	// Sources are the addresses that they claim to come from.
	Sources netip.Prefix
	// Peer is one that one of 16 claims to come from, where it is valid.
	Peer netip.Addr
}

// Bounds, whatever is asked for.
const (
	maxRate   = 200_000
	maxLength = time.Minute
	batch     = 64
)

// Sent is what was sent.
type Sent struct {
	Datagrams, Octets int
	Took              time.Duration
}

// mmsghdr is the kernel's struct of that name.
type mmsghdr struct {
	unix.Msghdr
	n uint32
	_ [4]byte
}

// Send sends until the time is over. It needs CAP_NET_RAW.
func (f Flood) Send() (Sent, error) {
	if f.Rate < 1 || f.Rate > maxRate || f.Length > maxLength {
		return Sent{}, fmt.Errorf("%d a second for %v are beyond the bounds", f.Rate, f.Length)
	}
	i, err := net.InterfaceByName(f.Device)
	if err != nil {
		return Sent{}, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Sent{}, err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0, Ifindex: i.Index}); err != nil {
		return Sent{}, err
	}
	frames := f.frames(i.HardwareAddr)
	if frames == nil {
		return Sent{}, fmt.Errorf("no kind of flood is %q", f.Kind)
	}
	vectors, headers := make([]unix.Iovec, batch), make([]mmsghdr, batch)
	var sent Sent
	begin := time.Now()
	for number := uint64(1); ; {
		elapsed := time.Since(begin)
		if elapsed >= f.Length {
			sent.Took = elapsed
			return sent, nil
		}
		due := int(float64(f.Rate) * elapsed.Seconds())
		if due-sent.Datagrams < batch {
			time.Sleep(time.Duration(batch) * time.Second / time.Duration(f.Rate) / 2)
			continue
		}
		for j := range headers {
			f.renumber(&frames[j], number)
			number++
			vectors[j].Base = &frames[j].octets[0]
			vectors[j].SetLen(len(frames[j].octets))
			headers[j].Iov = &vectors[j]
			headers[j].SetIovlen(1)
		}
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&headers[0])), batch, 0, 0, 0)
		if errno != 0 && errno != unix.ENOBUFS {
			return sent, errno
		}
		for j := range int(n) {
			sent.Datagrams++
			sent.Octets += len(frames[j].octets)
		}
	}
}

// frames are a batch of frames that lack what renumber gives them.
func (f Flood) frames(from net.HardwareAddr) []frame {
	contents := contentsOf(f.Kind)
	if len(contents) == 0 {
		return nil
	}
	frames := make([]frame, batch)
	for j := range frames {
		frames[j] = contents[j%len(contents)].frame(from, f.MAC, f.To)
		frames[j].fixed = f.Peer.IsValid() && j%16 == 0
		if frames[j].fixed {
			source := f.Peer.As4()
			copy(frames[j].octets[ipHeader+12:], source[:])
		}
	}
	return frames
}

// renumber gives a frame a source, and cookies or an SPI, of its own.
func (f Flood) renumber(x *frame, number uint64) {
	mixed := number * 0x9e3779b97f4a7c15
	if !x.fixed {
		host := uint32(number*2654435761) & (1<<(32-f.Sources.Bits()) - 1)
		source := f.Sources.Addr().As4()
		binary.BigEndian.PutUint32(x.octets[ipHeader+12:], binary.BigEndian.Uint32(source[:])|host)
	}
	switch x.numbered {
	case spiOnly:
		binary.BigEndian.PutUint32(x.octets[x.at:], uint32(mixed>>32)|1<<31)
	case bothCookies:
		binary.BigEndian.PutUint64(x.octets[x.at+8:], mixed|1)
		fallthrough
	case firstCookie:
		binary.BigEndian.PutUint64(x.octets[x.at:], number<<8|0xa5)
	}
	checksum(x.octets[ipHeader : ipHeader+20])
}
