package ike

import (
	"maps"
	"math"
	"math/bits"
	"sync/atomic"
)

// serials are the numbers given last. Engines that run side by side share them, so that each
// number is given once, and in the order of time.
type serials struct {
	peer, sa, conn, ipsecConn, ipsecID, instance atomic.Uint32
	question, session                            atomic.Uint64
	up                                           atomic.Int64                             // ISAKMP SAs of all engines that are up
	entries                                      atomic.Pointer[map[string]*entryNumbers] // by crypto map; not changed but replaced
}

// entriesOf are the numbers of a crypto map's instances.
func (x *serials) entriesOf(cryptoMap string) *entryNumbers {
	for {
		old := x.entries.Load()
		if n := x.all()[cryptoMap]; n != nil {
			return n
		}
		more := map[string]*entryNumbers{cryptoMap: new(entryNumbers)}
		maps.Copy(more, x.all())
		x.entries.CompareAndSwap(old, &more)
	}
}

func (x *serials) all() map[string]*entryNumbers {
	if m := x.entries.Load(); m != nil {
		return *m
	}
	return nil
}

// countEntries is how many numbers of instances are taken.
func (x *serials) countEntries() (n int) {
	for _, of := range x.all() {
		n += of.count()
	}
	return n
}

// entryNumbers are those of a crypto map's instances, a bit each, from 0 on.
type entryNumbers struct {
	used [maxInstances / 64]atomic.Uint64
	free atomic.Uint32 // the first word that may have one
}

// take returns the lowest number that is free, or nearly so when others take and give at
// the same time.
func (x *entryNumbers) take() (n int, ok bool) {
	from := x.free.Load()
	for step := range uint32(len(x.used)) {
		i := (from + step) % uint32(len(x.used))
		for word := x.used[i].Load(); word != math.MaxUint64; word = x.used[i].Load() {
			bit := bits.TrailingZeros64(^word)
			if x.used[i].CompareAndSwap(word, word|1<<bit) {
				x.free.CompareAndSwap(from, i)
				return int(i)*64 + bit, true
			}
		}
	}
	return 0, false
}

// count is how many are taken.
func (x *entryNumbers) count() (n int) {
	for i := range x.used {
		n += bits.OnesCount64(x.used[i].Load())
	}
	return n
}

func (x *entryNumbers) give(n int) {
	i := uint32(n / 64)
	x.used[i].And(^(uint64(1) << (n % 64)))
	for from := x.free.Load(); i < from && !x.free.CompareAndSwap(from, i); from = x.free.Load() {
	}
}

// place is an engine's among those that run side by side: number k of n, of which so
// many share the bounds.
type place struct{ k, n, sharing uint32 }

// own makes an SPI one that no other engine has, by the remainder of its second octet.
// The last one spreads renewals.
func (p place) own(spi uint32) uint32 {
	octet := spi >> 8 & 0xff
	octet -= octet % p.n
	if octet+p.k > 0xff {
		octet -= p.n
	}
	return spi&^0xff00 | (octet+p.k)<<8
}

// part is this engine's of a bound for all.
func (p place) part(bound int) int { return max(1, bound/int(p.sharing)) }
