package keymat

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
)

// unhex reads hex digits; spaces are allowed between them.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		t.Fatalf("%.40s: %v", digits, err)
	}
	return b
}

func checkBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	f()
}

var allHashes = []isakmp.HashAlgorithm{
	isakmp.HashMD5, isakmp.HashSHA1, isakmp.HashSHA256, isakmp.HashSHA384, isakmp.HashSHA512,
}

func TestPRFVectors(t *testing.T) {
	hi, what := "Hi There", "what do ya want for nothing?"
	long2202 := "Test Using Larger Than Block-Size Key - Hash Key First"
	long4231 := long2202
	key := func(b byte, n int) string { return strings.Repeat(string([]byte{b}), n) }
	for _, v := range []struct {
		name      string
		h         isakmp.HashAlgorithm
		key, data string
		want      string
	}{
		{"RFC 2202 2/1", isakmp.HashMD5, key(0x0b, 16), hi, "9294727a3638bb1c13f48ef8158bfc9d"},
		{"RFC 2202 2/2", isakmp.HashMD5, "Jefe", what, "750c783e6ab0b503eaa86e310a5db738"},
		{"RFC 2202 2/6", isakmp.HashMD5, key(0xaa, 80), long2202, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
		{"RFC 2202 3/1", isakmp.HashSHA1, key(0x0b, 20), hi, "b617318655057264e28bc0b6fb378c8ef146be00"},
		{"RFC 2202 3/2", isakmp.HashSHA1, "Jefe", what, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"RFC 2202 3/6", isakmp.HashSHA1, key(0xaa, 80), long2202, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
		{"RFC 4231 4.2", isakmp.HashSHA256, key(0x0b, 20), hi, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"RFC 4231 4.3", isakmp.HashSHA256, "Jefe", what, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"RFC 4231 4.7", isakmp.HashSHA256, key(0xaa, 131), long4231, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"RFC 4231 4.2", isakmp.HashSHA384, key(0x0b, 20), hi, "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
		{"RFC 4231 4.3", isakmp.HashSHA384, "Jefe", what, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
		{"RFC 4231 4.2", isakmp.HashSHA512, key(0x0b, 20), hi, "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
		{"RFC 4231 4.3", isakmp.HashSHA512, "Jefe", what, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	} {
		want := unhex(t, v.want)
		checkBytes(t, v.name, PRF(v.h, []byte(v.key), []byte(v.data)), want)
		checkBytes(t, v.name+" in parts", PRF(v.h, []byte(v.key), []byte(v.data[:3]), nil, []byte(v.data[3:])), want)
		if HashSize(v.h) != len(want) {
			t.Errorf("HashSize(%d) = %d, want %d", v.h, HashSize(v.h), len(want))
		}
	}
}

func TestHashVectors(t *testing.T) {
	for h, want := range map[isakmp.HashAlgorithm]string{ // RFC 1321 and FIPS 180's example "abc"
		isakmp.HashMD5:    "900150983cd24fb0d6963f7d28e17f72",
		isakmp.HashSHA1:   "a9993e364706816aba3e25717850c26c9cd0d89d",
		isakmp.HashSHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		isakmp.HashSHA384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		isakmp.HashSHA512: "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	} {
		checkBytes(t, "hash of parts", Hash(h, []byte("a"), []byte("bc")), unhex(t, want))
		d := digest(h, []byte("abc"))
		checkBytes(t, "digest", d[:HashSize(h)], unhex(t, want))
	}
}

func TestUnsupportedHash(t *testing.T) {
	for _, h := range []isakmp.HashAlgorithm{0, isakmp.HashTiger, 7} {
		if HashSupported(h) || HashSize(h) != 0 {
			t.Errorf("hash %d counts as supported", h)
		}
		mustPanic(t, "Hash", func() { Hash(h, nil) })
		mustPanic(t, "PRF", func() { PRF(h, nil) })
		mustPanic(t, "digest", func() { digest(h, nil) })
	}
	for _, h := range allHashes {
		if !HashSupported(h) {
			t.Errorf("hash %d does not count as supported", h)
		}
	}
}

func TestEqual(t *testing.T) {
	a := []byte{1, 2, 3}
	if !Equal(a, []byte{1, 2, 3}) || Equal(a, []byte{1, 2, 4}) || Equal(a, a[:2]) || Equal(nil, a) {
		t.Error("Equal is not equality")
	}
}
