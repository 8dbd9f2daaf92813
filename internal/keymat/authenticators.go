package keymat

import (
	"encoding/binary"

	"qmidle/internal/isakmp"
)

// HashI returns HASH_I, by which the initiator of a phase 1 proves itself (RFC
// 2409 section 5): prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b).
// saiB and idB are payload bodies without the generic header, saiB as it was
// received or sent and never encoded again.
func HashI(h isakmp.HashAlgorithm, skeyid, gxi, gxr []byte, ckyI, ckyR [8]byte, saiB, idB []byte) []byte {
	return PRF(h, skeyid, gxi, gxr, ckyI[:], ckyR[:], saiB, idB)
}

// HashR returns HASH_R, the responder's: prf(SKEYID, g^xr | g^xi | CKY-R |
// CKY-I | SAi_b | IDir_b). Its arguments come in HashI's order; idB is the
// responder's identity.
func HashR(h isakmp.HashAlgorithm, skeyid, gxi, gxr []byte, ckyI, ckyR [8]byte, saiB, idB []byte) []byte {
	return PRF(h, skeyid, gxr, gxi, ckyR[:], ckyI[:], saiB, idB)
}

// QuickHash1 returns HASH(1) of quick mode (RFC 2409 section 5.5): prf(SKEYID_a,
// M-ID | rest). rest is all that follows the HASH payload, with the generic
// headers and without the cipher's padding. A transaction exchange's HASH is the
// same (draft-ietf-ipsec-isakmp-mode-cfg).
func QuickHash1(h isakmp.HashAlgorithm, skeyidA []byte, messageID uint32, rest []byte) []byte {
	return PRF(h, skeyidA, messageIDOctets(messageID), rest)
}

// QuickHash2 returns HASH(2): prf(SKEYID_a, M-ID | Ni_b | rest). ni is the
// initiator's nonce without the generic header.
func QuickHash2(h isakmp.HashAlgorithm, skeyidA []byte, messageID uint32, ni, rest []byte) []byte {
	return PRF(h, skeyidA, messageIDOctets(messageID), ni, rest)
}

// QuickHash3 returns HASH(3): prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b). The zero is
// one octet.
func QuickHash3(h isakmp.HashAlgorithm, skeyidA []byte, messageID uint32, ni, nr []byte) []byte {
	return PRF(h, skeyidA, []byte{0}, messageIDOctets(messageID), ni, nr)
}

// InfoHash returns HASH(1) of an informational exchange (RFC 2409 section 5.7):
// prf(SKEYID_a, M-ID | rest), rest being the NOTIFY or DELETE payload and all
// that follows it.
func InfoHash(h isakmp.HashAlgorithm, skeyidA []byte, messageID uint32, rest []byte) []byte {
	return PRF(h, skeyidA, messageIDOctets(messageID), rest)
}

func messageIDOctets(id uint32) []byte { return binary.BigEndian.AppendUint32(nil, id) }
