package simulate

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

var makeThem = flag.Bool("certificates", false, "make the certificates anew; every seed with certificates is another run then")

// year is the beginning of one.
func year(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }

// start is when runs begin.
var start = time.Date(2002, 3, 1, 0, 0, 0, 0, time.UTC)

func TestCertificates(t *testing.T) {
	if *makeThem {
		makeCertificates(t)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificateIn(t, "ca.pem"))
	list, err := x509.ParseRevocationList(files("lab.crl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{"g1.pem": true, "g8.pem": true, "g9.pem": true, "g9-revoked.pem": true, "g9-expired.pem": false, "g9-early.pem": false, "g9-other.pem": false} {
		c := certificateIn(t, name)
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: start, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); (err == nil) != good {
			t.Errorf("%s: %v, want it to be good: %v", name, err, good)
		}
		revoked := list.RevokedCertificateEntries[0].SerialNumber.Cmp(c.SerialNumber) == 0
		if revoked != (name == "g9-revoked.pem") {
			t.Errorf("%s is revoked: %v", name, revoked)
		}
	}
}

func certificateIn(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(files(name))
	if block == nil {
		t.Fatalf("%s has no PEM", name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// maker makes certificates, each with a serial number of its own.
type maker struct {
	t      *testing.T
	serial int64
}

type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func (m *maker) key() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		m.t.Fatal(err)
	}
	return k
}

func (m *maker) sign(x, by *x509.Certificate, public *rsa.PublicKey, key *rsa.PrivateKey) *x509.Certificate {
	m.serial++
	x.SerialNumber = big.NewInt(m.serial)
	der, err := x509.CreateCertificate(rand.Reader, x, by, public, key)
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

func (m *maker) authority(name string) authority {
	k := m.key()
	id := sha256.Sum256(k.N.Bytes())
	x := &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: year(2000), NotAfter: year(2022), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: id[:20]}
	return authority{m.sign(x, x, &k.PublicKey, k), k}
}

// issue makes the certificate of gateway n.
func (m *maker) issue(ca authority, n int, k *rsa.PrivateKey, from, to time.Time) *x509.Certificate {
	name := fmt.Sprintf("g%d", n)
	return m.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name + ".example.com"}, NotBefore: from, NotAfter: to, DNSNames: []string{name, name + ".example.com"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, byte(10+n)).To4()}, KeyUsage: x509.KeyUsageDigitalSignature}, ca.cert, &k.PublicKey, ca.key)
}

func inPEM(c *x509.Certificate, ca bool) []byte {
	headers := map[string]string{"Trustpoint": "LAB"}
	if ca {
		headers["Kind"] = "ca"
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: headers, Bytes: c.Raw})
}

func makeCertificates(t *testing.T) {
	m := &maker{t: t, serial: 16}
	write := func(name string, parts ...[]byte) {
		if err := os.WriteFile("certificates/"+name, bytes.Join(parts, nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lab, other := m.authority("Lab CA"), m.authority("Other CA")
	write("ca.pem", inPEM(lab.cert, true))
	for n := 1; n <= outsider; n++ {
		k := m.key()
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{"Label": "LAB"}, Bytes: der})
		write(fmt.Sprintf("g%d.pem", n), inPEM(m.issue(lab, n, k, year(2001), year(2012)), false), private)
		if n < outsider {
			continue
		}
		write("g9-expired.pem", inPEM(m.issue(lab, n, k, year(2001), year(2002)), false), private)
		write("g9-early.pem", inPEM(m.issue(lab, n, k, year(2003), year(2012)), false), private)
		write("g9-other.pem", inPEM(m.issue(other, n, k, year(2001), year(2012)), false), private)
		revoked := m.issue(lab, n, k, year(2001), year(2012))
		write("g9-revoked.pem", inPEM(revoked, false), private)
		list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: year(2002), NextUpdate: year(2022),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: revoked.SerialNumber, RevocationTime: year(2002), ReasonCode: 1}}}, lab.cert, lab.key)
		if err != nil {
			t.Fatal(err)
		}
		write("lab.crl", list)
	}
}
