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

// SetStaticRoutes installs the routes in the main table under RouteProtocol,
// and removes those of the last call that are not among them. Routes that
// others made are not touched; one of them in the place of ours is an error.
func (h *Host) SetStaticRoutes(routes []StaticRoute) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	want := make([]netlink.Route, 0, len(routes))
	for _, r := range routes {
		k, err := h.kernelRoute(r)
		if err != nil {
			return fmt.Errorf("route to %v: %w", r.Prefix, err)
		}
		want = append(want, k)
	}
	var errs []error
	for _, old := range h.routes {
		if !slices.ContainsFunc(want, old.Equal) {
			if err := h.netlink.RouteDel(&old); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, fmt.Errorf("remove route to %v: %w", old.Dst, err))
			}
		}
	}
	for _, r := range want {
		if slices.ContainsFunc(h.routes, r.Equal) {
			continue
		}
		if err := h.netlink.RouteAdd(&r); err != nil {
			errs = append(errs, fmt.Errorf("add route to %v: %w", r.Dst, err))
		}
	}
	h.routes = want
	return errors.Join(errs...)
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
