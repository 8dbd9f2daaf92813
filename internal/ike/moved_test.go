package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// rebindable is a NAT pair and what makes its NAT forget.
func rebindable(t testing.TB, change func(hub, spoke *Config)) (p *pair, rebind func()) {
	p = newNATPair(t, change)
	first := uint16(1024)
	x := &nat{make(map[netip.AddrPort]netip.AddrPort), make(map[netip.AddrPort]netip.AddrPort)}
	p.rewrite = func(n int, d *Datagram) {
		if _, known := x.out[d.Local]; !known && d.Local.Addr() == insideAddr {
			outside := netip.AddrPortFrom(spokeAddr, first)
			x.out[d.Local], x.in[outside] = outside, d.Local
			first++
		}
		x.rewrite(n, d)
	}
	return p, func() { clear(x.out); clear(x.in) }
}

func (p *pair) hubSees() netip.AddrPort { return p.hub.newest().remote }

func TestAnAuthenticMessageMovesThePeer(t *testing.T) {
	p, rebind := rebindable(t, periodic)
	p.connect()
	p.checkUp()
	before := p.hubSees()
	rebind()
	var moved []MovedPeer
	p.hold = nil
	p.lose = func(int, Datagram) bool { return false }
	p.now = p.now.Add(10 * time.Second)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Timeout(p.now, fx) })
	for len(p.wire) > 0 {
		d := p.wire[0]
		p.wire = p.wire[1:]
		p.rewrite(0, &d)
		p.do(p.sideAt(d.Remote.Addr()), func(e *Engine, fx *Effects) {
			e.Datagram(p.now, d.Remote, d.Local, copied(d).Data, fx)
			moved = append(moved, fx.Moved...)
		})
	}
	after := p.hubSees()
	x := p.hub.engine.IPsecSAs()[0]
	if after == before || after.Addr() != spokeAddr {
		t.Fatalf("the hub sees the spoke at %v, before at %v", after, before)
	}
	if want := (MovedPeer{x.InSPI, x.OutSPI, spokeAddr, after}); len(moved) != 1 || moved[0] != want {
		t.Errorf("the data plane is told %+v, want %+v", moved, want)
	}
	if x.Remote != after || !p.hub.events.has(trace.CodePortsFloated) {
		t.Errorf("the pair is with %v", x.Remote)
	}
	p.checkUp()
	p.advance(time.Minute)
	p.checkUp()
	if len(p.hub.engine.peers) != 1 {
		t.Errorf("%d peers", len(p.hub.engine.peers))
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.advance(2 * time.Minute)
	p.hub.engine.checkQuiet(t)
	p.spoke.engine.checkQuiet(t)
}

// What is forged, replayed, or of another address moves nothing.
func TestOnlyAuthenticMessagesMoveThePeer(t *testing.T) {
	p, _ := rebindable(t, nil)
	p.connect()
	before := p.hubSees()
	hub := netip.AddrPortFrom(hubAddr, 4500)
	good := p.inform(p.spoke, isakmp.PayloadNotify, notifyOf(isakmp.NotifyConnected, isakmp.ProtocolISAKMP, nil))
	send := func(from netip.AddrPort, data []byte) {
		p.do(p.hub, func(e *Engine, fx *Effects) {
			e.Datagram(p.now, hub, from, append([]byte(nil), data...), fx)
			if len(fx.Moved) != 0 {
				t.Errorf("from %v: moved %+v", from, fx.Moved)
			}
		})
	}
	port := netip.AddrPortFrom(spokeAddr, 4711)
	bad := copied(good).Data
	bad[len(bad)-1] ^= 1
	send(port, bad)
	send(netip.AddrPortFrom(netip.MustParseAddr("192.1.1.77"), 4711), good.Data)
	send(before, good.Data)
	send(port, good.Data) // a replay
	plain := copied(good).Data
	plain[19] = 0
	send(port, plain)
	send(port, p.fragmentOf(isakmp.Fragment{ID: 1, Number: 1, Last: true, Data: bad}))
	if got := p.hubSees(); got != before {
		t.Errorf("the peer has moved from %v to %v", before, got)
	}
}

func TestESPMovesThePeer(t *testing.T) {
	p, _ := rebindable(t, nil)
	p.connect()
	spi := p.hub.engine.IPsecSAs()[0].InSPI
	tell := func(spi uint32, from netip.AddrPort) (moved int) {
		p.do(p.hub, func(e *Engine, fx *Effects) { e.PeerMoved(p.now, spi, from, fx); moved = len(fx.Moved) })
		return moved
	}
	to := netip.AddrPortFrom(spokeAddr, 4711)
	if tell(spi+1, to) != 0 || tell(spi, netip.AddrPortFrom(hubAddr, 4711)) != 0 || tell(spi, p.hubSees()) != 0 {
		t.Error("an unknown SPI, another address or the same port moves something")
	}
	if tell(spi, to) != 1 || p.hubSees() != to {
		t.Errorf("the hub sees the spoke at %v, want %v", p.hubSees(), to)
	}
}

// A NAT that gives a port to another peer behind it keeps the two apart.
func TestPeersThatSwapPortsStayApart(t *testing.T) {
	p, _ := rebindable(t, nil)
	p.connect()
	p.forged = true
	s := p.hub.newest()
	first, second := s.remote, netip.AddrPortFrom(spokeAddr, 4711)
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		other := e.newSA(trace.RoleResponder, s.local, second)
		e.lockPeer(other, trace.ForProcessBlock)
		e.movePeer(s.local, nil, s.party(), first, second)
		if s.remote != second || other.remote != first {
			t.Errorf("the peers are at %v and %v", s.remote, other.remote)
		}
	})
}

// forwarding is a NAT that lets what comes uncalled through to the same port
// inside. What goes out from there then has that port, too: a peer that was
// called and has called is seen at two.
func forwarding(t testing.TB) *pair {
	p, _ := rebindable(t, nil)
	called := make(map[uint16]bool)
	translate := p.rewrite
	p.rewrite = func(n int, d *Datagram) {
		from := d.Local
		translate(n, d)
		if d.Remote.Addr() == spokeAddr {
			called[d.Remote.Port()] = true
			d.Remote = netip.AddrPortFrom(insideAddr, d.Remote.Port())
		}
		if from.Addr() == insideAddr && called[from.Port()] {
			d.Local = netip.AddrPortFrom(spokeAddr, from.Port())
		}
	}
	return p
}

// A peer that is seen at two ports, because it has called and was called, is one
// peer: what it deletes under one SA ends wherever it came up, and all its SAs
// follow it.
func TestAPeerSeenAtTwoPortsIsOne(t *testing.T) {
	p := forwarding(t)
	p.connect()
	if port := p.hub.engine.IPsecSAs()[0].Remote.Port(); port == isakmp.PortNATT {
		t.Fatalf("the spoke that calls is seen at %d", port)
	}
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		r := requestFor(e.conns.byTag[1], Acquire{Connection: 1})
		e.startPhase1(toPort(hubAddr), toPort(spokeAddr), "", []request{r})
	})
	p.advance(2 * time.Second)
	for _, x := range p.hub.engine.IPsecSAs() {
		if x.Remote != netip.AddrPortFrom(spokeAddr, isakmp.PortNATT) {
			t.Errorf("the pair %#x is with %v, where the spoke no longer is", x.InSPI, x.Remote)
		}
	}
	to := netip.AddrPortFrom(spokeAddr, 4711)
	spi := p.hub.engine.IPsecSAs()[0].InSPI
	p.do(p.hub, func(e *Engine, fx *Effects) { e.PeerMoved(p.now, spi, to, fx) })
	for _, x := range p.hub.engine.IPsecSAs() {
		if x.Remote != to {
			t.Errorf("the pair %#x is with %v", x.InSPI, x.Remote)
		}
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.settle()
	if n := len(p.hub.engine.IPsecSAs()); n != 0 {
		t.Errorf("%d pairs are left that the peer has deleted", n)
	}
}

// A main mode from a new port shows where a peer is, too: SAs that came up
// before the NAT forgot follow it.
func TestMainModeMovesThePeer(t *testing.T) {
	p, rebind := rebindable(t, nil)
	p.connect()
	before := p.hubSees()
	rebind()
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.startPhase1(netip.AddrPortFrom(insideAddr, isakmp.PortNATT), netip.AddrPortFrom(hubAddr, isakmp.PortNATT), "", nil)
	})
	p.settle()
	if n := p.hub.upSAs(); n != 2 || p.hubSees() == before {
		t.Fatalf("%d ISAKMP SAs, the spoke is at %v as before", n, p.hubSees())
	}
	for _, x := range p.hub.engine.ISAKMPSAs() {
		if x.Remote != p.hubSees() {
			t.Errorf("ISAKMP SA %d is with %v, want %v", x.ID, x.Remote, p.hubSees())
		}
	}
	if x := p.hub.engine.IPsecSAs()[0]; x.Remote != p.hubSees() {
		t.Errorf("the pair is with %v, want %v", x.Remote, p.hubSees())
	}
}

// Between two ends without a NAT there may be SAs at 500 and, where NAT-D payloads were
// damaged once, at 4500. Each stays where its peer awaits it: what is said under either is
// heard.
func TestSAsAtTwoPortsOfOursStayThere(t *testing.T) {
	p := upWith(t, periodic)
	natt := func(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, isakmp.PortNATT) }
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.startPhase1(natt(spokeAddr), natt(hubAddr), "", nil)
	})
	p.settle()
	for _, side := range []*side{p.hub, p.spoke} {
		if n := side.upSAs(); n != 2 {
			t.Fatalf("the %s has %d ISAKMP SAs", side.name, n)
		}
		for _, x := range side.engine.ISAKMPSAs() {
			if x.Local.Port() != x.Remote.Port() {
				t.Errorf("the %s speaks from %v to %v", side.name, x.Local, x.Remote)
			}
		}
		if x := side.engine.IPsecSAs()[0]; x.Remote.Port() != isakmp.PortIKE {
			t.Errorf("the %s has the pair with %v", side.name, x.Remote)
		}
	}
	before := p.spoke.engine.Statistics().Dropped[trace.DropWrongAddress]
	for _, x := range p.hub.engine.ISAKMPSAs() {
		p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, x.ID, fx) })
		p.settle()
	}
	if n := p.spoke.upSAs(); n != 0 || p.spoke.engine.Statistics().Dropped[trace.DropWrongAddress] != before {
		t.Errorf("the spoke has %d ISAKMP SAs that the hub has ended", n)
	}
}

// A peer that speaks under an SA from port 4500 all at once is answered there.
func TestAnSAGoesToPort4500WithItsPeer(t *testing.T) {
	p := upWith(t, periodic)
	s := p.spoke.newest()
	s.float(isakmp.PortNATT, isakmp.PortNATT)
	p.advance(time.Minute)
	if x := p.hub.shown(); x.Local.Port() != isakmp.PortNATT || x.Remote.Port() != isakmp.PortNATT {
		t.Errorf("the hub speaks from %v to %v", x.Local, x.Remote)
	}
	if p.spoke.upSAs() != 1 || p.spoke.newest() != s {
		t.Error("the SA has ended")
	}
}
