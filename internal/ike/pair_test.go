package ike

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

var (
	hubAddr   = netip.MustParseAddr("192.1.1.40")
	spokeAddr = netip.MustParseAddr("192.1.1.42")
	hubNet    = netip.MustParsePrefix("192.168.2.0/24")
	spokeNet  = netip.MustParsePrefix("192.168.3.0/24")
	epoch     = time.Date(2002, 3, 1, 0, 0, 0, 0, time.UTC)
)

// keys is a KeyStore of one key per peer.
type keys map[netip.Addr]string

func (k keys) PresharedKey(q KeyQuery) (Key, bool) {
	s, ok := k[q.Remote]
	return Key{Secret: secret.FromString(s)}, ok
}

// events keeps every event's context and value.
type events struct{ list []trace.Record }

func (e *events) Record(r *trace.Record) {
	kept := *r
	kept.Event = cloneEvent(r.Event)
	e.list = append(e.list, kept)
}

// cloneEvent copies an event, which is the engine's and may be used again.
func cloneEvent(e trace.Event) trace.Event {
	from := reflect.ValueOf(e).Elem()
	to := reflect.New(from.Type())
	to.Elem().Set(from)
	return to.Interface().(trace.Event)
}

func (e *events) has(code trace.Code) bool {
	for _, r := range e.list {
		if r.Event.Code() == code {
			return true
		}
	}
	return false
}

// side is one end of a pair with the effects of its last input.
type side struct {
	name   string
	engine *Engine
	events *events
	sas    map[uint32]ipsec.SAParams // installed, by SPI and direction
	sends  []uint32                  // outbound SPIs that are installed, the newest last: it sends
	failed []FailedAcquire
}

// pair is two engines and a network that loses what lose says, on a clock that
// moves only when nothing is under way.
type pair struct {
	t          testing.TB
	now        time.Time
	hub, spoke *side
	wire       []Datagram
	lose       func(n int, d Datagram) bool
	rewrite    func(n int, d *Datagram)
	sent       int
	hubAddr    netip.Addr
	hubAlias   netip.Addr                     // another address of the hub's; invalid for none
	keepalive  func(d Datagram)               // sees NAT keepalives, which no engine gets
	hold       func(s *side, q Question) bool // keeps a question from its answer
	aaa        func(s *side, q Ask) Answer    // what AAA and operators say
	effects    func(s *side, fx *Effects)     // sees all effects
	forged     bool                           // the test has changed an engine's tables, which do not agree any more
}

func aesPolicy() policy.IKE {
	return policy.IKE{Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1,
		Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP768, Lifetime: policy.DefaultLifetime}
}

func aesSet() policy.TransformSet {
	return policy.TransformSet{Name: "TSET", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}
}

// configFor is the seed's configuration of one end.
func configFor(local, remote netip.Addr, localNet, remoteNet netip.Prefix) Config {
	return Config{
		Policies: []policy.IKE{aesPolicy()},
		Connections: []*Connection{{
			Tag: 1, Map: "CMAP", Seq: 10, Local: local, Peers: []netip.Addr{remote},
			TransformSets: []policy.TransformSet{aesSet()},
			Lives:         policy.Lives{Seconds: 3600, Kilobytes: 4608000},
			ACL: []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(localNet, 0, 0),
				Remote: policy.ProxyFromPrefix(remoteNet, 0, 0)}},
		}},
		Keys: keys{remote: "mekmitasdigoat"},
		NATT: []trace.NATTVersion{trace.NATTDraft07, trace.NATTDraft03, trace.NATTDraft02n},
	}
}

// newPair makes the seed's hub and spoke, each configuration as change leaves it.
func newPair(t testing.TB, change func(hub, spoke *Config)) *pair {
	hub := configFor(hubAddr, spokeAddr, hubNet, spokeNet)
	spoke := configFor(spokeAddr, hubAddr, spokeNet, hubNet)
	if change != nil {
		change(&hub, &spoke)
	}
	return &pair{t: t, now: epoch, hubAddr: hubAddr, hub: newSide("hub", hub, 1), spoke: newSide("spoke", spoke, 2)}
}

func newSide(name string, cfg Config, seed uint16) *side {
	s := &side{name: name, events: &events{}, sas: make(map[uint32]ipsec.SAParams)}
	cfg.Rand = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	if cfg.Events == nil {
		cfg.Events = s.events
	}
	s.engine = New(cfg)
	return s
}

func (p *pair) sideAt(a netip.Addr) *side {
	if a == p.hubAddr || a == p.hubAlias {
		return p.hub
	}
	return p.spoke
}

// do runs one input and carries out its effects.
func (p *pair) do(s *side, input func(e *Engine, fx *Effects)) {
	var fx Effects
	input(s.engine, &fx)
	if p.effects != nil {
		p.effects(s, &fx)
	}
	for _, q := range fx.Questions {
		if p.hold != nil && p.hold(s, q) {
			continue
		}
		r := p.answerTo(s, q)
		p.do(s, func(e *Engine, fx *Effects) { e.Answer(p.now, q.ID, r, fx) })
	}
	for _, sa := range fx.Install {
		if _, err := ipsec.NewSA(sa, rand.NewChaCha8([32]byte{})); err != nil {
			p.t.Fatalf("%s installs an SA that cannot be: %v", s.name, err)
		}
		s.sas[sa.SPI] = sa
		if sa.Direction == ipsec.Outbound {
			s.sends = append(s.sends, sa.SPI)
		}
	}
	for _, r := range fx.Remove {
		delete(s.sas, r.SPI)
		s.sends = without(s.sends, r.SPI)
	}
	s.failed = append(s.failed, fx.Failed...)
	p.wire = append(p.wire, fx.Send...)
}

// check holds the engines' tables against each other.
func (p *pair) check() {
	for _, s := range []*side{p.hub, p.spoke} {
		if err := s.engine.Check(); err != nil && !p.forged {
			p.t.Errorf("%s: %v", s.name, err)
		}
	}
}

// settle carries datagrams until the wire is empty.
func (p *pair) settle() {
	defer p.check()
	for len(p.wire) > 0 {
		d := p.wire[0]
		p.wire = p.wire[1:]
		p.sent++
		if d.Keepalive && p.keepalive != nil {
			p.keepalive(d)
		}
		if d.Keepalive || (p.lose != nil && p.lose(p.sent, d)) {
			continue
		}
		if p.rewrite != nil {
			p.rewrite(p.sent, &d)
		}
		data := append([]byte(nil), d.Data...)
		p.do(p.sideAt(d.Remote.Addr()), func(e *Engine, fx *Effects) {
			e.Datagram(p.now, d.Remote, d.Local, data, fx)
		})
	}
}

// advance moves the clock, firing what falls due.
func (p *pair) advance(d time.Duration) {
	end := p.now.Add(d)
	for {
		p.settle()
		next := end
		for _, s := range []*side{p.hub, p.spoke} {
			if at, ok := s.engine.NextDeadline(); ok && at.Before(next) {
				next = at
			}
		}
		if p.now.Before(next) {
			p.now = next
		}
		if !p.now.Before(end) {
			p.fire()
			p.settle()
			return
		}
		p.fire()
	}
}

func (p *pair) fire() {
	for _, s := range []*side{p.hub, p.spoke} {
		p.do(s, func(e *Engine, fx *Effects) { e.Timeout(p.now, fx) })
	}
}

// connect has the spoke ask for its tunnel.
func (p *pair) connect() {
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	p.settle()
}

// checkUp verifies that both ends are in QM_IDLE with one matching pair of
// IPsec SAs each.
func (p *pair) checkUp() {
	p.t.Helper()
	for _, s := range []*side{p.hub, p.spoke} {
		up := 0
		for _, sa := range s.engine.ISAKMPSAs() {
			if sa.Show == trace.QMIdle && !sa.Dead {
				up++
			}
		}
		if up != 1 {
			p.t.Fatalf("%s: %d ISAKMP SAs in QM_IDLE, want 1: %+v", s.name, up, s.engine.ISAKMPSAs())
		}
		if n := len(s.engine.IPsecSAs()); n != 1 || len(s.sas) != 2 {
			p.t.Fatalf("%s: %d pairs of IPsec SAs, %d installed, want 1 and 2", s.name, n, len(s.sas))
		}
	}
	h, s := p.hub.engine.IPsecSAs()[0], p.spoke.engine.IPsecSAs()[0]
	if h.InSPI != s.OutSPI || h.OutSPI != s.InSPI {
		p.t.Fatalf("SPIs differ: hub %x/%x, spoke %x/%x", h.InSPI, h.OutSPI, s.InSPI, s.OutSPI)
	}
	for spi, a := range p.hub.sas {
		b := p.spoke.sas[spi]
		if !a.EncKey.Equal(b.EncKey) || !a.AuthKey.Equal(b.AuthKey) || a.Direction == b.Direction {
			p.t.Fatalf("SA %x: the ends do not share keys", spi)
		}
	}
}

func TestTwoEnginesReachQMIdle(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	if p.sent != 9 {
		t.Errorf("%d datagrams, want 6 of main mode and 3 of quick mode", p.sent)
	}
}

// answerTo computes, or asks who is there to be asked.
func (p *pair) answerTo(s *side, q Question) Answer {
	if q.Ask == nil {
		return q.Run()
	}
	if p.aaa == nil {
		return nil
	}
	return p.aaa(s, q.Ask)
}
