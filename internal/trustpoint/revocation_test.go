package trustpoint_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/trustpoint"
)

// inquest is an Agent whose questions wait until a test answers them.
type inquest struct {
	t     testing.TB
	agent *trustpoint.Agent
	root  *pkitest.Authority
	now   time.Time
	asked []trustpoint.Fetch
}

const (
	placeOfCRL  = "http://ca.example.com/root.crl"
	placeOfOCSP = "http://ocsp.example.com/"
)

func newInquest(t testing.TB, below string) *inquest {
	t.Helper()
	return newInquestOf(t, pkitest.Root("Root", pkitest.ECKey()), below, nil)
}

// newInquestOf trusts a CA, and has a certificate of its own for the key K, where
// there is one.
func newInquestOf(t testing.TB, root *pkitest.Authority, below string, k keys) *inquest {
	t.Helper()
	cfg, ds := config.Load("test", []byte("hostname R\ncrypto pki trustpoint A\n"+below))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	certificates := []config.StoredCertificate{{Kind: config.CACertificate, Serial: pki.SerialText(root.Cert.SerialNumber), DER: root.Cert.Raw}}
	if own := k["K"]; own != nil {
		c := root.IssueFor(own.Public())
		certificates = append(certificates, config.StoredCertificate{Kind: config.OwnCertificate, Serial: pki.SerialText(c.SerialNumber), DER: c.Raw})
	}
	trustpoint.Store{Trustpoint: "A", Certificates: certificates}.Apply(cfg)
	return &inquest{t: t, root: root, now: pkitest.Now, agent: trustpoint.New(trustpoint.Options{Config: cfg, Keys: k, Events: discard{}, Rand: rand.Reader})}
}

func crlsAt(urls ...string) pkitest.Option {
	return func(c *x509.Certificate) { c.CRLDistributionPoints = urls }
}

func ocspAt(urls ...string) pkitest.Option {
	return func(c *x509.Certificate) { c.OCSPServer = urls }
}

func (q *inquest) leaf(options ...pkitest.Option) *pkitest.Authority {
	return q.root.Issue("peer.example.com", pkitest.ECKey(), append(options, pkitest.Hosts("peer.example.com"))...)
}

func (q *inquest) do(out trustpoint.Output) { q.asked = append(q.asked, out.Fetches...) }

// judge begins a check, and returns what becomes of it.
func (q *inquest) judge(leaf *pkitest.Authority, offered ...*x509.Certificate) *[]trustpoint.Judgement {
	got := &[]trustpoint.Judgement{}
	q.do(q.agent.Judge(q.now, trustpoint.Inquiry{Leaf: leaf.Cert, Offered: offered, Kind: isakmp.IDFQDN, Identity: []byte("peer.example.com")},
		func(j trustpoint.Judgement) { *got = append(*got, j) }))
	return got
}

// wait goes on until checks give an answer up.
func (q *inquest) wait(d time.Duration) {
	q.now = q.now.Add(d)
	q.do(q.agent.Timeout(q.now))
}

// urls are the places that were asked since, and forgets them.
func (q *inquest) urls() string {
	var all []string
	for _, f := range q.asked {
		all = append(all, f.HTTP.URL)
	}
	return strings.Join(all, " ")
}

func (q *inquest) next() trustpoint.Fetch {
	q.t.Helper()
	if len(q.asked) == 0 {
		q.t.Fatal("nothing was asked")
	}
	f := q.asked[0]
	q.asked = q.asked[1:]
	return f
}

func (q *inquest) answer(a trustpoint.Answer) {
	q.t.Helper()
	q.do(q.agent.Fetched(q.now, q.next().ID, a))
}

func (q *inquest) answerCRL(der []byte) {
	q.t.Helper()
	list, err := pki.ReadCRL(bytes.NewReader(der))
	if err != nil {
		q.t.Fatal(err)
	}
	q.answer(trustpoint.Answer{Status: 200, CRL: list})
}

func (q *inquest) answerOCSP(status int, c *x509.Certificate, next time.Time) {
	q.t.Helper()
	body, err := ocsp.CreateResponse(q.root.Cert, q.root.Cert, ocsp.Response{Status: status, SerialNumber: c.SerialNumber, ThisUpdate: q.now,
		NextUpdate: next, RevokedAt: q.now.Add(-time.Hour)}, q.root.Key)
	if err != nil {
		q.t.Fatal(err)
	}
	q.answer(trustpoint.Answer{Status: 200, Body: body})
}

func wantVerdict(t *testing.T, what string, got *[]trustpoint.Judgement, want pki.Reason) {
	t.Helper()
	if len(*got) != 1 || (*got)[0].Reason != want {
		t.Errorf("%s: %+v, want %s", what, *got, want)
	}
}

func TestListsAreFetchedForAPeer(t *testing.T) {
	q := newInquest(t, "")
	good, bad := q.leaf(crlsAt("ldap://x/cn=y", placeOfCRL)), q.leaf(crlsAt(placeOfCRL))
	one, two := q.judge(good), q.judge(bad)
	if len(*one)+len(*two) != 0 || q.urls() != placeOfCRL {
		t.Fatalf("%v %v, asked %s", *one, *two, q.urls())
	}
	q.answerCRL(q.root.CRL(bad.Cert))
	wantVerdict(t, "good", one, pki.Valid)
	wantVerdict(t, "bad", two, pki.Revoked)
	wantVerdict(t, "from what is kept", q.judge(bad), pki.Revoked)
	if q.urls() != "" {
		t.Errorf("asked again: %s", q.urls())
	}
	// A list that is overdue is fetched; the old one counts for who is on it.
	q.now = q.now.Add(25 * time.Hour)
	late := q.judge(good)
	q.answer(trustpoint.Answer{Err: errors.New("the server refuses the connection")})
	wantVerdict(t, "overdue", late, pki.RevocationStale)
	wantVerdict(t, "overdue, and revoked", q.judge(bad), pki.Revoked)
}

// What a web server brings counts only if the CA has signed it, and does not
// take the place of what does.
func TestForgedLists(t *testing.T) {
	q := newInquest(t, "")
	bad := q.leaf(crlsAt(placeOfCRL))
	impostor := pkitest.Root("Root", pkitest.ECKey(), func(c *x509.Certificate) { c.SubjectKeyId = q.root.Cert.SubjectKeyId })
	first := q.judge(bad)
	q.answerCRL(impostor.CRL())
	wantVerdict(t, "forged", first, pki.RevocationUnreachable)
	if !strings.Contains((*first)[0].Problem, "not signed by cn=Root") {
		t.Error((*first)[0].Problem)
	}
	q.now = q.now.Add(2 * time.Minute)
	second := q.judge(bad)
	q.answerCRL(q.root.CRL(bad.Cert))
	wantVerdict(t, "the CA's", second, pki.Revoked)
	q.do(q.agent.RequestCRL(q.now, "A", func(error) {}))
	q.now = q.agent.CRLs()[0].Refresh
	q.do(q.agent.Timeout(q.now))
	q.answerCRL(impostor.CRLFrom(q.now, q.now.Add(time.Hour)))
	wantVerdict(t, "after a forged one", q.judge(bad), pki.Revoked)
}

func TestRespondersAreAsked(t *testing.T) {
	q := newInquest(t, " revocation-check ocsp\n")
	leaf := q.leaf(ocspAt(placeOfOCSP))
	got := q.judge(leaf)
	f := q.asked[0]
	if f.HTTP.URL != placeOfOCSP || f.HTTP.Method != "POST" || f.HTTP.ContentType != "application/ocsp-request" || f.Configured {
		t.Errorf("%+v", f)
	}
	q.answerOCSP(ocsp.Good, leaf.Cert, q.now.Add(10*time.Minute))
	wantVerdict(t, "good", got, pki.Valid)
	wantVerdict(t, "kept", q.judge(leaf), pki.Valid)
	q.now = q.now.Add(11 * time.Minute)
	got = q.judge(leaf)
	q.answerOCSP(ocsp.Revoked, leaf.Cert, time.Time{})
	wantVerdict(t, "revoked", got, pki.Revoked)
	// One that answers of another certificate says nothing.
	other := q.leaf(ocspAt(placeOfOCSP))
	got = q.judge(other)
	q.answerOCSP(ocsp.Good, leaf.Cert, time.Time{})
	wantVerdict(t, "of another", got, pki.RevocationInvalid)
	// Nor does a certificate that names none.
	wantVerdict(t, "no responder", q.judge(q.leaf()), pki.RevocationUnreachable)
}

// The methods are tried in their order, each for a bounded time, and a failure
// is kept for a while.
func TestOrderOfMethods(t *testing.T) {
	const failing = "the server refuses the connection"
	fails := trustpoint.Answer{Err: errors.New(failing)}
	both := []pkitest.Option{crlsAt(placeOfCRL, "http://second.example.com/root.crl"), ocspAt(placeOfOCSP)}
	q := newInquest(t, " revocation-check ocsp crl none\n")
	leaf := q.leaf(both...)
	got := q.judge(leaf)
	q.answer(fails)
	if q.urls() != placeOfCRL {
		t.Fatalf("after the responder: %s", q.urls())
	}
	q.answer(trustpoint.Answer{Status: 404})
	if q.urls() != "http://second.example.com/root.crl" {
		t.Fatalf("after the first place: %s", q.urls())
	}
	q.answerCRL(q.root.CRL())
	wantVerdict(t, "by the third", got, pki.Valid)

	q = newInquest(t, " revocation-check ocsp none\n")
	leaf = q.leaf(both...)
	got = q.judge(leaf)
	q.answer(fails)
	wantVerdict(t, "none as the last resort", got, pki.Valid)
	wantVerdict(t, "a failure is kept", q.judge(leaf), pki.Valid)
	if q.urls() != "" {
		t.Errorf("asked again at once: %s", q.urls())
	}
	q.now = q.now.Add(2 * time.Minute)
	q.judge(leaf)
	if q.urls() != placeOfOCSP {
		t.Errorf("not asked again: %q", q.urls())
	}

	q = newInquest(t, " revocation-check ocsp crl\n")
	leaf = q.leaf(both...)
	got = q.judge(leaf)
	responder := q.next()
	if at, ok := q.agent.Deadline(); !ok || at.Sub(q.now) > 15*time.Second {
		t.Fatalf("waits until %v", at)
	}
	for range 9 {
		if at, ok := q.agent.Deadline(); ok && len(*got) == 0 {
			q.wait(at.Sub(q.now))
		}
	}
	if took := q.now.Sub(pkitest.Now); took > 31*time.Second {
		t.Errorf("it took %v", took)
	}
	wantVerdict(t, "nobody answers", got, pki.RevocationUnreachable)
	// An answer that comes late serves the next.
	q.asked = []trustpoint.Fetch{responder}
	q.answerOCSP(ocsp.Good, leaf.Cert, q.now.Add(time.Hour))
	wantVerdict(t, "later", q.judge(leaf), pki.Valid)
}

// Every certificate but the anchor is checked, and what is to be asked for them
// is asked together.
func TestChainsAreChecked(t *testing.T) {
	q := newInquest(t, "")
	below := q.root.CA("Below", pkitest.ECKey(), crlsAt(placeOfCRL))
	leaf := below.Issue("peer.example.com", pkitest.ECKey(), pkitest.Hosts("peer.example.com"), crlsAt("http://ca.example.com/below.crl"))
	got := q.judge(leaf, below.Cert)
	if q.urls() != "http://ca.example.com/below.crl "+placeOfCRL {
		t.Fatalf("asked %s", q.urls())
	}
	q.answerCRL(below.CRL())
	if len(*got) != 0 {
		t.Fatal("the CA in between was not checked")
	}
	q.answerCRL(q.root.CRL(below.Cert))
	wantVerdict(t, "a revoked CA", got, pki.Revoked)
	if v := (*got)[0]; v.Certificate == nil || !v.Certificate.Equal(below.Cert) {
		t.Errorf("%s", v.Text())
	}
}

func TestPlacesThatAreNone(t *testing.T) {
	q := newInquest(t, "")
	for what, test := range map[string]struct {
		option pkitest.Option
		want   string
	}{"LDAP": {crlsAt("ldap://x/cn=y"), "LDAP is not supported"}, "a file": {crlsAt("file:///etc/passwd"), "cannot be fetched"}, "none": {crlsAt(), "does not say where"}} {
		got := q.judge(q.leaf(test.option))
		wantVerdict(t, what, got, pki.RevocationUnreachable)
		if !strings.Contains((*got)[0].Text(), test.want) {
			t.Errorf("%s: %s", what, (*got)[0].Text())
		}
	}
	if q.urls() != "" {
		t.Errorf("asked %s", q.urls())
	}
}

// What peers can cause is bounded: checks that wait, lists and answers that are
// kept.
func TestBoundsOfChecks(t *testing.T) {
	q := newInquest(t, "")
	leaf := q.leaf(crlsAt(placeOfCRL))
	var refused int
	for range 1100 {
		if got := q.judge(leaf); len(*got) == 1 && strings.Contains((*got)[0].Text(), "too many") {
			refused++
		}
	}
	if refused != 1100-1024 || q.urls() != placeOfCRL {
		t.Errorf("%d are refused, asked %s", refused, q.urls())
	}
	q.answerCRL(q.root.CRL())
	for i := range 100 {
		q.judge(q.leaf(crlsAt(fmt.Sprintf("http://ca.example.com/%d.crl", i))))
		q.answerCRL(q.root.CRL())
		q.now = q.now.Add(time.Second)
	}
	if n := len(q.agent.CRLs()); n != 64 {
		t.Errorf("%d lists are kept", n)
	}
}

// Lists that nobody has looked at for long go first, where all together have too
// many entries.
func TestBoundOfEntries(t *testing.T) {
	q := newInquest(t, "")
	q.agent.BoundEntries(5)
	gone := []*x509.Certificate{q.leaf().Cert, q.leaf().Cert}
	for i := range 4 {
		q.judge(q.leaf(crlsAt(fmt.Sprintf("http://ca.example.com/%d.crl", i))))
		q.answerCRL(q.root.CRL(gone...))
		q.now = q.now.Add(time.Second)
	}
	if all := q.agent.CRLs(); len(all) != 2 || all[0].URL != "http://ca.example.com/2.crl" {
		t.Errorf("%+v", all)
	}
}

// A trustpoint may go while its list, its responder and its CA are asked: whoever
// waits is told.
func TestTrustpointGoesMeanwhile(t *testing.T) {
	q := newInquestOf(t, pkitest.Root("Root", pkitest.RSAKey(2048)), " enrollment url http://ca.example.com/\n auto-enroll 1 regenerate\n rsakeypair K\n"+
		" revocation-check crl ocsp\n", keys{"K": routerKey()})
	told := 0
	q.do(q.agent.Timeout(q.now))
	q.do(q.agent.RequestCRL(q.now, "A", func(error) { told++ }))
	verdict := q.judge(q.leaf(crlsAt(placeOfCRL), ocspAt(placeOfOCSP)))
	empty, _ := config.Load("test", nil)
	q.agent.Configure(empty)
	for len(q.asked) > 0 {
		q.answer(trustpoint.Answer{Status: 500})
	}
	for range 9 {
		q.wait(15 * time.Second)
	}
	if len(*verdict) != 1 || (*verdict)[0].OK() || told != 1 || len(q.agent.CRLs()) != 0 {
		t.Errorf("%+v, told %d times, %+v", *verdict, told, q.agent.CRLs())
	}
}

// A CA whose certificates name no place is asked by SCEP.
func TestGetCRL(t *testing.T) {
	ca := sceptest.New()
	g := newGateway(t, ca, "")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	bad := ca.Authority.Issue("peer.example.com", pkitest.ECKey(), pkitest.Hosts("peer.example.com"))
	ca.Revoke(bad.Cert)
	check := func() (got pki.Verdict) {
		g.do(g.agent.Judge(g.now, trustpoint.Inquiry{Leaf: bad.Cert, Kind: isakmp.IDFQDN, Identity: []byte("peer.example.com")},
			func(j trustpoint.Judgement) { got = j.Verdict }))
		return got
	}
	if v := check(); v.Reason != pki.Revoked || ca.Messages[len(ca.Messages)-1] != "22" {
		t.Errorf("%s, messages %v", v.Text(), ca.Messages)
	}
	asked := len(ca.Messages)
	if check(); len(ca.Messages) != asked {
		t.Error("the list is asked for again")
	}
	var failed error
	g.do(g.agent.RequestCRL(g.now, "caserver", func(err error) { failed = err }))
	if failed != nil || len(ca.Messages) != asked+1 || g.agent.CRLs()[0].Entries != 1 {
		t.Errorf("%v %v %+v", failed, ca.Messages, g.agent.CRLs())
	}
	for _, b := range []sceptest.Behaviour{sceptest.WrongNonce, sceptest.WrongTransaction, sceptest.SignedByAnother, sceptest.ForAnother, sceptest.EmptySuccess,
		sceptest.Garbage, sceptest.NotSigned, sceptest.WeakReply, sceptest.NoAnswer} {
		ca.Behave = b
		g.do(g.agent.RequestCRL(g.now, "caserver", func(err error) { failed = err }))
		if failed == nil || g.agent.CRLs()[0].Entries != 1 {
			t.Errorf("behaviour %d: %v %+v", b, failed, g.agent.CRLs())
		}
	}
}
