package isakmp

import (
	"crypto/md5"
	"crypto/sha256"
	"testing"
)

func TestVendorIDsAreTheHashesOfTheirTexts(t *testing.T) {
	for _, tc := range []struct {
		id   VendorID
		text string
		n    int // bytes of the hash that are used
	}{
		{VendorXAUTH, "draft-ietf-ipsra-isakmp-xauth-06.txt", 8},
		{VendorUnity, "CISCO-UNITY", 14},
		{VendorFragmentation, "FRAGMENTATION", 16},
		{VendorRFC3947, "RFC 3947", 16},
		{VendorNATT00, "draft-ietf-ipsec-nat-t-ike-00", 16},
		{VendorNATT01, "draft-ietf-ipsec-nat-t-ike-01", 16},
		{VendorNATT02, "draft-ietf-ipsec-nat-t-ike-02", 16},
		{VendorNATT02n, "draft-ietf-ipsec-nat-t-ike-02\n", 16},
		{VendorNATT03, "draft-ietf-ipsec-nat-t-ike-03", 16},
		{VendorNATT04, "draft-ietf-ipsec-nat-t-ike-04", 16},
		{VendorNATT05, "draft-ietf-ipsec-nat-t-ike-05", 16},
		{VendorNATT06, "draft-ietf-ipsec-nat-t-ike-06", 16},
		{VendorNATT07, "draft-ietf-ipsec-nat-t-ike-07", 16},
		{VendorNATT08, "draft-ietf-ipsec-nat-t-ike-08", 16},
		{VendorStenberg01, "draft-stenberg-ipsec-nat-traversal-01", 16},
		{VendorStenberg02, "draft-stenberg-ipsec-nat-traversal-02", 16},
		{VendorHuttunen00, "draft-huttunen-ipsec-esp-in-udp-00.txt", 16},
		{VendorStrongSwan, "strongSwan", 16},
		{VendorRacoon, "KAME/racoon", 16},
		{VendorMSNT5, "MS NT5 ISAKMPOAKLEY", 16},
		{VendorMSNegotiationDiscovery, "MS-Negotiation Discovery Capable", 16},
		{VendorMSInitialContact, "Vid-Initial-Contact", 16},
		{VendorMSCGA, "IKE CGA version 1", 16},
		{VendorGSSAPI, "GSSAPI", 16},
	} {
		sum := md5.Sum([]byte(tc.text))
		if got := vendorIDs[tc.id].bytes; got != string(sum[:tc.n]) {
			t.Errorf("%s is %x, want %x", tc.id, got, sum[:tc.n])
		}
	}
	if sum := sha256.Sum256([]byte("qmidle IKEv1")); VIDGateway != string(sum[:16]) {
		t.Errorf("%s is %x, want %x", VendorGateway, VIDGateway, sum[:16])
	}
}

func TestLookupVendorID(t *testing.T) {
	for _, tc := range []struct {
		name, digits string
		want         VendorID
	}{
		{"RFC 3947", "4A131C81070358455C5728F20E95452F", VendorRFC3947},
		{"draft 07", "439B59F8BA676C4C7737AE22EAB8F582", VendorNATT07},
		{"draft 03", "7D9419A65310CA6F2C179D9215529D56", VendorNATT03},
		{"draft 02", "CD60464335DF21F87CFDB2FC68B6A448", VendorNATT02},
		{"draft 02 with newline", "90CB80913EBB696E086381B5EC427B1F", VendorNATT02n},
		{"fragmentation", "4048B7D56EBCE88525E7DE7F00D6C2D3", VendorFragmentation},
		{"fragmentation with flags", "4048B7D56EBCE88525E7DE7F00D6C2D3 80000000", VendorFragmentation},
		{"DPD", "AFCAD71368A1F1C96B8696FC77570100", VendorDPD},
		{"DPD of another version", "AFCAD71368A1F1C96B8696FC77570201", VendorDPD},
		{"Unity", "12F5F28C457168A9702D9FE274CC0100", VendorUnity},
		{"XAUTH", "09002689DFD6B712", VendorXAUTH},
		{"XAUTH with more", "09002689DFD6B71200", VendorUnknown},
		{"Windows 8", "1e2b516905991c7d7c96fcbfb587e461 00000009", VendorMSNT5},
		{"ASA", "1f07f70eaa6514d3b0fa96542a500100", VendorCiscoVPN3000},
		{"strongSwan", "882fe56d6fd20dbc2251613b2ebe5beb", VendorStrongSwan},
		{"Check Point R55", "f4ed19e0c114eb516faaac0ee37daf2807b4381f 00000001 0000138d 0000000000000000", VendorCheckPoint},
		{"heartbeat", "4865617274426561745f4e6f74696679 386b0100", VendorHeartbeatNotify},
		{"a prefix of one", "AFCAD71368A1F1C96B8696FC77", VendorUnknown},
		{"empty", "", VendorUnknown},
		{"another", "00112233445566778899aabbccddeeff", VendorUnknown},
	} {
		if got := LookupVendorID(unhex(t, tc.digits)); got != tc.want {
			t.Errorf("%s is %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestVendorIDsAreNamedAndFindThemselves(t *testing.T) {
	names := map[string]VendorID{}
	for i := range vendorIDs {
		id := VendorID(i)
		if other, taken := names[id.String()]; taken || id.String() == "" {
			t.Errorf("%d and %d have the name %q", id, other, id)
		}
		names[id.String()] = id
		if got := LookupVendorID([]byte(vendorIDs[i].bytes)); got != id {
			t.Errorf("the bytes of %s are recognised as %s", id, got)
		}
	}
	if VendorID(250).String() != "unknown" {
		t.Errorf("%q", VendorID(250))
	}
}

func TestNATTNumbers(t *testing.T) {
	for _, tc := range []struct {
		id   VendorID
		want NATTNumbers
		ok   bool
	}{
		{VendorRFC3947, NATTNumbers{20, 21, 3, 4}, true},
		{VendorNATT08, NATTNumbers{15, 16, 3, 4}, true},
		{VendorNATT04, NATTNumbers{15, 16, 3, 4}, true},
		{VendorNATT03, NATTNumbers{130, 131, 61443, 61444}, true},
		{VendorNATT02n, NATTNumbers{130, 131, 61443, 61444}, true},
		{VendorNATT01, NATTNumbers{}, false},
		{VendorDPD, NATTNumbers{}, false},
	} {
		if got, ok := tc.id.NATT(); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %+v, %t", tc.id, got, ok)
		}
	}
}

func BenchmarkLookupVendorID(b *testing.B) {
	unknown := []byte("0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if LookupVendorID(unknown) != VendorUnknown {
			b.Fatal("recognised")
		}
	}
}
