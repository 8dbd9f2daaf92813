package scep_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep"
	"qmidle/internal/pki/scep/sceptest"
)

var now = pkitest.Now

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// clientKey is the router's: RSA keys take long to make.
var clientKey = sync.OnceValue(func() *rsa.PrivateKey { return pkitest.NewRSAKey(2048) })

// router is the client's end against a CA in memory.
type router struct {
	t      *testing.T
	ca     *sceptest.CA
	server scep.Server
	client scep.Client
	caps   scep.Capabilities
	key    *rsa.PrivateKey
}

func newRouter(t *testing.T, ca *sceptest.CA) *router {
	t.Helper()
	r := &router{t: t, ca: ca, server: must(scep.NewServer("http://ca.example.com/certsrv/mscep/mscep.dll")), key: clientKey()}
	_, _, body := ca.Answer("GetCACaps", nil)
	r.caps = scep.ParseCapabilities(body)
	_, contentType, body := ca.Answer("GetCACert", nil)
	r.client = scep.Client{CA: must(scep.ParseCACertificates(contentType, body)), Key: r.key, Random: rand.Reader}
	return r
}

// ask carries a request to the CA as HTTP would.
func (r *router) ask(q scep.HTTPRequest) scep.Answer {
	r.t.Helper()
	u := must(url.Parse(q.URL))
	message := q.Body
	if q.Method == "GET" {
		message = must(base64.StdEncoding.DecodeString(u.Query().Get("message")))
	}
	status, contentType, body := r.ca.Answer(u.Query().Get("operation"), message)
	return scep.Answer{Status: status, ContentType: contentType, Body: body}
}

func (r *router) params(challenge string) scep.Params {
	r.t.Helper()
	q := pki.Request{Subject: must(pki.ParseName("cn=r1,o=Lab")), Host: "r1.example.com", Challenge: []byte(challenge), Hash: crypto.SHA256}
	self := must(x509.ParseCertificate(must(q.SelfSign(rand.Reader, r.key, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}))))
	r.client.Signer = self
	return scep.Params{Client: r.client, Server: r.server, POST: r.caps.POST, Type: scep.PKCSReq, Request: must(q.Sign(rand.Reader, r.key)),
		Subject: self.RawSubject, Public: &r.key.PublicKey, Retries: 2, Period: time.Minute}
}

// run enrols until it is over, and returns the states and the last outcome.
func (r *router) run(p scep.Params) (states []scep.State, last scep.Outcome, at time.Time) {
	r.t.Helper()
	e, v, err := scep.NewEnrolment(now, p)
	if err != nil || !v.OK() {
		r.t.Fatalf("%v %v", v.Text(), err)
	}
	for {
		var due bool
		if at, due = e.Due(); !due {
			r.t.Fatal("nothing is due, and it is not over")
		}
		q, err := e.Next()
		if err != nil {
			r.t.Fatal(err)
		}
		if _, due := e.Due(); due {
			r.t.Fatal("a second message is due before the answer")
		}
		last = e.Answer(at, r.ask(q))
		states = append(states, last.State)
		if last.State != e.State() && last.State != scep.Unheard {
			r.t.Fatalf("%v, %v", last.State, e.State())
		}
		if last.State.Done() {
			return states, last, at
		}
	}
}

func TestEnrolment(t *testing.T) {
	for _, get := range []bool{false, true} {
		ca := sceptest.New()
		ca.Challenge = "s3cret"
		r := newRouter(t, ca)
		p := r.params("s3cret")
		p.POST = !get
		_, last, _ := r.run(p)
		if last.State != scep.Granted || !last.Verdict.OK() || pki.Name(last.Certificate.Subject) == "" {
			t.Fatalf("%+v", last)
		}
		if !bytes.Equal(last.Certificate.RawSubject, p.Subject) || last.Certificate.DNSNames[0] != "r1.example.com" {
			t.Errorf("%s", pki.Name(last.Certificate.Subject))
		}
		if string(last.Reply.Attributes.MessageType) != "\x13\x013" || string(last.Reply.Attributes.Status) != "\x13\x010" {
			t.Errorf("%x", last.Reply.Attributes)
		}

		// It is renewed with itself as the signer.
		p.Type, p.Renewed, p.Client.Signer = scep.RenewalReq, last.Certificate, last.Certificate
		_, renewed, _ := r.run(p)
		if renewed.State != scep.Granted || renewed.Certificate.SerialNumber.Cmp(last.Certificate.SerialNumber) == 0 {
			t.Errorf("%+v", renewed)
		}
		if got := strings.Join(ca.Messages, " "); got != "19 17" {
			t.Errorf("messages %s", got)
		}
	}
}

func TestEnrolmentThatWaits(t *testing.T) {
	ca := sceptest.New().WithRA()
	ca.Pending = 2
	r := newRouter(t, ca)
	if r.client.CA.CA.Subject.CommonName != "caserver" || r.client.CA.RASign.Equal(r.client.CA.RAEncrypt) || len(r.client.CA.All()) != 3 {
		t.Fatalf("%+v", r.client.CA)
	}
	states, last, at := r.run(r.params(""))
	if last.State != scep.Granted || len(states) != 3 || states[0] != scep.Polling || states[1] != scep.Polling {
		t.Fatalf("%v %+v", states, last)
	}
	if !at.Equal(now.Add(2 * time.Minute)) {
		t.Errorf("granted at %v", at)
	}
	if got := strings.Join(ca.Messages, " "); got != "19 20 20" {
		t.Errorf("messages %s", got)
	}
	ca.Pending = 9
	states, last, _ = r.run(r.params(""))
	if last.State != scep.Abandoned || len(states) != 4 || last.Problem == nil {
		t.Errorf("%v %+v", states, last)
	}
}

func TestEnrolmentThatIsRefused(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge = "s3cret"
	_, last, _ := newRouter(t, ca).run(newRouter(t, ca).params("wrong"))
	if last.State != scep.Refused || last.Reply.Fail != 2 || !strings.Contains(last.Reply.Fail.String(), "challenge password") {
		t.Errorf("%+v", last)
	}
	ca.Fail = "3"
	_, last, _ = newRouter(t, ca).run(newRouter(t, ca).params("s3cret"))
	if last.State != scep.Refused || last.Reply.Fail.String() != "badTime (3): the clocks differ too much" {
		t.Errorf("%+v", last)
	}
}

// What no honest CA sends is not relied upon: it is as if nothing had come.
func TestHostileReplies(t *testing.T) {
	for _, test := range []struct {
		name   string
		behave sceptest.Behaviour
		want   scep.Check
		text   string
	}{
		{"wrong nonce", sceptest.WrongNonce, scep.CheckNonce, "its nonce differs"},
		{"another transaction", sceptest.WrongTransaction, scep.CheckTransaction, "another transaction"},
		{"another key signs", sceptest.SignedByAnother, scep.CheckSignature, "neither the CA's nor its RA's"},
		{"another recipient", sceptest.ForAnother, scep.CheckRecipient, "another recipient"},
		{"another key is certified", sceptest.AnotherKey, 0, "another key"},
		{"nothing in a success", sceptest.EmptySuccess, scep.CheckContent, "brings nothing"},
		{"no message", sceptest.Garbage, scep.CheckForm, "malformed"},
		{"signed by nobody", sceptest.NotSigned, scep.CheckForm, "signed by nobody"},
		{"SHA-1", sceptest.WeakReply, scep.CheckAlgorithm, "does not allow"},
		{"HTTP error", sceptest.NoAnswer, 0, "HTTP status 500"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := sceptest.New()
			r := newRouter(t, ca)
			ca.Behave = test.behave
			states, last, _ := r.run(r.params(""))
			if last.State != scep.Abandoned || len(states) != 3 || last.Certificate != nil {
				t.Fatalf("%v %+v", states, last)
			}
			var refused *scep.ReplyError
			if errors.As(last.Problem, &refused) != (test.want != 0) || refused != nil && refused.Check != test.want {
				t.Errorf("%v, want check %d", last.Problem, test.want)
			}
			if !strings.Contains(last.Problem.Error(), test.text) {
				t.Errorf("%v", last.Problem)
			}
		})
	}
}

// A reply that is forged on the way does not end an enrolment.
func TestForgedReplyIsOvercome(t *testing.T) {
	ca := sceptest.New()
	r := newRouter(t, ca)
	e, _, err := scep.NewEnrolment(now, r.params(""))
	if err != nil {
		t.Fatal(err)
	}
	q := must(e.Next())
	ca.Behave = sceptest.SignedByAnother
	if o := e.Answer(now, r.ask(q)); o.State != scep.Unheard || !o.Retry.Equal(now.Add(time.Minute)) {
		t.Fatalf("%+v", o)
	}
	ca.Behave = sceptest.Honest
	q = must(e.Next())
	if o := e.Answer(now, r.ask(q)); o.State != scep.Granted {
		t.Fatalf("%+v", o)
	}
	if o := e.Answer(now, scep.Answer{}); o.State != scep.Granted {
		t.Errorf("an answer after the end: %+v", o)
	}
}

func TestEnrolmentWhoseCertificateCannotBeUsed(t *testing.T) {
	ca := sceptest.New()
	ca.Behave = sceptest.FutureCert
	r := newRouter(t, ca)
	_, last, _ := r.run(r.params(""))
	if last.State != scep.Granted || last.Verdict.Reason != pki.NotYetValid || !last.Verdict.Now.Equal(now) {
		t.Errorf("%+v", last)
	}
	ca.Behave = sceptest.AnotherCAsCert
	_, last, _ = r.run(r.params(""))
	if last.State != scep.Abandoned || last.Verdict.Reason != pki.UnknownCA {
		t.Errorf("%+v", last)
	}
	if _, v, _ := scep.NewEnrolment(r.client.CA.CA.NotAfter.Add(time.Hour), r.params("")); v.Reason != pki.Expired {
		t.Errorf("a CA that has expired: %v", v.Reason)
	}
}

// Weak algorithms work where they are configured, and only there.
func TestWeakAlgorithms(t *testing.T) {
	for _, test := range []struct {
		cipher     int // of package pkcs7: 0 is DES
		behave     sceptest.Behaviour
		algorithms scep.Algorithms
		want       scep.State
	}{
		{1, sceptest.Honest, scep.Algorithms{Cipher: scep.AES256CBC, Hash: crypto.SHA512}, scep.Granted},
		{0, sceptest.Honest, scep.Algorithms{}, scep.Abandoned},
		{0, sceptest.Honest, scep.Algorithms{Cipher: scep.DESCBC}, scep.Granted},
		{0, sceptest.WeakReply, scep.Algorithms{Cipher: scep.TripleDESCBC, Hash: crypto.SHA1}, scep.Granted},
		{1, sceptest.WeakReply, scep.Algorithms{Hash: crypto.SHA256}, scep.Abandoned},
		{0, sceptest.WeakReply, scep.Algorithms{Legacy: true}, scep.Granted},
	} {
		ca := sceptest.New()
		ca.Cipher, ca.Behave = test.cipher, test.behave
		r := newRouter(t, ca)
		r.client.Algorithms = test.algorithms
		if _, last, _ := r.run(r.params("")); last.State != test.want {
			t.Errorf("%+v: %v %v", test, last.State, last.Problem)
		}
	}
}

func TestNextCA(t *testing.T) {
	ca := sceptest.New().WithRA()
	ca.Next = pkitest.Root("caserver2", pkitest.ECKey())
	r := newRouter(t, ca)
	_, _, body := ca.Answer("GetNextCACert", nil)
	if next, err := r.client.CA.ParseNextCA(body, false); err != nil || next.CA.Subject.CommonName != "caserver2" {
		t.Errorf("%v %v", next, err)
	}
	ca.Behave = sceptest.SignedByAnother
	_, _, body = ca.Answer("GetNextCACert", nil)
	var refused *scep.ReplyError
	if _, err := r.client.CA.ParseNextCA(body, false); !errors.As(err, &refused) || refused.Check != scep.CheckSignature {
		t.Errorf("%v", err)
	}
}

func TestGetCRL(t *testing.T) {
	ca := sceptest.New()
	r := newRouter(t, ca)
	_, last, _ := r.run(r.params(""))
	ca.Revoke(last.Certificate)
	r.client.Signer = last.Certificate
	transaction := scep.Transaction{Type: scep.GetCRL, ID: "7"}
	message := must(r.client.Message(&transaction, scep.IssuerAndSerial(last.Certificate)))
	reply, err := r.client.Reply(&transaction, r.ask(r.server.Post(message, true)).Body)
	if err != nil {
		t.Fatal(err)
	}
	list := must(pki.ReadCRL(bytes.NewReader(reply.CRL)))
	if v := pki.CheckCRL(now, list, last.Certificate, r.client.CA.CA, false); v.Reason != pki.Revoked {
		t.Errorf("%s", v.Text())
	}
}

func TestCapabilities(t *testing.T) {
	c := scep.ParseCapabilities([]byte("SCEPStandard\r\nGetNextCACert\r\n"))
	if !c.AES || !c.POST || !c.SHA256 || !c.NextCA || c.Renewal {
		t.Errorf("%+v", c)
	}
	if c := scep.ParseCapabilities([]byte("<html>404</html>")); c != (scep.Capabilities{}) {
		t.Errorf("%+v", c)
	}
}

func TestServers(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://10.1.1.1", "http://10.1.1.1/cgi-bin/pkiclient.exe?operation=GetCACert&message=CA"},
		{"http://10.1.1.1:80/", "http://10.1.1.1:80/cgi-bin/pkiclient.exe?operation=GetCACert&message=CA"},
		{"http://ca/certsrv/mscep/mscep.dll", "http://ca/certsrv/mscep/mscep.dll/pkiclient.exe?operation=GetCACert&message=CA"},
		{"http://ca/cgi-bin/", "http://ca/cgi-bin/pkiclient.exe?operation=GetCACert&message=CA"},
		{"https://ca/scep", "https://ca/scep?operation=GetCACert&message=CA"},
	} {
		if got := must(scep.NewServer(test.url)).Get(scep.OpGetCACert, "CA").URL; got != test.want {
			t.Errorf("%s: %s, want %s", test.url, got, test.want)
		}
	}
	for _, url := range []string{"", "ca", "file:///etc/passwd", "tftp://ca/x", "ldap://ca", "http://"} {
		if _, err := scep.NewServer(url); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}
