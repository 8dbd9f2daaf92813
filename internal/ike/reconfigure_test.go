package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// reconfigure gives the hub another configuration, as change leaves its own.
func (p *pair) reconfigure(change func(*Config)) {
	cfg := p.hub.engine.cfg
	cfg.Connections = nil
	for _, c := range p.hub.engine.cfg.Connections {
		x := *c
		cfg.Connections = append(cfg.Connections, &x)
	}
	change(&cfg)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonReconfigured, fx) })
	p.settle()
}

// reasonOfIPsec is why the last IPsec SA of a side ended.
func (s *side) reasonOfIPsec() (reason trace.Reason, found bool) {
	for _, r := range s.events.list {
		if e, ok := r.Event.(*trace.IPsecSADeleted); ok {
			reason, found = e.Reason, true
		}
	}
	return reason, found
}

func TestTunnelSurvivesAConfigurationThatKeepsItsTag(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	sent := p.sent
	p.reconfigure(func(c *Config) {
		c.Policies = []policy.IKE{{Priority: 5, Encryption: isakmp.EncrAESCBC, KeyBits: 256, Hash: isakmp.HashSHA256,
			Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP2048, Lifetime: 600}}
		c.Keys = keys{spokeAddr: "another"}
	})
	p.checkUp()
	if p.sent != sent {
		t.Errorf("%d datagrams for a change that counts later", p.sent-sent)
	}
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx); e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.settle()
	p.connect()
	if n := len(p.hub.engine.IPsecSAs()); n != 0 {
		t.Errorf("%d pairs were negotiated with the policy and the key of before", n)
	}
}

func TestIPsecSAsOfAChangedConnectionEndAtBothEnds(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 })
	for _, s := range []*side{p.hub, p.spoke} {
		if len(s.sas) != 0 || len(s.engine.IPsecSAs()) != 0 {
			t.Errorf("%s still has IPsec SAs", s.name)
		}
		if sa := s.engine.ISAKMPSAs()[0]; sa.Dead {
			t.Errorf("%s lost its ISAKMP SA: %v", s.name, sa.DeadReason)
		}
	}
	if reason, ok := p.hub.reasonOfIPsec(); !ok || reason != trace.ReasonReconfigured {
		t.Errorf("reason %v, %v", reason, ok)
	}
	p.connect()
	p.checkUp()
	if got := p.hub.engine.IPsecSAs()[0].Connection; got != 2 {
		t.Errorf("the new pair is of connection %d, want 2", got)
	}
}

func TestISAKMPSAGoesWithItsLastConnection(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"removed": func(c *Config) { c.Connections = nil },
		"another peer": func(c *Config) {
			c.Connections[0].Tag, c.Connections[0].Peers = 2, []netip.Addr{netip.MustParseAddr("192.1.1.99")}
		},
	} {
		p := newPair(t, nil)
		p.connect()
		p.reconfigure(change)
		for _, s := range []*side{p.hub, p.spoke} {
			if sa := s.engine.ISAKMPSAs()[0]; !sa.Dead || len(s.sas) != 0 {
				t.Errorf("%s: %s still has an ISAKMP SA, or %d IPsec SAs", name, s.name, len(s.sas))
			}
		}
		if sa := p.hub.engine.ISAKMPSAs()[0]; sa.DeadReason != trace.ReasonReconfigured {
			t.Errorf("%s: reason %v", name, sa.DeadReason)
		}
	}
}

func TestNegotiationsOfAConnectionThatIsGoneEnd(t *testing.T) {
	for sent := 1; sent <= 9; sent++ {
		p := newPair(t, nil)
		p.lose = func(n int, _ Datagram) bool { return n >= sent }
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
		p.settle()
		p.lose = nil
		p.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 })
		p.advance(5 * time.Minute)
		want := []FailedAcquire{{1, 0}}
		if sent == 9 { // message 9 was ours: the pair was up here
			want = nil
		}
		if len(p.hub.failed) != len(want) || len(want) > 0 && p.hub.failed[0] != want[0] {
			t.Errorf("message %d lost: failed requests %v, want %v", sent, p.hub.failed, want)
		}
		if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
			t.Errorf("message %d lost: %d SAs at the hub, %d at the spoke", sent, len(p.hub.sas), len(p.spoke.sas))
		}
	}
}

func TestDeadPeerDetectionBeginsWhenItIsConfigured(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.reconfigure(func(c *Config) {
		c.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
	})
	p.advance(15 * time.Second)
	if got := p.hub.engine.Statistics().DPDSent; got == 0 {
		t.Error("no R-U-THERE was sent")
	}
	p.reconfigure(func(c *Config) { c.Keepalive = nil })
	sent := p.hub.engine.Statistics().DPDSent
	p.advance(time.Minute)
	if got := p.hub.engine.Statistics().DPDSent; got != sent {
		t.Errorf("%d R-U-THERE after it was switched off", got-sent)
	}
}

// NAT keepalives are sent at the interval that is configured now, and not at
// all once they are off.
func TestNATKeepalivesFollowTheConfiguration(t *testing.T) {
	p := newNATPair(t, func(_, spoke *Config) { spoke.NATKeepalive = 20 * time.Second })
	p.connect()
	p.checkUp()
	sent := 0
	p.keepalive = func(Datagram) { sent++ }
	for _, step := range []struct {
		interval time.Duration
		want     int
	}{{20 * time.Second, 3}, {0, 0}, {5 * time.Second, 12}} {
		cfg := p.spoke.engine.cfg
		cfg.NATKeepalive = step.interval
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonReconfigured, fx) })
		sent = 0
		p.advance(time.Minute)
		if sent != step.want {
			t.Errorf("every %v: %d keepalives in a minute, want %d", step.interval, sent, step.want)
		}
	}
}

// What an engine remembers of peers and connections goes with them.
func TestNothingIsRememberedOfWhatIsGone(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.Connections[0].Peers = append(hub.Connections[0].Peers, insideAddr) })
	p.do(p.hub, func(e *Engine, fx *Effects) { e.peerFailed(e.conns.byTag[1], spokeAddr) })
	p.unknown(0x1234, spokeAddr)
	p.reconfigure(func(c *Config) { c.Connections = nil })
	if e := p.hub.engine; len(e.preferred) != 0 || len(e.invalidSPI) != 0 {
		t.Errorf("%d preferred peers, %d limits", len(e.preferred), len(e.invalidSPI))
	}
}

// A dead SA that a configuration forgets early takes its quick modes with it.
func TestAnSAThatIsForgottenLeavesNothing(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	conns := p.hub.engine.cfg.Connections
	p.advance(time.Second)
	p.reconfigure(func(c *Config) { c.Connections = nil })
	p.reconfigure(func(c *Config) { c.Connections = conns })
	if n := len(p.hub.engine.ISAKMPSAs()); n != 0 {
		t.Fatalf("%d ISAKMP SAs", n)
	}
	p.advance(2 * purgeDelay)
	p.hub.engine.checkQuiet(t)
}

// An initiator whose quick mode's answer was lost is told, when the responder's
// configuration takes the negotiation away, and told again when it asks again: it does
// not ask until its tries are over.
func TestAnAnswerThatIsWithdrawnIsRefused(t *testing.T) {
	for _, lost := range []int{1, 2} { // the answer, then the refusal too
		p := newPair(t, nil)
		p.lose = func(n int, _ Datagram) bool { return n >= 8 }
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
		p.settle()
		gone := 0
		p.lose = func(int, Datagram) bool { gone++; return gone < lost }
		p.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 })
		p.advance(12 * time.Second)
		if want := []FailedAcquire{{1, 0}}; len(p.spoke.failed) != 1 || p.spoke.failed[0] != want[0] {
			t.Errorf("%d lost: failed requests %v, want %v", lost, p.spoke.failed, want)
		}
		if n := p.spoke.upSAs(); n != 1 {
			t.Errorf("%d lost: %d ISAKMP SAs", lost, n)
		}
	}
}

// A client's login ends with its only quick mode that a new configuration takes away:
// nothing can be said under its ISAKMP SA any more.
func TestAnUnconfirmedClientEndsWithItsConnection(t *testing.T) {
	last := newRemote(t, nil)
	last.connect()
	r := newRemote(t, nil)
	r.lose = func(n int, _ Datagram) bool { return n >= last.sent }
	r.connect()
	r.lose = nil
	r.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 })
	if n := r.hub.completeSAs(); n != 0 {
		t.Errorf("%d ISAKMP SAs are left", n)
	}
}
