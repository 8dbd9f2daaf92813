package trustpoint

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
)

// Bundle is a certificate with those of the CAs above it, the issuer among them.
type Bundle struct {
	Certificate *x509.Certificate
	Authorities []*x509.Certificate
}

// issuer is the CA of a bundle that has signed its certificate.
func (b Bundle) issuer(now time.Time, t pki.Trust) (*x509.Certificate, pki.Verdict) {
	best := pki.Verdict{Reason: pki.UnknownCA, Certificate: b.Certificate, Now: now}
	for _, ca := range b.Authorities {
		t.Anchors = []*x509.Certificate{ca}
		v := pki.VerifyChain(now, b.Certificate, nil, t, pki.ForIKE)
		if v.OK() {
			return ca, v
		}
		if best.Reason == pki.UnknownCA {
			best = v
		}
	}
	return nil, best
}

// CheckBundle says whether a trustpoint can take a bundle: one without a CA yet,
// or one that is not there and will be made.
func (a *Agent) CheckBundle(now time.Time, name string, b Bundle) error {
	a.begin(now)
	if err := a.fresh(name); err != nil {
		return err
	}
	if len(b.Authorities) == 0 {
		return fail("the file has no certificate of the CA that has issued its certificate")
	}
	var t pki.Trust
	if known := a.o.Config.Trustpoint(name); known != nil {
		t = trust(known)
	}
	if ca, v := b.issuer(now, t); ca == nil {
		return fail("%s", v.Text())
	}
	return nil
}

// ImportBundle stores a bundle that was checked, whose key has the trustpoint's
// name for a label. Only the CA that has issued the certificate is trusted: left
// is how many of those above are not.
func (a *Agent) ImportBundle(now time.Time, name string, ec bool, b Bundle) (out Output, left int) {
	a.begin(now)
	var t pki.Trust
	if known := a.o.Config.Trustpoint(name); known != nil {
		t = trust(known)
	}
	ca, _ := b.issuer(now, t)
	if ca == nil {
		return a.finish(), 0
	}
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: name, KeyPair: name, EC: ec, Replaces: true, Certificates: []config.StoredCertificate{
		{Kind: config.OwnCertificate, Serial: pki.SerialText(b.Certificate.SerialNumber), DER: b.Certificate.Raw},
		{Kind: config.CACertificate, Serial: pki.SerialText(ca.SerialNumber), DER: ca.Raw}}})
	return a.finish(), len(b.Authorities) - 1
}

// Export is a trustpoint's certificate with its CAs', and the label of its key.
// The certificate is nil where there is none yet.
func (a *Agent) Export(name string) (Bundle, string, error) {
	t, err := a.of(name)
	if err != nil {
		return Bundle{}, "", err
	}
	b := Bundle{Authorities: a.parse(name, config.CACertificate)}
	if len(b.Authorities) == 0 {
		return b, "", fail("the CA's certificate of %s is not there yet", name)
	}
	if own := slices.Concat(a.parse(name, config.OwnCertificate), a.parse(name, config.SelfSignedCertificate)); len(own) > 0 {
		b.Certificate = own[0]
	}
	return b, KeyLabel(a.o.Config, t), nil
}

// ExportOwn is Export where there has to be a certificate.
func (a *Agent) ExportOwn(name string) (Bundle, string, error) {
	b, label, err := a.Export(name)
	if err == nil && b.Certificate == nil {
		err = fail("The specified trustpoint is not enrolled (%s).", name)
	}
	return b, label, err
}

// PEM writes certificates one below the other.
func PEM(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}
