package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"time"
)

// pcapFile reads the format of libpcap (draft-ietf-opsawg-pcap).
type pcapFile struct {
	in     *bufio.Reader
	order  binary.ByteOrder
	nano   bool
	link   uint32
	number uint64
	used   int // octets of the record that was given out last
}

const (
	pcapHeaderLen = 24
	pcapRecordLen = 16

	pcapMicro = 0xa1b2c3d4
	pcapNano  = 0xa1b23c4d
)

// pcapOrder reads the byte order off the magic number.
func pcapOrder(head []byte) (binary.ByteOrder, bool) {
	if len(head) < 4 {
		return nil, false
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if m := o.Uint32(head); m == pcapMicro || m == pcapNano {
			return o, true
		}
	}
	return nil, false
}

func openPcap(in *bufio.Reader, order binary.ByteOrder) (*pcapFile, error) {
	h, err := in.Peek(pcapHeaderLen)
	if err != nil {
		return nil, ended(err, 0, true)
	}
	if major := order.Uint16(h[4:]); major != 2 {
		return nil, &DamageError{What: fmt.Sprintf("it is pcap of version %d, and only version 2 is known", major)}
	}
	return &pcapFile{in: in, order: order, nano: order.Uint32(h) == pcapNano, link: order.Uint32(h[20:]) & 0xffff, used: pcapHeaderLen}, nil
}

func (p *pcapFile) next(f *frame) error {
	if _, err := p.in.Discard(p.used); err != nil {
		return ended(err, p.number, true)
	}
	p.used = 0
	h, err := p.in.Peek(pcapRecordLen)
	if err != nil {
		return ended(err, p.number, len(h) > 0)
	}
	seconds, fraction := int64(p.order.Uint32(h)), int64(p.order.Uint32(h[4:]))
	captured, length := p.order.Uint32(h[8:]), p.order.Uint32(h[12:])
	if captured > maxRecord {
		return &DamageError{p.number, fmt.Sprintf("the next record says that it has %d octets, which no packet has", captured)}
	}
	if !p.nano {
		fraction *= 1000
	}
	whole, err := p.in.Peek(pcapRecordLen + int(captured))
	if err != nil {
		return ended(err, p.number, true)
	}
	p.number++
	p.used = len(whole)
	*f = frame{number: p.number, time: time.Unix(seconds, fraction).UTC(), link: p.link, data: whole[pcapRecordLen:], length: wireLen(captured, length)}
	return nil
}

// wireLen is a packet's length on the wire. One that is less than what was
// captured is not believed.
func wireLen(captured, length uint32) int {
	return int(max(captured, min(length, 1<<30)))
}
