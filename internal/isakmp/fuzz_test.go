package isakmp

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzHeader(f *testing.F) {
	f.Add(mainMode1(f))
	f.Add(header(PayloadNone, 0))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		h, err := ParseHeader(datagram)
		if err != nil {
			checkError(t, err, len(datagram))
			return
		}
		if got := h.AppendTo(nil); !bytes.Equal(got, datagram[:HeaderLen]) {
			t.Errorf("appended %x, parsed %x", got, datagram[:HeaderLen])
		}
	})
}

// FuzzMessage walks a datagram as a clear message and as a decrypted one, and
// parses every payload in it.
func FuzzMessage(f *testing.F) {
	f.Add(mainMode1(f))
	f.Add(mainMode3())
	f.Fuzz(func(t *testing.T, datagram []byte) {
		h, err := ParseHeader(datagram)
		if err != nil {
			checkError(t, err, len(datagram))
			return
		}
		body := datagram[HeaderLen:]
		for _, encrypted := range []bool{false, true} {
			payloads, consumed, err := ParsePayloads(h.NextPayload, body, encrypted, nil)
			if err != nil {
				checkError(t, err, len(datagram))
			}
			covered := 0
			for _, p := range payloads {
				if p.Offset != HeaderLen+covered || !bytes.Equal(p.Raw, datagram[p.Offset:p.Offset+len(p.Raw)]) {
					t.Fatalf("%s payload is not where it says: %d", p.Type, p.Offset)
				}
				covered += len(p.Raw)
				parseBody(t, p, len(datagram))
			}
			if covered != consumed || consumed > len(body) {
				t.Fatalf("consumed %d of %d, payloads cover %d", consumed, len(body), covered)
			}
			if err == nil && !encrypted && consumed == len(body) { // padding is not built
				rebuild(t, h, payloads, datagram)
			}
		}
	})
}

// FuzzSA parses the body of an SA payload.
func FuzzSA(f *testing.F) {
	for _, digits := range fixtureSAs {
		f.Add(unhex(f, digits))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 65535-payloadHeaderLen {
			return
		}
		parseBody(t, at(PayloadSA, HeaderLen, body), HeaderLen+payloadHeaderLen+len(body))
	})
}

// FuzzAttributes parses the body of an attributes payload.
func FuzzAttributes(f *testing.F) {
	for _, digits := range []string{"01001234000100000002000040880000", "0200000180894089", "0300000cc08f0001", "01000014000100007000000070080000"} {
		f.Add(unhex(f, digits))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 65535-payloadHeaderLen {
			return
		}
		p := at(PayloadAttributes, HeaderLen, body)
		parseBody(t, p, HeaderLen+payloadHeaderLen+len(body))
		if a, err := ParseAttributes(p); err == nil && len(a.Attributes) > MaxAttributes {
			t.Errorf("%d attributes", len(a.Attributes))
		}
	})
}

// rebuild builds the message again from its payloads.
func rebuild(t *testing.T, h Header, payloads []Payload, datagram []byte) {
	t.Helper()
	b := NewBuilder(nil, h)
	for _, p := range payloads {
		b.Add(p.Type, p.Body)
	}
	if got := b.Bytes(0); b.Err() == nil && !bytes.Equal(got, datagram) {
		t.Errorf("built %x, parsed %x", got, datagram)
	}
}

// parseBody parses the body of p as its type says. What can be parsed must
// give the same bytes again.
func parseBody(t *testing.T, p Payload, datagramLen int) {
	t.Helper()
	switch p.Type {
	case PayloadSA:
		again(t, p, datagramLen, ParseSA, AppendSA)
	case PayloadID:
		again(t, p, datagramLen, ParseID, AppendID)
		if id, err := ParseID(p); err == nil {
			id.Range()
		}
	case PayloadCert:
		again(t, p, datagramLen, ParseCert, AppendCert)
	case PayloadCertRequest:
		again(t, p, datagramLen, ParseCertRequest, AppendCertRequest)
	case PayloadNotify:
		again(t, p, datagramLen, ParseNotify, AppendNotify)
	case PayloadDelete:
		again(t, p, datagramLen, ParseDelete, AppendDelete)
	case PayloadAttributes:
		again(t, p, datagramLen, ParseAttributes, AppendAttributes)
	case PayloadNATOA, PayloadNATOADraft, PayloadNATOADraft04:
		again(t, p, datagramLen, ParseNATOA, AppendNATOA)
	case PayloadFragment:
		if f, err := ParseFragment(p); err != nil {
			checkError(t, err, datagramLen)
		} else if !bytes.Equal(f.Data, p.Body[4:]) {
			t.Errorf("fragment holds %x of %x", f.Data, p.Body)
		}
	case PayloadNonce:
		_, err := ParseNonce(p)
		checkError(t, err, datagramLen)
	case PayloadVendorID:
		_ = LookupVendorID(p.Body).String()
	default:
		_, err := ParseOpaque(p)
		checkError(t, err, datagramLen)
	}
}

func again[T any](t *testing.T, p Payload, datagramLen int, parse func(Payload) (T, error), appendTo func([]byte, T) []byte) {
	t.Helper()
	v, err := parse(p)
	if err != nil {
		checkError(t, err, datagramLen)
		return
	}
	if got := appendTo(nil, v); !bytes.Equal(got, p.Body) {
		t.Errorf("%s: appended %x, parsed %x", p.Type, got, p.Body)
	}
}

// checkError checks that err, if any, is an *Error that points into the datagram.
func checkError(t *testing.T, err error, datagramLen int) {
	t.Helper()
	if err == nil {
		return
	}
	var malformed *Error
	if !errors.As(err, &malformed) {
		t.Fatalf("%T is not an *Error", err)
	}
	if malformed.Offset < 0 || malformed.Offset > datagramLen || malformed.Kind == 0 || malformed.Field == 0 {
		t.Errorf("%+v in %d bytes", malformed, datagramLen)
	}
	if malformed.Error() == "" || malformed.Notify() == 0 {
		t.Errorf("%+v has no text or no notify type", malformed)
	}
}
