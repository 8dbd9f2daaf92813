package dataplane

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// StaticRoute is a route of the configuration (`ip route`). One of NextHop and
// Interface, a Linux name, may be absent. Metric 0 is the kernel's default.
type StaticRoute struct {
	Prefix    netip.Prefix
	NextHop   netip.Addr
	Interface string
	Metric    int
}

// SetStaticRoutes makes these the routes of the main table under RouteProtocol:
// it adds those that are missing, also because the kernel has dropped them with
// an interface, and removes all others. One that cannot be installed is an error,
// and keeps no other from it. Routes that others made are not touched; one of
// them in the place of ours is an error too.
func (h *Host) SetStaticRoutes(routes []StaticRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	filter := &netlink.Route{Protocol: RouteProtocol, Table: unix.RT_TABLE_MAIN}
	there, err := h.netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	var errs []error
	want := make([]netlink.Route, 0, len(routes))
	for _, r := range routes {
		k, err := h.kernelRoute(r)
		if err != nil {
			errs = append(errs, fmt.Errorf("route to %v: %w", r.Prefix, err))
			continue
		}
		want = append(want, k)
	}
	for _, old := range there {
		if slices.ContainsFunc(want, func(w netlink.Route) bool { return sameRoute(w, old) }) {
			continue
		}
		if err := h.netlink.RouteDel(&old); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove route to %v: %w", old.Dst, err))
		}
	}
	for _, w := range want {
		if slices.ContainsFunc(there, func(old netlink.Route) bool { return sameRoute(w, old) }) {
			continue
		}
		if err := h.netlink.RouteAdd(&w); err != nil {
			errs = append(errs, fmt.Errorf("add route to %v: %w", w.Dst, err))
		}
	}
	return errors.Join(errs...)
}

// sameRoute says whether the kernel has a route that was asked for. It finds the
// interface of a next hop by itself.
func sameRoute(want, there netlink.Route) bool {
	return destination(want) == destination(there) && want.Gw.Equal(there.Gw) && want.Priority == there.Priority &&
		(want.LinkIndex == 0 || want.LinkIndex == there.LinkIndex)
}

// destination is a route's prefix; some kernels' default route has none.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "0.0.0.0/0"
	}
	return r.Dst.String()
}

func (h *Host) kernelRoute(r StaticRoute) (netlink.Route, error) {
	k := netlink.Route{Dst: ipNet(r.Prefix.Masked()), Table: unix.RT_TABLE_MAIN, Protocol: RouteProtocol, Priority: r.Metric}
	if r.NextHop.IsValid() {
		k.Gw = r.NextHop.AsSlice()
	} else {
		k.Scope = netlink.SCOPE_LINK
	}
	if r.Interface == "" {
		return k, nil
	}
	link, err := h.netlink.LinkByName(r.Interface)
	if err != nil {
		return k, err
	}
	k.LinkIndex = link.Attrs().Index
	return k, nil
}

func sortedKeys[V any](m map[int]V) []int { return slices.Sorted(maps.Keys(m)) }
