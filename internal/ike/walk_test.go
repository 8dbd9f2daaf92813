package ike

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
)

// kinds are the ways from no SA to a tunnel, each as its own sequence of messages.
var kinds = []struct {
	name   string
	client bool
	make   func(t testing.TB) *pair
}{
	{"main mode, key", false, func(t testing.TB) *pair { return newPair(t, withPFS) }},
	{"aggressive mode, key", false, func(t testing.TB) *pair { return newPair(t, aggressivePFS) }},
	{"main mode, signatures", false, func(t testing.TB) *pair { return newSignedPair(t, isakmp.AuthRSASig, "rsa", nil) }},
	{"aggressive mode, signatures", false, func(t testing.TB) *pair { return newSignedPair(t, isakmp.AuthECDSA256, "p256", aggressively) }},
	{"main mode, encrypted nonces", false, func(t testing.TB) *pair { return newPair(t, withNonces) }},
	{"aggressive mode, XAUTH, address by request", true, func(t testing.TB) *pair { return newRemote(t, nil).pair }},
	{"aggressive mode, XAUTH, address by set", true, func(t testing.TB) *pair {
		return newRemote(t, func(hub, _ *Config) { hub.Connections[0].Clients = &Clients{Authentication: "USERS", Initiate: true} }).pair
	}},
}

// spoken is a message of an exchange as its receiver understands it.
type spoken struct {
	name     string
	header   isakmp.Header
	payloads []isakmp.Payload
	sealed   []byte // in the place of payloads, where the receiver has no keys yet
}

// heard is a datagram as its receiver understands it. Message 3 of aggressive mode comes
// before its receiver has made the keys.
func (p *pair) heard(name string, d Datagram) spoken {
	var s *sa
	h, err := isakmp.ParseHeader(d.Data)
	if err == nil && !h.Responder.IsZero() {
		s = p.sideAt(d.Remote.Addr()).newest()
	}
	if s != nil && s.cipher == nil && h.Encrypted() {
		return spoken{name: name, header: h, sealed: slices.Clone(d.Data[isakmp.HeaderLen:])}
	}
	h, payloads := inClear(p.t, s, d.Data)
	return spoken{name: name, header: h, payloads: payloads}
}

// spokenIn are the messages of a kind, and deletes and notifies that its ends send.
func spokenIn(t testing.TB, kind int) (list []spoken) {
	p := kinds[kind].make(t)
	p.lose = func(n int, d Datagram) bool {
		list = append(list, p.heard(fmt.Sprintf("%s %d", kinds[kind].name, n), copied(d)))
		return false
	}
	p.connect()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.settle()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	return list
}

// stoppedAt is a pair of a kind after n datagrams of its tunnel.
func stoppedAt(t testing.TB, kind, n int) *pair {
	p := kinds[kind].make(t)
	p.lose = func(i int, _ Datagram) bool { return i > n }
	p.connect()
	p.lose = nil
	return p
}

// lengthOf is how many datagrams a tunnel of a kind takes.
func lengthOf(t testing.TB, kind int) int {
	p := kinds[kind].make(t)
	p.connect()
	return p.sent
}

// completeSAs is the number of ISAKMP SAs whose phase 1 is over.
func (s *side) completeSAs() (n int) {
	for _, x := range s.engine.sorted() {
		if x.complete() {
			n++
		}
	}
	return n
}

// finish holds that all is gone after a day, or, where a client would renew for ever,
// after both ends have stopped.
func (p *pair) finish(kind int) {
	p.t.Helper()
	if kinds[kind].client {
		p.advance(10 * time.Minute)
		for _, s := range []*side{p.hub, p.spoke} {
			p.do(s, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
		}
		p.advance(5 * time.Minute)
	} else {
		p.advance(25 * time.Hour)
	}
	p.hub.engine.checkQuiet(p.t)
	p.spoke.engine.checkQuiet(p.t)
}

// ends says whether a message may take away an ISAKMP SA that is up: a delete, a notify,
// or a server's word that a login has failed.
func (m spoken) ends() bool {
	return m.header.Exchange == isakmp.ExchangeTransaction || slices.ContainsFunc(m.payloads, func(p isakmp.Payload) bool {
		return p.Type == isakmp.PayloadDelete || p.Type == isakmp.PayloadNotify
	})
}

// expected says whether a row is for a message with some ID in s's state. Whether it
// is there for good, the row decides.
func (s *sa) expected(x isakmp.ExchangeType, id uint32) bool {
	if s.cookieR.IsZero() && ofPhase1(x) { // a first message opens an SA of its own
		return true
	}
	switch x {
	case isakmp.ExchangeIdentity, isakmp.ExchangeAggressive:
		return id == 0 && x == s.exchange() && rowFor(x, s.role, s.suite.Auth, s.state) != nil && s.handshake != nil
	case isakmp.ExchangeInformational:
		return true // of phase 1 in clear it is counted, with keys it is obeyed
	}
	// Quick modes and transactions may begin, or wait for the end of phase 1.
	return id != 0 && s.cipher != nil
}

// Every message of every kind of exchange, made with the receiver's keys, in every state
// of every kind and of both roles: what no row expects changes nothing and is counted;
// whatever else it is, the answers, the work and the tables stay within bounds, and it is
// all gone in the end.
func TestEveryMessageInEveryState(t *testing.T) {
	var all []spoken
	for kind := range kinds {
		all = append(all, spokenIn(t, kind)...)
	}
	offered, dropped := 0, 0
	for kind := range kinds {
		for n := range lengthOf(t, kind) + 1 {
			for _, hub := range []bool{true, false} {
				o, d := walk(t, kind, n, hub, all)
				offered, dropped = offered+o, dropped+d
			}
		}
	}
	t.Logf("%d messages, each in clear and encrypted, those of phase 2 under two IDs: %d offers, %d changed nothing", len(all), offered, dropped)
	if dropped == 0 || dropped == offered {
		t.Errorf("%d of %d offers changed nothing", dropped, offered)
	}
}

// walk offers messages to one end in one state.
func walk(t *testing.T, kind, n int, hub bool, all []spoken) (offered, unchanged int) {
	p := stoppedAt(t, kind, n)
	for _, m := range all {
		for _, encrypted := range []bool{m.header.Encrypted(), !m.header.Encrypted()} {
			for _, fresh := range []bool{true, false} {
				if m.header.MessageID == 0 && !fresh {
					continue
				}
				s := p.spoke
				if hub {
					s = p.hub
				}
				list := s.engine.sorted()
				if len(list) == 0 {
					return offered, unchanged
				}
				offered++
				if p.put(s, list[len(list)-1], m, encrypted, fresh, fmt.Sprintf("%s after %d, hub %v: %s, encrypted %v, fresh %v", kinds[kind].name, n, hub, m.name, encrypted, fresh)) {
					unchanged++
					continue
				}
				p.wire = nil
				p.finish(kind)
				if t.Failed() {
					t.FailNow()
				}
				p = stoppedAt(t, kind, n)
			}
		}
	}
	return offered, unchanged
}

// put hands a side a message as one of an SA's. It says whether nothing has changed.
func (p *pair) put(side *side, s *sa, m spoken, encrypted, fresh bool, name string) (same bool) {
	p.t.Helper()
	h := m.header
	h.Initiator, h.Responder = s.cookieI, s.cookieR
	if h.Flags &^= isakmp.FlagEncryption; encrypted {
		h.Flags |= isakmp.FlagEncryption
	}
	if h.MessageID != 0 {
		h.MessageID = 0x01020304
		if nodes := s.sortedNodes(); !fresh && len(nodes) > 0 {
			h.MessageID = nodes[len(nodes)-1].id
		}
	}
	body := slices.Clone(m.sealed)
	if body == nil {
		h.NextPayload, body = chained(m.payloads)
	}
	data := s.asItsPeer(h, body)
	before, stats, up, expected := side.engine.fingerprint(), side.engine.Statistics(), side.completeSAs(), s.expected(h.Exchange, h.MessageID)
	p.do(side, func(e *Engine, fx *Effects) { e.Datagram(p.now, s.local, s.remote, data, fx) })
	after := side.engine.Statistics()
	if got := after.DatagramsOut - stats.DatagramsOut; got > 3 {
		p.t.Errorf("%s: %d datagrams in answer", name, got)
	}
	if got := after.Exponentiation - stats.Exponentiation; got > 2 {
		p.t.Errorf("%s: %d exponentiations", name, got)
	}
	if side.completeSAs() < up && !m.ends() {
		p.t.Errorf("%s: an ISAKMP SA that was complete is gone", name)
	}
	if err := side.engine.Check(); err != nil {
		p.t.Errorf("%s: %v", name, err)
	}
	same = side.engine.fingerprint() == before
	if !same && !expected {
		p.t.Errorf("%s: no row expects it, and it changes\n%s\nto\n%s", name, before, side.engine.fingerprint())
	}
	return same
}

// FuzzExchange bends one thing of one message of a true exchange of any kind, as its
// sender could who has the keys, and lets the exchange go on: no panic, answers and work
// within bounds, both ends' tables whole, and all of it gone in the end.
func FuzzExchange(f *testing.F) {
	for kind := range kinds {
		for n := 1; n <= lengthOf(f, kind); n++ {
			f.Add(byte(kind), byte(n), uint64(n), uint64(kind), []byte(nil))
		}
	}
	f.Fuzz(func(t *testing.T, kind, number byte, seed, more uint64, put []byte) {
		k := int(kind) % len(kinds)
		bendIn(t, k, 1+int(number)%16, rand.New(rand.NewPCG(seed, more)), put)
	})
}

// bendIn bends message n of a kind. What is to be put overwrites a payload's body, so
// that a fuzzer reaches each octet of it.
func bendIn(t *testing.T, kind, n int, r *rand.Rand, put []byte) {
	p := kinds[kind].make(t)
	what := "nothing"
	p.lose = func(i int, d Datagram) bool {
		if i != n {
			return false
		}
		d = copied(d)
		to := p.sideAt(d.Remote.Addr())
		m := p.heard("", d)
		h, payloads, body := m.header, slices.Clone(m.payloads), m.sealed
		if at := 0; len(put) > 0 && len(payloads) > 0 {
			at = r.IntN(len(payloads))
			payloads[at].Body = slices.Clone(payloads[at].Body)
			copy(payloads[at].Body[r.IntN(len(payloads[at].Body)+1):], put)
		}
		var s *sa
		if !h.Responder.IsZero() {
			s = to.newest()
		}
		if body == nil {
			what, h, body = bend(r, h, payloads)
		} else {
			body[r.IntN(len(body))] ^= 1 << r.IntN(8)
		}
		before, up := to.engine.Statistics(), to.completeSAs()
		p.hand(d, s.asItsPeer(h, body))
		after := to.engine.Statistics()
		if got := after.DatagramsOut - before.DatagramsOut; got > 3 {
			t.Errorf("message %d, %s: %d datagrams in answer", n, what, got)
		}
		if got := after.Exponentiation - before.Exponentiation; got > 2 {
			t.Errorf("message %d, %s: %d exponentiations", n, what, got)
		}
		if to.completeSAs() < up && !m.ends() {
			t.Errorf("message %d, %s: an ISAKMP SA that was complete is gone", n, what)
		}
		return r.IntN(2) == 0 // the true one may come behind it, or not
	}
	p.connect()
	p.lose = nil
	p.finish(kind)
}
