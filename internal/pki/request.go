package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Request is what a certificate is asked for.
type Request struct {
	Subject pkix.RDNSequence
	// Host and Address go into the subject as unstructuredName and
	// unstructuredAddress, as Cisco's routers have them, and into the subject
	// alternative names, where IKE looks for them.
	Host    string
	Address netip.Addr
	Serial  string // serialNumber of the subject; "" for none
	// Challenge is the CA's challenge password (RFC 2985 section 5.4.1); empty
	// for none.
	Challenge []byte
	Hash      crypto.Hash // SHA256, or SHA1 and MD5 for an old CA
}

// FullSubject is the subject with what else of the request stands in it.
func (r Request) FullSubject() pkix.RDNSequence {
	var own pkix.RelativeDistinguishedNameSET
	add := func(oid asn1.ObjectIdentifier, value any) {
		own = append(own, pkix.AttributeTypeAndValue{Type: oid, Value: value})
	}
	if r.Serial != "" {
		add(oidSerialNumber, r.Serial)
	}
	if r.Host != "" {
		add(oidUnstructuredName, attributeValue(oidUnstructuredName, r.Host))
	}
	if r.Address.IsValid() {
		add(oidUnstructuredAddress, r.Address.String())
	}
	subject := append(pkix.RDNSequence(nil), r.Subject...)
	if len(own) > 0 {
		subject = append(subject, own)
	}
	return subject
}

var (
	oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}
	oidChallenge        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}
	oidAltName          = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
)

// signatures are the algorithms of a request, by key and hash.
var signatures = map[crypto.Hash]struct{ rsa, ecdsa asn1.ObjectIdentifier }{
	crypto.MD5:    {rsa: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}},
	crypto.SHA1:   {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}},
	crypto.SHA256: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
	crypto.SHA384: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}},
	crypto.SHA512: {asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}},
}

// Sign makes the PKCS #10 request (RFC 2986). crypto/x509 makes none with a
// challenge password, which is why this is written out.
func (r Request) Sign(random io.Reader, key crypto.Signer) ([]byte, error) {
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, errors.New("a certificate cannot be asked for with a key of this kind")
	}
	subject, err := asn1.Marshal(r.FullSubject())
	if err != nil {
		return nil, errors.New("the subject name cannot be written in a certificate")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(subject)
		b.AddBytes(public)
		b.AddASN1(casn1.Tag(0).Constructed().ContextSpecific(), r.attributes)
	})
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return SignedDER(random, info, key, r.Hash)
}

func (r Request) attributes(b *cryptobyte.Builder) {
	if len(r.Challenge) > 0 {
		attribute(b, oidChallenge, func(b *cryptobyte.Builder) {
			b.AddASN1(stringTag(r.Challenge), func(b *cryptobyte.Builder) { b.AddBytes(r.Challenge) })
		})
	}
	attribute(b, oidExtensionRequest, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			extension(b, oidKeyUsage, true, func(b *cryptobyte.Builder) {
				// digitalSignature and keyEncipherment
				b.AddASN1(casn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte{5, 0xa0}) })
			})
			if r.Host != "" || r.Address.IsValid() {
				extension(b, oidAltName, false, r.altNames)
			}
		})
	})
}

func (r Request) altNames(b *cryptobyte.Builder) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if r.Host != "" {
			b.AddASN1(casn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.Host)) })
		}
		if r.Address.IsValid() {
			b.AddASN1(casn1.Tag(7).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(r.Address.AsSlice()) })
		}
	})
}

func attribute(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(casn1.SET, value)
	})
}

func extension(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, critical bool, value cryptobyte.BuilderContinuation) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1(casn1.OCTET_STRING, value)
	})
}

// stringTag is PrintableString where its characters do, as old CAs expect, else
// UTF8String.
func stringTag(s []byte) casn1.Tag {
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == ' ' || c == '\'' || c == '(' || c == ')' || c == '+' || c == ',' || c == '-' || c == '.' || c == '/' || c == ':' || c == '=' || c == '?':
		default:
			return casn1.UTF8String
		}
	}
	return casn1.PrintableString
}

// SignedDER is the SEQUENCE of signed bytes, algorithm and signature that
// certificates and requests are.
func SignedDER(random io.Reader, tbs []byte, key crypto.Signer, h crypto.Hash) ([]byte, error) {
	if !h.Available() {
		return nil, errors.New("the hash is not supported")
	}
	digest := h.New()
	digest.Write(tbs)
	signature, err := key.Sign(random, digest.Sum(nil), h)
	if err != nil {
		return nil, errors.New("the request cannot be signed with this key")
	}
	oid, null := signatures[h].rsa, true
	switch key.Public().(type) {
	case *rsa.PublicKey:
	case *ecdsa.PublicKey:
		oid, null = signatures[h].ecdsa, false
	default:
		oid = nil
	}
	if oid == nil {
		return nil, errors.New("a key of this kind does not sign with this hash")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			if null {
				b.AddASN1NULL()
			}
		})
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

// SelfSign makes a certificate of one's own for a request: for SCEP, which
// signs the request for a first certificate with it (RFC 8894 section 2.3), and
// for `enrollment selfsigned`.
func (r Request) SelfSign(random io.Reader, key crypto.Signer, template *x509.Certificate) ([]byte, error) {
	subject, err := asn1.Marshal(r.FullSubject())
	if err != nil {
		return nil, errors.New("the subject name cannot be written in a certificate")
	}
	template.RawSubject = subject
	if r.Host != "" {
		template.DNSNames = []string{r.Host}
	}
	if r.Address.IsValid() {
		template.IPAddresses = append(template.IPAddresses, r.Address.AsSlice())
	}
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return nil, errors.New("a certificate of this name cannot be signed with this key")
	}
	return der, nil
}
