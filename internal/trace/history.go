package trace

import (
	"encoding/binary"
	"net/netip"
)

// history is the events of one peer: the last ones all, and of those before
// them what tells how negotiations went, the last of each kind.
type history struct {
	addr    netip.Addr
	ring    chain
	kept    kept
	dropped uint64 // from the ring

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

// Of a peer's octets the ring takes seven eighths, and what outlives it a tenth;
// the rest is for the history's own fields.
func shares(octets int) (ring, kept int) { return octets - octets/8, octets / 10 }

// add encodes rec with f and appends it within limit octets.
func (h *history) add(f, scratch *Fields, rec *Record, limit int) {
	now := stamp{rec.Time.UnixNano(), rec.Context}
	h.ring.encode(f, &now, rec.Event.Code())
	rec.Event.Fields(f)
	h.makeRoom(scratch, h.ring.size(f.buf), limit)
	h.ring.add(f.buf, &now)
}

// makeRoom lets the ring double up to its limit, and drops the oldest events
// from there on, a quarter of the ring at a time.
func (h *history) makeRoom(scratch *Fields, need, limit int) {
	r := &h.ring
	if len(r.buf)+need <= cap(r.buf) {
		return
	}
	limit, keep := shares(limit)
	if size := growTo(len(r.buf)+need, limit, 256); size > 0 {
		r.buf = append(make([]byte, 0, size), r.buf...)
		return
	}
	free := max(need, limit/4)
	from := 0
	for limit-(len(r.buf)-from) < free && from < len(r.buf) {
		l := r.base.first(r.buf[from:])
		from += l.size
		h.dropped++
		h.keep(scratch, l, keep)
	}
	r.drop(from)
}

// growTo is the capacity to grow to, of the least size or its doubles, 0 if need
// does not fit into limit.
func growTo(need, limit, size int) int {
	if need > limit {
		return 0
	}
	for size < need {
		size *= 2
	}
	return min(size, limit)
}

// keep moves an event that leaves the ring to those that are kept, in the place
// of an earlier one that said the same.
func (h *history) keep(scratch *Fields, l link, limit int) {
	key, worthy := worthOf(l.code, l.fields)
	if !worthy {
		return
	}
	h.kept.add(scratch, l, key, limit)
}

func (h *history) decode() []Record { return h.ring.decode(h.kept.decode(nil)) }

// lost is how many events are in neither.
func (h *history) lost() uint64 { return h.dropped - h.kept.len() }

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
