package config

import (
	"fmt"
	"slices"
	"strings"
)

// checkKeyrings looks for keyrings that can hold no peer's key.
func (e *Editor) checkKeyrings() {
	for _, k := range e.cfg.Keyrings {
		e.checkLocal(k.Local, keyringMark(k.Name)+" local")
		if len(k.Keys) == 0 {
			e.find(Warning, CodeUnused, keyringMark(k.Name), "write `pre-shared-key` below it", "keyring %s has no key", k.Name)
		}
	}
}

// checkLocal looks for the interface of a local address.
func (e *Editor) checkLocal(l LocalEndpoint, key string) {
	if l.Interface != "" {
		e.checkLocalInterface(l.Interface, key)
	}
}

func (e *Editor) checkLocalInterface(name, key string) {
	i := e.cfg.Interface(name)
	switch {
	case i == nil:
		e.find(Error, CodeReference, key, e.similar("interface", name, e.cfg.interfaceNames), "there is no interface %s", name)
	case len(i.Addresses) == 0 && i.Learned == AddressStatic && !i.Linux():
		e.find(Error, CodeReference, key, "give it `ip address A.B.C.D MASK`", "%s has no address", name)
	}
}

func (c *Config) interfaceNames() (names []string) {
	for _, i := range c.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

func (e *Editor) checkProfiles() {
	for i, p := range e.cfg.Profiles {
		key := profileMark(p.Name)
		e.checkLocal(p.Local, key+" local")
		for _, name := range p.Keyrings {
			if name != DefaultKeyring && e.cfg.Keyring(name) == nil {
				e.find(Error, CodeReference, key+" keyring "+name, e.similar("keyring", name, e.cfg.keyringNames), "there is no keyring %s", name)
			}
		}
		for _, name := range p.Trustpoints {
			if e.cfg.Trustpoint(name) == nil {
				e.find(Error, CodeReference, key+" trustpoint "+name, e.similar("trustpoint", name, e.cfg.trustpointNames), "there is no trustpoint %s", name)
			}
		}
		for _, name := range p.CertMaps {
			if e.cfg.CertificateMap(name) == nil {
				e.find(Error, CodeReference, key+" map "+name, "write `crypto pki certificate map "+name+" 10`", "there is no certificate map %s", name)
			}
		}
		if len(p.Match) == 0 && len(p.CertMaps) == 0 && !e.hasUse(ScopeProfile, p.Name) {
			e.find(Warning, CodeDisabled, key, "write `match identity` below it", "profile %s is incomplete until it has `match identity`: it matches no peer", p.Name)
		}
		if s := p.SelfIdentity; s.Type == SelfFQDN && s.Name == "" && e.cfg.DomainName == "" {
			e.find(Warning, CodeReference, key, "write `ip domain name`", "the identity of profile %s is %q alone: there is no domain name", p.Name, e.cfg.Hostname)
		}
		e.checkMatchedOnce(p, e.cfg.Profiles[:i])
	}
}

// checkMatchedOnce warns of an identity that two profiles match: IOS's manual
// calls that invalid, and one of them is in vain.
func (e *Editor) checkMatchedOnce(p *ISAKMPProfile, before []*ISAKMPProfile) {
	for _, m := range p.Match {
		for _, o := range before {
			if o.Local == p.Local && slices.Contains(o.Match, m) {
				e.find(Warning, CodeUnused, profileMark(p.Name), "match it in one of them", "`match identity %s` is in profile %s too, which takes the peer", m.trimmed(), o.Name)
			}
		}
	}
}

func (c *Config) keyringNames() (names []string) {
	for _, k := range c.Keyrings {
		names = append(names, k.Name)
	}
	return names
}

func (c *Config) profileNames() (names []string) {
	for _, p := range c.Profiles {
		names = append(names, p.Name)
	}
	return names
}

// checkProfileUse looks for the profile that a crypto map or an entry names.
func (e *Editor) checkProfileUse(name, key string) {
	if name == "" || e.cfg.Profile(name) != nil || e.hasUse(ScopeProfile, name) {
		return
	}
	e.find(Error, CodeReference, key, e.similar("ISAKMP profile", name, e.cfg.profileNames), "there is no ISAKMP profile %s", name)
}

// profileInUse says whether a profile has peers: those that it matches, or that
// a crypto map on an interface names it for.
func (e *Editor) profileInUse(name string) bool {
	if p := e.cfg.Profile(name); p != nil && len(p.Match) > 0 {
		return true
	}
	names := func(c *CryptoMapEntry) bool { return c.Profile == name }
	for _, m := range e.cfg.CryptoMaps {
		if e.applied[m.Name] && (m.Profile == name || slices.ContainsFunc(m.Entries, names)) {
			return true
		}
	}
	return slices.ContainsFunc(e.cfg.DynamicMaps, func(d *DynamicMap) bool {
		return e.applied[dynamicOwner(d.Name)] && slices.ContainsFunc(d.Entries, names)
	})
}

// hasKey says whether a pre-shared key may serve a peer of an entry: the password of
// aggressive mode, or one of its profile's keyrings, or of any where it has no profile. A host name may resolve
// to any address.
func (e *Editor) hasKey(p Peer, profile string) bool {
	if x := e.cfg.ISAKMP.Peer(p.Addr, p.Host); x != nil && x.Endpoint.Type != 0 && !x.Password.IsZero() && e.cfg.ISAKMP.AggressiveMode {
		return true
	}
	byName := func(k PresharedKey) bool { return strings.EqualFold(k.Hostname, p.Host) || k.Addr.IsValid() }
	for _, keys := range e.keysFor(profile) {
		if p.Host != "" && slices.ContainsFunc(keys.All(), byName) || p.Host == "" && keys.covers(p.Addr) {
			return true
		}
	}
	return false
}

// keysFor lists the keys of each keyring that a profile may use, of every one
// for "".
func (e *Editor) keysFor(profile string) (all []*KeyTable) {
	p := e.cfg.Profile(profile)
	if p == nil || slices.Contains(p.KeyringNames(), DefaultKeyring) {
		all = append(all, e.tableOf(DefaultKeyring, e.cfg.ISAKMP.Keys))
	}
	for _, k := range e.cfg.Keyrings {
		if p == nil || slices.Contains(p.KeyringNames(), k.Name) {
			all = append(all, e.tableOf(k.Name, k.Keys))
		}
	}
	return all
}

// tableOf makes a keyring's table, once for all that Check looks for in it.
func (e *Editor) tableOf(keyring string, keys []PresharedKey) *KeyTable {
	if e.keys[keyring] == nil {
		e.keys[keyring] = NewKeyTable(keys)
	}
	return e.keys[keyring]
}

func inProfile(name string) string {
	if name == "" {
		return ""
	}
	return " in the keyrings of profile " + name
}

// keyHint says where a key for a peer of an entry is to be written.
func (c *Config) keyHint(p Peer, profile string) string {
	if x := c.Profile(profile); x != nil && !slices.Contains(x.KeyringNames(), DefaultKeyring) {
		return fmt.Sprintf("write `pre-shared-key %s key KEY` below `crypto keyring %s`", keyPeer(p), x.Keyrings[0])
	}
	return "write `crypto isakmp key KEY " + keyPeer(p) + "`"
}
