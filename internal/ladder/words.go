package ladder

import (
	"fmt"
	"strconv"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

func itoa(n int) string { return strconv.Itoa(n) }

// drawnPayload is a payload in the short form of RFC 2409, and its whole name.
// The first notify of a message is drawn with its type.
func drawnPayload(t isakmp.PayloadType, notify isakmp.NotifyType) (drawn, plain string) {
	switch t {
	case isakmp.PayloadNone:
		return "...", "more"
	case isakmp.PayloadNotify:
		if notify != 0 {
			return "N(" + notify.String() + ")", t.String()
		}
		return "N", t.String()
	case isakmp.PayloadDelete:
		return "D", t.String()
	case isakmp.PayloadNATDDraft, isakmp.PayloadNATDDraft04:
		return isakmp.PayloadNATD.String(), t.String()
	case isakmp.PayloadNATOADraft, isakmp.PayloadNATOADraft04:
		return isakmp.PayloadNATOA.String(), t.String()
	}
	return t.String(), t.String()
}

// ikeRefusal says which attribute of a phase 1 transform differs.
func ikeRefusal(e *trace.IKETransformRefused) string {
	var offered, wanted string
	switch e.Attr {
	case trace.IKEAttrEncryption:
		offered, wanted = isakmp.EncryptionAlgorithm(e.Offered).String(), isakmp.EncryptionAlgorithm(e.Wanted).String()
	case trace.IKEAttrHash:
		offered, wanted = isakmp.HashAlgorithm(e.Offered).String(), isakmp.HashAlgorithm(e.Wanted).String()
	case trace.IKEAttrGroup:
		offered, wanted = group(e.Offered), group(e.Wanted)
	case trace.IKEAttrAuth:
		if e.Wanted == 0 {
			return fmt.Sprintf("%s offered, and there is no key", isakmp.AuthMethod(e.Offered))
		}
		offered, wanted = isakmp.AuthMethod(e.Offered).String(), isakmp.AuthMethod(e.Wanted).String()
	case trace.IKEAttrKeyLength, trace.IKEAttrLife:
		offered, wanted = fmt.Sprint(e.Offered), fmt.Sprint(e.Wanted)
	default:
		return fmt.Sprintf("%s attribute", e.Attr)
	}
	return fmt.Sprintf("%s %s offered, %s wanted", e.Attr, offered, wanted)
}

// ipsecRefusal says which attribute of a phase 2 transform differs.
func ipsecRefusal(e *trace.IPsecTransformRefused) string {
	var offered, wanted string
	switch e.Attr {
	case trace.IPsecAttrProtocol:
		offered, wanted = isakmp.ProtocolID(e.Offered).String(), isakmp.ProtocolID(e.Wanted).String()
	case trace.IPsecAttrTransform:
		offered, wanted = isakmp.ESPTransform(e.Offered).String(), isakmp.ESPTransform(e.Wanted).String()
	case trace.IPsecAttrAuth:
		offered, wanted = isakmp.AuthAlgorithm(e.Offered).String(), isakmp.AuthAlgorithm(e.Wanted).String()
	case trace.IPsecAttrMode:
		offered, wanted = isakmp.Encapsulation(e.Offered).String(), isakmp.Encapsulation(e.Wanted).String()
	case trace.IPsecAttrGroup:
		offered, wanted = group(e.Offered), group(e.Wanted)
	case trace.IPsecAttrKeyLength, trace.IPsecAttrLife:
		offered, wanted = fmt.Sprint(e.Offered), fmt.Sprint(e.Wanted)
	case trace.IPsecAttrProxy:
		return "no access list allows the proxy identities"
	default:
		return fmt.Sprintf("%s attribute", e.Attr)
	}
	return fmt.Sprintf("%s %s offered, %s wanted", e.Attr, offered, wanted)
}

func group(n uint32) string {
	if n == 0 {
		return "none"
	}
	return "group " + fmt.Sprint(n)
}
