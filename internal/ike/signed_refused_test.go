package ike

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/trace"
)

// told are the values of a kind of event.
func told[E trace.Event](s *side) (all []E) {
	for _, r := range s.events.list {
		if e, ok := r.Event.(E); ok {
			all = append(all, e)
		}
	}
	return all
}

// protected are the notifies that a side has taken under keys.
func protected(s *side) (all []isakmp.NotifyType) {
	for _, e := range told[*trace.NotifyReceived](s) {
		if e.Protected {
			all = append(all, e.Type)
		}
	}
	return all
}

// A certificate that is refused ends the exchange at both ends, with the reason and
// the notify of its verdict.
func TestCertificatesThatAreRefused(t *testing.T) {
	lab := pkiOf("p256")
	past := pkitest.Dates(pkitest.Now.AddDate(-2, 0, 0), pkitest.Now.AddDate(0, -1, 0))
	later := pkitest.Dates(pkitest.Now.AddDate(0, 1, 0), pkitest.Now.AddDate(2, 0, 0))
	other := pkitest.Root("Other CA", pkitest.ECKey())
	issue := func(ca *pkitest.Authority, options ...pkitest.Option) *pkitest.Authority {
		return ca.Issue("spoke.example.com", pkitest.ECKey(), append([]pkitest.Option{named("spoke.example.com", spokeAddr)}, options...)...)
	}
	for name, c := range map[string]struct {
		own    *pkitest.Authority
		reason pki.Reason
		notify isakmp.NotifyType
	}{
		"expired":       {issue(lab.root, past), pki.Expired, isakmp.NotifyInvalidCertificate},
		"not yet valid": {issue(lab.root, later), pki.NotYetValid, isakmp.NotifyInvalidCertificate},
		"unknown CA":    {issue(other), pki.UnknownCA, isakmp.NotifyInvalidCertAuthority},
		"wrong purpose": {issue(lab.root, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), pki.WrongPurpose, isakmp.NotifyInvalidCertificate},
	} {
		for _, from := range []string{"initiator", "responder", "initiator, aggressive mode", "responder, aggressive mode"} {
			t.Run(name+" of the "+from, func(t *testing.T) {
				byHub := strings.HasPrefix(from, "responder")
				p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(hub, spoke *Config) {
					shows := spoke
					if byHub {
						shows = hub
					}
					shows.Trustpoints = []*Trustpoint{trustpointOf(lab.root, c.own)}
					if strings.HasSuffix(from, "aggressive mode") {
						aggressively(hub, spoke)
					}
				})
				p.connect()
				refuses, refused := p.hub, p.spoke
				if byHub {
					refuses, refused = p.spoke, p.hub
				}
				judged := told[*trace.CertificateJudged](refuses)
				if len(judged) != 1 || judged[0].Reason != c.reason.String() {
					t.Fatalf("judged %+v, want %s", judged, c.reason)
				}
				if got := protected(refused); len(got) == 0 || got[len(got)-1] != c.notify {
					t.Errorf("told %v, want %s", got, c.notify)
				}
				for _, s := range []*side{p.hub, p.spoke} {
					if x := s.engine.ISAKMPSAs(); len(x) != 1 || !x[0].Dead {
						t.Errorf("%s: %+v", s.name, x)
					}
				}
				if len(p.spoke.failed) != 1 {
					t.Errorf("the request failed %d times", len(p.spoke.failed))
				}
				p.advance(2 * purgeDelay)
				p.hub.engine.checkQuiet(t)
				p.spoke.engine.checkQuiet(t)
			})
		}
	}
}

// A signature by another key than the certificate's proves nothing. The peer is told,
// and gives up.
func TestASignatureByAnotherKey(t *testing.T) {
	lab := pkiOf("rsa")
	for name, c := range map[string]struct {
		key  *pkitest.Authority
		want trace.SignatureProblem
	}{
		"of the same kind": {lab.hub, trace.SignatureDiffers},
		"a shorter one":    {&pkitest.Authority{Key: pkitest.NewRSAKey(1024)}, trace.SignatureLength},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSignedPair(t, isakmp.AuthRSASig, "rsa", func(_, spoke *Config) { spoke.Trustpoints[0].Key = c.key.Key })
			asked := 0
			judge := p.aaa
			p.aaa = func(s *side, q Ask) Answer { asked++; return judge(s, q) }
			p.connect()
			got := told[*trace.SignatureRefused](p.hub)
			if len(got) != 1 || got[0].Problem != c.want || got[0].Subject == "" {
				t.Fatalf("told %+v, want %s", got, c.want)
			}
			if asked != 0 {
				t.Error("the certificate of a peer without its key was asked about")
			}
			if n := protected(p.spoke); len(n) != 1 || n[0] != isakmp.NotifyInvalidSignature {
				t.Errorf("the spoke is told %v", n)
			}
			if x := p.spoke.engine.ISAKMPSAs(); !x[0].Dead || x[0].DeadReason != trace.ReasonPeerRefuses {
				t.Errorf("the spoke goes on: %+v", x[0])
			}
			p.advance(5 * time.Minute)
			p.hub.engine.checkQuiet(t)
		})
	}
}

// A forged message costs an error count, and the true one is understood. What is
// changed is the identity and the signature: nothing proves that a certificate came as
// it was sent, and one that was changed is refused as the peer's.
func TestForgedSignedMessageDoesNotHinderTheTrueOne(t *testing.T) {
	p := newSignedPair(t, isakmp.AuthRSASig, "rsa", nil)
	p.lose = func(n int, d Datagram) bool {
		if n != 5 && n != 6 {
			return false
		}
		var places []int
		for i := range 16 {
			places = append(places, isakmp.HeaderLen+2*i, len(d.Data)-64-8*i)
		}
		for _, i := range places {
			f := copied(d)
			f.Data[i] ^= 0x80
			p.do(p.sideAt(f.Remote.Addr()), func(e *Engine, fx *Effects) {
				var quiet Effects
				e.Datagram(p.now, f.Remote, f.Local, f.Data, &quiet) // what it answers is lost
				fx.Questions = quiet.Questions
			})
		}
		return false
	}
	p.connect()
	p.checkUp()
}

// While nobody answers about a certificate, what the peer sends again is dropped, and
// the exchange ends in time.
func TestNobodyJudges(t *testing.T) {
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", nil)
	p.hold = func(_ *side, q Question) bool { return q.Ask != nil }
	p.connect()
	if n := p.hub.engine.Holdings(); n.Questions != 1 || n.Unproven != 1 {
		t.Errorf("holds %+v, want one question of an unproven peer", n)
	}
	p.advance(DefaultJudgeTimeout - time.Second)
	if p.hub.engine.ISAKMPSAs()[0].Dead {
		t.Error("given up too soon")
	}
	p.advance(2 * time.Second)
	if j := told[*trace.CertificateJudged](p.hub); len(j) != 1 || j[0].Reason != pki.RevocationUnreachable.String() {
		t.Errorf("judged %+v", j)
	}
	p.advance(5 * time.Minute)
	p.hub.engine.checkQuiet(t)
	p.spoke.engine.checkQuiet(t)
}

// A verdict that comes once the SA has ended is ignored.
func TestAVerdictThatComesTooLate(t *testing.T) {
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", nil)
	var held []Question
	p.hold = func(_ *side, q Question) bool {
		if q.Ask != nil {
			held = append(held, q)
		}
		return q.Ask != nil
	}
	p.connect()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Answer(p.now, held[0].ID, p.aaa(p.hub, held[0].Ask), fx) })
	if n := p.hub.engine.Statistics().Phase1Up; n != 0 {
		t.Errorf("%d SAs are up", n)
	}
	p.advance(5 * time.Minute)
	p.hub.engine.checkQuiet(t)
}
