package trace

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// blockOctets is how many octets of events are packed at a time.
const blockOctets = 256

// ring is the last events of a peer, as a chain in blocks. A block that is full is
// packed; behind the last of those comes the one that is open.
//
// A packed block is: the length of what follows (uvarint), and the packed events.
type ring struct {
	stream
	octets uint32 // of all events, before they were packed
	open   uint32 // of the open block's
	// The times and contexts before the first event and of the last.
	base, last stamp
}

// What peers do is alike, so that the events of one resemble those of another: packing
// leaves out what stands among the usual ones.
var usual = s2.MakeDictManual(usualEvents, 0)

// store is what all rings share.
type store struct {
	cells
	block  []byte // reused for every block
	packed []byte // likewise
}

// add appends an event's body.
func (r *ring) add(s *store, body []byte, now *stamp) {
	var length [binary.MaxVarintLen16]byte
	n := binary.PutUvarint(length[:], uint64(len(body)))
	s.append(&r.stream, length[:n])
	s.append(&r.stream, body)
	r.octets += uint32(n + len(body))
	r.open += uint32(n + len(body))
	r.last = *now
}

// seal packs the open block.
func (r *ring) seal(s *store) {
	s.block = s.read(s.block[:0], &r.stream, r.size-r.open, r.open)
	s.packed = usual.Encode(s.packed, s.block)
	s.cut(&r.stream, r.size-r.open)
	var head [binary.MaxVarintLen32]byte
	n := binary.PutUvarint(head[:], uint64(len(s.packed)))
	s.append(&r.stream, head[:n])
	s.append(&r.stream, s.packed)
	r.open = 0
}

// blockAt reads a block and returns how much its events and it take. Its events hold
// until the next call.
func (r *ring) blockAt(s *store, off uint32) (events []byte, size uint32) {
	if off == r.size-r.open {
		s.block = s.read(s.block[:0], &r.stream, off, r.open)
		return s.block, r.open
	}
	s.packed = s.read(s.packed[:0], &r.stream, off, min(r.size-off, binary.MaxVarintLen32))
	length, n := binary.Uvarint(s.packed)
	size = uint32(n + int(length))
	s.packed = s.read(s.packed[:0], &r.stream, off+uint32(n), uint32(length))
	events, err := usual.Decode(s.block, s.packed)
	if err != nil {
		panic(err) // this process has packed it
	}
	s.block = events
	return events, size
}

// dropBlock removes the first block, each of whose events gone is shown.
func (r *ring) dropBlock(s *store, gone func(link)) {
	events, size := r.blockAt(s, 0)
	if size == r.open && r.size == r.open {
		r.open = 0
	}
	r.octets -= uint32(len(events))
	for b := events; len(b) > 0; {
		l := r.base.first(b)
		b = b[l.size:]
		gone(l)
	}
	s.drop(&r.stream, size)
	if r.size == 0 {
		r.base = r.last
	}
}

func (r *ring) decode(s *store, records []Record) []Record {
	var chain []byte
	for off := uint32(0); off < r.size; {
		events, size := r.blockAt(s, off)
		chain = append(chain, events...)
		off += size
	}
	return decodeChain(records, r.base, chain)
}
