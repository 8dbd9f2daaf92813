package ike

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// namedKeys is a KeyStore that knows peers by the names that they present.
type namedKeys map[string]string

func (k namedKeys) PresharedKey(q KeyQuery) (Key, bool) {
	s, ok := k[q.Identity.Data]
	return Key{Secret: secret.FromString(s), Named: ok}, ok
}

var spokeName = policy.FQDNIdentity("spoke.example.com")

// withAggressive has the spoke begin in aggressive mode under a name, by which the
// hub knows its key.
func withAggressive(hub, spoke *Config) {
	hub.Keys = namedKeys{spokeName.Data: "mekmitasdigoat"}
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: spokeName, Secret: secret.FromString("mekmitasdigoat")}}
}

// withGroup has the spoke begin as a client of a group.
func withGroup(hub, spoke *Config) {
	hub.Keys = fixedKeys("")
	hub.Groups = map[string]secret.Secret{"admin": secret.FromString("group key")}
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}, Secret: secret.FromString("group key")}}
}

func TestAggressiveModeReachesQMIdle(t *testing.T) {
	for name, change := range map[string]func(hub, spoke *Config){"name": withAggressive, "group": withGroup} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, change)
			p.connect()
			p.checkUp()
			if p.sent != 6 {
				t.Errorf("%d datagrams, want 3 of aggressive mode and 3 of quick mode", p.sent)
			}
			hub, spoke := p.hub.engine.ISAKMPSAs()[0], p.spoke.engine.ISAKMPSAs()[0]
			if !hub.Aggressive || !spoke.Aggressive || hub.XAuth || spoke.XAuth {
				t.Errorf("the hub's SA is %+v, the spoke's %+v", hub, spoke)
			}
			if want := p.spoke.engine.cfg.Aggressive[hubAddr].Identity; hub.PeerIdentity != want {
				t.Errorf("the hub sees %+v, want %+v", hub.PeerIdentity, want)
			}
			if spoke.PeerIdentity != policy.AddressIdentity(hubAddr) {
				t.Errorf("the spoke sees %+v", spoke.PeerIdentity)
			}
		})
	}
}

func TestAggressiveModeDisabled(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		hub.NoAggressive = true
	})
	p.connect()
	if got := p.hub.engine.Statistics().Dropped[trace.DropAggressiveMode]; got != 1 {
		t.Errorf("%d messages are dropped, want 1", got)
	}
	if n := len(p.hub.engine.ISAKMPSAs()); n != 0 {
		t.Errorf("%d SAs for what is refused", n)
	}
}

func TestAggressiveModeWithEverySuite(t *testing.T) {
	try := func(change func(hub, spoke *Config)) {
		p := newPair(t, func(hub, spoke *Config) { withGroup(hub, spoke); change(hub, spoke) })
		p.connect()
		p.checkUp()
	}
	for _, c := range phase1Ciphers {
		for _, h := range phase1Hashes {
			t.Run(fmt.Sprintf("%s-%d %s", c.enc, c.bits, h), func(*testing.T) { try(phase1(c.enc, c.bits, h, isakmp.GroupMODP768)) })
		}
	}
	for _, g := range []isakmp.Group{isakmp.GroupMODP1024, isakmp.GroupMODP1536, isakmp.GroupMODP2048, isakmp.GroupMODP3072,
		isakmp.GroupMODP4096, isakmp.GroupECP256, isakmp.GroupECP384, isakmp.GroupECP521, isakmp.GroupMODP2048S256} {
		t.Run(g.String(), func(*testing.T) { try(phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA256, g)) })
	}
}

// The group cannot be negotiated: policies of the first one's group are offered.
func TestAggressiveModeOffersOneGroup(t *testing.T) {
	with := func(priority uint16, g isakmp.Group, h isakmp.HashAlgorithm) policy.IKE {
		x := aesPolicy()
		x.Priority, x.Group, x.Hash = priority, g, h
		return x
	}
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		spoke.Policies = []policy.IKE{with(1, 2, isakmp.HashSHA256), with(2, 5, isakmp.HashSHA1), with(3, 2, isakmp.HashSHA1)}
		hub.Policies = []policy.IKE{with(1, 5, isakmp.HashSHA1), with(2, 2, isakmp.HashSHA1)}
	})
	p.connect()
	p.checkUp()
	if got := p.hub.engine.ISAKMPSAs()[0].Policy; got.Group != 2 || got.Hash != isakmp.HashSHA1 {
		t.Errorf("agreed on %+v", got)
	}
}

// A policy that differs is refused by a notify, in AG_NO_STATE, and at no cost.
func TestAggressiveModeRefused(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		hub.Policies[0].Hash = isakmp.HashMD5
	})
	p.connect()
	sa := p.hub.engine.ISAKMPSAs()[0]
	if !sa.Dead || sa.Show != trace.AGNoState || sa.DeadReason != trace.ReasonPolicyNotAccepted || p.hub.engine.Statistics().Exponentiation != 0 {
		t.Errorf("the hub's SA is %+v after %d exponentiations", sa, p.hub.engine.Statistics().Exponentiation)
	}
	if got := p.spoke.engine.ISAKMPSAs()[0].Show; got != trace.AGNoState {
		t.Errorf("the spoke is in %s", got)
	}
}

// With a wrong key both ends stop in AG_INIT_EXCH. The initiator finds out first, and
// computes no secret; the responder has made the public value alone.
func TestWrongKeyInAggressiveMode(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		hub.Keys = namedKeys{spokeName.Data: "another"}
	})
	p.connect()
	p.advance(5 * time.Second)
	for _, s := range []*side{p.hub, p.spoke} {
		if sa := s.engine.ISAKMPSAs()[0]; sa.Dead || sa.Show != trace.AGInitExch {
			t.Errorf("%s: %+v", s.name, sa)
		}
		if n := s.engine.Statistics().Exponentiation; n != 1 {
			t.Errorf("%s: %d exponentiations, want 1", s.name, n)
		}
	}
	if !p.spoke.events.has(trace.CodeAuthenticationFailed) {
		t.Error("the spoke does not tell that the proof fails")
	}
	p.advance(3 * time.Minute)
	p.hub.engine.checkQuiet(t)
	p.spoke.engine.checkQuiet(t)
}

// An identity without a key is answered as one whose key the initiator does not have:
// by the same payloads, of the same lengths, after the same work.
func TestUnknownIdentitiesAreAnsweredAlike(t *testing.T) {
	type answer struct {
		lengths string
		work    uint64
		show    trace.ShowState
	}
	ask := func(who policy.Identity, hubKnows bool) (a answer, p *pair) {
		p = newPair(t, func(hub, spoke *Config) {
			withGroup(hub, spoke)
			hub.Keys = namedKeys{"known.example.com": "some key"}
			if !hubKnows {
				hub.Groups, hub.Keys = nil, fixedKeys("")
			}
			spoke.Aggressive[hubAddr] = &Aggressive{Identity: who, Secret: secret.FromString("a guess")}
		})
		p.lose = func(n int, d Datagram) bool {
			if n == 2 {
				_, payloads := inClear(t, nil, d.Data)
				for _, x := range payloads {
					a.lengths += fmt.Sprint(" ", x.Type, len(x.Body))
				}
			}
			return n > 2
		}
		p.connect()
		a.work, a.show = p.hub.engine.Statistics().Exponentiation, p.hub.engine.ISAKMPSAs()[0].Show
		return a, p
	}
	for _, who := range []policy.Identity{{Type: isakmp.IDKeyID, Data: "admin"}, policy.FQDNIdentity("known.example.com")} {
		known, p := ask(who, true)
		unknown, q := ask(who, false)
		if known != unknown || known.lengths == "" {
			t.Errorf("%s: known %+v, unknown %+v", who, known, unknown)
		}
		if !p.hub.events.finds(who) || q.hub.events.finds(who) {
			t.Errorf("%s: the events do not tell whether it has a key", who)
		}
	}
}

// finds says whether a key was found for an identity.
func (e *events) finds(who policy.Identity) bool {
	for _, r := range e.list {
		if x, ok := r.Event.(*trace.NamedKeyLookup); ok && string(x.Name) == who.Data {
			return x.Found
		}
	}
	return false
}

// The key that stands for a missing one lets nobody in, also who could guess it.
func TestTheDecoyProvesNobody(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) { withGroup(hub, spoke); hub.Groups = nil })
	p.lose = func(n int, _ Datagram) bool { return n > 1 }
	p.connect()
	hub := p.hub.newest()
	p.spoke.engine.cfg.Aggressive[hubAddr].Secret = hub.handshake.key.Secret
	p.restartSpoke(7)
	p.lose = nil
	p.connect()
	if len(p.hub.sas) != 0 || p.hub.engine.Statistics().Phase1Up != 0 {
		t.Error("a decoy lets a peer in")
	}
}

// The group "default" is for clients of groups that have no key of their own.
func TestDefaultGroup(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withGroup(hub, spoke)
		hub.Groups = map[string]secret.Secret{"default": secret.FromString("group key"), "other": secret.FromString("x")}
	})
	p.connect()
	p.checkUp()
}

// Message 3 may come in clear. What is beside the HASH in it proves nothing.
func TestMessage3InClear(t *testing.T) {
	p := newPair(t, withAggressive)
	p.connect()
	p.restartSpoke(5)
	p.lose = func(n int, d Datagram) bool {
		if p.hub.newest().state != trace.StateRAM2 || d.Remote.Addr() != hubAddr {
			return false
		}
		s := p.hub.newest()
		b := s.builder(isakmp.ExchangeAggressive, 0, 0)
		b.Add(isakmp.PayloadHash, s.handshake.proof)
		b.Add(isakmp.PayloadNotify, s.initialContactNotify())
		p.hand(d, b.Bytes(1))
		return true
	}
	p.connect()
	if s := p.hub.newest(); !s.up() || len(p.hub.engine.ISAKMPSAs()) != 2 || p.hub.upSAs() != 2 {
		t.Errorf("the hub is in %s, with %d SAs up", s.state, p.hub.upSAs())
	}
	p.restartSpoke(6)
	p.lose = func(n int, d Datagram) bool {
		if p.hub.newest().state != trace.StateRAM2 || d.Remote.Addr() != hubAddr {
			return false
		}
		s := p.hub.newest()
		b := s.builder(isakmp.ExchangeAggressive, 0, 0)
		b.Add(isakmp.PayloadHash, make([]byte, len(s.handshake.proof)))
		p.hand(d, b.Bytes(1))
		return true
	}
	p.connect()
	if s := p.hub.newest(); s.up() || s.show != trace.AGInitExch {
		t.Errorf("the hub is in %s after a wrong proof", s.state)
	}
}

// The responder does not renew an SA whose key only the initiator's identity finds.
func TestTheInitiatorRenewsAggressiveMode(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withAggressive(hub, spoke)
		hub.Policies[0].Lifetime, spoke.Policies[0].Lifetime = 600, 600
	})
	p.connect()
	p.checkUp()
	p.advance(9*time.Minute + 50*time.Second)
	if n := p.spoke.engine.Statistics().Phase1Up; n != 2 {
		t.Errorf("%d ISAKMP SAs came up, want 2", n)
	}
	for _, s := range p.hub.engine.ISAKMPSAs() {
		if s.Role != trace.RoleResponder {
			t.Error("the hub begins")
		}
	}
}

// Clients of one group behind one NAT share its identity, and are not one peer.
func TestClientsOfOneGroupAreNotOnePeer(t *testing.T) {
	p := newPair(t, withGroup)
	p.connect()
	first := p.hub.newest()
	if first.identified() || first.party() != 0 {
		t.Errorf("a group stands for one peer")
	}
	p = newPair(t, withAggressive)
	p.connect()
	if !p.hub.newest().identified() {
		t.Errorf("a name does not stand for its peer")
	}
}

// A profile that matches the identity limits the key to its keyrings, and is the SA's.
func TestProfileInAggressiveMode(t *testing.T) {
	for ring, up := range map[string]int{"right": 1, "wrong": 0} {
		p := newPair(t, func(hub, spoke *Config) {
			withAggressive(hub, spoke)
			hub.Keys = rings{{"right", "mekmitasdigoat"}, {"wrong", "another"}}
			hub.Profiles = []*Profile{{Name: "P", Keyrings: []string{ring}, Match: []policy.IdentityMatch{{Type: isakmp.IDFQDN, Name: spokeName.Data}}}}
			hub.Connections[0].Profile = "P"
		})
		p.connect()
		if got := p.hub.upSAs(); got != up {
			t.Errorf("keyring %s: %d SAs up, want %d", ring, got, up)
		}
	}
}

// A profile may ask for aggressive mode, under its own identity and key.
func TestProfileBeginsInAggressiveMode(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		hub.Keys = namedKeys{spokeName.Data: "mekmitasdigoat"}
		spoke.Profiles = []*Profile{{Name: "P", Aggressive: true, Identity: &spokeName, Match: []policy.IdentityMatch{{Type: isakmp.IDIPv4Addr, Prefix: netip.MustParsePrefix("0.0.0.0/0")}}}}
		spoke.Connections[0].Profile = "P"
	})
	p.connect()
	p.checkUp()
	if !p.spoke.engine.ISAKMPSAs()[0].Aggressive {
		t.Error("it was main mode")
	}
}

// Without aggressive mode such a peer is called in main mode.
func TestMainModeWhereAggressiveModeIsDisabled(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: spokeName, Secret: secret.FromString("unused")}}
		spoke.NoAggressive = true
	})
	p.connect()
	p.checkUp()
	if p.spoke.engine.ISAKMPSAs()[0].Aggressive {
		t.Error("it was aggressive mode")
	}
}

// TestQuickModeWaitsBehindAggressiveMode: nothing answers message 3, so that a quick
// mode right behind it may overtake it within the peer.
func TestQuickModeWaitsBehindAggressiveMode(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		aggressivePFS(hub, spoke)
		hub.SettleTime, spoke.SettleTime = 50*time.Millisecond, 50*time.Millisecond
	})
	quick := 0
	p.lose = func(_ int, d Datagram) bool {
		if h, err := isakmp.ParseHeader(d.Data); err == nil && h.Exchange == isakmp.ExchangeQuick {
			quick++
		}
		return false
	}
	p.connect()
	if quick != 0 {
		t.Errorf("%d messages of quick mode at once", quick)
	}
	p.advance(time.Second)
	p.checkUp()
}

// The responder does not begin its successor: an initiator that has not heard its
// shorter lifetime hears it again before the end.
func TestTheRespondersLifetimeIsToldAgain(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		withGroup(hub, spoke)
		hub.Policies[0].Lifetime = 600
	})
	lost := 0
	p.lose = func(_ int, d Datagram) bool {
		if isakmp.ExchangeType(d.Data[18]) == isakmp.ExchangeInformational && lost == 0 {
			lost++
			return true
		}
		return false
	}
	p.connect()
	p.checkUp()
	if sa := p.spoke.engine.ISAKMPSAs()[0]; lost != 1 || sa.Expires.Sub(p.now) < time.Hour {
		t.Fatalf("%d messages lost; the spoke's SA ends at %v", lost, sa.Expires)
	}
	first := p.spoke.engine.ISAKMPSAs()[0].ID
	p.advance(595 * time.Second)
	for _, sa := range p.spoke.engine.ISAKMPSAs() {
		if !sa.Dead && sa.ID != first && sa.Show == trace.QMIdle {
			return
		}
	}
	t.Errorf("no successor ahead of the end: %+v", p.spoke.engine.ISAKMPSAs())
}
