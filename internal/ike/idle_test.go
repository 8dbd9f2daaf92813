package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/trace"
)

// used is a Traffic of which the test says when the last packets passed, in any
// pair that was there then.
type used struct{ in, out time.Time }

func (u *used) LastPackets(uint32) (in, out time.Time) { return u.in, u.out }

// idlePair has an idle time of ten minutes at the hub only.
func idlePair(t *testing.T, change func(hub *Config)) (*pair, *used) {
	u := &used{}
	p := newPair(t, func(hub, _ *Config) {
		hub.Connections[0].IdleTime = 10 * time.Minute
		hub.Traffic = u
		if change != nil {
			change(hub)
		}
	})
	return p, u
}

func (s *side) reasons(code trace.Code) (all []trace.Reason) {
	for _, r := range s.events.list {
		if e, ok := r.Event.(*trace.IPsecSADeleted); ok && r.Event.Code() == code && e.Inbound {
			all = append(all, e.Reason)
		}
	}
	return all
}

func TestIdlePairEndsAtBothEnds(t *testing.T) {
	for name, tt := range map[string]struct{ in, out time.Duration }{
		"unused":   {},
		"received": {in: 7 * time.Minute},
		"sent":     {out: 7 * time.Minute},
		"both":     {3 * time.Minute, 7 * time.Minute},
	} {
		p, u := idlePair(t, nil)
		p.connect()
		last := max(tt.in, tt.out)
		if tt.in > 0 {
			u.in = p.now.Add(tt.in)
		}
		if tt.out > 0 {
			u.out = p.now.Add(tt.out)
		}
		p.advance(last + 10*time.Minute - time.Second)
		p.checkUp()
		p.advance(2 * time.Second)
		if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
			t.Errorf("%s: the hub has %d SAs, the spoke %d", name, len(p.hub.sas), len(p.spoke.sas))
		}
		if p.hub.upSAs() != 1 || p.spoke.upSAs() != 1 {
			t.Errorf("%s: the ISAKMP SA is gone too", name)
		}
		if got := p.hub.reasons(trace.CodeIPsecSADeleted); len(got) != 1 || got[0] != trace.ReasonIdle {
			t.Errorf("%s: the hub's reasons are %v", name, got)
		}
		if got := p.spoke.reasons(trace.CodeIPsecSADeleted); len(got) != 1 || got[0] != trace.ReasonPeerDeleted {
			t.Errorf("%s: the spoke's reasons are %v", name, got)
		}
	}
}

// A life of twelve minutes is renewed after ten: the idle time runs on across
// it, and ends both pairs.
func TestSuccessorTakesOverTheIdleTime(t *testing.T) {
	p, u := idlePair(t, func(hub *Config) { hub.Connections[0].Lives.Seconds = 720 })
	p.connect()
	u.in = p.now.Add(5 * time.Minute)
	p.advance(14 * time.Minute)
	if n := p.hub.engine.Statistics().Phase2Up; n != 2 {
		t.Fatalf("%d pairs came up, want the first and its successor", n)
	}
	if len(p.hub.sends) == 0 {
		t.Fatal("the pair has ended before its time")
	}
	p.advance(2 * time.Minute)
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Errorf("the hub has %d SAs, the spoke %d", len(p.hub.sas), len(p.spoke.sas))
	}
	got := p.hub.reasons(trace.CodeIPsecSADeleted)
	if got[len(got)-1] != trace.ReasonIdle {
		t.Errorf("the hub's reasons are %v", got)
	}
}

// A change of the configuration counts for pairs that are up.
func TestIdleTimeIsReconfigured(t *testing.T) {
	p, u := idlePair(t, nil)
	p.connect()
	u.out = p.now
	cfg := p.hub.engine.cfg
	change := func(idle time.Duration) {
		conn := *cfg.Connections[0]
		conn.IdleTime = idle
		cfg.Connections = []*Connection{&conn}
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonReconfigured, fx) })
	}
	change(0)
	p.advance(11 * time.Minute)
	p.checkUp()
	change(12 * time.Minute)
	p.advance(50 * time.Second)
	p.checkUp()
	p.advance(11 * time.Second)
	if len(p.hub.sas) != 0 {
		t.Error("the pair stays")
	}
}

// Without `default` the peer that was in use is the first of the next request.
func TestPeerAfterTheIdleTime(t *testing.T) {
	other := netip.MustParseAddr("192.1.1.99")
	for toDefault, want := range map[bool]netip.Addr{false: spokeAddr, true: other} {
		p, _ := idlePair(t, func(hub *Config) {
			conn := hub.Connections[0]
			conn.Peers, conn.Preferred, conn.IdleToDefault = []netip.Addr{other, spokeAddr}, other, toDefault
		})
		p.connect()
		p.advance(11 * time.Minute)
		if len(p.hub.sas) != 0 {
			t.Fatal("the pair stays")
		}
		if got := p.hub.engine.CurrentPeer(1); got != want {
			t.Errorf("default %t: the next request goes to %v, want %v", toDefault, got, want)
		}
	}
}
