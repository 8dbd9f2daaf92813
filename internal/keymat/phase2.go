package keymat

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"

	"qmidle/internal/isakmp"
)

// KEYMAT returns n octets of key for one phase 2 SA (RFC 2409 section 5.5):
// K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), and after it
// Kn+1 = prf(SKEYID_d, Kn | the same) until there is enough. gxyPFS is nil
// without PFS. spi is the one that the SA's receiver chose, so the two
// directions have different keys; ni and nr are quick mode's nonces. The cipher's
// key comes first, then its salt, then the integrity key.
func KEYMAT(h isakmp.HashAlgorithm, skeyidD, gxyPFS []byte, protocol isakmp.ProtocolID, spi [4]byte, ni, nr []byte, n int) []byte {
	var out, k []byte
	for len(out) < n {
		k = PRF(h, skeyidD, k, gxyPFS, []byte{byte(protocol)}, spi[:], ni, nr)
		out = append(out, k...)
	}
	return out[:n]
}

// gcmSaltLen is the octets of salt that follow the key in KEYMAT (RFC 4106
// section 8.1, and RFC 4543).
const gcmSaltLen = 4

// ESPKeyLens returns the octets of KEYMAT that an ESP SA takes: enc for the
// cipher, with the salt of GCM and GMAC, then auth for the integrity algorithm.
// keyBits is the Key Length attribute, 0 where absent, as for CipherKeyLen. ok
// is false for what is not supported, for integrity beside an AEAD, and for
// neither cipher nor integrity (RFC 2406 section 5).
func ESPKeyLens(t isakmp.ESPTransform, keyBits uint16, a isakmp.AuthAlgorithm) (enc, auth int, ok bool) {
	auth, ok = IntegrityKeyLen(a)
	if !ok {
		return 0, 0, false
	}
	switch t {
	case isakmp.ESPDES:
		enc, ok = desKeyLen, keyBits == 0
	case isakmp.ESP3DES:
		enc, ok = tripleDESKeyLen, keyBits == 0
	case isakmp.ESPNull:
		enc, ok = 0, keyBits == 0 && auth != 0
	case isakmp.ESPAES:
		enc, ok = aesKeyLen(keyBits)
	case isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16, isakmp.ESPAESGMAC:
		enc, ok = aesKeyLen(keyBits)
		enc, ok = enc+gcmSaltLen, ok && auth == 0
	default:
		ok = false
	}
	if !ok {
		return 0, 0, false
	}
	return enc, auth, true
}

// IntegrityKeyLen returns the octets of key of a phase 2 integrity algorithm:
// as many as its hash puts out (RFC 2403, RFC 2404, RFC 4868 section 2.1.1). That
// is all the KEYMAT an AH SA takes. AuthAlgNone has 0 and ok.
func IntegrityKeyLen(a isakmp.AuthAlgorithm) (octets int, ok bool) {
	switch a {
	case isakmp.AuthAlgNone:
		return 0, true
	case isakmp.AuthAlgHMACMD5:
		return md5.Size, true
	case isakmp.AuthAlgHMACSHA1:
		return sha1.Size, true
	case isakmp.AuthAlgHMACSHA256:
		return sha256.Size, true
	case isakmp.AuthAlgHMACSHA384:
		return sha512.Size384, true
	case isakmp.AuthAlgHMACSHA512:
		return sha512.Size, true
	}
	return 0, false
}
