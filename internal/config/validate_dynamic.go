package config

import "slices"

// resolveDynamic finds the dynamic crypto map that a crypto map entry names.
func (e *Editor) resolveDynamic(c *CryptoMapEntry, key string) {
	c.Templates = e.cfg.DynamicMap(c.Dynamic)
	if c.Templates == nil {
		e.find(Error, CodeReference, key+" dynamic", e.similar("dynamic crypto map", c.Dynamic, e.cfg.dynamicNames),
			"there is no dynamic crypto map %s", c.Dynamic)
	}
}

func (c *Config) dynamicNames() []string {
	var all []string
	for _, d := range c.DynamicMaps {
		all = append(all, d.Name)
	}
	return all
}

func (e *Editor) checkDynamicMap(d *DynamicMap) {
	owner := dynamicOwner(d.Name)
	names := func(c *CryptoMapEntry) bool { return c.Dynamic == d.Name }
	if !slices.ContainsFunc(e.cfg.CryptoMaps, func(m *CryptoMap) bool { return slices.ContainsFunc(m.Entries, names) }) {
		e.find(Warning, CodeUnused, mapMark(owner), "write `crypto map NAME SEQ ipsec-isakmp dynamic "+d.Name+"`",
			"no crypto map names the dynamic crypto map %s: it answers nobody", d.Name)
	}
	for _, c := range d.Entries {
		key := entryMark(owner, c.Seq)
		e.checkProfileUse(c.Profile, key+" profile")
		e.resolve(c, key)
		if !c.TemplateComplete() {
			e.find(Warning, CodeDisabled, key, "", "entry %d of the dynamic crypto map %s stays disabled: it has no `set transform-set`", c.Seq, d.Name)
		}
		if !e.applied[owner] {
			continue
		}
		if e.checkPeers(c, c.Profile, key); len(c.Peers) == 0 && !e.hasKeyForRange(c.Profile) {
			e.find(Warning, CodeReference, key, "write `crypto isakmp key KEY address 0.0.0.0 0.0.0.0`, or the range that the peers have their addresses from",
				"no pre-shared key is for more than one address: a peer whose address is not known has none")
		}
	}
}

// hasKeyForRange says whether a peer with an address that is not known may have
// a pre-shared key, of a profile's keyrings or of any; aggressive mode finds one by a
// name or a group too.
func (e *Editor) hasKeyForRange(profile string) bool {
	named := e.cfg.ISAKMP.AggressiveMode
	for _, keys := range e.keysFor(profile) {
		if slices.ContainsFunc(keys.All(), func(k PresharedKey) bool { return k.Addr.IsValid() && k.Mask < 32 || named && k.Hostname != "" }) {
			return true
		}
	}
	return named && (e.asksForGroups() || slices.ContainsFunc(e.cfg.ClientGroups, func(g *ClientGroup) bool { return !g.Key.IsZero() }))
}

// asksForGroups says whether servers may know groups, with their keys.
func (e *Editor) asksForGroups() bool {
	asks := func(c Client) bool { return e.cfg.AAA.NetworkList(c.Network).AsksServers() }
	return slices.ContainsFunc(e.cfg.CryptoMaps, func(m *CryptoMap) bool { return asks(m.Client) }) ||
		slices.ContainsFunc(e.cfg.Profiles, func(p *ISAKMPProfile) bool { return asks(p.Client) })
}
