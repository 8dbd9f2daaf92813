package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/trace"
)

var backupAddr = netip.MustParseAddr("192.1.1.41")

// withBackup gives the spoke's connection a list of peers, and keys for them.
func withBackup(peers ...netip.Addr) func(hub, spoke *Config) {
	return func(_, spoke *Config) {
		spoke.Connections[0].Peers = peers
		spoke.Keys = keys{hubAddr: "mekmitasdigoat", backupAddr: "mekmitasdigoat"}
	}
}

// silent loses what is sent to the addresses.
func (p *pair) silent(list ...netip.Addr) {
	p.lose = func(_ int, d Datagram) bool {
		for _, a := range list {
			if d.Remote.Addr() == a {
				return true
			}
		}
		return false
	}
}

const peerGivenUp = time.Minute + time.Second // six transmissions, ten seconds apart

func TestARequestGoesToTheNextPeer(t *testing.T) {
	p := newPair(t, withBackup(backupAddr, hubAddr))
	p.silent(backupAddr)
	p.connect()
	p.advance(peerGivenUp)
	p.checkUp()
	if len(p.spoke.failed) != 0 {
		t.Errorf("failed requests: %v", p.spoke.failed)
	}
	// The one that worked is the first from now on.
	if got := p.spoke.engine.CurrentPeer(1); got != hubAddr {
		t.Errorf("the current peer is %v, want %v", got, hubAddr)
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearSession(p.now, SessionFilter{}, fx) })
	p.connect()
	p.checkUp()
}

func TestThePreferredPeerIsTriedFirstAgain(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withBackup(backupAddr, hubAddr)(hub, spoke)
		spoke.Connections[0].Preferred = backupAddr
	})
	p.silent(backupAddr)
	p.connect()
	p.advance(peerGivenUp)
	p.checkUp()
	if got := p.spoke.engine.CurrentPeer(1); got != backupAddr {
		t.Errorf("the next request goes to %v, want %v", got, backupAddr)
	}
}

func TestARequestFailsWhenAllPeersHave(t *testing.T) {
	p := newPair(t, withBackup(backupAddr, hubAddr))
	p.silent(backupAddr, hubAddr)
	p.connect()
	p.advance(peerGivenUp)
	if len(p.spoke.failed) != 0 {
		t.Errorf("failed after the first peer: %v", p.spoke.failed)
	}
	p.connect() // the same request is under way
	p.advance(peerGivenUp)
	if len(p.spoke.failed) != 1 {
		t.Errorf("failed requests: %v, want one", p.spoke.failed)
	}
	if n := p.spoke.engine.Statistics().Phase1Failed; n != 2 {
		t.Errorf("%d failures of phase 1, want 2", n)
	}
	p.advance(5 * time.Minute)
	p.spoke.engine.checkQuiet(t)
	if got := p.spoke.engine.CurrentPeer(1); got != backupAddr {
		t.Errorf("the next request goes to %v, want the first again", got)
	}
}

// A peer without a key is passed over at once.
func TestAPeerWithoutAKeyIsPassedOver(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withBackup(backupAddr, hubAddr)(hub, spoke)
		spoke.Keys = keys{hubAddr: "mekmitasdigoat"}
	})
	p.connect()
	p.checkUp()
}

func TestTheOperatorsCommandIsNoFailure(t *testing.T) {
	p := newPair(t, withBackup(backupAddr, hubAddr))
	p.silent(backupAddr)
	p.connect()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	if len(p.spoke.failed) != 1 || p.spoke.upSAs() != 0 || p.spoke.engine.CurrentPeer(1) != backupAddr {
		t.Errorf("failed requests %v, %d SAs up", p.spoke.failed, p.spoke.upSAs())
	}
}

func TestADeadPeerIsPassedOver(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withBackup(hubAddr, backupAddr)(hub, spoke)
		periodic(hub, spoke)
	})
	p.connect()
	p.checkUp()
	p.silent(hubAddr, backupAddr)
	p.advance(time.Minute)
	if len(p.spoke.sas) != 0 {
		t.Fatalf("the spoke has %d SAs with a dead peer", len(p.spoke.sas))
	}
	if got := p.spoke.engine.CurrentPeer(1); got != backupAddr {
		t.Errorf("the next request goes to %v, want %v", got, backupAddr)
	}
	if p.spoke.engine.CurrentPeer(2).IsValid() {
		t.Error("an unknown connection has a peer")
	}
}

// A peer that lost its SAs without a word answers no quick mode under them: the
// ISAKMP SA is given up with it, and the next request opens another.
func TestAnUnansweredQuickModeEndsItsISAKMPSA(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.hub.engine = New(p.hub.engine.cfg)
	clear(p.hub.sas)
	p.hub.sends = nil
	for _, c := range p.spoke.engine.sortedChildren() {
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.begin(p.now, fx); e.removeChild(c, trace.ReasonNone) })
	}
	p.connect()
	p.advance(peerGivenUp)
	if p.spoke.upSAs() != 0 || len(p.spoke.failed) != 1 {
		t.Fatalf("%d ISAKMP SAs are up, failed requests %v", p.spoke.upSAs(), p.spoke.failed)
	}
	if got := p.spoke.engine.ISAKMPSAs()[0].DeadReason; got != trace.ReasonUnanswered {
		t.Errorf("it ended for %q", got)
	}
	p.connect()
	p.checkUp()
}

// A request that is one with the peer's quick mode is answered when that comes
// to nothing, too: the packets that wait for it must not wait for ever.
func TestARequestThatWaitsForThePeersQuickModeIsAnswered(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(p *pair)
	}{
		{"the peer never confirms", func(p *pair) { p.advance(2 * time.Minute) }},
		{"the connection goes", func(p *pair) { p.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 }) }},
		{"the operator clears the ISAKMP SA", func(p *pair) {
			p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
		}},
		{"the operator clears the pair, and the peer confirms", func(p *pair) {
			p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
			p.lose = nil
			p.advance(time.Minute)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t, nil)
			p.lose = func(n int, _ Datagram) bool { return n > 8 } // message 3 of quick mode, and all that follows
			p.ask(p.spoke)
			p.settle()
			p.ask(p.hub)
			if n := len(p.hub.newest().nodes); n != 1 || len(p.hub.failed) != 0 {
				t.Fatalf("%d quick modes, %d requests have failed", n, len(p.hub.failed))
			}
			test.end(p)
			if n := len(p.hub.failed); n != 1 {
				t.Errorf("%d requests are answered, want 1", n)
			}
		})
	}
}
