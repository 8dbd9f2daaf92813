package trace

import (
	"encoding/hex"
	"fmt"

	"qmidle/internal/isakmp"
)

// ikeEncryptionWords and the like are IOS's words for phase 1 attributes.
var (
	ikeEncryptionWords = map[isakmp.EncryptionAlgorithm]string{
		isakmp.EncrDESCBC: "DES-CBC", isakmp.Encr3DESCBC: "3DES-CBC", isakmp.EncrAESCBC: "AES-CBC",
	}
	ikeHashWords = map[isakmp.HashAlgorithm]string{
		isakmp.HashMD5: "MD5", isakmp.HashSHA1: "SHA", isakmp.HashSHA256: "SHA256",
		isakmp.HashSHA384: "SHA384", isakmp.HashSHA512: "SHA512",
	}
	ikeAuthWords = map[isakmp.AuthMethod]string{
		isakmp.AuthPSK: "pre-share", isakmp.AuthRSASig: "RSA sig", isakmp.AuthRSAEnc: "RSA encr",
		isakmp.AuthXAUTHInitPSK: "XAUTHInitPreShared", isakmp.AuthXAUTHRespPSK: "XAUTHRespPreShared",
		isakmp.AuthXAUTHInitRSA: "XAUTHInitRSA", isakmp.AuthXAUTHRespRSA: "XAUTHRespRSA",
		isakmp.AuthHybridInitRSA: "HybridInitRSA", isakmp.AuthHybridRespRSA: "HybridRespRSA",
	}
)

// lifeTypeWords are those of both phases.
var lifeTypeWords = map[isakmp.LifeType]string{isakmp.LifeSeconds: "seconds", isakmp.LifeKilobytes: "kilobytes"}

// ikeAttribute prints one phase 1 attribute. IOS's words for what it does not
// know are not documented; those here are this project's.
func (w *iosWriter) ikeAttribute(a wireAttribute) {
	const indent = "ISAKMP:      "
	n, ok := a.number()
	if !ok || n > 0xffff && a.kind != isakmp.AttrLifeDuration {
		w.module(indent+"attribute %d of 0x%s", a.kind, hex.EncodeToString(a.value))
		return
	}
	switch a.kind {
	case isakmp.AttrEncryption:
		w.module(indent+"encryption %s", wordOf(ikeEncryptionWords, isakmp.EncryptionAlgorithm(n)))
	case isakmp.AttrHash:
		w.module(indent+"hash %s", wordOf(ikeHashWords, isakmp.HashAlgorithm(n)))
	case isakmp.AttrGroup:
		w.module(indent+"default group %d", n)
	case isakmp.AttrAuthMethod:
		w.module(indent+"auth %s", wordOf(ikeAuthWords, isakmp.AuthMethod(n)))
	case isakmp.AttrKeyLength:
		w.module(indent+"keylength of %d", n)
	case isakmp.AttrLifeType:
		w.module(indent+"life type in %s", wordOf(lifeTypeWords, isakmp.LifeType(n)))
	case isakmp.AttrLifeDuration:
		w.module(indent+"life duration %s", durationWords(a))
	default:
		w.module(indent+"attribute %d of %d", a.kind, n)
	}
}

// wordOf is a value's word, or its number for a value that IOS does not know.
func wordOf[E ~uint16](words map[E]string, e E) string {
	if word, ok := words[e]; ok {
		return word
	}
	return fmt.Sprintf("unknown (%d)", uint16(e))
}

// durationWords tells a basic attribute from a variable one, whose octets IOS
// prints with a blank after each.
func durationWords(a wireAttribute) string {
	if a.basic {
		n, _ := a.number()
		return fmt.Sprintf("(basic) of %d", n)
	}
	out := []byte("(VPI) of  ")
	for _, b := range a.value {
		out = fmt.Appendf(out, "0x%X ", b)
	}
	return string(out)
}

// refusalLine is IOS's line for the attribute that differs. Of key length and
// unknown attributes the words are uncertain.
func refusalLine(e *IKETransformRefused) string {
	switch e.Attr {
	case IKEAttrEncryption:
		return "Encryption algorithm offered does not match policy!"
	case IKEAttrKeyLength:
		return "Proposed key length does not match policy"
	case IKEAttrHash:
		return "Hash algorithm offered does not match policy!"
	case IKEAttrGroup:
		return "Diffie-Hellman group offered does not match policy!"
	case IKEAttrAuth:
		return authRefusalLine(isakmp.AuthMethod(e.Offered))
	case IKEAttrLife:
		return "Lifetime duration offered does not match policy!"
	}
	return "Unknown attribute offered does not match policy!"
}

func authRefusalLine(offered isakmp.AuthMethod) string {
	switch offered {
	case isakmp.AuthPSK:
		return "Preshared authentication offered but does not match policy!"
	case isakmp.AuthXAUTHInitPSK, isakmp.AuthXAUTHRespPSK:
		return "Xauth authentication by pre-shared key offered but does not match policy!"
	}
	return "Authentication method offered does not match policy!"
}

// Words of phase 2 transforms.
var (
	espTransformWords = map[isakmp.ESPTransform]string{
		isakmp.ESPDES: "ESP_DES", isakmp.ESP3DES: "ESP_3DES", isakmp.ESPAES: "ESP_AES", isakmp.ESPNull: "ESP_NULL",
		isakmp.ESPAESGCM8: "ESP_GCM", isakmp.ESPAESGCM12: "ESP_GCM", isakmp.ESPAESGCM16: "ESP_GCM",
		isakmp.ESPAESGMAC: "ESP_GMAC",
	}
	// ahTransformWords are of RFC 2407 section 4.4.3 and RFC 4868.
	ahTransformWords = map[isakmp.ESPTransform]string{
		2: "AH_MD5", 3: "AH_SHA", 5: "AH_SHA256", 6: "AH_SHA384", 7: "AH_SHA512",
	}
	authenticatorWords = map[isakmp.AuthAlgorithm]string{
		isakmp.AuthAlgHMACMD5: "HMAC-MD5", isakmp.AuthAlgHMACSHA1: "HMAC-SHA", isakmp.AuthAlgHMACSHA256: "HMAC-SHA256",
		isakmp.AuthAlgHMACSHA384: "HMAC-SHA384", isakmp.AuthAlgHMACSHA512: "HMAC-SHA512",
	}
	encapsulationWords = map[isakmp.Encapsulation]string{
		isakmp.EncapTunnel: "Tunnel", isakmp.EncapTransport: "Transport",
		isakmp.EncapUDPTunnel: "Tunnel-UDP", isakmp.EncapUDPTransport: "Transport-UDP",
		isakmp.EncapUDPTunnelDraft: "Tunnel-UDP", isakmp.EncapUDPTransportDraft: "Transport-UDP",
	}
)

func (w *iosWriter) ipsecTransformOffered(e *IPsecTransformOffered) {
	w.module("ISAKMP: transform %d, %s", e.Number, transformWord(e))
	w.module("ISAKMP:   attributes in transform:")
	for a := range wireAttributes(e.Attributes) {
		w.ipsecAttribute(a)
	}
}

func transformWord(e *IPsecTransformOffered) string {
	words, protocol := espTransformWords, "ESP"
	if e.Protocol == isakmp.ProtocolAH {
		words, protocol = ahTransformWords, "AH"
	}
	if word, ok := words[e.ID]; ok {
		return word
	}
	return fmt.Sprintf("%s_UNKNOWN (%d)", protocol, uint8(e.ID))
}

// ipsecAttribute prints one phase 2 attribute. IOS's words for what it does not
// know are not documented; those here are this project's.
func (w *iosWriter) ipsecAttribute(a wireAttribute) {
	const indent = "ISAKMP:      "
	n, ok := a.number()
	if !ok || n > 0xffff && a.kind != isakmp.IPsecAttrLifeDuration {
		w.module(indent+"attribute %d is 0x%s", a.kind, hex.EncodeToString(a.value))
		return
	}
	switch a.kind {
	case isakmp.IPsecAttrEncapsulation:
		w.encapsulation(isakmp.Encapsulation(n))
	case isakmp.IPsecAttrLifeType:
		w.module(indent+"SA life type in %s", wordOf(lifeTypeWords, isakmp.LifeType(n)))
	case isakmp.IPsecAttrLifeDuration:
		w.module(indent+"SA life duration %s", durationWords(a))
	case isakmp.IPsecAttrAuth:
		w.module(indent+"authenticator is %s", wordOf(authenticatorWords, isakmp.AuthAlgorithm(n)))
	case isakmp.IPsecAttrKeyLength:
		w.module(indent+"key length is %d", n)
	case isakmp.IPsecAttrGroup:
		w.module(indent+"group is %d", n)
	default:
		w.module(indent+"attribute %d is %d", a.kind, n)
	}
}

func (w *iosWriter) encapsulation(e isakmp.Encapsulation) {
	word, ok := encapsulationWords[e]
	if !ok {
		word = "unknown"
	}
	w.module("ISAKMP:      encaps is %d (%s)", e, word)
}
