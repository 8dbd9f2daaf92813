package keymat

import (
	"fmt"
	"io"

	"qmidle/internal/isakmp"
)

// Skeyid holds the four secrets of an ISAKMP SA (RFC 2409 section 5), each as
// long as the PRF's output.
//
// It prints nothing of them, except where fmt cannot ask it: fmt calls no method
// of what stands in an unexported field. Keep a *Skeyid there, of which %v, %+v
// and %#v show the address; %s and %q, which fit no struct, would still print it.
type Skeyid struct {
	Base []byte // SKEYID: the key of HASH_I and HASH_R
	D    []byte // SKEYID_d: phase 2 keys come from it
	A    []byte // SKEYID_a: authenticates every later exchange
	E    []byte // SKEYID_e: the phase 1 cipher's key comes from it
}

// SkeyidPSK returns SKEYID for a pre-shared key: prf(psk, Ni_b | Nr_b). ni and
// nr are the nonce payloads' bodies without the generic header.
func SkeyidPSK(h isakmp.HashAlgorithm, psk, ni, nr []byte) []byte {
	return PRF(h, psk, ni, nr)
}

// SkeyidSignatures returns SKEYID for signatures: prf(Ni_b | Nr_b, g^xy).
func SkeyidSignatures(h isakmp.HashAlgorithm, ni, nr, gxy []byte) []byte {
	key := make([]byte, 0, len(ni)+len(nr))
	return PRF(h, append(append(key, ni...), nr...), gxy)
}

// SkeyidPublicKeyEncryption returns SKEYID for both modes of encrypted nonces:
// prf(hash(Ni_b | Nr_b), CKY-I | CKY-R). ni and nr are the decrypted nonces.
//
// Some peers, IOS reportedly among them, leave the hash out. The difference
// shows only while Ni_b | Nr_b is not longer than the hash's block, since HMAC
// hashes a longer key itself.
func SkeyidPublicKeyEncryption(h isakmp.HashAlgorithm, ni, nr []byte, ckyI, ckyR [8]byte) []byte {
	return PRF(h, Hash(h, ni, nr), ckyI[:], ckyR[:])
}

// DeriveSkeyid derives SKEYID_d, SKEYID_a and SKEYID_e from SKEYID (base) and
// g^xy. base is kept, not copied.
func DeriveSkeyid(h isakmp.HashAlgorithm, base, gxy []byte, ckyI, ckyR [8]byte) Skeyid {
	d := PRF(h, base, gxy, ckyI[:], ckyR[:], []byte{0})
	a := PRF(h, base, d, gxy, ckyI[:], ckyR[:], []byte{1})
	e := PRF(h, base, a, gxy, ckyI[:], ckyR[:], []byte{2})
	return Skeyid{Base: base, D: d, A: a, E: e}
}

// Clear overwrites the four secrets with zeros.
func (s *Skeyid) Clear() {
	clear(s.Base)
	clear(s.D)
	clear(s.A)
	clear(s.E)
}

// String implements fmt.Stringer and shows nothing of the secrets.
func (s Skeyid) String() string { return shown }

// GoString implements fmt.GoStringer for %#v.
func (s Skeyid) GoString() string { return shown }

// Format implements fmt.Formatter, so that %x and %d show nothing either.
func (s Skeyid) Format(f fmt.State, _ rune) { io.WriteString(f, shown) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (s Skeyid) MarshalText() ([]byte, error) { return []byte(shown), nil }

// EncryptionKey returns the key of cipher e, keyLen octets as CipherKeyLen
// gives them, from SKEYID_e (RFC 2409 appendix B): its first octets, or where it
// is too short the first octets of Ka = K1 | K2 | ..., K1 = prf(SKEYID_e, 0),
// Kn+1 = prf(SKEYID_e, Kn). The zero is one octet.
//
// Appendix B reads as if 3DES always took Ka. Deployed peers expand only what
// is too short, for 3DES as for the others, and so does this.
func EncryptionKey(h isakmp.HashAlgorithm, e isakmp.EncryptionAlgorithm, keyLen int, skeyidE []byte) []byte {
	if e == isakmp.EncrDESCBC {
		return desKey(skeyidE)
	}
	if len(skeyidE) >= keyLen {
		return append([]byte(nil), skeyidE[:keyLen]...)
	}
	ka := PRF(h, skeyidE, []byte{0})
	for k := ka; len(ka) < keyLen; {
		k = PRF(h, skeyidE, k)
		ka = append(ka, k...)
	}
	return ka[:keyLen]
}
