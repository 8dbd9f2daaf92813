package trustpoint

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/trace"
)

// warnings are how long before a certificate's end it is told, the longest
// first; the last is the end itself.
var warnings = []time.Duration{30 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, 0}

// warningsOf leaves out those that come in the first half of a certificate's
// life: one that lives for a week is renewed every few days.
func warningsOf(c *x509.Certificate) []time.Duration {
	half := c.NotAfter.Sub(c.NotBefore) / 2
	return slices.DeleteFunc(slices.Clone(warnings), func(before time.Duration) bool { return before > half })
}

// expiring is a certificate whose end is watched.
type expiring struct {
	trustpoint *config.Trustpoint
	cert       *x509.Certificate
	authority  bool
}

func (e expiring) key() [sha256.Size]byte { return sha256.Sum256(e.cert.Raw) }

// watched are the certificates whose end is told: the gateway's own, and its
// CAs' where no later one is there for their place.
func (a *Agent) watched() (all []expiring) {
	for _, t := range a.o.Config.Trustpoints {
		for _, c := range slices.Concat(a.parse(t.Name, config.OwnCertificate), a.parse(t.Name, config.SelfSignedCertificate)) {
			all = append(all, expiring{t, c, false})
		}
		if len(a.o.Config.Chain(t.Name).Of(config.RolloverCertificate)) > 0 {
			continue
		}
		for _, c := range a.parse(t.Name, config.CACertificate) {
			all = append(all, expiring{t, c, true})
		}
	}
	return all
}

// passed is how many of the warnings of a certificate are due.
func passed(now time.Time, c *x509.Certificate) (n int) {
	for _, before := range warningsOf(c) {
		if !now.Before(c.NotAfter.Add(-before)) {
			n++
		}
	}
	return n
}

// nextWarning is when the next is due that was not told.
func (a *Agent) nextWarning() (at time.Time, ok bool) {
	for _, e := range a.watched() {
		n, all := a.warned[e.key()], warningsOf(e.cert)
		if n == len(all) {
			continue
		}
		if due := e.cert.NotAfter.Add(-all[n]); !ok || due.Before(at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// warn tells of the certificates that end soon: of each the latest warning that
// is due, once.
func (a *Agent) warn() {
	for _, e := range a.watched() {
		n := passed(a.now, e.cert)
		if n <= a.warned[e.key()] {
			continue
		}
		a.warned[e.key()] = n
		left := max(0, e.cert.NotAfter.Sub(a.now))
		a.record(&trace.PKIExpiry{Trustpoint: e.trustpoint.Name, Authority: e.authority, Issuer: pki.Name(e.cert.Issuer), Subject: pki.Name(e.cert.Subject),
			Serial: pki.SerialText(e.cert.SerialNumber), End: pki.DateText(e.cert.NotAfter), LeftSeconds: uint32(left / time.Second),
			AutoEnroll: !e.authority && e.trustpoint.AutoEnroll > 0})
	}
}

// forgetWarned forgets the warnings of certificates that are not there any more.
func (a *Agent) forgetWarned() {
	told := map[[sha256.Size]byte]int{}
	for _, e := range a.watched() {
		if n := a.warned[e.key()]; n > 0 {
			told[e.key()] = n
		}
	}
	a.warned = told
}
