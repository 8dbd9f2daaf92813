package trustpoint

import (
	"crypto/rsa"
	"crypto/x509"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// renewal is when a trustpoint's certificate is to be renewed.
func (a *Agent) renewal(t *config.Trustpoint) (time.Time, bool) {
	if t.AutoEnroll == 0 || t.Enrollment != config.EnrollURL || a.enrolments[t.Name] != nil {
		return time.Time{}, false
	}
	own := a.parse(t.Name, config.OwnCertificate)
	if len(own) == 0 {
		return time.Time{}, false
	}
	at := RenewAt(own[0], t.AutoEnroll)
	if a.ofOldCA(t, own[0]) {
		at = a.now
	}
	s := a.status[t.Name]
	switch {
	case s == nil || !s.State.Done():
	case s.State != scep.Granted:
		at = later(at, s.Began.Add(renewAgain)) // the last try has failed
	default:
		at = later(at, s.Began.Add(renewSoon)) // what was granted is old already
	}
	return at, true
}

// Times between two tries to renew a certificate.
const (
	renewAgain = time.Hour
	renewSoon  = 5 * time.Minute
)

// RenewAt is when so many percent of a certificate's life are over.
func RenewAt(c *x509.Certificate, percent int) time.Time {
	life := c.NotAfter.Sub(c.NotBefore)
	return c.NotBefore.Add(life / 100 * time.Duration(percent))
}

// renew asks for a new certificate for the same names, by the old one; or by the
// password again, where that has ended.
func (a *Agent) renew(t *config.Trustpoint) {
	c := Choices{Password: t.Password.Clear, Serial: t.Serial == config.SerialYes, Address: t.IPAddress}
	if err := a.enroll(t.Name, c, a.renewable(t.Name), nil); err != nil {
		a.status[t.Name] = &Status{State: scep.Abandoned, Began: a.now, Problem: err.Error()}
		a.record(&trace.PKIEnrollmentEnded{Trustpoint: t.Name, Outcome: trace.PKIFailed, Problem: err.Error()})
	}
}

// KeyRequest is a key pair that is to be made, aside. It is exportable where the
// key is whose place it is to take.
type KeyRequest struct {
	ID        uint64
	Label     string
	Successor string // the label of that key
	Bits      int
}

// Generated takes the end of a KeyRequest.
func (a *Agent) Generated(now time.Time, id uint64, err error) Output {
	return a.Fetched(now, id, Answer{Err: err})
}

// withNextKey goes on with the key that is to take another's place: the one that
// an enrolment before this has made and got no certificate for, so that the CA
// knows the transaction; or a new one.
func (a *Agent) withNextKey(e *enrolling, t *config.Trustpoint, key scep.Key, then func(scep.Key) error) {
	label := KeyLabel(a.o.Config, t)
	e.promote = label
	goOn := func() error {
		next, _ := a.o.Keys.Key(NextLabel(label))
		k, ok := next.(scep.Key)
		if !ok {
			return fail("the new key %s is not there", NextLabel(label))
		}
		return then(k)
	}
	a.enrolments[t.Name] = e
	a.status[t.Name] = &Status{Began: a.now}
	if next, ok := a.o.Keys.Key(NextLabel(label)); ok && !sameKey(next.Public(), key.Public()) {
		if err := goOn(); err != nil {
			a.end(e, scep.Abandoned, err)
		}
		return
	}
	bits := t.KeyBits
	if bits == 0 {
		bits = key.Public().(*rsa.PublicKey).N.BitLen()
	}
	a.next++
	a.waiting[a.next] = func(answer Answer) {
		err := answer.Err
		if a.enrolments[t.Name] != e {
			return // the trustpoint is gone
		}
		if err == nil {
			err = goOn()
		}
		if err != nil {
			a.end(e, scep.Abandoned, err)
		}
	}
	a.out.Keys = append(a.out.Keys, KeyRequest{ID: a.next, Label: NextLabel(label), Successor: label, Bits: bits})
}
