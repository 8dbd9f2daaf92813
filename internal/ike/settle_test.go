package ike

import (
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// outbound is how many outbound SAs a side has.
func (s *side) outbound() (n int) {
	for _, sa := range s.sas {
		if sa.Direction == ipsec.Outbound {
			n++
		}
	}
	return n
}

func settlePair(t *testing.T) *pair {
	const wait = 50 * time.Millisecond
	return newPair(t, func(hub, spoke *Config) { hub.SettleTime, spoke.SettleTime = wait, wait })
}

func TestTheInitiatorLetsTheResponderSettle(t *testing.T) {
	p := settlePair(t)
	p.connect()
	if n := p.hub.outbound(); n != 1 {
		t.Errorf("the responder has %d outbound SAs after message 3, want 1", n)
	}
	p.advance(49 * time.Millisecond)
	if n := p.spoke.outbound(); n != 0 {
		t.Errorf("the initiator has %d outbound SAs after 49 ms, want 0", n)
	}
	p.advance(time.Millisecond)
	p.checkUp()
}

// TestASlowResponderHasLonger: it has as long as it took for message 2, and more
// for PFS with a group that is slow.
func TestASlowResponderHasLonger(t *testing.T) {
	for _, test := range []struct {
		pfs          isakmp.Group
		answer, want time.Duration
	}{
		{isakmp.GroupNone, 20 * time.Millisecond, 50 * time.Millisecond},
		{isakmp.GroupNone, 200 * time.Millisecond, 200 * time.Millisecond},
		{isakmp.GroupNone, 5 * time.Second, time.Second},
		{isakmp.GroupMODP4096, 20 * time.Millisecond, 300 * time.Millisecond},
		{isakmp.GroupMODP4096, 400 * time.Millisecond, 400 * time.Millisecond},
	} {
		p := settlePair(t)
		for _, s := range []*side{p.hub, p.spoke} {
			s.engine.conns.byTag[1].PFS = test.pfs
		}
		p.rewrite = func(number int, _ *Datagram) {
			if number == 8 { // quick mode's message 2
				p.now = p.now.Add(test.answer)
			}
		}
		p.connect()
		p.advance(test.want - time.Millisecond)
		if n := p.spoke.outbound(); n != 0 {
			t.Errorf("%v, message 2 after %v: %d outbound SAs a millisecond before %v, want 0", test.pfs, test.answer, n, test.want)
		}
		p.advance(time.Millisecond)
		p.checkUp()
	}
}

// TestARequestThatCrossesItsAnswerAsksForNoOther: the data plane asks while the
// pair is on its way to it. A second later it means it.
func TestARequestThatCrossesItsAnswerAsksForNoOther(t *testing.T) {
	p := settlePair(t)
	p.connect()
	ask := func(s *side) int {
		p.do(s, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
		p.settle()
		p.advance(100 * time.Millisecond)
		return s.outbound()
	}
	if n := ask(p.hub); n != 1 {
		t.Errorf("the responder has %d outbound SAs, want 1", n)
	}
	if n := ask(p.spoke); n != 1 {
		t.Errorf("the initiator has %d outbound SAs, want 1", n)
	}
	p.advance(time.Second)
	if n := ask(p.hub); n != 2 {
		t.Errorf("asked again later, the responder has %d outbound SAs, want 2", n)
	}
}

// TestAnSAEndsBeforeItHasSettled deletes the pair in between: what was never
// installed is not removed, and does not come later.
func TestAnSAEndsBeforeItHasSettled(t *testing.T) {
	p := settlePair(t)
	p.connect()
	var removed []RemovedSA
	p.ask(p.spoke)
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.ClearIPsec(p.now, IPsecFilter{}, fx)
		removed = append(removed, fx.Remove...)
	})
	p.advance(time.Second)
	if len(removed) != 1 || removed[0].Direction != ipsec.Inbound || len(p.spoke.sas) != 0 || len(p.hub.sas) != 0 {
		t.Errorf("removed %+v; spoke has %d SAs, hub %d, want none", removed, len(p.spoke.sas), len(p.hub.sas))
	}
	if n := len(p.spoke.failed); n != 1 {
		t.Errorf("%d requests are answered that waited for it, want 1", n)
	}
}

// TestTrafficWhileAnSASettlesAsksForNoOther: the responder's packets come at
// once, and their answers must wait for the pair that is there.
func TestTrafficWhileAnSASettlesAsksForNoOther(t *testing.T) {
	p := settlePair(t)
	p.connect()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	p.settle()
	p.advance(time.Second)
	p.checkUp()
}
