package trace

import (
	"encoding/binary"
	"encoding/hex"
	"iter"
	"strconv"

	"qmidle/internal/isakmp"
)

// wireAttribute is one data attribute (RFC 2408 section 3.3). The value of a
// basic one is its two octets.
type wireAttribute struct {
	kind  isakmp.AttributeType
	basic bool
	value []byte
}

// wireAttributes walks attributes in wire form. It stops at the first that is
// not whole, for a list may have been cut at MaxFieldBytes.
func wireAttributes(b []byte) iter.Seq[wireAttribute] {
	return func(yield func(wireAttribute) bool) {
		for len(b) >= 4 {
			t := binary.BigEndian.Uint16(b)
			a := wireAttribute{kind: isakmp.AttributeType(t &^ 0x8000), basic: t&0x8000 != 0, value: b[2:4]}
			end := 4
			if !a.basic {
				end += int(binary.BigEndian.Uint16(b[2:]))
				if end > len(b) {
					return
				}
				a.value = b[4:end]
			}
			b = b[end:]
			if !yield(a) {
				return
			}
		}
	}
}

// number is the value as a number; false if it is empty or longer than eight
// octets.
func (a wireAttribute) number() (uint64, bool) {
	if len(a.value) == 0 || len(a.value) > 8 {
		return 0, false
	}
	var n uint64
	for _, b := range a.value {
		n = n<<8 | uint64(b)
	}
	return n, true
}

// ikeAttributeNames are the phase 1 attributes (RFC 2409 appendix A).
var ikeAttributeNames = map[isakmp.AttributeType]string{
	isakmp.AttrEncryption: "encryption", isakmp.AttrHash: "hash", isakmp.AttrAuthMethod: "authentication",
	isakmp.AttrGroup: "group", isakmp.AttrGroupType: "group type", isakmp.AttrGroupPrime: "group prime",
	isakmp.AttrGroupGenerator: "group generator", isakmp.AttrLifeType: "life type",
	isakmp.AttrLifeDuration: "life duration", isakmp.AttrPRF: "PRF", isakmp.AttrKeyLength: "key length",
	isakmp.AttrFieldSize: "field size", isakmp.AttrGroupOrder: "group order",
}

// ipsecAttributeNames are the phase 2 attributes (RFC 2407 section 4.5).
var ipsecAttributeNames = map[isakmp.AttributeType]string{
	isakmp.IPsecAttrLifeType: "life type", isakmp.IPsecAttrLifeDuration: "life duration",
	isakmp.IPsecAttrGroup: "group", isakmp.IPsecAttrEncapsulation: "encapsulation",
	isakmp.IPsecAttrAuth: "authenticator", isakmp.IPsecAttrKeyLength: "key length",
	isakmp.IPsecAttrKeyRounds: "key rounds", isakmp.IPsecAttrCompressDict: "compression dictionary size",
	isakmp.IPsecAttrCompressAlg: "compression algorithm", isakmp.IPsecAttrECNTunnel: "ECN tunnel",
	isakmp.IPsecAttrESN: "extended sequence numbers",
}

func appendIKEAttributeJSON(dst []byte, a wireAttribute) []byte {
	dst = appendAttributeType(dst, a, ikeAttributeNames)
	n, ok := a.number()
	if !ok || n > 0xffff {
		return appendAttributeNumber(dst, a)
	}
	switch a.kind {
	case isakmp.AttrEncryption:
		return appendAttributeName(dst, isakmp.EncryptionAlgorithm(n).String())
	case isakmp.AttrHash:
		return appendAttributeName(dst, isakmp.HashAlgorithm(n).String())
	case isakmp.AttrAuthMethod:
		return appendAttributeName(dst, isakmp.AuthMethod(n).String())
	case isakmp.AttrGroup:
		return appendAttributeName(dst, isakmp.Group(n).String())
	case isakmp.AttrLifeType:
		return appendAttributeName(dst, isakmp.LifeType(n).String())
	}
	return appendAttributeNumber(dst, a)
}

func appendIPsecAttributeJSON(dst []byte, a wireAttribute) []byte {
	dst = appendAttributeType(dst, a, ipsecAttributeNames)
	n, ok := a.number()
	if !ok || n > 0xffff {
		return appendAttributeNumber(dst, a)
	}
	switch a.kind {
	case isakmp.IPsecAttrLifeType:
		return appendAttributeName(dst, isakmp.LifeType(n).String())
	case isakmp.IPsecAttrGroup:
		return appendAttributeName(dst, isakmp.Group(n).String())
	case isakmp.IPsecAttrEncapsulation:
		return appendAttributeName(dst, isakmp.Encapsulation(n).String())
	case isakmp.IPsecAttrAuth:
		return appendAttributeName(dst, isakmp.AuthAlgorithm(n).String())
	}
	return appendAttributeNumber(dst, a)
}

func appendAttributeType(dst []byte, a wireAttribute, names map[isakmp.AttributeType]string) []byte {
	name, ok := names[a.kind]
	if !ok {
		name = "attribute " + strconv.Itoa(int(a.kind))
	}
	dst = append(dst, `{"type":`...)
	dst = appendJSONString(dst, name)
	return append(dst, `,"value":`...)
}

func appendAttributeName(dst []byte, name string) []byte {
	return append(appendJSONString(dst, name), '}')
}

// appendAttributeNumber appends a number, or hexadecimal digits in quotes for
// a value that is no number of up to eight octets.
func appendAttributeNumber(dst []byte, a wireAttribute) []byte {
	if n, ok := a.number(); ok {
		return append(strconv.AppendUint(dst, n, 10), '}')
	}
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, a.value)
	return append(dst, '"', '}')
}
