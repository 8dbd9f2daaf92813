package ike

import (
	"net/netip"
	"testing"

	"qmidle/internal/trace"
)

// newAddress gives the hub's connection another address, or none, under a tag of
// its own, as a caller does whose interface has moved.
func newAddress(p *pair, tag uint32, local netip.Addr) {
	cfg := p.hub.engine.cfg
	conn := *cfg.Connections[0]
	conn.Tag, conn.Local = tag, local
	cfg.Connections = []*Connection{&conn}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonNewAddress, fx) })
	p.settle()
}

func TestSAsEndWithTheirAddress(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	newAddress(p, 2, netip.MustParseAddr("192.1.1.99"))
	for _, s := range []*side{p.hub, p.spoke} {
		if s.upSAs() != 0 || len(s.sas) != 0 {
			t.Errorf("%s has %d ISAKMP SAs and %d IPsec SAs", s.name, s.upSAs(), len(s.sas))
		}
	}
	if got := p.hub.engine.ISAKMPSAs()[0].DeadReason; got != trace.ReasonNewAddress {
		t.Errorf("the ISAKMP SA has ended for %q", got)
	}
	if got := p.hub.reasons(trace.CodeIPsecSADeleted); len(got) != 1 || got[0] != trace.ReasonNewAddress {
		t.Errorf("the pair has ended for %v", got)
	}
}

// Without an address nothing is negotiated, by either end; traffic that waits
// can go.
func TestConnectionWithoutAnAddress(t *testing.T) {
	p := newPair(t, nil)
	newAddress(p, 2, netip.Addr{})
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 2}, fx) })
	if len(p.wire) != 0 || len(p.hub.failed) != 1 || p.hub.failed[0] != (FailedAcquire{2, 0}) {
		t.Errorf("%d datagrams, failed %v", len(p.wire), p.hub.failed)
	}
	if e := p.hub.events.list[len(p.hub.events.list)-1].Event; *e.(*trace.RequestFailed) != (trace.RequestFailed{Reason: trace.ReasonNoAddress}) {
		t.Errorf("told %+v", e)
	}
	p.connect()
	if n := len(p.hub.engine.ISAKMPSAs()); n != 0 {
		t.Errorf("%d ISAKMP SAs at an address that the hub has not", n)
	}
	newAddress(p, 3, hubAddr)
	p.advance(20e9)
	p.checkUp()
}
