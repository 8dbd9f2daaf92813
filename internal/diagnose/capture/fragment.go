package capture

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

// Bounds of what is kept of fragments. An IKE message has some kilobytes.
const (
	maxPartials   = 64
	maxPieces     = 48
	maxReassembly = 65535
	partialLife   = 30 * time.Second // RFC 8200 gives 60, Linux 30
)

// partialKey names a datagram in pieces.
type partialKey struct {
	src, dst netip.Addr
	id       uint32
}

// piece is a fragment.
type piece struct {
	from int
	data []byte
}

// partial is a UDP datagram of which pieces have come.
type partial struct {
	key    partialKey
	first  place // of the first piece that was seen
	pieces []piece
	length int  // 0 until the last fragment has come
	ports  bool // the first fragment has come, with the ports
	cut    bool
	loud   bool // it is too odd to be kept
}

// place is where in the file something is.
type place struct {
	number uint64
	time   time.Time
}

// fragments puts UDP datagrams together.
type fragments struct {
	list  []*partial // the oldest first
	later uint64     // how many fragments behind a first one were seen, of any datagram
}

// add takes a fragment of UDP. It returns the datagram when it is whole, and
// what was given up to make room or for its age.
func (f *fragments) add(d *datagram, at place) (whole *partial, lost []*partial) {
	if d.offset > 0 {
		f.later++
	}
	lost = f.expire(at.time)
	key := partialKey{d.src, d.dst, d.id}
	i := slices.IndexFunc(f.list, func(p *partial) bool { return p.key == key })
	if i < 0 {
		if len(f.list) == maxPartials {
			lost = append(lost, f.list[0])
			f.list = slices.Delete(f.list, 0, 1)
		}
		i = len(f.list)
		f.list = append(f.list, &partial{key: key, first: at})
	}
	p := f.list[i]
	p.take(d)
	if !p.complete() {
		return nil, lost
	}
	f.list = slices.Delete(f.list, i, i+1)
	return p, lost
}

// expire gives up what is too old.
func (f *fragments) expire(now time.Time) (lost []*partial) {
	for len(f.list) > 0 && now.Sub(f.list[0].first.time) > partialLife {
		lost = append(lost, f.list[0])
		f.list = slices.Delete(f.list, 0, 1)
	}
	return lost
}

// rest gives up everything, at the end of the file.
func (f *fragments) rest() []*partial {
	lost := f.list
	f.list = nil
	return lost
}

func (p *partial) take(d *datagram) {
	end := d.offset + len(d.payload)
	if end > maxReassembly || len(p.pieces) == maxPieces {
		p.loud = true
		return
	}
	if d.offset == 0 {
		var head udp
		p.ports = parseUDP(d.payload, true, &head)
	}
	if !d.more {
		p.length = end
	}
	p.cut = p.cut || d.cut
	p.pieces = append(p.pieces, piece{d.offset, bytes.Clone(d.payload)})
}

// whole is the datagram, of which no piece is missing.
func (p *partial) whole() []byte {
	all := make([]byte, p.length)
	for _, x := range p.pieces {
		if x.from < p.length {
			copy(all[x.from:], x.data)
		}
	}
	return all
}

// complete says whether there is no hole.
func (p *partial) complete() bool {
	if p.loud || p.length == 0 || !p.ports {
		return false
	}
	slices.SortFunc(p.pieces, func(a, b piece) int { return a.from - b.from })
	end := 0
	for _, x := range p.pieces {
		if x.from > end {
			return false
		}
		end = max(end, x.from+len(x.data))
	}
	return end >= p.length
}
