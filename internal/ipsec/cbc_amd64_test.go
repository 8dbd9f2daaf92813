package ipsec

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math/rand/v2"
	"testing"
)

// TestAESDecrypter compares it with crypto/cipher, for every length of key, for
// all numbers of blocks up to a large packet's, in place and not.
func TestAESDecrypter(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	for _, n := range []int{16, 24, 32} {
		key := make([]byte, n)
		random.Read(key)
		if !hasAES() {
			return // crypto/cipher is used
		}
		d := newAESDecrypter(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		for blocks := range 100 {
			iv, src := make([]byte, 16), make([]byte, 16*blocks)
			random.Read(iv)
			random.Read(src)
			want := make([]byte, len(src))
			cipher.NewCBCDecrypter(block, iv).CryptBlocks(want, src)
			got := make([]byte, len(src)+1)
			d.decrypt(got[1:], src, iv)
			if !bytes.Equal(got[1:], want) || got[0] != 0 {
				t.Fatalf("key of %d octets, %d blocks: %x, want %x", n, blocks, got[1:], want)
			}
			d.decrypt(src, src, iv)
			if !bytes.Equal(src, want) {
				t.Fatalf("key of %d octets, %d blocks in place: %x, want %x", n, blocks, src, want)
			}
		}
	}
}

func (d *aesDecrypter) cleared() bool { return d.keys == [15][aes.BlockSize]byte{} }
