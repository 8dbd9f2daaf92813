package pki

import (
	"crypto/x509"
	"strings"
	"time"
)

// Method is one of `revocation-check`, tried in their order.
type Method uint8

// Methods.
const (
	CheckByCRL Method = iota
	CheckByOCSP
	CheckByNone // whoever is not known to be revoked passes
)

// String is the method's word in `revocation-check`.
func (m Method) String() string {
	switch m {
	case CheckByCRL:
		return "crl"
	case CheckByOCSP:
		return "ocsp"
	}
	return "none"
}

// MarshalText implements encoding.TextMarshaler.
func (m Method) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Evidence is what is known of revocations. Both methods say why there is
// nothing: by a Verdict that is not OK, and never with Valid. RevocationAwaited
// is that the answer is on its way.
type Evidence interface {
	// CRL returns the newest list that covers a certificate of this issuer, or
	// nil and why there is none.
	CRL(c, issuer *x509.Certificate) (*CRL, Verdict)
	// OCSP returns the responder's answer.
	OCSP(c, issuer *x509.Certificate) Verdict
}

// CheckRevocation asks of every certificate of a chain but its anchor whether it
// is revoked. Of the methods the next is asked where one has no answer; where
// none has, the verdict is that of the last. While an answer is awaited all
// certificates are looked at, so that what is to be asked is asked together;
// the verdict is RevocationAwaited then, unless another is worse.
func CheckRevocation(now time.Time, chain []*x509.Certificate, methods []Method, known Evidence, legacy bool) Verdict {
	all := Verdict{}
	for i := range max(0, len(chain)-1) {
		v := revocation(now, chain[i], chain[i+1], methods, known, legacy)
		v.Chain, v.Now = chain, now
		switch {
		case v.Reason == RevocationAwaited:
			all = v
		case !v.OK():
			return v
		}
	}
	all.Chain, all.Now = chain, now
	return all
}

func revocation(now time.Time, c, issuer *x509.Certificate, methods []Method, known Evidence, legacy bool) Verdict {
	v := Verdict{Reason: RevocationUnreachable, Certificate: c, Problem: "no method is configured"}
	for _, m := range methods {
		switch m {
		case CheckByNone:
			return Verdict{}
		case CheckByCRL:
			v = byCRL(now, c, issuer, known, legacy)
		case CheckByOCSP:
			v = known.OCSP(c, issuer)
		}
		if v.OK() || v.Reason == Revoked || v.Reason == RevocationAwaited {
			return v
		}
	}
	return v
}

func byCRL(now time.Time, c, issuer *x509.Certificate, known Evidence, legacy bool) Verdict {
	list, v := known.CRL(c, issuer)
	if list == nil {
		return v
	}
	return CheckCRL(now, list, c, issuer, legacy)
}

// Places is where a certificate says that its state can be asked for: URLs that
// this gateway can fetch, and those that it cannot, LDAP above all.
func Places(urls []string) (usable, others []string) {
	for _, u := range urls {
		if len(u) < 2048 && plainName(u) && (strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://")) {
			usable = append(usable, u)
		} else {
			others = append(others, printable(u))
		}
	}
	return usable, others
}
