package keymat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
	"io"

	"qmidle/internal/isakmp"
)

// CipherKeyLen returns the octets of key that phase 1 cipher e takes when its
// Key Length attribute said keyBits; keyBits is 0 where the attribute was
// absent. A cipher of fixed length allows no attribute (RFC 2409 appendix A),
// and AES without one is AES-128 (RFC 3602's default size). ok is
// false for a cipher or a length that is not supported.
func CipherKeyLen(e isakmp.EncryptionAlgorithm, keyBits uint16) (octets int, ok bool) {
	switch e {
	case isakmp.EncrDESCBC:
		return desKeyLen, keyBits == 0
	case isakmp.Encr3DESCBC:
		return tripleDESKeyLen, keyBits == 0
	case isakmp.EncrAESCBC:
		return aesKeyLen(keyBits)
	}
	return 0, false
}

// CipherBlockSize returns the octets of e's block, which is also its IV's
// length, or 0 when e is not supported.
func CipherBlockSize(e isakmp.EncryptionAlgorithm) int {
	switch e {
	case isakmp.EncrDESCBC, isakmp.Encr3DESCBC:
		return des.BlockSize
	case isakmp.EncrAESCBC:
		return aes.BlockSize
	}
	return 0
}

const (
	desKeyLen       = 8
	tripleDESKeyLen = 24
)

func aesKeyLen(keyBits uint16) (octets int, ok bool) {
	switch keyBits {
	case 0, 128:
		return 16, true
	case 192:
		return 24, true
	case 256:
		return 32, true
	}
	return 0, false
}

// Cipher is phase 1's cipher with its key. It holds no IV, so one Cipher serves
// every exchange of an ISAKMP SA, and may be used by several goroutines.
//
// The key stands behind a closure, which fmt cannot look into from wherever the Cipher
// is kept. It is expanded for each message, which takes less than the message does:
// there are few, and ten thousand expanded ones would take five megabytes.
type Cipher struct {
	size  int
	block func() cipher.Block
}

// NewCipher returns cipher e with key, whose length must be one of e's. DES
// parity bits are ignored.
func NewCipher(e isakmp.EncryptionAlgorithm, key []byte) (*Cipher, error) {
	if _, err := newBlock(e, key); err != nil {
		return nil, fmt.Errorf("phase 1 cipher %d: %w", e, err)
	}
	key = bytes.Clone(key)
	return &Cipher{CipherBlockSize(e), func() cipher.Block {
		block, _ := newBlock(e, key) // a key that was good is so again
		return block
	}}, nil
}

func newBlock(e isakmp.EncryptionAlgorithm, key []byte) (cipher.Block, error) {
	switch e {
	case isakmp.EncrDESCBC:
		return des.NewCipher(key)
	case isakmp.Encr3DESCBC:
		return des.NewTripleDESCipher(key)
	case isakmp.EncrAESCBC:
		return aes.NewCipher(key)
	}
	return nil, fmt.Errorf("not supported")
}

// BlockSize returns the octets of a block and of an IV.
func (c *Cipher) BlockSize() int { return c.size }

// Encrypt encrypts data in place in CBC mode. iv is one block and stays as it
// is. It panics when data is not whole blocks.
func (c *Cipher) Encrypt(iv, data []byte) {
	cipher.NewCBCEncrypter(c.block(), iv).CryptBlocks(data, data)
}

// Decrypt decrypts data in place in CBC mode. iv is one block and stays as it
// is. It panics when data is not whole blocks: check what came from the wire.
func (c *Cipher) Decrypt(iv, data []byte) {
	cipher.NewCBCDecrypter(c.block(), iv).CryptBlocks(data, data)
}

// Format implements fmt.Formatter and shows nothing of the key.
func (c *Cipher) Format(f fmt.State, _ rune) { io.WriteString(f, shown) }

// shown is what every type of this package that holds a key prints.
const shown = "<secret>"
