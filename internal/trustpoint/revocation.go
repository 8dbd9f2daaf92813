package trustpoint

import (
	"crypto/x509"
	"maps"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
)

// Bounds of checks for revocation. A peer that waits for its verdict sends its
// message again meanwhile, and gives up after some tens of seconds.
const (
	// patience is how long a check waits for one answer. The answer may come
	// later, and serves the next check then.
	patience = 10 * time.Second
	// askAgain is the time after a failure in which nobody is asked again.
	askAgain = time.Minute
	// maxChecks is how many chains wait for answers at a time.
	maxChecks = 1024
)

// question is something that was asked, with the checks that wait for the
// answer.
type question struct {
	asked   bool
	at      time.Time // when it was last asked
	waiting []*check
}

func (q *question) begin(now time.Time) { q.asked, q.at = true, now }

// check is a chain of certificates that is being checked for revocation.
type check struct {
	trustpoint *config.Trustpoint
	chain      []*x509.Certificate
	done       func(pki.Verdict)
	due        time.Time // when the first answer that it waits for is late
}

// revoked finds out whether a certificate of a chain is revoked, by the methods
// of a trustpoint. It asks where it has to, and calls done at once or later, in
// a bounded time.
func (a *Agent) revoked(t *config.Trustpoint, chain []*x509.Certificate, done func(pki.Verdict)) {
	c := &check{trustpoint: t, chain: chain, done: done}
	if len(a.checks) >= maxChecks {
		done(pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: chain[0], Chain: chain, Now: a.now, Problem: "too many certificates are being checked"})
		return
	}
	a.run(c)
}

// run looks at all that is known, and asks for what is not.
func (a *Agent) run(c *check) {
	c.due = time.Time{}
	v := pki.CheckRevocation(a.now, c.chain, c.trustpoint.Revocation, &evidence{a, c}, c.trustpoint.Legacy)
	if v.Reason == pki.RevocationAwaited {
		a.checks[c] = true
		return
	}
	delete(a.checks, c)
	c.done(v)
}

// settle ends a question: who waits for its answer looks again.
func (a *Agent) settle(q *question) {
	waiting := q.waiting
	q.asked, q.waiting = false, nil
	for _, c := range waiting {
		if a.checks[c] {
			a.run(c)
		}
	}
}

// late lets the checks go on whose answers did not come in time.
func (a *Agent) late() {
	for _, c := range a.checksOf(func(c *check) bool { return !a.now.Before(c.due) }) {
		a.run(c)
	}
}

// dropChecks refuses the certificates whose trustpoint is gone meanwhile.
func (a *Agent) dropChecks() {
	for _, c := range a.checksOf(func(c *check) bool { return a.o.Config.Trustpoint(c.trustpoint.Name) == nil }) {
		delete(a.checks, c)
		c.done(pki.Verdict{Reason: pki.UnknownCA, Certificate: c.chain[0], Chain: c.chain, Now: a.now})
	}
}

func (a *Agent) checksOf(is func(*check) bool) []*check {
	all := slices.SortedFunc(maps.Keys(a.checks), func(x, y *check) int { return x.due.Compare(y.due) })
	return slices.DeleteFunc(all, func(c *check) bool { return !is(c) })
}

// wait has a check wait for a question, and says whether it still may.
func (c *check) wait(now time.Time, q *question) bool {
	end := q.at.Add(patience)
	if !now.Before(end) {
		return false
	}
	if !slices.Contains(q.waiting, c) {
		q.waiting = append(q.waiting, c)
	}
	if c.due.IsZero() || end.Before(c.due) {
		c.due = end
	}
	return true
}

// evidence implements pki.Evidence for one check.
type evidence struct {
	a *Agent
	c *check
}

const tooLate = "there was no answer in time"

// CRL implements pki.Evidence. It tries the places one after the other.
func (e *evidence) CRL(c, issuer *x509.Certificate) (*pki.CRL, pki.Verdict) {
	v := pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: c}
	places, problem := e.a.crlPlaces(e.c.trustpoint, c, issuer)
	v.Problem = problem
	var old *pki.CRL
	for _, p := range places {
		s := e.a.crl(e.c.trustpoint, p)
		if s.list != nil && (s.list.NextUpdate.IsZero() || !e.a.now.After(s.list.NextUpdate)) {
			return s.list, v
		}
		if !s.asked && (s.problem == "" || !e.a.now.Before(s.at.Add(askAgain))) {
			e.a.askCRL(s)
		}
		switch {
		case !s.asked:
			v.Problem = s.problem
		case e.c.wait(e.a.now, &s.question):
			v.Reason, v.Problem = pki.RevocationAwaited, ""
			return nil, v
		default:
			v.Problem = tooLate
		}
		if old == nil {
			old = s.list
		}
	}
	return old, v
}

// OCSP implements pki.Evidence.
func (e *evidence) OCSP(c, issuer *x509.Certificate) pki.Verdict {
	v := pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: c, Now: e.a.now}
	s, problem := e.a.ocspState(e.c.trustpoint, c, issuer)
	if s == nil {
		v.Problem = problem
		return v
	}
	if !s.asked && !e.a.now.Before(s.until) {
		s.begin(e.a.now)
		e.a.askOCSP(s)
	}
	switch {
	case !s.asked:
		v = s.verdict
		v.Certificate, v.Now = c, e.a.now
	case e.c.wait(e.a.now, &s.question):
		v.Reason = pki.RevocationAwaited
	default:
		v.Problem = tooLate
	}
	return v
}
