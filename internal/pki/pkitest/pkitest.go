// Package pkitest makes CAs, certificates and revocation lists for tests, with
// dates around a fixed time. It must not be linked into the program: it draws
// its keys from the system, and fails by panic.
package pkitest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"time"
)

// Now is the time that everything is valid at.
var Now = time.Date(2026, 4, 17, 19, 50, 59, 0, time.UTC)

// Authority is a certificate with its key: a CA's or anybody's.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

var serial struct {
	sync.Mutex
	n int64
}

func nextSerial() *big.Int {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return big.NewInt(0x100 + serial.n)
}

// Option changes a certificate before it is signed.
type Option func(*x509.Certificate)

// ECKey makes a key on P-256.
func ECKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

var rsaKeys = map[int]*sync.Once{1024: {}, 2048: {}}
var rsaKept sync.Map

// RSAKey returns a key of 1024 or 2048 bits, the same each time: RSA keys take
// long to make.
func RSAKey(bits int) *rsa.PrivateKey {
	rsaKeys[bits].Do(func() { rsaKept.Store(bits, NewRSAKey(bits)) })
	key, _ := rsaKept.Load(bits)
	return key.(*rsa.PrivateKey)
}

// NewRSAKey makes a key of its own.
func NewRSAKey(bits int) *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, bits)) }

// Root makes a CA that signs itself.
func Root(name string, key crypto.Signer, options ...Option) *Authority {
	c := template(name)
	ca(c)
	for _, o := range options {
		o(c)
	}
	return sign(c, &Authority{c, key}, key)
}

// CA makes a CA below this one.
func (a *Authority) CA(name string, key crypto.Signer, options ...Option) *Authority {
	return a.Issue(name, key, append([]Option{ca}, options...)...)
}

// Issue makes a certificate that is good for IKE, signed by this CA.
func (a *Authority) Issue(name string, key crypto.Signer, options ...Option) *Authority {
	c := template(name)
	c.KeyUsage = x509.KeyUsageDigitalSignature
	for _, o := range options {
		o(c)
	}
	return sign(c, a, key)
}

// IssueFor makes a certificate for a key that somebody else has.
func (a *Authority) IssueFor(public any, options ...Option) *x509.Certificate {
	c := template("")
	c.KeyUsage = x509.KeyUsageDigitalSignature
	for _, o := range options {
		o(c)
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, a.Cert, public, a.Key))))
}

func sign(c *x509.Certificate, by *Authority, key crypto.Signer) *Authority {
	der := must(x509.CreateCertificate(rand.Reader, c, by.Cert, key.Public(), by.Key))
	return &Authority{must(x509.ParseCertificate(der)), key}
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: nextSerial(), Subject: pkix.Name{CommonName: name, Organization: []string{"Lab"}},
		NotBefore: Now.AddDate(-1, 0, 0), NotAfter: Now.AddDate(1, 0, 0)}
}

func ca(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

// Dates sets the validity.
func Dates(from, to time.Time) Option {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
}

// Hosts are DNS names.
func Hosts(names ...string) Option { return func(c *x509.Certificate) { c.DNSNames = names } }

// Algorithm chooses the signature.
func Algorithm(a x509.SignatureAlgorithm) Option {
	return func(c *x509.Certificate) { c.SignatureAlgorithm = a }
}

// Serial sets the number.
func Serial(n int64) Option { return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) } }

// CRL makes a revocation list of certificates, revoked at Now less an hour for
// key compromise.
func (a *Authority) CRL(revoked ...*x509.Certificate) []byte {
	return a.CRLFrom(Now.Add(-time.Hour), Now.Add(24*time.Hour), revoked...)
}

// CRLFrom has dates of its own.
func (a *Authority) CRLFrom(this, next time.Time, revoked ...*x509.Certificate) []byte {
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: this, NextUpdate: next}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: Now.Add(-time.Hour), ReasonCode: 1})
	}
	return must(x509.CreateRevocationList(rand.Reader, list, a.Cert, a.Key))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
