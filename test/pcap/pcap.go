// Package pcap writes captures for tests: pcap and pcapng, of whatever link type,
// packet by packet. It knows none of this module's packages, so that what reads
// captures is tested against what was written without it.
package pcap

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Link types.
const (
	Null     = 0
	Ethernet = 1
	Raw      = 101
	SLL      = 113
	SLL2     = 276
)

// order is a byte order, to read by and to write by.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// File is a capture that grows.
type File struct {
	bytes.Buffer
	order   order
	ng      bool
	snaplen int // 0 for no limit
}

// New begins a pcap of a link type. A snaplen cuts what is longer.
func New(link uint32, snaplen int) *File {
	f := &File{order: binary.LittleEndian, snaplen: snaplen}
	limit := uint32(snaplen)
	if limit == 0 {
		limit = 262144
	}
	f.put32(0xa1b2c3d4)
	f.put16(2, 4)
	f.put32(0, 0, limit, link)
	return f
}

// NewNG begins a pcapng with an interface for each link type. Times are in
// nanoseconds.
func NewNG(o order, links ...uint32) *File {
	f := &File{order: o, ng: true}
	f.Block(0x0a0d0d0a, f.fields(uint32(0x1a2b3c4d), uint16(1), uint16(0), uint64(1<<64-1)))
	for _, l := range links {
		resolution := f.fields(uint16(9), uint16(1), []byte{9, 0, 0, 0}, uint16(0), uint16(0))
		f.Block(1, append(f.fields(uint16(l), uint16(0), uint32(0)), resolution...))
	}
	return f
}

// Packet writes a packet of the first interface.
func (f *File) Packet(at time.Time, data []byte) { f.On(0, at, data) }

// On writes a packet of an interface.
func (f *File) On(iface uint32, at time.Time, data []byte) {
	whole := len(data)
	if f.snaplen > 0 && whole > f.snaplen {
		data = data[:f.snaplen]
	}
	if !f.ng {
		f.put32(uint32(at.Unix()), uint32(at.Nanosecond()/1000), uint32(len(data)), uint32(whole))
		f.Write(data)
		return
	}
	stamp := uint64(at.UnixNano())
	f.Block(6, append(f.fields(iface, uint32(stamp>>32), uint32(stamp), uint32(len(data)), uint32(whole)), data...))
}

// Block writes a block of pcapng.
func (f *File) Block(kind uint32, body []byte) {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	f.put32(kind, uint32(len(body)+12))
	f.Write(body)
	f.put32(uint32(len(body) + 12))
}

func (f *File) fields(all ...any) []byte {
	var b bytes.Buffer
	for _, v := range all {
		if err := binary.Write(&b, f.order, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

func (f *File) put32(all ...uint32) {
	for _, v := range all {
		f.Write(f.order.AppendUint32(nil, v))
	}
}

func (f *File) put16(all ...uint16) {
	for _, v := range all {
		f.Write(f.order.AppendUint16(nil, v))
	}
}
