package router

import (
	"net/netip"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
)

// aggressivePeers are the addresses of the ISAKMP peers with which phase 1 begins in
// aggressive mode, servers of Easy VPN clients among them. A host name is for all that it
// has now.
func aggressivePeers(c *config.Config, known *names) map[netip.Addr]*ike.Aggressive {
	all := make(map[netip.Addr]*ike.Aggressive)
	for _, p := range c.ISAKMP.Peers {
		if p.Endpoint.Type == 0 {
			continue
		}
		how := &ike.Aggressive{Identity: endpointIdentity(p.Endpoint), Secret: p.Password}
		if p.Host == "" {
			all[p.Addr] = how
			continue
		}
		for _, a := range known.addresses(p.Host) {
			if all[a] == nil {
				all[a] = how
			}
		}
	}
	for _, i := range c.Interfaces {
		if v := c.OutsideOf(i); v != nil && !i.Shutdown {
			addrs, _ := known.peers(v.Peers)
			for _, a := range addrs {
				all[a] = clientAggressive(v)
			}
		}
	}
	return all
}

// groupKeys are the keys of the client groups that have one, by name.
func groupKeys(c *config.Config) map[string]secret.Secret {
	keys := make(map[string]secret.Secret)
	for _, g := range c.ClientGroups {
		if !g.Key.IsZero() {
			keys[g.Name] = g.Key
		}
	}
	return keys
}

func endpointIdentity(e config.ClientEndpoint) policy.Identity {
	if e.Type == isakmp.IDIPv4Addr {
		return policy.AddressIdentity(e.Addr)
	}
	return policy.Identity{Type: e.Type, Data: e.Name}
}
