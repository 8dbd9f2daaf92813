package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"qmidle/internal/isakmp"
)

// Check resolves the references between the parts and says what is wrong with
// the configuration as a whole. It is to be called after the last line.
func (e *Editor) Check() Diagnostics {
	e.diags, e.hints, e.checked = nil, 0, true
	e.keys = make(map[string]*KeyTable)
	e.applied = appliedOwners(e.cfg)
	e.checkUnsupported()
	e.checkPolicies()
	e.checkKeyrings()
	e.checkProfiles()
	e.checkPKI()
	e.checkAggressive()
	e.checkTransformSets()
	e.checkInterfaces()
	e.checkMaps()
	e.checkAAA()
	e.checkEasyVPNs()
	e.diags.sort()
	return e.diags
}

// find reports at the place where a part of the model was written. A part that
// was not written in this file has no line.
func (e *Editor) find(s Severity, code Code, key, hint, format string, args ...any) {
	e.report(s, code, fmt.Sprintf(format, args...), e.marks[key])
	e.diags[len(e.diags)-1].Hint = hint
}

// checkUnsupported warns about what IOS knows and this does not yet, and stops
// where it is in use.
func (e *Editor) checkUnsupported() {
	type seen struct{ feature, owner string }
	told := map[seen]bool{}
	for _, u := range e.uses {
		key := seen{u.feature, u.owner}
		if u.owner != "" && told[key] {
			continue
		}
		told[key] = true
		if e.inUse(u) {
			e.report(Error, CodeUnsupported, u.feature+" is known to IOS but not supported yet, and this line puts it to use", u.at)
		} else {
			e.report(Warning, CodeUnsupported, u.feature+" is known to IOS but not supported yet; this has no effect", u.at)
		}
	}
}

func (e *Editor) inUse(u use) bool {
	switch u.scope {
	case ScopeAlways:
		return true
	case ScopeMap:
		return e.applied[u.owner]
	case ScopeInterface:
		i := e.cfg.Interface(u.owner)
		return i != nil && i.CryptoMap != ""
	case ScopeProfile:
		return e.profileInUse(u.owner)
	case ScopeACL:
		uses := func(c *CryptoMapEntry) bool { return c.ACL == u.owner }
		return slices.ContainsFunc(e.cfg.CryptoMaps, func(m *CryptoMap) bool { return slices.ContainsFunc(m.Entries, uses) }) ||
			slices.ContainsFunc(e.cfg.DynamicMaps, func(d *DynamicMap) bool { return slices.ContainsFunc(d.Entries, uses) })
	}
	return false
}

// appliedOwners names the crypto maps that interfaces have, and the owners of
// the dynamic ones that those name.
func appliedOwners(c *Config) map[string]bool {
	applied := map[string]bool{}
	for _, i := range c.Interfaces {
		if i.CryptoMap != "" {
			applied[i.CryptoMap] = true
		}
	}
	for _, m := range c.CryptoMaps {
		if !applied[m.Name] {
			continue
		}
		for _, x := range m.Entries {
			if x.Dynamic != "" {
				applied[dynamicOwner(x.Dynamic)] = true
			}
		}
	}
	return applied
}

// anyApplied says whether the gateway has anything to do.
func (e *Editor) anyApplied() bool {
	return slices.ContainsFunc(e.cfg.Interfaces, func(i *Interface) bool { return i.CryptoMap != "" })
}

func (e *Editor) checkPolicies() {
	usable := false
	for _, p := range e.cfg.ISAKMP.Policies {
		e.checkWeakPolicy(p)
		if p.Auth == isakmp.AuthPSK || p.signs() && len(e.cfg.Trustpoints) > 0 || p.Auth == isakmp.AuthRSAEnc && len(e.cfg.PeerKeys) > 0 {
			usable = true
			continue
		}
		key := policyMark(p.Priority) + " authentication"
		if _, written := e.marks[key]; !written {
			key = policyMark(p.Priority)
		}
		if p.Auth == isakmp.AuthRSAEnc {
			e.find(Warning, CodeReference, key, "write the peers' keys below `crypto key pubkey-chain rsa`",
				"policy %d authenticates by %s, and no peer's public key is known: the policy is never offered nor accepted", p.Priority, AuthName(p.Auth))
			continue
		}
		if p.signs() {
			e.find(Warning, CodeReference, key, "write `authentication pre-share` below the policy, or `crypto pki trustpoint`",
				"policy %d authenticates by %s, and there is no trustpoint: the policy is never offered nor accepted", p.Priority, AuthName(p.Auth))
			continue
		}
		e.find(Warning, CodeUnsupported, key, "write `authentication pre-share` below the policy",
			"policy %d authenticates by %s, which is not supported yet: the policy is never offered nor accepted", p.Priority, AuthName(p.Auth))
	}
	if !e.anyApplied() {
		return
	}
	switch {
	case !e.cfg.ISAKMP.Enabled:
		e.find(Warning, CodeDisabled, "isakmp enable", "write `crypto isakmp enable`", "a crypto map is applied and ISAKMP is off: no tunnel can come up")
	case !usable:
		e.find(Error, CodeUnsupported, "", "write a `crypto isakmp policy` with `authentication pre-share`", "a crypto map is applied and no ISAKMP policy can be used")
	}
	if e.cfg.ISAKMP.Identity == IdentityHostname && e.cfg.DomainName == "" {
		e.find(Warning, CodeReference, "isakmp identity", "write `ip domain name`", "the identity is %q alone: there is no domain name", e.cfg.Hostname)
	}
}

func (e *Editor) checkInterfaces() {
	owner := map[netip.Addr]*Interface{}
	for _, i := range e.cfg.Interfaces {
		for _, a := range i.Addresses {
			if other := owner[a.Addr()]; other != nil {
				e.find(Error, CodeValue, interfaceMark(i.Name)+" address "+a.Addr().String(), "", "%s is %s's address already", a.Addr(), other.Name)
			}
			owner[a.Addr()] = i
		}
		if i.CryptoMap == "" {
			continue
		}
		key := interfaceMark(i.Name) + " map"
		if e.cfg.CryptoMap(i.CryptoMap) == nil && !e.outside(i.CryptoMap) {
			e.find(Error, CodeReference, key, e.similar("crypto map", i.CryptoMap, e.cfg.mapNames), "there is no crypto map %s", i.CryptoMap)
		}
		if i.Shutdown {
			e.find(Warning, CodeDisabled, key, "write `no shutdown`", "the crypto map is on an interface that is shut down")
		}
		if len(i.Addresses) == 0 && !i.Linux() {
			e.find(Warning, CodeReference, key, "bind it with `--interface "+i.Short+"=NAME`", "%s has no `ip address` by which to find the Linux interface", i.Name)
		}
	}
}

// outside says whether a crypto map has entries that are all unsupported.
func (e *Editor) outside(name string) bool {
	return slices.ContainsFunc(e.uses, func(u use) bool { return u.scope == ScopeMap && u.owner == name })
}

func (c *Config) mapNames() []string {
	var all []string
	for _, m := range c.CryptoMaps {
		all = append(all, m.Name)
	}
	return all
}

// similar is the hint for a name that does not exist. Whoever has more wrong
// names than errors stop a load for has no use for a hint at each, and every
// name is compared for it.
func (e *Editor) similar(what, name string, names func() []string) string {
	if e.hints++; e.hints > maxErrors {
		return ""
	}
	all := names()
	for _, other := range all {
		if strings.EqualFold(other, name) {
			return "did you mean `" + other + "`? names are case-sensitive"
		}
		if distance(other, name) < 2 {
			return "did you mean `" + other + "`?"
		}
	}
	if len(all) == 0 {
		return "no " + what + " is configured"
	}
	const few = 6
	if len(all) > few {
		return fmt.Sprintf("there is %s and %d more", strings.Join(all[:few], ", "), len(all)-few)
	}
	return "there is " + strings.Join(all, ", ")
}

func (e *Editor) checkMaps() {
	checked := map[*AccessList]bool{}
	lists := func(within string, entries []*CryptoMapEntry) {
		for _, c := range entries {
			if l := c.AccessList; l != nil && !checked[l] {
				checked[l] = true
				e.checkSelectors(c, entryMark(within, c.Seq))
			}
		}
	}
	for _, m := range e.cfg.CryptoMaps {
		e.checkMap(m)
		lists(m.Name, m.Entries)
	}
	for _, d := range e.cfg.DynamicMaps {
		e.checkDynamicMap(d)
		lists(dynamicOwner(d.Name), d.Entries)
	}
}

func (e *Editor) checkMap(m *CryptoMap) {
	applied := e.applied[m.Name]
	if !applied {
		e.find(Warning, CodeUnused, mapMark(m.Name), "write `crypto map "+m.Name+"` below the interface that faces the peers", "the crypto map %s is on no interface: it protects nothing", m.Name)
	}
	e.checkProfileUse(m.Profile, mapMark(m.Name)+" profile")
	if m.LocalAddress != "" {
		e.checkLocalInterface(m.LocalAddress, mapMark(m.Name)+" local")
		if i := e.cfg.Interface(m.LocalAddress); applied && i != nil && i.Shutdown {
			e.find(Error, CodeDisabled, mapMark(m.Name)+" local", "write `no shutdown` below it", "%s, whose address the crypto map has, is shut down", i.Name)
		}
	}
	for _, c := range m.Entries {
		key := entryMark(m.Name, c.Seq)
		if c.Dynamic != "" {
			e.resolveDynamic(c, key)
			continue
		}
		e.checkProfileUse(c.Profile, key+" profile")
		e.resolve(c, key)
		if !c.Complete() {
			e.find(Warning, CodeDisabled, key, "", "entry %d of %s stays disabled: it has no %s", c.Seq, m.Name, missing(c))
		}
		if applied {
			e.checkPeers(c, m.ProfileOf(c), key)
		}
	}
}

func missing(c *CryptoMapEntry) string {
	var all []string
	if len(c.Peers) == 0 {
		all = append(all, "`set peer`")
	}
	if len(c.TransformSets) == 0 {
		all = append(all, "`set transform-set`")
	}
	if c.ACL == "" {
		all = append(all, "`match address`")
	}
	return strings.Join(all, ", no ")
}

// resolve finds the transform sets and the access list of an entry.
func (e *Editor) resolve(c *CryptoMapEntry, key string) {
	c.Sets, c.AccessList = nil, nil
	for _, name := range c.TransformSets {
		t := e.cfg.TransformSet(name)
		if t == nil {
			e.find(Error, CodeReference, key+" set "+name, e.similar("transform set", name, e.cfg.setNames), "ERROR: transform set with tag %q does not exist.", name)
			continue
		}
		c.Sets = append(c.Sets, t)
	}
	if c.ACL == "" {
		return
	}
	c.AccessList = e.lists[c.ACL]
	switch {
	case c.AccessList != nil:
	case e.isStandard(c.ACL):
		e.find(Error, CodeReference, key+" list", "a crypto map needs an extended list, <100-199>, <2000-2699> or a name", "%%ERROR: Standard IP Access list cannot be associated with crypto map")
	case e.hasUse(ScopeACL, c.ACL):
	default:
		e.find(Error, CodeReference, key+" list", e.similar("extended access list", c.ACL, e.cfg.listNames), "there is no access list %s", c.ACL)
	}
}

func (e *Editor) isStandard(name string) bool {
	n, err := strconv.Atoi(name)
	return e.standard[name] || err == nil && !extendedNumber(n)
}

func (e *Editor) hasUse(s Scope, owner string) bool {
	return slices.ContainsFunc(e.uses, func(u use) bool { return u.scope == s && u.owner == owner })
}

func (c *Config) setNames() []string {
	var all []string
	for _, t := range c.TransformSets {
		all = append(all, t.Name)
	}
	return all
}

func (c *Config) listNames() []string {
	var all []string
	for _, l := range c.AccessLists {
		all = append(all, l.Name)
	}
	return all
}

// checkPeers looks for the key of each peer, and for a peer that is this
// gateway itself.
func (e *Editor) checkPeers(c *CryptoMapEntry, profile, key string) {
	if c.IdleToDefault && !slices.ContainsFunc(c.Peers, func(p Peer) bool { return p.Default }) {
		e.find(Warning, CodeReference, key+" idle", "write `set peer A default`", "no peer of entry %d is the default one: after the idle time the same peer is used again", c.Seq)
	}
	for _, p := range c.Peers {
		at := key + " peer " + p.String()
		for _, i := range e.cfg.Interfaces {
			if slices.ContainsFunc(i.Addresses, func(a netip.Prefix) bool { return a.Addr() == p.Addr }) {
				e.find(Error, CodeValue, at, "name the other gateway's address", "%s is this gateway's own address, on %s", p, i.Name)
				break
			}
		}
		if p.Host != "" && e.cfg.NoLookup && e.cfg.Host(p.Host) == nil && e.cfg.Host(e.cfg.QualifiedName(p.Host)) == nil {
			e.find(Warning, CodeReference, at, "write `ip host "+p.Host+" ADDRESS`, or `ip domain lookup`", "%s has no address: there is no `ip host`, and lookups are off", p)
		}
		if !e.hasKey(p, profile) && !e.cfg.ProvenWithoutKey(p.Addr) {
			e.find(Warning, CodeReference, at, e.cfg.keyHint(p, profile), "there is no pre-shared key for %s%s", p, inProfile(profile))
		}
	}
}

// ProvenWithoutKey says whether a peer may be proven by another method than a
// pre-shared key.
func (c *Config) ProvenWithoutKey(peer netip.Addr) bool { return c.byCertificate() || c.byNonces(peer) }

// byNonces says whether a peer may be proven by encrypted nonces.
func (c *Config) byNonces(peer netip.Addr) bool {
	known := slices.ContainsFunc(c.PeerKeys, func(k *PeerKey) bool { return k.DER != nil && k.Address.IsValid() && k.Address == peer })
	return known && slices.ContainsFunc(c.ISAKMP.Policies, func(p Policy) bool { return p.Auth == isakmp.AuthRSAEnc })
}

// byCertificate says whether peers may be proven by certificates.
func (c *Config) byCertificate() bool {
	return len(c.Trustpoints) > 0 && slices.ContainsFunc(c.ISAKMP.Policies, Policy.signs)
}

func keyPeer(p Peer) string {
	if p.Host != "" {
		return "hostname " + p.Host
	}
	return "address " + p.Addr.String()
}

// checkSelectors looks for what a quick mode identity cannot carry (RFC 2407
// section 4.6.2): it has one protocol, one port and one contiguous subnet.
func (e *Editor) checkSelectors(c *CryptoMapEntry, key string) {
	permits := 0
	for _, x := range c.AccessList.Entries {
		if !x.Permit {
			continue
		}
		permits++
		at := aclEntryMark(c.ACL, x.Seq)
		if why := unfit(x); why != "" {
			e.find(Error, CodeValue, at, "quick mode proposes one protocol, one port and one subnet for each side", "%s cannot protect traffic: %s", x, why)
		}
		if x.Src.Any() && x.Dst.Any() && x.Protocol == 0 {
			e.find(Warning, CodeValue, at, "name the two networks instead", "`permit ip any any` for a crypto map sends all traffic into the tunnel, and drops what arrives without it")
		}
	}
	if permits == 0 {
		e.find(Warning, CodeDisabled, key+" list", "", "access list %s permits nothing, so the entry protects nothing", c.ACL)
	}
}

func unfit(x *ACLEntry) string {
	_, src := x.Src.Prefix()
	_, dst := x.Dst.Prefix()
	switch {
	case !src || !dst:
		return "a wildcard with holes is no subnet"
	case x.SrcPort.Op > PortEq || x.DstPort.Op > PortEq:
		return "it compares a port by other than `eq`"
	case x.Established:
		return "`established` is no property of a flow"
	case x.ICMP.HasType:
		return "it names an ICMP type"
	}
	return ""
}
