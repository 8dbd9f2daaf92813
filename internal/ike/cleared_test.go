package ike

import (
	"bytes"
	"testing"

	"qmidle/internal/ipsec"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// zero says whether there is a key, and nothing of it.
func zero(key []byte) bool { return len(key) > 0 && bytes.Equal(key, make([]byte, len(key))) }

// What an ISAKMP SA knew is overwritten when it ends: the four SKEYIDs, and the
// exponents already when phase 1 is over.
func TestKeysAreOverwrittenWithTheirSA(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	var keys [][]byte
	for _, s := range []*side{p.hub, p.spoke} {
		x := s.newest()
		keys = append(keys, x.skeyid.Base, x.skeyid.D, x.skeyid.A, x.skeyid.E)
		if x.handshake != nil {
			t.Error("phase 1 is over and its exponent is there")
		}
	}
	for i, k := range keys {
		if len(k) == 0 || zero(k) {
			t.Errorf("key %d of an SA that is up: %x", i, k)
		}
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	for i, k := range keys {
		if !zero(k) {
			t.Errorf("key %d of an SA that has ended: %x", i, k)
		}
	}
}

// Keys of a pair that ends before its outbound SA is installed are overwritten too.
func TestKeysOfAnUnfinishedPairAreOverwritten(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	c := p.hub.engine.someChild()
	c.out = newHalf(ipsec.SAParams{SPI: c.out.spi, EncKey: secret.New([]byte("encrypts")), AuthKey: secret.New([]byte("authenticates"))})
	keys := [][]byte{c.out.params.EncKey.Reveal(), c.out.params.AuthKey.Reveal()}
	c.ready = false
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.removeChild(c, trace.ReasonUnconfirmed)
	})
	for i, k := range keys {
		if !zero(k) {
			t.Errorf("key %d is still %q", i, k)
		}
	}
}
