package ipsec

import (
	"crypto/hmac"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestHMACIsHMAC compares it with crypto/hmac, for all hashes, one hash in turn for
// several keys.
func TestHMACIsHMAC(t *testing.T) {
	var s scratch
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]hashKind{hashMD5, hashSHA1, hashSHA256, hashSHA384, hashSHA512}).Draw(t, "hash")
		key := rapid.SliceOfN(rapid.Byte(), hashes[kind].size, hashes[kind].size).Draw(t, "key")
		message := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "message")
		theirs := hmac.New(hashes[kind].make, key)
		theirs.Write(message)

		states := s.hash(kind).appendStates(nil, key)
		if len(states) != 2*hashes[kind].state {
			t.Fatalf("%d octets of states", len(states))
		}
		if got, want := s.hash(kind).mac(nil, states, message), theirs.Sum(nil); !hmac.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

// What packets leave behind in memory that SAs share tells nothing of their keys.
func TestScratchForgetsKeys(t *testing.T) {
	random := rand.NewChaCha8([32]byte{3})
	for kind := range hashCount {
		c := newCommon()
		s := c.take(0)
		before := *s.hash(kind)
		form := append([]byte(nil), before.form...)
		key, message := make([]byte, hashes[kind].size), make([]byte, 200)
		random.Read(key)
		random.Read(message)
		r := s.hash(kind)
		states := r.appendStates(nil, key)
		r.mac(s.sum[:0], states, message)
		c.give(0, s)
		if c.take(0) != s {
			t.Fatal("another scratch")
		}
		wantEqual(t, "form", r.form, form)
		if r.pad != before.pad {
			t.Errorf("hash %d: the padded key is still there", kind)
		}
		marshaled, err := r.hash.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		fresh, _ := hashes[kind].make().(stateHash).AppendBinary(nil)
		wantEqual(t, "hash", marshaled, fresh)
	}
}
