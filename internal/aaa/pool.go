package aaa

import (
	"container/list"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Lease is an address that a client has, or had: who comes again gets it again,
// as long as it is free.
type Lease struct {
	Addr  netip.Addr
	Owner string    // see ownerOf
	Since time.Time // when it was given, or freed
	InUse bool
}

// Whose returns the group and the user of a lease; the latter is the client's
// address where there is no user.
func (l Lease) Whose() (group, user string) {
	group, user, _ = strings.Cut(l.Owner, "\x00")
	return group, strings.TrimPrefix(user, "\x00")
}

// lease is a Lease with those who hold it: a client that logs in anew holds it
// twice for a moment.
type lease struct {
	Lease
	sessions []uint64
	free     *list.Element // its place among the free ones
}

// pool gives the addresses of one Pool. Every operation takes constant time but
// for a step over what is reserved.
type pool struct {
	cfg    Pool
	leases map[netip.Addr]*lease
	owners map[string]netip.Addr // the last one of each owner
	free   list.List             // of *lease, the longest free first
	at     int                   // the range where the addresses begin that nobody has had
	next   uint32                // offset in that range
	inUse  int
}

func newPool(cfg Pool) *pool {
	return &pool{cfg: cfg, leases: map[netip.Addr]*lease{}, owners: map[string]netip.Addr{}}
}

func (r Range) size() uint32 { return bits(r.High) - bits(r.Low) + 1 }

func bits(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func (r Range) at(offset uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], bits(r.Low)+offset)
	return netip.AddrFrom4(b)
}

func (r Range) contains(a netip.Addr) bool {
	return a.Is4() && !a.Less(r.Low) && !r.High.Less(a)
}

func (p *pool) contains(a netip.Addr) bool {
	return slices.ContainsFunc(p.cfg.Ranges, func(r Range) bool { return r.contains(a) })
}

func (p *pool) size() (n int) {
	for _, r := range p.cfg.Ranges {
		n += int(r.size())
	}
	return n
}

// allocate gives a session an address: the one that its owner had, the one that
// it wants, one that nobody has had, or the one that is free for the longest
// time. It is invalid where all are in use.
func (p *pool) allocate(now time.Time, session uint64, owner string, wanted netip.Addr) netip.Addr {
	if a, ok := p.owners[owner]; ok && p.takes(a) {
		return p.give(now, session, owner, a)
	}
	if wanted.IsValid() && p.contains(wanted) && p.leases[wanted] == nil {
		return p.give(now, session, owner, wanted)
	}
	if a := p.fresh(); a.IsValid() {
		return p.give(now, session, owner, a)
	}
	if wanted.IsValid() && p.contains(wanted) && p.takes(wanted) && p.rested(now, p.leases[wanted]) {
		return p.give(now, session, owner, wanted)
	}
	for e := p.free.Front(); e != nil; e = e.Next() {
		l := e.Value.(*lease)
		if !p.rested(now, l) {
			break // the others are free for a shorter time
		}
		return p.give(now, session, owner, l.Addr)
	}
	return netip.Addr{}
}

// rested says whether an address was free for as long as it is to be.
func (p *pool) rested(now time.Time, l *lease) bool { return now.Sub(l.Since) >= p.cfg.Recycle }

// takes says whether an address is free and the pool's.
func (p *pool) takes(a netip.Addr) bool {
	l := p.leases[a]
	return p.contains(a) && (l == nil || !l.InUse)
}

// fresh is an address that nobody has had, or an invalid one.
func (p *pool) fresh() netip.Addr {
	for ; p.at < len(p.cfg.Ranges); p.at, p.next = p.at+1, 0 {
		r := p.cfg.Ranges[p.at]
		for ; p.next < r.size(); p.next++ {
			if a := r.at(p.next); p.leases[a] == nil {
				return a
			}
		}
	}
	return netip.Addr{}
}

func (p *pool) give(now time.Time, session uint64, owner string, a netip.Addr) netip.Addr {
	l := p.leases[a]
	if l == nil {
		l = &lease{Lease: Lease{Addr: a}}
		p.leases[a] = l
	}
	if l.free != nil {
		p.free.Remove(l.free)
		l.free = nil
	}
	if l.Owner != owner && p.owners[l.Owner] == a {
		delete(p.owners, l.Owner)
	}
	l.Owner, l.Since, l.InUse, l.sessions = owner, now, true, []uint64{session}
	p.owners[owner] = a
	p.inUse++
	return a
}

// join lets another session of the same client hold an address with the first.
func (p *pool) join(session uint64, a netip.Addr) bool {
	l := p.leases[a]
	if l == nil || !l.InUse {
		return false
	}
	if !slices.Contains(l.sessions, session) {
		l.sessions = append(l.sessions, session)
	}
	return true
}

// release ends a session's hold. It is true where the address is free by that.
func (p *pool) release(now time.Time, session uint64, a netip.Addr) bool {
	l := p.leases[a]
	if l == nil || !slices.Contains(l.sessions, session) {
		return false
	}
	l.sessions = slices.DeleteFunc(l.sessions, func(s uint64) bool { return s == session })
	if len(l.sessions) > 0 {
		return false
	}
	l.InUse, l.Since = false, now
	p.inUse--
	if !p.contains(a) { // the pool was made smaller meanwhile
		p.forget(l)
		return true
	}
	l.free = p.free.PushBack(l)
	return true
}

func (p *pool) forget(l *lease) {
	if l.free != nil {
		p.free.Remove(l.free)
	}
	if p.owners[l.Owner] == l.Addr {
		delete(p.owners, l.Owner)
	}
	delete(p.leases, l.Addr)
}

// restore takes the leases of an earlier run, which nobody holds any more. Those
// that were in use at its end are the last to be given to others.
func (p *pool) restore(all []Lease) {
	slices.SortStableFunc(all, func(a, b Lease) int {
		if a.InUse != b.InUse {
			if b.InUse {
				return -1
			}
			return 1
		}
		return a.Since.Compare(b.Since)
	})
	for _, l := range all {
		if !p.contains(l.Addr) || p.leases[l.Addr] != nil {
			continue
		}
		l.InUse = false
		kept := &lease{Lease: l}
		p.leases[l.Addr], p.owners[l.Owner] = kept, l.Addr
		kept.free = p.free.PushBack(kept)
	}
}

// reconfigure changes the ranges. Who has an address keeps it, also one that is
// no longer the pool's.
func (p *pool) reconfigure(cfg Pool) {
	p.cfg, p.at, p.next = cfg, 0, 0
	for _, l := range p.leases {
		if !l.InUse && !p.contains(l.Addr) {
			p.forget(l)
		}
	}
}

// PoolStatus is a pool as `show ip local pool` has it.
type PoolStatus struct {
	Name   string
	Ranges []RangeStatus
	Leases []Lease // in use, in the order of addresses
}

// RangeStatus is one range with its counts.
type RangeStatus struct {
	Range
	Free, InUse int
}

func (p *pool) status() PoolStatus {
	s := PoolStatus{Name: p.cfg.Name}
	for _, r := range p.cfg.Ranges {
		s.Ranges = append(s.Ranges, RangeStatus{Range: r, Free: int(r.size())})
	}
	for _, l := range p.leases {
		if !l.InUse {
			continue
		}
		s.Leases = append(s.Leases, l.Lease)
		for i := range s.Ranges {
			if s.Ranges[i].contains(l.Addr) {
				s.Ranges[i].Free--
				s.Ranges[i].InUse++
			}
		}
	}
	slices.SortFunc(s.Leases, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return s
}
