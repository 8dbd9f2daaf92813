package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// hostInstance is an instance of an open line that the kernel knows.
type hostInstance struct {
	group  *group
	lo, hi [4]byte // its peer's network
}

func (x hostInstance) remote() ipsec.Range {
	return ipsec.Range{Lo: netip.AddrFrom4(x.lo), Hi: netip.AddrFrom4(x.hi)}
}

func isOpen(entries []ipsec.PolicyEntry, tag uint32) bool {
	return slices.ContainsFunc(entries, func(e ipsec.PolicyEntry) bool { return e.Open && e.Tag == tag })
}

// AddInstance makes the kernel protect what an instance of a dynamic line of the
// policy in force covers. What a line that is not open covers it protects
// already. It is blocked in clear before it is routed into the device.
func (h *Host) AddInstance(tun string, template uint32, e ipsec.PolicyEntry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !isOpen(h.policy, template) {
		return nil
	}
	if !e.Selector.Valid() || !e.Selector.LocalNet.Lo.Is4() {
		return fmt.Errorf("instance %d: %v is not IPv4", e.Tag, e.Selector)
	}
	g, err := h.groupFor(keyOfGroup(template, e.Selector))
	if err != nil {
		return err
	}
	changed := g.add(e.Selector.RemoteNet)
	if err = h.guardGroup(tun, g, changed); err == nil {
		err = h.routeGroup(tun, g, changed)
	}
	if err != nil {
		return errors.Join(err, h.shrinkGroup(tun, g, g.remove(e.Selector.RemoteNet)))
	}
	h.instances[e.Tag] = hostInstance{g, e.Selector.RemoteNet.Lo.As4(), e.Selector.RemoteNet.Hi.As4()}
	return nil
}

// RemoveInstance takes one back; it is no error that there is none.
func (h *Host) RemoveInstance(tun string, tag uint32) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	x, ok := h.instances[tag]
	if !ok {
		return nil
	}
	delete(h.instances, tag)
	return h.shrinkGroup(tun, x.group, x.group.remove(x.remote()))
}

func (h *Host) shrinkGroup(tun string, g *group, changed []netip.Prefix) error {
	err := errors.Join(h.routeGroup(tun, g, changed), h.guardGroup(tun, g, changed))
	if g.members == 0 {
		delete(h.groups, g.key)
	}
	return err
}

// groupFor returns the group of a key, made if need be.
func (h *Host) groupFor(key groupKey) (*group, error) {
	if g := h.groups[key]; g != nil {
		return g, nil
	}
	if len(h.groups) >= maxGroups {
		return nil, errTooManyGroups
	}
	used := make([]bool, maxGroups)
	for _, g := range h.groups {
		used[g.id] = true
	}
	g := newGroup(key, slices.Index(used, false))
	var err error
	if g.source, err = h.sourceIn(key.local); err != nil {
		return nil, err
	}
	h.groups[key] = g
	return g, nil
}

// sortedGroups lists the groups of the open lines of a policy that have
// instances.
func (h *Host) sortedGroups(entries []ipsec.PolicyEntry) (list []*group) {
	for key, g := range h.groups {
		if g.members > 0 && isOpen(entries, key.template) {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *group) int { return a.id - b.id })
	return list
}

// dropGroups forgets those whose line the policy in force has no more. Their
// rules have gone with those of the old policy: a route that stays is looked up
// by nobody.
func (h *Host) dropGroups() {
	for key, g := range h.groups {
		if !isOpen(h.policy, key.template) {
			delete(h.groups, key)
			_ = h.removeRoutes(func(table int) bool { return table == g.table() })
		}
	}
	for tag, x := range h.instances {
		if h.groups[x.group.key] != x.group {
			delete(h.instances, tag)
		}
	}
}

func (h *Host) forgetGroups() {
	h.places = nil
	clear(h.groups)
	clear(h.instances)
}

// guardGroup brings the guard in accord with a group whose prefixes have changed.
// Where somebody has changed the guard's table, it is made anew.
func (h *Host) guardGroup(tun string, g *group, changed []netip.Prefix) error {
	joins := g.hasPorts() && g.blocks() == (g.members == 0) // fragments, or no more
	if !joins && h.guard.changeGroup(tun, g, changed) == nil {
		return nil
	}
	g.forgetBlocked()
	return h.setGuard(tun, h.policy)
}

func (h *Host) setGuard(tun string, entries []ipsec.PolicyEntry) error {
	return h.guard.set(tun, entries, h.sortedGroups(entries), shape{h.clamps, h.clients, h.kernel})
}

// routeGroup brings routing tables and rules in accord with a group whose prefixes
// have changed. The device is looked for again only where it is not what it was.
func (h *Host) routeGroup(tun string, g *group, changed []netip.Prefix) error {
	if h.unled {
		return nil
	}
	if h.device.name == tun {
		if err := h.routeInto(h.device.index, g, changed); !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	link, err := h.netlink.LinkByName(tun)
	if err != nil {
		return fmt.Errorf("device %s: %w", tun, err)
	}
	h.device = hostDevice{tun, link.Attrs().Index}
	return h.routeInto(h.device.index, g, changed)
}

func (h *Host) routeInto(device int, g *group, changed []netip.Prefix) error {
	for _, p := range changed {
		x := g.peers[keyOfPrefix(p)]
		if x.instances == 0 || x.routed {
			continue
		}
		if err := h.addGroupRoute(device, g, p); err != nil {
			return err
		}
		x.routed = true
		g.note(p, x)
	}
	var errs []error
	switch {
	case !g.ruled && g.members > 0:
		if err := h.addGroupRules(g, h.places[g.key.template]); err != nil {
			return err
		}
		g.ruled = true
	case g.ruled && g.members == 0:
		g.ruled = false
		errs = append(errs, h.removeGroupRules(g))
	}
	for _, p := range changed {
		x := g.peers[keyOfPrefix(p)]
		if x.instances > 0 || !x.routed {
			continue
		}
		x.routed = false
		g.note(p, x)
		r := tunRoute(device, g.table(), p)
		if err := h.netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove route to %v: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

func (h *Host) addGroupRoute(device int, g *group, p netip.Prefix) error {
	r := tunRoute(device, g.table(), p)
	if g.source.IsValid() {
		r.Src = g.source.AsSlice()
	}
	if err := h.netlink.RouteReplace(&r); err != nil {
		return fmt.Errorf("route to %v: %w", p, err)
	}
	return nil
}

// addGroupRules adds a group's rules at a place of the plan in force.
func (h *Host) addGroupRules(g *group, place int) error {
	for _, r := range groupRules(g, place) {
		if err := h.netlink.RuleAdd(&r); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add rule %d: %w", r.Priority, err)
		}
	}
	return nil
}

func (h *Host) removeGroupRules(g *group) error {
	var errs []error
	for _, r := range groupRules(g, h.places[g.key.template]) {
		if err := h.netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("remove rule %d: %w", r.Priority, err))
		}
	}
	return errors.Join(errs...)
}

// renewGroups makes all routes and rules of the groups for a plan that is about
// to come into force, and where the device or the host's addresses may have
// changed.
func (h *Host) renewGroups(link netlink.Link, entries []ipsec.PolicyEntry, places map[uint32]int) error {
	h.device = hostDevice{link.Attrs().Name, link.Attrs().Index}
	for _, g := range h.sortedGroups(entries) {
		var err error
		if g.source, err = h.sourceIn(g.key.local); err != nil {
			return err
		}
		for _, p := range g.all() {
			if err := h.addGroupRoute(h.device.index, g, p); err != nil {
				return err
			}
			x := g.peers[keyOfPrefix(p)]
			x.routed = true
			g.note(p, x)
		}
		if err := h.addGroupRules(g, places[g.key.template]); err != nil {
			return err
		}
		g.ruled = true
	}
	return nil
}

// sourceIn finds an address of this host in a network, invalid for none.
func (h *Host) sourceIn(network ipsec.Range) (netip.Addr, error) {
	addrs, err := h.netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list addresses: %w", err)
	}
	return firstIn(addrs, network), nil
}

func firstIn(addrs []netlink.Addr, network ipsec.Range) netip.Addr {
	for _, a := range addrs {
		if addr, ok := netip.AddrFromSlice(a.IP.To4()); ok && network.Contains(addr) && !addr.IsLoopback() {
			return addr
		}
	}
	return netip.Addr{}
}

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// groupRules send what leaves by a group into its table, and likewise packets of
// this host's own that have no source address yet.
func groupRules(g *group, place int) (rules []netlink.Rule) {
	one := func(p ipsec.PortRange) *netlink.RulePortRange {
		if p.Any() {
			return nil
		}
		return netlink.NewRulePortRange(p.Lo, p.Hi)
	}
	add := func(r netlink.Rule) {
		r.Dport = one(g.key.remotePort)
		r.Family, r.Protocol, r.Priority, r.Table = netlink.FAMILY_V4, RouteProtocol, place, g.table()
		rules = append(rules, r)
	}
	for _, from := range g.key.local.Prefixes() {
		r := match(from, allAddresses, g.key.protocol)
		r.Sport = one(g.key.localPort)
		add(r)
	}
	if g.source.IsValid() && !g.key.local.Contains(netip.IPv4Unspecified()) {
		r := match(netip.PrefixFrom(netip.IPv4Unspecified(), 32), allAddresses, g.key.protocol)
		r.IifName = "lo"
		add(r)
	}
	return rules
}

var allAddresses = netip.MustParsePrefix("0.0.0.0/0")
