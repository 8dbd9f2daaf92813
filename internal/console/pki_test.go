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
func (r *pkiRouter) Rollover(name string) time.Time                   { return r.agent.Rollover(name) }
func (r *pkiRouter) TerminalRequest(name string, c trustpoint.Choices) ([]byte, error) {
	return r.agent.TerminalRequest(r.Now(), name, c)
}
func (r *pkiRouter) ImportCertificate(name, text string) error {
	out, err := r.agent.ImportPEM(r.Now(), name, text)
	r.do(out)
	return err
}
func (r *pkiRouter) SelfSign(name string, c trustpoint.Choices) error {
	out, err := r.agent.SelfSign(r.Now(), name, c)
	r.do(out)
	return err
}
func (r *pkiRouter) ImportPKCS12(name string, data []byte, passphrase secret.Secret, exportable bool) (left int, err error) {
	b, err := keystore.ReadPKCS12(data, passphrase)
	if err != nil {
		return 0, err
	}
	certs := trustpoint.Bundle{Certificate: b.Certificate, Authorities: b.Authorities}
	if err := r.agent.CheckBundle(r.Now(), name, certs); err != nil {
		return 0, err
	}
	if _, err := r.keys.Import(r.Now(), name, b, exportable); err != nil {
		return 0, err
	}
	out, left := r.agent.ImportBundle(r.Now(), name, b.Kind() == keystore.EC, certs)
	r.do(out)
	return left, nil
}
func (r *pkiRouter) ExportPKCS12(name string, passphrase secret.Secret) ([]byte, error) {
	b, label, err := r.agent.ExportOwn(name)
	if err != nil {
		return nil, err
	}
	return r.keys.ExportPKCS12(label, b.Certificate, b.Authorities, passphrase, false)
}
func (r *pkiRouter) ExportCertificates(name string) (trustpoint.Bundle, string, error) {
	return r.agent.Export(name)
}
func (r *pkiRouter) CRLs() []trustpoint.CRLView { return r.agent.CRLs() }
func (r *pkiRouter) RequestCRL(name string) (err error) {
	r.do(r.agent.RequestCRL(r.Now(), name, func(e error) { err = e }))
	return err
}
func (r *pkiRouter) Keys() []keystore.Pair { return r.keys.List() }
func (r *pkiRouter) GenerateKey(kind keystore.Kind, label string, bits int, exportable bool) (keystore.Pair, error) {
	if kind == keystore.EC {
		return r.keys.GenerateEC(r.Now(), label, bits, exportable)
	}
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
	{"ec-keys", "hostname Router1\nip domain name cisco.com\ncrypto pki trustpoint EC\n enrollment terminal pem\n eckeypair EC\n serial-number none\n ip-address none\n", `crypto key generate ec keysize 224
crypto key generate ec keysize 256 label EC
crypto key generate ec keysize 384 exportable
crypto key generate rsa label R modulus 2048
show crypto key mypubkey ec
crypto key export ec EC pem terminal aes correct-horse
crypto key zeroize ec R
crypto key zeroize ec Router1.cisco.com
yes
show crypto key mypubkey all
crypto pki enroll EC
a
a
yes
crypto pki export EC pem terminal`, sceptest.New},
	{"self-signed", "hostname Router1\nip domain name cisco.com\ncrypto pki trustpoint SELF\n enrollment selfsigned\n eckeypair EC\n subject-name cn=r1\n ip-address none\n", `crypto key generate ec keysize 256 label EC
crypto pki authenticate SELF
crypto pki enroll SELF
no
yes
show crypto pki certificates
show crypto pki certificates verbose
show crypto pki trustpoints status`, sceptest.New},
	{"exported", caserver + " serial-number none\n ip-address none\n password s3cret\n rsakeypair CA 2048\n", `crypto key generate rsa label CA modulus 2048 exportable
crypto pki authenticate caserver
yes
crypto pki export caserver pem terminal
crypto pki export caserver pkcs12 terminal password correct-horse
crypto pki enroll caserver
yes
crypto pki export caserver pem terminal aes correct-horse
crypto pki export caserver pkcs12 terminal password short`, func() *sceptest.CA {
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

// A PKCS #12 file goes out of one router and into another, with its key.
func TestPKCS12OnTheConsole(t *testing.T) {
	ca := sceptest.New()
	ca.Challenge = "s3cret"
	one := newPKIRouter(t, ca, caserver+" password s3cret\n rsakeypair CA\n serial-number none\n ip-address none\n")
	feed := func(r *pkiRouter, lines ...string) (last string, err error) {
		s := NewSession(r)
		for _, line := range lines {
			got := s.Feed(line)
			last, err = got.Output, got.Err
		}
		return last, err
	}
	if _, err := feed(one, "crypto key generate rsa label CA modulus 2048 exportable", "crypto pki authenticate caserver", "yes", "crypto pki enroll caserver", "yes"); err != nil {
		t.Fatal(err)
	}
	file, err := feed(one, "crypto pki export caserver pkcs12 terminal password correct-horse")
	if err != nil || !strings.HasPrefix(file, "Exported pkcs12 follows:\n") {
		t.Fatalf("%v\n%s", err, file)
	}
	lines := strings.Split(strings.TrimSpace(file), "\n")[1:]
	two := newPKIRouter(t, ca, "hostname Router2\n")
	if _, err := feed(two, append(append([]string{"crypto pki import NEW pkcs12 terminal password wrong-horse"}, lines...), "quit")...); err == nil {
		t.Error("another passphrase is good enough")
	}
	got, err := feed(two, append(append([]string{"crypto pki import NEW pkcs12 terminal password correct-horse"}, lines...), "quit")...)
	if err != nil || !strings.Contains(got, "Imported PKCS12 file successfully") {
		t.Fatalf("%v %s", err, got)
	}
	if text := two.cfg.RunningConfig(); !strings.Contains(text, "rsakeypair NEW") || len(two.cfg.Chain("NEW").Of(config.OwnCertificate)) != 1 || len(two.cfg.Chain("NEW").Of(config.CACertificate)) != 1 {
		t.Error(text)
	}
	if k, ok := two.keys.Key("NEW"); !ok || k.Public() == nil {
		t.Error("the key is not there")
	}
	if _, err := feed(two, append(append([]string{"crypto pki import NEW pkcs12 terminal password correct-horse", "yes"}, lines...), "quit")...); err == nil || !strings.Contains(err.Error(), "existing CA certificate") {
		t.Errorf("%v", err)
	}
	if _, err := feed(two, "crypto pki export NEW pkcs12 terminal password correct-horse"); err == nil || !strings.Contains(err.Error(), "not exportable") {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"rubbish!", "AAAA"} {
		if _, err := feed(two, "crypto pki import OTHER pkcs12 terminal correct-horse", text, "quit"); err == nil {
			t.Errorf("%q is imported", text)
		}
	}
	if two.cfg.Trustpoint("OTHER") != nil {
		t.Error("a trustpoint is made for nothing")
	}
}

// drawn is what differs at each run: fingerprints, keys, serial numbers.
var drawn = regexp.MustCompile(`(?m)(: )([0-9A-F]{8} ?){4,}$|^  ([0-9A-F]{2,8} )+$|(\(hex\): )[0-9A-F]+$|^[A-Za-z0-9+/=]{20,64}$`)

// inPEM is the text between the lines of PEM.
var inPEM = regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]+-----\n).*?(\n-----END)`)

func TestPKIDialogues(t *testing.T) {
	for _, test := range pkiScripts {
		t.Run(test.name, func(t *testing.T) {
			r := newPKIRouter(t, test.ca(), test.config)
			got := transcript(NewSession(r), test.script)
			got = inPEM.ReplaceAllString(got, "${1}BASE64$2")
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
