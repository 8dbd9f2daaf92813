package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
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
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: root.CRL(c)}))
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

func FuzzWrapped(f *testing.F) {
	root := pkitest.Root("Root", pkitest.ECKey())
	f.Add(wrapped(root.Cert.Raw, root.Cert.Raw), uint8(1))
	f.Add(wrapped(), uint8(0))
	f.Add(root.Cert.Raw, uint8(3))
	f.Fuzz(func(t *testing.T, der []byte, limit uint8) {
		octets := 0
		all := pki.Wrapped(der, int(limit))
		for _, c := range all {
			octets += len(c)
		}
		if len(all) > int(limit) || octets > len(der) {
			t.Fatalf("%d certificates of %d octets, of %d", len(all), octets, len(der))
		}
	})
}

// wrapped is a SignedData without signers that carries certificates.
func wrapped(certificates ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
		b.AddASN1(casn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(casn1.SET, func(*cryptobyte.Builder) {})
				b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1})
				})
				b.AddASN1(casn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
					for _, c := range certificates {
						b.AddBytes(c)
					}
				})
				b.AddASN1(casn1.SET, func(*cryptobyte.Builder) {})
			})
		})
	})
	return b.BytesOrPanic()
}

func TestWrapped(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey()).Cert.Raw
	for name, c := range map[string]struct {
		der  []byte
		want int
	}{"two": {wrapped(root, root), 2}, "none": {wrapped(), 0}, "more than the bound": {wrapped(root, root, root, root), 3},
		"a certificate": {root, 0}, "noise": {[]byte("noise"), 0}, "cut off": {wrapped(root)[:200], 0}, "noise inside": {wrapped([]byte("noise")), 0}} {
		if got := pki.Wrapped(c.der, 3); len(got) != c.want || c.want > 0 && !bytes.Equal(got[0], root) {
			t.Errorf("%s: %d certificates, want %d", name, len(got), c.want)
		}
	}
}
