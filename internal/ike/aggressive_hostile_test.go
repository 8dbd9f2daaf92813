package ike

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// firstAggressive is a first message of aggressive mode.
func firstAggressive(t testing.TB, change func(hub, spoke *Config)) []byte {
	p := newPair(t, change)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	return slices.Clone(p.wire[0].Data)
}

// Forged first messages cost a bounded table, a datagram each, of which there are few
// in a second once a quarter of the table is taken, and the exponentiations of a tenth
// of a second; what is up stays, and new peers get in.
func TestFloodOfAggressiveMessages(t *testing.T) {
	const bound, flood = 256, 10000
	for _, known := range []bool{true, false} {
		p := newPair(t, func(hub, spoke *Config) { withGroup(hub, spoke); hub.MaxHalfOpen = bound })
		p.connect()
		p.checkUp()
		p.silence()
		if !known {
			p.hub.engine.cfg.Groups = nil
		}
		before := p.hub.engine.Statistics()
		data := firstAggressive(t, withGroup)
		p.now = p.now.Add(time.Second)
		answers := 0
		for i := range flood {
			binary.BigEndian.PutUint64(data, uint64(i)+1)
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 500)
			var fx Effects
			p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), from, slices.Clone(data), &fx)
			if answers += len(fx.Send); len(fx.Send) > 1 {
				t.Fatalf("%d datagrams for one", len(fx.Send))
			}
		}
		if want := bound/4 + perAggressive; answers != want {
			t.Errorf("%d of %d in the same moment are answered, want %d", answers, flood, want)
		}
		after := p.hub.engine.Statistics()
		if n := after.Exponentiation - before.Exponentiation; n != 1 {
			t.Errorf("%d exponentiations for a flood, want 1", n)
		}
		if n := p.hub.engine.Holdings().HalfOpen; n != bound {
			t.Errorf("%d half-open SAs, want %d", n, bound)
		}
		p.check()
		p.now = p.now.Add(time.Second)
		p.checkTunnel(t, known)
		p.wire = nil
		p.advance(3 * time.Minute)
		if n := len(p.hub.engine.pairs); n != 0 {
			t.Errorf("%d key pairs are kept", n)
		}
	}
}

// checkTunnel verifies that a new spoke gets in where its group has a key.
func (p *pair) checkTunnel(t *testing.T, known bool) {
	t.Helper()
	p.wire = nil
	p.restartSpoke(77)
	up := p.hub.engine.Statistics().Phase1Up
	p.connect()
	if got := p.hub.engine.Statistics().Phase1Up > up; got != known {
		t.Errorf("a new peer comes up: %v, want %v", got, known)
	}
}

// Exchanges that begin close to each other share a key pair and no secret; the pair
// goes with the last of them, whichever way they end.
func TestSharedKeyPairs(t *testing.T) {
	p := newPair(t, withGroup)
	p.hub.engine.cfg.DeferDH = true
	var open []Question
	p.hold = func(s *side, q Question) bool {
		if s == p.hub {
			open = append(open, q)
		}
		return s == p.hub
	}
	data := firstAggressive(t, withGroup)
	from := netip.AddrPortFrom(spokeAddr, 500)
	for i := range 3 {
		binary.BigEndian.PutUint64(data, uint64(i)+1)
		p.do(p.hub, func(e *Engine, fx *Effects) {
			e.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), from, slices.Clone(data), fx)
		})
		p.check()
	}
	if len(open) != 1 || len(p.wire) != 0 {
		t.Fatalf("%d questions and %d answers for three first messages, want 1 and none", len(open), len(p.wire))
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 1, fx) })
	p.check()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Answer(p.now, open[0].ID, open[0].Run(), fx) })
	p.check()
	if len(p.wire) != 2 {
		t.Errorf("%d answers, want 2: one has ended since", len(p.wire))
	}
	pair := p.hub.engine.pairs[isakmp.GroupMODP768]
	if pair == nil || pair.users != 2 {
		t.Fatalf("the key pair is %+v, want two users", pair)
	}
	p.wire = nil
	p.advance(3 * time.Minute)
	p.hub.engine.checkQuiet(t)
	if _, err := pair.keys.SharedSecret(pair.keys.Public()); err == nil {
		t.Error("the key pair is not cleared")
	}
}

// An initiator sends its quick mode right behind message 3, whose keys take a while: it
// need not come again.
func TestQuickModeBehindMessage3(t *testing.T) {
	p := newPair(t, withAggressive)
	p.hub.engine.cfg.DeferDH = true
	var open []Question
	p.hold = func(s *side, q Question) bool {
		if s == p.hub {
			open = append(open, q)
		}
		return s == p.hub
	}
	p.connect()
	for len(open) > 0 {
		q := open[0]
		open = open[1:]
		r := q.Run()
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Answer(p.now, q.ID, r, fx) })
		p.settle()
	}
	p.checkUp()
	if n := p.spoke.engine.Statistics().Retransmits; n != 0 {
		t.Errorf("%d retransmissions", n)
	}
}

// One thing bent in one message: no panic, no SA that was up is lost, one
// exponentiation at most, and all of it is gone in the end.
func TestOneThingBentInAggressiveMode(t *testing.T) {
	const runs = 120
	for n := 1; n <= 3; n++ {
		for seed := range uint64(runs) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			what := ""
			p := at(t, n, withAggressive, func(p *pair, d Datagram) {
				to := p.sideAt(d.Remote.Addr())
				data := d.Data
				if n == 3 { // in clear, as it may come
					s := to.newest()
					b := s.builder(isakmp.ExchangeAggressive, 0, 0)
					b.Add(isakmp.PayloadHash, s.handshake.proof)
					b.Add(isakmp.PayloadNATD, make([]byte, 20))
					b.Add(isakmp.PayloadNATD, make([]byte, 20))
					data = b.Bytes(1)
				}
				h, payloads := inClear(t, nil, data)
				var body []byte
				what, h, body = bend(r, h, payloads)
				before, up := to.engine.Statistics(), to.upSAs()
				p.hand(d, setLength(append(h.AppendTo(nil), body...)))
				after := to.engine.Statistics()
				if got := after.Exponentiation - before.Exponentiation; got > 1 {
					t.Errorf("message %d, seed %d, %s: %d exponentiations", n, seed, what, got)
				}
				if got := after.DatagramsOut - before.DatagramsOut; got > 2 {
					t.Errorf("message %d, seed %d, %s: %d datagrams in answer", n, seed, what, got)
				}
				if to.upSAs() < up {
					t.Errorf("message %d, seed %d, %s: an ISAKMP SA that was up is gone", n, seed, what)
				}
			})
			p.advance(25 * time.Hour)
			p.hub.engine.checkQuiet(t)
			p.spoke.engine.checkQuiet(t)
			if t.Failed() {
				t.Fatalf("message %d, seed %d: %s", n, seed, what)
			}
		}
	}
}

// A forged answer costs the initiator no exponentiation, and the true one is taken.
func TestForgedMessage2(t *testing.T) {
	p := at(t, 2, withAggressive, func(p *pair, d Datagram) {
		before := p.spoke.engine.Statistics().Exponentiation
		for i := range 64 {
			data := slices.Clone(d.Data)
			data[len(data)-1-i*5] ^= 0x40
			data[8+i%8]++ // another responder's cookie
			p.hand(d, data)
		}
		if n := p.spoke.engine.Statistics().Exponentiation - before; n != 0 {
			t.Errorf("%d exponentiations for forged messages", n)
		}
	})
	p.checkUp()
}

// An exchange goes on in the mode in which it has begun.
func TestModesDoNotMix(t *testing.T) {
	for _, change := range []func(hub, spoke *Config){withAggressive, nil} {
		for n := 2; n <= 3; n++ {
			p := at(t, n, change, func(p *pair, d Datagram) {
				to := p.sideAt(d.Remote.Addr())
				data := slices.Clone(d.Data)
				data[18] ^= byte(isakmp.ExchangeIdentity ^ isakmp.ExchangeAggressive)
				before := to.engine.Statistics().Dropped[trace.DropState]
				p.hand(d, data)
				if got := to.engine.Statistics().Dropped[trace.DropState] - before; got != 1 {
					t.Errorf("message %d of the other mode is dropped %d times", n, got)
				}
			})
			p.checkUp()
		}
	}
}

// A half-open SA of aggressive mode has the peer's public value and two proofs.
func TestHeapPerHalfOpenAggressiveSA(t *testing.T) {
	const peers = 4000
	p := newPair(t, func(hub, spoke *Config) {
		withGroup(hub, spoke)
		phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA1, isakmp.GroupMODP2048)(hub, spoke)
	})
	p.silence()
	data := firstAggressive(t, func(hub, spoke *Config) {
		withGroup(hub, spoke)
		phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA1, isakmp.GroupMODP2048)(hub, spoke)
	})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range peers {
		var fx Effects
		binary.BigEndian.PutUint64(data, uint64(i)+1)
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeNumber(i), 500), slices.Clone(data), &fx)
	}
	each := int(heap()-before) / peers
	t.Logf("%d octets of a half-open SA", each)
	if each > 4096 {
		t.Errorf("a half-open SA costs %d octets, want 4096 at most", each)
	}
	runtime.KeepAlive(p)
}
