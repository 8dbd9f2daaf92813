package config

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// A table yields what a look at each key would, in the same order.
func TestKeyTable(t *testing.T) {
	addr := netip.MustParseAddr
	keys := []PresharedKey{
		{Addr: addr("192.0.2.1"), Mask: 32}, {Addr: addr("0.0.0.0"), Mask: 0}, {Addr: addr("192.0.2.2"), Mask: 32},
		{Hostname: "a.example"}, {Addr: addr("192.0.2.3"), Mask: 32}, {Addr: addr("192.0.2.0"), Mask: 24}, {Addr: addr("192.0.2.4"), Mask: 32},
	}
	for n := range len(keys) + 1 {
		table := NewKeyTable(keys[:n])
		for _, a := range []netip.Addr{{}, addr("192.0.2.1"), addr("192.0.2.2"), addr("192.0.2.3"), addr("192.0.2.4"), addr("198.51.100.1")} {
			for _, b := range []netip.Addr{{}, addr("192.0.2.1"), addr("192.0.2.3"), addr("192.0.2.4")} {
				var want, got []string
				for i, k := range keys[:n] {
					if k.Mask != 32 || k.Addr == a || k.Addr == b {
						want = append(want, fmt.Sprint(i))
					}
				}
				for k := range table.About(a, b) {
					got = append(got, fmt.Sprint(slices.IndexFunc(keys, func(o PresharedKey) bool { return o.samePeer(k) })))
				}
				if !slices.Equal(got, want) {
					t.Errorf("of %d keys, those about %v and %v are %v, want %v", n, a, b, got, want)
				}
				for range table.About(a, b) {
					break // at any of them
				}
			}
		}
	}
}
