package pki

import (
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Wrapped are the certificates that a PKCS #7 or CMS SignedData carries, in DER, limit
// of them at most (RFC 2315 section 9.1, RFC 5652 section 5.1). What it signs, and who
// has signed it, are not looked at: some peers send their chain so (RFC 2408 section
// 3.9). Nil is what is no SignedData.
func Wrapped(der []byte, limit int) (all [][]byte) {
	in := cryptobyte.String(der)
	var info, content, signed, certificates cryptobyte.String
	var kind []byte
	var version int
	ok := in.ReadASN1(&info, casn1.SEQUENCE) &&
		info.ReadASN1((*cryptobyte.String)(&kind), casn1.OBJECT_IDENTIFIER) && string(kind) == oidSignedData &&
		info.ReadASN1(&content, casn1.Tag(0).Constructed().ContextSpecific()) &&
		content.ReadASN1(&signed, casn1.SEQUENCE) &&
		signed.ReadASN1Integer(&version) &&
		signed.SkipASN1(casn1.SET) &&
		signed.SkipASN1(casn1.SEQUENCE) &&
		signed.ReadASN1(&certificates, casn1.Tag(0).Constructed().ContextSpecific())
	if !ok {
		return nil
	}
	for !certificates.Empty() && len(all) < limit {
		var c cryptobyte.String
		if !certificates.ReadASN1Element(&c, casn1.SEQUENCE) {
			return nil
		}
		all = append(all, c)
	}
	return all
}

// oidSignedData is 1.2.840.113549.1.7.2.
const oidSignedData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
