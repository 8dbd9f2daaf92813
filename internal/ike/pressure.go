package ike

import (
	"encoding/binary"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Under a flood of first messages a record for each would leave the bounded table
// before its peer, if there is one, can come back. So once a quarter of the table is
// taken a first message of main mode is answered and kept as a stub: what came, and
// our cookie. Message 3 with that cookie makes the SA of it, as if it had been there.
// One of aggressive mode, whose answer needs keys, is let in at a rate, or when it
// comes again: an initiator sends its first message again, a flood sends others.

// Bounds under pressure.
const (
	maxStubs      = 1 << 16
	maxStubOctets = 32 << 20 // of the messages
	maxStubbed    = 4096     // octets of one
	stubAge       = 30 * time.Second

	// First messages in a second, by all engines: of main mode from one prefix or from one peer that
	// is known, of aggressive mode, and of those that come again.
	perPrefix     = 2000
	perKnownPeer  = 64
	perAggressive = 200
	perAgain      = 1000

	prefixBuckets = 4096
	againSlots    = 1 << 18
)

// Floods count the first messages that came under pressure, and what else comes as
// from no peer in such numbers that it is counted and no longer told.
type Floods struct {
	Stubs       uint64 // answered without a record
	Returned    uint64 // of them came back with message 3
	ByPrefix    uint64 // refused: too many from one prefix, or from one peer
	ByRate      uint64 // refused: of aggressive mode, too many
	Overrun     uint64 // not even looked at: they came faster than they could be
	LastPressed time.Time

	Strays       uint64 // messages of no SA that were dropped
	LastStray    time.Time
	Fragments    uint64 // first messages that lacked fragments, and left for others
	LastFragment time.Time
	ESP          uint64 // ESP packets of no SA
	LastESP      time.Time
}

func (f *Floods) add(o *Floods) {
	f.Stubs += o.Stubs
	f.Returned += o.Returned
	f.ByPrefix += o.ByPrefix
	f.ByRate += o.ByRate
	f.Overrun += o.Overrun
	f.LastPressed = later(f.LastPressed, o.LastPressed)
	f.Strays += o.Strays
	f.LastStray = later(f.LastStray, o.LastStray)
	f.Fragments += o.Fragments
	f.LastFragment = later(f.LastFragment, o.LastFragment)
	f.ESP += o.ESP
	f.LastESP = later(f.LastESP, o.LastESP)
}

// pressure is what first messages are held against while there are too many.
type pressure struct {
	seed       [16]byte
	since      time.Time // of the present second
	prefixes   []uint16  // by hash; nil while there is no pressure
	again      []uint32  // fingerprints of those refused, by hash; nil likewise
	aggressive int
	returning  int
	stubs      stubs
}

// pressed says whether first messages are held back now.
func (e *Engine) pressed() bool { return e.halfOpen.count >= max(1, e.maxHalfOpen()/4) }

// tick begins a second, if the last one is over.
func (p *pressure) tick(e *Engine) bool {
	if p.prefixes == nil {
		if !e.random(p.seed[:]) {
			return false
		}
		p.prefixes, p.again = make([]uint16, prefixBuckets), make([]uint32, againSlots)
	}
	if d := e.now.Sub(p.since); d >= time.Second || d < 0 {
		p.since, p.aggressive, p.returning = e.now, 0, 0
		clear(p.prefixes)
	}
	e.stats.Floods.LastPressed = e.now
	return true
}

// hash is that of what a flood can choose, under a seed that it cannot know: FNV-1a.
func (p *pressure) hash(parts ...[]byte) uint64 {
	h := binary.LittleEndian.Uint64(p.seed[:]) ^ 14695981039346656037
	for _, b := range parts {
		for _, c := range b {
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	h ^= binary.LittleEndian.Uint64(p.seed[8:])
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// sourcePrefix is what a flood from one place has in common: 24 bits of IPv4, 48 of IPv6.
func sourcePrefix(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() && !a.Is4In6() {
		bits = 48
	}
	p, _ := a.Unmap().Prefix(bits)
	return p
}

// admitsUnderPressure says whether a first message goes on.
func (m *message) admitsUnderPressure(aggressive bool) bool {
	e, p := m.e, &m.e.pressure
	if !p.tick(e) {
		return false
	}
	if aggressive {
		if p.aggressive < e.place.part(perAggressive) {
			p.aggressive++
			return true
		}
		return m.cameAgain(&e.stats.Floods.ByRate, trace.DropRate)
	}
	// What is known has an allowance of its own, so that its neighbours cannot use it up.
	source, limit := m.remote.Addr().AsSlice(), uint16(perKnownPeer)
	if !e.knows(m.local.Addr(), m.remote.Addr()) {
		source, limit = sourcePrefix(m.remote.Addr()).Addr().AsSlice(), uint16(e.place.part(perPrefix))
	}
	n := &p.prefixes[p.hash(source)%prefixBuckets]
	if *n < limit {
		*n++
		return true
	}
	return m.cameAgain(&e.stats.Floods.ByPrefix, trace.DropPrefix)
}

// knows says whether an address is that of a peer that is configured, or proven.
func (e *Engine) knows(local, remote netip.Addr) bool {
	ends := addrPair{local, remote}
	if len(e.conns.byEnds[ends]) > 0 {
		return true
	}
	for _, s := range e.byAddrs[ends] {
		if s.complete() {
			return true
		}
	}
	return false
}

// cameAgain lets a first message in that was refused before, and refuses it for the
// first time otherwise. No event is told: there are too many.
func (m *message) cameAgain(refused *uint64, reason trace.Drop) bool {
	p := &m.e.pressure
	h := p.hash(m.remote.Addr().AsSlice(), m.header.Initiator[:])
	slot, print := &p.again[h%againSlots], uint32(h>>32)|1
	if *slot == print && p.returning < m.e.place.part(perAgain) {
		*slot = 0
		p.returning++
		return true
	}
	*slot = print
	*refused++
	m.e.stats.Dropped[reason]++
	return false
}

// answerAsStub answers a first message of main mode and keeps no SA of it.
func (m *message) answerAsStub(cookie isakmp.Cookie) {
	e := m.e
	if len(m.raw) > maxStubbed {
		m.drop(trace.DropTooLarge)
		return
	}
	s := m.beginQuietly(cookie)
	refused := s.dead
	e.stats.Floods.Stubs++
	if !refused {
		e.pressure.stubs.e = e
		e.pressure.stubs.add(&stub{key: cookiePair{s.cookieI, s.cookieR}, local: m.local, remote: m.remote, at: e.now, raw: append([]byte(nil), m.raw...)})
		if t := &e.pressure.stubs.end; !t.isSet() {
			t.owner = then(e.forgetStubs)
			e.timers.set(t, e.now.Add(stubAge))
		}
	}
}

// beginQuietly answers by an SA that is gone at once, and tells nothing: what there
// is to tell is told when the peer comes back.
func (m *message) beginQuietly(cookie isakmp.Cookie) *sa {
	e, events := m.e, m.e.cfg.Events
	e.cfg.Events = nil
	defer func() { e.cfg.Events = events }()
	m.beginResponder(cookie)
	s := m.s
	if !s.dead {
		e.unlockPeer(s)
	}
	s.purge()
	m.s = nil
	return s
}

// returned makes the SA of a stub whose peer has come back; nil where there is none.
func (m *message) returned() *sa {
	e := m.e
	key := cookiePair{m.header.Initiator, m.header.Responder}
	x := e.pressure.stubs.byCookies[key]
	if x == nil || x.local != m.local || x.remote != m.remote || m.header.Exchange != isakmp.ExchangeIdentity {
		return nil
	}
	e.pressure.stubs.take(x)
	first := &message{e: e, raw: x.raw, local: x.local, remote: x.remote}
	var err error
	if first.header, err = isakmp.ParseHeader(x.raw); err != nil {
		return nil
	}
	first.row = rowFor(isakmp.ExchangeIdentity, trace.RoleResponder, 0, trace.StateReady)
	if !first.parse(false) {
		return nil
	}
	sent, out := len(e.fx.Send), e.stats.DatagramsOut
	first.beginResponder(key.r)
	e.fx.Send, e.stats.DatagramsOut = e.fx.Send[:sent], out // it is sent already
	if first.s.dead {                                       // the configuration has changed since
		return nil
	}
	e.stats.Floods.Returned++
	return first.s
}

// forgetStubs forgets those that are too old, and all else once there are none.
func (e *Engine) forgetStubs(now time.Time) {
	p := &e.pressure
	for x := p.stubs.first; x != nil && (now.Sub(x.at) >= stubAge || now.Before(x.at)); x = p.stubs.first {
		p.stubs.dropFirst()
	}
	if p.stubs.first != nil {
		e.timers.set(&p.stubs.end, p.stubs.first.at.Add(stubAge))
		return
	}
	*p = pressure{}
}

// Overrun counts first messages that a driver has dropped unseen, since they came
// faster than Datagram could take them.
func (e *Engine) Overrun(now time.Time, n uint64) {
	e.stats.DatagramsIn += n
	e.stats.Dropped[trace.DropRate] += n
	e.stats.Floods.Overrun += n
	e.stats.Floods.LastPressed = now
}

// Messages of no SA in a second: that many are told of each, and from so many on they
// are a flood, and not the peers of a gateway that has begun anew.
const (
	toldStrays = 100
	strayFlood = 1000
)

// strays counts the messages of no SA that were dropped in the present second.
type strays struct {
	since time.Time
	count int
}

// many says that no more of them are to be told of.
func (x *strays) many(e *Engine) bool {
	if d := e.now.Sub(x.since); d >= time.Second || d < 0 {
		*x = strays{since: e.now}
	}
	return x.count >= e.place.part(toldStrays)
}

// strays counts a message that is dropped, if it is of no SA and there are too many of
// those to tell of it. Each of a few is told of: a peer may not know that its SA is
// gone.
func (m *message) strays(reason trace.Drop) bool {
	if m.s != nil {
		return false
	}
	e, x := m.e, &m.e.strays
	many := x.many(e)
	x.count++
	if !many {
		return false
	}
	e.stats.Dropped[reason]++
	e.stats.Floods.Strays++
	if x.count >= e.place.part(strayFlood) {
		e.stats.Floods.LastStray = e.now
	}
	return true
}

// OverrunStrays counts messages of no SA that a driver has dropped unseen.
func (e *Engine) OverrunStrays(now time.Time, n uint64) {
	e.stats.DatagramsIn += n
	e.stats.Dropped[trace.DropNoSA] += n
	e.stats.Floods.Strays += n
	e.stats.Floods.LastStray = now
}

// OverrunESP counts ESP packets of no SA, of which there were too many for a peer that
// does not know of its SA's end.
func (e *Engine) OverrunESP(now time.Time, n uint64) {
	e.stats.Floods.ESP += n
	e.stats.Floods.LastESP = now
}
