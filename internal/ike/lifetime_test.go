package ike

import (
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// shortHub has lifetimes shorter than the spoke offers.
func shortHub(hub, _ *Config) {
	hub.Policies[0].Lifetime = 3600
	hub.Connections[0].Lives = policy.Lives{Seconds: 600, Kilobytes: 10000}
}

func TestResponderLifetimeIsToldAndObeyed(t *testing.T) {
	p := newPair(t, shortHub)
	p.connect()
	p.checkUp()
	for _, s := range []*side{p.hub, p.spoke} {
		if got, want := s.engine.ISAKMPSAs()[0].Expires, epoch.Add(time.Hour); !got.Equal(want) {
			t.Errorf("%s: the ISAKMP SA ends at %v, want %v", s.name, got, want)
		}
		x := s.engine.IPsecSAs()[0]
		if want := (policy.Lives{Seconds: 600, Kilobytes: 10000}); x.Lives != want || !x.Expires.Equal(epoch.Add(10*time.Minute)) {
			t.Errorf("%s: the pair lives for %+v until %v, want %+v", s.name, x.Lives, x.Expires, want)
		}
		for _, sa := range s.sas {
			if sa.LifeSeconds != 600 || sa.LifeKilobytes != 10000 {
				t.Errorf("%s: an SA is installed for %d s and %d kB", s.name, sa.LifeSeconds, sa.LifeKilobytes)
			}
		}
		if !s.events.has(trace.CodeResponderLifetime) {
			t.Errorf("%s tells nothing", s.name)
		}
	}
	p.advance(time.Hour)
	if n := p.spoke.upSAs(); n != 0 {
		t.Errorf("%d ISAKMP SAs are up after their life", n)
	}
}

func TestEqualLifetimesAreNotTold(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	if p.sent != tunnelDatagrams || p.hub.events.has(trace.CodeResponderLifetime) {
		t.Errorf("%d datagrams", p.sent)
	}
}

// lifeNotify is RESPONDER-LIFETIME in an exchange of its own.
func lifeNotify(protocol isakmp.ProtocolID, spi []byte, kind, duration isakmp.AttributeType, seconds uint32) []byte {
	return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: isakmp.NotifyResponderLifetime,
		Data: lifeAttributes(kind, duration, policy.Lives{Seconds: seconds})})
}

func TestLifetimesInExchangesOfTheirOwn(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	s, x := p.hub.newest(), p.hub.engine.IPsecSAs()[0]
	ends := func() (time.Duration, time.Duration) {
		return p.spoke.engine.ISAKMPSAs()[0].Expires.Sub(epoch), p.spoke.engine.IPsecSAs()[0].Expires.Sub(epoch)
	}
	tell := func(body []byte) { p.deliver(p.inform(p.hub, isakmp.PayloadNotify, body)) }
	before1, before2 := ends()
	other := append([]byte(nil), s.spi()...)
	other[0] ^= 1
	for name, body := range map[string][]byte{
		"longer":       lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.AttrLifeType, isakmp.AttrLifeDuration, 1<<31),
		"zero":         lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.AttrLifeType, isakmp.AttrLifeDuration, 0),
		"another SA":   lifeNotify(isakmp.ProtocolISAKMP, other, isakmp.AttrLifeType, isakmp.AttrLifeDuration, 60),
		"no SPI":       lifeNotify(isakmp.ProtocolISAKMP, nil, isakmp.AttrLifeType, isakmp.AttrLifeDuration, 60),
		"AH":           lifeNotify(isakmp.ProtocolAH, spiOctets(x.InSPI), isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, 60),
		"unknown pair": lifeNotify(isakmp.ProtocolESP, spiOctets(x.InSPI+1), isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, 60),
		"malformed": isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(),
			Type: isakmp.NotifyResponderLifetime, Data: []byte{0, 11, 0, 9, 1}}),
	} {
		tell(body)
		if got1, got2 := ends(); got1 != before1 || got2 != before2 {
			t.Errorf("%s: the SAs end at %v and %v, want %v and %v", name, got1, got2, before1, before2)
		}
	}
	tell(lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, 7200))
	tell(lifeNotify(isakmp.ProtocolESP, spiOctets(x.InSPI), isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, 900))
	if got1, got2 := ends(); got1 != 2*time.Hour || got2 != 15*time.Minute {
		t.Errorf("the SAs end at %v and %v, want 2h and 15m", got1, got2)
	}
	tell(lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.AttrLifeType, isakmp.AttrLifeDuration, 3600))
	p.advance(time.Hour)
	if n := p.spoke.upSAs(); n != 0 {
		t.Errorf("%d ISAKMP SAs are up after the life that was told", n)
	}
	p.advance(25 * time.Hour)
	p.spoke.engine.checkQuiet(t)
}

// A lifetime that is told as late as it is over leaves time to renew: the responder's
// SA has begun later.
func TestALifetimeThatIsToldLateLeavesTimeToRenew(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	p.advance(time.Minute)
	s := p.spoke.newest()
	p.deliver(p.inform(p.hub, isakmp.PayloadNotify, lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.AttrLifeType, isakmp.AttrLifeDuration, 60)))
	if s.dead || s.e.timers.time(s.expires).Sub(p.now) < 11*time.Second || s.e.timers.time(s.expires).Sub(p.now) > 13*time.Second {
		t.Fatalf("dead: %v, it ends in %v", s.dead, s.e.timers.time(s.expires).Sub(p.now))
	}
	p.advance(20 * time.Second)
	if n := p.spoke.newest(); !s.dead || n == s || !n.up() {
		t.Errorf("the old SA is dead: %v, a new one is up: %v", s.dead, n != s && n.up())
	}
}
