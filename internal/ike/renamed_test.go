package ike

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/trace"
)

var newHub = netip.MustParseAddr("192.1.1.50")

// movingPair has a hub that answers at two addresses.
func movingPair(t *testing.T, change func(spoke *Config)) *pair {
	p := newPair(t, func(hub, spoke *Config) {
		other := *hub.Connections[0]
		other.Tag, other.Local, other.Seq = 2, newHub, 20
		hub.Connections = append(hub.Connections, &other)
		spoke.Keys = keys{hubAddr: "mekmitasdigoat", newHub: "mekmitasdigoat"}
		spoke.Traffic = &used{out: epoch.Add(time.Second)}
		if change != nil {
			change(spoke)
		}
	})
	p.hubAlias = newHub
	return p
}

// rename gives the spoke's peer other addresses.
func (p *pair) rename(peers, former []netip.Addr) {
	cfg := p.spoke.engine.cfg
	conn := *cfg.Connections[0]
	conn.Peers, conn.Former = peers, former
	cfg.Connections = []*Connection{&conn}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonPeerMoved, fx) })
	p.settle()
	p.checkTables()
}

func (p *pair) checkTables() {
	p.t.Helper()
	for _, s := range []*side{p.hub, p.spoke} {
		if err := s.engine.Check(); err != nil {
			p.t.Fatalf("%s: %v", s.name, err)
		}
	}
}

func remotes(s *side) (all []netip.Addr) {
	for _, c := range s.engine.sortedChildren() {
		if c.superseder == nil {
			all = append(all, c.remote.Addr())
		}
	}
	return all
}

var (
	oldPeer = []netip.Addr{hubAddr}
	newPeer = []netip.Addr{newHub}
)

// What is up stays up, until it is renewed: then the pair with the new address
// takes over the traffic, and the old one ends in its time.
func TestTunnelOutlivesANewAddress(t *testing.T) {
	p := movingPair(t, nil)
	p.connect()
	p.rename(newPeer, oldPeer)
	if got := remotes(p.spoke); p.spoke.upSAs() != 1 || !slices.Equal(got, oldPeer) {
		t.Fatalf("after the change: %d ISAKMP SAs, pairs with %v", p.spoke.upSAs(), got)
	}
	p.advance(58 * time.Minute)
	p.checkTables()
	if got := remotes(p.spoke); !slices.Equal(got, newPeer) {
		t.Errorf("at the end of the first pair's life the traffic goes to %v", got)
	}
	if n := len(p.spoke.sas); n != 2 {
		t.Errorf("%d IPsec SAs are left at the spoke", n)
	}
	if n := p.spoke.engine.Statistics().Phase2Up; n != 2 {
		t.Errorf("%d pairs were made, want the first and its successor", n)
	}
}

// A request for other traffic goes to the new address at once; so does what a
// peer at the new address begins itself, which takes over the traffic.
func TestNewAddressIsUsedForWhatBegins(t *testing.T) {
	p := movingPair(t, nil)
	p.connect()
	p.rename(newPeer, oldPeer)
	if got := p.spoke.engine.CurrentPeer(1); got != newHub {
		t.Errorf("the next request goes to %v", got)
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 2}, fx) })
	p.advance(time.Second)
	p.checkTables()
	if got := remotes(p.spoke); !slices.Equal(got, newPeer) {
		t.Errorf("the traffic goes to %v", got)
	}
	p.advance(time.Minute)
	if got := p.spoke.engine.IPsecSAs(); len(got) != 1 || got[0].Remote.Addr() != newHub {
		t.Errorf("after a minute the pairs are %+v", got)
	}
}

// The pair that took over is deleted while the old one is still there: that gets
// its traffic back.
func TestOldAddressIsReinstated(t *testing.T) {
	p := movingPair(t, nil)
	p.connect()
	p.rename(newPeer, oldPeer)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 2}, fx) })
	p.advance(time.Second)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{Peer: newHub}, fx) })
	p.settle()
	p.checkTables()
	if got := remotes(p.spoke); !slices.Equal(got, oldPeer) {
		t.Errorf("the traffic goes to %v", got)
	}
	p.advance(10 * time.Minute)
	if n := len(p.spoke.engine.IPsecSAs()); n != 1 {
		t.Errorf("%d pairs are left", n)
	}
}

// A negotiation with an address that the peer has no more is taken to the new
// one, with what waits for it.
func TestNegotiationIsTakenToTheNewAddress(t *testing.T) {
	for _, former := range [][]netip.Addr{nil, oldPeer} {
		p := movingPair(t, nil)
		p.lose = func(_ int, d Datagram) bool { return d.Remote.Addr() == hubAddr }
		p.connect()
		p.rename(newPeer, former)
		if got := remotes(p.spoke); !slices.Equal(got, newPeer) || len(p.spoke.failed) != 0 {
			t.Errorf("the tunnel is with %v; failed %v", got, p.spoke.failed)
		}
	}
}

// A name that is lost leaves what is up; nothing begins, and nothing breaks when
// the last of it dies.
func TestPeerWithoutAnAddress(t *testing.T) {
	p := movingPair(t, func(spoke *Config) {
		spoke.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
	})
	p.connect()
	p.rename(nil, oldPeer)
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	if len(p.spoke.failed) != 1 || p.spoke.engine.Connected(1) {
		t.Errorf("failed %v", p.spoke.failed)
	}
	p.checkUp()
	p.lose = func(int, Datagram) bool { return true }
	p.advance(time.Minute)
	if len(p.spoke.sas) != 0 || p.spoke.upSAs() != 0 {
		t.Error("the dead peer's SAs stay")
	}
	p.checkTables()
}
