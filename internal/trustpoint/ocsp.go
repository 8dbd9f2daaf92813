package trustpoint

import (
	"crypto/sha256"
	"crypto/x509"
	"io"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// Bounds of the answers of responders that are kept.
const (
	maxOCSP     = 4096
	ocspAtLeast = time.Minute // those without a date of the next one
	ocspAtMost  = time.Hour
	nonceOctets = 16
)

// ocspKey is a certificate with its issuer's.
type ocspKey [sha256.Size]byte

// ocspState is what responders have said of one certificate.
type ocspState struct {
	question
	trustpoint *config.Trustpoint
	cert       *x509.Certificate
	issuer     *x509.Certificate
	left       []string // places that were not asked yet
	verdict    pki.Verdict
	until      time.Time // the verdict counts
}

// ocspState returns what is known of a certificate, or why nothing can be.
func (a *Agent) ocspState(t *config.Trustpoint, c, issuer *x509.Certificate) (*ocspState, string) {
	h := sha256.New()
	h.Write(c.Raw)
	h.Write(issuer.Raw)
	key := ocspKey(h.Sum(nil))
	if s := a.ocsp[key]; s != nil {
		if !s.asked && !a.now.Before(s.until) {
			s.left = responders(t, c)
		}
		return s, ""
	}
	places := responders(t, c)
	if len(places) == 0 {
		return nil, "the certificate does not name an OCSP responder; `ocsp url` would"
	}
	if len(a.ocsp) >= maxOCSP && !a.dropOCSP() {
		return nil, "too many OCSP responders are being asked"
	}
	s := &ocspState{trustpoint: t, cert: c, issuer: issuer, left: places}
	a.ocsp[key] = s
	return s, ""
}

func responders(t *config.Trustpoint, c *x509.Certificate) []string {
	if t.OCSPURL != "" {
		return []string{t.OCSPURL}
	}
	usable, _ := pki.Places(c.OCSPServer)
	return usable[:min(len(usable), maxPlaces)]
}

// dropOCSP forgets the answer that ends first.
func (a *Agent) dropOCSP() bool {
	var first ocspKey
	var end time.Time
	for key, s := range a.ocsp {
		if !s.asked && (end.IsZero() || s.until.Before(end)) {
			first, end = key, s.until
		}
	}
	delete(a.ocsp, first)
	return !end.IsZero()
}

// askOCSP asks the next of the places.
func (a *Agent) askOCSP(s *ocspState) {
	place := s.left[0]
	s.left = s.left[1:]
	var nonce []byte
	if !s.trustpoint.NoNonce {
		nonce = make([]byte, nonceOctets)
		if _, err := io.ReadFull(a.o.Rand, nonce); err != nil {
			a.gotOCSP(s, pki.Verdict{Reason: pki.RevocationUnreachable, Problem: "the OCSP request cannot be made"})
			return
		}
	}
	body, err := pki.OCSPRequest(s.cert, s.issuer, nonce, s.trustpoint.Legacy)
	if err != nil {
		a.gotOCSP(s, pki.Verdict{Reason: pki.RevocationUnreachable, Problem: "the OCSP request cannot be made"})
		return
	}
	request := scep.HTTPRequest{Method: "POST", URL: place, ContentType: "application/ocsp-request", Body: body}
	a.record(&trace.PKIRequestSent{Trustpoint: s.trustpoint.Name, Operation: "OCSP", Path: place})
	a.ask(Fetch{HTTP: request, Proxy: s.trustpoint.Proxy, MaxBytes: pki.MaxOCSPBytes, Configured: s.trustpoint.OCSPURL != ""}, func(answer Answer) {
		a.gotOCSP(s, ocspVerdict(a.now, s, nonce, answer))
	})
}

func ocspVerdict(now time.Time, s *ocspState, nonce []byte, answer Answer) pki.Verdict {
	v := pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: s.cert, Now: now}
	switch {
	case answer.Err != nil:
		v.Problem = answer.Err.Error()
		return v
	case answer.Status != 200:
		v.Problem = fail("the OCSP responder answers with HTTP status %d", answer.Status).Error()
		return v
	}
	return pki.CheckOCSP(now, answer.Body, s.cert, s.issuer, nonce, s.trustpoint.Legacy)
}

// gotOCSP keeps a verdict, or asks the next place where it is none.
func (a *Agent) gotOCSP(s *ocspState, v pki.Verdict) {
	known := v.OK() || v.Reason == pki.Revoked
	if !known {
		a.record(&trace.PKIUnanswered{Trustpoint: s.trustpoint.Name, Operation: "OCSP", Problem: v.Text()})
		if len(s.left) > 0 {
			a.askOCSP(s)
			return
		}
	}
	s.verdict, s.until = v, a.now.Add(askAgain)
	if known {
		a.record(&trace.PKITransactionCompleted{Trustpoint: s.trustpoint.Name, Operation: "OCSP"})
		s.until = later(a.now.Add(ocspAtLeast), earlier(v.NotAfter, a.now.Add(ocspAtMost)))
	}
	a.settle(&s.question)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
