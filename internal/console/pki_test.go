package console

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/config"
	"qmidle/internal/keystore"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/pki/scep/sceptest"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// pkiRouter is a router with trustpoints at work against a CA in memory.
type pkiRouter struct {
	*liveRouter
	t     *testing.T
	ca    *sceptest.CA
	agent *trustpoint.Agent
	keys  *keystore.Store
}

// Record implements trace.Sink.
func (*pkiRouter) Record(*trace.Record) {}

func (*pkiRouter) Now() time.Time { return pkitest.Now }

func newPKIRouter(t *testing.T, ca *sceptest.CA, text string) *pkiRouter {
	t.Helper()
	cfg, ds := config.Load("test", []byte(text))
	if err := ds.Err(); err != nil {
		t.Fatal(err)
	}
	r := &pkiRouter{liveRouter: live(t), t: t, ca: ca, keys: keystore.InMemory()}
	r.cfg = cfg
	r.agent = trustpoint.New(trustpoint.Options{Config: cfg, Keys: r.keys, Events: r, Rand: rand.Reader, Serial: r.SerialNumber()})
	return r
}

func (r *pkiRouter) Apply(cfg *config.Config) ([]string, error) {
	r.agent.Configure(cfg)
	return r.liveRouter.Apply(cfg)
}

func (r *pkiRouter) do(out trustpoint.Output) {
	for _, s := range out.Stores {
		cfg, err := clone(r.cfg.RunningConfig())
		if err != nil {
			r.t.Fatal(err)
		}
		s.Apply(cfg)
		if _, err := r.Apply(cfg); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, f := range out.Fetches {
		u, err := url.Parse(f.HTTP.URL)
		if err != nil {
			r.t.Fatal(err)
		}
		message := f.HTTP.Body
		if f.HTTP.Method == "GET" {
			message, _ = base64.StdEncoding.DecodeString(u.Query().Get("message"))
		}
		status, contentType, body := r.ca.Answer(u.Query().Get("operation"), message)
		r.do(r.agent.Fetched(r.Now(), f.ID, trustpoint.Answer{Status: status, ContentType: contentType, Body: body}))
	}
}

func (r *pkiRouter) Authenticate(name string) (o *trustpoint.Offer, err error) {
	r.do(r.agent.Authenticate(r.Now(), name, func(x *trustpoint.Offer, e error) { o, err = x, e }))
	return o, err
}
func (r *pkiRouter) OfferPEM(name, text string) (*trustpoint.Offer, error) {
	return r.agent.OfferPEM(r.Now(), name, text)
}
func (r *pkiRouter) Accept(o *trustpoint.Offer) error {
	r.do(r.agent.Accept(r.Now(), o))
	return nil
}
func (r *pkiRouter) Enroll(name string, c trustpoint.Choices) (s trustpoint.Status, err error) {
	r.do(r.agent.Enroll(r.Now(), name, c, func(x trustpoint.Status, e error) { s, err = x, e }))
	return s, err
}
func (r *pkiRouter) Enrollment(name string) (trustpoint.Status, bool) { return r.agent.Status(name) }
func (r *pkiRouter) TerminalRequest(name string, c trustpoint.Choices) ([]byte, error) {
	return r.agent.TerminalRequest(r.Now(), name, c)
}
func (r *pkiRouter) ImportCertificate(name, text string) error {
	out, err := r.agent.ImportPEM(r.Now(), name, text)
	r.do(out)
	return err
}
func (r *pkiRouter) CRLs() []trustpoint.CRLView { return r.agent.CRLs() }
func (r *pkiRouter) RequestCRL(name string) (err error) {
	r.do(r.agent.RequestCRL(r.Now(), name, func(e error) { err = e }))
	return err
}
func (r *pkiRouter) Keys() []keystore.Pair { return r.keys.List() }
func (r *pkiRouter) GenerateKey(label string, bits int, exportable bool) (keystore.Pair, error) {
	return r.keys.Generate(r.Now(), label, bits, exportable)
}
func (r *pkiRouter) ZeroizeKey(label string) error { return r.keys.Zeroize(label) }
func (r *pkiRouter) ExportKey(label string, p secret.Secret, strong bool) (string, error) {
	return r.keys.ExportPEM(label, p, strong)
}
func (r *pkiRouter) ImportKey(label, text string, p secret.Secret, exportable bool) error {
	_, err := r.keys.ImportPEM(r.Now(), label, text, p, exportable)
	return err
}
func (r *pkiRouter) SerialNumber() string { return "69216261" }

var _ PKI = (*pkiRouter)(nil)

const caserver = "hostname Router1\nip domain name cisco.com\ncrypto ca trustpoint caserver\n enrollment url http://ca.example.com/certsrv/mscep/mscep.dll\n"

var pkiScripts = []struct {
	name, config, script string
	ca                   func() *sceptest.CA
}{
	// A book's Example 19-6, with IOS's later fingerprints and what came before
	// it: the key.
	{"example-19-6", caserver, `conf t
crypto key generate rsa
2048
crypto ca authenticate caserver
yes
crypto ca enroll caserver
s3cret
s3cret
no
no
yes
end
show crypto ca certificates
show crypto pki trustpoints status
show crypto key mypubkey rsa
show crypto pki timers
show crypto pki crls`, func() *sceptest.CA {
		ca := sceptest.New().WithRA()
		ca.Challenge = "s3cret"
		return ca
	}},
	{"answers", caserver + " serial-number none\ninterface GigabitEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n", `crypto pki enroll nobody
crypto pki enroll caserver
crypto pki authenticate caserver
perhaps
n
crypto pki authenticate caserver
y
crypto pki authenticate caserver
crypto pki enroll caserver
crypto key generate rsa modulus 2048
crypto key generate rsa
no
crypto pki enroll caserver
one
another
s3cret
s3cret
yes
e9/9
gi0/0
yes
show crypto pki trustpoints
show crypto pki certificates verbose caserver
show crypto pki crls
crypto pki crl request caserver
crypto key zeroize rsa Router1.cisco.com
yes
show crypto key mypubkey rsa`, func() *sceptest.CA {
		ca := sceptest.New()
		ca.Challenge, ca.Pending = "s3cret", 1
		return ca
	}},
	{"configured", caserver + " serial-number none\n ip-address none\n password s3cret\n rsakeypair CA 2048\n auto-enroll 70\n", `crypto pki authenticate caserver
yes
crypto pki enroll caserver
yes
show crypto pki timers
show crypto pki certificates`, func() *sceptest.CA {
		ca := sceptest.New()
		ca.Challenge = "s3cret"
		return ca
	}},
	{"refused", caserver, `crypto pki authenticate caserver
yes
crypto key generate rsa label CA modulus 1024
crypto key generate rsa modulus 2048
crypto pki enroll caserver
wrong
wrong
no
no
yes
show crypto pki trustpoints status`, func() *sceptest.CA {
		ca := sceptest.New()
		ca.Challenge = "s3cret"
		return ca
	}},
	{"keys", "hostname Router\n", `crypto key generate rsa
crypto key generate rsa label K exportable
1000
2048
crypto key export rsa K pem terminal 3des short
show crypto key mypubkey rsa
crypto key zeroize rsa X
crypto key zeroize rsa
no
show history`, sceptest.New},
	{"terminal", strings.Replace(caserver, "enrollment url http://ca.example.com/certsrv/mscep/mscep.dll", "enrollment terminal pem", 1), `crypto key generate rsa modulus 2048
crypto pki authenticate caserver
rubbish
quit
crypto pki enroll caserver
a
a
no
no
yes
crypto pki import caserver certificate
rubbish

`, sceptest.New},
}

// drawn is what differs at each run: fingerprints, keys, serial numbers.
var drawn = regexp.MustCompile(`(?m)(: )([0-9A-F]{8} ?){4,}$|^  ([0-9A-F]{2,8} )+$|(\(hex\): )[0-9A-F]+$|^[A-Za-z0-9+/=]{20,64}$`)

func TestPKIDialogues(t *testing.T) {
	for _, test := range pkiScripts {
		t.Run(test.name, func(t *testing.T) {
			r := newPKIRouter(t, test.ca(), test.config)
			got := transcript(NewSession(r), test.script)
			got = drawn.ReplaceAllStringFunc(got, func(s string) string {
				switch {
				case strings.HasPrefix(s, "(hex): "):
					return "(hex): NN"
				case strings.HasPrefix(s, ": "):
					return ": HEX"
				case strings.HasPrefix(s, " "):
					return "  HEX"
				}
				return "BASE64"
			})
			for strings.Contains(got, "  HEX\n  HEX\n") || strings.Contains(got, "BASE64\nBASE64\n") {
				got = strings.ReplaceAll(strings.ReplaceAll(got, "  HEX\n  HEX\n", "  HEX\n"), "BASE64\nBASE64\n", "BASE64\n")
			}
			file := filepath.Join("testdata", "pki", test.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// Without an operator the configuration answers, or nobody.
func TestPKIWithoutOperator(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge = "s3cret"
	r := newPKIRouter(t, ca, caserver+" password s3cret\n rsakeypair CA 2048\n")
	c := New(r)
	if got := c.Run("crypto pki authenticate caserver"); got.Err == nil || !strings.Contains(got.Err.Error(), "fingerprint") {
		t.Errorf("%q %v", got.Output, got.Err)
	}
	r = newPKIRouter(t, ca, caserver+fmt.Sprintf(" password s3cret\n rsakeypair CA 2048\n fingerprint %X\n", sha256Of(ca)))
	c = New(r)
	if got := c.Run("crypto pki authenticate caserver"); got.Err != nil || !strings.Contains(got.Output, "fingerprints matched") {
		t.Errorf("%q %v", got.Output, got.Err)
	}
	if got := c.Run("crypto pki enroll caserver"); got.Err != nil || len(r.cfg.Chain("caserver").Of(config.OwnCertificate)) != 1 {
		t.Errorf("%q %v", got.Output, got.Err)
	}
	if got := New(live(t)).Run("crypto pki enroll caserver"); got.Err == nil {
		t.Error("a router without trustpoints enrolls")
	}
}

func sha256Of(ca *sceptest.CA) []byte {
	f := pki.Fingerprint(ca.Authority.Cert.Raw)
	return f.SHA256[:]
}

// What is typed before stays, and certificates that come meanwhile too.
func TestPKIWithinConfiguration(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge = "a"
	r := newPKIRouter(t, ca, caserver)
	s := NewSession(r)
	feed := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if got := s.Feed(line); got.Err != nil {
				t.Fatalf("%s: %v", line, got.Err)
			}
		}
	}
	feed("conf t", "ip domain name example.net", "crypto pki authenticate caserver", "yes", "hostname r9")
	if o, err := r.agent.OfferPEM(r.Now(), "nobody", ""); err == nil {
		t.Fatal(o)
	}
	// Another console grants a certificate meanwhile.
	other := NewSession(r)
	for _, line := range []string{"crypto key generate rsa modulus 2048", "crypto pki enroll caserver", "a", "a", "no", "no", "yes"} {
		if got := other.Feed(line); got.Err != nil {
			t.Fatalf("%s: %v", line, got.Err)
		}
	}
	feed("end")
	if r.cfg.Hostname != "r9" || r.cfg.DomainName != "example.net" || len(r.cfg.Chain("caserver").Of(config.OwnCertificate)) != 1 ||
		len(r.cfg.Chain("caserver").Of(config.CACertificate)) != 1 {
		t.Errorf("%s", r.cfg.RunningConfig())
	}
}
