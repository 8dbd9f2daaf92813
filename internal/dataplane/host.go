package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// What the package puts into the kernel bears these numbers.
const (
	// RouteProtocol marks our routes and rules (`ip route show proto 171`).
	RouteProtocol = 171
	// RouteTable sends what it is looked up for into the TUN device.
	RouteTable = 1701
	// SourceTable does so too, and picks the source address of the gateway's
	// own packets that have none yet.
	SourceTable = 1702
	// Mark is on the gateway's own ESP and IKE packets (SO_MARK), which pass
	// all rules by.
	Mark = 0x1701
	// The rules of a policy have priorities from one of two banks, so that a
	// new policy's stand before the old one's are removed.
	rulePriorityA = 10000
	rulePriorityB = 20000
	rulesPerBank  = 10000
)

// Host puts routes, rules and the table GuardTable into the kernel of the
// network namespace that it was made in, and removes them again: routes and
// rules when it is closed, the table only by Release. Its methods may be called
// from any goroutine.
type Host struct {
	mu      sync.Mutex
	netlink *netlink.Handle
	guard   *guard
	clamps  []MSSClamp
	clients []ClientNetwork
	policy  []ipsec.PolicyEntry // of the rules in force
	bank    int                 // priority of the rules in force, 0 if there are none
	sources []netlink.Route     // those of SourceTable

	// kernel says that ESP is the kernel's, and unled that rules lead into a device only
	// what is a client's: its policies find what is protected on its way out.
	kernel, unled bool

	device    hostDevice     // that groups are routed into, as far as it is known
	mtus      map[int]int    // of devices, by index, until LinksChanged
	places    map[uint32]int // of the open lines in the rules in force
	groups    map[groupKey]*group
	instances map[uint32]hostInstance // by tag
	static    []netlink.Route         // of the configuration
	reverse   map[ReverseRoute]netlink.Route
	ways      map[string]int // how many reverse routes are the same to the kernel, by wayName
}

// hostDevice is a network device, which another may follow under its name.
type hostDevice struct {
	name  string
	index int
}

// OpenHost makes a Host in the calling thread's network namespace and removes
// what an earlier run has left behind, but for GuardTable: that stays in force
// until SetRules replaces it.
func OpenHost() (*Host, error) {
	h, err := openLinks()
	if err != nil {
		return nil, err
	}
	host := newHost(h)
	if host.guard, err = openGuard(); err != nil {
		h.Close()
		return nil, err
	}
	if err := host.Cleanup(); err != nil {
		h.Close()
		return nil, errors.Join(err, host.guard.close())
	}
	return host, nil
}

func newHost(link *netlink.Handle) *Host {
	return &Host{netlink: link, mtus: make(map[int]int), groups: make(map[groupKey]*group), instances: make(map[uint32]hostInstance),
		reverse: make(map[ReverseRoute]netlink.Route), ways: make(map[string]int)}
}

// leaveToKernel is for a Host where the kernel does ESP, to be called first. led says
// that packets are led into a device all the same.
func (h *Host) leaveToKernel(led bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kernel, h.unled = true, !led
}

func openLinks() (*netlink.Handle, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return h, nil
}

// Release takes GuardTable down: what the policy protected may pass in clear
// from now on. Routes and rules are Cleanup's.
func (h *Host) Release() error { return h.guard.remove() }

// GuardCounters reads what GuardTable has dropped. It fails with ErrNoGuard
// where somebody else has removed the table.
func (h *Host) GuardCounters() (GuardCounters, error) {
	h.guard.mu.Lock()
	defer h.guard.mu.Unlock()
	return h.guard.counters()
}

// Cleanup removes every rule and route with RouteProtocol.
func (h *Host) Cleanup() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bank, h.sources, h.policy, h.static = 0, nil, nil, nil
	h.forgetGroups()
	clear(h.reverse)
	clear(h.ways)
	return errors.Join(h.removeRules(0, 1<<31-1), h.removeRoutes(func(int) bool { return true }))
}

// RemovePolicy removes the rules and the routes into the TUN device, and
// leaves the static routes.
func (h *Host) RemovePolicy() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policy = nil
	h.forgetGroups()
	return errors.Join(h.leadNothing(), h.guard.dropShape())
}

// leadNothing removes all rules, and the routes that they look up.
func (h *Host) leadNothing() error {
	h.bank, h.sources = 0, nil
	ours := func(table int) bool {
		return table == RouteTable || table == SourceTable || table >= GroupTable && table < GroupTable+maxGroups
	}
	return errors.Join(h.removeRules(0, 1<<31-1), h.removeRoutes(ours))
}

// Close removes all but GuardTable and closes the sockets.
func (h *Host) Close() error {
	err := h.Cleanup()
	h.netlink.Close()
	return errors.Join(err, h.guard.close())
}

// removeRules removes our rules with priorities from lo up to, without, hi.
func (h *Host) removeRules(lo, hi int) error {
	rules, err := h.netlink.RuleList(netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	for _, selecting := range []bool{true, false} {
		for _, r := range rules {
			if r.Protocol != RouteProtocol || r.Priority < lo || r.Priority >= hi || selects(&r) != selecting {
				continue
			}
			if err := h.netlink.RuleDel(&r); err != nil {
				return fmt.Errorf("remove rule %d: %w", r.Priority, err)
			}
		}
	}
	return nil
}

// selects says whether a rule leads into the TUN device. Those that lead past
// such rules come before them and go after them: else, in between, packets that
// came out of the device would be led into it again, and dropped.
func selects(r *netlink.Rule) bool { return r.Goto <= 0 && r.Type != nl.FR_ACT_NOP }

func (h *Host) removeRoutes(from func(table int) bool) error {
	filter := &netlink.Route{Protocol: RouteProtocol, Table: unix.RT_TABLE_UNSPEC}
	routes, err := h.netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if !from(r.Table) {
			continue
		}
		if err := h.netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("remove route to %v: %w", r.Dst, err)
		}
	}
	return nil
}

// SetRules puts the policy's rules in force, GuardTable's first. New rules
// stand before the old ones go, and are added from the last to the first: at
// every moment a packet meets the old rule for it, the new one, or a later one
// that is stricter.
func (h *Host) SetRules(tun string, entries []ipsec.PolicyEntry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.setGuard(tun, entries); err != nil {
		return err
	}
	if !h.leads() {
		h.policy = entries
		h.dropGroups()
		if h.bank == 0 {
			return nil
		}
		return h.leadNothing()
	}
	if err := h.setRules(tun, entries); err != nil {
		if h.bank == 0 {
			return err // nothing was in force: the guard keeps closed what was to be protected
		}
		return errors.Join(err, h.setGuard(tun, h.policy))
	}
	h.policy = entries
	h.dropGroups()
	return nil
}

// SetMSSClamps replaces the clamps. They hold from the next SetRules on, and
// at once where rules are in force.
func (h *Host) SetMSSClamps(tun string, clamps []MSSClamp) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clamps = clamps
	if h.bank == 0 && !h.unled {
		return nil
	}
	return h.setGuard(tun, h.policy)
}

// Renew brings the TUN device up and puts the policy in force again, after the
// device or addresses of the host have changed.
func (h *Host) Renew(tun string) error {
	if err := h.raise(tun); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.setAddresses(tun); err != nil {
		return err
	}
	if h.bank == 0 {
		return nil
	}
	return h.setRules(tun, h.policy)
}

// raise sets the device up, with the routes that lead into it.
func (h *Host) raise(device string) error {
	h.mu.Lock()
	leads := h.leads()
	h.mu.Unlock()
	if leads {
		return h.AddTUNRoutes(device)
	}
	link, err := h.netlink.LinkByName(device)
	if err == nil {
		err = h.netlink.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("device %s up: %w", device, err)
	}
	return nil
}

// SetMTU sets the MTU of a device, in octets of an IP packet.
func (h *Host) SetMTU(name string, mtu int) error {
	link, err := h.netlink.LinkByName(name)
	if err == nil {
		err = h.netlink.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return fmt.Errorf("MTU of %s: %w", name, err)
	}
	return nil
}

// setQueue sets how many packets wait for the reader of a TUN device before the kernel
// drops more.
func (h *Host) setQueue(device string, packets int) error {
	link, err := h.netlink.LinkByName(device)
	if err == nil {
		err = h.netlink.LinkSetTxQLen(link, packets)
	}
	if err != nil {
		return fmt.Errorf("queue of %s: %w", device, err)
	}
	return nil
}

// isUp says whether a device is set up now.
func (h *Host) isUp(name string) (bool, error) {
	link, err := h.netlink.LinkByName(name)
	if err != nil {
		return false, err
	}
	return link.Attrs().Flags&net.FlagUp != 0, nil
}

// isGone says whether an error means that the device is not there.
func isGone(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.As(err, &notFound) || errors.Is(err, unix.ENODEV)
}

func (h *Host) setRules(tun string, entries []ipsec.PolicyEntry) error {
	bank := rulePriorityA
	if h.bank == rulePriorityA {
		bank = rulePriorityB
	}
	led := h.ledEntries(entries)
	sources, err := h.localSources(led)
	if err != nil {
		return err
	}
	rules, places, err := planRules(bank, tun, led, sources, h.clients)
	if err != nil {
		return err
	}
	link, err := h.netlink.LinkByName(tun)
	if err != nil {
		return fmt.Errorf("device %s: %w", tun, err)
	}
	routes := sourceRoutes(link.Attrs().Index, sources)
	if err = h.addRules(rules, routes); err == nil {
		err = h.renewGroups(link, entries, places)
	}
	if err != nil {
		return errors.Join(err, h.removeRules(bank, bank+rulesPerBank), h.keepSources(h.sources))
	}
	old := h.bank
	h.bank, h.sources, h.places = bank, routes, places
	if old != 0 {
		err = h.removeRules(old, old+rulesPerBank)
	}
	return errors.Join(err, h.keepSources(routes))
}

func (h *Host) addRules(rules []netlink.Rule, sources []netlink.Route) error {
	for i := range sources {
		if err := h.netlink.RouteReplace(&sources[i]); err != nil {
			return fmt.Errorf("route to %v from %v: %w", sources[i].Dst, sources[i].Src, err)
		}
	}
	for _, selecting := range []bool{false, true} {
		for i := len(rules) - 1; i >= 0; i-- {
			if selects(&rules[i]) != selecting {
				continue
			}
			if err := h.netlink.RuleAdd(&rules[i]); err != nil {
				return fmt.Errorf("add rule %d: %w", rules[i].Priority, err)
			}
		}
	}
	return nil
}

// sourceRoute is the address that the gateway's own packets to a protected
// network should have.
type sourceRoute struct {
	remote ipsec.Range
	source netip.Addr
}

// localSources finds, for each permit entry by its index, an address of this
// host in the entry's local network.
func (h *Host) localSources(entries []ipsec.PolicyEntry) (map[int]sourceRoute, error) {
	addrs, err := h.netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	out := map[int]sourceRoute{}
	for i, e := range entries {
		if addr := firstIn(addrs, e.Selector.LocalNet); e.Permit && !e.Open && addr.IsValid() {
			out[i] = sourceRoute{e.Selector.RemoteNet, addr}
		}
	}
	return out, nil
}

// sourceRoutes are what SourceTable is to hold. The first entry with a remote
// network decides on its source.
func sourceRoutes(index int, sources map[int]sourceRoute) []netlink.Route {
	var out []netlink.Route
	done := map[netip.Prefix]bool{}
	for _, i := range sortedKeys(sources) {
		for _, p := range sources[i].remote.Prefixes() {
			if done[p] {
				continue
			}
			done[p] = true
			r := tunRoute(index, SourceTable, p)
			r.Src = sources[i].source.AsSlice()
			out = append(out, r)
		}
	}
	return out
}

// keepSources puts wanted into SourceTable and removes all else but the
// blackhole.
func (h *Host) keepSources(wanted []netlink.Route) error {
	filter := &netlink.Route{Table: SourceTable}
	routes, err := h.netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	var errs []error
	for _, r := range routes {
		same := func(w netlink.Route) bool { return w.Dst.String() == r.Dst.String() }
		if r.Type == unix.RTN_BLACKHOLE || slices.ContainsFunc(wanted, same) {
			continue
		}
		errs = append(errs, h.netlink.RouteDel(&r))
	}
	for i := range wanted {
		errs = append(errs, h.netlink.RouteReplace(&wanted[i]))
	}
	return errors.Join(errs...)
}

// AddTUNRoutes makes both tables lead into the device, and nowhere if the
// device goes away with a crash: rather no traffic than traffic in clear.
func (h *Host) AddTUNRoutes(tun string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	link, err := h.netlink.LinkByName(tun)
	if err != nil {
		return fmt.Errorf("device %s: %w", tun, err)
	}
	if err := h.netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("device %s up: %w", tun, err)
	}
	return h.leadInto(link)
}

// leadInto adds the routes of AddTUNRoutes.
func (h *Host) leadInto(link netlink.Link) error {
	everything := netip.MustParsePrefix("0.0.0.0/0")
	for _, table := range []int{RouteTable, SourceTable} {
		blackhole := tunRoute(0, table, everything)
		blackhole.Type, blackhole.Scope, blackhole.Priority = unix.RTN_BLACKHOLE, netlink.SCOPE_UNIVERSE, 1<<31-1
		if err := h.netlink.RouteReplace(&blackhole); err != nil {
			return fmt.Errorf("blackhole in table %d: %w", table, err)
		}
	}
	r := tunRoute(link.Attrs().Index, RouteTable, everything)
	if err := h.netlink.RouteReplace(&r); err != nil {
		return fmt.Errorf("route to %s: %w", link.Attrs().Name, err)
	}
	return nil
}

func tunRoute(index, table int, p netip.Prefix) netlink.Route {
	return netlink.Route{
		LinkIndex: index, Table: table, Protocol: RouteProtocol, Scope: netlink.SCOPE_LINK, Dst: ipNet(p),
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// RouteTo is the host's own route to an address, without the rules that lead
// into the TUN device; false where there is none.
func (h *Host) RouteTo(to netip.Addr) (r StaticRoute, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	routes, err := h.netlink.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{Mark: Mark})
	if err != nil || len(routes) == 0 {
		return r, false
	}
	r.NextHop, _ = netip.AddrFromSlice(routes[0].Gw.To4())
	if link, err := h.netlink.LinkByIndex(routes[0].LinkIndex); err == nil {
		r.Interface = link.Attrs().Name
	}
	return r, true
}

// RouteTo is the RouteTo of the calling thread's network namespace, for who has no
// Host.
func RouteTo(to netip.Addr) (r StaticRoute, ok bool) {
	link, err := openLinks()
	if err != nil {
		return r, false
	}
	defer link.Close()
	return newHost(link).RouteTo(to)
}

// PathMTU is the MTU of the route to an address, as far as the kernel knows it
// now, in octets of an IP packet.
func (h *Host) PathMTU(remote netip.Addr) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	routes, err := h.netlink.RouteGetWithOptions(remote.AsSlice(), &netlink.RouteGetOptions{Mark: Mark})
	if err != nil {
		return 0, fmt.Errorf("route to %v: %w", remote, err)
	}
	if len(routes) == 0 {
		return 0, fmt.Errorf("no route to %v", remote)
	}
	if routes[0].MTU > 0 {
		return routes[0].MTU, nil
	}
	if mtu, known := h.mtus[routes[0].LinkIndex]; known {
		return mtu, nil
	}
	link, err := h.netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return 0, fmt.Errorf("device of the route to %v: %w", remote, err)
	}
	h.mtus[routes[0].LinkIndex] = link.Attrs().MTU
	return link.Attrs().MTU, nil
}

// LinksChanged has PathMTU look at the host's devices anew.
func (h *Host) LinksChanged() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.mtus)
}
