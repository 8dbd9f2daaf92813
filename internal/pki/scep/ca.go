package scep

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"qmidle/internal/pki"
)

// CACertificates are what GetCACert has brought: the CA's certificate, those of
// its RA where it has one, and the CAs above.
type CACertificates struct {
	CA        *x509.Certificate
	RASign    *x509.Certificate // nil: the CA signs its replies itself
	RAEncrypt *x509.Certificate // nil: messages are encrypted for the CA
	Chain     []*x509.Certificate
}

// Content types of GetCACert's answers (RFC 8894 section 4.2.1).
const (
	TypeCA     = "application/x-x509-ca-cert"
	TypeCAAndR = "application/x-x509-ca-ra-cert"
	TypeNextCA = "application/x-x509-next-ca-cert"
	TypePKI    = "application/x-pki-message"
)

// ParseCACertificates reads the answer to GetCACert. Nothing of it is trusted
// yet: an operator compares the fingerprint of CA. What calls itself an RA is
// one only if that CA has signed its certificate.
func ParseCACertificates(contentType string, body []byte) (*CACertificates, error) {
	if len(body) > MaxMessage {
		return nil, errors.New("the CA's answer is too long")
	}
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case TypeCA:
		c, err := x509.ParseCertificate(body)
		if err != nil {
			return nil, errors.New("the CA's answer is no certificate")
		}
		return &CACertificates{CA: c}, nil
	case TypeCAAndR:
		certs, err := certificateBag(body)
		if err != nil {
			return nil, err
		}
		return arrange(certs)
	}
	return nil, errors.New("the CA's answer is neither a certificate nor several: is the enrollment URL that of its SCEP service?")
}

// certificateBag reads a SignedData that signs nothing.
func certificateBag(body []byte) ([]*x509.Certificate, error) {
	der, err := toDER(body)
	if err != nil {
		return nil, errors.New("the CA's certificates cannot be read")
	}
	s, err := parseSigned(der)
	if err != nil || len(s.certs) == 0 {
		return nil, errors.New("the CA's certificates cannot be read")
	}
	return s.certs, nil
}

// arrange tells CAs from RAs. The CA is the one that signed the RAs, or else
// the one that has signed no other CA here.
func arrange(certs []*x509.Certificate) (*CACertificates, error) {
	var cas, others []*x509.Certificate
	for _, c := range certs {
		if isCA(c) {
			cas = append(cas, c)
		} else {
			others = append(others, c)
		}
	}
	set := &CACertificates{}
	for _, ca := range cas {
		signed := slices.DeleteFunc(slices.Clone(others), func(c *x509.Certificate) bool { return !signedBy(c, ca) })
		if len(signed) > 0 {
			set.CA, others = ca, signed
			break
		}
		if !slices.ContainsFunc(cas, func(c *x509.Certificate) bool { return c != ca && signedBy(c, ca) }) && set.CA == nil {
			set.CA = ca
		}
	}
	if set.CA == nil {
		return nil, errors.New("there is no CA among the certificates")
	}
	for _, c := range others {
		if !signedBy(c, set.CA) {
			continue
		}
		if c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageDigitalSignature != 0 {
			set.RASign = first(set.RASign, c)
		}
		if c.KeyUsage == 0 || c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment) != 0 {
			set.RAEncrypt = first(set.RAEncrypt, c)
		}
	}
	for _, c := range cas {
		if !c.Equal(set.CA) {
			set.Chain = append(set.Chain, c)
		}
	}
	return set, nil
}

func first(a, b *x509.Certificate) *x509.Certificate {
	if a != nil {
		return a
	}
	return b
}

// isCA takes a certificate without basic constraints for a CA's where it has
// signed itself.
func isCA(c *x509.Certificate) bool {
	if c.BasicConstraintsValid {
		return c.IsCA
	}
	return bytes.Equal(c.RawSubject, c.RawIssuer)
}

func signedBy(c, ca *x509.Certificate) bool {
	return len(c.Signature) <= pki.MaxSignature && bytes.Equal(c.RawIssuer, ca.RawSubject) && ca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// Recipient is whose key messages are encrypted for: the RA's, or the CA's.
func (s *CACertificates) Recipient() *x509.Certificate { return first(s.RAEncrypt, s.CA) }

// signers are who may sign replies.
func (s *CACertificates) signers() []*x509.Certificate {
	return []*x509.Certificate{s.RASign, s.RAEncrypt, s.CA}
}

// All are the CA's and the RA's certificates, each once.
func (s *CACertificates) All() []*x509.Certificate {
	all := []*x509.Certificate{s.CA}
	for _, c := range []*x509.Certificate{s.RASign, s.RAEncrypt} {
		if c != nil && !slices.ContainsFunc(all, c.Equal) {
			all = append(all, c)
		}
	}
	return all
}

// ParseNextCA reads the answer to GetNextCACert: the certificates that come
// after these, which the present CA or RA has signed (RFC 8894 section 4.7.1).
func (s *CACertificates) ParseNextCA(body []byte, weak bool) (*CACertificates, error) {
	der, err := toDER(body)
	if err != nil {
		return nil, &ReplyError{CheckForm, "it is malformed"}
	}
	signed, err := parseSigned(der)
	if err != nil || signed.signer == nil {
		return nil, &ReplyError{CheckForm, "it is malformed, or signed by nobody"}
	}
	if signed.signer.hash == 0 || signed.signer.weak && !weak {
		return nil, &ReplyError{CheckAlgorithm, "it is signed with a hash that the trustpoint does not allow"}
	}
	if _, ok := signed.verify(s.signers()); !ok {
		return nil, &ReplyError{CheckSignature, "its signature is neither the CA's nor its RA's"}
	}
	certs, err := certificateBag(signed.content)
	if err != nil {
		return nil, &ReplyError{CheckContent, "it has no certificates"}
	}
	return arrange(certs)
}

// Capabilities are what GetCACaps says (RFC 8894 section 3.5.2).
type Capabilities struct {
	POST, Renewal, NextCA bool
	AES, TripleDES        bool
	SHA1, SHA256, SHA512  bool
}

// ParseCapabilities reads the lines of GetCACaps. An answer that is none, as old
// CAs give, has no capabilities.
func ParseCapabilities(body []byte) Capabilities {
	const most = 4096
	var c Capabilities
	for line := range strings.Lines(string(body[:min(len(body), most)])) {
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "postpkioperation":
			c.POST = true
		case "renewal":
			c.Renewal = true
		case "getnextcacert":
			c.NextCA = true
		case "aes":
			c.AES = true
		case "des3":
			c.TripleDES = true
		case "sha-1":
			c.SHA1 = true
		case "sha-256":
			c.SHA256 = true
		case "sha-512":
			c.SHA512 = true
		case "scepstandard":
			c.AES, c.POST, c.SHA256 = true, true, true
		}
	}
	return c
}
