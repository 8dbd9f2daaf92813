package isakmp

import (
	"bytes"
	"errors"
	"testing"
)

func TestParsePayloads(t *testing.T) {
	body := unhex(t, "0a000008 aabbccdd  7f000005 01  00000004")
	got, consumed, err := ParsePayloads(PayloadKE, body, false, nil)
	if err != nil || consumed != len(body) || len(got) != 3 {
		t.Fatalf("ParsePayloads = %d payloads, %d, %v", len(got), consumed, err)
	}
	want := []struct {
		t      PayloadType
		from   int
		length int
	}{{PayloadKE, 0, 8}, {PayloadNonce, 8, 5}, {127, 13, 4}}
	for i, w := range want {
		p := got[i]
		if p.Type != w.t || p.Offset != HeaderLen+w.from || !bytes.Equal(p.Raw, body[w.from:w.from+w.length]) ||
			!bytes.Equal(p.Body, p.Raw[4:]) {
			t.Errorf("payload %d = %+v", i, p)
		}
	}
}

func TestParsePayloadsAreViews(t *testing.T) {
	body := unhex(t, "0a000008 aabbccdd 00000008 11223344")
	got, _, err := ParsePayloads(PayloadKE, body, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	body[4] = 0x11
	if got[0].Body[0] != 0x11 || got[0].Raw[4] != 0x11 {
		t.Error("the payload is a copy")
	}
	if cap(got[0].Body) != len(got[0].Body) || cap(got[0].Raw) != len(got[0].Raw) {
		t.Error("appending to a view would write over what follows it in the datagram")
	}
}

func TestParsePayloadsPadding(t *testing.T) {
	// RFC 2409 appendix B pads with zeros; not every peer does.
	body := unhex(t, "00000006 aabb dead")
	got, consumed, err := ParsePayloads(PayloadHash, body, true, nil)
	if err != nil || consumed != 6 || len(got) != 1 {
		t.Fatalf("encrypted: %d payloads, %d consumed, %v", len(got), consumed, err)
	}
	if _, _, err = ParsePayloads(PayloadHash, body, false, nil); err == nil {
		t.Error("clear: two bytes after the last payload were accepted")
	}
}

func TestParsePayloadsEmpty(t *testing.T) {
	got, consumed, err := ParsePayloads(PayloadNone, nil, false, nil)
	if err != nil || consumed != 0 || len(got) != 0 {
		t.Fatalf("= %v, %d, %v", got, consumed, err)
	}
}

func TestParsePayloadsKeepsThoseBeforeTheMalformedOne(t *testing.T) {
	body := unhex(t, "05000008 aabbccdd  00ff0008 00000000")
	got, consumed, err := ParsePayloads(PayloadKE, body, false, make([]Payload, 0, 4))
	if len(got) != 1 || got[0].Type != PayloadKE || consumed != 8 {
		t.Errorf("= %v, %d", got, consumed)
	}
	var malformed *Error
	if !errors.As(err, &malformed) || malformed.Payload != PayloadID || malformed.Kind != KindReserved {
		t.Errorf("error %v", err)
	}
}

func TestWrongKeyFailsOnReservedFirst(t *testing.T) {
	// What a wrong key leaves has a nonsensical length too.
	_, _, err := ParsePayloads(PayloadID, unhex(t, "c35a0001 8899aabb"), true, nil)
	if want := "ID payload, offset 29: reserved field is 90, must be zero"; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestParsePayloadsBound(t *testing.T) {
	chain := func(n int) []byte {
		body := bytes.Repeat([]byte{byte(PayloadVendorID), 0, 0, 4}, n)
		body[len(body)-4] = byte(PayloadNone)
		return body
	}
	if got, _, err := ParsePayloads(PayloadVendorID, chain(MaxPayloads), false, nil); err != nil || len(got) != MaxPayloads {
		t.Errorf("%d payloads, %v", len(got), err)
	}
	if got, _, err := ParsePayloads(PayloadVendorID, chain(MaxPayloads+1), false, nil); err == nil || len(got) != MaxPayloads {
		t.Errorf("%d payloads, %v", len(got), err)
	}
}

func TestParseNonceAndOpaque(t *testing.T) {
	for _, n := range []int{MinNonceLen, 20, MaxNonceLen} {
		if b, err := ParseNonce(at(PayloadNonce, HeaderLen, make([]byte, n))); err != nil || len(b) != n {
			t.Errorf("nonce of %d bytes: %d, %v", n, len(b), err)
		}
	}
	if b, err := ParseOpaque(at(PayloadKE, HeaderLen, []byte{1})); err != nil || len(b) != 1 {
		t.Errorf("KE: %x, %v", b, err)
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	datagram := mainMode3()
	payloads := make([]Payload, 0, 8)
	allocs := testing.AllocsPerRun(100, func() {
		h, err := ParseHeader(datagram)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := ParsePayloads(h.NextPayload, datagram[HeaderLen:], false, payloads[:0])
		if err != nil || len(got) != 3 {
			t.Fatal(len(got), err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkParseMainMode3(b *testing.B) {
	datagram := mainMode3()
	payloads := make([]Payload, 0, 8)
	b.ReportAllocs()
	b.SetBytes(int64(len(datagram)))
	for b.Loop() {
		h, err := ParseHeader(datagram)
		if err != nil {
			b.Fatal(err)
		}
		if payloads, _, err = ParsePayloads(h.NextPayload, datagram[HeaderLen:], false, payloads[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseMainMode1WithSA(b *testing.B) {
	datagram := mainMode1(b)
	payloads := make([]Payload, 0, 8)
	b.ReportAllocs()
	b.SetBytes(int64(len(datagram)))
	for b.Loop() {
		var err error
		if payloads, _, err = ParsePayloads(PayloadSA, datagram[HeaderLen:], false, payloads[:0]); err != nil {
			b.Fatal(err)
		}
		if _, err = ParseSA(payloads[0]); err != nil {
			b.Fatal(err)
		}
	}
}

// A message in clear may be filled up with zeros to a multiple of 4 octets.
func TestPaddingOfAMessageInClear(t *testing.T) {
	for n, want := range []bool{true, true, true, true, false} {
		body := append([]byte{0, 0, 0, 5, 1}, make([]byte, n)...)
		payloads, consumed, err := ParsePayloads(PayloadKE, body, false, nil)
		if ok := err == nil && consumed == 5 && len(payloads) == 1; ok != want {
			t.Errorf("%d octets: %d payloads, %d consumed, %v", n, len(payloads), consumed, err)
		}
	}
}
