package ipsec

import (
	"crypto/aes"
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// aesDecrypter is AES-CBC decryption with the processor's instructions, eight
// blocks at a time: unlike encryption, no block waits for the one before it, and
// crypto/cipher makes no use of that.
type aesDecrypter struct {
	rounds int
	keys   [15][aes.BlockSize]byte // of the equivalent inverse cipher (FIPS 197 section 5.3.5)
}

// hasAES says whether the processor has the instructions.
func hasAES() bool { return cpu.X86.HasAES }

// newAESDecrypter is for processors that can do it. The key has a valid length.
func newAESDecrypter(key []byte) *aesDecrypter {
	d := &aesDecrypter{rounds: len(key)/4 + 6}
	words := expandKey(key, 4*(d.rounds+1))
	for i := range d.rounds + 1 {
		round := &d.keys[d.rounds-i]
		for j := range 4 {
			binary.LittleEndian.PutUint32(round[4*j:], words[4*i+j])
		}
		if i > 0 && i < d.rounds {
			inverseColumns(round)
		}
	}
	clear(words)
	return d
}

// expandKey is the key expansion (FIPS 197 section 5.2), with words in the order
// of their octets in memory.
func expandKey(key []byte, n int) []uint32 {
	w, length := make([]uint32, n), len(key)/4
	for i := range length {
		w[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	constant := uint32(1)
	for i := length; i < n; i++ {
		next := w[i-1]
		switch {
		case i%length == 0:
			next = bits.RotateLeft32(substitute(next), -8) ^ constant
			constant <<= 1
			if constant > 0xff {
				constant ^= 0x11b
			}
		case length > 6 && i%length == 4:
			next = substitute(next)
		}
		w[i] = w[i-length] ^ next
	}
	return w
}

// clear overwrites the keys.
func (d *aesDecrypter) clear() { clear(d.keys[:]) }

// decrypt decrypts blocks; dst is src or does not overlap it.
func (d *aesDecrypter) decrypt(dst, src, iv []byte) {
	blocks := len(src) / aes.BlockSize
	if blocks == 0 {
		return
	}
	_, _ = dst[blocks*aes.BlockSize-1], iv[aes.BlockSize-1]
	decryptCBC(d.rounds, &d.keys[0][0], &dst[0], &src[0], blocks, &iv[0])
}

// decryptCBC reads the IV first.
//
//go:noescape
func decryptCBC(rounds int, keys, dst, src *byte, blocks int, iv *byte)

// substitute is SubWord: it replaces each octet by that of the S-box.
//
//go:noescape
func substitute(word uint32) uint32

// inverseColumns is InvMixColumns of a round key.
//
//go:noescape
func inverseColumns(key *[aes.BlockSize]byte)
