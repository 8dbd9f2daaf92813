package diagnose

import (
	"encoding/binary"
	"fmt"
	"strings"

	"qmidle/internal/isakmp"
)

// The words of algorithms are IOS's, as in a configuration. Others are made of
// them where a fix is written for another system.

func encryptionWord(n uint32) string {
	switch isakmp.EncryptionAlgorithm(n) {
	case isakmp.EncrDESCBC:
		return "des"
	case isakmp.Encr3DESCBC:
		return "3des"
	case isakmp.EncrAESCBC:
		return "aes"
	}
	return isakmp.EncryptionAlgorithm(n).String()
}

func bitsWord(n uint32) string { return fmt.Sprintf("%d bits", n) }

func hashWord(h isakmp.HashAlgorithm) string {
	switch h {
	case isakmp.HashMD5:
		return "md5"
	case isakmp.HashSHA1:
		return "sha"
	case isakmp.HashSHA256:
		return "sha256"
	case isakmp.HashSHA384:
		return "sha384"
	case isakmp.HashSHA512:
		return "sha512"
	}
	return h.String()
}

func groupWord(n uint32) string { return fmt.Sprint(n) }

func groupOrNone(n uint32) string {
	if n == 0 {
		return ""
	}
	return groupWord(n)
}

func authWord(m isakmp.AuthMethod) string {
	switch m {
	case isakmp.AuthPSK:
		return "pre-share"
	case isakmp.AuthRSASig:
		return "rsa-sig"
	case isakmp.AuthRSAEnc:
		return "rsa-encr"
	}
	return m.String()
}

func cipherWord(n uint32) string {
	switch isakmp.ESPTransform(n) {
	case isakmp.ESPDES:
		return "esp-des"
	case isakmp.ESP3DES:
		return "esp-3des"
	case isakmp.ESPAES:
		return "esp-aes"
	case isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16:
		return "esp-gcm"
	case isakmp.ESPNull:
		return "esp-null"
	}
	return isakmp.ESPTransform(n).String()
}

func integrityWord(n uint32) string {
	switch isakmp.AuthAlgorithm(n) {
	case isakmp.AuthAlgNone:
		return "none"
	case isakmp.AuthAlgHMACMD5:
		return "esp-md5-hmac"
	case isakmp.AuthAlgHMACSHA1:
		return "esp-sha-hmac"
	case isakmp.AuthAlgHMACSHA256:
		return "esp-sha256-hmac"
	case isakmp.AuthAlgHMACSHA384:
		return "esp-sha384-hmac"
	case isakmp.AuthAlgHMACSHA512:
		return "esp-sha512-hmac"
	}
	return isakmp.AuthAlgorithm(n).String()
}

// modeWord is of a comparison of n with another value: of 0 and 1, where 1 is
// transport, or of encapsulations.
func modeWord(n, other uint32) string {
	switch {
	case n != 0 && other != 0:
		return isakmp.Encapsulation(n).String()
	case n == 1:
		return "transport"
	}
	return "tunnel"
}

// SuiteOf is a phase 1 offer, its attributes as they were sent, in IOS's words: "encr aes 256, hash sha256, group
// 14, authentication pre-share".
func SuiteOf(attributes []byte) string {
	var encr, bits, hash, group, auth string
	for len(attributes) >= 4 {
		t := binary.BigEndian.Uint16(attributes)
		n := uint32(binary.BigEndian.Uint16(attributes[2:]))
		size := 4
		if t&0x8000 == 0 {
			size += int(n)
			if size > len(attributes) {
				break
			}
			n = 0
			for _, b := range attributes[4:size] {
				n = n<<8 | uint32(b)
			}
		}
		switch isakmp.AttributeType(t &^ 0x8000) {
		case isakmp.AttrEncryption:
			encr = encryptionWord(n)
		case isakmp.AttrKeyLength:
			bits = fmt.Sprintf(" %d", n)
		case isakmp.AttrHash:
			hash = hashWord(isakmp.HashAlgorithm(n))
		case isakmp.AttrGroup:
			group = groupWord(n)
		case isakmp.AttrAuthMethod:
			auth = authWord(isakmp.AuthMethod(n))
		}
		attributes = attributes[size:]
	}
	return suiteWords(encr+bits, hash, group, auth)
}

func suiteWords(encr, hash, group, auth string) string {
	return strings.Join([]string{"encr " + encr, "hash " + hash, "group " + group, "authentication " + auth}, ", ")
}

// QuickSuiteOf is one transform of a phase 2 offer in IOS's words: "esp-aes 256,
// esp-sha-hmac, tunnel, group14".
func QuickSuiteOf(t isakmp.Transform) string {
	cipher, integrity, mode, group := cipherWord(uint32(t.ID)), "none", "tunnel", "no group"
	for _, a := range t.Attributes {
		v, ok := a.Uint()
		n := uint32(v)
		switch {
		case !ok:
		case a.Type == isakmp.IPsecAttrKeyLength:
			cipher += fmt.Sprintf(" %d", n)
		case a.Type == isakmp.IPsecAttrAuth:
			integrity = integrityWord(n)
		case a.Type == isakmp.IPsecAttrGroup:
			group = "group" + groupWord(n)
		case a.Type == isakmp.IPsecAttrEncapsulation && transportMode(isakmp.Encapsulation(v)):
			mode = "transport"
		}
	}
	return strings.Join([]string{cipher, integrity, mode, group}, ", ")
}

func transportMode(e isakmp.Encapsulation) bool {
	return e == isakmp.EncapTransport || e == isakmp.EncapUDPTransport || e == isakmp.EncapUDPTransportDraft
}
