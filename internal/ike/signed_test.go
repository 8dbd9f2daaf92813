package ike

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// labPKI is a CA with a certificate for each end, by its address and its name.
type labPKI struct {
	root       *pkitest.Authority
	hub, spoke *pkitest.Authority
}

// pkiOf makes a CA whose leaves have keys of a kind; each kind is made once.
var pkiOf = func() func(kind string) labPKI {
	made := map[string]labPKI{}
	var mu sync.Mutex
	return func(kind string) labPKI {
		mu.Lock()
		defer mu.Unlock()
		if p, ok := made[kind]; ok {
			return p
		}
		p := labPKI{root: pkitest.Root("Lab CA", pkitest.ECKey())}
		p.hub = p.root.Issue("hub.example.com", keyOfKind(kind), named("hub.example.com", hubAddr))
		p.spoke = p.root.Issue("spoke.example.com", keyOfKind(kind), named("spoke.example.com", spokeAddr))
		made[kind] = p
		return p
	}
}()

func keyOfKind(kind string) crypto.Signer {
	switch kind {
	case "rsa":
		return pkitest.NewRSAKey(2048)
	case "p384":
		return ecKey(elliptic.P384())
	case "p521":
		return ecKey(elliptic.P521())
	}
	return ecKey(elliptic.P256())
}

func ecKey(c elliptic.Curve) crypto.Signer {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func named(host string, a netip.Addr) pkitest.Option {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{host}, []net.IP{a.AsSlice()} }
}

// trustpointOf is a trustpoint of a CA with a certificate of ours.
func trustpointOf(ca, own *pkitest.Authority) *Trustpoint {
	return &Trustpoint{Name: "LAB", Authorities: [][]byte{ca.Cert.RawSubject}, Certificate: own.Cert, Key: own.Key}
}

// withSignatures has both ends prove themselves by a method.
func withSignatures(auth isakmp.AuthMethod, lab labPKI) func(hub, spoke *Config) {
	return func(hub, spoke *Config) {
		for c, own := range map[*Config]*pkitest.Authority{hub: lab.hub, spoke: lab.spoke} {
			c.Policies[0].Auth, c.Keys = auth, keys{}
			c.Trustpoints = []*Trustpoint{trustpointOf(lab.root, own)}
		}
	}
}

// judges answers JudgePeer by a CA, at a time when pkitest's certificates are good.
func judges(root *pkitest.Authority) func(s *side, q Ask) Answer {
	return func(_ *side, q Ask) Answer {
		j := q.(JudgePeer)
		v := pki.VerifyChain(pkitest.Now, j.Leaf, j.Offered, pki.Trust{Anchors: []*x509.Certificate{root.Cert}}, pki.ForIKE)
		if v.OK() {
			v = pki.CheckIdentity(j.Leaf, j.Identity.Type, []byte(j.Identity.Data))
		}
		return Judged{Verdict: v, Trustpoint: "LAB"}
	}
}

func newSignedPair(t testing.TB, auth isakmp.AuthMethod, kind string, change func(hub, spoke *Config)) *pair {
	lab := pkiOf(kind)
	p := newPair(t, func(hub, spoke *Config) {
		withSignatures(auth, lab)(hub, spoke)
		if change != nil {
			change(hub, spoke)
		}
	})
	p.aaa = judges(lab.root)
	return p
}

// methods are those by signatures, and the kind of key for each.
var methods = map[isakmp.AuthMethod]string{isakmp.AuthRSASig: "rsa", isakmp.AuthECDSA256: "p256", isakmp.AuthECDSA384: "p384", isakmp.AuthECDSA521: "p521"}

func TestMainModeWithSignatures(t *testing.T) {
	for auth, kind := range methods {
		for _, later := range []bool{false, true} {
			t.Run(auth.String(), func(t *testing.T) {
				p := newSignedPair(t, auth, kind, func(hub, spoke *Config) { hub.DeferDH, spoke.DeferDH = later, later })
				p.connect()
				p.checkUp()
				if p.sent != tunnelDatagrams {
					t.Errorf("%d datagrams, want %d", p.sent, tunnelDatagrams)
				}
				for _, s := range []*side{p.hub, p.spoke} {
					if !s.events.has(trace.CodeCertificateJudged) || !s.events.has(trace.CodeSignatureMade) || !s.events.has(trace.CodeCertRequestReceived) {
						t.Errorf("%s: the events of certificates are not there", s.name)
					}
				}
			})
		}
	}
}

// aggressively has the spoke begin in aggressive mode.
func aggressively(hub, spoke *Config) {
	spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {}}
}

func TestAggressiveModeWithSignatures(t *testing.T) {
	for auth, kind := range methods {
		for _, later := range []bool{false, true} {
			t.Run(auth.String(), func(t *testing.T) {
				p := newSignedPair(t, auth, kind, func(hub, spoke *Config) {
					aggressively(hub, spoke)
					hub.DeferDH, spoke.DeferDH = later, later
				})
				p.connect()
				p.checkUp()
				if p.sent != 6 {
					t.Errorf("%d datagrams, want 6", p.sent)
				}
				for _, s := range []*side{p.hub, p.spoke} {
					if x := s.engine.ISAKMPSAs()[0]; !x.Aggressive || x.PeerCertificate == nil {
						t.Errorf("%s: %+v", s.name, x)
					}
				}
			})
		}
	}
}

// Message 3 may come in clear, and what comes right behind it is held until the
// certificate is judged.
func TestAggressiveModeWaitsForTheVerdict(t *testing.T) {
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", aggressively)
	var held []Question
	p.hold = func(s *side, q Question) bool {
		if s == p.hub && q.Ask != nil {
			held = append(held, q)
			return true
		}
		return false
	}
	p.connect()
	if len(held) != 1 || p.hub.engine.Statistics().Phase1Up != 0 {
		t.Fatalf("%d questions, %d SAs up", len(held), p.hub.engine.Statistics().Phase1Up)
	}
	p.hold = nil
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Answer(p.now, held[0].ID, p.aaa(p.hub, held[0].Ask), fx) })
	p.settle()
	p.checkUp()
}

// A flood of first messages has few answers signed.
func TestSignaturesForStrangersAreFew(t *testing.T) {
	lab := pkiOf("p256")
	data := firstAggressive(t, func(hub, spoke *Config) {
		withSignatures(isakmp.AuthECDSA256, lab)(hub, spoke)
		aggressively(hub, spoke)
	})
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", aggressively)
	for n := range 3 * maxSignedHalfOpen {
		f := Datagram{Local: netip.AddrPortFrom(spokeAddr, 500), Remote: netip.AddrPortFrom(hubAddr, 500), Data: slices.Clone(data)}
		f.Data[0], f.Data[1] = byte(n), byte(n>>8)
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, f.Remote, f.Local, f.Data, fx) })
	}
	if n := p.hub.engine.Statistics().Exponentiation; n > maxSignedHalfOpen+1 {
		t.Errorf("%d exponentiations, want %d at most", n, maxSignedHalfOpen+1)
	}
	p.settle()
}

// The identity that is presented is one that the certificate has.
func TestOwnIdentityStandsInTheCertificate(t *testing.T) {
	lab := pkiOf("p256")
	for name, c := range map[string]struct {
		configured policy.Identity
		want       isakmp.IDType
		names      pkitest.Option
		replaced   bool
	}{
		"the address":             {policy.Identity{}, isakmp.IDIPv4Addr, named("spoke.example.com", spokeAddr), false},
		"another address":         {policy.Identity{}, isakmp.IDFQDN, named("spoke.example.com", hubAddr), true},
		"the name":                {policy.FQDNIdentity("spoke.example.com"), isakmp.IDFQDN, named("spoke.example.com", spokeAddr), false},
		"another name":            {policy.FQDNIdentity("boss.example.com"), isakmp.IDFQDN, named("spoke.example.com", spokeAddr), true},
		"no name at all":          {policy.Identity{}, isakmp.IDDERASN1DN, func(*x509.Certificate) {}, true},
		"the distinguished name":  {policy.Identity{Type: isakmp.IDDERASN1DN}, isakmp.IDDERASN1DN, named("spoke.example.com", spokeAddr), false},
		"a user's, which is none": {policy.Identity{Type: isakmp.IDUserFQDN, Data: "a@b.example"}, isakmp.IDFQDN, named("spoke.example.com", spokeAddr), true},
	} {
		t.Run(name, func(t *testing.T) {
			own := lab.root.Issue("spoke.example.com", pkitest.ECKey(), c.names)
			p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(_, spoke *Config) {
				spoke.Identity, spoke.Trustpoints = c.configured, []*Trustpoint{trustpointOf(lab.root, own)}
			})
			p.connect()
			p.checkUp()
			if got := p.hub.engine.ISAKMPSAs()[0].PeerIdentity.Type; got != c.want {
				t.Errorf("presents %s, want %s", got, c.want)
			}
			if got := p.spoke.events.has(trace.CodeOwnIdentityReplaced); got != c.replaced {
				t.Errorf("told as replaced: %v, want %v", got, c.replaced)
			}
		})
	}
}
