package keymat

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"
)

// The library opens what is encrypted here, of every length that fits.
func TestEncryptPKCS1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 128 - pkcs1Overhead + 1 {
		message := bytes.Repeat([]byte{byte(n)}, n)
		c, err := EncryptPKCS1(&key.PublicKey, rand.Reader, message)
		if err != nil || len(c) != 128 {
			t.Fatalf("%d octets: %d, %v", n, len(c), err)
		}
		if got, err := rsa.DecryptPKCS1v15(nil, key, c); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d octets: %x, %v", n, got, err)
		}
	}
	if _, err := EncryptPKCS1(&key.PublicKey, rand.Reader, make([]byte, 118)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if _, err := EncryptPKCS1(&key.PublicKey, bytes.NewReader(make([]byte, 5)), nil); err == nil {
		t.Error("no randomness is no error")
	}
	zeros := bytes.NewReader(append(make([]byte, 500), bytes.Repeat([]byte{1, 0}, 500)...))
	c, err := EncryptPKCS1(&key.PublicKey, zeros, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rsa.DecryptPKCS1v15(nil, key, c); err != nil || string(got) != "x" {
		t.Errorf("%x, %v", got, err)
	}
}
