package trustpoint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// crlKey tells lists apart: by their place, and by the CA's certificate that
// they are held against.
type crlKey struct {
	url    string
	issuer [sha256.Size]byte
}

// crlPlace is where a list is, and whose it has to be.
type crlPlace struct {
	url        string
	configured bool // by `crl query` or `enrollment url`
	scep       bool // asked for by GetCRL of a certificate's CA
	of         *x509.Certificate
	issuer     *x509.Certificate
}

func (p crlPlace) key() crlKey { return crlKey{p.url, sha256.Sum256(p.issuer.Raw)} }

// crlState is what is known of one list.
type crlState struct {
	question
	crlPlace
	trustpoint *config.Trustpoint
	list       *pki.CRL
	problem    string
	fetched    time.Time
	used       time.Time // when it was last asked for, or looked at
	refresh    time.Time // zero: only when it is asked for
	told       []func(error)
}

// Bounds of the lists that are kept.
const (
	maxCRLs       = 64
	maxCRLEntries = 2 * pki.MaxCRLEntries // of all together
	crlAgain      = 5 * time.Minute       // after a failure
	crlAtMost     = 24 * time.Hour        // between two looks
	crlUnused     = 7 * 24 * time.Hour    // until one that nobody looks at goes
	maxPlaces     = 4                     // of a certificate that are tried
)

// CRLView is a list as show crypto pki crls has it.
type CRLView struct {
	URL, Trustpoint string
	Issuer          string
	ThisUpdate      time.Time
	NextUpdate      time.Time
	Fetched         time.Time // zero for never
	Refresh         time.Time // zero for never
	Entries         int
	Problem         string // of the last try
	SCEP            bool   // it is asked of the CA at the URL by GetCRL
}

// CRLs are the lists that are known, by URL.
func (a *Agent) CRLs() []CRLView {
	var all []CRLView
	for _, c := range a.listed() {
		v := CRLView{URL: c.url, Trustpoint: c.trustpoint.Name, Fetched: c.fetched, Refresh: c.refresh, Problem: c.problem, SCEP: c.scep}
		if c.list != nil {
			v.Issuer, v.ThisUpdate, v.NextUpdate, v.Entries = pki.RawName(c.list.Issuer), c.list.ThisUpdate, c.list.NextUpdate, c.list.Len()
		}
		all = append(all, v)
	}
	return all
}

// listed are the lists in an order that is always the same.
func (a *Agent) listed() []*crlState {
	return slices.SortedFunc(maps.Values(a.crls), func(x, y *crlState) int {
		return cmp.Or(cmp.Compare(x.url, y.url), bytes.Compare(x.issuer.Raw, y.issuer.Raw))
	})
}

// RequestCRL fetches the lists of a trustpoint anew: those that cover its own
// certificates.
func (a *Agent) RequestCRL(now time.Time, name string, done func(error)) Output {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		done(err)
		return a.finish()
	}
	cas := a.parse(name, config.CACertificate)
	if len(cas) == 0 {
		done(&Error{"the CA's certificate of " + name + " is not there yet", "`crypto pki authenticate " + name + "`"})
		return a.finish()
	}
	places, problem := a.ownPlaces(t, cas)
	if len(places) == 0 {
		done(&Error{problem, "write `crl query http://...` below the trustpoint"})
		return a.finish()
	}
	left, first := len(places), error(nil)
	for _, p := range places {
		c := a.crl(t, p)
		c.told = append(c.told, func(err error) {
			if first == nil {
				first = err
			}
			if left--; left == 0 {
				done(first)
			}
		})
		a.askCRL(c)
	}
	return a.finish()
}

// ownPlaces are where the lists of a trustpoint's own certificates are, each
// once.
func (a *Agent) ownPlaces(t *config.Trustpoint, cas []*x509.Certificate) (all []crlPlace, problem string) {
	if t.CRLQuery != "" {
		return []crlPlace{{url: t.CRLQuery, configured: true, issuer: cas[0]}}, ""
	}
	problem = "the certificates of " + t.Name + " do not say where a CRL is"
	for _, kind := range []config.CertificateKind{config.OwnCertificate, config.RASignCertificate, config.CACertificate} {
		for _, c := range a.parse(t.Name, kind) {
			i := slices.IndexFunc(cas, func(ca *x509.Certificate) bool { return bytes.Equal(ca.RawSubject, c.RawIssuer) })
			if i < 0 || c.Equal(cas[i]) && len(c.CRLDistributionPoints) == 0 {
				continue // of a CA that is not here, or a root, which no list is needed for
			}
			places, why := a.crlPlaces(t, c, cas[i])
			if why != "" && len(c.CRLDistributionPoints) > 0 {
				problem = why
			}
			for _, p := range places {
				if !slices.ContainsFunc(all, func(o crlPlace) bool { return o.key() == p.key() }) {
					all = append(all, p)
				}
			}
		}
	}
	return all, problem
}

// crlPlaces are where the lists are that cover a certificate: where `crl query`
// says, for those of the trustpoint's CA; where the certificate says; and where
// it says nothing at the CA itself, by SCEP, as IOS does.
func (a *Agent) crlPlaces(t *config.Trustpoint, c, issuer *x509.Certificate) (all []crlPlace, problem string) {
	ca := a.parse(t.Name, config.CACertificate)
	ours := len(ca) > 0 && ca[0].Equal(issuer)
	if t.CRLQuery != "" && ours {
		return []crlPlace{{url: t.CRLQuery, configured: true, issuer: issuer}}, ""
	}
	usable, others := pki.Places(c.CRLDistributionPoints)
	for _, url := range usable[:min(len(usable), maxPlaces)] {
		all = append(all, crlPlace{url: url, issuer: issuer})
	}
	switch {
	case len(all) > 0:
		return all, ""
	case len(others) > 0:
		return nil, "the certificate names lists at " + others[0] + " only, which cannot be fetched: LDAP is not supported"
	case ours && t.Enrollment == config.EnrollURL:
		return []crlPlace{{url: t.URL, configured: true, scep: true, of: c, issuer: issuer}}, ""
	}
	return nil, "the certificate does not say where a CRL is"
}

// crl is the state of a list, which is made if need be; then the one goes that
// was looked at least.
func (a *Agent) crl(t *config.Trustpoint, p crlPlace) *crlState {
	key := p.key()
	if c := a.crls[key]; c != nil {
		c.used = a.now
		return c
	}
	if len(a.crls) >= maxCRLs {
		a.dropCRL(nil)
	}
	c := &crlState{crlPlace: p, trustpoint: t, used: a.now}
	a.crls[key] = c
	return c
}

// dropCRL forgets the list that was looked at least, other than keep; one that
// is being fetched stays, and so there may be some more than the bound.
func (a *Agent) dropCRL(keep *crlState) bool {
	var oldest *crlState
	for _, c := range a.listed() {
		if c != keep && !c.asked && (oldest == nil || c.used.Before(oldest.used)) {
			oldest = c
		}
	}
	if oldest == nil {
		return false
	}
	delete(a.crls, oldest.key())
	return true
}

func (a *Agent) askCRL(c *crlState) {
	if c.asked {
		return
	}
	c.begin(a.now)
	if c.scep {
		a.askGetCRL(c)
		return
	}
	a.record(&trace.PKIRequestSent{Trustpoint: c.trustpoint.Name, Operation: "CRL", Path: c.url})
	a.ask(Fetch{HTTP: scep.HTTPRequest{Method: "GET", URL: c.url}, Proxy: c.trustpoint.Proxy, MaxBytes: pki.MaxCRLBytes, Configured: c.configured, CRL: true},
		func(answer Answer) {
			if answer.Err == nil && answer.Status != 200 {
				answer.Err = fail("the server answers with HTTP status %d", answer.Status)
			}
			a.gotCRL(c, answer.CRL, answer.Err)
		})
}

// gotCRL keeps a list that its CA has signed, if it is newer than the one that
// is there: whoever is on the way could bring another, or an old one.
func (a *Agent) gotCRL(c *crlState, list *pki.CRL, err error) {
	switch {
	case err != nil:
	case list == nil:
		err = fail("the answer is no CRL")
	case !list.SignedBy(c.issuer):
		err = fail("the CRL is not signed by %s", pki.Name(c.issuer.Subject))
	case c.list != nil && list.ThisUpdate.Before(c.list.ThisUpdate):
		err = fail("the CRL is older than the one that is here")
	default:
		c.list, c.fetched = list, a.now
		a.boundEntries(c)
	}
	c.problem, c.refresh = "", a.now.Add(crlAgain)
	if err != nil {
		c.problem = err.Error()
		a.record(&trace.PKIUnanswered{Trustpoint: c.trustpoint.Name, Operation: "CRL", Problem: c.problem, RetrySeconds: uint32(crlAgain / time.Second)})
	} else {
		c.refresh = ahead(a.now, c.list)
		a.record(&trace.PKITransactionCompleted{Trustpoint: c.trustpoint.Name, Operation: "CRL"})
	}
	told := c.told
	c.told = nil
	for _, f := range told {
		f(err)
	}
	a.settle(&c.question)
}

// boundEntries forgets lists while all have more entries than are kept.
func (a *Agent) boundEntries(keep *crlState) {
	for {
		n := 0
		for _, c := range a.crls {
			if c.list != nil {
				n += c.list.Len()
			}
		}
		if n <= a.maxEntries || !a.dropCRL(keep) {
			return
		}
	}
}

// refreshCRLs fetches the lists that are due, and forgets those that nobody has
// looked at for long.
func (a *Agent) refreshCRLs() {
	for _, c := range a.listed() {
		switch {
		case c.refresh.IsZero() || c.asked || a.now.Before(c.refresh):
		case a.now.Sub(c.used) > crlUnused:
			delete(a.crls, c.key())
		default:
			a.askCRL(c)
		}
	}
}

// ahead is when a list is fetched again: a tenth of its life before its end.
func ahead(now time.Time, l *pki.CRL) time.Time {
	at := now.Add(crlAtMost)
	if !l.NextUpdate.IsZero() {
		if early := l.NextUpdate.Add(-l.NextUpdate.Sub(l.ThisUpdate) / 10); early.Before(at) {
			at = early
		}
	}
	if soonest := now.Add(crlAgain); at.Before(soonest) {
		at = soonest
	}
	return at
}
