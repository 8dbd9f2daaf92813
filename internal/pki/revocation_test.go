package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
)

func readCRL(t testing.TB, der []byte) *pki.CRL {
	t.Helper()
	l, err := pki.ReadCRL(bytes.NewReader(der))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCRLs(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	rsaRoot := pkitest.Root("RSA", pkitest.RSAKey(2048))
	good, bad := root.Issue("good", pkitest.ECKey()).Cert, root.Issue("bad", pkitest.ECKey()).Cert
	rsaBad := rsaRoot.Issue("bad", pkitest.ECKey()).Cert
	list := readCRL(t, root.CRL(bad))
	stale := readCRL(t, root.CRLFrom(now.AddDate(0, 0, -9), now.AddDate(0, 0, -2), bad))
	impostor := pkitest.Root("Root", pkitest.ECKey(), func(c *x509.Certificate) { c.SubjectKeyId = root.Cert.SubjectKeyId })
	otherKey := pkitest.Root("Root", pkitest.ECKey())
	if list.Len() != 1 || list.Number.Int64() != 7 || !list.NextUpdate.Equal(now.Add(24*time.Hour)) {
		t.Errorf("%+v", list)
	}
	for _, test := range []struct {
		name   string
		list   *pki.CRL
		c      *x509.Certificate
		issuer *x509.Certificate
		want   pki.Reason
	}{
		{"good", list, good, root.Cert, pki.Valid},
		{"revoked", list, bad, root.Cert, pki.Revoked},
		{"RSA", readCRL(t, rsaRoot.CRL(rsaBad)), rsaBad, rsaRoot.Cert, pki.Revoked},
		{"stale", stale, good, root.Cert, pki.RevocationStale},
		{"stale and revoked", stale, bad, root.Cert, pki.Revoked},
		{"of the future", readCRL(t, root.CRLFrom(now.Add(time.Hour), now.AddDate(0, 0, 2))), good, root.Cert, pki.RevocationInvalid},
		{"by a clock that is a little ahead", readCRL(t, root.CRLFrom(now.Add(time.Minute), now.AddDate(0, 0, 2))), good, root.Cert, pki.Valid},
		{"of another CA", readCRL(t, rsaRoot.CRL()), good, root.Cert, pki.RevocationInvalid},
		{"by another key", readCRL(t, impostor.CRL()), good, root.Cert, pki.RevocationInvalid},
		{"that names another key", readCRL(t, otherKey.CRL()), good, root.Cert, pki.RevocationInvalid},
	} {
		v := pki.CheckCRL(now, test.list, test.c, test.issuer, false)
		if v.Reason != test.want {
			t.Errorf("%s: %v, want %v: %s", test.name, v.Reason, test.want, v.Text())
		}
		if v.Reason == pki.Revoked && (!v.RevokedAt.Equal(now.Add(-time.Hour)) || v.Revocation.String() != "key compromise") {
			t.Errorf("%s: %s", test.name, v.Text())
		}
	}
}

// A list in PEM is read, and what stands behind it is not.
func TestCRLsInPEM(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	der := bigCRL(3000, root)
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	for name, text := range map[string][]byte{"plain": text, "with CR": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), "with more behind": append(bytes.Clone(text), "more"...),
		"in one line": []byte("-----BEGIN X509 CRL-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END X509 CRL-----")} {
		l, err := pki.ReadCRL(bytes.NewReader(text))
		if err != nil || l.Len() != 3000 || !l.SignedBy(root.Cert) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"-----BEGIN ", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "-----BEGIN X509 CRL-----\n!\n", string(text[:len(text)/2])} {
		if _, err := pki.ReadCRL(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q is read", text)
		}
	}
}

// What is no list, or no list that can be relied upon, is refused.
func TestMalformedCRLs(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	der := root.CRL(root.Cert)
	for _, cut := range []int{0, 1, 2, 5, 20, len(der) / 2, len(der) - 1} {
		if _, err := pki.ReadCRL(bytes.NewReader(der[:cut])); err == nil {
			t.Errorf("%d octets of %d are read", cut, len(der))
		}
	}
	if _, err := pki.ReadCRL(bytes.NewReader(append(bytes.Clone(der), 0))); err == nil {
		t.Error("an octet behind the list is not seen")
	}
	c := root.Issue("x", pkitest.ECKey()).Cert
	for i := range der {
		flipped := bytes.Clone(der)
		flipped[i] ^= 0x04
		l, err := pki.ReadCRL(bytes.NewReader(flipped))
		if err == nil && pki.CheckCRL(now, l, c, root.Cert, false).OK() {
			t.Fatalf("a list with octet %d changed is relied upon", i)
		}
	}
	delta := must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}}, root.Cert, root.Key))
	if v := pki.CheckCRL(now, readCRL(t, delta), c, root.Cert, false); v.Reason != pki.RevocationInvalid {
		t.Errorf("a delta list alone: %v", v.Reason)
	}
}

// bigCRL makes a list with the serial numbers of serialAt, which are as long as
// those of CAs.
func bigCRL(n int, ca *pkitest.Authority) []byte {
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	list.RevokedCertificateEntries = make([]x509.RevocationListEntry, n)
	for i := range list.RevokedCertificateEntries {
		list.RevokedCertificateEntries[i] = x509.RevocationListEntry{SerialNumber: serialAt(i), RevocationTime: now.Add(-time.Minute), ReasonCode: 1}
	}
	return must(x509.CreateRevocationList(rand.Reader, list, ca.Cert, ca.Key))
}

func serialAt(i int) *big.Int {
	n := new(big.Int).SetUint64(uint64(i+1) * 0x9e3779b97f4a7c15)
	return n.Lsh(n, 60).Add(n, big.NewInt(int64(i+1)))
}

func TestLargeCRL(t *testing.T) {
	const entries = 50_000
	root := pkitest.Root("Root", pkitest.ECKey())
	der := bigCRL(entries, root)
	list := readCRL(t, der)
	if list.Len() != entries {
		t.Fatalf("%d entries", list.Len())
	}
	for _, i := range []int{0, 1, entries / 2, entries - 1} {
		if _, _, revoked := list.Lookup(serialAt(i)); !revoked {
			t.Errorf("entry %d is not found", i)
		}
	}
	if _, _, revoked := list.Lookup(serialAt(entries)); revoked {
		t.Error("what is not in the list is found")
	}
	if _, err := pki.ReadCRLBounded(bytes.NewReader(der), entries-1); err == nil {
		t.Error("more entries than the bound are read")
	}
}

// BenchmarkCRL loads a list of a million entries, and asks it.
func BenchmarkCRL(b *testing.B) {
	const entries = 1_000_000
	root := pkitest.Root("Root", pkitest.ECKey())
	der := bigCRL(entries, root)
	c := root.Issue("x", pkitest.ECKey()).Cert
	b.Run("load", func(b *testing.B) {
		b.SetBytes(int64(len(der)))
		b.ReportAllocs()
		for b.Loop() {
			readCRL(b, der)
		}
	})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	list := readCRL(b, der)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if v := pki.CheckCRL(now, list, c, root.Cert, false); !v.OK() {
				b.Fatal(v.Text())
			}
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
	})
}

func TestOCSP(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	other := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("r1", pkitest.ECKey()).Cert
	forOCSP := func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	delegate := root.Issue("ocsp", pkitest.ECKey(), forOCSP)
	expired := root.Issue("ocsp", pkitest.ECKey(), forOCSP, pkitest.Dates(now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)))
	noOCSP := root.Issue("ocsp", pkitest.ECKey())
	foreign := other.Issue("ocsp", pkitest.ECKey(), forOCSP)
	nonce := []byte("0123456789abcdef")
	answer := func(status int) ocsp.Response {
		return ocsp.Response{Status: status, SerialNumber: c.SerialNumber, ThisUpdate: now, NextUpdate: now.Add(time.Hour),
			RevokedAt: now.Add(-time.Hour), RevocationReason: ocsp.KeyCompromise}
	}
	respond := func(by *pkitest.Authority, r ocsp.Response) []byte {
		if by != root {
			r.Certificate = by.Cert
		}
		return must(ocsp.CreateResponse(root.Cert, by.Cert, r, by.Key))
	}
	old := answer(ocsp.Good)
	old.ThisUpdate, old.NextUpdate = now.AddDate(0, 0, -3), now.AddDate(0, 0, -1)
	endless := answer(ocsp.Good)
	endless.ThisUpdate, endless.NextUpdate = now.AddDate(0, 0, -3), time.Time{}
	another := answer(ocsp.Good)
	another.SerialNumber = big.NewInt(99)
	for _, test := range []struct {
		name string
		body []byte
		want pki.Reason
	}{
		{"the CA's own", respond(root, answer(ocsp.Good)), pki.Valid},
		{"a delegate's", respond(delegate, answer(ocsp.Good)), pki.Valid},
		{"revoked", respond(delegate, answer(ocsp.Revoked)), pki.Revoked},
		{"unknown", respond(delegate, answer(ocsp.Unknown)), pki.RevocationInvalid},
		{"old", respond(delegate, old), pki.RevocationStale},
		{"old without a next one", respond(delegate, endless), pki.RevocationStale},
		{"of another certificate", respond(delegate, another), pki.RevocationInvalid},
		{"by a delegate that expired", respond(expired, answer(ocsp.Good)), pki.RevocationInvalid},
		{"by a certificate for another purpose", respond(noOCSP, answer(ocsp.Good)), pki.RevocationInvalid},
		{"by another CA's delegate", respond(foreign, answer(ocsp.Good)), pki.RevocationInvalid},
		{"busy", ocsp.TryLaterErrorResponse, pki.RevocationUnreachable},
		{"nothing", nil, pki.RevocationInvalid},
		{"too long", make([]byte, pki.MaxOCSPBytes+1), pki.RevocationInvalid},
		{"our nonce", addNonce(t, respond(root, answer(ocsp.Good)), nonce, root), pki.Valid},
		{"another nonce", addNonce(t, respond(root, answer(ocsp.Good)), []byte("fedcba9876543210"), root), pki.RevocationInvalid},
	} {
		v := pki.CheckOCSP(now, test.body, c, root.Cert, nonce, false)
		if v.Reason != test.want {
			t.Errorf("%s: %v, want %v: %s", test.name, v.Reason, test.want, v.Text())
		}
	}
	request := must(pki.OCSPRequest(c, root.Cert, nonce, false))
	if !bytes.Contains(request, nonce) {
		t.Error("the request has no nonce")
	}
	if r := must(ocsp.ParseRequest(must(pki.OCSPRequest(c, root.Cert, nil, true)))); r.HashAlgorithm != crypto.SHA1 || r.SerialNumber.Cmp(c.SerialNumber) != 0 {
		t.Errorf("%+v", r)
	}
}

// A key of tens of thousands of bits would keep whoever verifies busy for
// seconds: nothing is verified with one.
func TestHugeKeys(t *testing.T) {
	const octets = 7000
	big1 := bytes.Repeat([]byte{0xff}, octets)
	huge := &rsa.PublicKey{N: new(big.Int).SetBytes(big1), E: 1<<31 - 1}
	root := pkitest.Root("Root", pkitest.ECKey())
	ca := root.IssueFor(huge, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "Huge", true, true, x509.KeyUsageCertSign
	})
	leaf := root.Issue("r1", pkitest.ECKey()).Cert
	forged := *leaf
	forged.RawIssuer, forged.AuthorityKeyId, forged.Signature, forged.SignatureAlgorithm = ca.RawSubject, nil, big1, x509.SHA256WithRSA
	began := time.Now()
	for range 10 {
		if v := pki.VerifyChain(now, &forged, certs{ca}, pki.Trust{Anchors: certs{root.Cert}}, pki.ForIKE); !strings.Contains(v.Text(), "longer than any") {
			t.Fatalf("%s", v.Text())
		}
		body := must(asn1.Marshal(struct {
			Status  asn1.Enumerated
			Wrapped asn1.RawValue
		}{0, asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: must(asn1.Marshal(struct {
			Kind asn1.ObjectIdentifier
			Body []byte
		}{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, hugeResponse(leaf, ca, big1)}))}}))
		if v := pki.CheckOCSP(now, body, leaf, root.Cert, nil, false); v.Reason != pki.RevocationInvalid || !strings.Contains(v.Text(), "longer than any") {
			t.Fatalf("%s", v.Text())
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// hugeResponse is a BasicOCSPResponse signed by a delegate with a huge key.
func hugeResponse(c, delegate *x509.Certificate, signature []byte) []byte {
	good := must(ocsp.CreateResponse(delegate, delegate, ocsp.Response{Status: ocsp.Good, SerialNumber: c.SerialNumber, ThisUpdate: now}, pkitest.ECKey()))
	r := must(ocsp.ParseResponse(append([]byte(nil), good...), nil))
	type algorithm struct{ Name asn1.ObjectIdentifier }
	return must(asn1.Marshal(struct {
		Data         asn1.RawValue
		Algorithm    algorithm
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0"`
	}{asn1.RawValue{FullBytes: r.TBSResponseData}, algorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}, []asn1.RawValue{{FullBytes: delegate.Raw}}}))
}

// addNonce writes a nonce into a response, and signs it anew.
func addNonce(t *testing.T, body, nonce []byte, by *pkitest.Authority) []byte {
	t.Helper()
	r := must(ocsp.ParseResponse(body, nil))
	tbs := cryptobyte.String(r.TBSResponseData)
	var data cryptobyte.String
	if !tbs.ReadASN1(&data, casn1.SEQUENCE) {
		t.Fatal("no data")
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(data)
		b.AddASN1(casn1.Tag(1).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddBytes(must(asn1.Marshal([]pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: append([]byte{4, byte(len(nonce))}, nonce...)}})))
		})
	})
	signed := must(pki.SignedDER(rand.Reader, must(b.Bytes()), by.Key, crypto.SHA256))
	var outer cryptobyte.Builder
	outer.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(casn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1})
				b.AddASN1OctetString(signed)
			})
		})
	})
	return must(outer.Bytes())
}

// evidence answers each method as it is told.
type evidence struct {
	list    *pki.CRL
	problem string
	verdict pki.Verdict
	asked   []string
}

func (e *evidence) CRL(c, _ *x509.Certificate) (*pki.CRL, pki.Verdict) {
	e.asked = append(e.asked, "crl "+c.Subject.CommonName)
	return e.list, pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: c, Problem: e.problem}
}

func (e *evidence) OCSP(c, _ *x509.Certificate) pki.Verdict {
	e.asked = append(e.asked, "ocsp "+c.Subject.CommonName)
	return e.verdict
}

func TestRevocationMethods(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("r1", pkitest.ECKey()).Cert
	chain := certs{c, root.Cert}
	revoked, clean := readCRL(t, root.CRL(c)), readCRL(t, root.CRL())
	stale := readCRL(t, root.CRLFrom(now.AddDate(0, 0, -9), now.AddDate(0, 0, -2)))
	crl, ocsp, none := pki.CheckByCRL, pki.CheckByOCSP, pki.CheckByNone
	gone := pki.Verdict{Reason: pki.RevocationUnreachable, Problem: "no answer"}
	awaited := pki.Verdict{Reason: pki.RevocationAwaited}
	for _, test := range []struct {
		methods []pki.Method
		list    *pki.CRL
		ocsp    pki.Verdict
		want    pki.Reason
		asked   string
	}{
		{[]pki.Method{crl}, clean, gone, pki.Valid, "crl r1"},
		{[]pki.Method{crl}, revoked, gone, pki.Revoked, "crl r1"},
		{[]pki.Method{crl}, nil, gone, pki.RevocationUnreachable, "crl r1"},
		{[]pki.Method{crl, none}, nil, gone, pki.Valid, "crl r1"},
		{[]pki.Method{crl, none}, revoked, gone, pki.Revoked, "crl r1"},
		{[]pki.Method{ocsp, crl}, clean, gone, pki.Valid, "ocsp r1 crl r1"},
		{[]pki.Method{ocsp, crl}, revoked, pki.Verdict{}, pki.Valid, "ocsp r1"},
		{[]pki.Method{crl, ocsp}, stale, gone, pki.RevocationUnreachable, "crl r1 ocsp r1"},
		{[]pki.Method{ocsp, crl}, stale, gone, pki.RevocationStale, "ocsp r1 crl r1"},
		{[]pki.Method{ocsp, crl, none}, clean, awaited, pki.RevocationAwaited, "ocsp r1"},
		{[]pki.Method{none}, revoked, gone, pki.Valid, ""},
		{nil, clean, gone, pki.RevocationUnreachable, ""},
	} {
		e := &evidence{list: test.list, problem: "not fetched", verdict: test.ocsp}
		v := pki.CheckRevocation(now, chain, test.methods, e, false)
		if v.Reason != test.want || strings.Join(e.asked, " ") != test.asked {
			t.Errorf("%v: %v after %q, want %v after %q", test.methods, v.Reason, e.asked, test.want, test.asked)
		}
	}
}

func TestPlaces(t *testing.T) {
	usable, others := pki.Places([]string{"http://ca.example.com/a.crl", "ldap://ca.example.com/cn=x", "file:///etc/passwd", "http://a\x00b/"})
	if fmt.Sprint(usable) != "[http://ca.example.com/a.crl]" || len(others) != 3 {
		t.Errorf("%q %q", usable, others)
	}
}

func TestRequests(t *testing.T) {
	for _, key := range []crypto.Signer{pkitest.ECKey(), pkitest.RSAKey(2048)} {
		r := pki.Request{Subject: must(pki.ParseName("cn=r1,o=Lab")), Host: "r1.example.com", Address: mustAddr("192.0.2.1"), Serial: "FTX0945W0MY",
			Challenge: []byte("s3cret"), Hash: crypto.SHA256}
		der := must(r.Sign(rand.Reader, key))
		c := must(x509.ParseCertificateRequest(der))
		if err := c.CheckSignature(); err != nil {
			t.Error(err)
		}
		want := "serialNumber=FTX0945W0MY+hostname=r1.example.com+ipaddress=192.0.2.1,cn=r1,o=Lab"
		if got := pki.RawName(c.RawSubject); !sameParts(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
		if len(c.DNSNames) != 1 || len(c.IPAddresses) != 1 || c.IPAddresses[0].String() != "192.0.2.1" || !bytes.Contains(der, []byte("s3cret")) {
			t.Errorf("%v %v", c.DNSNames, c.IPAddresses)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
		self := must(x509.ParseCertificate(must(r.SelfSign(rand.Reader, key, template))))
		if self.CheckSignature(self.SignatureAlgorithm, self.RawTBSCertificate, self.Signature) != nil || !bytes.Equal(self.RawSubject, c.RawSubject) {
			t.Error("the certificate that signs the request is not of its name and key")
		}
	}
	r := pki.Request{Subject: must(pki.ParseName("cn=r1")), Hash: crypto.MD5}
	if _, err := r.Sign(rand.Reader, pkitest.RSAKey(2048)); err != nil {
		t.Error(err)
	}
	if _, err := r.Sign(rand.Reader, must(ecdsa.GenerateKey(pkitest.ECKey().(*ecdsa.PrivateKey).Curve, rand.Reader))); err == nil {
		t.Error("ECDSA with MD5 exists")
	}
}

// sameParts compares names whose multi-valued part DER has sorted.
func sameParts(a, b string) bool {
	sorted := func(s string) string {
		parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '+' })
		sortStrings(parts)
		return strings.Join(parts, ";")
	}
	return sorted(a) == sorted(b)
}
