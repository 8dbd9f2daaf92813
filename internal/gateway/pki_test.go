package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/trustpoint"
)

var _ console.PKI = (*view)(nil)

// A gateway enrols with a CA over HTTP, while its loop serves others, and its
// tunnel stays up.
func TestEnrolmentOverHTTP(t *testing.T) {
	wantNoLeak(t)
	ca := sceptest.New().WithRA()
	now := time.Now()
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0)))
	ca.RASign, ca.RAEncrypt, ca.Challenge = nil, nil, "s3cret"
	ca.Dates = pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0))
	server := httptest.NewServer(ca)
	defer server.Close()
	extra := fmt.Sprintf("crypto pki trustpoint CA\n enrollment url %s/scep\n fingerprint %X\n password s3cret\n rsakeypair CA 2048\n"+
		" serial-number\n ip-address none\n fqdn one.example.com\n crl query %s/lab.crl\n", server.URL, sha256.Sum256(ca.Authority.Cert.Raw), server.URL)
	one, two := twoSites(t, extra)
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	if got := one.do(t, "crypto pki authenticate CA"); !strings.Contains(got, "fingerprints matched") {
		t.Fatal(got)
	}
	one.do(t, "debug crypto pki transactions")
	if got := one.do(t, "crypto pki enroll CA"); !strings.Contains(got, "Certificate request sent") {
		t.Fatal(got)
	}
	for _, want := range []string{"%CRYPTO-6-CERTRET", "%PKI-4-NOAUTOSAVE", "status = 100: certificate is granted"} {
		waitFor(t, want, func() bool { return strings.Contains(one.log.String(), want) })
	}
	if got := one.do(t, "show crypto pki certificates"); !strings.Contains(got, "one.example.com") || strings.Count(got, "Status: Available") != 2 {
		t.Error(got)
	}
	cfg, ds := config.Load("running-config", []byte(one.do(t, "show running-config")))
	if ds.Err() != nil || len(cfg.Chain("CA").Of(config.OwnCertificate)) != 1 {
		t.Errorf("%v", ds.Err())
	}
	if got := one.do(t, "show running-config"); strings.Contains(got, "PRIVATE") {
		t.Error("a private key is in the configuration")
	}
	if !up(one)() || !up(two)() {
		t.Error("the tunnel is not up any more")
	}
}

// A certificate that nobody has saved is there after a restart; `write memory`
// takes it over.
func TestCertificatesOutliveARestart(t *testing.T) {
	ca, now := sceptest.New(), time.Now()
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0)))
	ca.Dates = pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0))
	server := httptest.NewServer(ca)
	defer server.Close()
	dir := t.TempDir()
	file, kept := filepath.Join(dir, "r.cfg"), filepath.Join(dir, "keys", certificateFile)
	text := fmt.Sprintf("hostname one\ncrypto pki trustpoint CA\n enrollment url %s/scep\n fingerprint %X\n rsakeypair CA 2048\n serial-number none\n ip-address none\n",
		server.URL, sha256.Sum256(ca.Authority.Cert.Raw))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(commands ...string) (warnings string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := openSite(t, Options{Config: loadText(t, string(text)), File: file, Keys: filepath.Dir(kept), Built: now.Add(-time.Hour)}, nil, ports{})
		s.start(t)
		defer s.stop(t)
		for _, c := range commands {
			s.do(t, c)
		}
		if got := s.do(t, "show crypto pki certificates"); strings.Count(got, "Status: Available") != 2 {
			t.Errorf("after %q:\n%s", commands, got)
		}
		return strings.Join(s.Warnings(), "\n")
	}
	run("crypto pki authenticate CA", "write memory", "crypto pki enroll CA")
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if told := run(); !strings.Contains(told, "trustpoint CA has certificates that came after the configuration was saved") {
		t.Errorf("told %q", told)
	}
	run("write memory")
	if _, err := os.Stat(kept); err == nil {
		t.Error("what is saved is kept once more")
	}
	if told := run(); strings.Contains(told, "trustpoint CA") {
		t.Errorf("told %q", told)
	}
	if err := os.WriteFile(kept, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run()
}

// A new key and its certificate take their places together, and both are there
// after a restart.
func TestRegeneratedKeyOutlivesARestart(t *testing.T) {
	ca, now := sceptest.New(), time.Now()
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0)))
	ca.Dates = pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0))
	server := httptest.NewServer(ca)
	defer server.Close()
	text := fmt.Sprintf("hostname one\ncrypto pki trustpoint CA\n enrollment url %s/scep\n fingerprint %X\n rsakeypair CA 2048\n serial-number none\n"+
		" ip-address none\n regenerate\n", server.URL, sha256.Sum256(ca.Authority.Cert.Raw))
	file := filepath.Join(t.TempDir(), "r.cfg")
	run := func(text string) *site {
		s := openSite(t, Options{Config: loadText(t, text), File: file, Keys: filepath.Join(filepath.Dir(file), "keys")}, nil, ports{})
		s.start(t)
		return s
	}
	s := run(text)
	for _, c := range []string{"crypto pki authenticate CA", "crypto pki enroll CA", "write memory"} {
		s.do(t, c)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := s.do(t, "show crypto key mypubkey rsa")
	s.do(t, "crypto pki enroll CA")
	waitFor(t, "the new key", func() bool {
		now := s.do(t, "show crypto key mypubkey rsa")
		return now != before && !strings.Contains(now, "CA#")
	})
	waitFor(t, "the new certificate", func() bool { return s.do(t, "show running-config") != string(saved) })
	key, certificates := s.do(t, "show crypto key mypubkey rsa"), s.do(t, "show crypto pki certificates")
	s.stop(t)
	s = run(string(saved))
	if got := s.do(t, "show crypto key mypubkey rsa"); got != key {
		t.Errorf("the key is another:\n%s", got)
	}
	if got := s.do(t, "show crypto pki certificates"); got != certificates || strings.Count(got, "Status: Available") != 2 {
		t.Errorf("the certificate is another:\n%s", got)
	}
}

func TestClockBehindTheProgram(t *testing.T) {
	s := openSite(t, Options{Config: loadText(t, "hostname one\n"), Built: time.Now().AddDate(1, 0, 0)}, nil, ports{})
	s.start(t)
	if told := strings.Join(s.Warnings(), "\n"); !strings.Contains(told, "the clock says") {
		t.Errorf("told %q", told)
	}
}

func TestCAThatIsNotThere(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	one, _ := twoSites(t, "crypto pki trustpoint CA\n enrollment url "+server.URL+"\n")
	if got := one.fails(t, "crypto pki authenticate CA"); !strings.Contains(got, "refuses the connection") {
		t.Error(got)
	}
	if got := one.fails(t, "crypto pki crl request CA"); !strings.Contains(got, "is not there yet") {
		t.Error(got)
	}
}

// A CA that never ends its answers, and another that leads elsewhere, disturb
// neither the enrolment of a third nor the console nor a tunnel.
func TestHostileCADisturbsNobody(t *testing.T) {
	ca, now := sceptest.New(), time.Now()
	ca.Authority = pkitest.Root("caserver", pkitest.NewRSAKey(2048), pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0)))
	ca.Dates = pkitest.Dates(now.Add(-time.Hour), now.AddDate(1, 0, 0))
	server := httptest.NewServer(ca)
	defer server.Close()
	hold, asked := make(chan struct{}), make(chan struct{}, 64)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		asked <- struct{}{}
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(hold)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	}))
	defer elsewhere.Close()
	extra := fmt.Sprintf("crypto pki trustpoint SLOW\n enrollment url %s/scep\ncrypto pki trustpoint ELSE\n enrollment url %s/scep\n"+
		"crypto pki trustpoint CA\n enrollment url %s/scep\n fingerprint %X\n rsakeypair CA 2048\n serial-number none\n ip-address none\n fqdn one.example.com\n",
		slow.URL, elsewhere.URL, server.URL, sha256.Sum256(ca.Authority.Cert.Raw))
	one, two := twoSites(t, extra)
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	gone := make(chan struct{}, 8)
	for range cap(gone) {
		go func() {
			_, _ = Ask(one.socket, Request{Line: "crypto pki authenticate SLOW"})
			gone <- struct{}{}
		}()
	}
	for range fetchesOfHost {
		<-asked
	}
	if got := one.fails(t, "crypto pki authenticate ELSE"); !strings.Contains(got, "redirects to file") {
		t.Error(got)
	}
	one.do(t, "crypto pki authenticate CA")
	one.do(t, "crypto pki enroll CA")
	if got := one.do(t, "show crypto pki certificates CA"); strings.Count(got, "Status: Available") != 2 || !up(one)() || !up(two)() {
		t.Errorf("while a CA lets wait:\n%s", got)
	}
	select {
	case <-gone:
		t.Error("the slow CA was given up at once: nothing was tried")
	default:
	}
	one.stop(t)
	for range cap(gone) {
		<-gone
	}
}

// A server that does not answer holds up what is asked of it, and nothing else.
func TestPlacesOfServers(t *testing.T) {
	a := newAuthorities(nil, &journal{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	slow := trustpoint.Fetch{HTTP: scep.HTTPRequest{URL: "http://slow.example.com/a"}, CRL: true}
	var leave []func()
	for range fetchesOfHost {
		l, err := a.enter(ctx, slow)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	entered := make(chan error, 100)
	for range cap(entered) {
		go func() {
			l, err := a.enter(ctx, slow)
			if err == nil {
				l()
			}
			entered <- err
		}()
	}
	for range 3 {
		l, err := a.enter(ctx, trustpoint.Fetch{HTTP: scep.HTTPRequest{URL: "http://other.example.com/a"}, CRL: true})
		if err != nil {
			t.Fatalf("another server is not asked: %v", err)
		}
		l()
	}
	for _, l := range leave {
		l()
	}
	for range cap(entered) {
		if err := <-entered; err != nil {
			t.Error(err)
		}
	}
	if len(a.hosts) != 0 || len(a.places) != 0 || len(a.lists) != 0 {
		t.Errorf("%d servers, %d places and %d of lists are left", len(a.hosts), len(a.places), len(a.lists))
	}
}

func TestPassphraseOfKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Passphrase(file); err != nil || string(p.Reveal()) != "correct horse" {
		t.Errorf("%v", err)
	}
	if _, err := Passphrase(file + "x"); err == nil {
		t.Error("a file that is not there is read")
	}
}

// fails runs a command that must not succeed, and returns why it does not.
func (s *site) fails(t *testing.T, line string) string {
	t.Helper()
	p, err := Ask(s.socket, Request{Line: line})
	if err != nil || p.OK {
		t.Fatalf("%s: %v %+v", line, err, p)
	}
	return p.Error
}
