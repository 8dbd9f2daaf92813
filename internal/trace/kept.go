package trace

import (
	"bytes"
	"encoding/binary"
)

// kept is events that have outlived the ring, encoded like a chain's, from the
// zero stamp on. It says each thing once, as it was said last.
type kept []byte

// add puts an event behind the others, in the place of one that says the same.
// What exceeds limit falls off at the start.
func (k *kept) add(scratch *Fields, l link, key []byte, limit int) {
	if at := k.said(l.code, key); at >= 0 {
		k.cut(scratch, at)
	}
	for len(*k) > 0 && len(*k)+k.encode(scratch, k.last(), &l) > limit {
		k.cut(scratch, 0)
	}
	need := k.encode(scratch, k.last(), &l)
	if need > limit {
		return
	}
	if cap(*k) < len(*k)+need {
		*k = append(make(kept, 0, growTo(len(*k)+need, limit, 64)), *k...)
	}
	*k = append(binary.AppendUvarint(*k, uint64(len(scratch.buf))), scratch.buf...)
}

// encode makes an event's body, as the next one after a stamp, and says what it
// takes with its length.
func (k *kept) encode(scratch *Fields, after stamp, l *link) int {
	encodeStamp(scratch, &after, &l.stamp, l.code)
	scratch.buf = append(scratch.buf, l.fields...)
	return linkSize(scratch.buf)
}

// last is the stamp of the last event.
func (k *kept) last() (s stamp) {
	for b := []byte(*k); len(b) > 0; {
		b = b[s.first(b).size:]
	}
	return s
}

// said returns where it is said what a key stands for, -1 for nowhere.
func (k *kept) said(code Code, key []byte) int {
	var now stamp
	for at := 0; at < len(*k); {
		l := now.first((*k)[at:])
		if other, _ := worthOf(l.code, l.fields); l.code == code && bytes.Equal(other, key) {
			return at
		}
		at += l.size
	}
	return -1
}

// cut takes the event at an offset out: the one behind it now differs from the
// one before it.
func (k *kept) cut(scratch *Fields, at int) {
	var before stamp
	for from := 0; from < at; {
		from += before.first((*k)[from:]).size
	}
	after := before
	next := at + after.first((*k)[at:]).size
	if next == len(*k) {
		*k = (*k)[:at]
		return
	}
	l := after.first((*k)[next:])
	// Its body is no longer than both were: what differs from one stamp is no
	// more than what differs by way of another.
	k.encode(scratch, before, &l)
	tail := (*k)[next+l.size:]
	b := binary.AppendUvarint((*k)[:at], uint64(len(scratch.buf)))
	*k = append(append(b, scratch.buf...), tail...)
}

func (k kept) decode(records []Record) []Record {
	return decodeChain(records, stamp{}, k)
}

func (k kept) len() (n uint64) {
	var s stamp
	for b := []byte(k); len(b) > 0; n++ {
		b = b[s.first(b).size:]
	}
	return n
}
