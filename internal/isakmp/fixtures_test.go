package isakmp

import (
	"encoding/hex"
	"strings"
	"testing"
)

// unhex decodes hexadecimal digits that may be spaced for reading.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("bad fixture: %v", err)
	}
	return b
}

// at is a payload with the given body at an offset, as ParsePayloads makes them.
func at(t PayloadType, offset int, body []byte) Payload {
	raw := append(appendPayloadHeader(nil, PayloadNone, len(body)), body...)
	return Payload{Type: t, Body: raw[payloadHeaderLen:], Raw: raw, Offset: offset}
}

// SA payload bodies as peers send them. The comments name the attributes in
// the order of the wire.
const (
	// strongSwan, main mode, two proposals of its default order: encryption,
	// key length, hash, group, authentication, life type, life duration.
	strongSwanMainSA = `
		00000001 00000001
		00000050 00 01 00 02
		03000024 01 01 0000 80010007 800e0080 80020002 80040002 80030001 800b0001 800c3840
		00000024 02 01 0000 80010007 800e0100 80020004 8004000e 80030001 800b0001 800c3840`
	// IOS, main mode: encryption, key length, hash, group, authentication,
	// life type, life duration as a variable attribute of four bytes.
	iosMainSA = `
		00000001 00000001
		00000058 01 01 00 02
		03000028 01 01 0000 80010007 800e0080 80020002 80040002 80030001 800b0001 000c0004 00015180
		00000028 02 01 0000 80010005 80020001 80040001 80030003 800b0001 000c0004 00015180 800e0080`
	// strongSwan, quick mode: key length, authentication, encapsulation, life type, life duration.
	strongSwanQuickSA = `
		00000001 00000001
		00000028 00 03 04 01 c1a2b3d4
		0000001c 01 0c 0000 80060080 80050002 80040001 80010001 80020e10`
	// IOS, quick mode: encapsulation, life in seconds, life in kilobytes, authentication, key length.
	iosQuickSA = `
		00000001 00000001
		00000038 01 03 04 01 8f3a2b1c
		0000002c 01 0c 0000 80040001 80010001 80020e10 80010002 00020004 00465000 80050002 80060080 8003000e`
	// AH and ESP offered together, then ESP alone.
	bundleQuickSA = `
		00000001 00000001
		02000024 01 02 04 01 11111111
		00000018 01 03 0000 80040002 80050002 80010001 80020e10
		02000024 01 03 04 01 22222222
		00000018 01 03 0000 80040002 80050002 80010001 80020e10
		00000024 02 03 04 01 33333333
		00000018 01 03 0000 80040002 80050002 80010001 80020e10`
)

// fixtureSAs are the SA payload bodies by name.
var fixtureSAs = map[string]string{
	"strongSwan main": strongSwanMainSA, "IOS main": iosMainSA, "strongSwan quick": strongSwanQuickSA,
	"IOS quick": iosQuickSA, "AH and ESP": bundleQuickSA,
}

// mainMode1 is a first main mode message: an SA and the vendor IDs that IOS sends.
func mainMode1(t testing.TB) []byte {
	b := NewBuilder(nil, Header{Initiator: Cookie{1, 2, 3, 4, 5, 6, 7, 8}, Version: Version1, Exchange: ExchangeIdentity})
	b.Add(PayloadSA, unhex(t, iosMainSA))
	for _, vid := range []string{VIDRFC3947, VIDNATT07, VIDNATT03, VIDNATT02n} {
		b.Add(PayloadVendorID, []byte(vid))
	}
	return b.Bytes(0)
}

// mainMode3 is a third main mode message of three payloads.
func mainMode3() []byte {
	b := NewBuilder(nil, Header{Initiator: Cookie{1}, Responder: Cookie{2}, Version: Version1, Exchange: ExchangeIdentity})
	b.Add(PayloadKE, make([]byte, 128))
	b.Add(PayloadNonce, make([]byte, 20))
	b.Add(PayloadVendorID, []byte(VIDUnity))
	return b.Bytes(0)
}
