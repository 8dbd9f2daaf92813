package config

import (
	"crypto/x509"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/secret"
)

var drawnCA = pkitest.Root("Root", pkitest.ECKey()).Cert.Raw

func drawPKI(t *rapid.T, c *Config) {
	c.CertificateMaps = distinct(t, "certificate maps", drawCertificateMap, func(m *CertificateMap) string { return m.Label })
	c.Trustpoints = distinct(t, "trustpoints", func(t *rapid.T) *Trustpoint { return drawTrustpoint(t, c) }, func(p *Trustpoint) string { return p.Name })
	c.PeerKeys = distinct(t, "peer keys", drawPeerKey, (*PeerKey).owner)
	for _, p := range c.Trustpoints {
		if rapid.Bool().Draw(t, "chain") {
			c.Chains = append(c.Chains, &CertificateChain{Name: p.Name, Certificates: []StoredCertificate{
				{Kind: CertificateKind(rapid.IntRange(0, len(certificateKinds)-1).Draw(t, "kind")), Serial: "01AF", DER: drawnCA}}})
		}
	}
}

// drawnKey is a peer's public key.
var drawnKey = func() []byte {
	der, err := x509.MarshalPKIXPublicKey(pkitest.NewRSAKey(1024).Public())
	if err != nil {
		panic(err)
	}
	return der
}()

func drawPeerKey(t *rapid.T) *PeerKey {
	k := &PeerKey{Address: address(t, "address")}
	if rapid.Bool().Draw(t, "named") {
		k.Name = name(t, "name")
		if rapid.Bool().Draw(t, "without address") {
			k.Address = netip.Addr{}
		}
	}
	if rapid.Bool().Draw(t, "has its text") {
		k.DER = drawnKey
	}
	return k
}

func drawCertificateMap(t *rapid.T) *CertificateMap {
	line := rapid.SampledFrom([]MapLine{
		{pki.Criterion{Field: pki.FieldSubject, Op: pki.Contains, Value: "ou=a b"}, "ou=a b"},
		{pki.Criterion{Field: pki.FieldSerial, Op: pki.NotEqual, Value: "01"}, "01"},
	})
	m := &CertificateMap{Label: name(t, "label")}
	for seq := range rapid.IntRange(1, 3).Draw(t, "entries") {
		m.Entries = append(m.Entries, &CertificateMapEntry{Seq: seq + 1, Lines: rapid.SliceOfNDistinct(line, 0, 2, MapLine.String).Draw(t, "lines")})
	}
	return m
}

func drawTrustpoint(t *rapid.T, c *Config) *Trustpoint {
	p := newTrustpoint(name(t, "trustpoint"))
	p.Enrollment = EnrollmentKind(rapid.IntRange(0, 3).Draw(t, "enrollment"))
	if p.Enrollment == EnrollURL {
		p.URL = "http://ca.example.com/scep"
	}
	p.PEM = p.Enrollment == EnrollTerminal && rapid.Bool().Draw(t, "pem")
	p.ModeRA, p.NoNonce, p.Legacy = rapid.Bool().Draw(t, "ra"), rapid.Bool().Draw(t, "nonce"), rapid.Bool().Draw(t, "legacy")
	p.Retries, p.Period = rapid.IntRange(1, 100).Draw(t, "count"), rapid.IntRange(1, 60).Draw(t, "period")
	p.Proxy = rapid.SampledFrom([]string{"", "proxy:3128"}).Draw(t, "proxy")
	p.Subject = rapid.SampledFrom([]string{"", "cn=r1, o=Lab"}).Draw(t, "subject")
	switch rapid.IntRange(0, 2).Draw(t, "fqdn") {
	case 0:
		p.NoFQDN = true
	case 1:
		p.FQDN = "r1.example.com"
	}
	switch rapid.IntRange(0, 3).Draw(t, "address") {
	case 0:
		p.NoIPAddress = true
	case 1:
		p.IPAddress = address(t, "ip-address")
	case 2:
		p.IPInterface = "GigabitEthernet0/0"
	}
	p.Serial = SerialChoice(rapid.IntRange(0, 2).Draw(t, "serial"))
	p.Password.Clear = secret.FromString(rapid.SampledFrom([]string{"", "s3cret", "0", "7", "0 words"}).Draw(t, "password"))
	p.ECKeyPair = rapid.SampledFrom([]string{"", "ec.example.com"}).Draw(t, "EC key")
	if p.ECKeyPair != "" {
		p.KeyPair = ""
	} else if p.KeyPair = rapid.SampledFrom([]string{"", "r1.example.com"}).Draw(t, "key"); p.KeyPair != "" {
		p.KeyBits = rapid.SampledFrom([]int{0, 1024, 4096}).Draw(t, "bits")
	}
	p.Fingerprint = rapid.SampledFrom([]string{"", "A5DE3C51AD8B0207B60BED6D9356FB00"}).Draw(t, "fingerprint")
	p.Hash = EnrollmentHash(rapid.IntRange(0, len(enrollmentHashes)-1).Draw(t, "hash"))
	p.Cipher = EnrollmentCipher(rapid.IntRange(0, len(enrollmentCiphers)-1).Draw(t, "cipher"))
	p.Usage = rapid.SampledFrom([]string{"", "ike"}).Draw(t, "usage")
	p.Revocation = rapid.SampledFrom([][]pki.Method{{pki.CheckByCRL}, {pki.CheckByOCSP, pki.CheckByCRL, pki.CheckByNone}}).Draw(t, "methods")
	p.CRLQuery = rapid.SampledFrom([]string{"", "http://ca/x.crl"}).Draw(t, "query")
	p.OCSPURL = rapid.SampledFrom([]string{"", "http://ocsp"}).Draw(t, "ocsp")
	p.AutoEnroll = rapid.SampledFrom([]int{0, 70}).Draw(t, "percent")
	p.Regenerate, p.ChainStop = rapid.Bool().Draw(t, "regenerate"), rapid.Bool().Draw(t, "stop")
	for _, m := range c.CertificateMaps {
		p.Maps = append(p.Maps, MapUse{Map: m.Label, SkipRevocation: rapid.Bool().Draw(t, "skip")})
	}
	return p
}

// TestCertificateTextIsBounded: a certificate's text that never ends is
// refused, and what follows is read.
func TestCertificateTextIsBounded(t *testing.T) {
	e := NewEditor(New())
	e.Line("crypto pki certificate chain T")
	e.Line(" certificate ca 01")
	refused := 0
	for range 2 * maxCertificate / 36 * 2 {
		if ds := e.Line("  30820122 30820122 30820122 30820122 30820122 30820122 30820122 30820122 30820122"); len(ds.Of(Error)) > 0 {
			refused++
			break
		}
	}
	if refused != 1 || e.hex != nil {
		t.Errorf("%d refusals", refused)
	}
}
