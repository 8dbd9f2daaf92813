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

// SetStaticRoutes makes these, and the reverse routes, the routes of the main
// table under RouteProtocol: it adds those that are missing, also because the
// kernel has dropped them with an interface, and removes all others. One that
// cannot be installed is an error, and keeps no other from it. Routes that others
// made are not touched; one of them in the place of ours is an error too.
func (h *Host) SetStaticRoutes(routes []StaticRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	there, err := h.mainRoutes()
	if err != nil {
		return err
	}
	var errs []error
	h.static = make([]netlink.Route, 0, len(routes))
	for _, r := range routes {
		k, err := h.kernelRoute(r)
		if err != nil {
			errs = append(errs, fmt.Errorf("route to %v: %w", r.Prefix, err))
			continue
		}
		h.static = append(h.static, k)
	}
	there = slices.DeleteFunc(there, func(old netlink.Route) bool {
		if h.isStatic(old) || h.ways[wayName(old)] > 0 {
			return false
		}
		if err := h.netlink.RouteDel(&old); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove route to %v: %w", old.Dst, err))
		}
		return true
	})
	for _, w := range h.static {
		if slices.ContainsFunc(there, func(old netlink.Route) bool { return sameRoute(w, old) }) {
			continue
		}
		// Reverse routes make way for it, and come back behind it.
		there = slices.DeleteFunc(there, func(old netlink.Route) bool {
			return samePlace(old, w) && !h.isStatic(old) && h.netlink.RouteDel(&old) == nil
		})
		if err := h.netlink.RouteAdd(&w); err != nil {
			errs = append(errs, fmt.Errorf("add route to %v: %w", w.Dst, err))
		}
	}
	return errors.Join(append(errs, h.renewReverse(there))...)
}

// mainRoutes lists ours.
func (h *Host) mainRoutes() ([]netlink.Route, error) {
	filter := &netlink.Route{Protocol: RouteProtocol, Table: unix.RT_TABLE_MAIN}
	there, err := h.netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return there, nil
}

// sameRoute says whether the kernel has a route that was asked for. It finds the
// interface of a next hop by itself.
func sameRoute(want, there netlink.Route) bool {
	return want.Gw.Equal(there.Gw) && (want.LinkIndex == 0 || want.LinkIndex == there.LinkIndex) && samePlace(want, there)
}

// samePlace says whether one route would be refused for the other.
func samePlace(a, b netlink.Route) bool {
	return a.Priority == b.Priority && destination(a) == destination(b)
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
