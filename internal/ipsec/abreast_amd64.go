package ipsec

import (
	"crypto/aes"
	"encoding/binary"
)

// aesAbreast is AES-CBC encryption of several packets side by side. In one packet
// each block waits for the one before it, so that the processor idles; those of
// other packets fill its time.
type aesAbreast struct {
	rounds int
	keys   [15][aes.BlockSize]byte // the key schedule (FIPS 197 section 5.2)
}

// newAESAbreast is for processors that can do it. The key has a valid length.
func newAESAbreast(key []byte) *aesAbreast {
	a := &aesAbreast{rounds: len(key)/4 + 6}
	words := expandKey(key, 4*(a.rounds+1))
	for i, w := range words {
		binary.LittleEndian.PutUint32(a.keys[i/4][i%4*4:], w)
	}
	clear(words)
	return a
}

// clear overwrites the keys.
func (a *aesAbreast) clear() { clear(a.keys[:]) }

// encrypt encrypts in place up to Abreast messages, each an IV with its blocks
// behind.
func (a *aesAbreast) encrypt(messages [][]byte) {
	var at [Abreast]int // the block before the next one
	for {
		var lanes [Abreast]*byte
		least := 0
		for i, m := range messages {
			left := len(m)/aes.BlockSize - at[i] - 1
			if left <= 0 {
				continue
			}
			lanes[i] = &m[at[i]*aes.BlockSize]
			if least == 0 || left < least {
				least = left
			}
		}
		if least == 0 {
			return
		}
		a.run(&lanes, least)
		for i := range at {
			at[i] += least
		}
	}
}

// run encrypts blocks of each lane. Abreast without a message do what another does:
// all are read before any is written.
func (a *aesAbreast) run(lanes *[Abreast]*byte, blocks int) {
	var some *byte
	for _, p := range lanes {
		if p != nil {
			some = p
		}
	}
	for i, p := range lanes {
		if p == nil {
			lanes[i] = some
		}
	}
	encryptAbreast(a.rounds, &a.keys[0][0], lanes, blocks)
}

// encryptAbreast encrypts blocks of each lane in place; a lane begins with the block
// of ciphertext, or the IV, before them.
//
//go:noescape
func encryptAbreast(rounds int, keys *byte, lanes *[Abreast]*byte, blocks int)
