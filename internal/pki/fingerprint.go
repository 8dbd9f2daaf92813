package pki

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Fingerprints of a certificate or request: hashes of its DER. They are shown
// to an operator who compares; nothing else rests on the first two.
type Fingerprints struct {
	MD5    [md5.Size]byte
	SHA1   [sha1.Size]byte
	SHA256 [sha256.Size]byte
}

// Fingerprint hashes der.
func Fingerprint(der []byte) Fingerprints {
	return Fingerprints{md5.Sum(der), sha1.Sum(der), sha256.Sum256(der)}
}

// HexGroups writes octets as IOS does a fingerprint: A5DE3C51 AD8B0207.
func HexGroups(b []byte) string {
	var parts []string
	for len(b) > 0 {
		n := min(4, len(b))
		parts = append(parts, fmt.Sprintf("%X", b[:n]))
		b = b[n:]
	}
	return strings.Join(parts, " ")
}

// ParseFingerprint reads a fingerprint as `fingerprint` of a trustpoint has it,
// with or without blanks and colons: of MD5, SHA-1 or SHA-256, by its length.
func ParseFingerprint(text string) ([]byte, error) {
	text = strings.NewReplacer(" ", "", ":", "", "\t", "").Replace(text)
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != md5.Size && len(b) != sha1.Size && len(b) != sha256.Size {
		return nil, errors.New("a fingerprint has 32, 40 or 64 hexadecimal digits")
	}
	return b, nil
}

// Is says whether a fingerprint of any length is one of these.
func (f Fingerprints) Is(b []byte) bool {
	s := string(b)
	return s == string(f.MD5[:]) || s == string(f.SHA1[:]) || s == string(f.SHA256[:])
}
