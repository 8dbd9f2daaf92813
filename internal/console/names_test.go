package console

import (
	"net/netip"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

func TestPolicyNames(t *testing.T) {
	tests := []struct{ want, got string }{
		{"DES - Data Encryption Standard (56 bit keys).", encryptionText(isakmp.EncrDESCBC, 0)},
		{"Three key triple DES", encryptionText(isakmp.Encr3DESCBC, 0)},
		{"AES - Advanced Encryption Standard (192 bit keys).", encryptionText(isakmp.EncrAESCBC, 192)},
		{"Message Digest 5", hashText(isakmp.HashMD5)},
		{"Secure Hash Standard", hashText(isakmp.HashSHA1)},
		{"Secure Hash Standard 2 (256 bit)", hashText(isakmp.HashSHA256)},
		{"Secure Hash Standard 2 (384 bit)", hashText(isakmp.HashSHA384)},
		{"Secure Hash Standard 2 (512 bit)", hashText(isakmp.HashSHA512)},
		{"Pre-Shared Key", authText(isakmp.AuthPSK)},
		{"Rivest-Shamir-Adleman Signature", authText(isakmp.AuthRSASig)},
		{"Rivest-Shamir-Adleman Encryption", authText(isakmp.AuthRSAEnc)},
		{"#1 (768 bit)", groupText(isakmp.GroupMODP768)},
		{"#5 (1536 bit)", groupText(isakmp.GroupMODP1536)},
		{"#14 (2048 bit)", groupText(isakmp.GroupMODP2048)},
		{"#20 (384 bit)", groupText(isakmp.GroupECP384)},
		{"#24 (2048 bit, 256 bit subgroup)", groupText(isakmp.GroupMODP2048S256)},
	}
	for _, tt := range tests {
		equal(t, tt.want, tt.got)
	}
}

func TestTransformNames(t *testing.T) {
	tests := []struct {
		suite  trace.IPsecSuite
		name   string
		ivSize int
	}{
		{trace.IPsecSuite{Transform: isakmp.ESPDES, Auth: isakmp.AuthAlgHMACMD5}, "esp-des esp-md5-hmac", 8},
		{trace.IPsecSuite{Transform: isakmp.ESP3DES, Auth: isakmp.AuthAlgHMACSHA1}, "esp-3des esp-sha-hmac", 8},
		{trace.IPsecSuite{Transform: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}, "esp-aes esp-sha-hmac", 16},
		{trace.IPsecSuite{Transform: isakmp.ESPAES, KeyBits: 192, Auth: isakmp.AuthAlgHMACSHA384}, "esp-192-aes esp-sha384-hmac", 16},
		{trace.IPsecSuite{Transform: isakmp.ESPAES, KeyBits: 256}, "esp-256-aes", 16},
		{trace.IPsecSuite{Transform: isakmp.ESPAESGCM16, KeyBits: 128}, "esp-gcm", 8},
		{trace.IPsecSuite{Transform: isakmp.ESPAESGMAC, KeyBits: 256}, "esp-256-gmac", 8},
		{trace.IPsecSuite{Transform: isakmp.ESPNull, Auth: isakmp.AuthAlgHMACSHA512}, "esp-null esp-sha512-hmac", 0},
	}
	for _, tt := range tests {
		equal(t, tt.name, transformText(tt.suite))
		equal(t, tt.ivSize, ivSize(tt.suite.Transform))
	}
}

func TestSelectorTexts(t *testing.T) {
	addr := netip.MustParseAddr
	between := policy.Proxy{Type: isakmp.IDIPv4AddrRange, Lo: addr("10.1.1.5"), Hi: addr("10.1.1.9"), Protocol: 17, Port: 1701}
	tests := []struct {
		proxy       policy.Proxy
		ident, flow string
	}{
		{subnet("0.0.0.0/0"), "(0.0.0.0/0.0.0.0/0/0)", "0.0.0.0/0.0.0.0"},
		{subnet("10.1.1.1/32"), "(10.1.1.1/255.255.255.255/0/0)", "host 10.1.1.1"},
		{between, "(10.1.1.5-10.1.1.9/17/1701)", "10.1.1.5-10.1.1.9 port 1701"},
	}
	for _, tt := range tests {
		equal(t, tt.ident, selector(tt.proxy).ident())
		equal(t, tt.flow, selector(tt.proxy).flow())
	}
}

func TestSessionWithoutIPsecIsIdle(t *testing.T) {
	f := upResponder(t)
	f.ipsec = nil
	equal(t, "UP-IDLE", run(t, f, "show crypto session").JSON.(Sessions).Sessions[0].Status)
}

func TestIncompleteEntryNamesItsTransformSet(t *testing.T) {
	f := hubRouter(t)
	f.cfg.CryptoMaps[0].Entries[0].TransformSets = nil
	entry := run(t, f, "show crypto map").JSON.(CryptoMaps).Maps[0].Entries[0]
	if entry.Complete || entry.missing() != "transform-set definition" {
		t.Errorf("complete: %v, missing %q", entry.Complete, entry.missing())
	}
}
