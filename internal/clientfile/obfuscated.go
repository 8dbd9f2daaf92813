package clientfile

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"

	"qmidle/internal/secret"
)

var errObfuscated = errors.New("the obfuscated password is damaged")

// reveal undoes the obfuscation of enc_GroupPwd and enc_UserPassword, published in
// 2005 and used by every client since: 20 octets of seed, the SHA-1 of the
// ciphertext, and the ciphertext of 3DES in CBC mode. The key comes from the seed
// alone.
func reveal(text string) (secret.Secret, error) {
	b, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) < 2*sha1.Size+des.BlockSize || (len(b)-2*sha1.Size)%des.BlockSize != 0 {
		return secret.Secret{}, errObfuscated
	}
	seed, check, sealed := b[:sha1.Size], b[sha1.Size:2*sha1.Size], b[2*sha1.Size:]
	if sum := sha1.Sum(sealed); subtle.ConstantTimeCompare(sum[:], check) != 1 {
		return secret.Secret{}, errObfuscated
	}
	block, err := des.NewTripleDESCipher(obfuscationKey(seed))
	if err != nil {
		return secret.Secret{}, errObfuscated
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, seed[:des.BlockSize]).CryptBlocks(plain, sealed)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > des.BlockSize {
		return secret.Secret{}, errObfuscated
	}
	return secret.New(plain[:len(plain)-pad]), nil
}

// obfuscationKey is 24 octets of two hashes of the seed, whose last octet counts on
// by one and then by two.
func obfuscationKey(seed []byte) []byte {
	s := [sha1.Size]byte(seed)
	s[sha1.Size-1]++
	first := sha1.Sum(s[:])
	s[sha1.Size-1] += 2
	second := sha1.Sum(s[:])
	return append(first[:], second[:4]...)
}
