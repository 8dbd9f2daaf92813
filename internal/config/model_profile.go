package config

import (
	"net/netip"
	"slices"
)

// DefaultKeyring is the name that stands for the `crypto isakmp key` lines.
const DefaultKeyring = "default"

// Keyring is one `crypto keyring`: pre-shared keys, perhaps of one local
// address only.
type Keyring struct {
	Name        string
	Description string
	Local       LocalEndpoint
	Keys        []PresharedKey // in the order of their lines; NoXauth is not set
}

// ISAKMPProfile is one `crypto isakmp profile`: what phase 1 does with the peers
// that it matches.
type ISAKMPProfile struct {
	Name         string
	Description  string
	Keyrings     []string // names; none is DefaultKeyring alone
	SelfIdentity SelfIdentity
	Match        []IdentityMatch
	CertMaps     []string   // labels of certificate maps, of `match certificate`; with no Match either IOS calls the profile incomplete
	Trustpoints  []string   // `ca trust-point`: that prove its peers; none is every one
	Keepalive    *Keepalive // nil: Config.ISAKMP's; Periodic is not set
	Local        LocalEndpoint
	Client       Client
	Group        string // `client configuration group`: of its clients, whatever they name
	Aggressive   bool   // `initiate mode aggressive`
}

// LocalEndpoint is one of the gateway's own addresses, written down or that of
// an interface. The zero value is every address.
type LocalEndpoint struct {
	Addr      netip.Addr
	Interface string // long name, as Interface.Name
}

// SelfIdentityType is the kind of identity that a profile presents.
type SelfIdentityType uint8

// Kinds of SelfIdentity.
const (
	SelfGlobal   SelfIdentityType = iota // none is configured: `crypto isakmp identity`
	SelfAddress                          // the local address, or the one that is named
	SelfFQDN                             // a host name: the gateway's own, or the one that is named
	SelfUserFQDN                         // user@host
)

// SelfIdentity is what a profile's `self-identity` presents.
type SelfIdentity struct {
	Type SelfIdentityType
	Addr netip.Addr // with SelfAddress; invalid: the local address
	Name string     // with SelfFQDN and SelfUserFQDN; "": the host name and domain name
}

// MatchKind is what an IdentityMatch compares.
type MatchKind uint8

// Kinds of IdentityMatch.
const (
	MatchAddress    MatchKind = iota // an address within a range
	MatchHost                        // a host name
	MatchHostDomain                  // every host name of a domain
	MatchUser                        // a user FQDN, user@host
	MatchUserDomain                  // every user FQDN of a domain
	MatchGroup                       // a group of clients
)

// IdentityMatch is one `match identity`. Prefix counts with MatchAddress, Name
// with the others.
type IdentityMatch struct {
	Kind   MatchKind
	Prefix netip.Prefix
	Name   string
}

// Keyring returns the keyring of that name, or nil.
func (c *Config) Keyring(name string) *Keyring {
	return find(c.Keyrings, func(k *Keyring) bool { return k.Name == name })
}

// Profile returns the ISAKMP profile of that name, or nil.
func (c *Config) Profile(name string) *ISAKMPProfile {
	return find(c.Profiles, func(p *ISAKMPProfile) bool { return p.Name == name })
}

// KeyringNames are the keyrings that a profile looks for keys in.
func (p *ISAKMPProfile) KeyringNames() []string {
	if len(p.Keyrings) == 0 {
		return []string{DefaultKeyring}
	}
	return p.Keyrings
}

// ProfileOf names the ISAKMP profile of an entry of the map: its own, else the
// map's; "" is none.
func (m *CryptoMap) ProfileOf(e *CryptoMapEntry) string {
	if e.Profile != "" {
		return e.Profile
	}
	return m.Profile
}

// Endpoint is the interface whose address the crypto map, or the Easy VPN client,
// of an interface has: its own, or that of `local-address`, nil where there is none.
func (c *Config) Endpoint(i *Interface) *Interface {
	if v := c.OutsideOf(i); v != nil && v.Local != "" {
		return c.Interface(v.Local)
	}
	if m := c.CryptoMap(i.CryptoMap); m != nil && m.LocalAddress != "" {
		return c.Interface(m.LocalAddress)
	}
	return i
}

// IsEndpoint says whether a crypto map in use, or an Easy VPN client, has the
// interface's address.
func (c *Config) IsEndpoint(i *Interface) bool {
	return slices.ContainsFunc(c.Interfaces, func(o *Interface) bool { return c.BearsTunnels(o) && c.Endpoint(o) == i })
}

// BearsTunnels says whether an interface has a crypto map, or is outside of an Easy
// VPN client.
func (c *Config) BearsTunnels(i *Interface) bool {
	return (i.CryptoMap != "" || c.OutsideOf(i) != nil) && !i.Shutdown
}

// NeedsInterface says whether a gateway cannot begin without an interface: it has
// a crypto map or is outside of an Easy VPN client, or has the address of one.
func (c *Config) NeedsInterface(i *Interface) bool { return c.BearsTunnels(i) || c.IsEndpoint(i) }
