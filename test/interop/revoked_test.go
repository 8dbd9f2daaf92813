//go:build interop

package interop

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qmidle/internal/pki/pkitest"
	"qmidle/test/netns"
)

// serveAt answers HTTP at the spoke's outside address.
func serveAt(t *testing.T, s *site, port int, h http.Handler) {
	t.Helper()
	var listener net.Listener
	err := netns.Do(s.ns, func() (err error) {
		listener, err = net.Listen("tcp", fmt.Sprintf("%s:%d", s.outside, port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// startResponder runs `openssl ocsp` for certificates of a CA, some of them
// revoked.
func startResponder(t *testing.T, l *lab, port int, root *pkitest.Authority, known map[*x509.Certificate]bool) {
	t.Helper()
	var index strings.Builder
	for c, revoked := range known {
		state, at := "V", ""
		if revoked {
			state, at = "R", time.Now().UTC().Add(-time.Minute).Format("060102150405Z")+",keyCompromise"
		}
		serial := fmt.Sprintf("%X", c.SerialNumber)
		if len(serial)%2 == 1 {
			serial = "0" + serial
		}
		fmt.Fprintf(&index, "%s\t%s\t%s\t%s\tunknown\t/CN=%s\n", state, c.NotAfter.UTC().Format("060102150405Z"), at, serial, c.Subject.CommonName)
	}
	key, err := x509.MarshalPKCS8PrivateKey(root.Key)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(l.dir, name) }
	for name, text := range map[string][]byte{"index.txt": []byte(index.String()), "index.txt.attr": []byte("unique_subject = no\n"),
		"root.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Cert.Raw}), "root.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(at(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, "openssl ocsp", l.spoke.ns, nil, "openssl", "ocsp", "-index", at("index.txt"), "-CA", at("root.pem"), "-rsigner", at("root.pem"), "-rkey", at("root.key"),
		"-port", fmt.Sprint(port), "-rmd", "sha256", "-nmin", "60").printed(t, "waiting for OCSP client connections")
}

// TestPeersThatAreRevoked asks a web server or `openssl ocsp` about charon's
// certificate while charon waits for the last message of main mode.
func TestPeersThatAreRevoked(t *testing.T) {
	t.Parallel()
	const listPort, responderPort = 8080, 8081
	for name, x := range map[string]struct {
		below   string
		served  bool // is there a web server
		slow    time.Duration
		revoked bool
		up      bool
		asked   string // in what the daemon shows
	}{
		"a list that lets wait":    {" revocation-check crl\n", true, 3 * time.Second, false, true, "Revoked: 0"},
		"on the list":              {" revocation-check crl\n", true, 0, true, false, "Revoked: 1"},
		"good to the responder":    {" revocation-check ocsp\n", false, 0, false, true, ""},
		"revoked to the responder": {" revocation-check ocsp\n", false, 0, true, false, ""},
		"nobody, and none":         {" revocation-check crl none\n", false, 0, false, true, "refuses the connection"},
		"nobody":                   {" revocation-check crl\n", false, 0, false, false, "refuses the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a := newAuthority(l, pkitest.ECKey, rsaKey, 0, func(c *x509.Certificate) {
				c.CRLDistributionPoints = []string{fmt.Sprintf("http://%s:%d/lab.crl", l.spoke.outside, listPort)}
				c.OCSPServer = []string{fmt.Sprintf("http://%s:%d/", l.spoke.outside, responderPort)}
			})
			var gone []*x509.Certificate
			if x.revoked {
				gone = append(gone, a.spoke.Cert)
			}
			if x.served {
				list := a.root.CRLFrom(time.Now().Add(-time.Minute), time.Now().Add(time.Hour), gone...)
				serveAt(t, l.spoke, listPort, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select { // as a server far away lets wait
					case <-time.After(x.slow):
						_, _ = w.Write(list)
					case <-r.Context().Done():
					}
				}))
			}
			if strings.Contains(x.below, "ocsp") {
				startResponder(t, l, responderPort, a.root, map[*x509.Certificate]bool{a.hub.Cert: false, a.spoke.Cert: x.revoked})
			}
			y := usual
			y.connection = "    send_cert = always\n"
			c := a.startSignedCharon(t, l, y, "spoke.example.com")
			q := a.startSigned(t, l, y, x.below)
			out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "12")
			if up := err == nil; up != x.up {
				t.Errorf("charon is in: %v\n%s", up, out)
			}
			if x.up {
				q.waitSAs(t, 1, 1)
				wantPing(t, l.spoke, 1)
			}
			if shown := q.do(t, "show crypto pki crls"); !strings.Contains(shown, x.asked) {
				t.Errorf("the lists are\n%s", shown)
			}
			if text := q.debug(t); strings.Contains(text, "%PKI-3-CERTIFICATE_REVOKED") != x.revoked {
				t.Errorf("the log is\n%s", text)
			}
			q.end(t)
			c.end(t)
		})
	}
}

// TestRevokedWhileUp revokes charon's certificate while its tunnel is up. The SAs that
// are there stay; the next phase 1 is refused, and so is the tunnel once it is cleared.
func TestRevokedWhileUp(t *testing.T) {
	t.Parallel()
	const listPort = 8082
	l := newLab(t)
	a := newAuthority(l, pkitest.ECKey, rsaKey, 0, func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{fmt.Sprintf("http://%s:%d/lab.crl", l.spoke.outside, listPort)}
	})
	var list atomic.Pointer[[]byte]
	publish := func(gone ...*x509.Certificate) {
		b := a.root.CRLFrom(time.Now().Add(-time.Minute), time.Now().Add(time.Hour), gone...)
		list.Store(&b)
	}
	publish()
	serveAt(t, l.spoke, listPort, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*list.Load()) }))
	y := usual
	y.connection = "    send_cert = always\n"
	c := a.startSignedCharon(t, l, y, "spoke.example.com")
	q := a.startSigned(t, l, y, " revocation-check crl\n")
	c.swanctl(t, "--initiate", "--child", "net")
	q.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 1)

	publish(a.spoke.Cert)
	q.do(t, "crypto pki crl request LAB")
	q.forget(t)
	if out, err := c.trySwanctl("--rekey", "--ike", "peer"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	eventually(t, "the refusal", 20*time.Second, func() (bool, string) {
		text := q.debug(t)
		return strings.Contains(text, "%PKI-3-CERTIFICATE_REVOKED"), text
	})
	if sas := q.espSAs(t); len(sas) != 2 { // charon has given its own up with the phase 1 that failed
		t.Errorf("%d IPsec SAs here", len(sas))
	}
	q.do(t, "clear crypto session")
	if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "8"); err == nil {
		t.Errorf("charon is in with a revoked certificate:\n%s", out)
	}
	if sas := q.espSAs(t); len(sas) > 0 {
		t.Errorf("%d IPsec SAs", len(sas))
	}
	q.end(t)
	c.end(t)
}
