package isakmp

import (
	"bytes"
	"errors"
	"testing"
)

func TestBuilder(t *testing.T) {
	h := Header{Initiator: Cookie{1}, Responder: Cookie{2}, NextPayload: PayloadDelete, Version: Version1,
		Exchange: ExchangeQuick, Flags: FlagEncryption, MessageID: 7, Length: 99}
	for _, tc := range []struct {
		name      string
		blockSize int
		want      string
	}{
		{"clear", 0, `0100000000000000 0200000000000000 08 10 20 01 00000007 0000002b  0a000006 aabb 00000009 0102030405`},
		{"8-byte blocks", 8, `0100000000000000 0200000000000000 08 10 20 01 00000007 0000002c  0a000006 aabb 00000009 0102030405 00`},
		{"16-byte blocks", 16, `0100000000000000 0200000000000000 08 10 20 01 00000007 0000002c  0a000006 aabb 00000009 0102030405 00`},
	} {
		b := NewBuilder([]byte("before"), h)
		b.Add(PayloadHash, []byte{0xaa, 0xbb})
		b.Add(PayloadNonce, []byte{1, 2, 3, 4, 5})
		want := unhex(t, tc.want)
		if tc.blockSize == 0 {
			want[27] = byte(len(want))
		}
		if got := b.Payloads(); !bytes.Equal(got, want[HeaderLen:HeaderLen+15]) {
			t.Errorf("%s: Payloads = %x", tc.name, got)
		}
		if got := b.Bytes(tc.blockSize); !bytes.Equal(got, want) {
			t.Errorf("%s: Bytes = %x\nwant %x", tc.name, got, want)
		}
	}
}

func TestBuilderDoesNotPadWholeBlocks(t *testing.T) {
	b := NewBuilder(nil, Header{Version: Version1})
	b.Add(PayloadHash, make([]byte, 12))
	if got := b.Bytes(16); len(got) != HeaderLen+16 {
		t.Errorf("%d bytes, want %d", len(got), HeaderLen+16)
	}
}

func TestBuilderHashIsFilledIn(t *testing.T) {
	b := NewBuilder(nil, Header{Version: Version1})
	b.Add(PayloadHash, make([]byte, 2))
	b.Add(PayloadNonce, []byte{9})
	copy(b.Payloads()[4:6], []byte{0xaa, 0xbb})
	message := b.Bytes(0)
	payloads, _, err := ParsePayloads(PayloadHash, message[HeaderLen:], false, nil)
	if err != nil || !bytes.Equal(payloads[0].Body, []byte{0xaa, 0xbb}) {
		t.Errorf("%v, %v", payloads, err)
	}
	if covered := b.Payloads()[6:]; !bytes.Equal(covered, payloads[1].Raw) {
		t.Errorf("what the hash covers is %x, want %x", covered, payloads[1].Raw)
	}
}

func TestBuilderOfNothing(t *testing.T) {
	got := NewBuilder(nil, Header{Version: Version1, NextPayload: PayloadSA}).Bytes(16)
	if h, err := ParseHeader(got); err != nil || h.NextPayload != PayloadNone || h.Length != HeaderLen {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestBuilderTooLong(t *testing.T) {
	b := NewBuilder(nil, Header{Version: Version1})
	b.Add(PayloadCert, make([]byte, 40000))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	b.Add(PayloadCert, make([]byte, 40000))
	b.Add(PayloadHash, make([]byte, 20))
	if !errors.Is(b.Err(), ErrMessageTooLong) || b.Bytes(0) != nil {
		t.Errorf("error %v", b.Err())
	}
}

func TestBuilderTooLongByPadding(t *testing.T) {
	b := NewBuilder(nil, Header{Version: Version1})
	b.Add(PayloadCert, make([]byte, MaxMessageLen-HeaderLen-payloadHeaderLen))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	if b.Bytes(16) != nil || !errors.Is(b.Err(), ErrMessageTooLong) {
		t.Errorf("error %v", b.Err())
	}
}

func TestBuilderWritesIntoCapacity(t *testing.T) {
	buf, nonce := make([]byte, 0, 256), make([]byte, 20)
	allocs := testing.AllocsPerRun(100, func() {
		b := NewBuilder(buf, Header{Version: Version1})
		b.Add(PayloadNonce, nonce)
		if b.Bytes(8) == nil {
			t.Fatal(b.Err())
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations, want no more than the Builder itself", allocs)
	}
}

func BenchmarkBuildMainMode1(b *testing.B) {
	buf, sa := make([]byte, 0, 512), unhex(b, iosMainSA)
	vids := [][]byte{[]byte(VIDRFC3947), []byte(VIDNATT07), []byte(VIDNATT03), []byte(VIDNATT02n)}
	b.ReportAllocs()
	for b.Loop() {
		m := NewBuilder(buf, Header{Version: Version1, Exchange: ExchangeIdentity})
		m.Add(PayloadSA, sa)
		for _, vid := range vids {
			m.Add(PayloadVendorID, vid)
		}
		m.Bytes(0)
	}
}
