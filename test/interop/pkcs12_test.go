//go:build interop

package interop

import (
	"os"
	"strings"
	"testing"
	"time"

	"qmidle/internal/keystore"
	"qmidle/internal/secret"
)

// TestPKCS12WithOpenSSL carries a key with its certificates to OpenSSL and back,
// in today's and in old forms.
func TestPKCS12WithOpenSSL(t *testing.T) {
	root := newOpenSSL(t, nil, "root", "ca_ext")
	leaf := newOpenSSL(t, root, "good", "leaf_ext")
	passphrase := secret.FromString("correct-horse")
	store := keystore.InMemory()
	for name, options := range map[string][]string{"today's": nil, "3DES": {"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"}, "as of old": {"-legacy"}} {
		file := leaf.file("theirs.p12")
		command(t, "openssl", append([]string{"pkcs12", "-export", "-inkey", leaf.file("key.pem"), "-in", leaf.file("cert.pem"), "-certfile", root.file("cert.pem"),
			"-passout", "pass:correct-horse", "-out", file}, options...)...)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b, err := keystore.ReadPKCS12(data, passphrase)
		if err != nil || !b.Certificate.Equal(leaf.cert) || len(b.Authorities) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := store.Import(time.Now(), "K", b, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, old := range []bool{false, true} {
		data, err := store.ExportPKCS12("K", leaf.cert, nil, passphrase, old)
		if err == nil {
			err = os.WriteFile(leaf.file("ours.p12"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		out := command(t, "openssl", "pkcs12", "-in", leaf.file("ours.p12"), "-passin", "pass:correct-horse", "-noenc")
		if !strings.Contains(out, "BEGIN PRIVATE KEY") || !strings.Contains(out, "CN = good") && !strings.Contains(out, "CN=good") {
			t.Errorf("old %v: OpenSSL reads\n%s", old, out)
		}
	}
	text, err := store.ExportPEM("K", passphrase, true)
	if err == nil {
		err = os.WriteFile(leaf.file("ours.pem"), []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out := command(t, "openssl", "rsa", "-in", leaf.file("ours.pem"), "-passin", "pass:correct-horse", "-check", "-noout"); !strings.Contains(out, "RSA key ok") {
		t.Error(out)
	}
	command(t, "openssl", "rsa", "-in", leaf.file("key.pem"), "-aes256", "-traditional", "-passout", "pass:correct-horse", "-out", leaf.file("theirs.pem"))
	theirs, err := os.ReadFile(leaf.file("theirs.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := store.ImportPEM(time.Now(), "L", string(theirs), passphrase, false); err != nil || !got.Public.Equal(leaf.cert.PublicKey) {
		t.Error(err)
	}
}
