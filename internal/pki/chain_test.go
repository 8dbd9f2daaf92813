package pki_test

import (
	"crypto/x509"
	"encoding/asn1"
	"net"
	"strings"
	"testing"
	"time"

	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
)

var now = pkitest.Now

type certs = []*x509.Certificate

func TestChainVerdicts(t *testing.T) {
	key := pkitest.ECKey()
	root := pkitest.Root("Root", key)
	sub := root.CA("Sub", pkitest.ECKey())
	issuing := sub.CA("Issuing", pkitest.ECKey())
	leaf := issuing.Issue("r1", pkitest.ECKey())
	other := pkitest.Root("Other", pkitest.ECKey())
	impostor := pkitest.Root("Root", pkitest.ECKey(), func(c *x509.Certificate) { c.SubjectKeyId = root.Cert.SubjectKeyId })
	expired := root.Issue("old", key, pkitest.Dates(now.AddDate(-2, 0, 0), now.Add(-time.Second)))
	future := root.Issue("new", key, pkitest.Dates(now.Add(time.Second), now.AddDate(1, 0, 0)))
	oldCA := pkitest.Root("OldCA", key, pkitest.Dates(now.AddDate(-2, 0, 0), now.Add(-time.Hour)))
	notCA := root.Issue("notca", pkitest.ECKey())
	shallow := root.CA("Shallow", pkitest.ECKey(), func(c *x509.Certificate) { c.MaxPathLenZero = true })
	deep := shallow.CA("Deep", pkitest.ECKey())
	mail := root.Issue("mail", key, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })
	enciphers := root.Issue("enc", key, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	ike := root.Issue("ike", key, func(c *x509.Certificate) {
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 8, 2, 2}}
	})
	critical := root.Issue("crit", key, func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, extension("1.2.3.4"))
	})
	narrow := root.CA("Narrow", pkitest.ECKey(), func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
	})
	within := narrow.Issue("in", key, pkitest.Hosts("r1.example.com"))
	outside := narrow.Issue("out", key, pkitest.Hosts("r1.example.net"))
	rsaRoot := pkitest.Root("RSA", pkitest.RSAKey(2048))
	sha1 := rsaRoot.Issue("sha1", key, pkitest.Algorithm(x509.SHA1WithRSA))
	short := rsaRoot.Issue("short", pkitest.RSAKey(1024))
	self := pkitest.Root("self", key, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature })

	roots := certs{root.Cert, rsaRoot.Cert}
	for _, test := range []struct {
		name    string
		leaf    *x509.Certificate
		offered certs
		anchors certs
		legacy  bool
		want    pki.Reason
		chain   int
	}{
		{"directly below the root", ike.Cert, nil, roots, false, pki.Valid, 2},
		{"three levels, in any order", leaf.Cert, certs{issuing.Cert, root.Cert, sub.Cert}, roots, false, pki.Valid, 4},
		{"an anchor that is no root", leaf.Cert, nil, certs{issuing.Cert}, false, pki.Valid, 2},
		{"a level is missing", leaf.Cert, certs{issuing.Cert}, roots, false, pki.UnknownCA, 2},
		{"another's root", leaf.Cert, certs{issuing.Cert, sub.Cert}, certs{other.Cert}, false, pki.UnknownCA, 3},
		{"a root of the same name and another key", ike.Cert, nil, certs{impostor.Cert}, false, pki.BadSignature, 1},
		{"the right one besides it", ike.Cert, certs{impostor.Cert}, roots, false, pki.Valid, 2},
		{"expired", expired.Cert, nil, roots, false, pki.Expired, 2},
		{"not yet valid", future.Cert, nil, roots, false, pki.NotYetValid, 2},
		{"below a CA that expired", oldCA.Issue("x", key).Cert, nil, certs{oldCA.Cert}, false, pki.Expired, 2},
		{"signed by what is no CA", notCA.Issue("x", key).Cert, certs{notCA.Cert}, roots, false, pki.NotACA, 3},
		{"below a CA that may not have CAs", deep.Issue("x", key).Cert, certs{deep.Cert, shallow.Cert}, roots, false, pki.PathTooLong, 4},
		{"for mail", mail.Cert, nil, roots, false, pki.WrongPurpose, 2},
		{"for encryption", enciphers.Cert, nil, roots, false, pki.WrongPurpose, 2},
		{"a critical extension", critical.Cert, nil, roots, false, pki.CriticalExtension, 2},
		{"a permitted name", within.Cert, certs{narrow.Cert}, roots, false, pki.Valid, 3},
		{"a forbidden name", outside.Cert, certs{narrow.Cert}, roots, false, pki.NameConstraint, 3},
		{"SHA-1", sha1.Cert, nil, roots, false, pki.WeakSignature, 1},
		{"SHA-1 where allowed", sha1.Cert, nil, roots, true, pki.Valid, 2},
		{"1024 bits", short.Cert, nil, roots, false, pki.WeakKey, 2},
		{"1024 bits where allowed", short.Cert, nil, roots, true, pki.Valid, 2},
		{"pinned", self.Cert, nil, certs{self.Cert}, false, pki.Valid, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := pki.VerifyChain(now, test.leaf, test.offered, pki.Trust{Anchors: test.anchors, Legacy: test.legacy}, pki.ForIKE)
			if v.Reason != test.want || len(v.Chain) != test.chain {
				t.Errorf("%v with a chain of %d, want %v with %d: %s", v.Reason, len(v.Chain), test.want, test.chain, v.Text())
			}
			if !v.OK() && (v.Certificate == nil || !v.Now.Equal(now)) {
				t.Errorf("the verdict does not name its certificate and clock: %+v", v)
			}
		})
	}
}

func TestVerdictTellsBothClocks(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	c := root.Issue("r1", pkitest.ECKey(), pkitest.Serial(0x3e)).Cert
	at := c.NotBefore.Add(-time.Hour)
	v := pki.VerifyChain(at, c, nil, pki.Trust{Anchors: certs{root.Cert}}, pki.ForIKE)
	want := "the certificate of cn=r1,o=Lab (serial 3E) is valid from 19:50:59 UTC Apr 17 2025 on; the clock here says 18:50:59 UTC Apr 17 2025"
	if v.Text() != want {
		t.Errorf("%s\nwant %s", v.Text(), want)
	}
	v = pki.VerifyChain(c.NotAfter.Add(time.Second), c, nil, pki.Trust{Anchors: certs{root.Cert}}, pki.ForIKE)
	want = "the certificate of cn=r1,o=Lab (serial 3E) expired on 19:50:59 UTC Apr 17 2027; the clock here says 19:51:00 UTC Apr 17 2027"
	if v.Text() != want {
		t.Errorf("%s\nwant %s", v.Text(), want)
	}
}

// A loop of CAs that certify each other, and a crowd of CAs of one name, cost a
// bounded number of signatures.
func TestHostileChainsAreBounded(t *testing.T) {
	a := pkitest.Root("A", pkitest.ECKey())
	b := pkitest.Root("B", pkitest.ECKey())
	ab, ba := a.CA("B", b.Key), b.CA("A", a.Key)
	leaf := a.Issue("x", pkitest.ECKey())
	root := pkitest.Root("Root", pkitest.ECKey())
	trust := pki.Trust{Anchors: certs{root.Cert}}
	if v := pki.VerifyChain(now, leaf.Cert, certs{ab.Cert, ba.Cert, a.Cert, b.Cert}, trust, pki.ForIKE); v.Reason != pki.UnknownCA {
		t.Errorf("loop: %v", v.Reason)
	}
	var crowd certs
	for range pki.MaxOffered {
		crowd = append(crowd, a.CA("A", a.Key).Cert)
	}
	began := time.Now()
	if v := pki.VerifyChain(now, leaf.Cert, crowd, trust, pki.ForIKE); v.Reason != pki.TooManyCertificates {
		t.Errorf("crowd: %v", v.Reason)
	}
	if v := pki.VerifyChain(now, leaf.Cert, append(crowd, crowd...), trust, pki.ForIKE); v.Reason != pki.TooManyCertificates {
		t.Errorf("thousands: %v", v.Reason)
	}
	t.Logf("both took %v", time.Since(began))
}

func extension(oid string) (x extensionValue) {
	for part := range strings.SplitSeq(oid, ".") {
		x.Id = append(x.Id, int(part[0]-'0'))
	}
	x.Critical, x.Value = true, []byte{5, 0}
	return x
}

func address(s string) pkitest.Option {
	return func(c *x509.Certificate) { c.IPAddresses = append(c.IPAddresses, net.ParseIP(s)) }
}
