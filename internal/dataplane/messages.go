package dataplane

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is the kernel's struct of that name.
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// controlRoom holds the control messages of one packet.
const controlRoom = 96

// inbox is memory for the packets that one system call receives.
type inbox struct {
	headers []mmsghdr
	vectors []unix.Iovec
	names   []unix.RawSockaddrInet4
	control [][controlRoom]byte
	rooms   *rooms
	read    func(fd uintptr)
	n       int // packets that the last call received
	errno   unix.Errno
}

// newInbox has room for n packets of any size.
func newInbox(n int) *inbox {
	in := &inbox{headers: make([]mmsghdr, n), vectors: make([]unix.Iovec, n), names: make([]unix.RawSockaddrInet4, n),
		control: make([][controlRoom]byte, n), rooms: newRooms(n, 65535)}
	for i := range in.headers {
		room := in.rooms.all[i]
		in.vectors[i].Base = &room[0]
		in.vectors[i].SetLen(len(room))
		h := &in.headers[i]
		h.Name, h.Control, h.Iov = (*byte)(unsafe.Pointer(&in.names[i])), &in.control[i][0], &in.vectors[i]
		h.SetIovlen(1)
		in.renew(i)
	}
	in.read = in.receive // made once: a method value is an allocation
	return in
}

// renew tells the kernel again how much room there is.
func (in *inbox) renew(i int) {
	in.headers[i].Namelen = unix.SizeofSockaddrInet4
	in.headers[i].SetControllen(controlRoom)
}

// receive waits for a packet and takes those that are there with it.
func (in *inbox) receive(fd uintptr) {
	for i := range in.n {
		in.renew(i)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.headers[0])), uintptr(len(in.headers)),
		unix.MSG_WAITFORONE, 0, 0)
	if in.n, in.errno = int(n), errno; errno != 0 {
		in.n = 0
	}
}

func (in *inbox) result() (int, error) {
	if in.errno != 0 {
		return 0, in.errno
	}
	return in.n, nil
}

func (in *inbox) packet(i int) []byte { return in.rooms.all[i][:in.headers[i].n] }

func (in *inbox) from(i int) netip.AddrPort {
	name := &in.names[i]
	port := (*[2]byte)(unsafe.Pointer(&name.Port))
	return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), binary.BigEndian.Uint16(port[:]))
}

func (in *inbox) oob(i int) []byte {
	return in.control[i][:min(controlRoom, int(in.headers[i].Controllen))]
}

// outbox is memory for the packets that one system call sends to one peer. A
// packet may be many that the kernel or the card cuts.
type outbox struct {
	headers []mmsghdr
	vectors []unix.Iovec
	control [][controlRoom]byte
	name    unix.RawSockaddrInet4
	write   func(fd uintptr)
	at      int
	n       uintptr
	errno   unix.Errno
}

func newOutbox(n int) *outbox {
	out := &outbox{headers: make([]mmsghdr, 0, n), vectors: make([]unix.Iovec, 0, n), control: make([][controlRoom]byte, n)}
	out.write = out.transmit
	return out
}

// reset empties the outbox and addresses it.
func (out *outbox) reset(to netip.AddrPort) {
	clear(out.vectors)
	out.headers, out.vectors = out.headers[:0], out.vectors[:0]
	out.name = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&out.name.Port))[:], to.Port())
}

// room says whether a packet of so many pieces fits.
func (out *outbox) room(pieces int) bool {
	return len(out.headers) < cap(out.headers) && len(out.vectors)+pieces <= cap(out.vectors)
}

// add adds a packet that is made of pieces. control appends its control
// messages.
func (out *outbox) add(pieces [][]byte, control func([]byte) []byte) {
	first := len(out.vectors)
	for _, p := range pieces {
		v := unix.Iovec{Base: unsafe.SliceData(p)}
		v.SetLen(len(p))
		out.vectors = append(out.vectors, v)
	}
	i := len(out.headers)
	h := mmsghdr{}
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&out.name)), unix.SizeofSockaddrInet4
	h.Iov = &out.vectors[first]
	h.SetIovlen(len(pieces))
	if oob := control(out.control[i][:0]); len(oob) > 0 {
		h.Control = &out.control[i][0]
		h.SetControllen(len(oob))
	}
	out.headers = append(out.headers, h)
}

// send sends the packets from one on, as many as the kernel takes.
func (out *outbox) send(s *socket, at int) (int, error) {
	out.at = at
	if err := s.control(out.write); err != nil {
		return 0, err
	}
	if out.errno != 0 {
		return 0, out.errno
	}
	return int(out.n), nil
}

// sendEach sends all packets, in order and past those that the kernel refuses, which
// it tells of.
func (out *outbox) sendEach(s *socket, refused func(at int, err error)) {
	for at := 0; at < len(out.headers); {
		n, err := out.send(s, at)
		if err != nil || n <= 0 {
			refused(at, err)
			n = 1
		}
		at += n
	}
}

func (out *outbox) transmit(fd uintptr) {
	headers := out.headers[out.at:]
	out.n, _, out.errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), 0, 0, 0)
}

// pieces are what a packet is made of.
func (out *outbox) pieces(at int) []unix.Iovec {
	return unsafe.Slice(out.headers[at].Iov, out.headers[at].Iovlen)
}

// appendControl appends a control message.
func appendControl(b []byte, level, kind int32, data ...byte) []byte {
	at := len(b)
	b = b[:at+unix.CmsgSpace(len(data))]
	clear(b[at:])
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[at]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[at+unix.CmsgLen(0):], data)
	return b
}

// appendTOS sets a packet's TOS octet.
func appendTOS(b []byte, tos uint8) []byte {
	return appendControl(b, unix.IPPROTO_IP, unix.IP_TOS, tos)
}

// appendSegment has the packet cut into datagrams of size octets.
func appendSegment(b []byte, size int) []byte {
	var data [2]byte
	binary.NativeEndian.PutUint16(data[:], uint16(size))
	return appendControl(b, unix.IPPROTO_UDP, unix.UDP_SEGMENT, data[:]...)
}

// appendSource sets the address that a packet comes from.
func appendSource(b []byte, local netip.Addr) []byte {
	var data [unix.SizeofInet4Pktinfo]byte
	(*unix.Inet4Pktinfo)(unsafe.Pointer(&data)).Spec_dst = local.As4()
	return appendControl(b, unix.IPPROTO_IP, unix.IP_PKTINFO, data[:]...)
}

// readControl reads the size of UDP_GRO's segments, 0 without any, and the TOS
// octet.
func readControl(oob []byte) (size int, tos uint8) {
	for len(oob) >= unix.CmsgLen(0) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		end := int(h.Len)
		if end < unix.CmsgLen(0) || end > len(oob) {
			return size, tos
		}
		data := oob[unix.CmsgLen(0):end]
		switch {
		case h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4:
			size = int(binary.NativeEndian.Uint32(data))
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TOS && len(data) >= 1:
			tos = data[0]
		}
		oob = oob[min(len(oob), unix.CmsgSpace(len(data))):]
	}
	return size, tos
}
