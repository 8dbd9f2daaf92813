package keymat

import (
	"crypto/rsa"
	"errors"
	"io"

	"filippo.io/bigmod"
)

// ErrTooLong says that an RSA key is too short for what is to be encrypted.
var ErrTooLong = errors.New("the RSA key is too short for the message")

// pkcs1Overhead is the least padding of PKCS #1 v1.5, in octets: 0, 2, eight of
// padding and 0.
const pkcs1Overhead = 11

// EncryptPKCS1 encrypts a message under an RSA public key in the padding of PKCS #1
// v1.5 (RFC 8017 section 7.2.1), as encrypted nonces are (RFC 2409 section 5.2). The
// ciphertext is as long as the key. The library's own function draws its padding
// from a source of its own; this one from rand, so that a run from a seed is the
// same each time.
func EncryptPKCS1(key *rsa.PublicKey, rand io.Reader, message []byte) ([]byte, error) {
	size := key.Size()
	if len(message) > size-pkcs1Overhead {
		return nil, ErrTooLong
	}
	padded := make([]byte, size)
	padded[1] = 2
	padding := padded[2 : size-len(message)-1]
	if err := nonZero(rand, padding); err != nil {
		return nil, err
	}
	copy(padded[size-len(message):], message)
	modulus, err := bigmod.NewModulus(key.N.Bytes())
	if err != nil {
		return nil, err
	}
	m, err := bigmod.NewNat().SetBytes(padded, modulus)
	if err != nil {
		return nil, err
	}
	return bigmod.NewNat().ExpShortVarTime(m, uint(key.E), modulus).Bytes(modulus), nil
}

// nonZero fills b with random octets none of which is zero.
func nonZero(rand io.Reader, b []byte) error {
	for len(b) > 0 {
		if _, err := io.ReadFull(rand, b); err != nil {
			return err
		}
		kept := 0
		for _, x := range b {
			if x != 0 {
				b[kept] = x
				kept++
			}
		}
		b = b[kept:]
	}
	return nil
}
