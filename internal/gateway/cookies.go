package gateway

import (
	"encoding/binary"
	"sync/atomic"

	"qmidle/internal/isakmp"
)

// cookieBits are those of a cookie by which it is counted.
const cookieBits = 18

// cookies counts the cookies of ours that there are SAs of, so that who reads a socket
// can tell most messages of no SA from those of one: what only pretends to belong to an
// SA fills no queue of those that do. Cookies are drawn at random, so that few share
// their place, and nobody can choose one. It implements ike.Cookies.
//
// Engines write, and any number of readers look. A word has four counters of an
// octet; one that is full stays so, and its place counts as taken.
type cookies struct {
	words [1 << (cookieBits - 2)]atomic.Uint32
}

const fullCookie = 0xff

// place is a word, and the shift of the counter in it.
func (c *cookies) place(cookie []byte) (word *atomic.Uint32, shift uint) {
	i := binary.BigEndian.Uint32(cookie) >> (32 - cookieBits)
	return &c.words[i/4], uint(i%4) * 8
}

// Keep implements ike.Cookies.
func (c *cookies) Keep(cookie isakmp.Cookie) {
	word, shift := c.place(cookie[:])
	for {
		x := word.Load()
		if x>>shift&0xff == fullCookie || word.CompareAndSwap(x, x+1<<shift) {
			return
		}
	}
}

// Forget implements ike.Cookies.
func (c *cookies) Forget(cookie isakmp.Cookie) {
	word, shift := c.place(cookie[:])
	for {
		x := word.Load()
		n := x >> shift & 0xff
		if n == fullCookie || n == 0 || word.CompareAndSwap(x, x-1<<shift) {
			return
		}
	}
}

func (c *cookies) taken(cookie []byte) bool {
	word, shift := c.place(cookie)
	return word.Load()>>shift&0xff != 0
}

// mayKnow says whether a message may be of an SA: one of its cookies may be ours. It
// has a header.
func (c *cookies) mayKnow(data []byte) bool { return c.taken(data) || c.taken(data[8:]) }
