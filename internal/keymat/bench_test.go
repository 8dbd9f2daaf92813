package keymat

import (
	"crypto/rand"
	"fmt"
	"testing"

	"qmidle/internal/isakmp"
)

func BenchmarkGenerateKeyPair(b *testing.B) {
	for _, g := range allGroups {
		b.Run(fmt.Sprintf("group%d", g), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustKeyPair(b, g, rand.Reader)
			}
		})
	}
}

func BenchmarkSharedSecret(b *testing.B) {
	for _, g := range allGroups {
		b.Run(fmt.Sprintf("group%d", g), func(b *testing.B) {
			k, peer := mustKeyPair(b, g, rand.Reader), mustKeyPair(b, g, rand.Reader).Public()
			b.ReportAllocs()
			for b.Loop() {
				mustShare(b, k, peer)
			}
		})
	}
}

func BenchmarkPRF(b *testing.B) {
	key, msg := make([]byte, 32), make([]byte, 300)
	for _, h := range allHashes {
		b.Run(fmt.Sprintf("hash%d", h), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				PRF(h, key, msg)
			}
		})
	}
}

func BenchmarkQuickModeMessage(b *testing.B) {
	c, err := NewCipher(isakmp.EncrAESCBC, make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	phase1 := Phase1IV(isakmp.HashSHA1, nil, nil, 16)
	msg := make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		iv := phase1.ForMessage(isakmp.HashSHA1, 7, 16)
		c.Decrypt(iv.Bytes(), msg)
		iv.Advance(msg)
	}
}
