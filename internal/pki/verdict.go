package pki

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Reason is why a certificate is refused. The zero value is that it is not.
type Reason uint8

// Reasons, as tests and events name them.
const (
	Valid Reason = iota
	Malformed
	Expired
	NotYetValid
	UnknownCA
	BadSignature
	WeakSignature
	WeakKey
	WrongPurpose
	NotACA
	PathTooLong
	TooManyCertificates
	CriticalExtension
	NameConstraint
	IdentityNotInCertificate
	Revoked
	RevocationStale
	RevocationUnreachable
	RevocationInvalid
	NoMapMatches
	RevocationAwaited // no verdict yet: an answer is on its way
	numReasons
)

var reasonNames = [numReasons]string{
	Valid: "valid", Malformed: "malformed", Expired: "expired", NotYetValid: "not-yet-valid", UnknownCA: "unknown-ca",
	BadSignature: "bad-signature", WeakSignature: "weak-signature", WeakKey: "weak-key", WrongPurpose: "wrong-purpose",
	NotACA: "not-a-ca", PathTooLong: "path-too-long", TooManyCertificates: "too-many-certificates",
	CriticalExtension: "critical-extension", NameConstraint: "name-constraint", IdentityNotInCertificate: "identity-not-in-certificate",
	Revoked: "revoked", RevocationStale: "revocation-stale", RevocationUnreachable: "revocation-unreachable",
	RevocationInvalid: "revocation-invalid", NoMapMatches: "no-map-matches", RevocationAwaited: "revocation-awaited",
}

// String is the reason's stable name.
func (r Reason) String() string {
	if r < numReasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Verdict is what was found out about a certificate. Of the fields behind
// Certificate those are set that its Reason is about.
type Verdict struct {
	Reason Reason
	// Chain leads from the leaf to the trust anchor. Where none was found it
	// is as far as certificates led.
	Chain []*x509.Certificate
	// Certificate is the one at fault; nil for none.
	Certificate *x509.Certificate

	Now                 time.Time // the clock that the dates were held against
	NotBefore, NotAfter time.Time // of the certificate, or of the CRL or OCSP response
	RevokedAt           time.Time
	Revocation          RevocationReason
	Algorithm           string // the weak one: SHA1-RSA
	Bits                int    // the weak key's
	Identity            string // that was looked for
	Names               []string
	Extension           string // the object identifier
	Problem             string // a sentence without Go's words, where the Reason alone does not say it
}

// OK says whether the certificate may be used.
func (v Verdict) OK() bool { return v.Reason == Valid }

// Text says in a sentence what is wrong.
func (v Verdict) Text() string {
	who := "the certificate"
	if v.Certificate != nil {
		who = "the certificate of " + Name(v.Certificate.Subject) + " (serial " + SerialText(v.Certificate.SerialNumber) + ")"
	}
	switch v.Reason {
	case Valid:
		return "the certificate is valid"
	case Expired:
		return fmt.Sprintf("%s expired on %s; the clock here says %s", who, DateText(v.NotAfter), DateText(v.Now))
	case NotYetValid:
		return fmt.Sprintf("%s is valid from %s on; the clock here says %s", who, DateText(v.NotBefore), DateText(v.Now))
	case UnknownCA:
		issuer := ""
		if v.Certificate != nil {
			issuer = Name(v.Certificate.Issuer)
		}
		return fmt.Sprintf("%s was issued by %s, which no trustpoint has", who, issuer)
	case WeakSignature:
		return fmt.Sprintf("%s is signed with %s, which the trustpoint does not allow", who, v.Algorithm)
	case WeakKey:
		return fmt.Sprintf("%s has a key of %d bits, fewer than the trustpoint allows", who, v.Bits)
	case IdentityNotInCertificate:
		has := "no name of that kind"
		if len(v.Names) > 0 {
			has = strings.Join(v.Names, ", ")
		}
		return fmt.Sprintf("%s is not for %s: it has %s", who, v.Identity, has)
	case Revoked:
		return fmt.Sprintf("%s was revoked on %s: %s", who, DateText(v.RevokedAt), v.Revocation)
	case RevocationStale:
		return fmt.Sprintf("what says whether %s is revoked was due for renewal on %s; the clock here says %s", who, DateText(v.NotAfter), DateText(v.Now))
	case CriticalExtension:
		return fmt.Sprintf("%s has the critical extension %s, which is not understood", who, v.Extension)
	}
	text := map[Reason]string{
		Malformed: "is malformed", BadSignature: "is not signed by the key of its issuer", WrongPurpose: "is not meant for IKE",
		NotACA: "signs another, and is not a CA's", PathTooLong: "has a longer chain below it than it allows",
		TooManyCertificates: "came with more certificates than a chain has", NameConstraint: "has a name that a CA above it forbids",
		RevocationUnreachable: "cannot be checked for revocation", RevocationInvalid: "cannot be checked for revocation: the answer is not to be trusted",
		NoMapMatches: "matches no certificate map", RevocationAwaited: "is being checked for revocation",
	}[v.Reason]
	if v.Problem != "" {
		text += ": " + v.Problem
	}
	return who + " " + text
}

// DateText is a date as IOS writes it: 23:56:42 UTC Jun 7 2017.
func DateText(t time.Time) string { return t.UTC().Format("15:04:05 MST Jan 2 2006") }

// RevocationReason is a CRLReason (RFC 5280 section 5.3.1).
type RevocationReason uint8

var revocationReasons = map[RevocationReason]string{
	0: "unspecified", 1: "key compromise", 2: "CA compromise", 3: "affiliation changed", 4: "superseded", 5: "cessation of operation",
	6: "certificate hold", 8: "removed from CRL", 9: "privilege withdrawn", 10: "AA compromise",
}

// String is the reason in words.
func (r RevocationReason) String() string {
	if s, ok := revocationReasons[r]; ok {
		return s
	}
	return fmt.Sprintf("reason %d", uint8(r))
}
