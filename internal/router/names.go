package router

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
)

// When names are looked up. DNS tells how long an answer holds, but the resolver
// of the host, which obeys that, does not hand it on.
const (
	// fresh is how old an answer may be when a negotiation begins.
	fresh = time.Minute
	// refresh is when an answer that nobody asks for is looked at again.
	refresh = 5 * time.Minute
	// askInterval is the least time between two lookups of a name.
	askInterval = 5 * time.Second
	// distrustInterval is it where somebody who has proven nothing is the cause.
	distrustInterval = 15 * time.Second
	// lookupLost is when a lookup without an answer is given up.
	lookupLost = 30 * time.Second
	// maxAddresses are taken of an answer.
	maxAddresses = 8
)

// Lookup is a question to DNS: the IPv4 addresses of a name. The answer goes to
// Resolved, in any order and also when it failed.
type Lookup struct {
	Name    string
	Servers []netip.Addr // to ask, one after the other; none: the host's own
}

// Resolution is what became of a lookup.
type Resolution struct {
	Name  string // of the Lookup
	Addrs []netip.Addr
	// Unknown says that the name does not exist, or has no IPv4 address.
	Unknown bool
	// Problem is why no answer came otherwise; "" for none.
	Problem string
}

// names are the host names of a configuration and what is known of them. It asks
// nobody: due and demand say what is to be looked up.
type names struct {
	cfg    *config.Config
	byName map[string]*hostName // by key
}

// hostName is one of them.
type hostName struct {
	name     string // as the configuration writes it
	query    string // as DNS is asked
	static   bool   // by `ip host`
	addrs    []netip.Addr
	answered time.Time // last well; zero for never
	asked    time.Time // last
	open     bool      // a lookup is under way
	suspect  bool      // its peer was given up since
	due      time.Time // of the next lookup
	failures int       // in a row
	problem  string    // of the last answer
}

// key is the same for a name with and without the domain, in any case.
func key(c *config.Config, name string) string { return strings.ToLower(c.QualifiedName(name)) }

// newNames takes over what before knows of the names of a configuration; before
// may be nil. It does not change before.
func newNames(c *config.Config, before *names) *names {
	n := &names{c, make(map[string]*hostName)}
	for _, name := range hostNames(c) {
		if n.byName[key(c, name)] != nil {
			continue
		}
		h := &hostName{name: name, query: c.QualifiedName(name)}
		static := cmp.Or(c.Host(name), c.Host(h.query))
		switch old := before.known(h); {
		case static != nil:
			h.static, h.addrs = true, static.Addrs
		case old != nil && !c.NoLookup:
			kept := *old
			h = &kept
			if !slices.Equal(before.cfg.NameServers, c.NameServers) {
				h.open, h.due = false, time.Time{}
			}
		}
		n.byName[key(c, name)] = h
	}
	return n
}

// known is what DNS has told of a name before; nil for nothing.
func (n *names) known(h *hostName) *hostName {
	if n == nil {
		return nil
	}
	if old := n.byName[strings.ToLower(h.query)]; old != nil && !old.static {
		return old
	}
	return nil
}

// hostNames are those of peers of crypto maps that are applied, of ISAKMP peers and of
// keys.
func hostNames(c *config.Config) (all []string) {
	for _, i := range c.Interfaces {
		if v := c.OutsideOf(i); v != nil && !i.Shutdown && c.ISAKMP.Enabled {
			for _, p := range v.Peers {
				all = append(all, p.Host)
			}
		}
		m := c.CryptoMap(i.CryptoMap)
		if m == nil || i.Shutdown || !c.ISAKMP.Enabled {
			continue
		}
		for _, e := range m.Entries {
			all = append(all, peerHosts(e)...)
		}
		for _, k := range c.ISAKMP.Keys {
			all = append(all, k.Hostname)
		}
		for _, p := range c.ISAKMP.Peers {
			all = append(all, p.Host)
		}
		for _, ring := range c.Keyrings {
			for _, k := range ring.Keys {
				all = append(all, k.Hostname)
			}
		}
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// peerHosts are the names of an entry's peers, and of those of its templates.
func peerHosts(e *config.CryptoMapEntry) (all []string) {
	for _, p := range e.Peers {
		all = append(all, p.Host)
	}
	if e.Templates != nil {
		for _, t := range e.Templates.Entries {
			all = append(all, peerHosts(t)...)
		}
	}
	return all
}

// addresses are those of a name, in the order of use. A nil n knows none.
func (n *names) addresses(name string) []netip.Addr {
	if n == nil {
		return nil
	}
	if h := n.byName[key(n.cfg, name)]; h != nil {
		return h.addrs
	}
	return nil
}

// peers puts the addresses of names in their places, and returns the preferred
// peer too.
func (n *names) peers(list []config.Peer) (all []netip.Addr, preferred netip.Addr) {
	for _, p := range list {
		addrs := []netip.Addr{p.Addr}
		if p.Host != "" {
			addrs = n.addresses(p.Host)
		}
		for i, a := range addrs {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
			if p.Default && i == 0 {
				preferred = a
			}
		}
	}
	return all, preferred
}

// sorted are the names that DNS is asked for, in a fixed order.
func (n *names) sorted() (all []*hostName) {
	for _, k := range slices.Sorted(maps.Keys(n.byName)) {
		if h := n.byName[k]; !h.static && !n.cfg.NoLookup {
			all = append(all, h)
		}
	}
	return all
}

// ask notes that a name is looked up.
func (n *names) ask(h *hostName, now time.Time) Lookup {
	h.asked, h.open = now, true
	return Lookup{h.query, n.cfg.NameServers}
}

// pending says whether an answer is to be waited for.
func (h *hostName) pending(now time.Time) bool { return h.open && now.Sub(h.asked) < lookupLost }

// next is when a name is looked up again.
func (h *hostName) next() time.Time {
	if h.open {
		return h.asked.Add(lookupLost)
	}
	return h.due
}

// deadline is when the next name is due.
func (n *names) deadline() (at time.Time, ok bool) {
	for _, h := range n.sorted() {
		if next := h.next(); !ok || next.Before(at) {
			at, ok = next, true
		}
	}
	return at, ok
}

// due are the lookups whose time has come.
func (n *names) due(now time.Time) (all []Lookup) {
	for _, h := range n.sorted() {
		if !h.next().After(now) {
			all = append(all, n.ask(h, now))
		}
	}
	return all
}

// demand is what is to be looked up before a negotiation with these peers.
func (n *names) demand(list []config.Peer, now time.Time) (all []Lookup) {
	for _, p := range list {
		h := n.byName[key(n.cfg, p.Host)]
		if p.Host == "" || h == nil || h.static || n.cfg.NoLookup {
			continue
		}
		old := h.suspect || h.answered.IsZero() || now.Sub(h.answered) > fresh
		if old && !h.pending(now) && now.Sub(h.asked) >= askInterval {
			all = append(all, n.ask(h, now))
		}
	}
	return all
}

// waits says whether an answer about one of these peers is to be waited for.
func (n *names) waits(list []config.Peer, now time.Time) bool {
	return slices.ContainsFunc(list, func(p config.Peer) bool {
		h := n.byName[key(n.cfg, p.Host)]
		return p.Host != "" && h != nil && h.pending(now)
	})
}

// suspect has the names with an address looked up soon: its peer was given up.
func (n *names) suspect(a netip.Addr, now time.Time) {
	for _, h := range n.sorted() {
		if slices.Contains(h.addrs, a) {
			h.suspect = true
			h.hasten(now, askInterval)
		}
	}
}

// suspectAll has all names looked up soon: somebody has come who is none of them,
// and may be.
func (n *names) suspectAll(now time.Time) {
	for _, h := range n.sorted() {
		h.hasten(now, distrustInterval)
	}
}

func (h *hostName) hasten(now time.Time, interval time.Duration) {
	soon := now
	if at := h.asked.Add(interval); at.After(now) {
		soon = at
	}
	if soon.Before(h.due) {
		h.due = soon
	}
}

// answer takes what became of a lookup. It returns the name, nil where nobody
// has asked, and whether its addresses are others now.
func (n *names) answer(x Resolution, now time.Time) (h *hostName, changed bool) {
	h = n.byName[strings.ToLower(x.Name)]
	if h == nil || !h.open || h.static {
		return nil, false
	}
	h.open = false
	addrs := usable(x.Addrs, h.addrs)
	if x.Problem != "" || x.Unknown || len(addrs) == 0 {
		h.failures++
		h.due = now.Add(backoff(h.failures))
		h.problem = x.Problem
		if x.Problem != "" {
			return h, false // rather an old address than none
		}
		h.problem = "there is no such name"
		changed = len(h.addrs) > 0
		h.addrs = nil
		return h, changed
	}
	h.failures, h.problem, h.suspect, h.answered, h.due = 0, "", false, now, now.Add(refresh)
	changed = !slices.Equal(addrs, h.addrs)
	h.addrs = addrs
	return h, changed
}

// backoff is the time to the next lookup after some in a row that failed.
func backoff(failures int) time.Duration {
	return min(askInterval<<min(failures-1, 10), refresh)
}

// usable are the addresses of an answer that can be a peer's, those that were
// there before first: an answer in another order moves nobody.
func usable(answer, before []netip.Addr) (all []netip.Addr) {
	for _, a := range before {
		if slices.Contains(answer, a) {
			all = append(all, a)
		}
	}
	for _, a := range answer {
		if a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && !slices.Contains(all, a) && len(all) < maxAddresses {
			all = append(all, a)
		}
	}
	return all
}

// list is what the console shows.
func (n *names) list() (all []console.HostName) {
	for _, k := range slices.Sorted(maps.Keys(n.byName)) {
		h := n.byName[k]
		all = append(all, console.HostName{Name: h.name, Addresses: slices.Clone(h.addrs), Static: h.static, Answered: h.answered, Problem: h.problem})
	}
	return all
}
