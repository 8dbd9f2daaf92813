package ipsec

import (
	"net/netip"
	"sync/atomic"
)

const sadBuckets = 4096

// sad is the security association database of one direction: a table of
// buckets, each a short slice that is replaced as a whole. Readers take no
// lock, and an installation copies one bucket however many SAs there are.
type sad struct {
	buckets [sadBuckets]atomic.Pointer[[]*SA]
}

// sadBucket mixes all of the SPI into the bucket's index: some peers count
// their SPIs up in the high bits.
func sadBucket(spi uint32) uint32 { return spi * 0x9e3779b1 >> (32 - 12) }

func (t *sad) load(spi uint32) []*SA {
	if list := t.buckets[sadBucket(spi)].Load(); list != nil {
		return *list
	}
	return nil
}

// bySPI finds an inbound SA.
func (t *sad) bySPI(spi uint32) *SA {
	for _, sa := range t.load(spi) {
		if sa.params.SPI == spi {
			return sa
		}
	}
	return nil
}

// byPeer finds an outbound SA, whose SPI was chosen by the peer.
func (t *sad) byPeer(spi uint32, remote netip.Addr) *SA {
	for _, sa := range t.load(spi) {
		if sa.params.SPI == spi && sa.params.Remote == remote {
			return sa
		}
	}
	return nil
}

func (t *sad) add(sa *SA) {
	list := prepend(sa, t.load(sa.params.SPI))
	t.buckets[sadBucket(sa.params.SPI)].Store(&list)
}

func (t *sad) remove(sa *SA) {
	list := without(sa, t.load(sa.params.SPI))
	t.buckets[sadBucket(sa.params.SPI)].Store(&list)
}

// all appends every SA to out.
func (t *sad) all(out []*SA) []*SA {
	for i := range t.buckets {
		if list := t.buckets[i].Load(); list != nil {
			out = append(out, *list...)
		}
	}
	return out
}

func prepend(sa *SA, list []*SA) []*SA {
	return append([]*SA{sa}, list...)
}

func without(sa *SA, list []*SA) []*SA {
	out := make([]*SA, 0, len(list))
	for _, other := range list {
		if other != sa {
			out = append(out, other)
		}
	}
	return out
}
