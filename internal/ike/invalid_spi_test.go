package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// unknown gives the hub ESP of an SA that it does not have.
func (p *pair) unknown(spi uint32, from netip.Addr) {
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.UnknownSPI(p.now, spi, netip.AddrPortFrom(hubAddr, 0), netip.AddrPortFrom(from, 0), fx)
	})
	p.settle()
}

func (e *events) count(code trace.Code) (n int) {
	for _, r := range e.list {
		if r.Event.Code() == code {
			n++
		}
	}
	return n
}

// Under an ISAKMP SA the peer is told, and drops what we do not have.
func TestAnUnknownSPIIsToldUnderTheISAKMPSA(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	x := p.spoke.engine.IPsecSAs()[0]
	for _, c := range p.hub.engine.sortedChildren() {
		p.do(p.hub, func(e *Engine, fx *Effects) { e.begin(p.now, fx); e.removeChild(c, trace.ReasonNone) })
	}
	p.unknown(x.OutSPI, spokeAddr)
	if n := len(p.spoke.sas); n != 0 {
		t.Errorf("the spoke still has %d SAs", n)
	}
	var reason trace.Reason
	for _, r := range p.spoke.events.list {
		if e, ok := r.Event.(*trace.IPsecSADeleted); ok {
			reason = e.Reason
		}
	}
	if reason != trace.ReasonInvalidSPI {
		t.Errorf("they ended for %q", reason)
	}
	p.connect()
	p.checkUp()
	// What is no SA of ours with this peer changes nothing.
	for _, n := range [][]byte{
		notifyOf(isakmp.NotifyInvalidSPI, isakmp.ProtocolESP, spiOctets(x.OutSPI)),
		notifyOf(isakmp.NotifyInvalidSPI, isakmp.ProtocolESP, spiOctets(p.spoke.engine.IPsecSAs()[0].InSPI)),
		notifyOf(isakmp.NotifyInvalidSPI, isakmp.ProtocolAH, spiOctets(p.spoke.engine.IPsecSAs()[0].OutSPI)),
		notifyOf(isakmp.NotifyInvalidSPI, isakmp.ProtocolESP, nil),
	} {
		p.deliver(p.inform(p.hub, isakmp.PayloadNotify, n))
	}
	p.checkUp()
}

// A spoke with stale SAs and no ISAKMP SA recovers only where it is configured.
func TestRecoveryFromAnUnknownSPI(t *testing.T) {
	for _, recover := range []bool{true, false} {
		p := newPair(t, func(hub, _ *Config) { hub.InvalidSPIRecovery = recover })
		p.connect()
		stale := p.spoke.engine.IPsecSAs()[0].OutSPI
		p.hub.engine = New(p.hub.engine.cfg)
		p.hub.sas, p.hub.sends = newSide("hub", p.hub.engine.cfg, 9).sas, nil
		p.unknown(stale, spokeAddr)
		if got := len(p.spoke.sas) == 0; got != recover {
			t.Errorf("recovery %v: the spoke has %d SAs", recover, len(p.spoke.sas))
		}
		if !p.hub.events.has(trace.CodeInvalidSPIReceived) {
			t.Error("nothing is told")
		}
		if recover {
			p.connect()
			if len(p.spoke.sas) != 2 || len(p.hub.sas) != 2 {
				t.Errorf("hub has %d, spoke %d SAs", len(p.hub.sas), len(p.spoke.sas))
			}
		}
	}
}

// A flood is told at intervals, and strangers get nothing.
func TestUnknownSPIsAreLimited(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.InvalidSPIRecovery = true })
	p.lose = func(int, Datagram) bool { return true }
	stranger := netip.MustParseAddr("198.51.100.9")
	for i := range uint32(1000) {
		p.unknown(1000+i, spokeAddr)
		p.unknown(1000+i, stranger)
		p.unknown(1000+i, stranger.Next())
	}
	if n := p.hub.events.count(trace.CodeInvalidSPIReceived); n != 2 {
		t.Errorf("%d events, want one of the peer and one of strangers", n)
	}
	if n := len(p.hub.engine.ISAKMPSAs()); n != 1 || p.sent != 1 {
		t.Errorf("%d main modes and %d datagrams, want 1", n, p.sent)
	}
	if n := len(p.hub.engine.invalidSPI); n != 1 {
		t.Errorf("%d peers are noted", n)
	}
	p.advance(invalidSPIInterval)
	p.unknown(1, spokeAddr)
	if n := p.hub.events.count(trace.CodeInvalidSPIReceived); n != 3 {
		t.Errorf("%d events after the interval, want 3", n)
	}
	if n := len(p.hub.engine.ISAKMPSAs()); n != 1 {
		t.Errorf("%d main modes", n)
	}
	p.lose = nil
	p.advance(time.Minute)
	if n := p.hub.engine.Statistics().Phase1Up; n != 1 {
		t.Errorf("%d main modes came up", n)
	}
}

func TestClearingByFilter(t *testing.T) {
	other := netip.MustParseAddr("198.51.100.9")
	for name, test := range map[string]struct {
		filter IPsecFilter
		want   int
	}{
		"all":             {IPsecFilter{}, 1},
		"the peer":        {IPsecFilter{Peer: spokeAddr}, 1},
		"another peer":    {IPsecFilter{Peer: other}, 0},
		"the map":         {IPsecFilter{Map: "CMAP"}, 1},
		"another map":     {IPsecFilter{Map: "OTHER"}, 0},
		"peer and no map": {IPsecFilter{Peer: spokeAddr, Map: "OTHER"}, 0},
	} {
		p := newPair(t, nil)
		p.connect()
		var n int
		p.do(p.hub, func(e *Engine, fx *Effects) { n = e.ClearIPsec(p.now, test.filter, fx) })
		p.settle()
		if n != test.want || len(p.hub.sas) != 2-2*test.want || len(p.spoke.sas) != 2-2*test.want || p.hub.upSAs() != 1 {
			t.Errorf("%s: %d pairs deleted; the hub has %d SAs, the spoke %d", name, n, len(p.hub.sas), len(p.spoke.sas))
		}
	}
}

// Either SA of a pair names it, by its own destination.
func TestClearingOneEntry(t *testing.T) {
	for name, test := range map[string]struct {
		destination netip.Addr
		inbound     bool
		want        int
	}{
		"inbound":             {hubAddr, true, 1},
		"outbound":            {spokeAddr, false, 1},
		"inbound at the peer": {spokeAddr, true, 0},
		"outbound at us":      {hubAddr, false, 0},
	} {
		p := newPair(t, nil)
		p.connect()
		sa := p.hub.engine.IPsecSAs()[0]
		f := IPsecFilter{Destination: test.destination, SPI: sa.OutSPI}
		if test.inbound {
			f.SPI = sa.InSPI
		}
		var n int
		p.do(p.hub, func(e *Engine, fx *Effects) { n = e.ClearIPsec(p.now, f, fx) })
		p.settle()
		if n != test.want || len(p.hub.sas) != 2-2*test.want || len(p.spoke.sas) != 2-2*test.want {
			t.Errorf("%s: %d pairs deleted; the hub has %d SAs, the spoke %d", name, n, len(p.hub.sas), len(p.spoke.sas))
		}
	}
}

func TestClearingSessions(t *testing.T) {
	other := netip.MustParseAddr("198.51.100.9")
	for f, want := range map[SessionFilter]int{
		{}:                                    1,
		{Remote: spokeAddr}:                   1,
		{Remote: other}:                       0,
		{Local: hubAddr}:                      1,
		{Local: other}:                        0,
		{Local: hubAddr, Remote: spokeAddr}:   1,
		{Local: other, Remote: spokeAddr}:     0,
		{Remote: spokeAddr, RemotePort: 500}:  1,
		{Remote: spokeAddr, RemotePort: 4500}: 0,
	} {
		p := newPair(t, nil)
		p.connect()
		var sas, pairs int
		p.do(p.hub, func(e *Engine, fx *Effects) { sas, pairs = e.ClearSession(p.now, f, fx) })
		p.settle()
		if sas != want || pairs != want || p.hub.upSAs() != 1-want || p.spoke.upSAs() != 1-want || len(p.spoke.sas) != 2-2*want {
			t.Errorf("session %+v: %d ISAKMP SAs and %d pairs deleted", f, sas, pairs)
		}
	}
}
