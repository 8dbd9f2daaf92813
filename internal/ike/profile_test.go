package ike

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// rings is a KeyStore of one key for each keyring, whoever the peer is; the
// first that may be looked in wins.
type rings []struct{ name, key string }

func (r rings) PresharedKey(q KeyQuery) (Key, bool) {
	for _, x := range r {
		if q.Keyrings == nil || slices.Contains(q.Keyrings, x.name) {
			return Key{Secret: secret.FromString(x.key), Keyring: x.name}, true
		}
	}
	return Key{}, false
}

func hostMatch(name string) []policy.IdentityMatch {
	return []policy.IdentityMatch{{Type: isakmp.IDFQDN, Name: name}}
}

func fqdn(name string) *policy.Identity {
	id := policy.FQDNIdentity(name)
	return &id
}

// profiled has the spoke present spoke.example.com under a profile, and the hub
// match that; both connections name their profile.
func profiled(hub, spoke *Config) {
	hub.Profiles = []*Profile{{Name: "SPOKES", Match: hostMatch("spoke.example.com"), Keyrings: []string{"default"}, Identity: fqdn("hub.example.com")}}
	spoke.Profiles = []*Profile{{Name: "HUB", Match: hostMatch("hub.example.com"), Keyrings: []string{"default"}, Identity: fqdn("spoke.example.com")}}
	hub.Connections[0].Profile, spoke.Connections[0].Profile = "SPOKES", "HUB"
	hub.Keys, spoke.Keys = rings{{"default", "mekmitasdigoat"}}, rings{{"default", "mekmitasdigoat"}}
}

// ended is the last reason for which an ISAKMP SA of a side ended.
func (s *side) ended() (reason trace.Reason) {
	for _, r := range s.events.list {
		if e, ok := r.Event.(*trace.SADeleting); ok {
			reason = e.Reason
		}
	}
	return reason
}

func (s *side) profilesUp() (names []string) {
	for _, sa := range s.engine.ISAKMPSAs() {
		if !sa.Dead && sa.Show == trace.QMIdle {
			names = append(names, sa.Profile)
		}
	}
	return names
}

func TestPeersMatchProfiles(t *testing.T) {
	p := upWith(t, profiled)
	hub, spoke := p.hub.engine.ISAKMPSAs()[0], p.spoke.engine.ISAKMPSAs()[0]
	if hub.Profile != "SPOKES" || spoke.Profile != "HUB" {
		t.Errorf("profiles %q and %q", hub.Profile, spoke.Profile)
	}
	if got := hub.PeerIdentity.String(); got != "spoke.example.com" {
		t.Errorf("the spoke presents %s", got)
	}
	if got := spoke.PeerIdentity.String(); got != "hub.example.com" {
		t.Errorf("the hub presents %s", got)
	}
	if !p.spoke.events.has(trace.CodeProfileRequested) || p.hub.events.has(trace.CodeProfileRequested) {
		t.Error("only the initiator asks for a profile")
	}
}

// A profile without an identity of its own presents the gateway's; one with the
// zero identity presents the address, whatever the gateway does.
func TestIdentityOfAProfile(t *testing.T) {
	for _, x := range []struct {
		own  *policy.Identity
		want string
	}{{nil, "gateway.example.com"}, {&policy.Identity{}, spokeAddr.String()}, {fqdn("own.example.com"), "own.example.com"}} {
		p := upWith(t, func(hub, spoke *Config) {
			spoke.Identity = policy.FQDNIdentity("gateway.example.com")
			spoke.Profiles = []*Profile{{Name: "P", Match: []policy.IdentityMatch{{Type: isakmp.IDIPv4Addr, Prefix: netip.PrefixFrom(hubAddr, 32)}}, Identity: x.own}}
			spoke.Connections[0].Profile = "P"
		})
		if got := p.hub.engine.ISAKMPSAs()[0].PeerIdentity.String(); got != x.want {
			t.Errorf("the spoke presents %s, want %s", got, x.want)
		}
	}
}

func TestTheNearestProfileTakesThePeer(t *testing.T) {
	address := func(prefix string) policy.IdentityMatch {
		return policy.IdentityMatch{Type: isakmp.IDIPv4Addr, Prefix: netip.MustParsePrefix(prefix)}
	}
	profile := func(name string, local netip.Addr, m ...policy.IdentityMatch) *Profile {
		return &Profile{Name: name, Local: local, Match: m}
	}
	anywhere := netip.Addr{}
	who := policy.AddressIdentity(spokeAddr)
	for _, x := range []struct {
		what, want string
		all        []*Profile
	}{
		{"none", "", []*Profile{profile("HOST", anywhere, hostMatch("x")...), profile("EMPTY", anywhere)}},
		{"the longest mask", "NARROW", []*Profile{profile("WIDE", anywhere, address("0.0.0.0/0")), profile("NARROW", anywhere, address("192.1.1.0/24"))}},
		{"its best match counts", "BOTH", []*Profile{profile("WIDE", anywhere, address("192.1.0.0/16")), profile("BOTH", anywhere, address("0.0.0.0/0"), address("192.1.1.42/32"))}},
		{"the first of equal ones", "A", []*Profile{profile("A", anywhere, address("0.0.0.0/0")), profile("B", anywhere, address("0.0.0.0/0"))}},
		{"the one for this address", "HERE", []*Profile{profile("A", anywhere, address("0.0.0.0/0")), profile("HERE", hubAddr, address("0.0.0.0/0")), profile("B", hubAddr, address("0.0.0.0/0"))}},
		{"not the one for another", "A", []*Profile{profile("THERE", backupAddr, address("192.1.1.42/32")), profile("A", anywhere, address("0.0.0.0/0"))}},
	} {
		got := ""
		if p := ProfileFor(x.all, hubAddr, who); p != nil {
			got = p.Name
		}
		if got != x.want {
			t.Errorf("%s: %q, want %q", x.what, got, x.want)
		}
	}
}

// An initiator that asked for a profile does not take a peer that it does not
// match, and tells it, for which the SA is up.
func TestAnInitiatorRefusesAPeerOfAnotherProfile(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		spoke.Profiles[0].Match = hostMatch("other.example.com")
		hub.Keys = rings{{"default", "mekmitasdigoat"}}
	})
	p.connect()
	if got := p.spoke.ended(); got != trace.ReasonProfile || !p.spoke.events.has(trace.CodeProfileRefused) {
		t.Errorf("the spoke's SA ended for %q", got)
	}
	if len(p.spoke.failed) != 1 {
		t.Errorf("%d requests failed, want 1", len(p.spoke.failed))
	}
	if got := p.hub.ended(); got != trace.ReasonPeerDeleted || len(p.hub.profilesUp()) != 0 {
		t.Errorf("the hub has %d SAs up, the last that ended for %q", len(p.hub.profilesUp()), got)
	}
	p.advance(2 * purgeDelay)
	p.hub.engine.checkQuiet(t)
	p.spoke.engine.checkQuiet(t)
}

// A responder chooses the key before it knows the peer, and looks in all
// keyrings; then the profile has to have that key too.
func TestTheProfileMustHaveTheKey(t *testing.T) {
	for _, x := range []struct {
		what  string
		rings rings
		want  trace.Reason
		up    int
	}{
		{"its keyring has the key", rings{{"RING", "mekmitasdigoat"}}, trace.ReasonNone, 1},
		{"another keyring has the same key before", rings{{"default", "mekmitasdigoat"}, {"RING", "mekmitasdigoat"}}, trace.ReasonNone, 1},
		{"its keyring has another key", rings{{"default", "mekmitasdigoat"}, {"RING", "another"}}, trace.ReasonProfileKey, 0},
		{"its keyring has none", rings{{"default", "mekmitasdigoat"}}, trace.ReasonProfileKey, 0},
	} {
		p := newPair(t, func(hub, spoke *Config) {
			profiled(hub, spoke)
			hub.Keys = x.rings
			hub.Profiles[0].Keyrings = []string{"RING"}
		})
		p.connect()
		if got := len(p.hub.profilesUp()); got != x.up {
			t.Errorf("%s: %d SAs up, want %d", x.what, got, x.up)
		}
		if got := p.hub.ended(); got != x.want {
			t.Errorf("%s: the SA ended for %q", x.what, got)
		}
		// The spoke has no answer to message 5, and is not answered again.
		sent := p.sent
		p.advance(peerGivenUp)
		if tries := p.sent - sent; x.up == 0 && tries != DefaultRetransmitTries {
			t.Errorf("%s: %d datagrams, want the spoke's retransmissions alone", x.what, tries)
		}
	}
}

// An initiator looks in the keyrings of the profile that it asks for.
func TestAnInitiatorUsesItsProfilesKeyring(t *testing.T) {
	upWith(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		spoke.Keys = rings{{"default", "wrong"}, {"RING", "mekmitasdigoat"}}
		spoke.Profiles[0].Keyrings = []string{"RING"}
	})
	p := newPair(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		spoke.Profiles[0].Keyrings = []string{"RING"}
	})
	p.connect()
	if got := p.spoke.ended(); got != trace.ReasonNoKey || p.sent != 0 {
		t.Errorf("without a key in its keyring it sent %d datagrams and ended for %q", p.sent, got)
	}
}

// What is negotiated for a connection with a profile wants an SA of that
// profile. A connection without one takes any.
func TestQuickModeWantsTheProfile(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		hub.Profiles[0].Match, hub.Identity = hostMatch("other.example.com"), *fqdn("hub.example.com")
	})
	p.connect()
	if len(p.hub.sas) != 0 || len(p.hub.engine.IPsecSAs()) != 0 {
		t.Error("the hub installed SAs for a peer of no profile")
	}
	if got := p.hub.profilesUp(); len(got) != 1 || got[0] != "" {
		t.Errorf("ISAKMP SAs %q, want one without profile", got)
	}
	refused := false
	for _, r := range p.hub.events.list {
		if e, ok := r.Event.(*trace.IPsecProposalInvalidated); ok {
			refused = e.Attr == trace.IPsecAttrProfile && e.Error == invalidProxy
		}
	}
	if !refused {
		t.Error("nothing says that the profile is why")
	}
	upWith(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		hub.Connections[0].Profile = ""
	})
}

// twice gives both ends a second connection with the same peer, under a profile
// of its own.
func twice(hub, spoke *Config) {
	profiled(hub, spoke)
	second := func(c *Config, name, own, peers string, local, remote netip.Prefix) {
		c.Profiles = append(c.Profiles, &Profile{Name: name, Match: hostMatch(peers), Keyrings: []string{"default"}, Identity: fqdn(own)})
		conn := *c.Connections[0]
		conn.Tag, conn.Seq, conn.Profile = 2, 20, name
		conn.ACL = []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(local, 0, 0), Remote: policy.ProxyFromPrefix(remote, 0, 0)}}
		c.Connections = append(c.Connections, &conn)
	}
	hubLab, spokeLab := netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("10.3.0.0/16")
	second(hub, "LABS", "hub.example.com", "lab.example.com", hubLab, spokeLab)
	second(spoke, "LAB", "lab.example.com", "hub.example.com", spokeLab, hubLab)
}

func TestTwoProfilesWithOnePeer(t *testing.T) {
	for _, together := range []bool{false, true} {
		p := newPair(t, twice)
		ask := func(tag uint32) {
			p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: tag}, fx) })
			if !together {
				p.settle()
			}
		}
		ask(1)
		ask(2)
		p.settle()
		check := func(when string) {
			t.Helper()
			hub, spoke := p.hub.profilesUp(), p.spoke.profilesUp()
			slices.Sort(hub)
			slices.Sort(spoke)
			if !slices.Equal(hub, []string{"LABS", "SPOKES"}) || !slices.Equal(spoke, []string{"HUB", "LAB"}) {
				t.Errorf("together %v, %s: the hub has %v, the spoke %v", together, when, hub, spoke)
			}
			for _, s := range []*side{p.hub, p.spoke} {
				tags := map[uint32]bool{}
				for _, sa := range s.engine.IPsecSAs() {
					tags[sa.Connection] = true
				}
				if len(tags) != 2 {
					t.Errorf("together %v, %s: %s has pairs of %d connections", together, when, s.name, len(tags))
				}
			}
		}
		check("at once")
		// None takes the other for its own predecessor.
		p.advance(10 * time.Minute)
		check("after ten minutes")
	}
}

// An ISAKMP SA is renewed under its profile, by either end.
func TestRenewalKeepsTheProfile(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		for _, c := range []*Config{hub, spoke} {
			c.Policies[0].Lifetime = 600
			c.Traffic = &traffic{epoch, epoch}
		}
	})
	p.connect()
	p.checkUp()
	first := p.spoke.engine.ISAKMPSAs()[0].ID
	p.advance(590 * time.Second)
	if newest := p.spoke.newest(); newest.id == first {
		t.Fatal("the ISAKMP SA was not renewed")
	}
	for _, s := range []*side{p.hub, p.spoke} {
		for _, name := range s.profilesUp() {
			if name != map[string]string{"hub": "SPOKES", "spoke": "HUB"}[s.name] {
				t.Errorf("%s has an SA of profile %q", s.name, name)
			}
		}
	}
}

// A request for a profile does not wait for an SA that may turn out to be
// another's; one for none waits for any.
func TestWhatARequestWaitsFor(t *testing.T) {
	for _, x := range []struct {
		first, second string
		want          int
	}{{"", "LABS", 2}, {"SPOKES", "LABS", 2}, {"SPOKES", "", 1}, {"SPOKES", "SPOKES", 1}} {
		p := newPair(t, func(hub, spoke *Config) {
			twice(hub, spoke)
			hub.Connections[0].Profile, hub.Connections[1].Profile = x.first, x.second
		})
		for _, tag := range []uint32{1, 2} {
			p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: tag}, fx) })
		}
		if n := len(p.hub.engine.ISAKMPSAs()); n != x.want {
			t.Errorf("%q and %q: %d main modes, want %d", x.first, x.second, n, x.want)
		}
	}
}

// Both ends begin at once, each under its profile: one pair of SAs is left.
func TestBothEndsBeginUnderProfiles(t *testing.T) {
	p := newPair(t, profiled)
	for _, s := range []*side{p.hub, p.spoke} {
		p.do(s, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	}
	p.advance(2 * (overlap + patience + drain))
	if hub, spoke := p.hub.profilesUp(), p.spoke.profilesUp(); len(hub) != len(spoke) || len(hub) == 0 || hub[0] != "SPOKES" || spoke[0] != "HUB" {
		t.Errorf("the hub has %v, the spoke %v", hub, spoke)
	}
	if h, s := len(p.hub.engine.IPsecSAs()), len(p.spoke.engine.IPsecSAs()); h != 1 || s != 1 {
		t.Errorf("%d and %d pairs are left, want 1", h, s)
	}
}

// Dead peer detection is the profile's, else the gateway's, and follows a change
// of either.
func TestKeepaliveOfAProfile(t *testing.T) {
	p := upWith(t, func(hub, spoke *Config) {
		profiled(hub, spoke)
		hub.Keepalive = &Keepalive{Interval: time.Hour, Retry: 2 * time.Second, Periodic: true}
		hub.Profiles[0].Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
	})
	p.advance(time.Minute)
	if n := p.hub.engine.Statistics().DPDSent; n < 5 {
		t.Errorf("%d questions in a minute, want one in ten seconds", n)
	}
	p.reconfigure(func(c *Config) {
		other := *c.Profiles[0]
		other.Keepalive = nil
		c.Profiles = []*Profile{&other}
	})
	p.advance(20 * time.Second)
	before := p.hub.engine.Statistics().DPDSent
	p.advance(10 * time.Minute)
	if n := p.hub.engine.Statistics().DPDSent; n != before {
		t.Errorf("%d questions in ten minutes, want the gateway's one in an hour", n-before)
	}
	if !p.hub.engine.ISAKMPSAs()[0].DPD {
		t.Error("dead peer detection is not shown")
	}
}

// A profile that is gone in the middle of its exchange ends it.
func TestAProfileThatGoesEndsItsExchange(t *testing.T) {
	p := newPair(t, profiled)
	p.lose = func(n int, _ Datagram) bool { return n >= 5 } // before message 5
	p.connect()
	cfg := p.spoke.engine.cfg
	conn := *cfg.Connections[0]
	conn.Profile = ""
	cfg.Profiles, cfg.Connections = nil, []*Connection{&conn}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Reconfigure(p.now, cfg, trace.ReasonReconfigured, fx) })
	if got := p.spoke.ended(); got != trace.ReasonReconfigured {
		t.Errorf("the SA ended for %q", got)
	}
}
