// Command make writes the certificates and keys of the scenarios anew, into the
// folder that is named. Dates are around the virtual clock's beginning.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"time"

	"qmidle/internal/pki/pkitest"
)

func day(year int, month time.Month) time.Time {
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

func dates(from, to time.Time) pkitest.Option { return pkitest.Dates(from, to) }

var good = dates(day(2001, 1), day(2012, 1))

func serial(n int64) pkitest.Option { return pkitest.Serial(n) }

func end(host string, address ...byte) pkitest.Option {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{host}, []net.IP{address} }
}

func certificate(c *x509.Certificate, headers map[string]string) []byte {
	headers["Trustpoint"] = "LAB"
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: headers, Bytes: c.Raw})
}

func key(k crypto.Signer) []byte { return labelled(k, "LAB") }

func labelled(k crypto.Signer, label string) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{"Label": label}, Bytes: der})
}

func main() {
	write := func(name string, blocks ...[]byte) {
		var all []byte
		for _, b := range blocks {
			all = append(all, b...)
		}
		if err := os.WriteFile(filepath.Join(os.Args[1], name+".pem"), all, 0o644); err != nil {
			panic(err)
		}
	}
	root := pkitest.Root("Lab CA", pkitest.ECKey(), good, serial(1))
	other := pkitest.Root("Other CA", pkitest.ECKey(), good, serial(1))
	write("ca", certificate(root.Cert, map[string]string{"Kind": "ca"}))
	write("other-ca", certificate(other.Cert, map[string]string{"Kind": "ca"}))
	hubKey, spokeKey := pkitest.NewRSAKey(2048), pkitest.NewRSAKey(2048)
	one := func(name string, ca *pkitest.Authority, k *rsa.PrivateKey, number int64, options ...pkitest.Option) {
		c := ca.Issue("spoke.example.com", k, append([]pkitest.Option{good, serial(number), end("spoke.example.com", 192, 1, 1, 42)}, options...)...)
		write(name, certificate(c.Cert, map[string]string{}), key(k))
	}
	hub := root.Issue("hub.example.com", hubKey, good, serial(2), end("hub.example.com", 192, 1, 1, 40))
	write("hub", certificate(hub.Cert, map[string]string{}), key(hubKey))
	write("nonces-hub", labelled(hubKey, "hub"))
	write("nonces-spoke", labelled(spokeKey, "spoke"))
	one("spoke", root, spokeKey, 3)
	one("spoke-expired", root, spokeKey, 4, dates(day(2001, 1), day(2002, 2)))
	one("spoke-early", root, spokeKey, 5, dates(day(2002, 6), day(2012, 1)))
	one("spoke-other", other, spokeKey, 6)
	one("spoke-purpose", root, spokeKey, 7, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} })
	one("spoke-name", root, spokeKey, 8, end("boss.example.com", 192, 1, 1, 99))
	one("spoke-weak", root, pkitest.NewRSAKey(1024), 9)
}
