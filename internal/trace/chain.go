package trace

import (
	"encoding/binary"
	"time"
)

// chain is encoded events, oldest first.
//
// An event is: the length of the rest (uvarint), the code, a mask of what
// differs in time and context from the event before, those parts, and the
// event's fields. The times and contexts before the first and of the last
// event stand aside, so that the first can be dropped.
type chain struct {
	buf        []byte
	base, last stamp
}

// link is one event of a chain.
type link struct {
	stamp
	code   Code
	fields []byte // aliases the chain
	size   int    // octets in the chain
}

// encode encodes an event at a time into f, as the next one of c.
func (c *chain) encode(f *Fields, now *stamp, code Code) {
	f.mode, f.buf = encodeFields, append(f.buf[:0], byte(code), 0)
	f.buf[1] = appendStamp(f, &c.last, now)
}

// size is how much a body takes with its length before it.
func (c *chain) size(body []byte) int {
	var length [binary.MaxVarintLen16]byte
	return binary.PutUvarint(length[:], uint64(len(body))) + len(body)
}

// add appends what encode and the event's fields made. There is room.
func (c *chain) add(body []byte, now *stamp) {
	c.buf = append(binary.AppendUvarint(c.buf, uint64(len(body))), body...)
	c.last = *now
}

// first reads the event at the start of b, which comes after s, and moves s to
// it.
func (s *stamp) first(b []byte) link {
	length, prefix := binary.Uvarint(b)
	end := prefix + int(length)
	f := Fields{mode: decodeFields, in: b[prefix+1 : end]}
	readStamp(&f, s)
	return link{stamp: *s, code: Code(b[prefix]), fields: f.in, size: end}
}

// drop removes the first n octets, whose events base has been moved over.
func (c *chain) drop(n int) {
	c.buf = c.buf[:copy(c.buf, c.buf[n:])]
	if len(c.buf) == 0 {
		c.base = c.last
	}
}

func (c *chain) decode(records []Record) []Record {
	now := c.base
	for b := c.buf; len(b) > 0; {
		l := now.first(b)
		b = b[l.size:]
		f := Fields{mode: decodeFields, in: l.fields}
		event := l.code.New()
		event.Fields(&f)
		records = append(records, Record{Time: time.Unix(0, l.nanos).UTC(), Context: l.Context, Event: event})
	}
	return records
}
