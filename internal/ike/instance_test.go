package ike

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

func proxyOf(prefix string) policy.Proxy {
	return policy.ProxyFromPrefix(netip.MustParsePrefix(prefix), 0, 0)
}

func allow(local, remote string) policy.ACLEntry {
	return policy.ACLEntry{Permit: true, Local: proxyOf(local), Remote: proxyOf(remote)}
}

func TestTemplateAnswersAnybody(t *testing.T) {
	s := newStar(t, nil)
	a, b := s.spoke("198.51.100.7", "192.168.3.0/24", nil), s.spoke("203.0.113.8", "10.4.4.1/32", nil)
	s.connect(a)
	s.connect(b)
	for i, x := range []*spokeSide{a, b} {
		list := s.of(x)
		if !s.up(x) || len(list) != 1 {
			t.Fatalf("%s is not up, or has %d instances", x.name, len(list))
		}
		c := list[0]
		if c.Map != "CMAP" || c.Seq != 65536+i || c.DynamicMap != "SPOKES" || c.DynamicSeq != 10 || c.Template != 1 || c.Peers[0] != x.addr {
			t.Errorf("instance %+v", c)
		}
	}
	if sa := s.hub.engine.IPsecSAs()[1]; sa.Configured != 1 || sa.Connection != s.of(b)[0].Tag {
		t.Errorf("the pair is of connection %d, configured %d", sa.Connection, sa.Configured)
	}
	// One ends with its SAs, whichever side takes them down, and leaves its number free.
	s.do(a.side, func(e *Engine, fx *Effects) { e.ClearIPsec(s.now, IPsecFilter{}, fx) })
	s.settle()
	if len(s.of(a)) != 0 || !s.up(b) {
		t.Error("the first spoke's instance stays, or the second's has gone")
	}
	s.connect(a)
	if got := s.of(a); len(got) != 1 || got[0].Seq != 65536 {
		t.Errorf("instances %+v", got)
	}
	s.do(s.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(s.now, IPsecFilter{Map: "CMAP"}, fx) })
	s.settle()
	if len(s.live) != 0 || len(a.sas)+len(b.sas) != 0 {
		t.Errorf("%d instances after all SAs were cleared", len(s.live))
	}
	for _, code := range []trace.Code{trace.CodeDynamicEntryCreated, trace.CodeDynamicEntryDeleted} {
		if !s.hub.events.has(code) {
			t.Errorf("%v was not told", code)
		}
	}
}

// A template asks nobody, and an instance that is gone neither.
func TestTemplateNeverAsks(t *testing.T) {
	s := newStar(t, func(c *Config) {
		c.Connections[0].Peers = []netip.Addr{spokeAddr}
		c.Connections[0].ACL = []policy.ACLEntry{allow("192.168.2.0/24", "192.168.0.0/16")}
	})
	a := s.spoke(spokeAddr.String(), "192.168.3.0/24", nil)
	ask := func(tag uint32) {
		t.Helper()
		s.hub.failed = nil
		s.do(s.hub, func(e *Engine, fx *Effects) { e.Acquire(s.now, Acquire{Connection: tag}, fx) })
		if len(s.wire) != 0 || len(s.hub.failed) != 1 {
			t.Errorf("connection %d: %d datagrams, failed %v", tag, len(s.wire), s.hub.failed)
		}
	}
	ask(1)
	s.connect(a)
	ask(1)
	tag := s.of(a)[0].Tag
	s.do(s.hub, func(e *Engine, fx *Effects) { e.ClearSession(s.now, SessionFilter{}, fx) })
	s.settle()
	ask(tag)
	s.do(s.hub, func(e *Engine, fx *Effects) {
		e.UnknownSPI(s.now, 0x1234, netip.AddrPortFrom(hubAddr, 0), netip.AddrPortFrom(spokeAddr, 0), fx)
	})
	if len(s.wire) != 0 {
		t.Error("ESP for no SA opens a main mode with who is not there")
	}
	// Nor does a peer that the template does not name get an answer.
	b := s.spoke("192.1.1.43", "192.168.4.0/24", nil)
	s.connect(b)
	if s.up(b) || len(s.live) != 0 {
		t.Error("a peer that is not named was answered")
	}
}

func TestEntriesAreAskedInOrder(t *testing.T) {
	static := func(tag uint32, seq int) *Connection {
		c := *configFor(hubAddr, spokeAddr, hubNet, spokeNet).Connections[0]
		c.Tag, c.Seq = tag, seq
		return &c
	}
	listed := template()
	listed.Tag, listed.DynamicSeq, listed.ACL = 2, 5, []policy.ACLEntry{allow("192.168.2.0/24", "10.0.0.0/8")}
	later := template()
	later.Tag = 3
	for name, c := range map[string]struct {
		list    []*Connection
		network string
		want    uint32
	}{
		"a static entry before":               {[]*Connection{static(4, 10), listed, later}, "192.168.3.0/24", 4},
		"a static entry behind":               {[]*Connection{listed, later, static(4, 65001)}, "192.168.3.0/24", 3},
		"what the static entry does not list": {[]*Connection{static(4, 10), listed, later}, "10.3.0.0/16", 2},
		"the first template that allows":      {[]*Connection{listed, later}, "10.3.0.0/16", 2},
		"the one behind it":                   {[]*Connection{listed, later}, "172.16.0.0/16", 3},
	} {
		s := newStar(t, func(cfg *Config) { cfg.Connections = c.list })
		x := s.spoke(spokeAddr.String(), c.network, nil)
		s.connect(x)
		sas := s.hub.engine.IPsecSAs()
		if len(sas) != 1 || sas[0].Configured != c.want {
			t.Errorf("%s: %+v, want connection %d", name, sas, c.want)
		}
	}
}

// An access list allows a part of a line, and nothing beyond.
func TestTemplateWithAnAccessList(t *testing.T) {
	deny := allow("192.168.2.0/24", "10.9.0.0/16")
	deny.Permit = false
	for network, want := range map[string]bool{
		"10.3.0.0/16": true, "10.0.0.0/8": true, "10.9.1.0/24": false, "11.0.0.0/8": false, "0.0.0.0/0": false,
	} {
		s := newStar(t, func(c *Config) { c.Connections[0].ACL = []policy.ACLEntry{deny, allow("192.168.0.0/16", "10.0.0.0/8")} })
		x := s.spoke("198.51.100.7", network, nil)
		s.connect(x)
		if s.up(x) != want {
			t.Errorf("%s: up %v, want %v", network, s.up(x), want)
		}
		if len(s.live) == 1 != want {
			t.Errorf("%s: %d instances", network, len(s.live))
		}
	}
}

// TestTransportModeIsForTheGatewaysThemselves: for all other traffic a set of
// transport mode is one of tunnel mode, of a template as of a static entry.
func TestTransportModeIsForTheGatewaysThemselves(t *testing.T) {
	for network, want := range map[string]ipsec.Mode{"198.51.100.7/32": ipsec.Transport, "192.168.3.0/24": ipsec.Tunnel, "192.168.3.7/32": ipsec.Tunnel} {
		transport := aesSet()
		transport.Transport = true
		s := newStar(t, func(c *Config) { c.Connections[0].TransformSets = []policy.TransformSet{transport} })
		x := s.spoke("198.51.100.7", network, func(c *Config) {
			c.Connections[0].TransformSets = []policy.TransformSet{transport}
			c.Connections[0].ACL[0].Remote = hostProxy(hubAddr)
		})
		s.connect(x)
		if !s.up(x) {
			t.Errorf("%s: not up", network)
		}
		for _, sa := range s.hub.sas {
			if sa.Mode != want {
				t.Errorf("%s: mode %v, want %v", network, sa.Mode, want)
			}
		}
	}
}

// carrying is Traffic for SAs that always carry something.
type carrying struct{ now *time.Time }

func (c carrying) LastPackets(uint32) (in, out time.Time) { return *c.now, *c.now }

// Either end renews the pair; the instance stays, under its number, and ends
// with the last pair.
func TestInstanceIsRenewed(t *testing.T) {
	for _, end := range []string{"spoke", "hub"} {
		s := newStar(t, nil)
		traffic := carrying{&s.now}
		s.hub.engine.cfg.Traffic = traffic
		a := s.spoke("198.51.100.7", "192.168.3.0/24", nil)
		renews := s.hub
		if end == "spoke" {
			a.engine.cfg.Traffic = traffic
			s.hub.engine.cfg.Traffic = nil
			renews = a.side
		}
		s.connect(a)
		tag, first := s.of(a)[0].Tag, s.hub.engine.IPsecSAs()[0].InSPI
		s.advance(59 * time.Minute)
		list := s.of(a)
		if !s.up(a) || len(list) != 1 || list[0].Tag != tag {
			t.Fatalf("%s: not up, or instances %+v", end, list)
		}
		if last := renews.engine.IPsecSAs(); !last[len(last)-1].Initiator {
			t.Errorf("%s: did not renew", end)
		}
		s.advance(2 * time.Minute)
		if sas := s.hub.engine.IPsecSAs(); len(sas) != 1 || sas[0].InSPI == first || sas[0].Connection != tag {
			t.Errorf("%s: pairs %+v", end, sas)
		}
		renews.engine.cfg.Traffic = nil // which is idle from now on
		s.advance(time.Hour)
		if len(s.live) != 0 {
			t.Errorf("%s: %d instances after the last pair", end, len(s.live))
		}
	}
}

// The hub asks a peer that is there again when its ISAKMP SA is gone, from the
// ports at which it is.
func TestInstanceOpensAMainModeToRenew(t *testing.T) {
	for _, behind := range []bool{false, true} {
		s := newStar(t, nil)
		s.hub.engine.cfg.Traffic = carrying{&s.now}
		a := s.spoke("10.0.0.7", "192.168.3.0/24", nil)
		if behind {
			a.behind("203.0.113.9", 1024)
		}
		s.connect(a)
		first := s.hub.engine.IPsecSAs()[0].InSPI
		s.do(s.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(s.now, 0, fx) })
		s.settle()
		s.advance(61 * time.Minute)
		if sas := s.hub.engine.IPsecSAs(); !s.up(a) || len(s.of(a)) != 1 || sas[0].InSPI == first {
			t.Fatalf("behind a NAT %v: not up", behind)
		}
		if sa := s.hub.newest(); sa == nil || sa.role != trace.RoleInitiator {
			t.Errorf("behind a NAT %v: the hub did not begin", behind)
		}
	}
}

// An instance whose renewal is under way outlives its pair, and ends with it.
func TestInstanceEndsWithTheRenewalThatFails(t *testing.T) {
	s := newStar(t, func(c *Config) { c.RetransmitInterval = time.Minute })
	s.hub.engine.cfg.Traffic = carrying{&s.now}
	a := s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	s.connect(a)
	s.lose = func(d Datagram) bool { return d.Local.Addr() == a.addr }
	s.advance(61 * time.Minute)
	if len(s.hub.sas) != 0 || len(s.live) != 1 {
		t.Errorf("%d SAs and %d instances while a successor is negotiated", len(s.hub.sas), len(s.live))
	}
	s.advance(20 * time.Minute)
	if len(s.live) != 0 {
		t.Errorf("%d instances after it has failed", len(s.live))
	}
}

// Two peers that ask for the same networks: the newer has them, once it has
// proven that it is there, and the older is told.
func TestNewerPeerSupplantsTheOlder(t *testing.T) {
	s := newStar(t, nil)
	old, other := s.spoke("198.51.100.7", "192.168.3.0/24", nil), s.spoke("198.51.100.9", "192.168.4.0/24", nil)
	s.connect(old)
	s.connect(other)
	// The spoke comes back from another address; its message 9 is lost at first.
	back := s.spoke("203.0.113.8", "192.168.3.0/24", nil)
	n := 0
	s.lose = func(d Datagram) bool {
		if d.Local.Addr() == back.addr {
			n++
		}
		return d.Local.Addr() == back.addr && n >= 5
	}
	s.connect(back)
	if len(s.of(old)) != 1 || len(s.of(back)) != 1 || len(old.sas) != 2 {
		t.Errorf("before it has proven itself: %d instances of the old peer, %d of the new one", len(s.of(old)), len(s.of(back)))
	}
	s.lose = nil
	s.advance(20 * time.Second) // message 8 is sent again, and answered by message 9
	if len(s.of(old)) != 0 || len(old.sas) != 0 || !s.up(back) || !s.up(other) {
		t.Errorf("%d instances of the old peer, %d SAs at it; the new one is up: %v, another: %v", len(s.of(old)), len(old.sas), s.up(back), s.up(other))
	}
	if reason, _ := s.hub.reasonOfIPsec(); reason != trace.ReasonReplaced {
		t.Errorf("reason %v", reason)
	}
}

// A quick mode that is not confirmed, or not authentic, leaves no instance.
func TestUnconfirmedInstanceGoes(t *testing.T) {
	s := newStar(t, nil)
	a := s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	n := 0
	s.lose = func(d Datagram) bool {
		if d.Local.Addr() == a.addr {
			n++
		}
		return d.Local.Addr() == a.addr && n >= 5 // all after message 1 of quick mode
	}
	s.connect(a)
	if len(s.live) != 1 {
		t.Fatalf("%d instances with message 2 sent", len(s.live))
	}
	s.advance(5 * time.Minute)
	if len(s.live) != 0 || len(s.hub.sas) != 0 {
		t.Errorf("%d instances, %d SAs without message 3", len(s.live), len(s.hub.sas))
	}

	// Its inbound SA is cleared before message 3 comes.
	s = newStar(t, nil)
	a = s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	s.lose = func(d Datagram) bool {
		if len(s.live) == 1 && d.Local.Addr() == a.addr {
			s.do(s.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(s.now, IPsecFilter{}, fx) })
			s.lose = nil
		}
		return false
	}
	s.connect(a)
	if s.lose != nil || len(s.live) != 0 {
		t.Errorf("%d instances of SAs that were cleared", len(s.live))
	}

	s = newStar(t, nil)
	a = s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	s.lose = func(d Datagram) bool {
		if d.Local.Addr() == a.addr && d.Data[18] == byte(isakmp.ExchangeQuick) {
			d.Data[len(d.Data)-1] ^= 1
		}
		return false
	}
	s.connect(a)
	if len(s.live) != 0 || s.hub.events.has(trace.CodeDynamicEntryCreated) {
		t.Error("an instance was made of a message that is not authentic")
	}
}

// Several peers behind one NAT are told apart by their ports: none renews,
// deletes or loses what is another's.
func TestPeersOfATemplateBehindOneNAT(t *testing.T) {
	s := newStar(t, nil)
	var all []*spokeSide
	for i := range 3 {
		x := s.spoke(fmt.Sprintf("10.0.%d.7", i), fmt.Sprintf("192.168.%d.0/24", 3+i), nil)
		all = append(all, x.behind("203.0.113.9", uint16(1024+10*i)))
		s.connect(x)
	}
	for _, x := range all {
		if !s.up(x) || len(s.of(x)) != 1 {
			t.Fatalf("%s is not up, or has %d instances", x.name, len(s.of(x)))
		}
	}
	// The hub renews the first: the offer goes to nobody else.
	tag := s.of(all[0])[0].Tag
	spi := s.hub.engine.IPsecSAs()[0].InSPI
	s.do(s.hub, func(e *Engine, fx *Effects) { e.VolumeLow(s.now, spi, fx) })
	s.advance(2 * time.Second)
	if n := len(all[0].engine.IPsecSAs()); n != 2 {
		t.Errorf("%d pairs at the first, want its old and its new one", n)
	}
	for _, x := range all[1:] {
		if len(x.engine.IPsecSAs()) != 1 || len(x.failed) != 0 {
			t.Errorf("%s was asked for the first's networks", x.name)
		}
	}
	if got := s.of(all[0]); len(got) != 1 || got[0].Tag != tag {
		t.Errorf("instances of the first: %+v", got)
	}
	// One goes, and says so.
	s.do(all[1].side, func(e *Engine, fx *Effects) { e.Shutdown(s.now, fx) })
	s.settle()
	if len(s.of(all[1])) != 0 || !s.up(all[0]) || !s.up(all[2]) {
		t.Error("the second stays, or others went with it")
	}
	// The NAT gives the third other ports: its instance follows.
	all[2].first = 2000
	s.do(all[2].side, func(e *Engine, fx *Effects) { e.ClearISAKMP(s.now, 99, fx) })
	ipsecSA := all[2].engine.IPsecSAs()[0]
	s.do(s.hub, func(e *Engine, fx *Effects) {
		e.PeerMoved(s.now, ipsecSA.OutSPI, netip.AddrPortFrom(all[2].outside, 2001), fx)
	})
	s.settle()
	if got := s.of(all[2]); len(got) != 1 || got[0].Remote.Port() != 2001 {
		t.Errorf("instances of the third: %+v", got)
	}
}

// A request for one of them does not wait for another's main mode.
func TestPeersBehindOneNATDoNotWaitForEachOther(t *testing.T) {
	s := newStar(t, nil)
	a := s.spoke("10.0.0.7", "192.168.3.0/24", nil).behind("203.0.113.9", 1024)
	b := s.spoke("10.0.1.7", "192.168.4.0/24", nil).behind("203.0.113.9", 2048)
	s.connect(a)
	first := s.hub.engine.IPsecSAs()[0].InSPI
	s.do(s.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(s.now, 0, fx) })
	s.settle()
	sent := 0
	s.lose = func(d Datagram) bool { // all that b sends behind message 3
		if d.Local.Addr() == b.addr {
			sent++
		}
		return d.Local.Addr() == b.addr && sent > 2
	}
	s.connect(b)
	s.do(s.hub, func(e *Engine, fx *Effects) { e.VolumeLow(s.now, first, fx) })
	s.advance(3 * time.Second)
	if n := len(a.engine.IPsecSAs()); n != 2 || !s.up(a) {
		t.Errorf("%d pairs at the peer that is there, want its old and its new one", n)
	}
}

// Two of them with the same networks are two peers all the same.
func TestPeersBehindOneNATWithTheSameNetworks(t *testing.T) {
	s := newStar(t, nil)
	a := s.spoke("10.0.0.7", "192.168.3.0/24", nil).behind("203.0.113.9", 1024)
	b := s.spoke("10.0.1.7", "192.168.3.0/24", nil).behind("203.0.113.9", 2048)
	s.connect(a)
	s.connect(b)
	if len(s.of(a)) != 0 || len(a.sas) != 0 || !s.up(b) || len(s.live) != 1 {
		t.Errorf("%d instances of the older, %d SAs at it, %d instances in all", len(s.of(a)), len(a.sas), len(s.live))
	}
}

func TestInstancesAreBounded(t *testing.T) {
	s := newStar(t, nil)
	greedy := s.spoke("198.51.100.7", "192.168.3.0/24", func(c *Config) {
		c.Connections[0].ACL = nil
		for i := range maxInstancesPerPeer + 3 {
			c.Connections[0].ACL = append(c.Connections[0].ACL, allow(fmt.Sprintf("10.%d.0.0/16", i), "192.168.2.0/24"))
		}
	})
	for line := range maxInstancesPerPeer + 3 {
		s.do(greedy.side, func(e *Engine, fx *Effects) { e.Acquire(s.now, Acquire{Connection: 1, Line: line}, fx) })
		s.settle()
	}
	if n := len(s.of(greedy)); n != maxInstancesPerPeer || len(greedy.failed) != 3 {
		t.Errorf("%d instances, %d requests refused", n, len(greedy.failed))
	}
	if !s.hub.events.has(trace.CodeDynamicEntryRefused) {
		t.Error("the limit was not told")
	}
	modest := s.spoke("198.51.100.8", "192.168.4.0/24", nil)
	s.connect(modest)
	if !s.up(modest) {
		t.Error("another peer is refused too")
	}
}

// A configuration that keeps the template's tag keeps its instances, which take
// over what it says now; without the template they end, and so do the ISAKMP SAs.
func TestInstancesFollowTheirTemplate(t *testing.T) {
	s := newStar(t, nil)
	a := s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	s.connect(a)
	s.reconfigure(func(c *Config) { c.Connections[0].ReplayWindow = 512 })
	if !s.up(a) || s.of(a)[0].ReplayWindow != 512 {
		t.Error("the instance has gone, or does not follow")
	}
	s.reconfigure(func(c *Config) { c.Connections[0].Tag = 2 })
	if len(s.live) != 0 || len(a.sas) != 0 {
		t.Errorf("%d instances of a template that is gone, %d SAs at the peer", len(s.live), len(a.sas))
	}
	if sa := a.engine.ISAKMPSAs()[0]; sa.Dead {
		t.Error("the ISAKMP SA went, although there is a template for its peer")
	}
	s.connect(a)
	if !s.up(a) || s.of(a)[0].Template != 2 {
		t.Error("the peer is not answered by the new template")
	}
	s.reconfigure(func(c *Config) { c.Connections[0].Tag, c.Connections[0].Peers = 3, []netip.Addr{spokeAddr} })
	if sa := a.engine.ISAKMPSAs()[0]; !sa.Dead || len(s.live) != 0 {
		t.Error("a peer that no template answers any more keeps its SAs")
	}
}

// What the data plane refuses ends at both ends.
func TestRefusedInstanceEnds(t *testing.T) {
	s := newStar(t, nil)
	a := s.spoke("198.51.100.7", "192.168.3.0/24", nil)
	s.connect(a)
	tag := s.of(a)[0].Tag
	s.do(s.hub, func(e *Engine, fx *Effects) {
		e.begin(s.now, fx)
		e.EndInstance(tag, fx)
		e.EndInstance(tag, fx)
	})
	s.settle()
	if len(s.live) != 0 || len(a.sas) != 0 {
		t.Errorf("%d instances, %d SAs at the peer", len(s.live), len(a.sas))
	}
}
