package scep

import (
	"bytes"
	"encoding/asn1"
	"testing"
)

// open makes BER of DER as old CAs write it: no length in front of what is
// constructed, strings in two parts.
func open(t testing.TB, der []byte) (ber []byte) {
	for len(der) > 0 {
		tag, body, rest, _, err := header(der)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tag&0x20 != 0:
			ber = append(append(append(ber, tag, 0x80), open(t, body)...), 0, 0)
		case tag == tagOctets && len(body) > 1:
			ber = append(ber, tagOctets|0x20, 0x80)
			ber = appendElement(ber, tagOctets, body[:1])
			ber = append(appendElement(ber, tagOctets, body[1:]), 0, 0)
		default:
			ber = appendElement(ber, tag, body)
		}
		der = rest
	}
	return ber
}

func TestBER(t *testing.T) {
	type inner struct {
		A int
		B []byte
		C []string `asn1:"set"`
	}
	der, err := asn1.Marshal(inner{70000, bytes.Repeat([]byte{7}, 300), []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := toDER(open(t, der))
	if err != nil || !bytes.Equal(got, der) {
		t.Errorf("%v\n%x\n%x", err, got, der)
	}
	if got, err := toDER(der); err != nil || !bytes.Equal(got, der) {
		t.Errorf("DER is changed: %v", err)
	}
	for _, bad := range [][]byte{nil, {0x30}, {0x30, 0x80}, {0x04, 0x80, 0, 0}, {0x30, 0x85, 1, 1, 1, 1, 1}, {0x30, 1, 0}, {0x1f, 1, 0},
		append(bytes.Repeat([]byte{0x30, 0x80}, 100), bytes.Repeat([]byte{0, 0}, 100)...), {0x24, 3, 2, 1, 0}, {0x30, 0, 0}} {
		if _, err := toDER(bad); err == nil {
			t.Errorf("%x is read", bad)
		}
	}
}

func FuzzBER(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 4, 1, 7, 0, 0})
	f.Fuzz(func(t *testing.T, ber []byte) {
		der, err := toDER(ber)
		if err != nil {
			return
		}
		if len(der) > 4*len(ber)+16 {
			t.Fatalf("%d octets of %d", len(der), len(ber))
		}
		if again, err := toDER(der); err != nil || !bytes.Equal(again, der) {
			t.Fatalf("not stable: %x, %x", der, again)
		}
	})
}
