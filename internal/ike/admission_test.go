package ike

import (
	"net/netip"
	"testing"

	"qmidle/internal/trace"
)

// Where as many ISAKMP SAs are up as may be, nobody else's negotiation begins,
// whoever asks for it; the peers that are in go on.
func TestCallAdmission(t *testing.T) {
	p := tunnelWith(t, func(hub, _ *Config) { hub.MaxSAs = 1 })
	other, h := stranger(1), firstMessage(t, 1)
	if out := p.from(other, h); len(out) != 0 {
		t.Errorf("a stranger is answered: %d datagrams", len(out))
	}
	stats := p.hub.engine.Statistics()
	if a := stats.Admissions; a.In != 1 || a.InRejected != 1 || stats.Dropped[trace.DropLimit] != 1 {
		t.Errorf("%+v, %d dropped", a, stats.Dropped[trace.DropLimit])
	}
	if out := p.from(netip.AddrPortFrom(spokeAddr, 500), firstMessage(t, 2)); len(out) != 1 {
		t.Error("the peer that is in is not answered: it could not renew its SA")
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	if out := p.from(other, h); len(out) != 1 {
		t.Error("there is room, and the stranger is not answered")
	}
	p.hub.engine.ResetAdmissions()
	if a := p.hub.engine.Statistics().Admissions; a != (Admissions{}) {
		t.Errorf("%+v", a)
	}
}

// The gateway's own requests are refused too, and fail at once.
func TestCallAdmissionOfOwnRequests(t *testing.T) {
	p := newPair(t, func(_, spoke *Config) {
		spoke.MaxSAs = 1
		second := *spoke.Connections[0]
		second.Tag, second.Peers = 2, []netip.Addr{netip.MustParseAddr("192.0.2.78")}
		spoke.Connections = append(spoke.Connections, &second)
	})
	p.connect()
	p.checkUp()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 2}, fx) })
	p.settle()
	if len(p.spoke.failed) != 1 || p.spoke.engine.Statistics().Admissions.OutRejected != 1 {
		t.Errorf("%d requests failed, %+v", len(p.spoke.failed), p.spoke.engine.Statistics().Admissions)
	}
}

// A bound that is lowered throws out what is more.
func TestLowerBound(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.Keys = fixedKeys("mekmitasdigoat") })
	for i := range 40 {
		p.from(stranger(i), firstMessage(t, i))
	}
	p.reconfigure(func(c *Config) { c.MaxHalfOpen = 10 })
	if n := p.hub.engine.Holdings().HalfOpen; n != 10 {
		t.Errorf("%d half-open SAs", n)
	}
}
