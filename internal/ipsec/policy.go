package ipsec

// PolicyEntry is one line of a crypto map's access list. Tag is the crypto map
// entry (the map's sequence) and Line the place in its access list; the lines
// of one Tag stand together.
type PolicyEntry struct {
	Tag      uint32
	Line     uint32
	Permit   bool // false: the packet is not for this crypto map entry
	Selector Selector

	// Dynamic says of a permit line that it is a dynamic crypto map entry's: a
	// packet goes by the instance of the entry that covers it. Without one it is
	// dropped; or, where the line is Open, the search goes on.
	Dynamic, Open bool
}

// SPD is the security policy database: lines in the order of the map's
// sequence numbers, and within one in the order of its access list. It is not
// changed after NewSPD.
type SPD struct{ entries []PolicyEntry }

// NewSPD copies entries into an SPD.
func NewSPD(entries []PolicyEntry) *SPD {
	return &SPD{append([]PolicyEntry(nil), entries...)}
}

// Entries returns the lines in order. The caller must not change them.
func (s *SPD) Entries() []PolicyEntry { return s.entries }

// Lookup returns the permit entry that selects the flow, and false where the
// packet is not for IPsec. It knows no instances of dynamic lines. The first line that matches decides within a crypto
// map entry; a deny there means that the search goes on with the next crypto
// map entry, as in IOS.
//
// A fragment after the first has no ports. A permit line with ports takes it
// if addresses and protocol fit, and a deny line with ports does not: what is
// doubtful is encrypted.
func (s *SPD) Lookup(f Flow) (PolicyEntry, bool) {
	for i := s.next(0, f); i >= 0; i = s.next(i+1, f) {
		if !s.entries[i].Open {
			return s.entries[i], true
		}
	}
	return PolicyEntry{}, false
}

// next returns the index of the first permit entry from i on that selects the
// flow, or -1.
func (s *SPD) next(i int, f Flow) int {
	for ; i < len(s.entries); i++ {
		e := &s.entries[i]
		if e.Permit && e.Selector.Matches(f) {
			return i
		}
		if !e.Permit && e.Selector.MatchesAll(f) {
			i = s.lastOf(i)
		}
	}
	return -1
}

// lastOf returns the index of the last line with the Tag of line i.
func (s *SPD) lastOf(i int) int {
	for i+1 < len(s.entries) && s.entries[i+1].Tag == s.entries[i].Tag {
		i++
	}
	return i
}
