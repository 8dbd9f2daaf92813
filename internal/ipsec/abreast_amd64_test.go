package ipsec

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"math/rand/v2"
	"testing"
)

// TestAESAbreast compares it with crypto/cipher, for every length of key, for all
// numbers of messages, of equal lengths and of different ones.
func TestAESAbreast(t *testing.T) {
	random := rand.NewChaCha8([32]byte{8})
	numbers := rand.New(random)
	for _, n := range []int{16, 24, 32} {
		key := make([]byte, n)
		random.Read(key)
		if !hasAES() {
			return // crypto/cipher is used
		}
		a := newAESAbreast(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		for count := range Abreast + 1 {
			for range 40 {
				messages, want := make([][]byte, count), make([][]byte, count)
				blocks := numbers.IntN(100)
				for i := range messages {
					if numbers.IntN(2) == 0 {
						blocks = numbers.IntN(100)
					}
					messages[i] = make([]byte, 16+16*blocks)
					random.Read(messages[i])
					want[i] = bytes.Clone(messages[i])
					cipher.NewCBCEncrypter(block, want[i][:16]).CryptBlocks(want[i][16:], want[i][16:])
				}
				a.encrypt(messages)
				for i := range messages {
					if !bytes.Equal(messages[i], want[i]) {
						t.Fatalf("key of %d octets, message %d of %d, %d octets: %x, want %x", n, i, count, len(want[i]), messages[i], want[i])
					}
				}
			}
		}
	}
}

func (a *aesAbreast) cleared() bool { return a.keys == [15][aes.BlockSize]byte{} }
