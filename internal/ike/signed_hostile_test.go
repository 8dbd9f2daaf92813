package ike

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/trace"
)

// What a peer sends in the place of a certificate costs no more than one, and is told
// for what it is.
func TestWhatIsNoCertificate(t *testing.T) {
	lab := pkiOf("rsa")
	huge := new(big.Int).SetBit(big.NewInt(1), 16384, 1)
	for name, c := range map[string]struct {
		change func(*Trustpoint)
		want   trace.SignatureProblem
		notify isakmp.NotifyType
	}{
		"noise": {func(p *Trustpoint) { p.Certificate = raw(p.Certificate, []byte("no certificate")) }, trace.SignatureBadCertificate, isakmp.NotifyInvalidCertificate},
		"half of one": {func(p *Trustpoint) { p.Certificate = raw(p.Certificate, p.Certificate.Raw[:len(p.Certificate.Raw)/2]) },
			trace.SignatureBadCertificate, isakmp.NotifyInvalidCertificate},
		"one and an octet": {func(p *Trustpoint) {
			p.Certificate = raw(p.Certificate, append(p.Certificate.Raw[:len(p.Certificate.Raw):len(p.Certificate.Raw)], 0))
		},
			trace.SignatureBadCertificate, isakmp.NotifyInvalidCertificate},
		"nothing":             {func(p *Trustpoint) { p.Certificate = raw(p.Certificate, nil) }, trace.SignatureNoCertificate, isakmp.NotifyCertUnavailable},
		"the CA alone":        {func(p *Trustpoint) { p.Certificate = lab.root.Cert }, trace.SignatureWrongKey, isakmp.NotifyInvalidSignature},
		"another kind of key": {func(p *Trustpoint) { p.Certificate = lab.root.Issue("spoke", pkitest.ECKey()).Cert }, trace.SignatureWrongKey, isakmp.NotifyInvalidSignature},
		"a key without end": {func(p *Trustpoint) {
			p.Certificate = lab.root.IssueFor(&rsa.PublicKey{N: huge, E: 65537})
		}, trace.SignatureWrongKey, isakmp.NotifyInvalidSignature},
		"somebody else's": {func(p *Trustpoint) { p.Certificate = lab.hub.Cert }, trace.SignatureDiffers, isakmp.NotifyInvalidSignature},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSignedPair(t, isakmp.AuthRSASig, "rsa", func(_, spoke *Config) { c.change(spoke.Trustpoints[0]) })
			began := time.Now()
			p.connect()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			got := told[*trace.SignatureRefused](p.hub)
			if len(got) != 1 || got[0].Problem != c.want {
				t.Fatalf("told %+v, want %s", got, c.want)
			}
			if n := protected(p.spoke); len(n) != 1 || n[0] != c.notify {
				t.Errorf("the spoke is told %v, want %s", n, c.notify)
			}
			p.advance(5 * time.Minute)
			p.hub.engine.checkQuiet(t)
			p.spoke.engine.checkQuiet(t)
		})
	}
}

// raw is a certificate that is sent as other octets.
func raw(c *x509.Certificate, der []byte) *x509.Certificate {
	other := *c
	other.Raw = der
	return &other
}

// Certificates that nobody has asked for, as many as fit into a message, do not
// hinder; those beyond the bound are not read.
func TestCertificatesInAbundance(t *testing.T) {
	lab := pkiOf("p256")
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", func(_, spoke *Config) {
		for range 30 {
			spoke.Trustpoints[0].Chain = append(spoke.Trustpoints[0].Chain, lab.root.CA("Noise", lab.root.Key).Cert)
		}
	})
	asked := 0
	judge := p.aaa
	p.aaa = func(s *side, q Ask) Answer {
		if s == p.hub {
			asked = len(q.(JudgePeer).Offered)
		}
		return judge(s, q)
	}
	p.connect()
	p.checkUp()
	if asked != 30 {
		t.Errorf("%d certificates beside the peer's, want 30", asked)
	}
	many := make([][]byte, 3*maxCertificates)
	for i := range many {
		many[i] = lab.root.Cert.Raw
	}
	if all, _ := parseCertificates(many); len(all) != maxCertificates {
		t.Errorf("%d certificates are read, want %d", len(all), maxCertificates)
	}
}

// The certificate whose key has signed is found wherever it stands, also in PKCS #7.
func TestTheSignersCertificateIsFound(t *testing.T) {
	lab := pkiOf("p256")
	hash := make([]byte, 32)
	signature, err := sign(lab.spoke.Key, isakmp.AuthECDSA256, hash)
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][][]byte{
		"first":         {lab.spoke.Cert.Raw, lab.root.Cert.Raw},
		"last":          {lab.root.Cert.Raw, lab.spoke.Cert.Raw},
		"behind others": {lab.hub.Cert.Raw, lab.root.Cert.Raw, lab.spoke.Cert.Raw},
		"behind noise":  {[]byte("noise"), lab.spoke.Cert.Raw},
	} {
		v := verify(list, isakmp.AuthECDSA256, hash, signature)
		if !v.OK || !v.Leaf.Equal(lab.spoke.Cert) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// wrapped is a SignedData without signers that carries certificates.
func wrapped(t *testing.T, certificates ...[]byte) []byte {
	t.Helper()
	var all []byte
	for _, c := range certificates {
		all = append(all, c...)
	}
	type signedData struct {
		Version      int
		Algorithms   asn1.RawValue
		Content      struct{ Type asn1.ObjectIdentifier }
		Certificates asn1.RawValue
		Signers      asn1.RawValue
	}
	set := asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}
	body := signedData{Version: 1, Algorithms: set, Signers: set,
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: all}}
	body.Content.Type = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	inner, err := asn1.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCertificatesInPKCS7(t *testing.T) {
	lab := pkiOf("p256")
	p := newSignedPair(t, isakmp.AuthECDSA256, "p256", nil)
	m := &message{e: p.hub.engine, s: p.hub.engine.newSA(trace.RoleResponder, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500))}
	body := isakmp.AppendCert(nil, isakmp.Cert{Encoding: isakmp.CertPKCS7, Data: wrapped(t, lab.root.Cert.Raw, lab.spoke.Cert.Raw)})
	m.payloads = []isakmp.Payload{{Type: isakmp.PayloadCert, Body: body}}
	all, malformed := parseCertificates(m.takeCertificates())
	if malformed || len(all) != 2 || !all[1].Equal(lab.spoke.Cert) {
		t.Errorf("%d certificates", len(all))
	}
}
