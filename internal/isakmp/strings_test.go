package isakmp

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		value fmt.Stringer
		want  string
	}{
		{PayloadSA, "SA"}, {PayloadCertRequest, "CERTREQ"}, {PayloadNATD, "NAT-D"}, {PayloadType(99), "type 99"},
		{ExchangeIdentity, "main mode"}, {ExchangeQuick, "quick mode"}, {ExchangeType(77), "exchange 77"},
		{ProtocolESP, "ESP"}, {ProtocolID(9), "protocol 9"},
		{EncrAESCBC, "AES-CBC"}, {EncryptionAlgorithm(65000), "encryption 65000"},
		{HashSHA256, "SHA2-256"}, {HashAlgorithm(9), "hash 9"},
		{AuthPSK, "pre-shared key"}, {AuthMethod(6), "authentication 6"},
		{GroupMODP2048, "MODP-2048"}, {Group(31), "group 31"},
		{LifeKilobytes, "kilobytes"}, {LifeType(3), "life type 3"},
		{ESPAESGCM16, "AES-GCM-16"}, {ESPTransform(1), "ESP transform 1"},
		{AuthAlgHMACSHA256, "HMAC-SHA2-256"}, {AuthAlgorithm(20), "authentication algorithm 20"},
		{EncapUDPTunnelDraft, "UDP tunnel (draft)"}, {Encapsulation(5), "encapsulation 5"},
		{IDIPv4AddrSubnet, "ID_IPV4_ADDR_SUBNET"}, {IDType(0), "ID type 0"},
		{NotifyNoProposalChosen, "NO-PROPOSAL-CHOSEN"}, {NotifyRUThereAck, "R-U-THERE-ACK"}, {NotifyType(31), "notify type 31"},
		{ConfigRequest, "ISAKMP-CFG-REQUEST"}, {ConfigType(9), "configuration type 9"},
	} {
		if got := tc.value.String(); got != tc.want {
			t.Errorf("%T %v: want %q", tc.value, got, tc.want)
		}
	}
}

func TestAttributeNames(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{AttrEncryption.Phase1Name(), "encryption algorithm"}, {AttributeType(8).Phase1Name(), "attribute 8"},
		{IPsecAttrEncapsulation.Phase2Name(), "encapsulation mode"}, {AttributeType(99).Phase2Name(), "attribute 99"},
		{ConfigIP4Address.ConfigName(), "INTERNAL-IP4-ADDRESS"}, {XAUTHStatus.ConfigName(), "XAUTH-STATUS"},
		{UnitySplitInclude.ConfigName(), "UNITY-SPLIT-INCLUDE"}, {AttributeType(16519).ConfigName(), "attribute 16519"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}
