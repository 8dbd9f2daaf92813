package keymat

import (
	"bytes"
	"fmt"
	"testing"

	"qmidle/internal/isakmp"
)

func TestCipherVectors(t *testing.T) {
	nist := "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
	for _, v := range []struct {
		name                       string
		e                          isakmp.EncryptionAlgorithm
		key, iv, plain, ciphertext string
	}{
		{"RFC 3602 4 case 1", isakmp.EncrAESCBC, "06a9214036b8a15b512e03d534120006",
			"3dafba429d9eb430b422da802c9fac41", "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a"},
		{"RFC 3602 4 case 2", isakmp.EncrAESCBC, "c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
		{"SP 800-38A F.2.3", isakmp.EncrAESCBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
			"000102030405060708090a0b0c0d0e0f", nist, "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a"},
		{"SP 800-38A F.2.5", isakmp.EncrAESCBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
			"000102030405060708090a0b0c0d0e0f", nist, "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d"},
		{"FIPS 81 table C1", isakmp.EncrDESCBC, "0123456789abcdef", "1234567890abcdef",
			"4e6f77206973207468652074696d6520666f7220616c6c20", "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
		{"FIPS 81 as 3DES with equal keys", isakmp.Encr3DESCBC, "0123456789abcdef0123456789abcdef0123456789abcdef", "1234567890abcdef",
			"4e6f77206973207468652074696d6520666f7220616c6c20", "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
	} {
		t.Run(v.name, func(t *testing.T) {
			c, err := NewCipher(v.e, unhex(t, v.key))
			if err != nil {
				t.Fatal(err)
			}
			iv, data := unhex(t, v.iv), unhex(t, v.plain)
			if c.BlockSize() != len(iv) || CipherBlockSize(v.e) != len(iv) {
				t.Errorf("block sizes %d and %d, want %d", c.BlockSize(), CipherBlockSize(v.e), len(iv))
			}
			c.Encrypt(iv, data)
			checkBytes(t, "ciphertext", data, unhex(t, v.ciphertext))
			c.Decrypt(iv, data)
			checkBytes(t, "plaintext", data, unhex(t, v.plain))
			checkBytes(t, "IV afterwards", iv, unhex(t, v.iv))
		})
	}
}

func TestCipherKeyLen(t *testing.T) {
	for _, v := range []struct {
		e    isakmp.EncryptionAlgorithm
		bits uint16
		want int
		ok   bool
	}{
		{isakmp.EncrDESCBC, 0, 8, true}, {isakmp.Encr3DESCBC, 0, 24, true},
		{isakmp.EncrAESCBC, 0, 16, true}, {isakmp.EncrAESCBC, 128, 16, true},
		{isakmp.EncrAESCBC, 192, 24, true}, {isakmp.EncrAESCBC, 256, 32, true},
		{isakmp.EncrAESCBC, 512, 0, false}, {isakmp.EncrAESCBC, 16, 0, false},
		{isakmp.EncrBlowfishCBC, 128, 0, false}, {isakmp.EncrCamelliaCBC, 128, 0, false}, {0, 0, 0, false},
	} {
		n, ok := CipherKeyLen(v.e, v.bits)
		if n != v.want || ok != v.ok {
			t.Errorf("CipherKeyLen(%d, %d) = %d, %v", v.e, v.bits, n, ok)
		}
	}
	for _, e := range []isakmp.EncryptionAlgorithm{isakmp.EncrDESCBC, isakmp.Encr3DESCBC} {
		if _, ok := CipherKeyLen(e, 128); ok {
			t.Errorf("cipher %d of fixed length took a key length", e)
		}
	}
}

func TestNewCipherRefuses(t *testing.T) {
	for _, v := range []struct {
		e   isakmp.EncryptionAlgorithm
		key int
	}{
		{isakmp.EncrDESCBC, 7}, {isakmp.Encr3DESCBC, 16}, {isakmp.EncrAESCBC, 20}, {isakmp.EncrIDEACBC, 16},
	} {
		if c, err := NewCipher(v.e, make([]byte, v.key)); err == nil || c != nil {
			t.Errorf("cipher %d took %d octets of key", v.e, v.key)
		}
	}
	if CipherBlockSize(isakmp.EncrIDEACBC) != 0 {
		t.Error("IDEA has a block size")
	}
}

func TestIVChain(t *testing.T) {
	gxi, gxr := []byte("initiator"), []byte("responder")
	iv := Phase1IV(isakmp.HashSHA1, gxi, gxr, 16)
	checkBytes(t, "phase 1", iv.Bytes(), Hash(isakmp.HashSHA1, gxi, gxr)[:16])

	kept := iv
	msg := bytes.Repeat([]byte{7}, 48)
	msg[47] = 9
	iv.Advance(msg)
	checkBytes(t, "advanced", iv.Bytes(), msg[32:])
	checkBytes(t, "copy", kept.Bytes(), Hash(isakmp.HashSHA1, gxi, gxr)[:16])
	iv.Advance(msg[:15])
	checkBytes(t, "after less than a block", iv.Bytes(), msg[32:])

	for _, h := range allHashes {
		for _, size := range []int{8, 16} {
			last := Phase1IV(h, gxi, gxr, size)
			quick := last.ForMessage(h, 0x01020304, size)
			checkBytes(t, "quick mode", quick.Bytes(), Hash(h, last.Bytes(), []byte{1, 2, 3, 4})[:size])
		}
	}
}

func TestIVDoesNotAllocate(t *testing.T) {
	last := Phase1IV(isakmp.HashSHA256, nil, nil, 16)
	block := make([]byte, 16)
	n := testing.AllocsPerRun(100, func() {
		iv := last.ForMessage(isakmp.HashSHA256, 5, 16)
		iv.Advance(block)
	})
	if n != 0 {
		t.Errorf("%v allocations for each message", n)
	}
}

func TestCipherNeverPrints(t *testing.T) {
	c, err := NewCipher(isakmp.EncrAESCBC, []byte("sixteen octets !"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{c, struct{ c *Cipher }{c}, struct{ c Cipher }{*c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if out := fmt.Sprintf(verb, v); showsKey(out, "sixteen octets !") {
				t.Errorf("%s shows the key: %s", verb, out)
			}
		}
	}
}
