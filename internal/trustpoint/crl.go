package trustpoint

import (
	"cmp"
	"crypto/x509"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// crlState is what is known of one place of a revocation list.
type crlState struct {
	url        string
	configured bool
	proxy      string
	trustpoint string
	list       *pki.CRL
	problem    string
	asked      bool
	fetched    time.Time
	refresh    time.Time // zero: only when it is asked for
	waiters    []func(error)
}

// Bounds of the lists that are kept.
const (
	maxCRLs   = 64
	crlAgain  = 5 * time.Minute // after a failure
	crlAtMost = 24 * time.Hour  // between two looks
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
}

// CRLs are the lists that are known, by URL.
func (a *Agent) CRLs() []CRLView {
	var all []CRLView
	for _, c := range a.crls {
		v := CRLView{URL: c.url, Trustpoint: c.trustpoint, Fetched: c.fetched, Refresh: c.refresh, Problem: c.problem}
		if c.list != nil {
			v.Issuer, v.ThisUpdate, v.NextUpdate, v.Entries = pki.RawName(c.list.Issuer), c.list.ThisUpdate, c.list.NextUpdate, c.list.Len()
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(x, y CRLView) int { return cmp.Compare(x.URL, y.URL) })
	return all
}

// RequestCRL fetches the lists of a trustpoint anew: that of `crl query`, or
// those that its certificates name.
func (a *Agent) RequestCRL(now time.Time, name string, done func(error)) Output {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		done(err)
		return a.finish()
	}
	var certs []*x509.Certificate
	for _, kind := range []config.CertificateKind{config.OwnCertificate, config.RASignCertificate, config.CACertificate} {
		certs = append(certs, a.parse(name, kind)...)
	}
	urls, configured, problem := places(t, certs)
	if len(urls) == 0 {
		done(&Error{problem, "write `crl query http://...` below the trustpoint"})
		return a.finish()
	}
	left, first := len(urls), error(nil)
	for _, url := range urls {
		c := a.place(t, url, configured)
		if c == nil {
			left--
			first = fail("more than %d lists are kept", maxCRLs)
			continue
		}
		c.waiters = append(c.waiters, func(err error) {
			if first == nil {
				first = err
			}
			if left--; left == 0 {
				done(first)
			}
		})
		a.askCRL(url, c)
	}
	if left == 0 {
		done(first)
	}
	return a.finish()
}

// places are where the lists of a trustpoint are.
func places(t *config.Trustpoint, certs []*x509.Certificate) (urls []string, configured bool, problem string) {
	if t.CRLQuery != "" {
		return []string{t.CRLQuery}, true, ""
	}
	var others []string
	for _, c := range certs {
		usable, rest := pki.Places(c.CRLDistributionPoints)
		others = append(others, rest...)
		for _, u := range usable {
			if !slices.Contains(urls, u) {
				urls = append(urls, u)
			}
		}
	}
	if len(urls) == 0 && len(others) > 0 {
		return nil, false, "the certificates name lists at " + others[0] + " only, which cannot be fetched: LDAP is not supported"
	}
	return urls, false, "the certificates of " + t.Name + " do not say where a CRL is"
}

func (a *Agent) place(t *config.Trustpoint, url string, configured bool) *crlState {
	if c := a.crls[url]; c != nil {
		return c
	}
	if len(a.crls) >= maxCRLs {
		return nil
	}
	c := &crlState{url: url, configured: configured, proxy: t.Proxy, trustpoint: t.Name}
	a.crls[url] = c
	return c
}

func (a *Agent) askCRL(url string, c *crlState) {
	if c.asked {
		return
	}
	c.asked = true
	a.ask(Fetch{HTTP: scep.HTTPRequest{Method: "GET", URL: url}, Proxy: c.proxy, MaxBytes: pki.MaxCRLBytes, Configured: c.configured, CRL: true},
		func(answer Answer) { a.gotCRL(c, answer) })
}

// gotCRL keeps a list if it is newer than the one that is there: whoever is on
// the way could bring back an old one.
func (a *Agent) gotCRL(c *crlState, answer Answer) {
	c.asked, c.problem = false, ""
	err := answer.Err
	switch {
	case err != nil:
	case answer.Status != 200:
		err = fail("the server answers with HTTP status %d", answer.Status)
	case answer.CRL == nil:
		err = fail("the answer is no CRL")
	case c.list != nil && answer.CRL.ThisUpdate.Before(c.list.ThisUpdate):
		err = fail("the CRL is older than the one that is here")
	default:
		c.list, c.fetched = answer.CRL, a.now
	}
	c.refresh = a.now.Add(crlAgain)
	if err != nil {
		c.problem = err.Error()
		a.record(&trace.PKIUnanswered{Trustpoint: c.trustpoint, Operation: "CRL", Problem: c.problem, RetrySeconds: uint32(crlAgain / time.Second)})
	} else {
		c.refresh = ahead(a.now, c.list)
	}
	waiters := c.waiters
	c.waiters = nil
	for _, w := range waiters {
		w(err)
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
