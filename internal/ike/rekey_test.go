package ike

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// busy is a Traffic where each end sends without pause by its newest SA.
type busy struct{ other func() (time.Time, *side) }

func (b busy) LastPackets(inboundSPI uint32) (in, out time.Time) {
	now, s := b.other()
	if slices.Contains(s.sends, inboundSPI) {
		return now, now
	}
	return in, out
}

// busyPair has traffic, lifetimes of ten minutes and of two, and peers that
// settle.
func busyPair(t testing.TB) *pair {
	var p *pair
	p = newPair(t, func(hub, spoke *Config) {
		for _, c := range []*Config{hub, spoke} {
			c.Policies[0].Lifetime = 600
			c.Connections[0].Lives.Seconds = 120
			c.SettleTime = 50 * time.Millisecond
		}
		hub.Traffic = busy{func() (time.Time, *side) { return p.now, p.spoke }}
		spoke.Traffic = busy{func() (time.Time, *side) { return p.now, p.hub }}
	})
	return p
}

// checkFlows verifies that what each end sends now is understood by the other.
func (p *pair) checkFlows() {
	p.t.Helper()
	ends := [2]*side{p.hub, p.spoke}
	for i, s := range ends {
		if len(s.sends) == 0 {
			p.t.Fatalf("after %v %s has no SA to send by", p.now.Sub(epoch), s.name)
		}
		spi := s.sends[len(s.sends)-1]
		if _, ok := ends[1-i].sas[spi]; !ok {
			p.t.Fatalf("after %v %s sends by SA %08x, which the other end does not have", p.now.Sub(epoch), s.name, spi)
		}
	}
}

// watch lets time pass and checks the flows ten times a second.
func (p *pair) watch(d time.Duration) {
	p.t.Helper()
	const step = 100 * time.Millisecond
	for end := p.now.Add(d); p.now.Before(end); {
		p.advance(step)
		p.checkFlows()
	}
}

func (p *pair) ask(ends ...*side) {
	for _, s := range ends {
		p.do(s, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	}
}

// TestNoPacketIsLostAcrossRekeys runs through thirty lives of IPsec SAs and six
// of ISAKMP SAs.
func TestNoPacketIsLostAcrossRekeys(t *testing.T) {
	for _, lead := range []string{"hub", "spoke"} {
		p := busyPair(t)
		s := p.spoke
		if lead == "hub" {
			s = p.hub
		}
		p.ask(s)
		p.advance(time.Second)
		p.watch(time.Hour)
		p.advance(0)
		for _, s := range []*side{p.hub, p.spoke} {
			if n := s.engine.Statistics().Phase1Up; n < 6 || n > 9 {
				t.Errorf("%s leads: %s came up with %d ISAKMP SAs in an hour of ten-minute lives", lead, s.name, n)
			}
			if n := s.engine.Statistics().Phase2Up; n < 30 || n > 50 {
				t.Errorf("%s leads: %s came up with %d pairs in an hour of two-minute lives", lead, s.name, n)
			}
			if n := len(s.engine.IPsecSAs()); n > 2 {
				t.Errorf("%s leads: %s holds %d pairs", lead, s.name, n)
			}
		}
	}
}

// TestRekeysOutliveTheLossOfAMessage loses each message in turn of those that
// the first two minutes of renewals take.
func TestRekeysOutliveTheLossOfAMessage(t *testing.T) {
	for lost := tunnelDatagrams + 1; lost < tunnelDatagrams+45; lost++ {
		p := busyPair(t)
		p.lose = func(n int, _ Datagram) bool { return n == lost }
		p.connect()
		p.advance(time.Second)
		p.watch(11 * time.Minute)
	}
}

// TestAnIdlePairEndsWithItsLife: what carries nothing is not renewed.
func TestAnIdlePairEndsWithItsLife(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		hub.Connections[0].Lives.Seconds = 120
		hub.Traffic, spoke.Traffic = &traffic{}, &traffic{}
	})
	p.connect()
	p.advance(3 * time.Minute)
	if len(p.hub.sas) != 0 || p.hub.engine.Statistics().Phase2Up != 1 {
		t.Errorf("the hub has %d IPsec SAs after %d pairs", len(p.hub.sas), p.hub.engine.Statistics().Phase2Up)
	}
}

// TestVolumeLowRekeys: both ends count the same packets, and one asks.
func TestVolumeLowRekeys(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	for _, s := range []*side{p.hub, p.spoke} {
		spi := s.engine.IPsecSAs()[0].InSPI
		for range 2 {
			p.do(s, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, spi, fx) })
		}
		p.do(s, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, spi+1, fx) })
	}
	p.watch(time.Second)
	for _, s := range []*side{p.hub, p.spoke} {
		if n := s.engine.Statistics().Phase2Up; n != 2 {
			t.Errorf("%s made %d pairs, want the first and its successor", s.name, n)
		}
	}
	p.watch(40 * time.Second)
	p.checkUp()
}

// TestAPeerThatStaysWithTheOldPairIsTold: it sends by it although there is a new
// one, until its volume is used up. What it sends until it knows is taken.
func TestAPeerThatStaysWithTheOldPairIsTold(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	old := p.hub.engine.IPsecSAs()[0].InSPI
	p.do(p.hub, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, old, fx) })
	p.watch(time.Second)
	if n := len(p.hub.engine.IPsecSAs()); n != 2 {
		t.Fatalf("%d pairs, want the old one and its successor", n)
	}
	for range 2 {
		p.do(p.hub, func(e *Engine, fx *Effects) { e.VolumeUsedUp(p.now, old, fx) })
	}
	if _, there := p.hub.sas[old]; !there {
		t.Error("the old inbound SA takes nothing any more")
	}
	p.settle()
	if n := len(p.spoke.engine.IPsecSAs()); n != 1 {
		t.Errorf("the peer has %d pairs, want the new one", n)
	}
	p.watch(drain)
	p.checkUp()
}

// TestVolumeLowWhileAPairSettles: a fast peer may use half of a small volume up
// before we send by the pair.
func TestVolumeLowWhileAPairSettles(t *testing.T) {
	p := settlePair(t)
	p.connect()
	spi := p.spoke.engine.IPsecSAs()[0].InSPI
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, spi, fx) })
	p.advance(200 * time.Millisecond)
	if n := p.spoke.outbound(); n != 2 {
		t.Errorf("%d outbound SAs, want the first and its successor", n)
	}
}

// TestTheResponderWaitsNoLongerThanItsVolume: it lets the initiator go first, and
// does without it when the pair is used up.
func TestTheResponderWaitsNoLongerThanItsVolume(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	spi := p.hub.engine.IPsecSAs()[0].InSPI
	p.do(p.hub, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, spi, fx) })
	p.settle()
	if n := p.hub.engine.Statistics().Phase2Up; n != 1 {
		t.Errorf("the responder has made %d pairs at once, want 1", n)
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.VolumeUsedUp(p.now, spi, fx) })
	p.settle()
	if n := p.hub.engine.Statistics().Phase2Up; n != 2 {
		t.Errorf("the responder has made %d pairs when its volume is over, want 2", n)
	}
	if _, there := p.hub.sas[spi]; !there {
		t.Error("the old inbound SA is gone before its successor sends")
	}
}

// TestVolumeIsRenewedInHaste: what is lost is sent again after 1, 2, 4 and 8
// seconds, and every ten from then on.
func TestVolumeIsRenewedInHaste(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	spi := p.spoke.engine.IPsecSAs()[0].InSPI
	var times []time.Duration
	begun := p.now
	p.lose = func(_ int, d Datagram) bool {
		h, err := isakmp.ParseHeader(d.Data)
		if err != nil || h.Exchange != isakmp.ExchangeQuick {
			return false
		}
		times = append(times, p.now.Sub(begun))
		return true
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, spi, fx) })
	p.advance(26 * time.Second)
	want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 25 * time.Second}
	if !slices.Equal(times, want) {
		t.Errorf("sent at %v, want %v", times, want)
	}
}

// TestNoReturnToAnOlderPair: the newest is used up with no successor.
func TestNoReturnToAnOlderPair(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	old := p.spoke.engine.IPsecSAs()[0].InSPI
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, old, fx) })
	p.watch(time.Second)
	for _, x := range p.spoke.engine.IPsecSAs() {
		if x.InSPI != old {
			p.do(p.spoke, func(e *Engine, fx *Effects) { e.VolumeUsedUp(p.now, x.InSPI, fx) })
		}
	}
	p.settle()
	if hub, spoke := len(p.hub.sas), len(p.spoke.sas); hub != 0 || spoke != 0 {
		t.Errorf("hub %d, spoke %d SAs are left", hub, spoke)
	}
}

// TestCrossingNegotiationsLeaveOne has both ends begin at once, with the wire's
// datagrams in several orders.
func TestCrossingNegotiationsLeaveOne(t *testing.T) {
	for _, delayed := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18} {
		for _, what := range []string{"main modes", "quick modes", "rekeys"} {
			t.Run(fmt.Sprint(what, " ", delayed), func(t *testing.T) {
				p := busyPair(t)
				if what != "main modes" {
					p.connect()
					p.advance(time.Second)
				}
				first := p.sent
				p.lose = func(n int, d Datagram) bool {
					if n == first+delayed && delayed > 0 {
						p.wire = append(p.wire, copied(d), copied(d))
						return true
					}
					return false
				}
				switch what {
				case "main modes":
					p.ask(p.hub, p.spoke)
				case "quick modes":
					for _, s := range []*side{p.hub, p.spoke} {
						for _, c := range s.engine.children {
							p.do(s, func(e *Engine, fx *Effects) { e.begin(p.now, fx); e.removeChild(c, trace.ReasonNone) })
						}
					}
					p.ask(p.hub, p.spoke)
				case "rekeys":
					for _, s := range []*side{p.hub, p.spoke} {
						for _, c := range s.engine.children {
							p.do(s, func(e *Engine, fx *Effects) { e.begin(p.now, fx); c.renew() })
						}
					}
				}
				p.advance(time.Second)
				p.watch(39 * time.Second)
				p.checkUp()
				p.watch(5 * time.Minute)
			})
		}
	}
}

// TestAReinstatedPairIsRenewed: the end that leaves the decision keeps what the
// other one keeps.
func TestAReinstatedPairIsRenewed(t *testing.T) {
	p := busyPair(t)
	p.ask(p.hub, p.spoke)
	p.advance(time.Second)
	p.watch(30 * time.Minute)
}

// An ISAKMP SA that has left its renewal to a newer one is renewed at once when
// that ends.
func TestAnSAIsRenewedWhenTheNewerOneEnds(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		for _, c := range []*Config{hub, spoke} {
			c.Policies[0].Lifetime = 60
		}
	})
	p.connect()
	old := p.spoke.newest()
	p.advance(time.Second)
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.startPhase1(toPort(hubAddr), toPort(spokeAddr), "", nil)
	})
	p.settle()
	p.now = p.now.Add(45 * time.Second)
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.timers.set(&old.retry, p.now.Add(renewalInterval)) // it has just looked
		p.spoke.newest().deleteSA(trace.ReasonUserCommand)
	})
	if at := old.e.timers.time(old.retry.at); at.After(p.now) {
		t.Errorf("the older SA looks again in %v; it ends in %v", at.Sub(p.now), old.e.timers.time(old.expires).Sub(p.now))
	}
	p.advance(time.Second)
	if n := p.spoke.upSAs(); n != 2 {
		t.Errorf("%d ISAKMP SAs, want the older one and its successor", n)
	}
}

// An ISAKMP SA that is due and looks after nothing has its successor as soon as there is
// something to look after, however soon it ends.
func TestADueISAKMPSAIsRenewedWithItsFirstPair(t *testing.T) {
	p := busyPair(t)
	p.ask(p.spoke)
	p.advance(time.Second)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.advance(563 * time.Second)
	if n := p.spoke.upSAs(); n != 1 || len(p.spoke.sas) != 0 {
		t.Fatalf("the spoke has %d ISAKMP SAs and %d IPsec SAs", n, len(p.spoke.sas))
	}
	p.ask(p.spoke)
	p.advance(time.Second)
	if n := p.spoke.upSAs(); n != 2 || len(p.spoke.sas) != 2 {
		t.Errorf("the spoke has %d ISAKMP SAs and %d IPsec SAs, want 2 and 2", n, len(p.spoke.sas))
	}
}
