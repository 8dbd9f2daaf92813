package isakmp

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSAOfIOSMainMode(t *testing.T) {
	sa, err := ParseSA(at(PayloadSA, HeaderLen, unhex(t, iosMainSA)))
	if err != nil {
		t.Fatal(err)
	}
	want := SA{DOI: DOIIPsec, Situation: SituationIdentityOnly, Proposals: []Proposal{{
		Number: 1, Protocol: ProtocolISAKMP, SPI: []byte{},
		Transforms: []Transform{{Number: 1, ID: TransformKeyIKE, Attributes: []Attribute{
			BasicAttribute(AttrEncryption, uint16(EncrAESCBC)), BasicAttribute(AttrKeyLength, 128),
			BasicAttribute(AttrHash, uint16(HashSHA1)), BasicAttribute(AttrGroup, uint16(GroupMODP1024)),
			BasicAttribute(AttrAuthMethod, uint16(AuthPSK)), BasicAttribute(AttrLifeType, uint16(LifeSeconds)),
			VariableAttribute(AttrLifeDuration, 86400, 4),
		}}, {Number: 2, ID: TransformKeyIKE, Attributes: []Attribute{
			BasicAttribute(AttrEncryption, uint16(Encr3DESCBC)),
			BasicAttribute(AttrHash, uint16(HashMD5)), BasicAttribute(AttrGroup, uint16(GroupMODP768)),
			BasicAttribute(AttrAuthMethod, uint16(AuthRSASig)), BasicAttribute(AttrLifeType, uint16(LifeSeconds)),
			VariableAttribute(AttrLifeDuration, 86400, 4), BasicAttribute(AttrKeyLength, 128),
		}}},
	}}}
	if diff := cmp.Diff(want, sa); diff != "" {
		t.Errorf("ParseSA (-want +got):\n%s", diff)
	}
}

func TestParseSAOfBundle(t *testing.T) {
	sa, err := ParseSA(at(PayloadSA, HeaderLen, unhex(t, bundleQuickSA)))
	if err != nil {
		t.Fatal(err)
	}
	type offer struct {
		number   uint8
		protocol ProtocolID
		spi      byte
	}
	var got []offer
	for _, p := range sa.Proposals {
		got = append(got, offer{p.Number, p.Protocol, p.SPI[3]})
	}
	want := []offer{{1, ProtocolAH, 0x11}, {1, ProtocolESP, 0x22}, {2, ProtocolESP, 0x33}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(offer{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSAFixturesRoundTrip(t *testing.T) {
	for name, digits := range fixtureSAs {
		body := unhex(t, digits)
		sa, err := ParseSA(at(PayloadSA, HeaderLen, body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := AppendSA(nil, sa); !bytes.Equal(got, body) {
			t.Errorf("%s: AppendSA = %x\nwant %x", name, got, body)
		}
	}
}

func TestParseSASPISizes(t *testing.T) {
	for _, tc := range []struct {
		protocol ProtocolID
		length   int
		ok       bool
	}{
		{ProtocolISAKMP, 0, true}, {ProtocolISAKMP, 8, true}, {ProtocolISAKMP, 16, true}, {ProtocolISAKMP, 17, false},
		{ProtocolESP, 4, true}, {ProtocolESP, 0, false}, {ProtocolESP, 8, false}, {ProtocolAH, 4, true}, {ProtocolAH, 3, false},
		{ProtocolIPCOMP, 2, true}, {ProtocolIPCOMP, 4, true}, {ProtocolIPCOMP, 3, false}, {99, 16, true}, {99, 17, false},
	} {
		sa := SA{DOI: DOIIPsec, Situation: SituationIdentityOnly, Proposals: []Proposal{{
			Number: 1, Protocol: tc.protocol, SPI: make([]byte, tc.length), Transforms: []Transform{{Number: 1, ID: 1}},
		}}}
		_, err := ParseSA(at(PayloadSA, HeaderLen, AppendSA(nil, sa)))
		if (err == nil) != tc.ok {
			t.Errorf("%s with an SPI of %d bytes: %v", tc.protocol, tc.length, err)
		}
	}
}

func TestParseSABounds(t *testing.T) {
	offer := func(proposals, transforms int) []byte {
		sa := SA{DOI: DOIIPsec, Situation: SituationIdentityOnly}
		for range proposals {
			p := Proposal{Number: 1, Protocol: ProtocolESP, SPI: []byte{1, 2, 3, 4}}
			for n := range transforms {
				p.Transforms = append(p.Transforms, Transform{Number: uint8(n), ID: 3})
			}
			sa.Proposals = append(sa.Proposals, p)
		}
		return AppendSA(nil, sa)
	}
	for _, tc := range []struct {
		proposals, transforms int
		ok                    bool
	}{
		{MaxProposals, MaxTransforms / MaxProposals, true},
		{MaxProposals + 1, 1, false},
		{2, 255, true},
		{MaxProposals, MaxTransforms/MaxProposals + 1, false},
		{10, 255, false},
	} {
		_, err := ParseSA(at(PayloadSA, HeaderLen, offer(tc.proposals, tc.transforms)))
		if (err == nil) != tc.ok {
			t.Errorf("%d proposals of %d transforms: %v", tc.proposals, tc.transforms, err)
		}
	}
}

func TestParseSARefusesThousandsOfTransformsCheaply(t *testing.T) {
	sa := SA{DOI: DOIIPsec, Situation: SituationIdentityOnly}
	for range MaxProposals {
		p := Proposal{Number: 1, Protocol: ProtocolESP, SPI: []byte{1, 2, 3, 4}, Transforms: make([]Transform, 120)}
		sa.Proposals = append(sa.Proposals, p)
	}
	payload := at(PayloadSA, HeaderLen, AppendSA(nil, sa))
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := ParseSA(payload); err == nil {
			t.Fatal("accepted")
		}
	})
	if allocs > 20 {
		t.Errorf("%v allocations for an SA of %d transforms", allocs, 120*MaxProposals)
	}
}

func TestAttributeUint(t *testing.T) {
	for _, tc := range []struct {
		a    Attribute
		want uint64
		ok   bool
	}{
		{BasicAttribute(1, 0xfffe), 0xfffe, true},
		{VariableAttribute(1, 4608000, 4), 4608000, true},
		{VariableAttribute(1, 1<<63|5, 8), 1<<63 | 5, true},
		{VariableAttribute(1, 0x12345, 2), 0x2345, true},
		{Attribute{Value: []byte{7}}, 7, true},
		{Attribute{Value: make([]byte, 9)}, 0, false},
		{Attribute{}, 0, false},
	} {
		if got, ok := tc.a.Uint(); got != tc.want || ok != tc.ok {
			t.Errorf("%x: %d, %t; want %d, %t", tc.a.Value, got, ok, tc.want, tc.ok)
		}
	}
}

func TestAttributeList(t *testing.T) {
	// The data of RESPONDER-LIFETIME: 3600 seconds, 4608000 kilobytes.
	data := unhex(t, "80010001 80020e10 80010002 00020004 00465000")
	got, err := ParseAttributeList(PayloadNotify, data, 40)
	if err != nil || len(got) != 4 {
		t.Fatalf("%d attributes, %v", len(got), err)
	}
	if v, ok := got[3].Uint(); got[3].Type != IPsecAttrLifeDuration || v != 4608000 || !ok {
		t.Errorf("%+v", got[3])
	}
	if b := AppendAttributeList([]byte{9}, got); !bytes.Equal(b, append([]byte{9}, data...)) {
		t.Errorf("appended %x", b)
	}
}
