package ike

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The three messages of aggressive mode and the three of quick mode.
const aggressiveDatagrams = 6

func aggressivePFS(hub, spoke *Config) {
	withAggressive(hub, spoke)
	withPFS(hub, spoke)
}

// Every message comes twice at once: no end sends more for it.
func TestDuplicatesAtOnceInAggressiveMode(t *testing.T) {
	p := newPair(t, aggressivePFS)
	p.lose = func(_ int, d Datagram) bool {
		p.hand(d, d.Data)
		return false
	}
	p.connect()
	p.checkUp()
	if n := p.hub.engine.Statistics().DatagramsOut + p.spoke.engine.Statistics().DatagramsOut; n != aggressiveDatagrams {
		t.Errorf("%d datagrams for a tunnel, want %d", n, aggressiveDatagrams)
	}
}

// The next message overtakes each one.
func TestReorderingInAggressiveModeIsMended(t *testing.T) {
	for early := 1; early < aggressiveDatagrams; early++ {
		t.Run(fmt.Sprint("message ", early), func(t *testing.T) {
			p := newPair(t, aggressivePFS)
			var held *Datagram
			p.lose = func(n int, d Datagram) bool {
				if n == early {
					d = copied(d)
					held = &d
					return true
				}
				if held != nil {
					p.hand(d, d.Data)
					p.wire = append(p.wire, *held)
					held = nil
					return true
				}
				return false
			}
			p.connect()
			if held != nil {
				p.wire = append(p.wire, *held)
				p.settle()
			}
			p.advance(2 * upAfter)
			p.checkUp()
		})
	}
}

// What a responder sends unasked to whom has sent it one message stays within three
// times that message.
func TestMessage2IsNoAmplifier(t *testing.T) {
	p := newPair(t, withAggressive)
	in, out := 0, 0
	p.lose = func(n int, d Datagram) bool {
		if d.Local.Addr() == hubAddr {
			out += len(d.Data)
			return true
		}
		in += len(d.Data)
		return n > 1
	}
	p.connect()
	p.advance(0)
	p.spoke = newSide("nobody", configFor(spokeAddr, hubAddr, spokeNet, hubNet), 9)
	p.advance(3 * time.Minute)
	if out > 3*in || out == 0 {
		t.Errorf("%d octets for %d", out, in)
	}
	p.hub.engine.checkQuiet(t)
}

func TestRandomTroubleInAggressiveMode(t *testing.T) {
	randomTrouble(t, 2, withAggressive, func(p *pair, _ *rand.Rand) *side { return p.spoke })
}
