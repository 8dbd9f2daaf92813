package trustpoint_test

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// judging is an Agent whose trustpoints trust CAs of a test.
func judging(t *testing.T, text string, cas map[string]*pkitest.Authority) *trustpoint.Agent {
	t.Helper()
	cfg, ds := config.Load("test", []byte("hostname R\n"+text))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	for name, ca := range cas {
		trustpoint.Store{Trustpoint: name, Certificates: []config.StoredCertificate{
			{Kind: config.CACertificate, Serial: pki.SerialText(ca.Cert.SerialNumber), DER: ca.Cert.Raw}}}.Apply(cfg)
	}
	return trustpoint.New(trustpoint.Options{Config: cfg, Events: discard{}})
}

type discard struct{}

func (discard) Record(*trace.Record) {}

func judge(a *trustpoint.Agent, now time.Time, q trustpoint.Inquiry) (j trustpoint.Judgement) {
	asked := 0
	a.Judge(now, q, func(got trustpoint.Judgement) { j, asked = got, asked+1 })
	if asked != 1 {
		panic(fmt.Sprintf("answered %d times", asked))
	}
	return j
}

func TestJudge(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	other := pkitest.Root("Other", pkitest.ECKey())
	below := root.CA("Below", pkitest.ECKey())
	leaf := below.Issue("peer.example.com", pkitest.ECKey(), pkitest.Hosts("peer.example.com"))
	old := root.Issue("old.example.com", pkitest.ECKey(), pkitest.Hosts("old.example.com"),
		pkitest.Dates(pkitest.Now.AddDate(-2, 0, 0), pkitest.Now.AddDate(0, -1, 0)))
	none := "crypto pki trustpoint A\n revocation-check none\n"
	for name, c := range map[string]struct {
		text  string
		cas   map[string]*pkitest.Authority
		who   *pkitest.Authority
		host  string
		among []string
		want  pki.Reason
		of    string
	}{
		"a chain of three":          {none, cas("A", root), leaf, "peer.example.com", nil, pki.Valid, "A"},
		"the second trustpoint":     {"crypto pki trustpoint B\n" + none, cas("A", root, "B", other), leaf, "peer.example.com", nil, pki.Valid, "A"},
		"not among those of it":     {"crypto pki trustpoint B\n" + none, cas("A", root, "B", other), leaf, "peer.example.com", []string{"B"}, pki.UnknownCA, ""},
		"a trustpoint without CA":   {none, nil, leaf, "peer.example.com", nil, pki.UnknownCA, ""},
		"no trustpoint at all":      {"", nil, leaf, "peer.example.com", nil, pki.UnknownCA, ""},
		"another name":              {none, cas("A", root), leaf, "boss.example.com", nil, pki.IdentityNotInCertificate, "A"},
		"an unknown CA":             {none, cas("A", other), leaf, "peer.example.com", nil, pki.UnknownCA, ""},
		"no list of revocations":    {"crypto pki trustpoint A\n", cas("A", root), leaf, "peer.example.com", nil, pki.RevocationUnreachable, "A"},
		"expired":                   {none, cas("A", root), old, "old.example.com", nil, pki.Expired, "A"},
		"expired, and a map allows": {none + " match certificate M allow expired-certificate\n" + mapOf("old"), cas("A", root), old, "old.example.com", nil, pki.Valid, "A"},
		"expired, another's map":    {none + " match certificate M allow expired-certificate\n" + mapOf("new"), cas("A", root), old, "old.example.com", nil, pki.Expired, "A"},
		"a map skips revocation":    {"crypto pki trustpoint A\n match certificate M skip revocation-check\n" + mapOf("peer"), cas("A", root), leaf, "peer.example.com", nil, pki.Valid, "A"},
		"the map of the trustpoint": {none + " match certificate M\n" + mapOf("peer"), cas("A", root), leaf, "peer.example.com", nil, pki.Valid, "A"},
		"no map of the trustpoint":  {none + " match certificate M\n" + mapOf("boss"), cas("A", root), leaf, "peer.example.com", nil, pki.NoMapMatches, "A"},
		"by way of the parent": {"crypto pki trustpoint P\n revocation-check none\ncrypto pki trustpoint A\n revocation-check none\n chain-validation continue P\n",
			cas("A", below, "P", root), leaf, "peer.example.com", []string{"A"}, pki.Valid, "A"},
		"a parent that is another": {"crypto pki trustpoint P\n revocation-check none\ncrypto pki trustpoint A\n revocation-check none\n chain-validation continue P\n",
			cas("A", below, "P", other), leaf, "peer.example.com", []string{"A"}, pki.UnknownCA, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(judging(t, c.text, c.cas), pkitest.Now, trustpoint.Inquiry{Trustpoints: c.among, Leaf: c.who.Cert,
				Offered: []*x509.Certificate{below.Cert}, Kind: isakmp.IDFQDN, Identity: []byte(c.host)})
			if j.Reason != c.want || j.Trustpoint != c.of {
				t.Errorf("%s of %q, want %s of %q: %s", j.Reason, j.Trustpoint, c.want, c.of, j.Text())
			}
		})
	}
}

// The clock of the verdict is the caller's.
func TestJudgeByTheClockThatIsHandedIn(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	leaf := root.Issue("peer", pkitest.ECKey(), func(c *x509.Certificate) { c.IPAddresses = append(c.IPAddresses, []byte{192, 0, 2, 1}) })
	a := judging(t, "crypto pki trustpoint A\n revocation-check none\n", cas("A", root))
	q := trustpoint.Inquiry{Leaf: leaf.Cert, Kind: isakmp.IDIPv4Addr, Identity: netip.MustParseAddr("192.0.2.1").AsSlice()}
	for years, want := range map[int]pki.Reason{-2: pki.NotYetValid, 0: pki.Valid, 2: pki.Expired} {
		now := pkitest.Now.AddDate(years, 0, 0)
		if j := judge(a, now, q); j.Reason != want || !j.Now.Equal(now) {
			t.Errorf("%s at %s, want %s at %s", j.Reason, j.Now, want, now)
		}
	}
}

func cas(pairs ...any) map[string]*pkitest.Authority {
	m := map[string]*pkitest.Authority{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1].(*pkitest.Authority)
	}
	return m
}

func mapOf(word string) string {
	return "crypto pki certificate map M 10\n subject-name co " + word + "\n"
}
