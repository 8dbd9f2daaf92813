package trustpoint_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

var update = flag.Bool("update", false, "write the golden files anew")

type keys map[string]crypto.Signer

func (k keys) Key(label string) (crypto.Signer, bool) {
	key, ok := k[label]
	return key, ok
}

var routerKey = sync.OnceValue(func() crypto.Signer { return pkitest.NewRSAKey(2048) })

// gateway is an Agent with a CA in memory, whose answers come at once.
type gateway struct {
	t     testing.TB
	ca    *sceptest.CA
	agent *trustpoint.Agent
	cfg   *config.Config
	now   time.Time
	text  bytes.Buffer
	ios   trace.IOS
	files map[string][]byte // by URL: revocation lists
	dead  bool              // nobody answers
	keys  keys
}

// Record implements trace.Sink.
func (g *gateway) Record(r *trace.Record) { g.text.Write(g.ios.Append(nil, r)) }

func newGateway(t testing.TB, ca *sceptest.CA, below string) *gateway {
	t.Helper()
	g := &gateway{t: t, ca: ca, now: pkitest.Now, files: map[string][]byte{}, ios: trace.IOS{PKITransactions: true}}
	text := "hostname Router\nip domain name cisco.com\ncrypto ca trustpoint caserver\n" +
		" enrollment url http://ca.example.com/certsrv/mscep/mscep.dll\n" + below
	cfg, ds := config.Load("test", []byte(text))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	g.cfg, g.keys = cfg, keys{"Router.cisco.com": routerKey()}
	g.agent = trustpoint.New(trustpoint.Options{Config: cfg, Keys: g.keys, Events: g, Rand: rand.Reader, Serial: "FTX0945W0MY"})
	return g
}

// do carries an output out, and what comes of it.
func (g *gateway) do(out trustpoint.Output) {
	g.t.Helper()
	for _, k := range out.Keys {
		g.keys[k.Label] = pkitest.NewRSAKey(k.Bits)
		g.do(g.agent.Generated(g.now, k.ID, nil))
	}
	for _, s := range out.Stores {
		s.Apply(g.cfg)
		if s.Promote != "" {
			g.keys[s.Promote] = g.keys[trustpoint.NextLabel(s.Promote)]
			delete(g.keys, trustpoint.NextLabel(s.Promote))
		}
		again, ds := config.Load("running-config", []byte(g.cfg.RunningConfig()))
		if err := ds.Err(); err != nil {
			g.t.Fatal(err)
		}
		g.cfg = again
		g.agent.Configure(again)
	}
	for _, f := range out.Fetches {
		g.do(g.agent.Fetched(g.now, f.ID, g.answer(f)))
	}
}

func (g *gateway) answer(f trustpoint.Fetch) trustpoint.Answer {
	if g.dead {
		return trustpoint.Answer{Err: errors.New("the server refuses the connection")}
	}
	if f.CRL {
		list, err := pki.ReadCRL(bytes.NewReader(g.files[f.HTTP.URL]))
		return trustpoint.Answer{Status: 200, CRL: list, Err: err}
	}
	u, err := url.Parse(f.HTTP.URL)
	if err != nil {
		g.t.Fatal(err)
	}
	message := f.HTTP.Body
	if f.HTTP.Method == "GET" && f.HTTP.Operation == scep.OpPKIOperation {
		message, _ = base64.StdEncoding.DecodeString(u.Query().Get("message"))
	}
	status, contentType, body := g.ca.Answer(u.Query().Get("operation"), message)
	return trustpoint.Answer{Status: status, ContentType: contentType, Body: body, Header: []string{fmt.Sprintf("HTTP/1.1 %d OK", status),
		"Server: Microsoft-IIS/5.0", "Content-Type: " + contentType}}
}

// tick goes on to the next deadline.
func (g *gateway) tick() {
	g.t.Helper()
	at, ok := g.agent.Deadline()
	if !ok {
		g.t.Fatal("nothing is due")
	}
	if at.After(g.now) {
		g.now = at
	}
	g.do(g.agent.Timeout(g.now))
}

func (g *gateway) authenticate() {
	g.t.Helper()
	g.do(g.agent.Authenticate(g.now, "caserver", func(o *trustpoint.Offer, err error) {
		if err != nil {
			g.t.Fatal(err)
		}
		// The configuration is not to change under the Agent's feet.
		defer func() { g.do(g.agent.Accept(g.now, o)) }()
	}))
}

func (g *gateway) enroll(c trustpoint.Choices) (last trustpoint.Status, failed error) {
	g.t.Helper()
	g.do(g.agent.Enroll(g.now, "caserver", c, func(s trustpoint.Status, err error) { last, failed = s, err }))
	return last, failed
}

func (g *gateway) own() *x509.Certificate {
	g.t.Helper()
	ders := g.cfg.Chain("caserver").Of(config.OwnCertificate)
	if len(ders) != 1 {
		g.t.Fatalf("%d certificates", len(ders))
	}
	c, err := x509.ParseCertificate(ders[0])
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// TestExample196 goes through a book's Example 19-6: the CA's and its RA's
// certificates, then the gateway's own; the debug lines in their order.
func TestExample196(t *testing.T) {
	ca := sceptest.New().WithRA()
	ca.Challenge = "s3cret"
	g := newGateway(t, ca, "")
	g.authenticate()
	last, err := g.enroll(trustpoint.Choices{Password: secret.FromString("s3cret")})
	if err != nil || last.State != scep.Granted {
		t.Fatalf("%+v %v", last, err)
	}
	if got := g.own().DNSNames; len(got) != 1 || got[0] != "Router.cisco.com" {
		t.Errorf("%v", got)
	}
	text := steady(g.text.String())
	const file = "testdata/example-19-6.golden"
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Error(diff)
	}
}

// steady replaces what is drawn anew at each run: nonces, transactions, and the
// length of a signature's numbers.
func steady(text string) string {
	var b strings.Builder
	hex := false
	for line := range strings.Lines(text) {
		switch {
		case hex && !strings.Contains(line, "CRYPTO_PKI"):
			continue
		case strings.HasPrefix(line, "CRYPTO_PKI: received msg of "):
			line = "CRYPTO_PKI: received msg of N bytes\n"
		}
		b.WriteString(line)
		hex = strings.Contains(line, "recipient-nonce") || strings.Contains(line, "transaction-id")
		if hex {
			b.WriteString("HEX\n")
		}
	}
	return b.String()
}

func TestAuthentication(t *testing.T) {
	ca := sceptest.New()
	print := pki.Fingerprint(ca.Authority.Cert.Raw)
	offer := func(g *gateway) (o *trustpoint.Offer, failed error) {
		g.do(g.agent.Authenticate(g.now, "caserver", func(x *trustpoint.Offer, err error) { o, failed = x, err }))
		return o, failed
	}
	if o, err := offer(newGateway(t, ca, "")); err != nil || o.Matched || o.Fingerprints != print || !o.Verdict.OK() {
		t.Errorf("%+v %v", o, err)
	}
	if o, err := offer(newGateway(t, ca, fmt.Sprintf(" fingerprint %X\n", print.SHA256))); err != nil || !o.Matched {
		t.Errorf("%+v %v", o, err)
	}
	if _, err := offer(newGateway(t, ca, " fingerprint 00112233445566778899AABBCCDDEEFF00112233\n")); err == nil || !strings.Contains(err.Error(), "another fingerprint") {
		t.Errorf("%v", err)
	}
	late := newGateway(t, ca, "")
	late.now = ca.Authority.Cert.NotAfter.Add(time.Hour)
	if o, err := offer(late); err != nil || o.Verdict.Reason != pki.Expired || !strings.Contains(late.text.String(), "the clock here says") {
		t.Errorf("%+v %v\n%s", o, err, late.text.String())
	}
	dead := newGateway(t, ca, "")
	dead.dead = true
	if _, err := offer(dead); err == nil || !strings.Contains(dead.text.String(), "%PKI-3-SOCKETSEND") {
		t.Errorf("%v %s", err, dead.text.String())
	}
	g := newGateway(t, ca, "")
	g.authenticate()
	if _, err := offer(g); err == nil || !strings.Contains(err.Error(), "delete your existing CA certificate") {
		t.Errorf("%v", err)
	}
	g.do(g.agent.Authenticate(g.now, "nobody", func(_ *trustpoint.Offer, err error) {
		if err == nil {
			t.Error("a trustpoint that is not there is authenticated")
		}
	}))
}

func TestEnrolment(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge, ca.Pending = "s3cret", 2
	g := newGateway(t, ca, " serial-number\n ip-address 192.0.2.1\n subject-name cn=r1,o=Lab\n")
	if _, err := g.enroll(trustpoint.Choices{}); err == nil || !strings.Contains(err.Error(), "authenticate the Certificate Authority before") {
		t.Errorf("%v", err)
	}
	g.authenticate()
	last, err := g.enroll(trustpoint.Choices{Password: secret.FromString("s3cret"), Serial: true, Address: g.cfg.Trustpoint("caserver").IPAddress})
	if err != nil || last.State != scep.Polling || !last.Retry.Equal(g.now.Add(time.Minute)) {
		t.Fatalf("%+v %v", last, err)
	}
	if _, err := g.enroll(trustpoint.Choices{}); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("%v", err)
	}
	g.tick()
	g.tick()
	c := g.own()
	if got := pki.RawName(c.RawSubject); !strings.Contains(got, "serialNumber=FTX0945W0MY") || !strings.Contains(got, "cn=r1,o=Lab") {
		t.Error(got)
	}
	if len(c.IPAddresses) != 1 || c.IPAddresses[0].String() != "192.0.2.1" {
		t.Error(c.IPAddresses)
	}
	if s, ok := g.agent.Status("caserver"); !ok || s.State != scep.Granted {
		t.Errorf("%+v", s)
	}
	if at, _ := g.agent.Deadline(); !at.Equal(c.NotAfter.AddDate(0, 0, -30)) {
		t.Errorf("%v is due after the end", at)
	}
}

func TestEnrolmentThatFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*gateway)
		below  string
		want   string
	}{
		{"wrong password", func(g *gateway) { g.ca.Challenge = "s3cret" }, "", "badRequest (2)"},
		{"no key", nil, " rsakeypair OTHER\n", "no RSA key pair OTHER"},
		{"an old CA", func(g *gateway) { g.ca.Caps = "SHA-1\nDES3\n" }, "", "SHA-256"},
		{"an old CA without AES", func(g *gateway) { g.ca.Caps = "SHA-1\nDES3\n" }, " hash sha1\n", "AES"},
		{"hostile", func(g *gateway) { g.ca.Behave = sceptest.SignedByAnother }, " enrollment retry count 1\n", "neither the CA's nor its RA's"},
		{"nobody", func(g *gateway) { g.dead = true }, "", "refuses the connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, sceptest.New(), test.below)
			g.authenticate()
			if test.change != nil {
				test.change(g)
			}
			var failed error
			over := false
			g.do(g.agent.Enroll(g.now, "caserver", trustpoint.Choices{}, func(s trustpoint.Status, err error) { failed, over = err, s.State.Done() }))
			for !over {
				g.tick()
			}
			if failed == nil || !strings.Contains(failed.Error(), test.want) {
				t.Errorf("%v", failed)
			}
			if len(g.cfg.Chain("caserver").Of(config.OwnCertificate)) != 0 {
				t.Error("a certificate is stored")
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	ca := sceptest.New()
	g := newGateway(t, ca, " auto-enroll 70\n")
	g.authenticate()
	if _, err := g.enroll(trustpoint.Choices{}); err != nil {
		t.Fatal(err)
	}
	first := g.own()
	g.dead = true
	at, ok := g.agent.Deadline()
	if want := trustpoint.RenewAt(first, 70); !ok || !at.Equal(want) {
		t.Fatalf("renewal at %v, want %v", at, want)
	}
	g.tick() // nobody answers
	if at, ok := g.agent.Deadline(); !ok || !at.Equal(g.now.Add(time.Hour)) {
		t.Fatalf("the next try is at %v, now it is %v", at, g.now)
	}
	g.dead = false
	g.tick()
	if second := g.own(); second.SerialNumber.Cmp(first.SerialNumber) == 0 || strings.Join(ca.Messages, " ") != "19 17" {
		t.Errorf("%v, messages %v", second.SerialNumber, ca.Messages)
	}
}

func TestTerminal(t *testing.T) {
	ca := sceptest.New()
	g := newGateway(t, ca, " enrollment terminal pem\n")
	inPEM := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	for _, text := range []string{"", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"} {
		if _, err := g.agent.OfferPEM(g.now, "caserver", text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	o, err := g.agent.OfferPEM(g.now, "caserver", base64.StdEncoding.EncodeToString(ca.Authority.Cert.Raw))
	if err != nil {
		t.Fatal(err)
	}
	g.do(g.agent.Accept(g.now, o))
	der, err := g.agent.TerminalRequest(g.now, "caserver", trustpoint.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil || csr.CheckSignature() != nil {
		t.Fatal(err)
	}
	stranger := pkitest.Root("caserver", pkitest.ECKey()).IssueFor(csr.PublicKey)
	otherKey := ca.Authority.IssueFor(pkitest.ECKey().Public())
	for name, c := range map[string]*x509.Certificate{"a stranger's": stranger, "of another key": otherKey} {
		if _, err := g.agent.ImportPEM(g.now, "caserver", inPEM(c)); err == nil {
			t.Errorf("a certificate %s is imported", name)
		}
	}
	out, err := g.agent.ImportPEM(g.now, "caserver", inPEM(ca.Authority.IssueFor(csr.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	g.do(out)
	g.own()
}

func TestRevocationLists(t *testing.T) {
	ca := sceptest.New()
	g := newGateway(t, ca, " crl query http://ca.example.com/lab.crl\n")
	g.authenticate()
	const place = "http://ca.example.com/lab.crl"
	ask := func() (failed error) {
		g.do(g.agent.RequestCRL(g.now, "caserver", func(err error) { failed = err }))
		return failed
	}
	g.files[place] = []byte("rubbish")
	if err := ask(); err == nil || g.agent.CRLs()[0].Problem == "" {
		t.Errorf("%v %+v", err, g.agent.CRLs())
	}
	g.files[place] = ca.Authority.CRL(ca.Authority.Cert)
	if err := ask(); err != nil {
		t.Error(err)
	}
	if v := g.agent.CRLs()[0]; v.Entries != 1 || !v.Fetched.Equal(g.now) || v.Problem != "" || v.Issuer != "cn=caserver,o=Lab" {
		t.Errorf("%+v", v)
	}
	// It is fetched again before it ends; an older one does not take its place.
	g.files[place] = ca.Authority.CRLFrom(g.now.AddDate(0, 0, -9), g.now.AddDate(0, 0, 9))
	end := g.agent.CRLs()[0].NextUpdate
	g.tick()
	if v := g.agent.CRLs()[0]; !g.now.Before(end) || v.Entries != 1 || !strings.Contains(v.Problem, "older") {
		t.Errorf("at %v: %+v", g.now, v)
	}
	noPlace := newGateway(t, ca, "")
	noPlace.authenticate()
	noPlace.do(noPlace.agent.RequestCRL(g.now, "caserver", func(err error) {
		if err == nil || !strings.Contains(err.Error(), "do not say where") {
			t.Errorf("%v", err)
		}
	}))
}
