package compare

import (
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// route leads to a network: by an interface, by a next hop, or both.
type route struct {
	prefix   netip.Prefix
	nextHop  netip.Addr
	name     string
	distance uint8
}

// maxRecursion bounds next hops that are reached over other next hops.
const maxRecursion = 4

// routesOf is the routing table that a configuration makes, with the routes that
// its connections have whether or not there is a tunnel.
func routesOf(c *config.Config, conns []*ike.Connection) []route {
	var all, waiting []route
	for _, i := range c.Interfaces {
		if down(c, i) {
			continue
		}
		for _, p := range i.Addresses {
			all = append(all, route{prefix: p.Masked(), name: i.Name})
		}
	}
	for _, r := range c.Routes {
		if i := c.Interface(r.Interface); i == nil || !down(c, i) {
			waiting = append(waiting, route{r.Prefix, r.NextHop, r.Interface, r.Distance})
		}
	}
	for range maxRecursion {
		known := len(all)
		waiting = slices.DeleteFunc(waiting, func(r route) bool {
			usable := !r.nextHop.IsValid() || leads(all[:known], r.nextHop)
			if usable {
				all = append(all, r)
			}
			return usable
		})
	}
	for _, conn := range conns {
		all = append(all, reverseRoutes(c, conn, true)...)
	}
	return all
}

func leads(routes []route, to netip.Addr) bool {
	return slices.ContainsFunc(routes, func(r route) bool { return r.prefix.Contains(to) })
}

// reverseRoutes are those of a connection's `reverse-route` that are always
// there, or those that come with its SAs.
func reverseRoutes(c *config.Config, conn *ike.Connection, always bool) (all []route) {
	asked := router.EntryOf(c, conn).ReverseRoute
	if !asked.On || always && !asked.Static {
		return nil
	}
	hop := asked.NextHop
	if !hop.IsValid() && len(conn.Peers) > 0 {
		hop = conn.Peers[0]
	}
	for _, line := range conn.ACL {
		if !line.Permit || !hop.IsValid() {
			continue
		}
		for _, p := range selectorOf(line).RemoteNet.Prefixes() {
			if p.Bits() > 0 && !p.Contains(hop) {
				all = append(all, route{prefix: p, nextHop: hop, distance: max(1, asked.Distance)})
			}
		}
	}
	return all
}

// routeTo is the interface by which a packet leaves; false is that no route
// leads there, and local that it is for the gateway itself.
func (g *Gateway) routeTo(dst netip.Addr, more ...route) (name string, ok bool) {
	hop := dst
	for range maxRecursion {
		r, found := best(slices.Concat(g.routes, more), hop)
		if !found {
			return "", false
		}
		if r.nextHop.IsValid() {
			hop = r.nextHop
		}
		if name == "" {
			name = r.name
		}
		if name != "" {
			return name, g.hasPort(name)
		}
	}
	return "", false
}

// best is the route with the longest prefix; among equals the lowest distance
// wins, then the first.
func best(routes []route, dst netip.Addr) (found route, ok bool) {
	for _, r := range routes {
		if !r.prefix.Contains(dst) {
			continue
		}
		longer := r.prefix.Bits() - found.prefix.Bits()
		if !ok || longer > 0 || longer == 0 && r.distance < found.distance {
			found, ok = r, true
		}
	}
	return found, ok
}

// hasPort says whether an interface can carry packets.
func (g *Gateway) hasPort(name string) bool {
	i := g.cfg.Interface(name)
	return i != nil && !down(g.cfg, i) && len(i.Addresses) > 0
}

// down says whether an interface carries nothing. Where all those that a crypto
// map is on are shut down, that is one finding: its routes are looked at as if
// they were up.
func down(c *config.Config, i *config.Interface) bool {
	if !i.Shutdown || i.CryptoMap == "" {
		return i.Shutdown
	}
	return slices.ContainsFunc(c.Interfaces, func(o *config.Interface) bool { return o.CryptoMap == i.CryptoMap && !o.Shutdown })
}
