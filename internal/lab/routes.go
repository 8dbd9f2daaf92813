package lab

import (
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
)

// port is an interface of a host that is up, with one of its addresses.
type port struct {
	host *host
	name string
	addr netip.Addr
	link *link // nil for a loopback interface
	nat  *nat  // between the port and the link; nil for none
}

// route is a line of the routing table. Without a next hop the destination is
// on the link itself.
type route struct {
	prefix   netip.Prefix
	nextHop  netip.Addr
	name     string // the interface; "" where the next hop tells it
	distance uint8
}

// routesOf makes the routing table of the interfaces that are up and of the
// `ip route` lines.
func (h *host) routesOf(c *config.Config) []route {
	var all []route
	for _, i := range c.Interfaces {
		if i.Shutdown {
			continue
		}
		for _, p := range h.addresses(i) {
			all = append(all, route{prefix: p.Masked(), name: i.Name})
		}
	}
	var static []route
	for _, r := range c.Routes {
		if i := c.Interface(r.Interface); i != nil && i.Shutdown {
			continue
		}
		static = append(static, route{r.Prefix, r.NextHop, r.Interface, r.Distance})
	}
	return usable(all, static)
}

// usable adds to the routes that are there those whose next hop one of them
// leads to. Those of a link that is down make room for others, as on a router.
func usable(all, static []route) []route {
	for range maxRecursion {
		var waiting []route
		known := len(all)
		for _, r := range static {
			if !r.nextHop.IsValid() || leads(all[:known], r.nextHop) {
				all = append(all, r)
			} else {
				waiting = append(waiting, r)
			}
		}
		static = waiting
	}
	return all
}

func leads(routes []route, to netip.Addr) bool {
	return slices.ContainsFunc(routes, func(r route) bool { return r.prefix.Contains(to) })
}

// maxRecursion bounds next hops that are reached over other next hops.
const maxRecursion = 4

// lookup returns the port that leads to dst and the address on its link that
// takes the packet.
func (h *host) lookup(dst netip.Addr) (*port, netip.Addr, bool) {
	hop, name := dst, ""
	for range maxRecursion {
		r, ok := h.best(hop)
		if !ok {
			return nil, netip.Addr{}, false
		}
		if r.nextHop.IsValid() {
			hop = r.nextHop
		}
		if name == "" {
			name = r.name
		}
		if name != "" {
			p := h.port(name, hop)
			return p, hop, p != nil
		}
	}
	return nil, netip.Addr{}, false
}

// best returns the route with the longest prefix; among equals the lowest
// distance wins, then the first.
func (h *host) best(dst netip.Addr) (route, bool) {
	var found route
	ok := false
	for _, r := range slices.Concat(h.routes, h.plane.routes) {
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

// port returns the port of an interface whose link has hop on it, else the
// interface's first.
func (h *host) port(name string, hop netip.Addr) *port {
	var first *port
	for _, p := range h.ports {
		if p.name != name {
			continue
		}
		if first == nil {
			first = p
		}
		if p.link != nil && p.link.prefix.Contains(hop) {
			return p
		}
	}
	return first
}

// own says whether a is an address of this host.
func (h *host) own(a netip.Addr) bool {
	for _, p := range h.ports {
		if p.addr == a {
			return true
		}
	}
	return h.plane != nil && slices.ContainsFunc(h.plane.clients, func(c *clientNetwork) bool { return c.Address == a })
}

func loopback(name string) bool { return strings.HasPrefix(name, "Loopback") }
