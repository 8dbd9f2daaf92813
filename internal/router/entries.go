package router

import (
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// EntryOf is what a connection was made of, which is no Easy VPN client's.
func EntryOf(cfg *config.Config, c *ike.Connection) *config.CryptoMapEntry {
	if c.Dynamic {
		return cfg.DynamicMap(c.DynamicMap).Entry(c.DynamicSeq)
	}
	return cfg.CryptoMap(c.Map).Entry(c.Seq)
}

// entryKey is how a configuration names an entry of a crypto map, and one of a dynamic
// map in it. An Easy VPN client has none.
type entryKey struct {
	cryptoMap  string
	seq        int
	dynamicMap string
	dynamicSeq int
}

func keyOfEntry(c *ike.Connection) entryKey {
	return entryKey{c.Map, c.Seq, c.DynamicMap, c.DynamicSeq}
}

// entries are connections by their entries, in order, so that each of many is found
// without a look at all.
type entries map[entryKey][]*ike.Connection

func byEntry(conns []*ike.Connection) entries {
	all := make(entries, len(conns))
	for _, c := range conns {
		k := keyOfEntry(c)
		all[k] = append(all[k], c)
	}
	return all
}

// find returns the connection that x was before: the same entry of the same
// crypto map on the same interface, or one of the same, and of the same dynamic
// one.
func (e entries) find(x *ike.Connection) *ike.Connection {
	for _, c := range e[keyOfEntry(x)] {
		if slices.ContainsFunc(c.Interfaces(), func(i string) bool { return slices.Contains(x.Interfaces(), i) }) {
			return c
		}
	}
	return nil
}

// byTag are connections by their tags.
func byTag(conns []*ike.Connection) map[uint32]*ike.Connection {
	all := make(map[uint32]*ike.Connection, len(conns))
	for _, c := range conns {
		all[c.Tag] = c
	}
	return all
}
