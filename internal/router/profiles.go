package router

import (
	"net/netip"
	"reflect"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// peering is how a configuration tells peers apart and proves them, with the
// addresses of its interfaces put in.
type peering struct {
	keys       keyrings
	profiles   []*ike.Profile
	aggressive map[netip.Addr]*ike.Aggressive // with whom phase 1 begins so
	groups     map[string]secret.Secret       // keys of client groups, by name
}

func newPeering(c *config.Config, local LocalAddress, known *names) peering {
	p := peering{keys: newKeyrings(c, local, known), aggressive: aggressivePeers(c, known), groups: groupKeys(c)}
	for _, x := range c.Profiles {
		profile := &ike.Profile{Name: x.Name, Local: localEndpoint(c, x.Local, local), Keyrings: x.KeyringNames(), Identity: selfIdentity(c, x.SelfIdentity),
			Aggressive: x.Aggressive, Group: x.Group}
		profile.Clients = clients(c, x.Client)
		profile.Trustpoints = x.Trustpoints
		for _, label := range x.CertMaps {
			profile.Certificates = append(profile.Certificates, c.CertificateMap(label).Criteria())
		}
		for _, m := range x.Match {
			profile.Match = append(profile.Match, identityMatch(m))
		}
		if k := x.Keepalive; k != nil {
			// A profile has no word for the kind: it is that of the global line.
			periodic := c.ISAKMP.Keepalive != nil && c.ISAKMP.Keepalive.Periodic
			profile.Keepalive = &ike.Keepalive{Interval: k.Interval, Retry: k.Retry, Periodic: periodic}
		}
		p.profiles = append(p.profiles, profile)
	}
	return p
}

func identityMatch(m config.IdentityMatch) policy.IdentityMatch {
	x := policy.IdentityMatch{Type: isakmp.IDIPv4Addr, Prefix: m.Prefix, Name: m.Name}
	switch m.Kind {
	case config.MatchHost, config.MatchHostDomain:
		x.Type = isakmp.IDFQDN
	case config.MatchUser, config.MatchUserDomain:
		x.Type = isakmp.IDUserFQDN
	case config.MatchGroup:
		x.Type = isakmp.IDKeyID
	}
	x.Domain = m.Kind == config.MatchHostDomain || m.Kind == config.MatchUserDomain
	return x
}

// selfIdentity is what a profile presents; nil is what the gateway does.
func selfIdentity(c *config.Config, s config.SelfIdentity) *policy.Identity {
	var id policy.Identity
	switch {
	case s.Type == config.SelfGlobal:
		return nil
	case s.Type == config.SelfAddress && s.Addr.IsValid():
		id = policy.AddressIdentity(s.Addr)
	case s.Type == config.SelfFQDN && s.Name == "":
		id = policy.FQDNIdentity(fullName(c))
	case s.Type == config.SelfFQDN:
		id = policy.FQDNIdentity(s.Name)
	case s.Type == config.SelfUserFQDN:
		id = policy.Identity{Type: isakmp.IDUserFQDN, Data: s.Name}
	}
	return &id
}

// keyOf is the key of an ISAKMP SA's peer.
func (p *peering) keyOf(sa ike.ISAKMPSA) (ike.Key, bool) {
	q := ike.KeyQuery{Local: sa.Local.Addr(), Remote: sa.Remote.Addr()}
	if sa.Aggressive && sa.Role == trace.RoleInitiator {
		if how := p.aggressive[sa.Remote.Addr()]; how != nil && !how.Secret.IsZero() {
			return ike.Key{Secret: how.Secret}, true
		}
	}
	if sa.Aggressive && sa.Role == trace.RoleResponder {
		q.Identity = sa.PeerIdentity
		if q.Identity.Type == isakmp.IDKeyID {
			key, ok := p.groups[q.Identity.Data]
			if !ok {
				key, ok = p.groups["default"]
			}
			return ike.Key{Secret: key}, ok
		}
	}
	if x := p.profile(sa.Profile); x != nil {
		q.Keyrings = x.Keyrings
	}
	return p.keys.PresharedKey(q)
}

// mayProve says whether aggressive mode may have a key for a peer that its address does
// not find: a password for it, or one for a name, which may be the peer's.
func (p *peering) mayProve(remote netip.Addr) bool {
	if how := p.aggressive[remote]; how != nil && !how.Secret.IsZero() {
		return true
	}
	return slices.ContainsFunc(p.keys, func(r keyring) bool { return r.keys.HasNames() })
}

func (p *peering) profile(name string) *ike.Profile {
	for _, x := range p.profiles {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// sameKey says whether an SA's peer would be proven by the same key under
// another configuration.
func (p *peering) sameKey(o *peering, sa ike.ISAKMPSA) bool {
	before, had := p.keyOf(sa)
	after, has := o.keyOf(sa)
	return had == has && before.Secret.Equal(after.Secret)
}

// sameProfile says whether an SA would have the same profile under another
// configuration. Keepalives are followed at once.
func (p *peering) sameProfile(o *peering, sa ike.ISAKMPSA) bool {
	local := sa.Local.Addr()
	before, after := p.profile(sa.Profile), o.profile(sa.Profile)
	if before == nil {
		return ike.ProfileOf(o.profiles, local, sa.PeerIdentity, sa.PeerCertificate) == nil
	}
	if after == nil {
		return false
	}
	_, still := after.Takes(local, sa.PeerIdentity, sa.PeerCertificate)
	return still && slices.Equal(before.Keyrings, after.Keyrings) && slices.Equal(before.Trustpoints, after.Trustpoints) && reflect.DeepEqual(before.Identity, after.Identity)
}

// identity is what `crypto isakmp identity` presents; zero is the address. A
// gateway without certificate has no distinguished name: it presents its
// address then.
func identity(c *config.Config) policy.Identity {
	if c.ISAKMP.Identity != config.IdentityHostname {
		return policy.Identity{}
	}
	return policy.FQDNIdentity(fullName(c))
}

// fullName is the host name with the domain name.
func fullName(c *config.Config) string {
	if c.DomainName == "" {
		return c.Hostname
	}
	return c.Hostname + "." + c.DomainName
}
