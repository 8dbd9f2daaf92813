//go:build interop

package interop

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qmidle/internal/pki"
)

// opensslConfig is that of a CA of the hierarchy: its folder, its
// name, and lines of extensions.
const opensslConfig = `[ca]
default_ca = lab
[lab]
database = %[1]s/index.txt
serial = %[1]s/serial
crlnumber = %[1]s/crlnumber
new_certs_dir = %[1]s
certificate = %[1]s/cert.pem
private_key = %[1]s/key.pem
default_md = sha256
default_days = 365
default_crl_days = 7
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
prompt = no
[dn]
O = Lab
CN = %[2]s
[ca_ext]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
%[3]s
[leaf_ext]
keyUsage = critical,digitalSignature
subjectAltName = DNS:%[2]s.lab.example,IP:192.0.2.1
%[3]s
[ocsp_ext]
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
`

// opensslCA is a certificate with its key and its folder.
type opensslCA struct {
	dir  string
	cert *x509.Certificate
}

func (c *opensslCA) file(name string) string { return filepath.Join(c.dir, name) }

func newOpenSSL(t *testing.T, above *opensslCA, name, extensions string) *opensslCA {
	t.Helper()
	return newOpenSSLNaming(t, above, name, extensions, "")
}

// newOpenSSLNaming has lines of its own after those of ca_ext and leaf_ext: the
// places of lists and responders.
func newOpenSSLNaming(t *testing.T, above *opensslCA, name, extensions, places string) *opensslCA {
	t.Helper()
	c := &opensslCA{dir: filepath.Join(t.TempDir(), name)}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{"ca.cnf": fmt.Sprintf(opensslConfig, c.dir, name, places), "index.txt": "", "serial": "1000\n", "crlnumber": "01\n"} {
		if err := os.WriteFile(c.file(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-config", c.file("ca.cnf"), "-keyout", c.file("key.pem"), "-out", c.file("req.pem"))
	if above == nil {
		command(t, "openssl", "x509", "-req", "-in", c.file("req.pem"), "-signkey", c.file("key.pem"), "-days", "3650", "-extfile", c.file("ca.cnf"),
			"-extensions", extensions, "-out", c.file("cert.pem"))
	} else {
		command(t, "openssl", "ca", "-batch", "-notext", "-config", above.file("ca.cnf"), "-in", c.file("req.pem"), "-extfile", c.file("ca.cnf"),
			"-extensions", extensions, "-out", c.file("cert.pem"))
	}
	text, err := os.ReadFile(c.file("cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if c.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *opensslCA) revoke(t *testing.T, leaf *opensslCA) {
	t.Helper()
	command(t, "openssl", "ca", "-config", c.file("ca.cnf"), "-revoke", leaf.file("cert.pem"), "-crl_reason", "keyCompromise")
}

func (c *opensslCA) crl(t *testing.T) *pki.CRL {
	t.Helper()
	command(t, "openssl", "ca", "-config", c.file("ca.cnf"), "-gencrl", "-out", c.file("crl.pem"))
	command(t, "openssl", "crl", "-in", c.file("crl.pem"), "-outform", "der", "-out", c.file("crl.der"))
	der, err := os.ReadFile(c.file("crl.der"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := pki.ReadCRL(bytes.NewReader(der))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestOpenSSLHierarchy judges certificates of three levels of CAs of OpenSSL's
// making, by its revocation lists, and by its OCSP responder with a certificate
// of its own.
func TestOpenSSLHierarchy(t *testing.T) {
	root := newOpenSSL(t, nil, "root", "ca_ext")
	sub := newOpenSSL(t, root, "sub", "ca_ext")
	issuing := newOpenSSL(t, sub, "issuing", "ca_ext")
	good, bad := newOpenSSL(t, issuing, "good", "leaf_ext"), newOpenSSL(t, issuing, "bad", "leaf_ext")
	responder := newOpenSSL(t, issuing, "ocsp", "ocsp_ext")
	issuing.revoke(t, bad)
	trust := pki.Trust{Anchors: []*x509.Certificate{root.cert}}
	between := []*x509.Certificate{sub.cert, issuing.cert}
	list := issuing.crl(t)
	for _, test := range []struct {
		leaf *opensslCA
		want pki.Reason
	}{{good, pki.Valid}, {bad, pki.Revoked}} {
		now := time.Now()
		if v := pki.VerifyChain(now, test.leaf.cert, between, trust, pki.ForIKE); !v.OK() || len(v.Chain) != 4 {
			t.Errorf("%s: %s", test.leaf.cert.Subject.CommonName, v.Text())
		}
		v := pki.CheckCRL(now, list, test.leaf.cert, issuing.cert, false)
		if v.Reason != test.want || v.Reason == pki.Revoked && v.Revocation.String() != "key compromise" {
			t.Errorf("CRL: %s", v.Text())
		}
		if v := ocspVerdict(t, issuing, responder, test.leaf); v.Reason != test.want {
			t.Errorf("OCSP: %s", v.Text())
		}
	}
	if v := pki.VerifyChain(time.Now(), good.cert, between[:1], trust, pki.ForIKE); v.Reason != pki.UnknownCA {
		t.Errorf("a level is missing: %s", v.Text())
	}
	// A certificate of the CA's, but for another purpose, is no responder's.
	if v := ocspVerdict(t, issuing, good, good); v.Reason != pki.RevocationInvalid {
		t.Errorf("a responder without the purpose: %s", v.Text())
	}
}

// ocspVerdict asks openssl ocsp, with a nonce that has to come back.
func ocspVerdict(t *testing.T, ca, responder, leaf *opensslCA) pki.Verdict {
	t.Helper()
	nonce := []byte("0123456789abcdef")
	request, err := pki.OCSPRequest(leaf.cert, ca.cert, nonce, false)
	if err != nil {
		t.Fatal(err)
	}
	in, out := leaf.file("ocsp.req"), leaf.file("ocsp.resp")
	if err := os.WriteFile(in, request, 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "openssl", "ocsp", "-index", ca.file("index.txt"), "-CA", ca.file("cert.pem"), "-rsigner", responder.file("cert.pem"),
		"-rkey", responder.file("key.pem"), "-rmd", "sha256", "-nmin", "60", "-reqin", in, "-respout", out)
	body, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, nonce) {
		t.Error("the nonce does not come back")
	}
	return pki.CheckOCSP(time.Now(), body, leaf.cert, ca.cert, nonce, false)
}
