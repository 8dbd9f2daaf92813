package ike

import (
	"testing"
	"time"

	"qmidle/internal/ipsec"
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

// TestAnSAEndsBeforeItHasSettled deletes the pair in between: what was never
// installed is not removed, and does not come later.
func TestAnSAEndsBeforeItHasSettled(t *testing.T) {
	p := settlePair(t)
	p.connect()
	var removed []RemovedSA
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.ClearIPsec(p.now, IPsecFilter{}, fx)
		removed = append(removed, fx.Remove...)
	})
	p.advance(time.Second)
	if len(removed) != 1 || removed[0].Direction != ipsec.Inbound || len(p.spoke.sas) != 0 || len(p.hub.sas) != 0 {
		t.Errorf("removed %+v; spoke has %d SAs, hub %d, want none", removed, len(p.spoke.sas), len(p.hub.sas))
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
