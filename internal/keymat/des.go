package keymat

import "encoding/binary"

// parityMask clears each octet's parity bit, which DES ignores.
const parityMask = 0xfefefefefefefefe

// desWeakKeys are the weak and semi-weak keys of DES that RFC 2409 appendix A
// wants avoided, with odd parity as FIPS 74 prints them.
var desWeakKeys = [...]uint64{
	0x0101010101010101, 0xfefefefefefefefe,
	0x1f1f1f1f0e0e0e0e, 0xe0e0e0e0f1f1f1f1,
	0x01fe01fe01fe01fe, 0xfe01fe01fe01fe01,
	0x1fe01fe00ef10ef1, 0xe01fe01ff10ef10e,
	0x01e001e001f101f1, 0xe001e001f101f101,
	0x1ffe1ffe0efe0efe, 0xfe1ffe1ffe0efe0e,
	0x011f011f010e010e, 0x1f011f010e010e01,
	0xe0fee0fef1fef1fe, 0xfee0fee0fef1fef1,
}

// desKey returns the first eight octets of SKEYID_e that are no weak and no
// semi-weak key (RFC 2409 appendix B). The rule does not say what comes after a
// weak key: the next eight octets do here. One SKEYID_e in 2^52 gets there.
func desKey(skeyidE []byte) []byte {
	for rest := skeyidE; len(rest) >= desKeyLen; rest = rest[desKeyLen:] {
		if !desWeak(rest) {
			return append([]byte(nil), rest[:desKeyLen]...)
		}
	}
	return append([]byte(nil), skeyidE[:desKeyLen]...)
}

func desWeak(key []byte) bool {
	k := binary.BigEndian.Uint64(key) & parityMask
	for _, w := range desWeakKeys {
		if k == w&parityMask {
			return true
		}
	}
	return false
}
