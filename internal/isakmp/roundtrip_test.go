package isakmp

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// roundTrip draws values, appends them and parses them again.
func roundTrip[T any](t *testing.T, pt PayloadType, draw *rapid.Generator[T],
	appendTo func([]byte, T) []byte, parse func(Payload) (T, error)) {
	t.Helper()
	options := []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}
	rapid.Check(t, func(t *rapid.T) {
		want := draw.Draw(t, "value")
		body := appendTo(nil, want)
		got, err := parse(at(pt, HeaderLen, body))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, options...); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if again := appendTo(nil, got); !bytes.Equal(again, body) {
			t.Fatalf("appended %x, then %x", body, again)
		}
	})
}

func drawBytes(low, high int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.Byte(), low, high)
}

var drawAttribute = rapid.Custom(func(t *rapid.T) Attribute {
	a := Attribute{Type: AttributeType(rapid.Uint16Range(0, 0x7fff).Draw(t, "type")), Basic: rapid.Bool().Draw(t, "basic")}
	if a.Basic {
		a.Value = drawBytes(2, 2).Draw(t, "value")
	} else {
		a.Value = drawBytes(0, 20).Draw(t, "value")
	}
	return a
})

var drawProposal = rapid.Custom(func(t *rapid.T) Proposal {
	p := Proposal{Number: rapid.Uint8().Draw(t, "number"), Protocol: ProtocolID(rapid.Uint8().Draw(t, "protocol"))}
	low, high := 0, maxSPILen
	switch p.Protocol {
	case ProtocolAH, ProtocolESP:
		low, high = 4, 4
	case ProtocolIPCOMP:
		low, high = 2, 2
	}
	p.SPI = drawBytes(low, high).Draw(t, "SPI")
	p.Transforms = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Transform {
		return Transform{
			Number:     rapid.Uint8().Draw(t, "number"),
			ID:         rapid.Uint8().Draw(t, "ID"),
			Attributes: rapid.SliceOfN(drawAttribute, 0, 9).Draw(t, "attributes"),
		}
	}), 1, 6).Draw(t, "transforms")
	return p
})

func TestSARoundTrip(t *testing.T) {
	roundTrip(t, PayloadSA, rapid.Custom(func(t *rapid.T) SA {
		return SA{DOIIPsec, SituationIdentityOnly, rapid.SliceOfN(drawProposal, 1, 5).Draw(t, "proposals")}
	}), AppendSA, ParseSA)
}

func TestIDRoundTrip(t *testing.T) {
	roundTrip(t, PayloadID, rapid.Custom(func(t *rapid.T) ID {
		id := ID{IDType(rapid.Uint8().Draw(t, "type")), rapid.Uint8().Draw(t, "protocol"), rapid.Uint16().Draw(t, "port"), nil}
		low, high := 1, 64
		if n, fixed := idDataLen(id.Type); fixed {
			low, high = n, n
		}
		id.Data = drawBytes(low, high).Draw(t, "data")
		return id
	}), AppendID, ParseID)
}

func TestNotifyRoundTrip(t *testing.T) {
	roundTrip(t, PayloadNotify, rapid.Custom(func(t *rapid.T) Notify {
		return Notify{rapid.SampledFrom([]uint32{DOIISAKMP, DOIIPsec}).Draw(t, "DOI"), ProtocolID(rapid.Uint8().Draw(t, "protocol")),
			drawBytes(0, maxSPILen).Draw(t, "SPI"), NotifyType(rapid.Uint16().Draw(t, "type")), drawBytes(0, 40).Draw(t, "data")}
	}), AppendNotify, ParseNotify)
}

func TestDeleteRoundTrip(t *testing.T) {
	roundTrip(t, PayloadDelete, rapid.Custom(func(t *rapid.T) Delete {
		d := Delete{DOI: DOIIPsec, Protocol: rapid.SampledFrom([]ProtocolID{ProtocolISAKMP, ProtocolAH, ProtocolESP, ProtocolIPCOMP, 77}).Draw(t, "protocol")}
		n := map[ProtocolID]int{ProtocolISAKMP: 16, ProtocolAH: 4, ProtocolESP: 4, ProtocolIPCOMP: 2, 77: 9}[d.Protocol]
		d.SPIs = rapid.SliceOfN(drawBytes(n, n), 1, 9).Draw(t, "SPIs")
		return d
	}), AppendDelete, ParseDelete)
}

func TestAttributesRoundTrip(t *testing.T) {
	roundTrip(t, PayloadAttributes, rapid.Custom(func(t *rapid.T) Attributes {
		return Attributes{ConfigType(rapid.Uint8().Draw(t, "type")), rapid.Uint16().Draw(t, "identifier"),
			rapid.SliceOfN(drawAttribute, 0, 20).Draw(t, "attributes")}
	}), AppendAttributes, ParseAttributes)
}

func TestCertRoundTrip(t *testing.T) {
	roundTrip(t, PayloadCert, rapid.Custom(func(t *rapid.T) Cert {
		return Cert{rapid.Uint8().Draw(t, "encoding"), drawBytes(1, 64).Draw(t, "data")}
	}), AppendCert, ParseCert)
	roundTrip(t, PayloadCertRequest, rapid.Custom(func(t *rapid.T) CertRequest {
		return CertRequest{rapid.Uint8().Draw(t, "encoding"), drawBytes(0, 64).Draw(t, "data")}
	}), AppendCertRequest, ParseCertRequest)
}

func TestNATOARoundTrip(t *testing.T) {
	roundTrip(t, PayloadNATOA, rapid.Custom(func(t *rapid.T) NATOA {
		if rapid.Bool().Draw(t, "IPv6") {
			return NATOA{IDIPv6Addr, netip.AddrFrom16([16]byte(drawBytes(16, 16).Draw(t, "address")))}
		}
		return NATOA{IDIPv4Addr, netip.AddrFrom4([4]byte(drawBytes(4, 4).Draw(t, "address")))}
	}), AppendNATOA, ParseNATOA)
}

func TestFragmentRoundTrip(t *testing.T) {
	roundTrip(t, PayloadFragment, rapid.Custom(func(t *rapid.T) Fragment {
		return Fragment{rapid.Uint16().Draw(t, "ID"), rapid.Uint8Range(1, 255).Draw(t, "number"), rapid.Bool().Draw(t, "last"),
			drawBytes(1, 64).Draw(t, "data")}
	}), AppendFragment, ParseFragment)
}

func TestMessageRoundTrip(t *testing.T) {
	type part struct {
		Type PayloadType
		Body []byte
	}
	drawPart := rapid.Custom(func(t *rapid.T) part {
		return part{PayloadType(rapid.Uint8Range(4, 255).Draw(t, "type")), drawBytes(0, 64).Draw(t, "body")}
	})
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Initiator: Cookie(drawBytes(8, 8).Draw(t, "initiator")), Responder: Cookie(drawBytes(8, 8).Draw(t, "responder")),
			Version: Version1, Exchange: ExchangeType(rapid.Uint8().Draw(t, "exchange")), Flags: rapid.Uint8().Draw(t, "flags"),
			MessageID: rapid.Uint32().Draw(t, "message ID"),
		}
		parts := rapid.SliceOfN(drawPart, 0, 12).Draw(t, "parts")
		blockSize := rapid.SampledFrom([]int{0, 1, 8, 16}).Draw(t, "block size")
		b := NewBuilder(nil, h)
		for _, p := range parts {
			b.Add(p.Type, p.Body)
		}
		message := b.Bytes(blockSize)

		got, err := ParseHeader(message)
		if err != nil {
			t.Fatal(err)
		}
		h.NextPayload, h.Length = got.NextPayload, uint32(len(message))
		if got != h {
			t.Fatalf("header %+v, want %+v", got, h)
		}
		payloads, consumed, err := ParsePayloads(got.NextPayload, message[HeaderLen:], blockSize > 1, nil)
		if err != nil || len(payloads) != len(parts) {
			t.Fatalf("%d payloads, %v; want %d", len(payloads), err, len(parts))
		}
		padding := len(message) - HeaderLen - consumed
		if blockSize > 1 && (padding >= blockSize || (len(message)-HeaderLen)%blockSize != 0) {
			t.Fatalf("%d bytes of padding in %d", padding, len(message))
		}
		for i, p := range payloads {
			if p.Type != parts[i].Type || !bytes.Equal(p.Body, parts[i].Body) ||
				!bytes.Equal(p.Raw, message[p.Offset:p.Offset+len(p.Raw)]) {
				t.Fatalf("payload %d: %+v, want %+v", i, p, parts[i])
			}
		}
	})
}
