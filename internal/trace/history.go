package trace

import (
	"encoding/binary"
	"net/netip"
)

// history is the events of one peer: the last ones all, and of those before
// them what tells how negotiations went, the last of each kind.
type history struct {
	addr    netip.Addr
	ring    ring
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
func (h *history) add(r *Recorder, rec *Record) {
	now := stamp{rec.Time.UnixNano(), rec.Context}
	f := &r.encoder
	encodeStamp(f, &h.ring.last, &now, rec.Event.Code())
	rec.Event.Fields(f)
	most, keep := shares(r.limits.PeerBytes)
	size := linkSize(f.buf)
	if h.ring.open > 0 && int(h.ring.open)+size > blockOctets {
		h.ring.seal(&r.store)
	}
	for int(h.ring.octets)+size > most && h.ring.octets > 0 {
		h.ring.dropBlock(&r.store, func(l link) {
			h.dropped++
			h.keep(&r.scratch, l, keep)
		})
	}
	h.ring.add(&r.store, f.buf, &now)
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

func (h *history) decode(s *store) []Record { return h.ring.decode(s, h.kept.decode(nil)) }

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
