package trace

import (
	"encoding/binary"
	"time"
)

// A chain is encoded events, oldest first.
//
// An event is: the length of the rest (uvarint), the code, a mask of what
// differs in time and context from the event before, those parts, and the
// event's fields.

// link is one event of a chain.
type link struct {
	stamp
	code   Code
	fields []byte // aliases the chain
	size   int    // octets in the chain
}

// encodeStamp begins an event's body in f, the one after another.
func encodeStamp(f *Fields, after, now *stamp, code Code) {
	f.mode, f.buf = encodeFields, append(f.buf[:0], byte(code), 0)
	f.buf[1] = appendStamp(f, after, now)
}

// linkSize is how much a body takes with its length before it.
func linkSize(body []byte) int {
	var length [binary.MaxVarintLen16]byte
	return binary.PutUvarint(length[:], uint64(len(body))) + len(body)
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

// decodeChain appends the events of a chain, the first of which comes after a stamp.
func decodeChain(records []Record, now stamp, b []byte) []Record {
	for len(b) > 0 {
		l := now.first(b)
		b = b[l.size:]
		f := Fields{mode: decodeFields, in: l.fields}
		event := l.code.New()
		event.Fields(&f)
		records = append(records, Record{Time: time.Unix(0, l.nanos).UTC(), Context: l.Context, Event: event})
	}
	return records
}
