package trustpoint

import (
	"crypto/x509"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
)

// Inquiry is what a peer has shown to prove itself with.
type Inquiry struct {
	// Trustpoints are those that may prove it, in the order of preference; nil is
	// every one.
	Trustpoints []string
	Leaf        *x509.Certificate
	Offered     []*x509.Certificate // that came beside it, in any order
	// Kind and Identity are those of its ID payload.
	Kind     isakmp.IDType
	Identity []byte
}

// Judgement is what came of an Inquiry.
type Judgement struct {
	pki.Verdict
	Trustpoint string // whose CA the certificate is of; "" where none is
}

// Judge says whether a peer's certificate leads to a CA that is trusted here, has
// the identity that the peer presents, and is not revoked. done takes the answer,
// once: before Judge returns where nothing has to be fetched, else from a Fetched
// or Timeout.
func (a *Agent) Judge(now time.Time, q Inquiry, done func(Judgement)) Output {
	a.begin(now)
	tell := func(j Judgement) {
		if !j.OK() {
			a.judged(j.Trustpoint, j.Verdict)
		}
		done(j)
	}
	switch t, j := a.proved(q); {
	case !j.OK(), a.skipsRevocation(t, q.Leaf):
		tell(j)
	default:
		a.revoked(t, j.Chain, func(v pki.Verdict) { tell(Judgement{v, t.Name}) })
	}
	return a.finish()
}

func (a *Agent) skipsRevocation(t *config.Trustpoint, c *x509.Certificate) bool {
	use, matched := a.mapUse(t, c)
	return matched && use.SkipRevocation
}

// proved says whether a certificate has a chain and the identity.
func (a *Agent) proved(q Inquiry) (*config.Trustpoint, Judgement) {
	t, j := a.anchored(q)
	if !j.OK() {
		return t, j
	}
	if v := pki.CheckIdentity(q.Leaf, q.Kind, q.Identity); !v.OK() {
		v.Chain, v.Now = j.Chain, a.now
		return t, Judgement{v, t.Name}
	}
	return t, j
}

// anchored finds the trustpoint to whose CA the certificate leads. Where there is
// none, the verdict is the first that says more than that the CA is unknown.
func (a *Agent) anchored(q Inquiry) (found *config.Trustpoint, best Judgement) {
	best.Verdict = pki.Verdict{Reason: pki.UnknownCA, Certificate: q.Leaf, Chain: []*x509.Certificate{q.Leaf}, Now: a.now}
	for _, t := range a.candidates(q.Trustpoints) {
		v := a.chain(t, q)
		if v.OK() {
			return t, Judgement{v, t.Name}
		}
		if best.Reason == pki.UnknownCA && v.Reason != pki.UnknownCA {
			best = Judgement{v, t.Name}
		}
	}
	return nil, best
}

// candidates are the trustpoints of some names; nil names all.
func (a *Agent) candidates(names []string) (all []*config.Trustpoint) {
	if names == nil {
		return a.o.Config.Trustpoints
	}
	for _, n := range names {
		if t := a.o.Config.Trustpoint(n); t != nil {
			all = append(all, t)
		}
	}
	return all
}

func (a *Agent) chain(t *config.Trustpoint, q Inquiry) pki.Verdict {
	own := trust(t)
	offered := q.Offered
	own.Anchors, offered = a.anchors(t, offered)
	if len(own.Anchors) == 0 {
		return pki.Verdict{Reason: pki.UnknownCA, Certificate: q.Leaf, Now: a.now}
	}
	v := pki.VerifyChain(a.now, q.Leaf, offered, own, pki.ForIKE)
	use, matched := a.mapUse(t, q.Leaf)
	switch {
	case v.OK() && !matched && len(t.Maps) > 0 && !slices.ContainsFunc(t.Maps, excuses):
		v.Reason, v.Certificate, v.Problem = pki.NoMapMatches, q.Leaf, "of trustpoint "+t.Name
	case v.Reason == pki.Expired && matched && use.AllowExpired && v.Certificate.Equal(q.Leaf):
		// As it was on its last day.
		v = pki.VerifyChain(q.Leaf.NotAfter, q.Leaf, offered, own, pki.ForIKE)
	}
	return v
}

// excuses says whether a map of a trustpoint lets something pass, and does not
// choose among its certificates.
func excuses(u config.MapUse) bool { return u.AllowExpired || u.SkipRevocation }

// mapUse is the first certificate map of a trustpoint that a certificate matches.
func (a *Agent) mapUse(t *config.Trustpoint, c *x509.Certificate) (use config.MapUse, matched bool) {
	for _, u := range t.Maps {
		if m := a.o.Config.CertificateMap(u.Map); m != nil && m.Criteria().Matches(c) {
			return u, true
		}
	}
	return use, false
}

// anchors are the CAs in which chains of a trustpoint end: its own, or those of the
// parent with which `chain-validation continue` goes on. Its own are between then.
func (a *Agent) anchors(t *config.Trustpoint, offered []*x509.Certificate) (anchors, between []*x509.Certificate) {
	const most = 8 // parents one above the other
	between = slices.Clip(offered)
	for range most {
		cas := a.parse(t.Name, config.CACertificate)
		parent := a.o.Config.Trustpoint(t.ChainParent)
		if parent == nil {
			return cas, between
		}
		between = append(between, cas...)
		t = parent
	}
	return nil, between
}
