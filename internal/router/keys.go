package router

import (
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// keyring is the keys of one name, for one address of ours or for all.
type keyring struct {
	name  string
	local netip.Addr // invalid for all
	keys  *config.KeyTable
	names *names
}

// covers is how many bits of a peer's address a key is for, -1 where it is for
// others. A host name is for the addresses that it has now.
func (k *keyring) covers(key *config.PresharedKey, remote netip.Addr) int {
	switch {
	case key.Hostname != "" && slices.Contains(k.names.addresses(key.Hostname), remote):
		return remote.BitLen()
	case key.Addr.IsValid() && key.Prefix().Contains(remote):
		return key.Mask
	}
	return -1
}

// isNamed says whether a key is for the host name that a peer presents.
func isNamed(key *config.PresharedKey, who policy.Identity) bool {
	_, is := policy.IdentityMatch{Type: isakmp.IDFQDN, Name: key.Hostname}.Matches(who)
	return is && key.Hostname != ""
}

// coversPeer is covers for the address that a peer has, or the one that it presents.
func (k *keyring) coversPeer(key *config.PresharedKey, q ike.KeyQuery, presented netip.Addr) int {
	if isNamed(key, q.Identity) {
		return q.Remote.BitLen() + 1
	}
	bits := k.covers(key, q.Remote)
	if presented.IsValid() {
		bits = max(bits, k.covers(key, presented))
	}
	return bits
}

// presentedAddress is the address that a peer calls itself by, if it does: a NAT may
// have changed the one that it has.
func presentedAddress(who policy.Identity) (a netip.Addr) {
	if who.Type == isakmp.IDIPv4Addr {
		a, _ = netip.AddrFromSlice([]byte(who.Data))
	}
	return a
}

// keyrings finds keys by the peer's address, or by the name that it presents: the `crypto isakmp key` lines and
// the keyrings, in the order of the configuration.
type keyrings []keyring

// PresharedKey implements ike.KeyStore.
func (r keyrings) PresharedKey(q ike.KeyQuery) (ike.Key, bool) {
	ring, key, ok := r.find(q)
	if !ok {
		return ike.Key{}, false
	}
	if ring == config.DefaultKeyring {
		ring = ""
	}
	return ike.Key{Secret: key.Key, Keyring: ring, Named: isNamed(&key, q.Identity), NoXAuth: key.NoXauth}, true
}

// find returns the key for a peer and the name of its keyring. A key for the name
// that the peer presents wins, then the longest mask that covers its address; of equal
// ones a keyring for this very address of ours, then the first.
func (r keyrings) find(q ike.KeyQuery) (name string, found config.PresharedKey, ok bool) {
	best, bound := -1, false
	presented := presentedAddress(q.Identity)
	for _, ring := range r {
		if q.Keyrings != nil && !slices.Contains(q.Keyrings, ring.name) || ring.local.IsValid() && ring.local != q.Local {
			continue
		}
		for key := range ring.keys.About(q.Remote, presented) {
			bits := ring.coversPeer(key, q, presented)
			if bits > best || bits >= 0 && bits == best && ring.local.IsValid() && !bound {
				best, bound = bits, ring.local.IsValid()
				name, found = ring.name, *key
			}
		}
	}
	return name, found, best >= 0
}

// newKeyrings puts the addresses of interfaces in the place of their names.
func newKeyrings(c *config.Config, local LocalAddress, known *names) keyrings {
	all := keyrings{{name: config.DefaultKeyring, keys: config.NewKeyTable(c.ISAKMP.Keys), names: known}}
	for _, k := range c.Keyrings {
		all = append(all, keyring{k.Name, localEndpoint(c, k.Local, local), config.NewKeyTable(k.Keys), known})
	}
	return all
}

// localEndpoint is the address that a keyring or profile is for; invalid for
// all. That of an interface without one is no address of ours: it is for none.
func localEndpoint(c *config.Config, l config.LocalEndpoint, local LocalAddress) netip.Addr {
	if l.Interface == "" {
		return l.Addr
	}
	if a := present(local, c.Interface(l.Interface)); a.IsValid() {
		return a
	}
	return netip.IPv4Unspecified()
}
