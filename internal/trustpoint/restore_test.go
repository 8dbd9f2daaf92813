package trustpoint_test

import (
	"slices"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/trustpoint"
)

// Certificates that were kept come back where they fit the configuration and the
// keys, and are newer.
func TestRestore(t *testing.T) {
	root, other := pkitest.Root("Root", pkitest.ECKey()), pkitest.Root("Other", pkitest.ECKey())
	key, next := pkitest.RSAKey(2048), pkitest.NewRSAKey(2048)
	stored := func(kind config.CertificateKind, serial string, c *pkitest.Authority) config.StoredCertificate {
		return config.StoredCertificate{Kind: kind, Serial: serial, DER: c.Cert.Raw}
	}
	old := root.Issue("old", key, pkitest.Dates(pkitest.Now.AddDate(-1, 0, 0), pkitest.Now))
	fresh := root.Issue("fresh", key, pkitest.Dates(pkitest.Now.AddDate(0, -1, 0), pkitest.Now.AddDate(1, 0, 0)))
	regenerated := root.Issue("regenerated", next, pkitest.Dates(pkitest.Now.AddDate(0, -1, 0), pkitest.Now.AddDate(1, 0, 0)))
	ca, own := config.CACertificate, config.OwnCertificate
	for name, c := range map[string]struct {
		saved, kept []config.StoredCertificate
		name        string
		want        *pkitest.Authority // that is there in the end
		promoted    bool
	}{
		"a renewal":                {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "3", fresh)}, "A", fresh, false},
		"a first one":              {[]config.StoredCertificate{stored(ca, "1", root)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "3", fresh)}, "A", fresh, false},
		"with a new key":           {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "3", regenerated)}, "A", regenerated, true},
		"an older one":             {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "3", fresh)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, "A", fresh, false},
		"of another CA":            {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", other), stored(own, "3", fresh)}, "A", old, false},
		"of another key":           {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "3", root.Issue("x", pkitest.ECKey()))}, "A", old, false},
		"of a trustpoint not here": {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", root), stored(own, "3", fresh)}, "B", old, false},
		"no certificate":           {[]config.StoredCertificate{stored(ca, "1", root), stored(own, "2", old)}, []config.StoredCertificate{stored(ca, "1", root), {Kind: own, DER: []byte{1}}}, "A", old, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, ds := config.Load("test", []byte("crypto pki trustpoint A\n rsakeypair K\n"))
			if ds.Err() != nil {
				t.Fatal(ds.Err())
			}
			trustpoint.Store{Trustpoint: "A", Certificates: c.saved}.Apply(cfg)
			restored, promoted := trustpoint.Restore(cfg, keys{"K": key, "K#": next}, []config.CertificateChain{{Name: c.name, Certificates: c.kept}})
			got := cfg.Chain("A").Of(own)
			if len(got) != 1 || !slices.Equal(got[0], c.want.Cert.Raw) || len(restored) > 0 != (c.want == fresh && name != "an older one" || c.promoted) || len(promoted) > 0 != c.promoted {
				t.Errorf("%d own, restored %v, promoted %v", len(got), restored, promoted)
			}
		})
	}
}
