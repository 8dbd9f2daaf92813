//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/pki/fetch"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// fetching is an Agent whose questions go out over HTTP.
type fetching struct {
	agent  *trustpoint.Agent
	client fetch.Client
	asked  []string
}

// Record implements trace.Sink.
func (*fetching) Record(*trace.Record) {}

func newFetching(t *testing.T, root *opensslCA, below string) *fetching {
	t.Helper()
	cfg, ds := config.Load("test", []byte("hostname R\ncrypto pki trustpoint LAB\n"+below))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	trustpoint.Store{Trustpoint: "LAB", Certificates: []config.StoredCertificate{{Kind: config.CACertificate, Serial: "01", DER: root.cert.Raw}}}.Apply(cfg)
	f := &fetching{client: fetch.Client{Allow: func(netip.Addr) bool { return true }}}
	f.agent = trustpoint.New(trustpoint.Options{Config: cfg, Events: f, Rand: rand.Reader})
	return f
}

// do asks what is to be asked until nothing is.
func (f *fetching) do(out trustpoint.Output) {
	for _, q := range out.Fetches {
		f.asked = append(f.asked, q.HTTP.Method+" "+q.HTTP.URL)
		var a trustpoint.Answer
		request := fetch.Request{Method: q.HTTP.Method, URL: q.HTTP.URL, ContentType: q.HTTP.ContentType, Body: q.HTTP.Body, MaxBytes: q.MaxBytes, Configured: q.Configured}
		if q.CRL {
			request.Read = func(in io.Reader) (err error) {
				a.CRL, err = pki.ReadCRL(in)
				return err
			}
		}
		r, err := f.client.Do(context.Background(), request)
		if a.Err = err; err == nil {
			a.Status, a.Body = r.Status, r.Body
		}
		f.do(f.agent.Fetched(time.Now(), q.ID, a))
	}
}

func (f *fetching) judge(t *testing.T, leaf *opensslCA, offered ...*opensslCA) (got pki.Verdict) {
	t.Helper()
	q := trustpoint.Inquiry{Leaf: leaf.cert, Kind: isakmp.IDFQDN, Identity: []byte(leaf.cert.DNSNames[0])}
	for _, c := range offered {
		q.Offered = append(q.Offered, c.cert)
	}
	answered := 0
	f.do(f.agent.Judge(time.Now(), q, func(j trustpoint.Judgement) { got, answered = j.Verdict, answered+1 }))
	if answered != 1 {
		t.Fatalf("%s: answered %d times", leaf.cert.Subject, answered)
	}
	return got
}

// freePort is a TCP port that nobody has now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestRevocationOverHTTP judges certificates of three levels of CAs, whose lists
// are fetched from a web server, and whose state `openssl ocsp` tells.
func TestRevocationOverHTTP(t *testing.T) {
	lists := t.TempDir()
	web := httptest.NewServer(http.FileServer(http.Dir(lists)))
	defer web.Close()
	responder := fmt.Sprintf("http://127.0.0.1:%d/", freePort(t))
	naming := func(ca string) string {
		return fmt.Sprintf("crlDistributionPoints = URI:%s/%s.crl\nauthorityInfoAccess = OCSP;URI:%s\n", web.URL, ca, responder)
	}
	root := newOpenSSL(t, nil, "root", "ca_ext")
	sub := newOpenSSLNaming(t, root, "sub", "ca_ext", naming("root"))
	issuing := newOpenSSLNaming(t, sub, "issuing", "ca_ext", naming("sub"))
	good := newOpenSSLNaming(t, issuing, "good", "leaf_ext", naming("issuing"))
	bad := newOpenSSLNaming(t, issuing, "bad", "leaf_ext", naming("issuing"))
	helper := newOpenSSL(t, issuing, "ocsp", "ocsp_ext")
	issuing.revoke(t, bad)
	publish := func(name string, ca *opensslCA) {
		ca.crl(t)
		der, err := os.ReadFile(ca.file("crl.der"))
		if err == nil {
			err = os.WriteFile(filepath.Join(lists, name+".crl"), der, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	publish("root", root)
	publish("sub", sub)
	publish("issuing", issuing)
	wants := func(what string, got pki.Verdict, want pki.Reason) {
		t.Helper()
		if got.Reason != want {
			t.Errorf("%s: %s, want %s: %s", what, got.Reason, want, got.Text())
		}
	}
	f := newFetching(t, root, "")
	wants("good by its list", f.judge(t, good, sub, issuing), pki.Valid)
	if len(f.asked) != 3 {
		t.Errorf("asked %q", f.asked)
	}
	wants("bad by its list", f.judge(t, bad, issuing, sub), pki.Revoked)
	if len(f.asked) != 3 || len(f.agent.CRLs()) != 3 {
		t.Errorf("asked again: %q", f.asked)
	}

	// The responder knows what the issuing CA has signed; for the CAs above
	// there are lists.
	server := start(t, "openssl ocsp", "", nil, "openssl", "ocsp", "-index", issuing.file("index.txt"), "-CA", issuing.file("cert.pem"), "-rsigner", helper.file("cert.pem"),
		"-rkey", helper.file("key.pem"), "-port", strings.Trim(responder[strings.LastIndexByte(responder, ':'):], ":/"), "-rmd", "sha256", "-nmin", "60")
	server.printed(t, "waiting for OCSP client connections")
	f = newFetching(t, root, " revocation-check ocsp crl\n")
	wants("good by the responder", f.judge(t, good, sub, issuing), pki.Valid)
	wants("bad by the responder", f.judge(t, bad, sub, issuing), pki.Revoked)
	if asked := strings.Join(f.asked, " "); strings.Contains(asked, "issuing.crl") || !strings.Contains(asked, "sub.crl") {
		t.Errorf("asked %q", f.asked)
	}
	_ = server.stop(t, syscall.SIGTERM)
	f = newFetching(t, root, " revocation-check ocsp crl\n")
	wants("the responder is gone", f.judge(t, bad, sub, issuing), pki.Revoked)
	f = newFetching(t, root, " revocation-check ocsp\n")
	wants("and there is nothing else", f.judge(t, good, sub, issuing), pki.RevocationUnreachable)
	gone := newFetching(t, root, " revocation-check ocsp crl none\n")
	gone.client.Allow = nil // and nothing of this host is fetched
	wants("none as the last resort", gone.judge(t, good, sub, issuing), pki.Valid)

	// A CA in between that is revoked takes what is below it along.
	sub.revoke(t, issuing)
	publish("sub", sub)
	f = newFetching(t, root, "")
	v := f.judge(t, good, sub, issuing)
	wants("below a CA that is revoked", v, pki.Revoked)
	if !strings.Contains(v.Text(), "cn=issuing") {
		t.Error(v.Text())
	}
}
