package keymat

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"

	"qmidle/internal/isakmp"
)

// maxHashSize is the longest digest in octets, SHA-512's.
const maxHashSize = sha512.Size

// HashSupported says whether h can be hash and PRF of a phase 1. Tiger cannot.
func HashSupported(h isakmp.HashAlgorithm) bool { return HashSize(h) != 0 }

// HashSize returns the octets of h's digest, which is also the PRF's output, or
// 0 when h is not supported.
func HashSize(h isakmp.HashAlgorithm) int {
	switch h {
	case isakmp.HashMD5:
		return md5.Size
	case isakmp.HashSHA1:
		return sha1.Size
	case isakmp.HashSHA256:
		return sha256.Size
	case isakmp.HashSHA384:
		return sha512.Size384
	case isakmp.HashSHA512:
		return sha512.Size
	}
	return 0
}

// Hash returns the digest of parts, one after the other: "hash()" of RFC 2409
// section 3.2.
func Hash(h isakmp.HashAlgorithm, parts ...[]byte) []byte {
	return sum(newHash(h)(), parts)
}

// PRF returns prf(key, parts[0] | parts[1] | ...). It is always the HMAC of the
// negotiated hash (RFC 2409 section 4): no other PRF was ever assigned.
func PRF(h isakmp.HashAlgorithm, key []byte, parts ...[]byte) []byte {
	return sum(hmac.New(newHash(h), key), parts)
}

// Equal compares in time that depends on the lengths only. Every HASH_* is
// compared with it.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func newHash(h isakmp.HashAlgorithm) func() hash.Hash {
	switch h {
	case isakmp.HashMD5:
		return md5.New
	case isakmp.HashSHA1:
		return sha1.New
	case isakmp.HashSHA256:
		return sha256.New
	case isakmp.HashSHA384:
		return sha512.New384
	case isakmp.HashSHA512:
		return sha512.New
	}
	panic(fmt.Sprintf("keymat: hash %d is not supported", h))
}

func sum(d hash.Hash, parts [][]byte) []byte {
	for _, p := range parts {
		d.Write(p)
	}
	return d.Sum(nil)
}

// digest is Hash without allocation, for the IV of every message.
func digest(h isakmp.HashAlgorithm, msg []byte) (out [maxHashSize]byte) {
	switch h {
	case isakmp.HashMD5:
		s := md5.Sum(msg)
		copy(out[:], s[:])
	case isakmp.HashSHA1:
		s := sha1.Sum(msg)
		copy(out[:], s[:])
	case isakmp.HashSHA256:
		s := sha256.Sum256(msg)
		copy(out[:], s[:])
	case isakmp.HashSHA384:
		s := sha512.Sum384(msg)
		copy(out[:], s[:])
	case isakmp.HashSHA512:
		s := sha512.Sum512(msg)
		copy(out[:], s[:])
	default:
		panic(fmt.Sprintf("keymat: hash %d is not supported", h))
	}
	return out
}
