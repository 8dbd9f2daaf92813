package router

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// ClientLife is the lifetime that Cisco's clients offer, in both phases, in seconds.
const ClientLife = 2147483

// ClientSuite is one transform of what a client offers in phase 1. XAUTH is its
// method; without, it is the group's key alone.
type ClientSuite struct {
	Encryption isakmp.EncryptionAlgorithm
	Bits       uint16 // 0 where the cipher has one length
	Hash       isakmp.HashAlgorithm
	XAUTH      bool
}

// CiscoClient is what Cisco's VPN Client offers, in its order.
var CiscoClient = []ClientSuite{
	{isakmp.EncrAESCBC, 256, isakmp.HashSHA1, true}, {isakmp.EncrAESCBC, 256, isakmp.HashMD5, true},
	{isakmp.EncrAESCBC, 256, isakmp.HashSHA1, false}, {isakmp.EncrAESCBC, 256, isakmp.HashMD5, false},
	{isakmp.EncrAESCBC, 128, isakmp.HashSHA1, true}, {isakmp.EncrAESCBC, 128, isakmp.HashMD5, true},
	{isakmp.EncrAESCBC, 128, isakmp.HashSHA1, false}, {isakmp.EncrAESCBC, 128, isakmp.HashMD5, false},
}

// ClientOffer is an offer of suites. The key length is the last attribute, where
// Cisco's client has it.
func ClientOffer(suites []ClientSuite, g isakmp.Group) (offer []isakmp.Transform) {
	for i, s := range suites {
		auth := isakmp.AuthPSK
		if s.XAUTH {
			auth = isakmp.AuthXAUTHInitPSK
		}
		t := isakmp.Transform{Number: uint8(i + 1), ID: isakmp.TransformKeyIKE, Attributes: []isakmp.Attribute{
			isakmp.BasicAttribute(isakmp.AttrEncryption, uint16(s.Encryption)), isakmp.BasicAttribute(isakmp.AttrHash, uint16(s.Hash)),
			isakmp.BasicAttribute(isakmp.AttrGroup, uint16(g)), isakmp.BasicAttribute(isakmp.AttrAuthMethod, uint16(auth)),
			isakmp.BasicAttribute(isakmp.AttrLifeType, uint16(isakmp.LifeSeconds)), isakmp.VariableAttribute(isakmp.AttrLifeDuration, ClientLife, 4)}}
		if s.Bits > 0 {
			t.Attributes = append(t.Attributes, isakmp.BasicAttribute(isakmp.AttrKeyLength, s.Bits))
		}
		offer = append(offer, t)
	}
	return offer
}

// ClientPolicies are what a client takes in answer to an offer of suites.
func ClientPolicies(suites []ClientSuite, g isakmp.Group) (all []policy.IKE) {
	for i, s := range suites {
		if s.XAUTH {
			all = append(all, policy.IKE{Priority: uint16(i + 1), Encryption: s.Encryption, KeyBits: s.Bits, Hash: s.Hash,
				Auth: isakmp.AuthPSK, Group: g, Lifetime: ClientLife})
		}
	}
	return all
}
