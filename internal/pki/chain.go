package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"
)

// Bounds of a chain: what a peer or a CA sends costs no more than this.
const (
	// MaxOffered is how many certificates are looked at beside the leaf.
	MaxOffered = 64
	maxDepth   = 12
	// maxSignatures is how many signatures are verified for one verdict.
	maxSignatures = 48
)

// RSA keys shorter than this are refused, and shorter than LegacyRSABits
// whatever a trustpoint says. Longer ones than MaxRSABits cost whoever verifies
// with them too much: a certificate can have one of half a million bits.
const (
	MinRSABits    = 2048
	LegacyRSABits = 1024
	MaxRSABits    = 8192
)

// MaxSignature is the length of the longest signature that is verified, in
// octets. One by an RSA key is as long as the key.
const MaxSignature = MaxRSABits / 8

// Trust is what chains are held against.
type Trust struct {
	// Anchors are trusted as they are: CA certificates, whether self-signed or
	// not, or the peer's own.
	Anchors []*x509.Certificate
	// Legacy lets SHA-1 signatures and RSA keys of 1024 bits pass.
	Legacy bool
}

// Purpose is what a leaf is to be used for.
type Purpose uint8

// Purposes.
const (
	ForIKE Purpose = iota // RFC 4945 section 5.1.3
	ForAny                // a CA's or RA's own certificate
)

// VerifyChain looks for a chain from leaf to one of the anchors, through the
// certificates that the other side offered, in whatever order. It says nothing
// of revocation; see CheckRevocation.
func VerifyChain(now time.Time, leaf *x509.Certificate, offered []*x509.Certificate, trust Trust, purpose Purpose) Verdict {
	if len(offered) > MaxOffered {
		return Verdict{Reason: TooManyCertificates, Certificate: leaf, Chain: []*x509.Certificate{leaf}, Now: now}
	}
	s := search{now: now, trust: trust, purpose: purpose, offered: offered, budget: maxSignatures}
	s.extend([]*x509.Certificate{leaf})
	return s.best
}

// search is one look for a chain. best is its verdict: the valid chain, or the
// first refusal that is more than an unknown CA.
type search struct {
	now     time.Time
	trust   Trust
	purpose Purpose
	offered []*x509.Certificate
	budget  int
	best    Verdict
	found   bool
}

// extend tries every issuer of the last certificate; true ends the search.
func (s *search) extend(chain []*x509.Certificate) bool {
	last := chain[len(chain)-1]
	if slices.ContainsFunc(s.trust.Anchors, last.Equal) {
		return s.settle(s.judge(chain))
	}
	if len(chain) >= maxDepth {
		return s.settle(Verdict{Reason: PathTooLong, Certificate: chain[0], Chain: chain, Now: s.now, Problem: "the chain has no end"})
	}
	tried := false
	for _, pool := range [][]*x509.Certificate{s.trust.Anchors, s.offered} {
		for _, issuer := range pool {
			if !issued(issuer, last) || slices.ContainsFunc(chain, issuer.Equal) {
				continue
			}
			if s.budget == 0 {
				return s.settle(Verdict{Reason: TooManyCertificates, Certificate: chain[0], Chain: chain, Now: s.now})
			}
			s.budget--
			tried = true
			if v := s.link(last, issuer); !v.OK() {
				v.Chain = chain
				s.settle(v)
				continue
			}
			if s.extend(append(slices.Clip(chain), issuer)) {
				return true
			}
		}
	}
	if !tried {
		s.settle(Verdict{Reason: UnknownCA, Certificate: last, Chain: chain, Now: s.now})
	}
	return false
}

// settle keeps a verdict if it says more than the one before.
func (s *search) settle(v Verdict) bool {
	if v.OK() || !s.found || v.Reason == TooManyCertificates || s.best.Reason == UnknownCA && v.Reason != UnknownCA {
		s.best, s.found = v, true
	}
	return v.OK() || v.Reason == TooManyCertificates
}

// issued says whether the names and key identifiers fit (RFC 5280 section 6.1
// and 4.2.1.1). A missing identifier fits.
func issued(issuer, c *x509.Certificate) bool {
	if !bytes.Equal(issuer.RawSubject, c.RawIssuer) {
		return false
	}
	return len(issuer.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0 || bytes.Equal(issuer.SubjectKeyId, c.AuthorityKeyId)
}

// link checks that a certificate is signed by its issuer's key, by an algorithm
// that the trustpoint allows.
func (s *search) link(c, issuer *x509.Certificate) Verdict {
	v := Verdict{Certificate: c, Now: s.now}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA:
		v.Reason, v.Algorithm = WeakSignature, c.SignatureAlgorithm.String()
		return v
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		if !s.trust.Legacy {
			v.Reason, v.Algorithm = WeakSignature, c.SignatureAlgorithm.String()
			return v
		}
	case x509.UnknownSignatureAlgorithm:
		v.Reason, v.Problem = BadSignature, "the algorithm is not known"
		return v
	}
	if w := s.weakKey(issuer); !w.OK() {
		return w
	}
	if len(c.Signature) > MaxSignature {
		v.Reason, v.Problem = BadSignature, "it is longer than any that is verified"
		return v
	}
	// CheckSignatureFrom refuses SHA-1 whatever a trustpoint allows;
	// CheckSignature over the signed bytes takes it, and was asked above.
	if err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		v.Reason = BadSignature
	}
	return v
}

func (s *search) weakKey(c *x509.Certificate) Verdict {
	v := Verdict{Certificate: c, Now: s.now}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		least := MinRSABits
		if s.trust.Legacy {
			least = LegacyRSABits
		}
		switch bits := key.N.BitLen(); {
		case bits < least:
			v.Reason, v.Bits = WeakKey, bits
		case bits > MaxRSABits:
			v.Reason, v.Problem = Malformed, "its key is longer than any that is used"
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 256 {
			v.Reason, v.Bits = WeakKey, bits
		}
	default:
		v.Reason, v.Problem = Malformed, "the kind of its key is not known"
	}
	return v
}

// judge looks at every certificate of a whole chain, whose signatures are
// right.
func (s *search) judge(chain []*x509.Certificate) Verdict {
	for i, c := range chain {
		v := s.weakKey(c)
		if v.OK() {
			v = s.one(chain, i)
		}
		if !v.OK() {
			v.Chain = chain
			return v
		}
	}
	if v := s.constraints(chain); !v.OK() {
		return v
	}
	return Verdict{Chain: chain, Now: s.now}
}

func (s *search) one(chain []*x509.Certificate, i int) Verdict {
	c := chain[i]
	v := Verdict{Certificate: c, Now: s.now, NotBefore: c.NotBefore, NotAfter: c.NotAfter}
	switch {
	case s.now.After(c.NotAfter):
		v.Reason = Expired
	case s.now.Before(c.NotBefore):
		v.Reason = NotYetValid
	case len(c.UnhandledCriticalExtensions) > 0:
		v.Reason, v.Extension = CriticalExtension, c.UnhandledCriticalExtensions[0].String()
	case i > 0 && !mayIssue(c, i == len(chain)-1):
		v.Reason = NotACA
	case i > 0 && c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLenZero) && below(chain[1:i]) > c.MaxPathLen:
		v.Reason = PathTooLong
	case i == 0 && s.purpose == ForIKE:
		v.Reason, v.Problem = purposeOf(c)
	}
	return v
}

// mayIssue says whether a certificate is a CA's. An anchor of version 1 has no
// extensions to say so: the operator has.
func mayIssue(c *x509.Certificate, anchor bool) bool {
	if !c.BasicConstraintsValid {
		return anchor && c.Version < 3
	}
	return c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

// below counts the CAs that are not self-issued (RFC 5280 section 6.1.4 (l)).
func below(cas []*x509.Certificate) int {
	n := 0
	for _, c := range cas {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			n++
		}
	}
	return n
}

// Extended key usages that stand for IKE (RFC 4945 section 5.1.3.12), and those
// of old CAs.
var ikeUsages = []asn1.ObjectIdentifier{
	{1, 3, 6, 1, 5, 5, 7, 3, 17}, // id-kp-ipsecIKE
	{1, 3, 6, 1, 5, 5, 8, 2, 2},  // iKEIntermediate
}

// purposeOf says whether a certificate may sign in IKE. serverAuth and
// clientAuth count: most CAs of today give nothing else.
func purposeOf(c *x509.Certificate) (Reason, string) {
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return WrongPurpose, "its key usage has no signatures"
	}
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return Valid, ""
	}
	for _, u := range c.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageAny, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth,
			x509.ExtKeyUsageIPSECEndSystem, x509.ExtKeyUsageIPSECTunnel, x509.ExtKeyUsageIPSECUser:
			return Valid, ""
		}
	}
	for _, u := range c.UnknownExtKeyUsage {
		if slices.ContainsFunc(ikeUsages, u.Equal) {
			return Valid, ""
		}
	}
	return WrongPurpose, "its extended key usage names neither IKE, a server nor a client"
}

// constraints has the standard library look for name constraints. It refuses
// SHA-1 of its own, so that a chain with both cannot be used.
func (s *search) constraints(chain []*x509.Certificate) Verdict {
	constrained := slices.ContainsFunc(chain[1:], hasConstraints)
	if !constrained {
		return Verdict{}
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(chain[len(chain)-1])
	for _, c := range chain[1 : len(chain)-1] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: s.now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return Verdict{Reason: NameConstraint, Certificate: chain[0], Chain: chain, Now: s.now}
	}
	return Verdict{}
}

func hasConstraints(c *x509.Certificate) bool {
	return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains)+len(c.PermittedIPRanges)+len(c.ExcludedIPRanges)+
		len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses)+len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0
}
