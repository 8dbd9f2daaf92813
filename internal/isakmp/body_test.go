package isakmp

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// equal compares values that may hold a netip.Addr; nil and empty slices are the same.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	options := []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// checkBody parses body with parse, compares the value and appends it again.
func checkBody[T any](t *testing.T, what string, pt PayloadType, digits string, want T,
	parse func(Payload) (T, error), appendTo func([]byte, T) []byte) {
	t.Helper()
	body := unhex(t, digits)
	got, err := parse(at(pt, HeaderLen, body))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	equal(t, what, want, got)
	if b := appendTo([]byte{0xee}, got); !bytes.Equal(b, append([]byte{0xee}, body...)) {
		t.Errorf("%s: appended %x, want ee%x", what, b, body)
	}
}

func TestID(t *testing.T) {
	for _, tc := range []struct {
		name, digits string
		want         ID
	}{
		{"IPv4 address", "01 11 01f4 c0000201", ID{IDIPv4Addr, 17, 500, []byte{192, 0, 2, 1}}},
		{"subnet", "04 00 0000 0a010000 ffff0000", ID{IDIPv4AddrSubnet, 0, 0, []byte{10, 1, 0, 0, 255, 255, 0, 0}}},
		{"range", "07 06 0050 0a010001 0a010009", ID{IDIPv4AddrRange, 6, 80, []byte{10, 1, 0, 1, 10, 1, 0, 9}}},
		{"FQDN", "02 11 0000 72312e6c6162", ID{IDFQDN, 17, 0, []byte("r1.lab")}},
		{"key ID", "0b 00 0000 67", ID{IDKeyID, 0, 0, []byte("g")}},
		{"unknown type", "c8 00 0000 010203", ID{200, 0, 0, []byte{1, 2, 3}}},
	} {
		checkBody(t, tc.name, PayloadID, tc.digits, tc.want, ParseID, AppendID)
	}
}

func TestIDRanges(t *testing.T) {
	for _, tc := range []struct {
		name        string
		id          ID
		first, last string
		prefix      string
	}{
		{"host", AddrID(netip.MustParseAddr("192.0.2.1")), "192.0.2.1", "192.0.2.1", "192.0.2.1/32"},
		{"mapped host", AddrID(netip.MustParseAddr("::ffff:192.0.2.1")), "192.0.2.1", "192.0.2.1", "192.0.2.1/32"},
		{"IPv6 host", AddrID(netip.MustParseAddr("2001:db8::1")), "2001:db8::1", "2001:db8::1", "2001:db8::1/128"},
		{"subnet", PrefixID(netip.MustParsePrefix("10.1.2.3/16")), "10.1.0.0", "10.1.255.255", "10.1.0.0/16"},
		{"odd subnet", PrefixID(netip.MustParsePrefix("10.1.2.8/29")), "10.1.2.8", "10.1.2.15", "10.1.2.8/29"},
		{"everything", PrefixID(netip.MustParsePrefix("0.0.0.0/0")), "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"IPv6 subnet", PrefixID(netip.MustParsePrefix("2001:db8::/127")), "2001:db8::", "2001:db8::1", "2001:db8::/127"},
		{"range", ID{Type: IDIPv4AddrRange, Data: []byte{10, 0, 0, 1, 10, 0, 0, 9}}, "10.0.0.1", "10.0.0.9", ""},
		{"backward range", ID{Type: IDIPv4AddrRange, Data: []byte{10, 0, 0, 9, 10, 0, 0, 1}}, "", "", ""},
		{"mask with a hole", ID{Type: IDIPv4AddrSubnet, Data: []byte{10, 0, 0, 0, 255, 0, 255, 0}}, "", "", ""},
		{"name", ID{Type: IDFQDN, Data: []byte("r1.lab")}, "", "", ""},
		{"short data", ID{Type: IDIPv4Addr, Data: []byte{1}}, "", "", ""},
		{"short subnet", ID{Type: IDIPv4AddrSubnet, Data: []byte{1}}, "", "", ""},
		{"short range", ID{Type: IDIPv6AddrRange, Data: []byte{1}}, "", "", ""},
	} {
		first, last, ok := tc.id.Range()
		if ok != (tc.first != "") || (ok && (first.String() != tc.first || last.String() != tc.last)) {
			t.Errorf("%s: range %s to %s, %t", tc.name, first, last, ok)
		}
		prefix, ok := tc.id.Prefix()
		if ok != (tc.prefix != "") || (ok && prefix.String() != tc.prefix) {
			t.Errorf("%s: prefix %s, %t", tc.name, prefix, ok)
		}
	}
}

func TestNotify(t *testing.T) {
	checkBody(t, "initial contact", PayloadNotify,
		"00000001 01 10 6002 0101010101010101 0202020202020202",
		Notify{DOIIPsec, ProtocolISAKMP, unhex(t, "0101010101010101 0202020202020202"), NotifyInitialContact, nil},
		ParseNotify, AppendNotify)
	checkBody(t, "no proposal chosen", PayloadNotify, "00000001 03 04 000e c1a2b3d4",
		Notify{DOIIPsec, ProtocolESP, []byte{0xc1, 0xa2, 0xb3, 0xd4}, NotifyNoProposalChosen, nil}, ParseNotify, AppendNotify)
	checkBody(t, "payload malformed without SPI", PayloadNotify, "00000000 01 00 0010 abcd",
		Notify{DOIISAKMP, ProtocolISAKMP, nil, NotifyPayloadMalformed, []byte{0xab, 0xcd}}, ParseNotify, AppendNotify)
}

func TestDelete(t *testing.T) {
	checkBody(t, "two ESP SAs", PayloadDelete, "00000001 03 04 0002 c1a2b3d4 00000101",
		Delete{DOIIPsec, ProtocolESP, [][]byte{{0xc1, 0xa2, 0xb3, 0xd4}, {0, 0, 1, 1}}}, ParseDelete, AppendDelete)
	checkBody(t, "ISAKMP SA", PayloadDelete, "00000001 01 10 0001 0101010101010101 0202020202020202",
		Delete{DOIIPsec, ProtocolISAKMP, [][]byte{unhex(t, "0101010101010101 0202020202020202")}}, ParseDelete, AppendDelete)
	checkBody(t, "IPCOMP", PayloadDelete, "00000001 04 02 0001 1234",
		Delete{DOIIPsec, ProtocolIPCOMP, [][]byte{{0x12, 0x34}}}, ParseDelete, AppendDelete)
	if b := AppendDelete(nil, Delete{DOI: DOIIPsec, Protocol: ProtocolESP}); !bytes.Equal(b, unhex(t, "00000001 03 00 0000")) {
		t.Errorf("no SPIs: %x", b)
	}
}

func TestCertificates(t *testing.T) {
	checkBody(t, "certificate", PayloadCert, "04 308201", Cert{CertX509Signature, []byte{0x30, 0x82, 1}}, ParseCert, AppendCert)
	checkBody(t, "request", PayloadCertRequest, "04 3000", CertRequest{CertX509Signature, []byte{0x30, 0}},
		ParseCertRequest, AppendCertRequest)
	checkBody(t, "request of any CA", PayloadCertRequest, "04", CertRequest{CertX509Signature, nil},
		ParseCertRequest, AppendCertRequest)
}

func TestNATOA(t *testing.T) {
	checkBody(t, "IPv4", PayloadNATOA, "01000000 c0000201", NATOA{IDIPv4Addr, netip.MustParseAddr("192.0.2.1")},
		ParseNATOA, AppendNATOA)
	checkBody(t, "IPv6", PayloadNATOADraft, "05000000 20010db8000000000000000000000001",
		NATOA{IDIPv6Addr, netip.MustParseAddr("2001:db8::1")}, ParseNATOA, AppendNATOA)
}

func TestAttributesPayload(t *testing.T) {
	checkBody(t, "request", PayloadAttributes, "01 00 1234 00010000 00020000 40880000",
		Attributes{ConfigRequest, 0x1234, []Attribute{{Type: ConfigIP4Address}, {Type: ConfigIP4Netmask}, {Type: XAUTHType}}},
		ParseAttributes, AppendAttributes)
	checkBody(t, "XAUTH reply", PayloadAttributes, "02 00 0001 c0880000 4089 0005 616c696365 408a 0002 7077",
		Attributes{ConfigReply, 1, []Attribute{BasicAttribute(XAUTHType, 0),
			{Type: XAUTHUserName, Value: []byte("alice")}, {Type: XAUTHUserPassword, Value: []byte("pw")}}},
		ParseAttributes, AppendAttributes)
	checkBody(t, "empty acknowledgement", PayloadAttributes, "04 00 ffff", Attributes{Type: ConfigAck, Identifier: 0xffff},
		ParseAttributes, AppendAttributes)
}

func TestFragment(t *testing.T) {
	checkBody(t, "first", PayloadFragment, "0007 01 00 aabb", Fragment{7, 1, false, []byte{0xaa, 0xbb}}, ParseFragment, AppendFragment)
	checkBody(t, "last", PayloadFragment, "0007 02 01 cc", Fragment{7, 2, true, []byte{0xcc}}, ParseFragment, AppendFragment)
	f, err := ParseFragment(at(PayloadFragment, HeaderLen, unhex(t, "0007 02 f1 cc")))
	if err != nil || !f.Last {
		t.Errorf("unknown flags: %+v, %v", f, err)
	}
}
