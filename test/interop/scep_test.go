//go:build interop

package interop

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSCEP enrols with Debian's scepserver: authentication by fingerprint, a
// wrong challenge, a certificate, and its renewal by itself. The server says
// that it knows SHA-256 and AES, and answers with SHA-1 and DES.
func TestSCEP(t *testing.T) {
	l := newLab(t)
	depot := filepath.Join(l.dir, "depot")
	command(t, "scepserver", "ca", "-init", "-depot", depot, "-country", "US", "-organization", "LAB", "-organizational_unit", "LAB CA", "-keySize", "2048", "-years", "10")
	server := start(t, "scepserver", l.spoke.ns, nil, "scepserver", "-depot", depot, "-port", "18080", "-challenge", "s3cret", "-allowrenew", "0", "-crtvalid", "365", "-debug")
	server.printed(t, "18080")
	text, err := os.ReadFile(filepath.Join(depot, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	trustpoint := func(name, fingerprint, password string) string {
		return fmt.Sprintf("crypto pki trustpoint %s\n enrollment url http://%s:18080/scep\n enrollment retry count 1\n fingerprint %s\n subject-name cn=hub,o=LAB,c=US\n"+
			" qmidle legacy\n serial-number none\n ip-address none\n fqdn hub.lab.example\n password %s\n rsakeypair %s 2048\n", name, l.spoke.outside, fingerprint, password, name)
	}
	right := fmt.Sprintf("%X", sha256.Sum256(block.Bytes))
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.run(t, "hostname hub\n"+trustpoint("CA", right, "s3cret")+trustpoint("WRONG", right, "guess")+
		strings.Replace(trustpoint("STRICT", right, "s3cret"), " qmidle legacy\n", "", 1)+trustpoint("OTHER", strings.Repeat("00", 32), "s3cret")+"end\n")
	q.do(t, "debug crypto pki transactions")
	if out, err := q.try("crypto pki authenticate OTHER"); err == nil || !strings.Contains(out, "another fingerprint") {
		t.Errorf("another CA's fingerprint: %s", out)
	}
	for _, name := range []string{"CA", "WRONG"} {
		if out := q.do(t, "crypto pki authenticate "+name); !strings.Contains(out, "fingerprints matched") {
			t.Fatal(out)
		}
	}
	if out, err := q.try("crypto pki enroll WRONG"); err == nil || !strings.Contains(out, "badRequest (2)") {
		t.Errorf("a wrong challenge: %s", out)
	}
	began := time.Now()
	q.do(t, "crypto pki enroll CA")
	first := q.do(t, "show crypto pki certificates CA")
	t.Logf("enrolled in %v, with the making of the key", time.Since(began).Round(time.Millisecond))
	for _, want := range []string{"Status: Available", "cn=hub", "Name: hub.lab.example", "ou=LAB CA"} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in\n%s", want, first)
		}
	}
	q.do(t, "crypto pki enroll CA") // by the certificate that is there
	second := q.do(t, "show crypto pki certificates CA")
	if first == second || strings.Count(second, "Status: Available") != 2 {
		t.Errorf("the certificate is not renewed:\n%s", second)
	}
	if log := q.debug(t); !strings.Contains(log, "transaction RenewalReq completed") || strings.Count(log, "%CRYPTO-6-CERTRET") != 2 {
		t.Errorf("the log has no renewal:\n%s", log)
	}
	if out, err := q.try("crypto pki authenticate STRICT"); err != nil {
		t.Fatal(out)
	}
	if out, _ := q.try("crypto pki enroll STRICT"); !strings.Contains(out, "signed with SHA-1, which the trustpoint does not allow") {
		t.Errorf("SHA-1 where it is not allowed: %s", out)
	}
	// What nobody has saved is there when the daemon is started anew.
	q.end(t)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	q.run(t, "hostname hub\n"+trustpoint("CA", right, "s3cret")+"crypto pki certificate chain CA\n"+chainText("ca ", authority)+"end\n")
	if third := q.do(t, "show crypto pki certificates CA"); third != second {
		t.Errorf("after a restart:\n%s", third)
	}
	if out, err := q.try("crypto pki crl request CA"); err == nil || !strings.Contains(out, "CRL request failed") {
		t.Errorf("scepserver has no CRL to give: %s", out)
	}
	q.do(t, "write memory")
	saved, err := os.ReadFile(q.file())
	if err != nil || !strings.Contains(string(saved), "certificate ca ") || strings.Contains(string(saved), "PRIVATE") {
		t.Errorf("%v\n%s", err, saved)
	}
	q.end(t)
}
