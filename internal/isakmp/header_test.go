package isakmp

import (
	"bytes"
	"testing"
)

func TestParseHeader(t *testing.T) {
	datagram := unhex(t, "0102030405060708 1112131415161718 05 10 02 01 deadbeef 00000020 ffffffff")
	want := Header{
		Initiator: Cookie{1, 2, 3, 4, 5, 6, 7, 8}, Responder: Cookie{0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
		NextPayload: PayloadID, Version: Version1, Exchange: ExchangeIdentity, Flags: FlagEncryption,
		MessageID: 0xdeadbeef, Length: 32,
	}
	got, err := ParseHeader(datagram)
	if err != nil || got != want {
		t.Fatalf("ParseHeader = %+v, %v; want %+v", got, err, want)
	}
	if !got.Encrypted() {
		t.Error("Encrypted is false with the flag set")
	}
	if (Header{NextPayload: PayloadFragment, Flags: FlagEncryption}).Encrypted() {
		t.Error("Encrypted is true for a fragment")
	}
	if b := got.AppendTo([]byte{9}); !bytes.Equal(b, append([]byte{9}, datagram[:HeaderLen]...)) {
		t.Errorf("AppendTo = %x", b)
	}
}

func TestParseHeaderLeavesMinorVersionAndFlags(t *testing.T) {
	datagram := unhex(t, "0102030405060708 0000000000000000 00 1f fe f8 00000000 0000001c")
	h, err := ParseHeader(datagram)
	if err != nil || h.Version != 0x1f || h.Flags != 0xf8 || h.Exchange != 0xfe || h.Encrypted() {
		t.Fatalf("ParseHeader = %+v, %v", h, err)
	}
}

func TestCookie(t *testing.T) {
	if c := (Cookie{0xab, 1, 2, 3, 4, 5, 6, 7}); c.String() != "ab01020304050607" || c.IsZero() {
		t.Errorf("cookie %s, zero %t", c, c.IsZero())
	}
	if !(Cookie{}).IsZero() {
		t.Error("the zero cookie is not zero")
	}
}
