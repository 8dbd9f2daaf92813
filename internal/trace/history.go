package trace

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// history is the encoded events of one peer, oldest first.
//
// An event is: the length of the rest (uvarint), the code, a mask of what
// differs in time and context from the event before, those parts, and the
// event's fields. The times and contexts before the first and of the last
// event stand aside, so that the first can be dropped.
type history struct {
	addr       netip.Addr
	buf        []byte
	base, last stamp
	lost       uint64

	standing   standing
	prev, next *history
}

// stamp is an event's time, in nanoseconds of Unix time (years 1678 to 2262),
// and its context.
type stamp struct {
	nanos int64
	Context
}

// Bits of the mask.
const (
	hasTime uint8 = 1 << iota
	hasLocal
	hasRemote
	hasPeer
	hasSA
	hasConn
	hasRole
	hasState
)

// add encodes rec with f and appends it within limit octets.
func (h *history) add(f *Fields, rec *Record, limit int) {
	now := stamp{rec.Time.UnixNano(), rec.Context}
	f.buf = append(f.buf, byte(rec.Event.Code()), 0)
	f.buf[1] = appendStamp(f, &h.last, &now)
	rec.Event.Fields(f)
	h.last = now
	var length [binary.MaxVarintLen16]byte
	prefix := binary.PutUvarint(length[:], uint64(len(f.buf)))
	h.makeRoom(prefix+len(f.buf), limit)
	h.buf = append(append(h.buf, length[:prefix]...), f.buf...)
}

// makeRoom lets the buffer double up to limit, and drops the oldest events
// from there on, a quarter of the buffer at a time.
func (h *history) makeRoom(need, limit int) {
	if len(h.buf)+need <= cap(h.buf) {
		return
	}
	if size := growTo(len(h.buf)+need, limit); size > 0 {
		h.buf = append(make([]byte, 0, size), h.buf...)
		return
	}
	free := max(need, limit/4)
	from := 0
	for limit-(len(h.buf)-from) < free && from < len(h.buf) {
		from += h.dropFirst(h.buf[from:])
	}
	h.buf = h.buf[:copy(h.buf, h.buf[from:])]
}

// growTo is the capacity to grow to, 0 if need does not fit into limit.
func growTo(need, limit int) int {
	if need > limit {
		return 0
	}
	size := 256
	for size < need {
		size *= 2
	}
	return min(size, limit)
}

// dropFirst moves the base over the event at the start of b and returns its
// length with its prefix.
func (h *history) dropFirst(b []byte) int {
	length, prefix := binary.Uvarint(b)
	f := Fields{mode: decodeFields, in: b[prefix+1 : prefix+int(length)]}
	readStamp(&f, &h.base)
	h.lost++
	return prefix + int(length)
}

func (h *history) decode() []Record {
	var records []Record
	now := h.base
	for b := h.buf; len(b) > 0; {
		length, prefix := binary.Uvarint(b)
		body := b[prefix : prefix+int(length)]
		b = b[prefix+int(length):]
		f := Fields{mode: decodeFields, in: body[1:]}
		readStamp(&f, &now)
		event := Code(body[0]).New()
		event.Fields(&f)
		records = append(records, Record{Time: time.Unix(0, now.nanos).UTC(), Context: now.Context, Event: event})
	}
	return records
}

// appendStamp appends what differs in now from last and returns its mask.
func appendStamp(f *Fields, last, now *stamp) uint8 {
	var mask uint8
	if now.nanos != last.nanos {
		mask |= hasTime
		f.buf = binary.AppendVarint(f.buf, now.nanos-last.nanos)
	}
	if now.Local != last.Local {
		mask |= hasLocal
		f.AddrPort("", &now.Local)
	}
	if now.Remote != last.Remote {
		mask |= hasRemote
		f.AddrPort("", &now.Remote)
	}
	if now.Peer != last.Peer {
		mask |= hasPeer
		f.U32("", &now.Peer)
	}
	if now.SA != last.SA {
		mask |= hasSA
		f.U32("", &now.SA)
	}
	if now.Conn != last.Conn {
		mask |= hasConn
		f.U32("", &now.Conn)
	}
	if now.Role != last.Role {
		mask |= hasRole
		Enum(f, "", &now.Role)
	}
	if now.State != last.State {
		mask |= hasState
		Enum(f, "", &now.State)
	}
	return mask
}

// readStamp changes s by what follows the code in f.
func readStamp(f *Fields, s *stamp) {
	mask := f.in[0]
	f.in = f.in[1:]
	if mask&hasTime != 0 {
		delta, n := binary.Varint(f.in)
		f.in = f.in[n:]
		s.nanos += delta
	}
	if mask&hasLocal != 0 {
		f.AddrPort("", &s.Local)
	}
	if mask&hasRemote != 0 {
		f.AddrPort("", &s.Remote)
	}
	if mask&hasPeer != 0 {
		f.U32("", &s.Peer)
	}
	if mask&hasSA != 0 {
		f.U32("", &s.SA)
	}
	if mask&hasConn != 0 {
		f.U32("", &s.Conn)
	}
	if mask&hasRole != 0 {
		Enum(f, "", &s.Role)
	}
	if mask&hasState != 0 {
		Enum(f, "", &s.State)
	}
}
