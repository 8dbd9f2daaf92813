package router

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/policy"
	"qmidle/internal/trustpoint"
)

// stored puts certificates below a trustpoint.
func stored(c *config.Config, name string, kind config.CertificateKind, all ...*x509.Certificate) {
	for _, x := range all {
		trustpoint.Store{Trustpoint: name, Certificates: []config.StoredCertificate{{Kind: kind, Serial: pki.SerialText(x.SerialNumber), DER: x.Raw}}}.Apply(c)
	}
}

// Of a trustpoint's certificates the one of its key counts, and of several the newest;
// the CAs above go with it, but no root.
func TestTrustpointsReachTheEngine(t *testing.T) {
	c := loadRinged(t, "crypto pki trustpoint A\n rsakeypair KEY\n chain-validation continue R\ncrypto pki trustpoint R\ncrypto pki trustpoint EMPTY\n")
	root := pkitest.Root("Root", pkitest.ECKey())
	below := root.CA("Below", pkitest.ECKey())
	key := pkitest.ECKey()
	old := below.Issue("hub", key, pkitest.Dates(pkitest.Now.AddDate(-2, 0, 0), pkitest.Now))
	current := below.Issue("hub", key)
	stored(c, "A", config.CACertificate, below.Cert)
	stored(c, "A", config.OwnCertificate, below.Issue("hub", pkitest.ECKey()).Cert, current.Cert, old.Cert)
	stored(c, "R", config.CACertificate, root.Cert)
	keys := func(label string) (crypto.Signer, bool) { return key, label == "KEY" }
	all := trustpoints(c, keys)
	if len(all) != 2 {
		t.Fatalf("%d trustpoints", len(all))
	}
	a, r := all[0], all[1]
	if a.Name != "A" || !a.Certificate.Equal(current.Cert) || a.Key != key || len(a.Chain) != 1 || !a.Chain[0].Equal(below.Cert) {
		t.Errorf("trustpoint A is %+v", a)
	}
	if string(a.Authorities[0]) != string(below.Cert.RawSubject) {
		t.Error("trustpoint A does not ask for its CA")
	}
	if r.Certificate != nil || r.Key != nil || len(r.Authorities) != 1 {
		t.Errorf("trustpoint R is %+v", r)
	}
	if all := trustpoints(c, nil); all[0].Certificate != nil {
		t.Error("a certificate without its key proves something")
	}
}

// `ecdsa-sig` is a method for each curve of the keys.
func TestPoliciesOfCurves(t *testing.T) {
	c := loadRinged(t, "crypto pki trustpoint P256\n rsakeypair 256\ncrypto pki trustpoint P384\n rsakeypair 384\ncrypto pki trustpoint RSA\n rsakeypair R\n")
	root := pkitest.Root("Root", pkitest.ECKey())
	made := map[string]crypto.Signer{"R": pkitest.RSAKey(2048)}
	for label, curve := range map[string]elliptic.Curve{"256": elliptic.P256(), "384": elliptic.P384()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		made[label] = key
	}
	for name, label := range map[string]string{"P256": "256", "P384": "384", "RSA": "R"} {
		stored(c, name, config.OwnCertificate, root.Issue("hub", made[label]).Cert)
	}
	points := trustpoints(c, func(label string) (crypto.Signer, bool) { return made[label], made[label] != nil })
	policies := []policy.IKE{{Priority: 1, Auth: isakmp.AuthPSK}, {Priority: 2, Auth: isakmp.AuthECDSA256}, {Priority: 3, Auth: isakmp.AuthRSASig}}
	var got []string
	for _, p := range ofCurves(policies, points) {
		got = append(got, fmt.Sprint(p.Priority, " ", uint16(p.Auth)))
	}
	if want := []string{"1 1", "2 9", "2 10", "3 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := ofCurves(policies, nil); !slices.Equal(got, policies) {
		t.Errorf("without keys: %+v", got)
	}
}

func TestProfilesOfCertificatesReachTheEngine(t *testing.T) {
	c := loadRinged(t, "crypto pki trustpoint A\ncrypto pki certificate map BRANCHES 10\n subject-name co ou = branch\n"+
		"crypto isakmp profile P\n ca trust-point A\n match certificate BRANCHES\n")
	p := newPeering(c, ConfiguredAddress, nil).profiles[0]
	branch := pkitest.Root("x", pkitest.ECKey(), func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Branch"} }).Cert
	if !slices.Equal(p.Trustpoints, []string{"A"}) || len(p.Certificates) != 1 || !p.Certificates[0].Matches(branch) {
		t.Errorf("the profile is %+v", p)
	}
}
