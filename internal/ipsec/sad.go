package ipsec

import (
	"net/netip"
	"sync/atomic"
)

const sadBuckets = 4096

// sad is the security association database of one direction: a table of buckets,
// each a list through the SAs themselves. Readers take no lock: an SA that has been
// removed still leads on to those behind it, and none is ever added again.
type sad struct {
	buckets [sadBuckets]atomic.Pointer[SA]
}

// sadBucket mixes all of the SPI into the bucket's index: some peers count
// their SPIs up in the high bits.
func sadBucket(spi uint32) uint32 { return spi * 0x9e3779b1 >> (32 - 12) }

func (t *sad) bucket(spi uint32) *atomic.Pointer[SA] { return &t.buckets[sadBucket(spi)] }

// bySPI finds an inbound SA.
func (t *sad) bySPI(spi uint32) *SA {
	for sa := t.bucket(spi).Load(); sa != nil; sa = sa.next.Load() {
		if sa.spi == spi {
			return sa
		}
	}
	return nil
}

// byPeer finds an outbound SA, whose SPI was chosen by the peer.
func (t *sad) byPeer(spi uint32, remote netip.Addr) *SA {
	for sa := t.bucket(spi).Load(); sa != nil; sa = sa.next.Load() {
		if sa.spi == spi && sa.addresses.remote() == remote {
			return sa
		}
	}
	return nil
}

func (t *sad) add(sa *SA) {
	first := t.bucket(sa.spi)
	sa.next.Store(first.Load())
	first.Store(sa)
}

func (t *sad) remove(sa *SA) {
	at := t.bucket(sa.spi)
	for other := at.Load(); other != nil; other = at.Load() {
		if other == sa {
			at.Store(sa.next.Load())
			return
		}
		at = &other.next
	}
}

// each calls do for every SA.
func (t *sad) each(do func(*SA)) {
	for i := range t.buckets {
		for sa := t.buckets[i].Load(); sa != nil; sa = sa.next.Load() {
			do(sa)
		}
	}
}

// saList is an immutable list of SAs, the newest first.
type saList struct {
	sa   *SA
	next *saList
}

func prepend(sa *SA, list *saList) *saList { return &saList{sa, list} }

func without(sa *SA, list *saList) *saList {
	switch {
	case list == nil:
		return nil
	case list.sa == sa:
		return list.next
	}
	return &saList{list.sa, without(sa, list.next)}
}
