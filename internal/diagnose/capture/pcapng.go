package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// pcapngFile reads the format of Wireshark (draft-ietf-opsawg-pcapng). Blocks that
// say nothing of packets are passed over, whatever their length.
type pcapngFile struct {
	in     *bufio.Reader
	order  binary.ByteOrder
	ifaces []ngInterface
	number uint64
	used   int
	last   time.Time
}

// ngInterface is an interface of a section.
type ngInterface struct {
	link    uint32
	snaplen uint32
	units   uint64 // of time in a second
	offset  int64  // seconds
}

// Block types.
const (
	ngSection   = 0x0a0d0d0a
	ngIface     = 1
	ngOldPacket = 2
	ngSimple    = 3
	ngPacket    = 6

	ngOrder = 0x1a2b3c4d

	// maxInterfaces bounds those of a section.
	maxInterfaces = 1024
	// maxDescription bounds what is read of an interface's description.
	maxDescription = 4096
)

func (p *pcapngFile) next(f *frame) error {
	for {
		if _, err := p.in.Discard(p.used); err != nil {
			return ended(err, p.number, true)
		}
		p.used = 0
		kind, length, err := p.block()
		if err != nil {
			return err
		}
		switch kind {
		case ngIface:
			err = p.iface(length)
		case ngPacket, ngOldPacket, ngSimple:
			found, bad := p.packet(f, kind, length)
			if bad != nil || found {
				return bad
			}
		default:
			p.used = length
		}
		if err != nil {
			return err
		}
	}
}

// block reads a block's head, and takes a section's. Its length is that of the
// whole block.
func (p *pcapngFile) block() (kind uint32, length int, err error) {
	h, err := p.in.Peek(8)
	if err != nil {
		return 0, 0, ended(err, p.number, len(h) > 0)
	}
	if binary.BigEndian.Uint32(h) == ngSection {
		if h, err = p.in.Peek(12); err != nil {
			return 0, 0, ended(err, p.number, true)
		}
		switch {
		case binary.LittleEndian.Uint32(h[8:]) == ngOrder:
			p.order = binary.LittleEndian
		case binary.BigEndian.Uint32(h[8:]) == ngOrder:
			p.order = binary.BigEndian
		default:
			return 0, 0, p.damage("a section without a byte order")
		}
		p.ifaces = p.ifaces[:0]
	}
	if p.order == nil {
		return 0, 0, p.damage("it has no section header")
	}
	kind = p.order.Uint32(h)
	n := p.order.Uint32(h[4:])
	if n < 12 || n%4 != 0 || n > 1<<31-1 {
		return 0, 0, p.damage(fmt.Sprintf("a block says that it has %d octets", n))
	}
	return kind, int(n), nil
}

func (p *pcapngFile) damage(what string) error { return &DamageError{p.number, what} }

// iface takes an interface's description.
func (p *pcapngFile) iface(length int) error {
	if len(p.ifaces) == maxInterfaces {
		return p.damage(fmt.Sprintf("more than %d interfaces", maxInterfaces))
	}
	p.used = length
	b, err := p.in.Peek(min(length, maxDescription))
	if err != nil {
		return ended(err, p.number, true)
	}
	if length < 20 {
		return p.damage("an interface without a link type")
	}
	i := ngInterface{link: uint32(p.order.Uint16(b[8:])), snaplen: p.order.Uint32(b[12:]), units: 1_000_000}
	i.options(p.order, b[16:])
	p.ifaces = append(p.ifaces, i)
	return nil
}

// options reads the two of an interface that say what its times mean.
func (i *ngInterface) options(order binary.ByteOrder, b []byte) {
	for len(b) >= 4 {
		code, n := order.Uint16(b), int(order.Uint16(b[2:]))
		b = b[4:]
		if code == 0 || n > len(b) {
			return
		}
		switch {
		case code == 9 && n == 1:
			i.units = resolution(b[0])
		case code == 14 && n == 8:
			i.offset = int64(order.Uint64(b))
		}
		b = b[min(len(b), (n+3)&^3):]
	}
}

// resolution is the units in a second that an option names: a negative power of
// ten, or with its high bit of two.
func resolution(v byte) uint64 {
	if v&0x80 != 0 {
		return 1 << min(v&0x7f, 62)
	}
	units := uint64(1)
	for range min(v, 18) {
		units *= 10
	}
	return units
}

// packet reads a block with a packet. It is false for one that is too long to be
// a packet, or of an interface that is not described.
func (p *pcapngFile) packet(f *frame, kind uint32, length int) (bool, error) {
	p.used = length
	p.number++
	head := 28
	if kind == ngSimple {
		head = 12
	}
	if length < head+4 {
		return false, p.damage("a packet's block is too short for one")
	}
	if length > bufferLen {
		return false, nil
	}
	b, err := p.in.Peek(length)
	if err != nil {
		return false, ended(err, p.number-1, true)
	}
	if p.order.Uint32(b[length-4:]) != uint32(length) {
		return false, p.damage("the two lengths of a block differ")
	}
	var number, captured, wire uint32
	var stamp uint64
	switch kind {
	case ngSimple:
		wire = p.order.Uint32(b[8:])
		captured = min(wire, uint32(length-16))
		if len(p.ifaces) > 0 && p.ifaces[0].snaplen > 0 {
			captured = min(captured, p.ifaces[0].snaplen)
		}
	case ngOldPacket:
		number = uint32(p.order.Uint16(b[8:]))
	case ngPacket:
		number = p.order.Uint32(b[8:])
	}
	if kind != ngSimple {
		stamp = uint64(p.order.Uint32(b[12:]))<<32 | uint64(p.order.Uint32(b[16:]))
		captured, wire = p.order.Uint32(b[20:]), p.order.Uint32(b[24:])
	}
	if int64(captured) > int64(length-head-4) {
		return false, p.damage(fmt.Sprintf("a packet of %d octets in a block of %d", captured, length))
	}
	if int64(number) >= int64(len(p.ifaces)) {
		return false, nil
	}
	i := &p.ifaces[number]
	if kind != ngSimple {
		p.last = i.time(stamp)
	}
	*f = frame{number: p.number, time: p.last, link: i.link, iface: number, data: b[head : head+int(captured)], length: wireLen(captured, wire)}
	return true, nil
}

// time is a stamp in units since 1970.
func (i *ngInterface) time(stamp uint64) time.Time {
	seconds, rest := stamp/i.units, stamp%i.units
	high, low := bits.Mul64(rest, 1_000_000_000)
	nanos, _ := bits.Div64(high, low, i.units)
	return time.Unix(int64(seconds)+i.offset, int64(nanos)).UTC()
}
