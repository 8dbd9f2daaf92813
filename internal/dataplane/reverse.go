package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ReverseRoute is a route to a network behind a peer (reverse route injection).
// Hop need not be on a link: the route leads by the way to it. Metric 0 is the
// kernel's default.
//
// What the policy selects goes into the TUN device whatever the main table
// says. The route is for all else that asks that table: a routing daemon that
// redistributes it, or a packet that no line selects, which leaves by the same
// way as on a router.
type ReverseRoute struct {
	Prefix netip.Prefix
	Hop    netip.Addr
	Metric int
}

// AddRoute installs a reverse route in the main table under RouteProtocol, behind
// a static one, or one by another hop, in its place. A route of somebody else's
// there stays, and is an error.
func (h *Host) AddRoute(r ReverseRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.wayTo(r)
	if err != nil {
		return err
	}
	if err := h.appendRoute(r, k); err != nil {
		return fmt.Errorf("add route to %v: %w", r.Prefix, err)
	}
	return nil
}

// appendRoute installs k for r, unless another route is the same to the kernel.
func (h *Host) appendRoute(r ReverseRoute, k netlink.Route) error {
	if h.ways[wayName(k)] == 0 && !h.isStatic(k) {
		err := h.netlink.RouteAdd(&k)
		if errors.Is(err, unix.EEXIST) && h.shared(r, k) {
			err = h.netlink.RouteAppend(&k)
		}
		if err != nil {
			return err
		}
	}
	h.reverse[r] = k
	h.ways[wayName(k)]++
	return nil
}

// RemoveRoute takes one back; it is no error that there is none.
func (h *Host) RemoveRoute(r ReverseRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.withdraw(r); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove route to %v: %w", r.Prefix, err)
	}
	return nil
}

// withdraw removes what appendRoute has installed for r and nobody else needs.
func (h *Host) withdraw(r ReverseRoute) error {
	k, ok := h.reverse[r]
	if !ok {
		return nil
	}
	delete(h.reverse, r)
	if k.Dst == nil {
		return nil // it could not be installed anew
	}
	name := wayName(k)
	if h.ways[name]--; h.ways[name] > 0 {
		return nil
	}
	delete(h.ways, name)
	if h.isStatic(k) {
		return nil
	}
	return h.netlink.RouteDel(&k)
}

// isStatic says whether the configuration has a reverse route itself; the kernel
// has it once.
func (h *Host) isStatic(k netlink.Route) bool {
	return slices.ContainsFunc(h.static, func(s netlink.Route) bool { return sameRoute(s, k) })
}

// shared says whether one of our routes has the place of a reverse route.
func (h *Host) shared(r ReverseRoute, k netlink.Route) bool {
	for o := range h.reverse {
		if o.Prefix == r.Prefix && o.Metric == r.Metric {
			return true
		}
	}
	return slices.ContainsFunc(h.static, func(s netlink.Route) bool { return samePlace(s, k) })
}

// wayTo is a route by the next hop, and the link, of the route to r's own.
func (h *Host) wayTo(r ReverseRoute) (netlink.Route, error) {
	k := netlink.Route{Dst: ipNet(r.Prefix), Table: unix.RT_TABLE_MAIN, Protocol: RouteProtocol, Priority: r.Metric}
	found, err := h.netlink.RouteGetWithOptions(r.Hop.AsSlice(), &netlink.RouteGetOptions{Mark: Mark})
	if err != nil || len(found) == 0 {
		return k, fmt.Errorf("route to %v by %v: %w", r.Prefix, r.Hop, errors.Join(err, unix.EHOSTUNREACH))
	}
	if found[0].Type == unix.RTN_LOCAL {
		return k, fmt.Errorf("route to %v: %v is this host", r.Prefix, r.Hop)
	}
	k.LinkIndex, k.Gw = found[0].LinkIndex, found[0].Gw
	if k.Gw == nil {
		k.Gw = r.Hop.AsSlice()
	}
	return k, nil
}

// RenewRoutes leads the reverse routes by the ways that now lead to their hops,
// and installs anew those that went with a link. One without a way stays as it
// is.
func (h *Host) RenewRoutes() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.reverse) == 0 {
		return nil
	}
	there, err := h.mainRoutes()
	if err != nil {
		return err
	}
	return h.renewReverse(there)
}

// renewReverse does so where the kernel has these routes of ours.
func (h *Host) renewReverse(there []netlink.Route) error {
	has := make(map[string]bool, len(there))
	for _, k := range there {
		has[wayName(k)] = true
	}
	moved := make(map[ReverseRoute]netlink.Route)
	for r, was := range h.reverse {
		k, err := h.wayTo(r)
		if err == nil && (wayName(k) != wayName(was) || !has[wayName(k)]) {
			moved[r] = k
		}
	}
	for r := range moved {
		_ = h.withdraw(r)
	}
	var errs []error
	for r, k := range moved {
		if err := h.appendRoute(r, k); err != nil {
			h.reverse[r] = netlink.Route{} // for the next time
			errs = append(errs, fmt.Errorf("route to %v: %w", r.Prefix, err))
		}
	}
	return errors.Join(errs...)
}

// wayName is all that distinguishes a reverse route from another.
func wayName(k netlink.Route) string {
	return fmt.Sprint(k.Dst, k.Gw, k.LinkIndex, k.Priority)
}
