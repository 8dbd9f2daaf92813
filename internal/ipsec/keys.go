package ipsec

import (
	"errors"

	"qmidle/internal/isakmp"
)

// keys are an SA's keys as far as packets need them: the cipher's, and behind it the two
// states that HMAC begins with. Those that are not too long are in the SA itself.
type keys struct {
	near [nearKeys]byte
	far  *[farKeys]byte
}

const (
	nearKeys = 32 + 2*32 // AES-256 with HMAC-SHA-256
	farKeys  = 32 + 2*64 // AES-256 with HMAC-SHA-512
)

func (k *keys) all() []byte {
	if k.far != nil {
		return k.far[:]
	}
	return k.near[:]
}

func (k *keys) clear() { clear(k.all()) }

// setKeys is for makeSA.
func (sa *SA) setKeys(p *SAParams) {
	kind := hashKindOf(sa.auth)
	if kind != noHash && int(sa.encLen)+2*hashes[kind].state > nearKeys {
		sa.keys.far = new([farKeys]byte)
	}
	room := sa.keys.all()
	copy(room, p.EncKey.Reveal())
	if kind == noHash {
		return
	}
	s := sa.take()
	s.hash(kind).appendStates(room[:sa.encLen], p.AuthKey.Reveal())
	sa.give(s)
}

func (sa *SA) cipherKey() []byte { return sa.keys.all()[:sa.encLen] }

// macStates are the two, one behind the other.
func (sa *SA) macStates() []byte { return sa.keys.all()[sa.encLen:] }

// slot is where the SA looks for a scratch first. Packets of one direction and lane
// are one goroutine's work at a time.
func (sa *SA) slot() uint32 { return sa.lane<<1 | uint32(sa.direction) }

func (sa *SA) take() *scratch { return sa.common.take(sa.slot()) }

func (sa *SA) give(s *scratch) { sa.common.give(sa.slot(), s) }

// errNoWork says that a cipher cannot be set up, which the lengths of keys are no
// reason for: they were checked.
var errNoWork = errors.New("ipsec: the cipher cannot be set up")

// start sets the cipher up, unless it is. It is for one who has acquired the SA.
func (sa *SA) start() error {
	sa.used = true
	if sa.work != nil || sa.transform == isakmp.ESPNull {
		return nil
	}
	w, err := newWork(sa.transform, sa.direction, sa.cipherKey())
	if err != nil {
		return errors.Join(errNoWork, err)
	}
	sa.work = w
	return nil
}
