// Package sceptest is a CA that does as a test tells it: it lets wait, refuses,
// signs by an RA, rolls its key over, and answers as no honest CA does. It reads
// and writes SCEP by modules of others, so that a fault of our own codec does
// not cancel itself out. It must not be linked into the program.
package sceptest

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/smallstep/pkcs7"

	"qmidle/internal/pki/pkitest"
)

// Behaviour is a departure from what an honest CA does.
type Behaviour uint8

// Behaviours.
const (
	Honest Behaviour = iota
	WrongNonce
	WrongTransaction
	SignedByAnother
	ForAnother       // encrypted for another recipient
	AnotherKey       // grants a certificate of another key
	EmptySuccess     // says success and brings nothing
	Garbage          // bytes that are no message
	NotSigned        // a message without a signer
	WeakReply        // signed with SHA-1
	AnotherCAsCert   // grants a certificate of another CA
	FutureCert       // grants a certificate that is not valid yet
	NoAnswer         // HTTP status 500
	WrongContentType // of GetCACert
)

// CA is a CA's SCEP service. Its fields are set before it is asked.
type CA struct {
	Authority *pkitest.Authority
	RASign    *pkitest.Authority // nil: none
	RAEncrypt *pkitest.Authority
	Next      *pkitest.Authority // what GetNextCACert brings
	Caps      string
	Challenge string // the password that is asked for; "" for none
	Pending   int    // how often the CA lets wait before it grants
	Fail      string // a failInfo; "" for none
	Behave    Behaviour
	Dates     pkitest.Option // of what it grants; nil for those around pkitest.Now
	Cipher    int            // of package pkcs7; 0 is DES, as it is there

	mu       sync.Mutex
	revoked  []*x509.Certificate
	waiting  map[string]*x509.CertificateRequest
	Issued   []*x509.Certificate
	Messages []string // the types of the messages that came
}

// New is an honest CA with an RSA key and today's algorithms.
func New() *CA {
	return &CA{Authority: pkitest.Root("caserver", pkitest.RSAKey(2048)), Cipher: pkcs7.EncryptionAlgorithmAES128CBC,
		Caps: "AES\nDES3\nGetNextCACert\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-1\nSHA-256\n"}
}

// WithRA gives it an RA with a certificate for signatures and one for
// encryption, as Microsoft's CAs have.
func (ca *CA) WithRA(options ...pkitest.Option) *CA {
	issue := func(u x509.KeyUsage) *pkitest.Authority {
		return ca.Authority.Issue("caserverRA", pkitest.NewRSAKey(2048), append(options, func(c *x509.Certificate) { c.KeyUsage = u })...)
	}
	ca.RASign, ca.RAEncrypt = issue(x509.KeyUsageDigitalSignature), issue(x509.KeyUsageKeyEncipherment)
	return ca
}

// Revoke puts certificates on the list that GetCRL brings.
func (ca *CA) Revoke(certs ...*x509.Certificate) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.revoked = append(ca.revoked, certs...)
}

// ServeHTTP implements http.Handler.
func (ca *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	message := []byte(r.URL.Query().Get("message"))
	operation := r.URL.Query().Get("operation")
	switch {
	case r.Method == http.MethodPost:
		message, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20))
	case operation == "PKIOperation":
		message, _ = base64.StdEncoding.DecodeString(string(message))
	}
	status, contentType, body := ca.Answer(operation, message)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Server", "Microsoft-IIS/5.0")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Answer is what a request gets.
func (ca *CA) Answer(operation string, message []byte) (status int, contentType string, body []byte) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.Behave == NoAnswer {
		return 500, "text/plain", []byte("no")
	}
	switch operation {
	case "GetCACaps":
		return 200, "text/plain", []byte(ca.Caps)
	case "GetCACert":
		return ca.certificates()
	case "GetNextCACert":
		return ca.next()
	case "PKIOperation":
		body, err := ca.operate(message)
		if err != nil {
			return 400, "text/plain", []byte(err.Error())
		}
		return 200, "application/x-pki-message", body
	}
	return 404, "text/plain", nil
}

func (ca *CA) certificates() (int, string, []byte) {
	if ca.Behave == WrongContentType {
		return 200, "text/html", []byte("<html>")
	}
	if ca.RASign == nil {
		return 200, "application/x-x509-ca-cert", ca.Authority.Cert.Raw
	}
	return 200, "application/x-x509-ca-ra-cert", must(pkcs7.DegenerateCertificate(slices.Concat(ca.RAEncrypt.Cert.Raw, ca.RASign.Cert.Raw, ca.Authority.Cert.Raw)))
}

func (ca *CA) next() (int, string, []byte) {
	if ca.Next == nil {
		return 404, "text/plain", nil
	}
	s := must(pkcs7.NewSignedData(must(pkcs7.DegenerateCertificate(ca.Next.Cert.Raw))))
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	by := ca.signer()
	if ca.Behave == SignedByAnother {
		by = pkitest.Root("caserver", pkitest.NewRSAKey(2048))
	}
	check(s.AddSigner(by.Cert, by.Key, pkcs7.SignerInfoConfig{}))
	return 200, "application/x-x509-next-ca-cert", must(s.Finish())
}

func (ca *CA) signer() *pkitest.Authority {
	if ca.RASign != nil {
		return ca.RASign
	}
	return ca.Authority
}

func (ca *CA) operate(message []byte) ([]byte, error) {
	p, err := pkcs7.Parse(message)
	if err != nil {
		return nil, err
	}
	if err := p.Verify(); err != nil {
		return nil, err
	}
	x := &exchange{ca: ca, client: p.GetOnlySigner()}
	if err := errors.Join(p.UnmarshalSignedAttribute(oid(2), &x.kind), p.UnmarshalSignedAttribute(oid(5), &x.nonce),
		p.UnmarshalSignedAttribute(oid(7), &x.transaction)); err != nil {
		return nil, err
	}
	ca.Messages = append(ca.Messages, x.kind)
	content, err := ca.decrypt(p.Content)
	if err != nil {
		return nil, err
	}
	switch x.kind {
	case "19", "17":
		return x.request(content)
	case "20":
		return x.poll()
	case "22":
		return x.success(crlBag(ca.Authority.CRL(ca.revoked...))), nil
	}
	return nil, fmt.Errorf("message type %s", x.kind)
}

func (ca *CA) decrypt(envelope []byte) ([]byte, error) {
	p, err := pkcs7.Parse(envelope)
	if err != nil {
		return nil, err
	}
	who := ca.Authority
	if ca.RAEncrypt != nil {
		who = ca.RAEncrypt
	}
	return p.Decrypt(who.Cert, who.Key)
}

// exchange is one request.
type exchange struct {
	ca          *CA
	client      *x509.Certificate // that has signed it
	kind        string            // the message type's number
	nonce       []byte
	transaction string
}

func (x *exchange) request(content []byte) ([]byte, error) {
	csr, err := x509.ParseCertificateRequest(content)
	if err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, err
	}
	password := challenge(csr)
	renewal := slices.ContainsFunc(x.ca.Issued, x.client.Equal)
	switch {
	case x.ca.Fail != "":
		return x.failure(x.ca.Fail), nil
	case password != x.ca.Challenge && !renewal:
		return x.failure("2"), nil
	case x.kind == "17" && !renewal:
		return x.failure("1"), nil
	}
	if x.ca.waiting == nil {
		x.ca.waiting = map[string]*x509.CertificateRequest{}
	}
	x.ca.waiting[x.transaction] = csr
	return x.poll()
}

// challenge is the password of a request. Its attribute has a string where
// crypto/x509 reads lists, so that it is found in the request's own text.
func challenge(csr *x509.CertificateRequest) string {
	name := must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 7}))
	_, rest, found := bytes.Cut(csr.RawTBSCertificateRequest, name)
	if !found {
		return ""
	}
	var set, password asn1.RawValue
	must(asn1.Unmarshal(rest, &set))
	must(asn1.Unmarshal(set.Bytes, &password))
	return string(password.Bytes)
}

func (x *exchange) poll() ([]byte, error) {
	csr := x.ca.waiting[x.transaction]
	if csr == nil {
		return x.failure("4"), nil
	}
	if x.ca.Pending > 0 {
		x.ca.Pending--
		return x.reply("3", nil, nil), nil
	}
	delete(x.ca.waiting, x.transaction)
	return x.success(must(pkcs7.DegenerateCertificate(x.issue(csr).Raw))), nil
}

func (x *exchange) issue(csr *x509.CertificateRequest) *x509.Certificate {
	by, key := x.ca.Authority, any(csr.PublicKey)
	options := []pkitest.Option{func(c *x509.Certificate) {
		c.RawSubject, c.DNSNames, c.IPAddresses = csr.RawSubject, csr.DNSNames, csr.IPAddresses
		c.KeyUsage |= x509.KeyUsageKeyEncipherment
	}}
	if x.ca.Dates != nil {
		options = append(options, x.ca.Dates)
	}
	switch x.ca.Behave {
	case AnotherKey:
		key = pkitest.NewRSAKey(2048).Public()
	case AnotherCAsCert:
		by = pkitest.Root("caserver", pkitest.NewRSAKey(2048))
	case FutureCert:
		options = append(options, pkitest.Dates(pkitest.Now.Add(time.Hour), pkitest.Now.AddDate(1, 0, 0)))
	}
	c := by.IssueFor(key, options...)
	x.ca.Issued = append(x.ca.Issued, c)
	return c
}

func (x *exchange) failure(info string) []byte {
	return x.reply("2", nil, []pkcs7.Attribute{{Type: oid(4), Value: printable(info)}})
}

func (x *exchange) success(bag []byte) []byte {
	if x.ca.Behave == EmptySuccess {
		bag = emptyBag()
	}
	recipient := x.client
	if x.ca.Behave == ForAnother {
		recipient = pkitest.Root("nobody", pkitest.RSAKey(2048)).Cert
	}
	return x.reply("0", encrypt(bag, recipient, x.ca.Cipher), nil)
}

func (x *exchange) reply(status string, content []byte, more []pkcs7.Attribute) []byte {
	nonce, transaction := x.nonce, x.transaction
	by := x.ca.signer()
	digest := pkcs7.OIDDigestAlgorithmSHA256
	switch x.ca.Behave {
	case WrongNonce:
		nonce = bytes.Repeat([]byte{1}, 16)
	case WrongTransaction:
		transaction = "another"
	case SignedByAnother:
		by = pkitest.Root("caserver", pkitest.NewRSAKey(2048), func(c *x509.Certificate) { c.SerialNumber = by.Cert.SerialNumber })
	case WeakReply:
		digest = pkcs7.OIDDigestAlgorithmSHA1
	case Garbage:
		return bytes.Repeat([]byte{0x30, 0x80}, 500)
	case NotSigned:
		return must(pkcs7.DegenerateCertificate(by.Cert.Raw))
	}
	s := must(pkcs7.NewSignedData(content))
	s.SetDigestAlgorithm(digest)
	check(s.AddSigner(by.Cert, by.Key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: append([]pkcs7.Attribute{
		{Type: oid(2), Value: printable("3")}, {Type: oid(3), Value: printable(status)}, {Type: oid(7), Value: printable(transaction)},
		{Type: oid(6), Value: nonce}, {Type: oid(5), Value: []byte("0123456789abcdef")},
	}, more...)}))
	return must(s.Finish())
}

func oid(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, n} }

func printable(s string) asn1.RawValue {
	return asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte(s)}
}

// ciphers guards the variable in which package pkcs7 keeps its algorithm.
var ciphers sync.Mutex

func encrypt(content []byte, recipient *x509.Certificate, cipher int) []byte {
	ciphers.Lock()
	defer ciphers.Unlock()
	pkcs7.ContentEncryptionAlgorithm = cipher
	return must(pkcs7.Encrypt(content, []*x509.Certificate{recipient}))
}

// crlBag is a SignedData that carries a list.
func crlBag(crl []byte) []byte {
	return bag(asn1.RawValue{Class: 2, Tag: 1, IsCompound: true, Bytes: crl})
}

func emptyBag() []byte { return bag(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true}) }

func bag(part asn1.RawValue) []byte {
	type encapsulated struct{ Type asn1.ObjectIdentifier }
	type signed struct {
		Version int
		Digests []asn1.RawValue `asn1:"set"`
		Content encapsulated
		Part    asn1.RawValue
		Signers []asn1.RawValue `asn1:"set"`
	}
	inner := must(asn1.Marshal(signed{Version: 1, Content: encapsulated{pkcs7.OIDData}, Part: part}))
	type info struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	return must(asn1.Marshal(info{pkcs7.OIDSignedData, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: inner}}))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
