package config

import (
	"iter"
	"net/netip"
	"slices"
)

// KeyTable finds pre-shared keys among thousands: one for a single address by that
// address, and only those of ranges and host names by a look at each.
type KeyTable struct {
	keys   []PresharedKey
	single map[netip.Addr]int // indices of keys
	others []int              // likewise, in order
}

// NewKeyTable makes a table of keys, which must not change while it is used.
func NewKeyTable(keys []PresharedKey) *KeyTable {
	t := &KeyTable{keys: keys, single: make(map[netip.Addr]int)}
	for i, k := range keys {
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
func (t *KeyTable) HasNames() bool {
	return slices.ContainsFunc(t.others, func(i int) bool { return t.keys[i].Hostname != "" })
}

// About yields, in order, all keys but those that are for a single address which is
// neither a nor b.
func (t *KeyTable) About(a, b netip.Addr) iter.Seq[*PresharedKey] {
	return func(yield func(*PresharedKey) bool) {
		theirs, others := t.of(a, b), t.others
		for len(theirs)+len(others) > 0 {
			from := &others
			if len(others) == 0 || len(theirs) > 0 && theirs[0] < others[0] {
				from = &theirs
			}
			if !yield(&t.keys[(*from)[0]]) {
				return
			}
			*from = (*from)[1:]
		}
	}
}

// of are the indices of the keys for two addresses alone, in order.
func (t *KeyTable) of(a, b netip.Addr) (found []int) {
	if i, ok := t.single[a]; ok {
		found = append(found, i)
	}
	if i, ok := t.single[b]; ok && a != b {
		found = append(found, i)
	}
	slices.Sort(found)
	return found
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
