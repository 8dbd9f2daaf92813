package router

import (
	"cmp"
	"net/netip"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// Blueprint is what a router would be made of by a configuration alone: names
// have the addresses of `ip host`.
type Blueprint struct {
	Connections []*ike.Connection // as the router numbers them
	Policies    []policy.IKE
	Profiles    []*ike.Profile
	Identity    policy.Identity                // zero: the local address
	Aggressive  map[netip.Addr]*ike.Aggressive // the peers with whom phase 1 begins so

	cfg  *config.Config
	keys keyrings
}

// NewBlueprint fails for what the configuration asks and a router cannot do.
func NewBlueprint(c *config.Config) (*Blueprint, error) {
	known := newNames(c, nil)
	conns, err := connections(c, ConfiguredAddress, known)
	if err != nil {
		return nil, err
	}
	p := newPeering(c, ConfiguredAddress, known)
	return &Blueprint{Connections: conns, Policies: IKEPolicies(c), Profiles: p.profiles, Identity: identity(c), Aggressive: p.aggressive, cfg: c, keys: p.keys}, nil
}

// Key is the key that proves a peer, as a router finds it, and the name of its
// keyring.
func (b *Blueprint) Key(q ike.KeyQuery) (keyring string, key config.PresharedKey, ok bool) {
	return b.keys.find(q)
}

// Entry is the connection that an entry of a crypto map, or of a dynamic one,
// would be if the map were on an interface and the entry complete. It has no
// tag, interface and address.
func (b *Blueprint) Entry(e *config.CryptoMapEntry) (*ike.Connection, error) {
	written := *e
	written.Peers = nil
	for _, p := range e.Peers {
		if h := cmp.Or(b.cfg.Host(p.Host), b.cfg.Host(b.cfg.QualifiedName(p.Host))); p.Host != "" && h != nil {
			for _, a := range h.Addrs {
				written.Peers = append(written.Peers, config.Peer{Addr: a})
			}
		} else if p.Host == "" {
			written.Peers = append(written.Peers, p)
		}
	}
	return connection(b.cfg, &written, nil)
}
