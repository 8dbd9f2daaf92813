package pki_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/ocsp"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
)

func FuzzCRL(f *testing.F) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("x", pkitest.ECKey()).Cert
	f.Add(root.CRL())
	f.Add(root.CRL(c, root.Cert))
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := pki.ReadCRL(bytes.NewReader(der))
		if err != nil {
			return
		}
		if l.Len() > len(der) {
			t.Fatalf("%d entries of %d octets", l.Len(), len(der))
		}
		// Only the seeds are signed by this CA.
		if v := pki.CheckCRL(now, l, c, root.Cert, false); v.OK() && l.Len() != 0 {
			t.Fatal("a list that is not the CA's is relied upon")
		}
	})
}

func FuzzOCSP(f *testing.F) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("x", pkitest.ECKey()).Cert
	f.Add(must(ocsp.CreateResponse(root.Cert, root.Cert, ocsp.Response{Status: ocsp.Revoked, SerialNumber: c.SerialNumber, ThisUpdate: now}, root.Key)))
	f.Add(ocsp.TryLaterErrorResponse)
	f.Fuzz(func(t *testing.T, body []byte) {
		if v := pki.CheckOCSP(now, body, c, root.Cert, []byte("0123456789abcdef"), false); v.OK() {
			t.Fatal("a response that nobody signed is relied upon")
		}
	})
}

func FuzzCertificate(f *testing.F) {
	root := pkitest.Root("Root", pkitest.ECKey())
	f.Add(root.Cert.Raw)
	f.Add(root.Issue("x", pkitest.ECKey(), pkitest.Hosts("a.example.com"), address("192.0.2.1")).Cert.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		v := pki.VerifyChain(now, c, certs{c, c}, pki.Trust{Anchors: certs{root.Cert}}, pki.ForIKE)
		_ = v.Text()
		for _, kind := range []isakmp.IDType{isakmp.IDIPv4Addr, isakmp.IDFQDN, isakmp.IDUserFQDN, isakmp.IDDERASN1DN} {
			_ = pki.CheckIdentity(c, kind, c.RawSubject).Text()
		}
		pki.Map{{{Field: pki.FieldName, Op: pki.Contains, Value: "a"}}}.Matches(c)
	})
}

func FuzzName(f *testing.F) {
	f.Add("cn=r1,ou=VPN+l=a\\,b,c=US")
	f.Fuzz(func(t *testing.T, text string) {
		rdns, err := pki.ParseName(text)
		if err == nil && len(rdns) == 0 {
			t.Fatal("a name without parts")
		}
	})
}
