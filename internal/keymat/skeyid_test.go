package keymat

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
)

// showsKey says whether out holds the start of key as text, hex or decimals.
func showsKey(out, key string) bool {
	start := key[:3]
	decimals := strings.Trim(fmt.Sprint([]byte(start)), "[]")
	return strings.Contains(out, start) || strings.Contains(out, decimals) ||
		strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", start)) ||
		strings.Contains(strings.ToLower(out), strings.ReplaceAll(fmt.Sprintf("% x", start), " ", ", 0x"))
}

// reference is the prf written a second time, over one string, as the RFC
// spells its formulas.
func reference(h isakmp.HashAlgorithm, key string, msg string) string {
	m := hmac.New(map[isakmp.HashAlgorithm]func() hash.Hash{
		isakmp.HashMD5: md5.New, isakmp.HashSHA1: sha1.New, isakmp.HashSHA256: sha256.New,
		isakmp.HashSHA384: sha512.New384, isakmp.HashSHA512: sha512.New,
	}[h], []byte(key))
	m.Write([]byte(msg))
	return string(m.Sum(nil))
}

var (
	testCookieI = [8]byte{0xc1, 1, 2, 3, 4, 5, 6, 7}
	testCookieR = [8]byte{0xc2, 9, 8, 7, 6, 5, 4, 3}
)

func TestSkeyidFormulas(t *testing.T) {
	const ni, nr, gxy, psk = "nonce i", "nonce of r", "shared secret", "mekmitasdigoat"
	ckyI, ckyR := string(testCookieI[:]), string(testCookieR[:])
	for _, h := range allHashes {
		base := SkeyidPSK(h, []byte(psk), []byte(ni), []byte(nr))
		checkBytes(t, "PSK", base, []byte(reference(h, psk, ni+nr)))
		checkBytes(t, "signatures", SkeyidSignatures(h, []byte(ni), []byte(nr), []byte(gxy)), []byte(reference(h, ni+nr, gxy)))
		hashed := string(Hash(h, []byte(ni+nr)))
		checkBytes(t, "encrypted nonces",
			SkeyidPublicKeyEncryption(h, []byte(ni), []byte(nr), testCookieI, testCookieR), []byte(reference(h, hashed, ckyI+ckyR)))

		s := DeriveSkeyid(h, base, []byte(gxy), testCookieI, testCookieR)
		d := reference(h, string(base), gxy+ckyI+ckyR+"\x00")
		a := reference(h, string(base), d+gxy+ckyI+ckyR+"\x01")
		e := reference(h, string(base), a+gxy+ckyI+ckyR+"\x02")
		checkBytes(t, "SKEYID", s.Base, base)
		checkBytes(t, "SKEYID_d", s.D, []byte(d))
		checkBytes(t, "SKEYID_a", s.A, []byte(a))
		checkBytes(t, "SKEYID_e", s.E, []byte(e))
	}
}

func TestAuthenticatorFormulas(t *testing.T) {
	const key, gxi, gxr, sai, id, mid = "skeyid", "g^xi", "g^xr", "SAi_b", "ID_b", "\x00\x01\xe2\x40"
	ckyI, ckyR := string(testCookieI[:]), string(testCookieR[:])
	b := func(s string) []byte { return []byte(s) }
	const messageID = 123456
	for _, h := range allHashes {
		checkBytes(t, "HASH_I", HashI(h, b(key), b(gxi), b(gxr), testCookieI, testCookieR, b(sai), b(id)),
			b(reference(h, key, gxi+gxr+ckyI+ckyR+sai+id)))
		checkBytes(t, "HASH_R", HashR(h, b(key), b(gxi), b(gxr), testCookieI, testCookieR, b(sai), b(id)),
			b(reference(h, key, gxr+gxi+ckyR+ckyI+sai+id)))
		checkBytes(t, "HASH(1)", QuickHash1(h, b(key), messageID, b("rest")), b(reference(h, key, mid+"rest")))
		checkBytes(t, "HASH(2)", QuickHash2(h, b(key), messageID, b("Ni"), b("rest")), b(reference(h, key, mid+"Ni"+"rest")))
		checkBytes(t, "HASH(3)", QuickHash3(h, b(key), messageID, b("Ni"), b("Nr")), b(reference(h, key, "\x00"+mid+"Ni"+"Nr")))
		checkBytes(t, "informational", InfoHash(h, b(key), messageID, b("N/D")), b(reference(h, key, mid+"N/D")))
	}
}

// TestEncryptionKey spells out appendix B for every hash with every cipher.
func TestEncryptionKey(t *testing.T) {
	ciphers := []struct {
		e    isakmp.EncryptionAlgorithm
		bits uint16
	}{
		{isakmp.EncrDESCBC, 0}, {isakmp.Encr3DESCBC, 0},
		{isakmp.EncrAESCBC, 128}, {isakmp.EncrAESCBC, 192}, {isakmp.EncrAESCBC, 256},
	}
	for _, h := range allHashes {
		skeyidE := bytes.Repeat([]byte{0x5a, 0x13}, HashSize(h)/2)
		k1 := reference(h, string(skeyidE), "\x00")
		k2 := reference(h, string(skeyidE), k1)
		for _, c := range ciphers {
			n, _ := CipherKeyLen(c.e, c.bits)
			want := string(skeyidE)
			if n > len(want) {
				want = k1 + k2
			}
			got := EncryptionKey(h, c.e, n, skeyidE)
			checkBytes(t, fmt.Sprintf("hash %d cipher %d/%d", h, c.e, c.bits), got, []byte(want[:n]))
			got[0]++
			if skeyidE[0] != 0x5a {
				t.Fatal("the key aliases SKEYID_e")
			}
		}
	}
}

func TestEncryptionKeyExpandsThreeTimes(t *testing.T) {
	const e = "sixteen octets.."
	k1 := reference(isakmp.HashMD5, e, "\x00")
	k2 := reference(isakmp.HashMD5, e, k1)
	k3 := reference(isakmp.HashMD5, e, k2)
	checkBytes(t, "40 octets", EncryptionKey(isakmp.HashMD5, isakmp.EncrAESCBC, 40, []byte(e)), []byte((k1 + k2 + k3)[:40]))
}

func TestDESWeakKeys(t *testing.T) {
	good := []byte("a key ok rest")
	for _, w := range desWeakKeys {
		weak := binary.BigEndian.AppendUint64(nil, w)
		noParity := binary.BigEndian.AppendUint64(nil, w&parityMask)
		for _, first := range [][]byte{weak, noParity} {
			material := append(append([]byte(nil), first...), good...)
			checkBytes(t, "key after a weak one", EncryptionKey(isakmp.HashSHA1, isakmp.EncrDESCBC, 8, material), good[:8])
		}
		near := append(binary.BigEndian.AppendUint64(nil, w^0x10), good...)
		checkBytes(t, "key near a weak one", EncryptionKey(isakmp.HashSHA1, isakmp.EncrDESCBC, 8, near), near[:8])
	}
	none := bytes.Repeat([]byte{1}, 16)
	checkBytes(t, "nothing but weak keys", EncryptionKey(isakmp.HashMD5, isakmp.EncrDESCBC, 8, none), none[:8])
}

// TestDESWeakKeyList shows by the cipher itself that the list is right: with a
// weak or semi-weak key, encrypting under it and then under its partner, which
// is on the list too, gives the plaintext back.
func TestDESWeakKeyList(t *testing.T) {
	for _, w := range desWeakKeys {
		partners := 0
		for _, v := range desWeakKeys {
			block := []byte("plain ok")
			for _, k := range []uint64{w, v} {
				b, err := newBlock(isakmp.EncrDESCBC, binary.BigEndian.AppendUint64(nil, k))
				if err != nil {
					t.Fatal(err)
				}
				b.Encrypt(block, block)
			}
			if string(block) == "plain ok" {
				partners++
			}
		}
		if partners != 1 {
			t.Errorf("%016x has %d partners on the list, want 1", w, partners)
		}
	}
}

func TestKEYMATFormula(t *testing.T) {
	spi := [4]byte{0xde, 0xad, 0xbe, 0xef}
	const d, ni, nr = "SKEYID_d", "Ni", "Nr"
	for _, h := range allHashes {
		for _, gxy := range []string{"", "g(qm)^xy"} {
			seed := gxy + "\x03\xde\xad\xbe\xef" + ni + nr
			k1 := reference(h, d, seed)
			k2 := reference(h, d, k1+seed)
			k3 := reference(h, d, k2+seed)
			want := k1 + k2 + k3
			for _, n := range []int{0, 1, len(k1), len(k1) + 1, 2*len(k1) + 3} {
				got := KEYMAT(h, []byte(d), []byte(gxy), isakmp.ProtocolESP, spi, []byte(ni), []byte(nr), n)
				checkBytes(t, fmt.Sprintf("hash %d, %d octets", h, n), got, []byte(want[:n]))
			}
		}
	}
}

func TestESPKeyLens(t *testing.T) {
	for _, v := range []struct {
		t         isakmp.ESPTransform
		bits      uint16
		a         isakmp.AuthAlgorithm
		enc, auth int
		ok        bool
	}{
		{isakmp.ESPDES, 0, isakmp.AuthAlgHMACMD5, 8, 16, true},
		{isakmp.ESPDES, 0, isakmp.AuthAlgNone, 8, 0, true},
		{isakmp.ESPDES, 64, isakmp.AuthAlgHMACMD5, 0, 0, false},
		{isakmp.ESP3DES, 0, isakmp.AuthAlgHMACSHA1, 24, 20, true},
		{isakmp.ESP3DES, 168, isakmp.AuthAlgHMACSHA1, 0, 0, false},
		{isakmp.ESPAES, 0, isakmp.AuthAlgHMACSHA1, 16, 20, true},
		{isakmp.ESPAES, 192, isakmp.AuthAlgHMACSHA256, 24, 32, true},
		{isakmp.ESPAES, 256, isakmp.AuthAlgHMACSHA384, 32, 48, true},
		{isakmp.ESPAES, 128, isakmp.AuthAlgHMACSHA512, 16, 64, true},
		{isakmp.ESPAES, 100, isakmp.AuthAlgHMACSHA512, 0, 0, false},
		{isakmp.ESPNull, 0, isakmp.AuthAlgHMACSHA1, 0, 20, true},
		{isakmp.ESPNull, 0, isakmp.AuthAlgNone, 0, 0, false},
		{isakmp.ESPAESGCM8, 128, isakmp.AuthAlgNone, 20, 0, true},
		{isakmp.ESPAESGCM12, 192, isakmp.AuthAlgNone, 28, 0, true},
		{isakmp.ESPAESGCM16, 256, isakmp.AuthAlgNone, 36, 0, true},
		{isakmp.ESPAESGCM16, 256, isakmp.AuthAlgHMACSHA1, 0, 0, false},
		{isakmp.ESPAESGCM16, 64, isakmp.AuthAlgNone, 0, 0, false},
		{isakmp.ESPAESGMAC, 128, isakmp.AuthAlgNone, 20, 0, true},
		{isakmp.ESPAES, 128, isakmp.AuthAlgDESMAC, 0, 0, false},
		{isakmp.ESPAES, 128, isakmp.AuthAlgKPDK, 0, 0, false},
		{isakmp.ESPBlowfish, 128, isakmp.AuthAlgHMACSHA1, 0, 0, false},
	} {
		enc, auth, ok := ESPKeyLens(v.t, v.bits, v.a)
		if enc != v.enc || auth != v.auth || ok != v.ok {
			t.Errorf("ESPKeyLens(%d, %d, %d) = %d, %d, %v", v.t, v.bits, v.a, enc, auth, ok)
		}
	}
}

func TestSkeyidNeverPrints(t *testing.T) {
	const base = "zqj not to be seen"
	s := Skeyid{Base: []byte(base), D: []byte(base), A: []byte(base), E: []byte(base)}
	for _, v := range []any{s, &s, struct{ S Skeyid }{s}, []Skeyid{s}, map[string]*Skeyid{"sa": &s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			if out := fmt.Sprintf(verb, v); showsKey(out, base) {
				t.Errorf("%s of %T shows the secret: %s", verb, v, out)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		if out := fmt.Sprintf(verb, struct{ s *Skeyid }{&s}); showsKey(out, base) {
			t.Errorf("%s of an unexported pointer shows the secret: %s", verb, out)
		}
	}
	if out := s.String() + s.GoString(); showsKey(out, base) {
		t.Errorf("shown: %s", out)
	}
	out, err := json.Marshal(struct{ S Skeyid }{s})
	if err != nil || string(out) != `{"S":"\u003csecret\u003e"}` {
		t.Errorf("json: %s, %v", out, err)
	}
}

func TestSkeyidClear(t *testing.T) {
	s := DeriveSkeyid(isakmp.HashSHA1, []byte("base"), []byte("secret"), testCookieI, testCookieR)
	s.Clear()
	for _, k := range [][]byte{s.Base, s.D, s.A, s.E} {
		checkBytes(t, "cleared", k, make([]byte, len(k)))
	}
}

// TestLongNoncesHashThemselves holds SkeyidPublicKeyEncryption's docstring to
// its word: beyond a block, leaving the hash out changes nothing.
func TestLongNoncesHashThemselves(t *testing.T) {
	ckyI, ckyR := string(testCookieI[:]), string(testCookieR[:])
	for n, same := range map[int]bool{20: false, 32: false, 33: true, 40: true} {
		nonce := bytes.Repeat([]byte{9}, n)
		got := SkeyidPublicKeyEncryption(isakmp.HashSHA1, nonce, nonce, testCookieI, testCookieR)
		unhashed := reference(isakmp.HashSHA1, string(nonce)+string(nonce), ckyI+ckyR)
		if (string(got) == unhashed) != same {
			t.Errorf("two nonces of %d octets: equal without the hash is not %v", n, same)
		}
	}
}
