package ike

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// upWith connects a pair and verifies that its tunnel works.
func upWith(t testing.TB, change func(hub, spoke *Config)) *pair {
	t.Helper()
	p := newPair(t, change)
	p.connect()
	p.checkUp()
	return p
}

// phase1 sets one policy for both ends.
func phase1(enc isakmp.EncryptionAlgorithm, bits uint16, hash isakmp.HashAlgorithm, g isakmp.Group) func(hub, spoke *Config) {
	return func(hub, spoke *Config) {
		for _, c := range []*Config{hub, spoke} {
			x := &c.Policies[0]
			x.Encryption, x.KeyBits, x.Hash, x.Group = enc, bits, hash, g
		}
	}
}

var phase1Ciphers = []struct {
	enc  isakmp.EncryptionAlgorithm
	bits uint16
}{
	{isakmp.EncrDESCBC, 0}, {isakmp.Encr3DESCBC, 0}, {isakmp.EncrAESCBC, 128}, {isakmp.EncrAESCBC, 192}, {isakmp.EncrAESCBC, 256},
}

var phase1Hashes = []isakmp.HashAlgorithm{isakmp.HashMD5, isakmp.HashSHA1, isakmp.HashSHA256, isakmp.HashSHA384, isakmp.HashSHA512}

func TestEveryPhase1CipherAndHash(t *testing.T) {
	for _, c := range phase1Ciphers {
		for _, h := range phase1Hashes {
			t.Run(fmt.Sprintf("%s-%d %s", c.enc, c.bits, h), func(t *testing.T) {
				p := upWith(t, phase1(c.enc, c.bits, h, isakmp.GroupMODP768))
				for _, s := range []*side{p.hub, p.spoke} {
					got := s.engine.ISAKMPSAs()[0].Policy
					if got.Encryption != c.enc || got.KeyBits != c.bits || got.Hash != h {
						t.Errorf("%s agreed on %+v", s.name, got)
					}
				}
			})
		}
	}
}

func TestEveryPhase1Group(t *testing.T) {
	for _, g := range []isakmp.Group{isakmp.GroupMODP768, isakmp.GroupMODP1024, isakmp.GroupMODP1536, isakmp.GroupMODP2048,
		isakmp.GroupMODP3072, isakmp.GroupMODP4096, isakmp.GroupECP256, isakmp.GroupECP384, isakmp.GroupECP521, isakmp.GroupMODP2048S256} {
		t.Run(g.String(), func(t *testing.T) {
			p := upWith(t, phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA256, g))
			if got := p.hub.engine.ISAKMPSAs()[0].Policy.Group; got != g {
				t.Errorf("agreed on group %d", got)
			}
		})
	}
}

func TestIdentities(t *testing.T) {
	for name, id := range map[string]policy.Identity{
		"IPv4":      policy.AddressIdentity(netip.MustParseAddr("10.9.8.7")),
		"IPv6":      policy.AddressIdentity(netip.MustParseAddr("2001:db8::42")),
		"FQDN":      policy.FQDNIdentity("spoke.example.com"),
		"user FQDN": {Type: isakmp.IDUserFQDN, Data: "ops@example.com"},
		"key ID":    {Type: isakmp.IDKeyID, Data: "branch-7"},
	} {
		t.Run(name, func(t *testing.T) {
			p := upWith(t, func(hub, spoke *Config) { hub.Identity, spoke.Identity = id, id })
			for _, s := range []*side{p.hub, p.spoke} {
				if got := s.engine.ISAKMPSAs()[0].PeerIdentity; got != id {
					t.Errorf("%s sees %+v, want %+v", s.name, got, id)
				}
			}
		})
	}
}

func TestIPv6Tunnel(t *testing.T) {
	hub6, spoke6 := netip.MustParseAddr("2001:db8::40"), netip.MustParseAddr("2001:db8::42")
	p := newPair(t, func(hub, spoke *Config) {
		*hub = configFor(hub6, spoke6, netip.MustParsePrefix("2001:db8:2::/48"), netip.MustParsePrefix("2001:db8:3::/48"))
		*spoke = configFor(spoke6, hub6, netip.MustParsePrefix("2001:db8:3::/48"), netip.MustParsePrefix("2001:db8:2::/48"))
	})
	p.hubAddr = hub6
	p.connect()
	p.checkUp()
	id := p.hub.engine.ISAKMPSAs()[0].PeerIdentity
	if id != policy.AddressIdentity(spoke6) {
		t.Errorf("the hub sees %+v", id)
	}
}

// The responder's policies are tried in order for the first transform, then for
// the second: the initiator's preference wins.
func TestPoliciesAreComparedByPriority(t *testing.T) {
	with := func(priority uint16, h isakmp.HashAlgorithm, g isakmp.Group) policy.IKE {
		x := aesPolicy()
		x.Priority, x.Hash, x.Group = priority, h, g
		return x
	}
	for _, test := range []struct {
		name       string
		hub, spoke []policy.IKE
		want       uint16 // the hub's priority
	}{
		{"the first that matches", []policy.IKE{with(5, isakmp.HashSHA1, 1), with(10, isakmp.HashSHA1, 1)}, []policy.IKE{with(1, isakmp.HashSHA1, 1)}, 5},
		{"a later one", []policy.IKE{with(5, isakmp.HashMD5, 1), with(10, isakmp.HashSHA1, 1)}, []policy.IKE{with(1, isakmp.HashSHA1, 1)}, 10},
		{"the initiator's first transform", []policy.IKE{with(5, isakmp.HashMD5, 1), with(10, isakmp.HashSHA1, 2)},
			[]policy.IKE{with(1, isakmp.HashSHA1, 2), with(2, isakmp.HashMD5, 1)}, 10},
		{"the second transform", []policy.IKE{with(5, isakmp.HashMD5, 1)}, []policy.IKE{with(1, isakmp.HashSHA1, 2), with(2, isakmp.HashMD5, 1)}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := upWith(t, func(hub, spoke *Config) { hub.Policies, spoke.Policies = test.hub, test.spoke })
			if got := p.hub.engine.ISAKMPSAs()[0].Policy.Priority; got != test.want {
				t.Errorf("the hub took priority %d, want %d", got, test.want)
			}
		})
	}
}

func TestTheShorterPhase1LifetimeHolds(t *testing.T) {
	p := upWith(t, func(hub, _ *Config) { hub.Policies[0].Lifetime = 600 })
	list := p.hub.engine.ISAKMPSAs()
	if got := list[0].Expires.Sub(list[0].Established); got != 10*time.Minute {
		t.Errorf("the hub's SA lives %v, want 10 minutes", got)
	}
	p.advance(10*time.Minute + time.Second)
	for _, s := range []*side{p.hub, p.spoke} {
		if x := s.engine.ISAKMPSAs()[0]; !x.Dead {
			t.Errorf("%s: the SA outlives its lifetime", s.name)
		}
	}
}

// builtIn is an offer that only the built-in policy 65535 matches.
func builtIn(spoke *Config) {
	spoke.Policies = []policy.IKE{{Priority: 1, Encryption: policy.Default.Encryption, Hash: policy.Default.Hash,
		Auth: isakmp.AuthPSK, Group: policy.Default.Group, Lifetime: policy.DefaultLifetime}}
}

func TestTheBuiltInPolicyIsNeverOffered(t *testing.T) {
	for _, on := range []bool{false, true} {
		cfg := Config{Policies: []policy.IKE{aesPolicy()}, DefaultPolicy: on}
		offer := (&sa{e: New(cfg)}).offerIKE(true)
		if n := len(offer.Proposals[0].Transforms); n != 1 {
			t.Errorf("default policy %v: %d transforms are offered, want 1", on, n)
		}
	}
}

// An offer equal to the built-in policy is refused while that policy is off,
// and the refusal says that it would have matched.
func TestARefusalSaysThatTheBuiltInPolicyWouldMatch(t *testing.T) {
	refusal := func(auth isakmp.AuthMethod) trace.Phase1PolicyRefused {
		p := newPair(t, func(_, spoke *Config) { builtIn(spoke) })
		p.rewrite = func(n int, d *Datagram) {
			if n == 1 {
				d.Data = rebuilt(t, d.Data, func(sa *isakmp.SA) {
					a := sa.Proposals[0].Transforms[0].Attributes
					for i := range a {
						if a[i].Type == isakmp.AttrAuthMethod {
							a[i] = isakmp.BasicAttribute(a[i].Type, uint16(auth))
						}
					}
				})
			}
		}
		p.connect()
		if up := p.hub.engine.Statistics().Phase1Up; up != 0 {
			t.Errorf("the offer is accepted")
		}
		for _, r := range p.hub.events.list {
			if e, ok := r.Event.(*trace.Phase1PolicyRefused); ok {
				return *e
			}
		}
		t.Fatal("no refusal")
		return trace.Phase1PolicyRefused{}
	}
	if !refusal(isakmp.AuthRSASig).DefaultWouldMatch {
		t.Error("the refusal does not say that the built-in policy would match")
	}
	if refusal(isakmp.AuthPSK).DefaultWouldMatch {
		t.Error("the refusal says that the built-in policy would match, which has RSA signatures")
	}
}

// The comparison with the built-in policy is shown, and comes last.
func TestTheBuiltInPolicyIsComparedLast(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) {
		second := hub.Policies[0]
		second.Priority, second.Group = 20, isakmp.GroupMODP1024
		hub.Policies[0].Group = isakmp.GroupMODP1536
		hub.Policies = append(hub.Policies, second)
	})
	p.connect()
	var order []uint16
	for _, r := range p.hub.events.list {
		if e, ok := r.Event.(*trace.IKETransformOffered); ok {
			order = append(order, e.Priority)
		}
	}
	if fmt.Sprint(order) != "[1 20 65535]" {
		t.Errorf("compared with %v, want 1, 20 and 65535", order)
	}
}

func TestWithoutAKeyNothingBegins(t *testing.T) {
	p := newPair(t, func(_, spoke *Config) { spoke.Keys = fixedKeys("") })
	p.connect()
	if p.sent != 0 {
		t.Errorf("%d datagrams are sent without a key", p.sent)
	}
	if len(p.spoke.failed) != 1 {
		t.Errorf("the request failed %d times, want once", len(p.spoke.failed))
	}
	p.advance(2 * purgeDelay)
	p.spoke.engine.checkQuiet(t)
}

func TestAPeerWithoutAKeyIsRefused(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.Keys = fixedKeys("") })
	p.connect()
	if !p.hub.events.has(trace.CodePhase1PolicyRefused) {
		t.Error("the hub does not refuse")
	}
	if n := p.hub.engine.Statistics().Exponentiation; n != 0 {
		t.Errorf("%d exponentiations for a peer without a key", n)
	}
}

func TestRequestsWaitForOnePhase1(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) { addLine(hub, spoke) })
	for _, line := range []int{0, 1, 0, 1} {
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1, Line: line}, fx) })
	}
	p.settle()
	if n := len(p.spoke.engine.ISAKMPSAs()); n != 1 {
		t.Errorf("%d ISAKMP SAs, want 1", n)
	}
	if n := len(p.hub.engine.IPsecSAs()); n != 2 {
		t.Errorf("%d pairs of IPsec SAs, want 2", n)
	}
}

// addLine gives both ends a second line of their access lists.
func addLine(hub, spoke *Config) {
	more := netip.MustParsePrefix("192.168.30.0/24")
	local, remote := policy.ProxyFromPrefix(hubNet, 0, 0), policy.ProxyFromPrefix(more, 0, 0)
	hub.Connections[0].ACL = append(hub.Connections[0].ACL, policy.ACLEntry{Permit: true, Local: local, Remote: remote})
	spoke.Connections[0].ACL = append(spoke.Connections[0].ACL, policy.ACLEntry{Permit: true, Local: remote, Remote: local})
}

func TestRequestsThatNameNothingFail(t *testing.T) {
	p := newPair(t, func(_, spoke *Config) {
		acl := spoke.Connections[0].ACL
		spoke.Connections[0].ACL = append(acl, policy.ACLEntry{Local: acl[0].Local, Remote: acl[0].Remote})
	})
	requests := []Acquire{{Connection: 7}, {Connection: 1, Line: 9}, {Connection: 1, Line: -1}, {Connection: 1, Line: 1}}
	for _, a := range requests {
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, a, fx) })
	}
	p.settle()
	if len(p.spoke.failed) != len(requests) || p.sent != 0 {
		t.Errorf("%d of %d requests failed, %d datagrams", len(p.spoke.failed), len(requests), p.sent)
	}
}
