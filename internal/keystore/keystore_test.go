package keystore_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"qmidle/internal/keystore"
	"qmidle/internal/pki/pkitest"
	"qmidle/internal/secret"
)

var now = time.Date(2026, 4, 17, 19, 50, 59, 0, time.UTC)

func open(t *testing.T, dir, passphrase string) *keystore.Store {
	t.Helper()
	s, err := keystore.Open(dir, secret.FromString(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeysAreKept(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse"} {
		dir := filepath.Join(t.TempDir(), "keys")
		s := open(t, dir, passphrase)
		made, err := s.Generate(now, "r1.example.com", 1024, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Generate(now, "../odd/label", 1024, false); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(dir + "/*")
		if len(files) != 2 {
			t.Fatalf("%q", files)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", f, info.Mode(), err)
			}
			text, _ := os.ReadFile(f)
			if clear := strings.Contains(string(text), "BEGIN PRIVATE KEY"); clear != (passphrase == "") {
				t.Errorf("with passphrase %q the file is in clear: %v", passphrase, clear)
			}
		}
		again := open(t, dir, passphrase).List()
		if len(again) != 2 || again[1].Label != made.Label || !again[1].Public.Equal(made.Public) || !again[1].Exportable || again[0].Exportable ||
			!again[1].Generated.Equal(now) {
			t.Errorf("%+v", again)
		}
		if err := s.Zeroize(made.Label); err != nil {
			t.Error(err)
		}
		if err := s.Zeroize(made.Label); err == nil {
			t.Error("what is gone is destroyed once more")
		}
		if left := open(t, dir, passphrase).List(); len(left) != 1 {
			t.Errorf("%+v", left)
		}
	}
}

func TestKeyFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, "correct horse")
	if _, err := s.Generate(now, "a", 1024, false); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a.key")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, passphrase, want string) {
		t.Helper()
		if _, err := keystore.Open(dir, secret.FromString(passphrase)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	refused("no passphrase", "", "there is no passphrase")
	refused("another passphrase", "battery staple", "passphrase is another")
	write(strings.Replace(string(text), "Label: a", "Label: b", 1), 0o600)
	refused("another label", "correct horse", "was changed")
	write(string(text), 0o640)
	refused("a file that others can read", "correct horse", "can be read by others")
	write("nothing", 0o600)
	refused("no key", "correct horse", "no key in it")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", file); err != nil {
		t.Fatal(err)
	}
	refused("a link", "correct horse", "symbolic link")
}

func TestExportAndImport(t *testing.T) {
	s := keystore.InMemory()
	made, err := s.Generate(now, "a", 1024, true)
	if err != nil {
		t.Fatal(err)
	}
	pass := secret.FromString("correct horse")
	for _, strong := range []bool{false, true} {
		text, err := s.ExportPEM("a", pass, strong)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.ImportPEM(now, "b", text, pass, false)
		if err != nil || !got.Public.Equal(made.Public) {
			t.Errorf("%v", err)
		}
		if _, err := s.ImportPEM(now, "b", text, secret.FromString("battery staple"), false); err == nil {
			t.Error("another passphrase is good enough")
		}
	}
	if _, err := s.ExportPEM("b", pass, true); err == nil || !strings.Contains(err.Error(), "not exportable") {
		t.Errorf("%v", err)
	}
	if _, err := s.ExportPEM("a", secret.FromString("short"), true); err == nil {
		t.Error("a short passphrase is good enough")
	}
	for _, text := range []string{"", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := s.ImportPEM(now, "c", text, pass, false); err == nil {
			t.Errorf("%q is imported", text)
		}
	}
	for _, bits := range []int{0, 512, 8192} {
		if _, err := s.Generate(now, "c", bits, false); err == nil {
			t.Errorf("%d bits are made", bits)
		}
	}
}

// files is a store that imports PKCS #12 files.
type files struct{ *keystore.Store }

func (s files) importFile(label string, data []byte, passphrase string, exportable bool) (keystore.Bundle, error) {
	b, err := keystore.ReadPKCS12(data, secret.FromString(passphrase))
	if err == nil {
		_, err = s.Import(now, label, b, exportable)
	}
	return b, err
}

func TestPKCS12(t *testing.T) {
	root := pkitest.Root("Root", pkitest.ECKey())
	key := pkitest.RSAKey(2048)
	leaf := root.Issue("r1", key)
	data, err := pkcs12.Modern.Encode(key, leaf.Cert, []*x509.Certificate{root.Cert}, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	s := files{keystore.InMemory()}
	b, err := s.importFile("P12", data, "s3cret", false)
	if err != nil || !b.Certificate.Equal(leaf.Cert) || len(b.Authorities) != 1 {
		t.Fatalf("%v %+v", err, b)
	}
	if k, ok := s.Key("P12"); !ok || !key.PublicKey.Equal(k.Public()) || b.Kind() != keystore.RSA || s.List()[0].Bits() != 2048 {
		t.Error("the key is not there")
	}
	if _, err := s.importFile("x", data, "wrong", false); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("%v", err)
	}
	ec, err := pkcs12.Modern.Encode(root.Key, root.Cert, nil, "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	b, err = s.importFile("EC", ec, "s3cret", true)
	if err != nil || b.Kind() != keystore.EC || s.List()[0].Bits() != 256 {
		t.Errorf("%v %+v", err, b)
	}
	pass := secret.FromString("correct horse")
	for _, old := range []bool{false, true} {
		if _, err := s.ExportPKCS12("P12", leaf.Cert, nil, pass, old); err == nil || !strings.Contains(err.Error(), "not exportable") {
			t.Errorf("%v", err)
		}
		out, err := s.ExportPKCS12("EC", root.Cert, []*x509.Certificate{leaf.Cert}, pass, old)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := keystore.ReadPKCS12(out, pass); err != nil || !again.Certificate.Equal(root.Cert) || len(again.Authorities) != 1 {
			t.Errorf("%v %+v", err, again)
		}
	}
	if _, err := s.ExportPKCS12("EC", leaf.Cert, nil, pass, false); err == nil {
		t.Error("a certificate is exported with another key")
	}
}

func TestECKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	s := open(t, dir, "correct horse")
	pass := secret.FromString("battery staple")
	for _, bits := range []int{256, 384, 521} {
		made, err := s.GenerateEC(now, "e", bits, true)
		if err != nil || made.Kind() != keystore.EC || made.Bits() != bits {
			t.Fatalf("%v %+v", err, made)
		}
		if again := open(t, dir, "correct horse").List(); len(again) != 1 || !again[0].Public.Equal(made.Public) {
			t.Errorf("%+v", again)
		}
		text, err := s.ExportPEM("e", pass, true)
		if err != nil || !strings.Contains(text, "BEGIN EC PRIVATE KEY") {
			t.Fatal(err)
		}
		if got, err := keystore.InMemory().ImportPEM(now, "f", text, pass, false); err != nil || !got.Public.Equal(made.Public) {
			t.Error(err)
		}
	}
	if err := s.Promote("e", "f"); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir, "correct horse").List(); len(again) != 1 || again[0].Label != "f" {
		t.Errorf("%+v", again)
	}
	if _, err := s.GenerateEC(now, "g", 224, false); err == nil {
		t.Error("a key of 224 bits is made")
	}
}

func FuzzImport(f *testing.F) {
	s := keystore.InMemory()
	if _, err := s.Generate(now, "a", 1024, true); err != nil {
		f.Fatal(err)
	}
	text, err := s.ExportPEM("a", secret.FromString("correct horse"), true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(text))
	f.Add(make([]byte, 8))
	f.Fuzz(func(t *testing.T, data []byte) {
		pass := secret.FromString("correct horse")
		_, _ = s.ImportPEM(now, "b", string(data), pass, false)
		_, _ = keystore.ReadPKCS12(data, pass)
	})
}
