package config

import (
	"iter"
	"net/netip"
)

// KeyTable finds pre-shared keys among thousands: one for a single address by that
// address, and only those of ranges and host names by a look at each.
type KeyTable struct {
	keys   []PresharedKey
	single map[netip.Addr]int // indices of keys
	others []int              // likewise, in order
	names  bool               // some are for host names
}

// NewKeyTable makes a table of keys, which must not change while it is used.
func NewKeyTable(keys []PresharedKey) *KeyTable {
	t := &KeyTable{keys: keys, single: make(map[netip.Addr]int)}
	for i, k := range keys {
		t.names = t.names || k.Hostname != ""
		if _, taken := t.single[k.Addr]; !taken && k.Addr.IsValid() && k.Mask == k.Addr.BitLen() {
			t.single[k.Addr] = i
		} else {
			t.others = append(t.others, i)
		}
	}
	return t
}

// All are the keys in order.
func (t *KeyTable) All() []PresharedKey { return t.keys }

// HasNames says whether a key is for a host name.
func (t *KeyTable) HasNames() bool { return t.names }

// About yields, in order, all keys but those that are for a single address which is
// neither a nor b.
func (t *KeyTable) About(a, b netip.Addr) iter.Seq[*PresharedKey] {
	return func(yield func(*PresharedKey) bool) {
		first, last := t.indices(a, b)
		for _, i := range t.others {
			for ; first < i; first, last = last, len(t.keys) {
				if !yield(&t.keys[first]) {
					return
				}
			}
			if !yield(&t.keys[i]) {
				return
			}
		}
		for ; first < len(t.keys); first, last = last, len(t.keys) {
			if !yield(&t.keys[first]) {
				return
			}
		}
	}
}

// covers says whether a key is for an address, alone or in a range.
func (t *KeyTable) covers(a netip.Addr) bool {
	for k := range t.About(a, a) {
		if k.Addr.IsValid() && k.Prefix().Contains(a) {
			return true
		}
	}
	return false
}

// indices are those of the keys for two addresses alone, the lower first; that of one
// without such a key is behind all.
func (t *KeyTable) indices(a, b netip.Addr) (first, last int) {
	first, last = len(t.keys), len(t.keys)
	if i, ok := t.single[a]; ok {
		first = i
	}
	if i, ok := t.single[b]; ok && a != b {
		last = i
	}
	return min(first, last), max(first, last)
}
