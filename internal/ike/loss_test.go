package ike

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"qmidle/internal/isakmp"
)

// The six messages of main mode and the three of quick mode.
const tunnelDatagrams = 9

// withPFS makes both ends demand PFS, so that quick mode has its KE payloads.
func withPFS(hub, spoke *Config) {
	hub.Connections[0].PFS = isakmp.GroupMODP768
	spoke.Connections[0].PFS = isakmp.GroupMODP768
}

// upAfter is how long the loss of one message may delay a tunnel: one
// retransmission.
const upAfter = DefaultRetransmitInterval + time.Second

// eachMessage runs a test for each message that makes a tunnel, by main and by
// aggressive mode. last is the number of messages.
func eachMessage(t *testing.T, run func(t *testing.T, p *pair, number, last int)) {
	for _, phase1 := range []struct {
		name   string
		change func(hub, spoke *Config)
		last   int
	}{{"main mode", withPFS, tunnelDatagrams}, {"aggressive mode", aggressivePFS, aggressiveDatagrams}} {
		for number := 1; number <= phase1.last; number++ {
			t.Run(fmt.Sprintf("%s, message %d", phase1.name, number), func(t *testing.T) {
				run(t, newPair(t, phase1.change), number, phase1.last)
			})
		}
	}
}

func TestLossOfAnyMessageIsMended(t *testing.T) {
	eachMessage(t, func(t *testing.T, p *pair, lost, _ int) {
		p.lose = func(n int, _ Datagram) bool { return n == lost }
		p.connect()
		p.advance(upAfter)
		p.checkUp()
		p.advance(10 * time.Minute)
		p.checkUp()
	})
}

func TestDuplicationOfAnyMessageChangesNothing(t *testing.T) {
	eachMessage(t, func(t *testing.T, p *pair, twice, _ int) {
		p.lose = func(n int, d Datagram) bool {
			if n == twice {
				p.wire = append(p.wire, copied(d), copied(d))
			}
			return false
		}
		p.connect()
		p.checkUp()
		p.advance(5 * time.Minute)
		p.checkUp()
	})
}

// Every message comes twice at once: no end sends more for it. A duplicate that
// comes later is answered, since what answered it may be lost.
func TestDuplicatesAtOnceAreNotAnswered(t *testing.T) {
	p := newPair(t, withPFS)
	var first Datagram
	p.lose = func(n int, d Datagram) bool {
		if n == 1 {
			first = copied(d)
		}
		p.hand(d, d.Data)
		return false
	}
	sent := func() uint64 {
		return p.hub.engine.Statistics().DatagramsOut + p.spoke.engine.Statistics().DatagramsOut
	}
	p.connect()
	p.checkUp()
	if n := sent(); n != tunnelDatagrams {
		t.Errorf("%d datagrams for a tunnel, want %d", n, tunnelDatagrams)
	}
	p = newPair(t, nil)
	p.lose = func(n int, _ Datagram) bool { return n > 1 }
	p.connect()
	for _, c := range []struct {
		after time.Duration
		want  uint64
	}{{0, 2}, {recently - 1, 2}, {1, 3}, {0, 3}, {recently, 4}} {
		p.now = p.now.Add(c.after)
		p.hand(first, first.Data)
		if n := sent(); n != c.want {
			t.Errorf("%d datagrams, want %d", n, c.want)
		}
	}
}

// A message that comes after its retransmission has done its work is a
// duplicate, whatever the state has become.
func TestLateArrivalOfAnyMessageChangesNothing(t *testing.T) {
	eachMessage(t, func(t *testing.T, p *pair, late, _ int) {
		var held []Datagram
		p.lose = func(n int, d Datagram) bool {
			if n == late {
				held = append(held, copied(d))
				return true
			}
			return false
		}
		p.connect()
		p.advance(upAfter)
		p.checkUp()
		for _, wait := range []time.Duration{0, time.Minute, 10 * time.Minute} {
			p.advance(wait)
			p.wire = append(p.wire, copied(held[0]))
			p.settle()
			p.checkUp()
		}
	})
}

func TestLossOfEverythingEndsInRetransmission(t *testing.T) {
	eachMessage(t, func(t *testing.T, p *pair, from, last int) {
		p.lose = func(n int, _ Datagram) bool { return n >= from }
		p.connect()
		p.advance(5 * time.Minute)
		if n := len(p.hub.sas); n != 0 {
			t.Errorf("the hub has %d IPsec SAs of a quick mode that did not end", n)
		}
		p.advance(25 * time.Hour) // what came up ends with its lifetime
		p.hub.engine.checkQuiet(t)
		p.spoke.engine.checkQuiet(t)
		if from < last && len(p.spoke.failed) != 1 {
			t.Errorf("the spoke's request failed %d times, want once", len(p.spoke.failed))
		}
	})
}

// A responder whose SA is never confirmed takes it back, and says so: the
// initiator already sends on it.
func TestUnconfirmedQuickModeIsTakenBackAtBothEnds(t *testing.T) {
	p := newPair(t, nil)
	p.lose = func(n int, d Datagram) bool { return n >= tunnelDatagrams && d.Local.Addr() == spokeAddr }
	p.connect()
	if len(p.spoke.sas) != 2 {
		t.Fatalf("the spoke has %d IPsec SAs, want 2", len(p.spoke.sas))
	}
	p.advance(5 * time.Minute)
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Errorf("hub has %d, spoke %d IPsec SAs, want none", len(p.hub.sas), len(p.spoke.sas))
	}
}

// The retransmissions come every 10 s, five of them.
func TestRetransmissionSchedule(t *testing.T) {
	p := newPair(t, nil)
	var at []time.Duration
	p.lose = func(int, Datagram) bool {
		at = append(at, p.now.Sub(epoch))
		return true
	}
	p.connect()
	p.advance(5 * time.Minute)
	want := []time.Duration{0, 10 * time.Second, 20 * time.Second, 30 * time.Second, 40 * time.Second, 50 * time.Second}
	if fmt.Sprint(at) != fmt.Sprint(want) {
		t.Errorf("message 1 was sent at %v, want %v", at, want)
	}
	if n := p.spoke.engine.Statistics().Phase1Failed; n != 1 {
		t.Errorf("%d failures of phase 1, want 1", n)
	}
}

func TestBothEndsInitiateAtOnce(t *testing.T) {
	p := newPair(t, withPFS)
	for _, s := range []*side{p.hub, p.spoke} {
		p.do(s, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	}
	p.settle()
	p.checkWorking()
	p.advance(5 * time.Minute)
	p.checkWorking()
}

// checkWorking verifies that each end has a pair of IPsec SAs whose keys the
// other end has too.
func (p *pair) checkWorking() {
	p.t.Helper()
	ends := [2]*side{p.hub, p.spoke}
	for i, s := range ends {
		list := s.engine.IPsecSAs()
		if len(list) == 0 {
			p.t.Fatalf("%s has no IPsec SAs", s.name)
		}
		newest := list[len(list)-1]
		for _, spi := range []uint32{newest.InSPI, newest.OutSPI} {
			ours, okOurs := s.sas[spi]
			theirs, okTheirs := ends[1-i].sas[spi]
			if !okOurs || !okTheirs {
				p.t.Fatalf("%s: SA %08x is not at both ends", s.name, spi)
			}
			if !ours.EncKey.Equal(theirs.EncKey) || !ours.AuthKey.Equal(theirs.AuthKey) {
				p.t.Fatalf("%s: SA %08x has different keys at the ends", s.name, spi)
			}
		}
	}
}

// Under a network that loses, repeats and delays at random, with a spoke that
// restarts now and then, whatever is up has
// the same keys at both ends, and a tunnel can be had once the network is well.
func TestRandomTrouble(t *testing.T) {
	randomTrouble(t, 1, nil, func(p *pair, r *rand.Rand) *side {
		if r.IntN(3) == 0 {
			return p.hub
		}
		return p.spoke
	})
}

// randomTrouble is 60 seeds of a pair whose ends ask for a tunnel ten times each.
func randomTrouble(t *testing.T, stream uint64, change func(hub, spoke *Config), who func(*pair, *rand.Rand) *side) {
	for seed := range uint64(60) {
		p := newPair(t, change)
		r := rand.New(rand.NewPCG(seed, stream))
		var held []Datagram
		p.lose = func(_ int, d Datagram) bool {
			switch x := r.IntN(10); {
			case x < 3:
				return true
			case x == 3:
				p.wire = append(p.wire, copied(d))
			case x == 4:
				held = append(held, copied(d))
				return true
			case x == 5 && len(held) > 0:
				p.wire = append(p.wire, held...)
				held = nil
			}
			return false
		}
		for round := range 10 {
			if r.IntN(5) == 0 {
				p.restartSpoke(uint16(seed)<<4 + uint16(round) + 100)
			}
			p.do(who(p, r), func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
			p.advance(time.Duration(r.IntN(30)) * time.Second)
		}
		p.lose = nil
		p.advance(3 * time.Minute)
		p.connect()
		p.advance(3 * time.Minute)
		p.checkAgree(seed)
		if t.Failed() {
			return
		}
	}
}

// checkAgree verifies that no two ends have different keys under one SPI, and
// that the newest tunnel of the spoke works.
func (p *pair) checkAgree(seed uint64) {
	p.t.Helper()
	for spi, a := range p.hub.sas {
		if b, ok := p.spoke.sas[spi]; ok && !a.EncKey.Equal(b.EncKey) {
			p.t.Errorf("seed %d: SA %08x has different keys at the ends", seed, spi)
		}
	}
	list := p.spoke.engine.IPsecSAs()
	if len(list) == 0 {
		p.t.Errorf("seed %d: no tunnel once the network is well", seed)
		return
	}
	newest := list[len(list)-1]
	if _, ok := p.hub.sas[newest.OutSPI]; !ok {
		p.t.Errorf("seed %d: the hub does not have the SA that the spoke sends with", seed)
	}
}

func copied(d Datagram) Datagram {
	d.Data = append([]byte(nil), d.Data...)
	return d
}

// checkQuiet verifies that an engine without SAs holds nothing.
func (e *Engine) checkQuiet(t testing.TB) {
	t.Helper()
	for name, n := range map[string]int{
		"timers": e.timers.count, "SAs by cookies": len(e.byCookies), "SAs by first message": len(e.byInitial),
		"SAs by addresses": len(e.byAddrs), "half-open SAs": e.halfOpen.count, "peers": len(e.peers),
		"IPsec SAs": len(e.children), "IPsec SAs by ends": len(e.byEnds), "questions": len(e.questions),
	} {
		if n != 0 {
			t.Errorf("%d %s are left", n, name)
		}
	}
}
