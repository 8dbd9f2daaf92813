package trace

// cellOctets is what a cell holds: with the number of the next one 64 octets.
const cellOctets = 60

// cellsPerChunk is how many are made at a time.
const cellsPerChunk = 256

// cell is a part of a stream.
type cell struct {
	next   uint32 // its number; 0 for none
	octets [cellOctets]byte
}

// cells is memory of streams. Histories grow and shrink all the time, and live long:
// as slices of their own they would leave gaps among what lives for a message only.
type cells struct {
	chunks []*[cellsPerChunk]cell
	free   uint32 // the first of the cells that no stream has
}

// stream is octets in cells: they are added at its end, and dropped at both. The zero
// value is empty.
type stream struct {
	first, last uint32 // cells, counted from 1
	size        uint32 // in octets
	from        uint8  // where the first octet is in the first cell
}

func (c *cells) at(n uint32) *cell {
	n--
	return &c.chunks[n/cellsPerChunk][n%cellsPerChunk]
}

// take returns an unused cell.
func (c *cells) take() uint32 {
	if c.free == 0 {
		c.chunks = append(c.chunks, new([cellsPerChunk]cell))
		for n := uint32(len(c.chunks) * cellsPerChunk); n > uint32((len(c.chunks)-1)*cellsPerChunk); n-- {
			c.give(n)
		}
	}
	n := c.free
	c.free, c.at(n).next = c.at(n).next, 0
	return n
}

func (c *cells) give(n uint32) { c.at(n).next, c.free = c.free, n }

// used is how much of the last cell is filled.
func (s *stream) used() uint32 {
	if s.size == 0 {
		return 0
	}
	return (uint32(s.from)+s.size-1)%cellOctets + 1
}

func (c *cells) append(s *stream, b []byte) {
	for len(b) > 0 {
		used := s.used()
		if s.last == 0 {
			s.first = c.take()
			s.last = s.first
		} else if used == cellOctets {
			n := c.take()
			c.at(s.last).next, s.last, used = n, n, 0
		}
		n := copy(c.at(s.last).octets[used:], b)
		s.size += uint32(n)
		b = b[n:]
	}
}

// read appends n octets of a stream to b, from the offset off on.
func (c *cells) read(b []byte, s *stream, off, n uint32) []byte {
	at, off := s.first, off+uint32(s.from)
	for ; off >= cellOctets; off -= cellOctets {
		at = c.at(at).next
	}
	for n > 0 {
		part := c.at(at).octets[off:min(off+n, cellOctets)]
		b = append(b, part...)
		n -= uint32(len(part))
		at, off = c.at(at).next, 0
	}
	return b
}

// drop removes the first n octets.
func (c *cells) drop(s *stream, n uint32) {
	if n == s.size {
		c.clear(s)
		return
	}
	off := uint32(s.from) + n
	for ; off >= cellOctets; off -= cellOctets {
		next := c.at(s.first).next
		c.give(s.first)
		s.first = next
	}
	s.from, s.size = uint8(off), s.size-n
}

// cut removes all but the first n octets.
func (c *cells) cut(s *stream, n uint32) {
	if n == 0 {
		c.clear(s)
		return
	}
	s.last, s.size = s.first, n
	for end := uint32(s.from) + n; end > cellOctets; end -= cellOctets {
		s.last = c.at(s.last).next
	}
	c.giveFrom(c.at(s.last).next)
	c.at(s.last).next = 0
}

func (c *cells) clear(s *stream) {
	c.giveFrom(s.first)
	*s = stream{}
}

// giveFrom gives back a cell and those behind it.
func (c *cells) giveFrom(n uint32) {
	for n != 0 {
		next := c.at(n).next
		c.give(n)
		n = next
	}
}
