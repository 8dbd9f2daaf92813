package dataplane

import (
	"errors"
	"fmt"
	"net/netip"

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

// AddRoute installs a reverse route in the main table under RouteProtocol. A
// route of somebody else's in its place stays, and is an error.
func (h *Host) AddRoute(r ReverseRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, err := h.wayTo(r)
	if err != nil {
		return err
	}
	if err := h.netlink.RouteAdd(&k); err != nil {
		return fmt.Errorf("add route to %v: %w", r.Prefix, err)
	}
	h.reverse[r] = k
	return nil
}

// RemoveRoute takes one back; it is no error that there is none.
func (h *Host) RemoveRoute(r ReverseRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.reverse[r]
	if !ok {
		return nil
	}
	delete(h.reverse, r)
	if err := h.netlink.RouteDel(&k); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("remove route to %v: %w", r.Prefix, err)
	}
	return nil
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
	filter := &netlink.Route{Protocol: RouteProtocol, Table: unix.RT_TABLE_MAIN}
	list, err := h.netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	there := make(map[string]bool, len(list))
	for _, k := range list {
		there[wayName(k)] = true
	}
	var errs []error
	for r := range h.reverse {
		k, err := h.wayTo(r)
		if err != nil || there[wayName(k)] {
			continue
		}
		if err := h.netlink.RouteReplace(&k); err != nil {
			errs = append(errs, fmt.Errorf("route to %v: %w", r.Prefix, err))
			continue
		}
		h.reverse[r] = k
	}
	return errors.Join(errs...)
}

// wayName is all that distinguishes a reverse route from another.
func wayName(k netlink.Route) string {
	return fmt.Sprint(k.Dst, k.Gw, k.LinkIndex, k.Priority)
}
