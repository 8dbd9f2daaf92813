package clientfile

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1"
	"encoding/hex"
	"testing"
)

// obfuscate is what a client does.
func obfuscate(t *testing.T, seed []byte, plain string) string {
	t.Helper()
	block, err := des.NewTripleDESCipher(obfuscationKey(seed))
	if err != nil {
		t.Fatal(err)
	}
	pad := des.BlockSize - len(plain)%des.BlockSize
	sealed := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, seed[:des.BlockSize]).CryptBlocks(sealed, sealed)
	sum := sha1.Sum(sealed)
	return hex.EncodeToString(bytes.Join([][]byte{seed, sum[:], sealed}, nil))
}

// The text was made by openssl, and vpnc's own cisco-decrypt reads it so.
func TestReveal(t *testing.T) {
	const text = "6d7f0a1c993e25b0c1d2e3f405162738495a6bff32a5572bab38b49f228f0213e433657b26e454df5ec20f835e70a5a88d5c70ece7b2daa9cff40bca4d70c86b"
	seed, _ := hex.DecodeString(text[:2*sha1.Size])
	if got := obfuscate(t, seed, "an-example-group-key"); got != text {
		t.Errorf("obfuscated as %s", got)
	}
	s, err := reveal(text)
	if err != nil || string(s.Reveal()) != "an-example-group-key" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestRevealEveryLength(t *testing.T) {
	for n := range 40 {
		seed, plain := bytes.Repeat([]byte{byte(n), 0xff}, 10), string(bytes.Repeat([]byte{'x'}, n))
		if s, err := reveal(obfuscate(t, seed, plain)); err != nil || string(s.Reveal()) != plain {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

func TestRevealRefuses(t *testing.T) {
	good := obfuscate(t, make([]byte, 20), "an-example")
	for name, text := range map[string]string{
		"nothing": "", "no hex": "zz" + good[2:], "odd": good[1:], "short": good[:94], "half a block": good + "00",
		"changed": good[:len(good)-2] + "00", "another check": good[:40] + good[:40] + good[80:],
	} {
		if s, err := reveal(text); err == nil {
			t.Errorf("%s: %q", name, s.Reveal())
		}
	}
}
