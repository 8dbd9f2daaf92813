package console

import (
	"fmt"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// encryptionText is a phase 1 cipher in show crypto isakmp policy.
func encryptionText(e isakmp.EncryptionAlgorithm, keyBits uint16) string {
	switch e {
	case isakmp.EncrDESCBC:
		return "DES - Data Encryption Standard (56 bit keys)."
	case isakmp.Encr3DESCBC:
		return "Three key triple DES"
	case isakmp.EncrAESCBC:
		return fmt.Sprintf("AES - Advanced Encryption Standard (%d bit keys).", keyBits)
	}
	return e.String()
}

func hashText(h isakmp.HashAlgorithm) string {
	switch h {
	case isakmp.HashMD5:
		return "Message Digest 5"
	case isakmp.HashSHA1:
		return "Secure Hash Standard"
	case isakmp.HashSHA256:
		return "Secure Hash Standard 2 (256 bit)"
	case isakmp.HashSHA384:
		return "Secure Hash Standard 2 (384 bit)"
	case isakmp.HashSHA512:
		return "Secure Hash Standard 2 (512 bit)"
	}
	return h.String()
}

func authText(m isakmp.AuthMethod) string {
	switch m {
	case isakmp.AuthPSK:
		return "Pre-Shared Key"
	case isakmp.AuthRSASig:
		return "Rivest-Shamir-Adleman Signature"
	case isakmp.AuthRSAEnc:
		return "Rivest-Shamir-Adleman Encryption"
	case isakmp.AuthECDSA256:
		return "Elliptic Curve Digital Signature" // recalled
	}
	return m.String()
}

func groupText(g isakmp.Group) string {
	bits := map[isakmp.Group]string{
		isakmp.GroupMODP768: "768 bit", isakmp.GroupMODP1024: "1024 bit", isakmp.GroupMODP1536: "1536 bit",
		isakmp.GroupMODP2048: "2048 bit", isakmp.GroupMODP3072: "3072 bit", isakmp.GroupMODP4096: "4096 bit",
		isakmp.GroupECP256: "256 bit", isakmp.GroupECP384: "384 bit", isakmp.GroupECP521: "521 bit",
		isakmp.GroupMODP2048S256: "2048 bit, 256 bit subgroup",
	}
	return fmt.Sprintf("#%d (%s)", g, bits[g])
}

// transformText is an ESP suite as show crypto ipsec sa names it: esp-256-aes
// esp-sha-hmac.
func transformText(s trace.IPsecSuite) string {
	auth := map[isakmp.AuthAlgorithm]string{
		isakmp.AuthAlgHMACMD5: " esp-md5-hmac", isakmp.AuthAlgHMACSHA1: " esp-sha-hmac",
		isakmp.AuthAlgHMACSHA256: " esp-sha256-hmac", isakmp.AuthAlgHMACSHA384: " esp-sha384-hmac",
		isakmp.AuthAlgHMACSHA512: " esp-sha512-hmac",
	}
	size := ""
	if s.KeyBits > 128 {
		size = fmt.Sprintf("%d-", s.KeyBits)
	}
	return "esp-" + size + cipherText(s.Transform) + auth[s.Auth]
}

func cipherText(t isakmp.ESPTransform) string {
	switch t {
	case isakmp.ESPDES:
		return "des"
	case isakmp.ESP3DES:
		return "3des"
	case isakmp.ESPAES:
		return "aes"
	case isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16:
		return "gcm"
	case isakmp.ESPAESGMAC:
		return "gmac"
	case isakmp.ESPNull:
		return "null"
	}
	return t.String()
}

// ivSize is the length in bytes of the IV that a packet carries.
func ivSize(t isakmp.ESPTransform) int {
	switch t {
	case isakmp.ESPNull:
		return 0
	case isakmp.ESPAES:
		return 16
	}
	return 8
}

// settingsText is the mode of an SA: "Tunnel UDP-Encaps".
func settingsText(e isakmp.Encapsulation) string {
	text := "Tunnel"
	if policy.IsTransport(e) {
		text = "Transport"
	}
	if policy.IsUDP(e) {
		text += " UDP-Encaps"
	}
	return text
}

// Selector is one side of the traffic that a policy or a pair of SAs protects:
// the addresses From to To. Protocol and Port are 0 for any.
type Selector struct {
	From     netip.Addr `json:"from"`
	To       netip.Addr `json:"to"`
	Protocol uint8      `json:"protocol"`
	Port     uint16     `json:"port"`
}

func selector(p policy.Proxy) Selector { return Selector{p.Lo, p.Hi, p.Protocol, p.Port} }

// mask returns the netmask, and false for a range that has none.
func (s Selector) mask() (netip.Addr, bool) {
	return policy.Mask(policy.Proxy{Lo: s.From, Hi: s.To})
}

// ident is the selector in show crypto ipsec sa.
func (s Selector) ident() string {
	mask, ok := s.mask()
	if !ok {
		return fmt.Sprintf("(%s-%s/%d/%d)", s.From, s.To, s.Protocol, s.Port)
	}
	return fmt.Sprintf("(%s/%s/%d/%d)", s.From, mask, s.Protocol, s.Port)
}

// flow is the selector in show crypto session, which has the protocol before.
func (s Selector) flow() string {
	text := "host " + s.From.String()
	if mask, ok := s.mask(); !ok {
		text = fmt.Sprintf("%s-%s", s.From, s.To)
	} else if s.From != s.To {
		text = fmt.Sprintf("%s/%s", s.From, mask)
	}
	if s.Port != 0 {
		text += fmt.Sprintf(" port %d", s.Port)
	}
	return text
}

func protocolText(p uint8) string {
	if p == 0 {
		return "ip"
	}
	return fmt.Sprint(p)
}

// endpointText is an address and port as sessions show them.
func endpointText(a netip.AddrPort) string { return fmt.Sprintf("%s/%d", a.Addr(), a.Port()) }

func roleText(r trace.Role) string {
	switch r {
	case trace.RoleInitiator:
		return "initiator"
	case trace.RoleResponder:
		return "responder"
	}
	return "none"
}
