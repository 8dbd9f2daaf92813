package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"slices"
	"time"
)

// Bounds of a revocation list.
const (
	// MaxCRLBytes is the size that a list may have on the way.
	MaxCRLBytes = 128 << 20
	// MaxCRLEntries times the 28 octets of an entry is what one holds at most.
	MaxCRLEntries = 2_000_000
)

// CRL is a revocation list, ready for look-ups. It holds the serial numbers in
// order, and nothing of the list's text.
type CRL struct {
	Issuer     []byte // the DER of its name
	ThisUpdate time.Time
	NextUpdate time.Time // zero for none
	Number     *big.Int  // nil for none

	authorityKey []byte
	algorithm    x509.SignatureAlgorithm
	hash         crypto.Hash
	digest       []byte
	signature    []byte
	critical     string // an extension that is not understood
	scope        scope
	entries      []crlEntry
}

// scope is what of an issuing distribution point matters (RFC 5280 section
// 5.2.5).
type scope uint8

const (
	scopeAll scope = iota
	scopeUsers
	scopeCAs
)

// maxSerial is a serial number's length (RFC 5280 section 4.1.2.2).
const maxSerial = 20

// crlEntry is a revoked certificate: 28 octets.
type crlEntry struct {
	serial [maxSerial]byte // with zeros in front
	at     uint32          // seconds since 1970
	reason uint8
}

func compareEntries(a, b crlEntry) int { return bytes.Compare(a.serial[:], b.serial[:]) }

// Len is how many certificates are revoked.
func (l *CRL) Len() int { return len(l.entries) }

// Lookup returns when and why a certificate was revoked, and false where it was
// not.
func (l *CRL) Lookup(serial *big.Int) (at time.Time, why RevocationReason, revoked bool) {
	var key crlEntry
	b := serial.Bytes()
	if len(b) > maxSerial || serial.Sign() < 0 {
		return at, why, false
	}
	copy(key.serial[maxSerial-len(b):], b)
	i, found := slices.BinarySearchFunc(l.entries, key, compareEntries)
	if !found {
		return at, why, false
	}
	e := l.entries[i]
	return time.Unix(int64(e.at), 0).UTC(), RevocationReason(e.reason), true
}

// CheckCRL says whether a list is its issuer's, and covers a certificate now.
// issuer is the certificate's own: indirect lists are not supported.
func CheckCRL(now time.Time, l *CRL, c, issuer *x509.Certificate, legacy bool) Verdict {
	v := Verdict{Certificate: c, Now: now, NotBefore: l.ThisUpdate, NotAfter: l.NextUpdate}
	invalid := func(problem string) Verdict {
		v.Reason, v.Problem = RevocationInvalid, problem
		return v
	}
	switch {
	case !bytes.Equal(l.Issuer, issuer.RawSubject):
		return invalid("the CRL is of " + RawName(l.Issuer))
	case len(l.authorityKey) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(l.authorityKey, issuer.SubjectKeyId):
		return invalid("the CRL is signed with another key of the CA")
	case l.critical != "":
		return invalid("the CRL has the critical extension " + l.critical + ", which is not understood")
	case issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return invalid("the CA may not sign CRLs")
	case l.scope == scopeUsers && c.IsCA || l.scope == scopeCAs && !c.IsCA:
		return invalid("the CRL is for other certificates")
	case l.hash == crypto.SHA1 && !legacy:
		return invalid("the CRL is signed with " + l.algorithm.String() + ", which the trustpoint does not allow")
	case !l.SignedBy(issuer):
		return invalid("the CRL is not signed by the key of the CA")
	case l.ThisUpdate.After(now.Add(ClockSkew)):
		return invalid("the CRL is of " + DateText(l.ThisUpdate) + "; the clock here says " + DateText(now))
	}
	// What is revoked in a list that is overdue stays revoked.
	if at, why, revoked := l.Lookup(c.SerialNumber); revoked {
		v.Reason, v.RevokedAt, v.Revocation = Revoked, at, why
		return v
	}
	if !l.NextUpdate.IsZero() && now.After(l.NextUpdate) {
		v.Reason = RevocationStale
	}
	return v
}

// SignedBy says whether a list has its issuer's name, and a signature of its key.
func (l *CRL) SignedBy(issuer *x509.Certificate) bool {
	if !bytes.Equal(l.Issuer, issuer.RawSubject) {
		return false
	}
	switch key := issuer.PublicKey.(type) {
	case *rsa.PublicKey:
		return isRSA(l.algorithm) && rsa.VerifyPKCS1v15(key, l.hash, l.digest, l.signature) == nil
	case *ecdsa.PublicKey:
		return !isRSA(l.algorithm) && ecdsa.VerifyASN1(key, l.digest, l.signature)
	}
	return false
}

func isRSA(a x509.SignatureAlgorithm) bool {
	return a == x509.SHA1WithRSA || a == x509.SHA256WithRSA || a == x509.SHA384WithRSA || a == x509.SHA512WithRSA
}
