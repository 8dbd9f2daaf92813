package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// ClockSkew is by how much the clocks of a CA and of this host may differ where
// both say when something was made.
const ClockSkew = 5 * time.Minute

// MaxOCSPBytes is how long a response may be.
const MaxOCSPBytes = 64 << 10

// maxOCSPAge is how old a response may be that has neither a nonce nor a date
// of the next one.
const maxOCSPAge = 10 * time.Minute

var oidOCSPNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

// OCSPRequest asks for the state of one certificate (RFC 6960 section 4.1).
// nonce is of 16 to 32 octets (RFC 9654), or empty for none. The hash is SHA-1
// where legacy is set: old responders know no other.
func OCSPRequest(c, issuer *x509.Certificate, nonce []byte, legacy bool) ([]byte, error) {
	h := crypto.SHA256
	if legacy {
		h = crypto.SHA1
	}
	der, err := ocsp.CreateRequest(c, issuer, &ocsp.RequestOptions{Hash: h})
	if err != nil || len(nonce) == 0 {
		return der, err
	}
	return withNonce(der, nonce)
}

// withNonce adds the extension, which x/crypto/ocsp does not have.
func withNonce(der, nonce []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var request, tbs cryptobyte.String
	if !in.ReadASN1(&request, casn1.SEQUENCE) || !request.ReadASN1(&tbs, casn1.SEQUENCE) {
		return nil, errors.New("the OCSP request cannot be made")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddASN1(casn1.Tag(2).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidOCSPNonce)
						b.AddASN1(casn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
					})
				})
			})
		})
	})
	return b.Bytes()
}

// CheckOCSP reads the response to a request with this nonce. The responder may
// be the CA, or one that it has named with a certificate for the purpose
// (RFC 6960 section 4.2.2.2). A response without a nonce counts, as those made
// beforehand have none; another's nonce does not.
func CheckOCSP(now time.Time, body []byte, c, issuer *x509.Certificate, nonce []byte, legacy bool) Verdict {
	v := Verdict{Certificate: c, Now: now}
	invalid := func(problem string) Verdict {
		v.Reason, v.Problem = RevocationInvalid, problem
		return v
	}
	if len(body) > MaxOCSPBytes {
		return invalid("the OCSP response is too long")
	}
	if signatureLength(body) > MaxSignature {
		return invalid("the signature of the OCSP response is longer than any that is verified")
	}
	r, err := ocsp.ParseResponseForCert(body, c, issuer)
	var refused ocsp.ResponseError
	switch {
	case errors.As(err, &refused):
		v.Reason, v.Problem = RevocationUnreachable, "the OCSP responder says "+refused.Status.String()
		return v
	case err != nil:
		return invalid("the OCSP response is malformed, of another certificate, or not signed by whom the CA has named")
	}
	v.NotBefore, v.NotAfter = r.ThisUpdate, r.NextUpdate
	if problem := responder(now, r, issuer, legacy); problem != "" {
		return invalid(problem)
	}
	echoed, ok := responseNonce(r.TBSResponseData)
	switch {
	case !ok:
		return invalid("the OCSP response is malformed")
	case len(echoed) > 0 && !bytes.Equal(echoed, nonce):
		return invalid("the OCSP response answers another request: its nonce differs")
	case r.ThisUpdate.After(now.Add(ClockSkew)):
		return invalid("the OCSP response is of " + DateText(r.ThisUpdate) + "; the clock here says " + DateText(now))
	case r.Status == ocsp.Revoked:
		v.Reason, v.RevokedAt, v.Revocation = Revoked, r.RevokedAt, RevocationReason(r.RevocationReason)
	case r.Status != ocsp.Good:
		return invalid("the OCSP responder does not know the certificate")
	case !r.NextUpdate.IsZero() && now.After(r.NextUpdate.Add(ClockSkew)):
		v.Reason = RevocationStale
	case r.NextUpdate.IsZero() && len(echoed) == 0 && now.After(r.ThisUpdate.Add(maxOCSPAge)):
		v.Reason, v.NotAfter = RevocationStale, r.ThisUpdate.Add(maxOCSPAge)
	}
	return v
}

// signatureLength is that of a response's signature, or 0 where there is none to
// be found. The library verifies a signature by whatever key the response brings.
func signatureLength(body []byte) int {
	explicit := casn1.Tag(0).Constructed().ContextSpecific()
	in := cryptobyte.String(body)
	var response, wrapped, octets, basic, signed, signature cryptobyte.String
	if !in.ReadASN1(&response, casn1.SEQUENCE) || !response.SkipASN1(casn1.ENUM) || !response.ReadASN1(&wrapped, explicit) ||
		!wrapped.ReadASN1(&octets, casn1.SEQUENCE) || !octets.SkipASN1(casn1.OBJECT_IDENTIFIER) || !octets.ReadASN1(&basic, casn1.OCTET_STRING) ||
		!basic.ReadASN1(&signed, casn1.SEQUENCE) || !signed.SkipASN1(casn1.SEQUENCE) || !signed.SkipASN1(casn1.SEQUENCE) ||
		!signed.ReadASN1(&signature, casn1.BIT_STRING) {
		return 0
	}
	return len(signature) - 1 // the octet of unused bits
}

// responder checks what ocsp.ParseResponse does not: purpose, dates and
// algorithms. That a delegated certificate is the CA's, it has seen.
func responder(now time.Time, r *ocsp.Response, issuer *x509.Certificate, legacy bool) string {
	if weakHash(r.SignatureAlgorithm) && !legacy {
		return "the OCSP response is signed with " + r.SignatureAlgorithm.String() + ", which the trustpoint does not allow"
	}
	d := r.Certificate
	if d == nil || d.Equal(issuer) {
		return ""
	}
	switch {
	case !slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return "the certificate of the OCSP responder is not for OCSP"
	case now.After(d.NotAfter):
		return "the certificate of the OCSP responder expired on " + DateText(d.NotAfter)
	case now.Before(d.NotBefore):
		return "the certificate of the OCSP responder is valid from " + DateText(d.NotBefore) + " on"
	case weakHash(d.SignatureAlgorithm) && !legacy:
		return "the certificate of the OCSP responder is signed with " + d.SignatureAlgorithm.String() + ", which the trustpoint does not allow"
	}
	return ""
}

func weakHash(a x509.SignatureAlgorithm) bool {
	return a == x509.SHA1WithRSA || a == x509.ECDSAWithSHA1 || a == x509.DSAWithSHA1 || a == x509.MD5WithRSA
}

// responseNonce finds the nonce among the extensions of a ResponseData (RFC
// 6960 section 4.2.1), which x/crypto/ocsp does not read.
func responseNonce(tbs []byte) (nonce []byte, ok bool) {
	in := cryptobyte.String(tbs)
	var data, list cryptobyte.String
	var skip cryptobyte.String
	var tag casn1.Tag
	version := casn1.Tag(0).Constructed().ContextSpecific()
	extensions := casn1.Tag(1).Constructed().ContextSpecific()
	if !in.ReadASN1(&data, casn1.SEQUENCE) || !data.SkipOptionalASN1(version) || !data.ReadAnyASN1(&skip, &tag) ||
		!data.SkipASN1(casn1.GeneralizedTime) || !data.SkipASN1(casn1.SEQUENCE) {
		return nil, false
	}
	var has bool
	if !data.ReadOptionalASN1(&list, &has, extensions) {
		return nil, false
	}
	if !has {
		return nil, true
	}
	var all cryptobyte.String
	if !list.ReadASN1(&all, casn1.SEQUENCE) {
		return nil, false
	}
	for !all.Empty() {
		var x, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !all.ReadASN1(&x, casn1.SEQUENCE) || !x.ReadASN1ObjectIdentifier(&oid) || !x.SkipOptionalASN1(casn1.BOOLEAN) ||
			!x.ReadASN1(&value, casn1.OCTET_STRING) {
			return nil, false
		}
		if oid.Equal(oidOCSPNonce) {
			var inner cryptobyte.String
			if !value.ReadASN1(&inner, casn1.OCTET_STRING) {
				return nil, false
			}
			return inner, true
		}
	}
	return nil, true
}
