package scep

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"io"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	// The hashes of algorithms below.
	_ "crypto/md5"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
)

// hashes are those that a message may be signed with.
var hashes = []struct {
	hash crypto.Hash
	oid  asn1.ObjectIdentifier
	weak bool
}{
	{crypto.SHA256, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, false},
	{crypto.SHA384, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, false},
	{crypto.SHA512, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, false},
	{crypto.SHA1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, true},
	{crypto.MD5, asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 5}, true},
}

func hashOID(h crypto.Hash) asn1.ObjectIdentifier {
	for _, x := range hashes {
		if x.hash == h {
			return x.oid
		}
	}
	return nil
}

// maxCertificates is how many a message may carry.
const maxCertificates = 64

func context(n uint8) casn1.Tag { return casn1.Tag(n).Constructed().ContextSpecific() }

// signedData is a SignedData (RFC 5652 section 5.1) with one signer, or with
// none: then it carries certificates or a CRL.
type signedData struct {
	content []byte
	certs   []*x509.Certificate
	crl     []byte // the first, in DER
	signer  *signer
}

type signer struct {
	issuer     []byte
	serial     *big.Int
	hash       crypto.Hash
	weak       bool
	attributes []byte // as they are signed: a SET
	signature  []byte
	values     map[string][]byte // an attribute's first value, by its OID's DER
}

// parseSigned reads a ContentInfo with a SignedData.
func parseSigned(der []byte) (*signedData, error) {
	in, ok := contentInfo(der, oidSignedData)
	var body cryptobyte.String
	if !ok || !in.ReadASN1(&body, casn1.SEQUENCE) || !body.SkipASN1(casn1.INTEGER) || !body.SkipASN1(casn1.SET) {
		return nil, errMalformed
	}
	s := &signedData{}
	if err := s.encapsulated(&body); err != nil {
		return nil, err
	}
	if err := s.certificates(&body); err != nil {
		return nil, err
	}
	var signers cryptobyte.String
	if !body.ReadASN1(&signers, casn1.SET) || !body.Empty() {
		return nil, errMalformed
	}
	if signers.Empty() {
		return s, nil
	}
	var err error
	s.signer, err = parseSigner(&signers)
	if err != nil || !signers.Empty() {
		return nil, errMalformed
	}
	return s, nil
}

// contentInfo opens a ContentInfo of one type.
func contentInfo(der []byte, want asn1.ObjectIdentifier) (cryptobyte.String, bool) {
	in := cryptobyte.String(der)
	var info, content cryptobyte.String
	var oid asn1.ObjectIdentifier
	ok := in.ReadASN1(&info, casn1.SEQUENCE) && in.Empty() && info.ReadASN1ObjectIdentifier(&oid) &&
		info.ReadASN1(&content, context(0)) && oid.Equal(want)
	return content, ok
}

func (s *signedData) encapsulated(body *cryptobyte.String) error {
	var info, content cryptobyte.String
	var has bool
	if !body.ReadASN1(&info, casn1.SEQUENCE) || !info.SkipASN1(casn1.OBJECT_IDENTIFIER) || !info.ReadOptionalASN1(&content, &has, context(0)) {
		return errMalformed
	}
	if !has {
		return nil
	}
	var inner cryptobyte.String
	var tag casn1.Tag
	if !content.ReadAnyASN1(&inner, &tag) {
		return errMalformed
	}
	s.content = inner
	return nil
}

func (s *signedData) certificates(body *cryptobyte.String) error {
	var certs, crls cryptobyte.String
	var has bool
	if !body.ReadOptionalASN1(&certs, &has, context(0)) {
		return errMalformed
	}
	for !certs.Empty() {
		var one cryptobyte.String
		if !certs.ReadASN1Element(&one, casn1.SEQUENCE) || len(s.certs) == maxCertificates {
			return errMalformed
		}
		c, err := x509.ParseCertificate(one)
		if err != nil {
			return errMalformed
		}
		s.certs = append(s.certs, c)
	}
	if !body.ReadOptionalASN1(&crls, &has, context(1)) {
		return errMalformed
	}
	var first cryptobyte.String
	if has && crls.ReadASN1Element(&first, casn1.SEQUENCE) {
		s.crl = first
	}
	return nil
}

func parseSigner(in *cryptobyte.String) (*signer, error) {
	s := &signer{values: map[string][]byte{}, serial: new(big.Int)}
	var info, id, algorithm, attributes cryptobyte.String
	var issuer cryptobyte.String
	ok := in.ReadASN1(&info, casn1.SEQUENCE) && info.SkipASN1(casn1.INTEGER) &&
		info.ReadASN1(&id, casn1.SEQUENCE) && id.ReadASN1Element(&issuer, casn1.SEQUENCE) && id.ReadASN1Integer(s.serial) &&
		info.ReadASN1(&algorithm, casn1.SEQUENCE) && info.ReadASN1(&attributes, context(0)) &&
		info.SkipASN1(casn1.SEQUENCE)
	var signature cryptobyte.String
	if !ok || !info.ReadASN1(&signature, casn1.OCTET_STRING) {
		return nil, errMalformed
	}
	s.issuer, s.signature = issuer, signature
	var oid asn1.ObjectIdentifier
	if !algorithm.ReadASN1ObjectIdentifier(&oid) {
		return nil, errMalformed
	}
	for _, h := range hashes {
		if h.oid.Equal(oid) {
			s.hash, s.weak = h.hash, h.weak
		}
	}
	s.attributes = appendElement(nil, 0x31, attributes)
	for !attributes.Empty() {
		var a, name, values, first cryptobyte.String
		var tag casn1.Tag
		if !attributes.ReadASN1(&a, casn1.SEQUENCE) || !a.ReadASN1(&name, casn1.OBJECT_IDENTIFIER) || !a.ReadASN1(&values, casn1.SET) ||
			!values.ReadAnyASN1(&first, &tag) {
			return nil, errMalformed
		}
		if _, twice := s.values[string(name)]; twice {
			return nil, errMalformed
		}
		s.values[string(name)] = first
	}
	return s, nil
}

func oidKey(oid asn1.ObjectIdentifier) string {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(oid)
	der, _ := b.Bytes() // the OIDs are constants of this package
	return string(der[2:])
}

func (s *signer) value(oid asn1.ObjectIdentifier) []byte { return s.values[oidKey(oid)] }

// verify checks the digest and the signature against one of the certificates
// that are trusted to sign, and returns that one.
func (s *signedData) verify(trusted []*x509.Certificate) (*x509.Certificate, bool) {
	g := s.signer
	if g == nil || g.hash == 0 {
		return nil, false
	}
	if subtle.ConstantTimeCompare(sum(g.hash, s.content), g.value(oidDigest)) != 1 || string(g.value(oidContentType)) != oidKey(oidData) {
		return nil, false
	}
	digest := sum(g.hash, g.attributes)
	for _, c := range trusted {
		if c == nil || !bytes.Equal(c.RawIssuer, g.issuer) || c.SerialNumber.Cmp(g.serial) != 0 {
			continue
		}
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if rsa.VerifyPKCS1v15(key, g.hash, digest, g.signature) == nil {
				return c, true
			}
		case *ecdsa.PublicKey:
			if ecdsa.VerifyASN1(key, digest, g.signature) {
				return c, true
			}
		}
	}
	return nil, false
}

func sum(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// attribute is a signed attribute with one value, in DER.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value []byte
}

// sign makes a SignedData of content with one signer and its certificate.
func sign(random io.Reader, content []byte, attributes []attribute, cert *x509.Certificate, key crypto.Signer, h crypto.Hash) ([]byte, error) {
	attributes = append([]attribute{
		{oidContentType, der(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) })},
		{oidDigest, der(func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum(h, content)) })},
	}, attributes...)
	set := attributeSet(attributes)
	signature, err := key.Sign(random, sum(h, appendElement(nil, 0x31, set)), h)
	if err != nil {
		return nil, err
	}
	algorithm := oidRSA
	if _, ok := key.Public().(*ecdsa.PublicKey); ok {
		algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(context(0), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, hashOID(h), nil) })
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidData)
					b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
				})
				b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddBytes(cert.Raw) })
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						addIssuerAndSerial(b, cert)
						addAlgorithm(b, hashOID(h), nil)
						b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddBytes(set) })
						addAlgorithm(b, algorithm, nil)
						b.AddASN1OctetString(signature)
					})
				})
			})
		})
	})
	return b.Bytes()
}

// attributeSet is the contents of a SET OF attributes in DER: sorted.
func attributeSet(list []attribute) []byte {
	var all [][]byte
	for _, a := range list {
		all = append(all, der(func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(a.oid)
				b.AddASN1(casn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(a.value) })
			})
		}))
	}
	slices.SortFunc(all, bytes.Compare)
	return bytes.Join(all, nil)
}

func addAlgorithm(b *cryptobyte.Builder, oid asn1.ObjectIdentifier, parameters []byte) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if parameters == nil {
			b.AddASN1NULL()
		} else {
			b.AddBytes(parameters)
		}
	})
}

func addIssuerAndSerial(b *cryptobyte.Builder, c *x509.Certificate) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(c.RawIssuer)
		b.AddASN1BigInt(c.SerialNumber)
	})
}

// der builds what cannot fail: its parts are constants of this package and
// certificates that were parsed.
func der(f cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	f(&b)
	return b.BytesOrPanic()
}
