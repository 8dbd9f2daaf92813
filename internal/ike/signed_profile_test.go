package ike

import (
	"slices"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// mapped is a map of what a subject contains.
func mapped(words ...string) (m pki.Map) {
	for _, w := range words {
		m = append(m, pki.MapEntry{{Field: pki.FieldSubject, Op: pki.Contains, Value: w}})
	}
	return m
}

// A profile takes peers by what their certificates have, ahead of one that takes them
// by a domain, and names the trustpoints that may prove them.
func TestProfilesByCertificates(t *testing.T) {
	byMap := func(word string, trustpoints ...string) *Profile {
		return &Profile{Name: "MAPPED", Certificates: []pki.Map{mapped(word)}, Trustpoints: trustpoints}
	}
	byDomain := &Profile{Name: "DOMAIN", Match: []policy.IdentityMatch{{Type: isakmp.IDFQDN, Name: "example.com", Domain: true}}}
	for name, c := range map[string]struct {
		profiles []*Profile
		want     string
		asked    []string
	}{
		"the map":                 {[]*Profile{byMap("spoke")}, "MAPPED", nil},
		"the map, ahead":          {[]*Profile{byDomain, byMap("spoke")}, "MAPPED", nil},
		"a map of another":        {[]*Profile{byMap("boss"), byDomain}, "DOMAIN", nil},
		"neither":                 {[]*Profile{byMap("boss")}, "", nil},
		"the map, and trustpoint": {[]*Profile{byMap("spoke", "LAB", "OTHER")}, "MAPPED", []string{"LAB", "OTHER"}},
	} {
		for _, mode := range []string{"main", "aggressive"} {
			t.Run(name+", "+mode, func(t *testing.T) {
				p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(hub, spoke *Config) {
					hub.Profiles, spoke.Identity = c.profiles, policy.FQDNIdentity("spoke.example.com")
					if mode == "aggressive" {
						aggressively(hub, spoke)
					}
				})
				var asked []string
				judge := p.aaa
				p.aaa = func(s *side, q Ask) Answer {
					if s == p.hub {
						asked = q.(JudgePeer).Trustpoints
					}
					return judge(s, q)
				}
				p.connect()
				p.checkUp()
				if got := p.hub.engine.ISAKMPSAs()[0].Profile; got != c.want {
					t.Errorf("profile %q, want %q", got, c.want)
				}
				if !slices.Equal(asked, c.asked) {
					t.Errorf("asked of %q, want %q", asked, c.asked)
				}
			})
		}
	}
}

// A connection's profile wants a certificate that its map matches.
func TestAConnectionWantsACertificate(t *testing.T) {
	for word, up := range map[string]bool{"hub": true, "boss": false} {
		p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(_, spoke *Config) {
			spoke.Profiles = []*Profile{{Name: "WANTED", Certificates: []pki.Map{mapped(word)}}}
			spoke.Connections[0].Profile = "WANTED"
		})
		p.connect()
		if got := p.spoke.engine.Statistics().Phase2Up == 1; got != up {
			t.Errorf("%s: up %v, want %v", word, got, up)
		}
		if !up && !p.spoke.events.has(trace.CodeProfileRefused) {
			t.Errorf("%s: the refusal is not told", word)
		}
	}
}

// The certificate that is shown is one of the CA that the peer asks for, and of the
// profile's trustpoints.
func TestTheCertificateThatIsAskedFor(t *testing.T) {
	lab := pkiOf("p256")
	other := pkitest.Root("Other CA", pkitest.ECKey())
	second := other.Issue("spoke.example.com", pkitest.ECKey(), named("spoke.example.com", spokeAddr))
	for name, c := range map[string]struct {
		wants, want string
		unasked     bool
	}{
		"the first":  {"Lab CA", "LAB", false},
		"the second": {"Other CA", "OTHER", false},
		"neither":    {"Third CA", "OTHER", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(hub, spoke *Config) {
				spoke.Trustpoints = []*Trustpoint{{Name: "OTHER", Certificate: second.Cert, Key: second.Key}, trustpointOf(lab.root, lab.spoke)}
				spoke.Trustpoints[0].Authorities = [][]byte{other.Cert.RawSubject}
				hub.Trustpoints[0].Authorities = [][]byte{pkitest.Root(c.wants, pkitest.ECKey()).Cert.RawSubject}
			})
			p.connect()
			got := told[*trace.TrustpointChosen](p.spoke)
			if len(got) != 1 || got[0].Name != c.want || got[0].Unasked != c.unasked {
				t.Errorf("chosen %+v, want %s", got, c.want)
			}
		})
	}
}
