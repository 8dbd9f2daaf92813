//go:build interop

package interop

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qmidle/internal/keystore"
	"qmidle/internal/pki"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/secret"
)

// authority is a CA of a test and what it has issued to the two ends.
type authority struct {
	root       *pkitest.Authority
	hub, spoke *pkitest.Authority
	between    []*pkitest.Authority // CAs between the root and the ends
	label      string               // of the hub's key; "" for LAB
}

// today is a validity around the clock of this host.
func today() pkitest.Option {
	return pkitest.Dates(time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
}

func endOf(s *site) pkitest.Option {
	return func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = []string{s.name + ".example.com"}, []net.IP{net.ParseIP(s.outside).To4()}
	}
}

// newAuthority makes a CA with so many below it, and certificates for both ends.
func newAuthority(l *lab, root, key func() crypto.Signer, between int, options ...pkitest.Option) *authority {
	a := &authority{root: pkitest.Root("Lab Root", root(), today())}
	issuer := a.root
	for i := range between {
		issuer = issuer.CA(fmt.Sprintf("Lab CA %d", i+1), pkitest.NewRSAKey(2048), today())
		a.between = append(a.between, issuer)
	}
	issue := func(s *site) *pkitest.Authority {
		return issuer.Issue(s.name+".example.com", key(), append([]pkitest.Option{today(), endOf(s)}, options...)...)
	}
	a.hub, a.spoke = issue(l.hub), issue(l.spoke)
	return a
}

func rsaKey() crypto.Signer { return pkitest.NewRSAKey(2048) }

// chainText is a certificate as it stands in a chain of the configuration.
func chainText(kind string, c *x509.Certificate) string {
	text := fmt.Sprintf(" certificate %s%s\n", kind, pki.SerialText(c.SerialNumber))
	digits := strings.ToUpper(hex.EncodeToString(c.Raw))
	for len(digits) > 0 {
		n := min(64, len(digits))
		text += "  " + digits[:n] + "\n"
		digits = digits[n:]
	}
	return text + "  quit\n"
}

// trustpointText is the trustpoint LAB with its CA and a certificate of the hub's.
func (a *authority) trustpointText(below string) string {
	text := "crypto pki trustpoint LAB\n enrollment terminal\n rsakeypair " + cmp.Or(a.label, "LAB") + "\n" + below + "crypto pki certificate chain LAB\n" + chainText("", a.hub.Cert)
	for _, ca := range a.between {
		text += chainText("ca ", ca.Cert)
	}
	return text + chainText("ca ", a.root.Cert)
}

// keepKey stores the hub's key where the daemon looks for it.
func (a *authority) keepKey(t *testing.T, q *qmidle, label string) {
	t.Helper()
	keys, err := keystore.Open(filepath.Join(q.dir, "keys"), secret.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(a.hub.Key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if _, err := keys.ImportPEM(time.Now(), label, string(text), secret.Secret{}, false); err != nil {
		t.Fatal(err)
	}
}

// startSigned starts the daemon at the hub with a trustpoint.
func (a *authority) startSigned(t *testing.T, l *lab, x setup, below string) *qmidle {
	t.Helper()
	q := newQmidle(t, l, l.hub, raceDetector)
	a.keepKey(t, q, "LAB")
	q.run(t, a.configText(q, x, below))
	q.do(t, "debug crypto pki validation")
	return q
}

func (a *authority) configText(q *qmidle, x setup, below string) string {
	method := " authentication rsa-sig\n"
	if _, ec := a.hub.Key.(*ecdsa.PrivateKey); ec {
		method = " authentication ecdsa-sig\n"
	}
	text := strings.Replace(q.config(x), " authentication pre-share\n", method, 1)
	i := strings.Index(text, "crypto isakmp key ")
	j := i + strings.IndexByte(text[i:], '\n') + 1
	return a.trustpointText(below) + text[:i] + text[j:]
}

// startSignedCharon starts charon at the spoke with its certificate. It trusts the
// root, and shows the CAs that are between.
func (a *authority) startSignedCharon(t *testing.T, l *lab, x setup, identity string) *charon {
	t.Helper()
	c := loadCharon(t, l, l.spoke, strings.Replace(charonModules, "pkcs1", "pkcs1 pkcs8", 1), x.daemon)
	a.give(t, c, a.spoke)
	c.loadText(t, signedConfig(c.config(x), identity))
	return c
}

// give puts a certificate with its key, and the CAs, where swanctl reads them.
func (a *authority) give(t *testing.T, c *charon, own *pkitest.Authority) {
	t.Helper()
	for _, dir := range []string{"x509", "x509ca", "private"} {
		if err := os.MkdirAll(filepath.Join(c.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	key, err := x509.MarshalPKCS8PrivateKey(own.Key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "private/spoke.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	certificate := func(name string, x *x509.Certificate) {
		c.write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: x.Raw})))
	}
	certificate("x509/spoke.pem", own.Cert)
	certificate("x509ca/root.pem", a.root.Cert)
	for i, ca := range a.between {
		certificate(fmt.Sprintf("x509ca/between%d.pem", i), ca.Cert)
	}
}

// signedConfig has charon prove itself by its certificate, under an identity.
func signedConfig(text, identity string) string {
	text = strings.Replace(text, "    local {\n      auth = psk\n", "    local {\n      auth = pubkey\n      certs = spoke.pem\n      id = "+identity+"\n", 1)
	text = strings.Replace(text, "    remote {\n      auth = psk\n", "    remote {\n      auth = pubkey\n", 1)
	return text[:strings.Index(text, "secrets {")]
}

// TestCertificates proves both ends to each other by RSA signatures, whoever begins.
func TestCertificates(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := newAuthority(l, rsaKey, rsaKey, 0)
	a.proves(t, l, usual, func(q *qmidle, name string) {
		text := q.debug(t)
		for _, line := range []string{"processing CERT payload. message ID = 0", "peer wants cert issued by cn=Lab Root,o=Lab", "processing SIG payload", "using the LAB trustpoint's keypair to sign",
			"SA is doing RSA signature authentication using id type ID_IPV4_ADDR"} {
			if !strings.Contains(text, line) {
				t.Errorf("%s begins: the debug text has no %q", name, line)
			}
		}
	})
}

// proves lets each end bring the tunnel up once and prove itself to the other, and check
// look at it. Nothing is left up.
func (a *authority) proves(t *testing.T, l *lab, x setup, check func(q *qmidle, begins string)) {
	t.Helper()
	capture := startCapture(t, l)
	c := a.startSignedCharon(t, l, x, "spoke.example.com")
	q := a.startSigned(t, l, x, " revocation-check none\n")
	for begins, up := range map[string]func(){"charon": func() { c.initiate(t) }, "qmidle": func() { wake(t, l.hub) }} {
		up()
		q.waitSAs(t, 1, 1)
		c.waitSAs(t, 1, 1)
		wantPing(t, l.spoke, 2)
		check(q, begins)
		q.forget(t)
		q.do(t, "clear crypto sa")
		q.do(t, "clear crypto isakmp")
		c.waitSAs(t, 0, 0)
	}
	q.end(t)
	c.end(t)
	capture.end(t).wantProtected(t, 4)
}

// TestCertificatesInAggressiveMode does the same in three messages.
func TestCertificatesInAggressiveMode(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := newAuthority(l, pkitest.ECKey, rsaKey, 0) // whose certificates fit into a packet
	x := usual
	x.connection = "    aggressive = yes\n"
	x.ios = "crypto isakmp peer address " + l.hub.remoteGateway + "\n set aggressive-mode client-endpoint ipv4-address " + l.hub.outside + "\n"
	a.proves(t, l, x, func(q *qmidle, name string) {
		if text := q.debug(t); !strings.Contains(text, "IKE_AM_EXCH") || !strings.Contains(text, "processing SIG payload") {
			t.Errorf("%s begins: no aggressive mode by signatures", name)
		}
	})
}

// TestCertificatesWithCAsBetween proves both ends by chains of four, in messages that
// go in fragments.
func TestCertificatesWithCAsBetween(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := newAuthority(l, rsaKey, rsaKey, 2)
	x := usual
	x.ios = "crypto isakmp fragmentation\n"
	x.connection = "    fragmentation = yes\n    send_cert = always\n"
	x.daemon = "  fragment_size = 576\n"
	a.proves(t, l, x, func(q *qmidle, name string) {
		if history := q.do(t, "show crypto isakmp history"); strings.Count(history, "message_fragmented") < 2 {
			t.Errorf("%s begins: no fragments:\n%s", name, history)
		}
	})
}

// TestCertificatesByECDSA proves both ends by the curves of RFC 4754.
func TestCertificatesByECDSA(t *testing.T) {
	t.Parallel()
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		t.Run(curve.Params().Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a := newAuthority(l, pkitest.ECKey, func() crypto.Signer {
				key, err := ecdsa.GenerateKey(curve, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				return key
			}, 0)
			a.proves(t, l, usual, func(*qmidle, string) {})
		})
	}
}

// TestCertificatesThatAreRefused has charon show certificates that do not do: it is
// not let in, and not believed as responder; both are explained.
func TestCertificatesThatAreRefused(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, x := range map[string]struct {
		option pkitest.Option
		cause  string
		line   string
	}{
		"expired":       {pkitest.Dates(now.Add(-48*time.Hour), now.Add(-24*time.Hour)), "cert-expired (certain)", "%PKI-3-CERTIFICATE_INVALID_EXPIRED"},
		"not yet valid": {pkitest.Dates(now.Add(24*time.Hour), now.Add(48*time.Hour)), "cert-not-yet-valid-clock (certain)", "%PKI-3-CERTIFICATE_INVALID_NOT_YET_VALID"},
		"unknown CA":    {nil, "ca-unknown (certain)", "%CRYPTO-5-IKMP_INVAL_CERT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a := newAuthority(l, pkitest.ECKey, rsaKey, 0)
			issuer := a.root
			if x.option == nil {
				issuer = pkitest.Root("Other Root", pkitest.ECKey(), today())
				x.option = today()
			}
			a.spoke = issuer.Issue("spoke.example.com", rsaKey(), endOf(l.spoke), x.option)
			y := usual
			y.connection = "    send_cert = always\n"
			c := a.startSignedCharon(t, l, y, "spoke.example.com")
			q := a.startSigned(t, l, y, " revocation-check none\n")
			for role, up := range map[string]func(){"responder": func() {
				if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "5"); err == nil {
					t.Errorf("charon has come in:\n%s", out)
				}
			}, "initiator": func() {
				if received, err := ping(l.hub, 1); received != 0 || err != nil {
					t.Errorf("%d answers, %v", received, err)
				}
			}} {
				up()
				eventually(t, "the finding as "+role, 15*time.Second, func() (bool, string) {
					out := q.do(t, "explain peer "+l.hub.remoteGateway)
					return strings.Contains(out, x.cause), out
				})
				if text := q.debug(t); !strings.Contains(text, x.line) {
					t.Errorf("as %s: no %q in the log", role, x.line)
				}
				q.forget(t)
				c.waitSAs(t, 0, 0)
				q.do(t, "clear crypto isakmp")
			}
			q.end(t)
			c.end(t)
		})
	}
}

// TestCertificatesAreRenewed gives both ends other certificates with other keys while
// packets pass, and has phase 1 authenticated anew: no packet is lost.
func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := newAuthority(l, pkitest.ECKey, rsaKey, 0)
	renewed := func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Renewed"} }
	next := &authority{root: a.root, label: "NEXT", hub: a.root.Issue("hub.example.com", rsaKey(), today(), endOf(l.hub), renewed),
		spoke: a.root.Issue("spoke.example.com", rsaKey(), today(), endOf(l.spoke), renewed)}
	c := a.startSignedCharon(t, l, usual, "spoke.example.com")
	q := newQmidle(t, l, l.hub, raceDetector)
	a.keepKey(t, q, "LAB")
	next.keepKey(t, q, "NEXT")
	q.run(t, a.configText(q, usual, " revocation-check none\n"))
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	e, err := startEchoes(l.spoke, 100, 50*time.Millisecond, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	next.give(t, c, next.spoke)
	c.loadText(t, signedConfig(c.config(usual), "spoke.example.com"))
	q.write(t, next.configText(q, usual, " revocation-check none\n"))
	q.do(t, "reload")
	q.forget(t)
	c.swanctl(t, "--rekey", "--ike", "peer")
	eventually(t, "the renewed certificates in both logs", 15*time.Second, func() (bool, string) {
		ours, theirs := q.debug(t), c.log(t)
		return strings.Contains(ours, "constructing CERT payload for cn=hub.example.com,ou=Renewed,o=Lab") &&
			strings.Contains(theirs, "received end entity cert \"O=Lab, OU=Renewed, CN=hub.example.com\""), ours + theirs
	})
	if lost, err := e.lost(); err != nil || len(lost) != 0 {
		t.Errorf("%d echo requests were lost: %v", len(lost), err)
	}
	q.end(t)
	c.end(t)
}

// TestCertificatesWithLibreswan proves both ends to each other, whoever begins.
func TestCertificatesWithLibreswan(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := newAuthority(l, rsaKey, rsaKey, 0)
	config := fmt.Sprintf(`config setup
    ikev1-policy=accept
conn hub
    ikev2=no
    auto=add
    authby=rsasig
    left=%[1]s
    leftsubnet=%[2]s/24
    leftcert=spoke
    leftid=@spoke.example.com
    leftsendcert=always
    leftupdown=/bin/true
    right=%[3]s
    rightsubnet=%[4]s/24
    rightid=%[3]s
    rightca=%%same
    ike=aes128-sha1-modp2048
    esp=aes128-sha1
    pfs=no
`, l.spoke.outside, l.spoke.network, l.hub.outside, l.hub.network)
	p := newLibreswan(t, l, l.spoke, config, "")
	a.giveNSS(t, p)
	x := usual
	x.group = groups[3]
	q := a.startSigned(t, l, x, " revocation-check none\n")
	p.addConnection(t, "hub")
	p.whack(t, "--initiate", "--name", "hub")
	p.waitLog(t, "IPsec SA established tunnel mode")
	q.waitSAs(t, 1, 1)
	p.whack(t, "--terminate", "--name", "hub")
	q.waitSAs(t, 0, 0)
	p.forget()
	ping := q.client("ping", p.site.host, "source", q.site.inside, "repeat", "1")
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	q.waitSAs(t, 1, 1)
	ping.Wait()
	p.waitLog(t, "IPsec SA established tunnel mode")
	q.end(t)
	p.end(t)
}

// giveNSS puts the spoke's certificate with its key, and the CA, into pluto's store.
func (a *authority) giveNSS(t *testing.T, p *libreswan) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(a.spoke.Key)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "spoke-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	p.write(t, "spoke.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.spoke.Cert.Raw})))
	p.write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Cert.Raw})))
	file := func(name string) string { return filepath.Join(p.dir, name) }
	command(t, "openssl", "pkcs12", "-export", "-in", file("spoke.pem"), "-inkey", file("spoke-key.pem"), "-name", "spoke", "-passout", "pass:x", "-out", file("spoke.p12"))
	command(t, "pk12util", "-i", file("spoke.p12"), "-d", "sql:"+file("nss"), "-W", "x", "-K", "")
	command(t, "certutil", "-A", "-d", "sql:"+file("nss"), "-n", "CA", "-t", "CT,,", "-i", file("ca.pem"))
}
