package ike

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// withKeepalive is the configuration of the book's routers: `crypto isakmp
// keepalive` on both ends.
func withKeepalive(hub, spoke *Config) {
	hub.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second}
	spoke.Keepalive = hub.Keepalive
}

func book(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "trace", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return normal(string(b))
}

// The published example is the responder's debug output of IOS 12.3(14)T, with
// parts left out. Every line of it must come from our responder, in its order.
func TestResponderPrintsThePublishedTunnel(t *testing.T) {
	p := newPair(t, withKeepalive)
	p.connect()
	p.checkUp()
	got := normal(iosText(p.hub.events))
	if line := missing(got, book(t, "example-19-2.txt")); line != "" {
		t.Errorf("missing or out of order: %q in\n%s", line, got)
	}
	golden(t, "tunnel-responder.golden", got)
}

func TestInitiatorTrace(t *testing.T) {
	p := newPair(t, withKeepalive)
	p.connect()
	p.checkUp()
	golden(t, "tunnel-initiator.golden", normal(iosText(p.spoke.events)))
}

func TestResponderPrintsThePublishedPolicyMismatch(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) { hub.Policies[0].Hash = isakmp.HashMD5 })
	p.connect()
	got := normal(iosText(p.hub.events))
	if line := missing(got, book(t, "example-19-3.txt")); line != "" {
		t.Errorf("missing or out of order: %q in\n%s", line, got)
	}
	golden(t, "policy-mismatch-responder.golden", got)
}

func TestResponderPrintsThePublishedKeyMismatch(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) { spoke.Keys = keys{hubAddr: "another"} })
	p.connect()
	got := normal(iosText(p.hub.events))
	if line := missing(got, book(t, "example-19-4.txt")); line != "" {
		t.Errorf("missing or out of order: %q in\n%s", line, got)
	}
	golden(t, "key-mismatch-responder.golden", got)
	golden(t, "key-mismatch-initiator.golden", normal(iosText(p.spoke.events)))
}

// What the recorder keeps of one peer holds a whole tunnel, its longest form
// included: several policies, NAT vendor IDs, PFS and dead peer detection.
func TestRecorderKeepsWholeTunnelOfAnEngine(t *testing.T) {
	recorder := trace.NewRecorder(trace.DefaultLimits)
	p := newPair(t, func(hub, spoke *Config) {
		withKeepalive(hub, spoke)
		hub.Events = recorder
		other := hub.Policies[0]
		other.Priority, other.Hash = 0, isakmp.HashSHA256
		hub.Policies = append([]policy.IKE{other}, hub.Policies...)
		hub.Connections[0].PFS, spoke.Connections[0].PFS = isakmp.GroupMODP1024, isakmp.GroupMODP1024
	})
	p.connect()
	p.checkUp()
	if lost, have := recorder.Lost(spokeAddr), len(recorder.Records(spokeAddr)); lost != 0 || have < 100 {
		t.Errorf("%d events, %d lost", have, lost)
	}
}

// fixedKeys finds the same key for every peer.
type fixedKeys string

func (k fixedKeys) PresharedKey(KeyQuery) (Key, bool) {
	return Key{Secret: secret.FromString(string(k))}, k != ""
}

// Each case bends one input of the same negotiation; the file shows how the
// responder's trace differs from that of the straight one, and nothing else may.
func TestNoLineWithoutItsCause(t *testing.T) {
	straight := newPair(t, nil)
	straight.connect()
	straight.checkUp()
	base := normal(iosText(straight.hub.events))
	both := func(f func(c *Config)) func(hub, spoke *Config) {
		return func(hub, spoke *Config) { f(hub); f(spoke) }
	}
	cases := map[string]func(hub, spoke *Config){
		"key-length":         both(func(c *Config) { c.Policies[0].KeyBits = 256 }),
		"key-length-differs": func(hub, _ *Config) { hub.Policies[0].KeyBits = 256 },
		"cipher":             both(func(c *Config) { c.Policies[0].Encryption, c.Policies[0].KeyBits = isakmp.Encr3DESCBC, 0 }),
		"group":              both(func(c *Config) { c.Policies[0].Group = isakmp.GroupMODP1024 }),
		"group-differs":      func(hub, _ *Config) { hub.Policies[0].Group = isakmp.GroupMODP1024 },
		"hash":               both(func(c *Config) { c.Policies[0].Hash = isakmp.HashSHA256 }),
		"lifetime":           func(_, spoke *Config) { spoke.Policies[0].Lifetime = 3600 },
		"two-transforms": func(_, spoke *Config) {
			first := spoke.Policies[0]
			first.Hash = isakmp.HashMD5
			second := spoke.Policies[0]
			second.Priority = 2
			spoke.Policies = []policy.IKE{first, second}
		},
		"two-policies": func(hub, _ *Config) {
			first, second := hub.Policies[0], hub.Policies[0]
			first.Group, second.Priority = isakmp.GroupMODP1024, 2
			hub.Policies = []policy.IKE{first, second}
		},
		"identity-fqdn":  func(_, spoke *Config) { spoke.Identity = policy.FQDNIdentity("spoke1.example.com") },
		"our-identity":   func(hub, _ *Config) { hub.Identity = policy.FQDNIdentity("hub.example.com") },
		"no-nat-vendors": func(_, spoke *Config) { spoke.NATT = nil },
		"one-nat-vendor": func(_, spoke *Config) { spoke.NATT = []trace.NATTVersion{trace.NATTDraft03} },
		"no-key":         func(hub, _ *Config) { hub.Keys = fixedKeys("") },
		"keepalive":      func(hub, _ *Config) { hub.Keepalive = &Keepalive{Interval: time.Minute, Retry: time.Second} },
		"esp-key-length": both(func(c *Config) { c.Connections[0].TransformSets[0].KeyBits = 256 }),
		"esp-differs":    func(hub, _ *Config) { hub.Connections[0].TransformSets[0].Auth = isakmp.AuthAlgHMACMD5 },
		"pfs":            both(func(c *Config) { c.Connections[0].PFS = isakmp.GroupMODP1024 }),
		"pfs-differs":    func(hub, _ *Config) { hub.Connections[0].PFS = isakmp.GroupMODP1024 },
		"esp-lifetime":   func(_, spoke *Config) { spoke.Connections[0].Lives.Seconds = 1800 },
		"no-kilobytes":   both(func(c *Config) { c.Connections[0].Lives.Kilobytes = 0 }),
		"two-sets": func(_, spoke *Config) {
			sets := spoke.Connections[0].TransformSets
			spoke.Connections[0].TransformSets = []policy.TransformSet{{Cipher: isakmp.ESP3DES, Auth: isakmp.AuthAlgHMACMD5}, sets[0]}
		},
		"proxies-differ": func(hub, _ *Config) {
			hub.Connections[0].ACL[0].Remote = policy.ProxyFromPrefix(netip.MustParsePrefix("192.168.4.0/24"), 0, 0)
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, change)
			p.connect()
			got := normal(iosText(p.hub.events))
			if got == base {
				t.Error("the change leaves no mark")
			}
			golden(t, filepath.Join("bent", name+".golden"), lineDiff(base, got))
		})
	}
}

// IOS prints a transform's attributes in the order of the wire.
func TestAttributesPrintInTheOrderOfTheWire(t *testing.T) {
	first := func(bend func(sa *isakmp.SA)) string {
		p := newPair(t, nil)
		p.rewrite = func(n int, d *Datagram) {
			if n == 1 {
				d.Data = rebuilt(t, d.Data, bend)
			}
		}
		p.lose = func(n int, _ Datagram) bool { return n > 1 }
		p.connect()
		return normal(iosText(p.hub.events))
	}
	base := first(func(*isakmp.SA) {})
	got := first(func(sa *isakmp.SA) {
		a := sa.Proposals[0].Transforms[0].Attributes
		a[0], a[1], a[2], a[3] = a[3], a[2], a[0], a[1]
	})
	golden(t, filepath.Join("bent", "attribute-order.golden"), lineDiff(base, got))
}

// rebuilt is a clear message 1 whose SA payload is as bend leaves it.
func rebuilt(t testing.TB, datagram []byte, bend func(sa *isakmp.SA)) []byte {
	t.Helper()
	h, err := isakmp.ParseHeader(datagram)
	if err != nil {
		t.Fatal(err)
	}
	payloads, _, err := isakmp.ParsePayloads(h.NextPayload, datagram[isakmp.HeaderLen:], false, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := isakmp.NewBuilder(nil, h)
	for _, p := range payloads {
		if p.Type != isakmp.PayloadSA {
			b.Add(p.Type, p.Body)
			continue
		}
		sa, err := isakmp.ParseSA(p)
		if err != nil {
			t.Fatal(err)
		}
		bend(&sa)
		b.Add(p.Type, isakmp.AppendSA(nil, sa))
	}
	return b.Bytes(1)
}
