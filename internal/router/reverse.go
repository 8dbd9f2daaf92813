package router

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// RouteTable is a DataPlane that has a place for reverse routes.
type RouteTable interface {
	AddRoute(console.ReverseRoute) error
	RemoveRoute(console.ReverseRoute) error
}

// RouteError is a reverse route that could not be added or removed.
type RouteError struct {
	Route console.ReverseRoute
	Err   error
}

// Error implements error.
func (e *RouteError) Error() string {
	return fmt.Sprintf("reverse route to %s via %s: %v", e.Route.Prefix, e.Route.NextHop, e.Err)
}

// Unwrap implements errors.Wrapper.
func (e *RouteError) Unwrap() error { return e.Err }

// reverse is the routes that `reverse-route` asks for. Several SAs may ask for
// one.
type reverse struct {
	asked  map[uint32]config.ReverseRoute // of each connection of the configuration that has one
	sas    map[uint32]*reverseSA          // outbound ones that send and ask for routes, by their ID
	count  map[console.ReverseRoute]int
	failed map[console.ReverseRoute]bool // not in the table
}

// reverseSA is what a route is made of.
type reverseSA struct {
	connection uint32 // of the configuration
	network    ipsec.Range
	local      netip.Addr
	peer       netip.Addr
	routes     []console.ReverseRoute // that it asks for now
}

func newReverse() reverse {
	return reverse{make(map[uint32]config.ReverseRoute), make(map[uint32]*reverseSA),
		make(map[console.ReverseRoute]int), make(map[console.ReverseRoute]bool)}
}

// ReverseRoutes lists the routes that are in the table, by prefix.
func (r *Router) ReverseRoutes() []console.ReverseRoute {
	list := make([]console.ReverseRoute, 0, len(r.reverse.count))
	for route := range r.reverse.count {
		if !r.reverse.failed[route] {
			list = append(list, route)
		}
	}
	slices.SortFunc(list, console.ReverseRoute.Compare)
	return list
}

// askReverseRoutes notes what a configuration asks for, and puts the table in
// accord with it.
func (r *Router) askReverseRoutes() {
	r.reverse.asked = make(map[uint32]config.ReverseRoute)
	want := make(map[console.ReverseRoute]int)
	for _, c := range r.conns {
		if c.EasyVPN != nil {
			continue
		}
		asked := EntryOf(r.cfg, c).ReverseRoute
		if !asked.On {
			continue
		}
		r.reverse.asked[c.Tag] = asked
		for _, route := range permanentRoutes(c, asked) {
			want[route]++
		}
	}
	clear(r.reverse.sas)
	for _, x := range r.engines.IPsecSAs() {
		if !x.OutboundReady {
			continue
		}
		sa := &reverseSA{connection: x.Configured, network: policy.Selector(x.LocalProxy, x.RemoteProxy).RemoteNet, local: x.Local.Addr(), peer: x.Remote.Addr()}
		r.keepReverse(x.OutID, sa)
		for _, route := range sa.routes {
			want[route]++
		}
	}
	for _, route := range slices.SortedFunc(maps.Keys(r.reverse.count), console.ReverseRoute.Compare) {
		if want[route] == 0 {
			r.removeRoute(route, nil)
		}
	}
	for _, route := range slices.SortedFunc(maps.Keys(want), console.ReverseRoute.Compare) {
		if r.reverse.count[route] == 0 {
			r.addRoute(route, nil)
		}
		r.reverse.count[route] = want[route]
	}
}

// permanentRoutes are those of `static`: of the access list, by the configured
// next hop or the first peer.
func permanentRoutes(c *ike.Connection, asked config.ReverseRoute) (routes []console.ReverseRoute) {
	hop := asked.NextHop
	if !hop.IsValid() && len(c.Peers) > 0 {
		hop = c.Peers[0]
	}
	if !asked.Static || !hop.IsValid() {
		return nil
	}
	for _, line := range c.ACL {
		if line.Permit {
			routes = append(routes, reverseRoutes(ipsec.Range{Lo: line.Remote.Lo, Hi: line.Remote.Hi}, hop, asked)...)
		}
	}
	return routes
}

// routesOf are those that an SA asks for.
func (r *Router) routesOf(sa *reverseSA) []console.ReverseRoute {
	asked, ok := r.reverse.asked[sa.connection]
	if !ok || len(permanentRoutes(tagged(r.conns, sa.connection), asked)) > 0 {
		return nil
	}
	hop := asked.NextHop
	if !hop.IsValid() {
		hop = sa.peer
	}
	return reverseRoutes(sa.network, hop, asked)
}

// reverseRoutes lead to a network. Everything gets none: that is for the
// administrator to say. Nor does what the next hop itself is in.
func reverseRoutes(network ipsec.Range, hop netip.Addr, asked config.ReverseRoute) (routes []console.ReverseRoute) {
	for _, p := range network.Prefixes() {
		if p.Bits() > 0 && !p.Contains(hop) {
			routes = append(routes, console.ReverseRoute{Prefix: p, NextHop: hop, Distance: max(1, asked.Distance), Tag: asked.Tag})
		}
	}
	return routes
}

// addReverse notes an outbound SA that sends now, with the routes to its peer's
// network.
func (r *Router) addReverse(p ipsec.SAParams) {
	sa := &reverseSA{connection: r.engines.Configured(p.Tag), network: p.Selector.RemoteNet, local: p.Local, peer: p.Remote}
	r.keepReverse(p.ID, sa)
	for _, route := range sa.routes {
		if r.reverse.count[route]++; r.reverse.count[route] == 1 {
			r.addRoute(route, sa)
		}
	}
}

// keepReverse notes an SA with its routes. Of one without any nothing is kept.
func (r *Router) keepReverse(id uint32, sa *reverseSA) {
	if sa.routes = r.routesOf(sa); len(sa.routes) > 0 {
		r.reverse.sas[id] = sa
	}
}

func (r *Router) removeReverse(id uint32) {
	sa := r.reverse.sas[id]
	if sa == nil {
		return
	}
	delete(r.reverse.sas, id)
	for _, route := range sa.routes {
		if r.reverse.count[route]--; r.reverse.count[route] <= 0 {
			r.removeRoute(route, sa)
		}
	}
}

// addRoute adds a route for an SA, or for none.
func (r *Router) addRoute(route console.ReverseRoute, of *reverseSA) {
	if table, ok := r.opts.DataPlane.(RouteTable); ok {
		if err := table.AddRoute(route); err != nil {
			r.reverse.failed[route] = true
			r.errors = append(r.errors, &RouteError{route, err})
			return
		}
	}
	r.tellRoute(route, of, true)
}

func (r *Router) removeRoute(route console.ReverseRoute, of *reverseSA) {
	delete(r.reverse.count, route)
	if r.reverse.failed[route] {
		delete(r.reverse.failed, route)
		return
	}
	if table, ok := r.opts.DataPlane.(RouteTable); ok {
		if err := table.RemoveRoute(route); err != nil {
			r.errors = append(r.errors, &RouteError{route, err})
		}
	}
	r.tellRoute(route, of, false)
}

func (r *Router) tellRoute(route console.ReverseRoute, of *reverseSA, added bool) {
	rec := trace.Record{Time: r.now, Event: &trace.ReverseRouteChanged{Added: added, Lo: route.Prefix.Addr(), Hi: ipsec.RangeOf(route.Prefix).Hi,
		NextHop: route.NextHop, Distance: route.Distance, Tag: route.Tag}}
	if of != nil {
		rec.Local, rec.Remote = netip.AddrPortFrom(of.local, 0), netip.AddrPortFrom(of.peer, 0)
	}
	r.Record(&rec)
}
