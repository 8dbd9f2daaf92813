package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// star is a hub with a dynamic crypto map and spokes around it, some of them
// behind one NAT.
type star struct {
	t      testing.TB
	now    time.Time
	hub    *side
	spokes []*spokeSide
	wire   []Datagram
	lose   func(Datagram) bool
	live   map[uint32]AddedInstance // what the hub's data plane knows

}

// spokeSide is a spoke with its own address and, behind the NAT, the one that
// others see.
type spokeSide struct {
	*side
	addr, outside netip.Addr
	first         uint16 // of its ports on the NAT
}

// anybody has one key for every peer.
type anybody string

func (k anybody) PresharedKey(KeyQuery) (Key, bool) {
	return Key{Secret: secret.FromString(string(k))}, true
}

const wildcard = anybody("one key for all")

// template answers anybody for anything.
func template() *Connection {
	return &Connection{Tag: 1, Map: "CMAP", Seq: 65000, Local: hubAddr, Dynamic: true, DynamicMap: "SPOKES", DynamicSeq: 10,
		TransformSets: []policy.TransformSet{aesSet()}, Lives: policy.Lives{Seconds: 3600, Kilobytes: 4608000}}
}

func newStar(t testing.TB, change func(*Config)) *star {
	cfg := configFor(hubAddr, spokeAddr, hubNet, spokeNet)
	cfg.Connections, cfg.Keys = []*Connection{template()}, wildcard
	if change != nil {
		change(&cfg)
	}
	return &star{t: t, now: epoch, hub: newSide("hub", cfg, 1), live: map[uint32]AddedInstance{}}
}

// spoke adds one with an address, before a network.
func (s *star) spoke(addr, network string, change func(*Config)) *spokeSide {
	a := netip.MustParseAddr(addr)
	cfg := configFor(a, hubAddr, netip.MustParsePrefix(network), hubNet)
	cfg.Keys = wildcard
	if change != nil {
		change(&cfg)
	}
	x := &spokeSide{side: newSide(addr, cfg, uint16(10+len(s.spokes))), addr: a, outside: a}
	s.spokes = append(s.spokes, x)
	return x
}

// behind puts a spoke behind a NAT that gives it ports from first on.
func (x *spokeSide) behind(nat string, first uint16) *spokeSide {
	x.outside, x.first = netip.MustParseAddr(nat), first
	return x
}

// seen is where others see a port of the spoke.
func (x *spokeSide) seen(local netip.AddrPort) netip.AddrPort {
	switch {
	case x.outside == x.addr:
		return local
	case local.Port() == isakmp.PortIKE:
		return netip.AddrPortFrom(x.outside, x.first)
	}
	return netip.AddrPortFrom(x.outside, x.first+1)
}

func (s *star) do(x *side, input func(e *Engine, fx *Effects)) {
	var fx Effects
	input(x.engine, &fx)
	for _, q := range fx.Questions {
		r := q.Run()
		s.do(x, func(e *Engine, fx *Effects) { e.Answer(s.now, q.ID, r, fx) })
	}
	if x == s.hub {
		s.carry(&fx)
	}
	for _, sa := range fx.Install {
		x.sas[sa.SPI] = sa
	}
	for _, r := range fx.Remove {
		delete(x.sas, r.SPI)
	}
	x.failed = append(x.failed, fx.Failed...)
	s.wire = append(s.wire, fx.Send...)
}

// carry checks that the hub's data plane knows an instance for as long as there
// are SAs for it.
func (s *star) carry(fx *Effects) {
	for _, a := range fx.Added {
		s.live[a.Tag] = a
	}
	for _, sa := range fx.Install {
		if a, ok := s.live[sa.Tag]; sa.Tag >= firstInstanceTag && (!ok || a.Selector != sa.Selector) {
			s.t.Errorf("an SA for %v is installed without its instance", sa.Selector)
		}
	}
	for _, tag := range fx.Gone {
		delete(s.live, tag)
		for _, sa := range s.hub.engine.IPsecSAs() {
			if sa.Connection == tag {
				s.t.Errorf("instance %d goes and leaves SAs", tag)
			}
		}
	}
}

func (s *star) settle() {
	defer s.check()
	for len(s.wire) > 0 {
		d := s.wire[0]
		s.wire = s.wire[1:]
		if d.Keepalive || s.lose != nil && s.lose(d) {
			continue
		}
		to, from := s.route(&d)
		if to != nil {
			data := append([]byte(nil), d.Data...)
			s.do(to, func(e *Engine, fx *Effects) { e.Datagram(s.now, d.Remote, from, data, fx) })
		}
	}
}

// route translates a datagram and finds its receiver.
func (s *star) route(d *Datagram) (to *side, from netip.AddrPort) {
	if d.Remote.Addr() == hubAddr {
		for _, x := range s.spokes {
			if x.addr == d.Local.Addr() {
				return s.hub, x.seen(d.Local)
			}
		}
	}
	for _, x := range s.spokes {
		for _, port := range []uint16{isakmp.PortIKE, isakmp.PortNATT} {
			if local := netip.AddrPortFrom(x.addr, port); x.seen(local) == d.Remote {
				d.Remote = local
				return x.side, d.Local
			}
		}
	}
	return nil, from
}

func (s *star) check() {
	if err := s.hub.engine.Check(); err != nil {
		s.t.Errorf("hub: %v", err)
	}
	if n := len(s.hub.engine.Instances()); n != len(s.live) {
		s.t.Errorf("%d instances, of which the data plane knows %d", n, len(s.live))
	}
}

func (s *star) sides() []*side {
	all := []*side{s.hub}
	for _, x := range s.spokes {
		all = append(all, x.side)
	}
	return all
}

func (s *star) advance(d time.Duration) {
	end := s.now.Add(d)
	for s.settle(); s.now.Before(end); s.settle() {
		next := end
		for _, x := range s.sides() {
			if at, ok := x.engine.NextDeadline(); ok && at.Before(next) {
				next = at
			}
		}
		if s.now.Before(next) {
			s.now = next
		}
		for _, x := range s.sides() {
			s.do(x, func(e *Engine, fx *Effects) { e.Timeout(s.now, fx) })
		}
	}
}

func (s *star) connect(x *spokeSide) {
	s.do(x.side, func(e *Engine, fx *Effects) { e.Acquire(s.now, Acquire{Connection: 1}, fx) })
	s.settle()
}

// of returns the hub's instances for a spoke.
func (s *star) of(x *spokeSide) (list []*Connection) {
	for _, c := range s.hub.engine.Instances() {
		if c.Remote == x.seen(netip.AddrPortFrom(x.addr, isakmp.PortIKE)) || c.Remote == x.seen(netip.AddrPortFrom(x.addr, isakmp.PortNATT)) {
			list = append(list, c)
		}
	}
	return list
}

// up says whether a spoke has pairs that the hub has too, and an instance.
func (s *star) up(x *spokeSide) bool {
	pairs := x.engine.IPsecSAs()
	for _, p := range pairs {
		if out, ok := s.hub.sas[p.InSPI]; !ok || out.Direction != ipsec.Outbound {
			return false
		}
	}
	return len(pairs) > 0 && len(s.of(x)) > 0
}

func (s *star) reconfigure(change func(*Config)) {
	cfg := s.hub.engine.cfg
	cfg.Connections = nil
	for _, c := range s.hub.engine.cfg.Connections {
		x := *c
		cfg.Connections = append(cfg.Connections, &x)
	}
	change(&cfg)
	s.do(s.hub, func(e *Engine, fx *Effects) { e.Reconfigure(s.now, cfg, trace.ReasonReconfigured, fx) })
	s.settle()
}
