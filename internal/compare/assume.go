package compare

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/secret"
)

// assume fills what no file can say, so that the gateways can be held against
// each other and run: addresses that are learned, NATs, names, keys that are not
// in clear, routes that a protocol brings. Each is told.
func assume(all []*Gateway) error {
	for _, g := range all {
		g.unnumbered()
	}
	fresh := netip.MustParseAddr("198.18.0.1") // of RFC 2544: nobody has it
	for _, g := range all {
		for _, i := range g.endpoints() {
			if len(i.Addresses) == 0 && i.Learned != config.AddressStatic {
				g.learn(i, all, &fresh)
			}
		}
	}
	for _, g := range all {
		g.findNAT(all)
	}
	for _, g := range all {
		g.findUnnamedNAT(all, &fresh)
	}
	for _, g := range all {
		g.resolve(all)
	}
	for _, g := range all {
		g.unknownKeys(all)
		g.unknownRoutes()
	}
	for _, g := range all {
		if err := g.build(); err != nil {
			return fmt.Errorf("%s: %w", g.File.Name, err)
		}
	}
	for _, g := range all {
		g.face(all)
	}
	return nil
}

func (g *Gateway) suppose(lines []Quote, format string, args ...any) {
	g.Assumed = append(g.Assumed, Note{fmt.Sprintf(format, args...), lines})
}

// endpoints are the interfaces whose address a crypto map has.
func (g *Gateway) endpoints() (all []*config.Interface) {
	for _, i := range g.cfg.Interfaces {
		if g.cfg.IsEndpoint(i) {
			all = append(all, i)
		}
	}
	return all
}

// unnumbered gives interfaces the address that they borrow.
func (g *Gateway) unnumbered() {
	for _, i := range g.cfg.Interfaces {
		at := g.File.foreign.faces[i.Name]
		if at == nil || at.unnumbered == "" || len(i.Addresses) > 0 {
			continue
		}
		if from := g.cfg.Interface(at.unnumbered); from != nil && len(from.Addresses) > 0 {
			i.Addresses = []netip.Prefix{netip.PrefixFrom(from.Addresses[0].Addr(), 32)}
		}
	}
}

// statics calls f for each static entry's peers that are addresses.
func (g *Gateway) statics(f func(e *config.CryptoMapEntry, peer netip.Addr)) {
	for _, m := range g.cfg.CryptoMaps {
		for _, e := range m.Entries {
			for _, x := range e.Peers {
				if x.Addr.IsValid() {
					f(e, x.Addr)
				}
			}
		}
	}
}

// strangers are the addresses that others name as peers and that no gateway has,
// those for what the gateway protects first.
func (g *Gateway) strangers(all []*Gateway) (list []netip.Addr) {
	var likely, others []netip.Addr
	for _, o := range all {
		if o == g {
			continue
		}
		o.statics(func(e *config.CryptoMapEntry, peer netip.Addr) {
			switch {
			case anybodys(all, peer):
			case g.protects(e):
				likely = append(likely, peer)
			case len(all) == 2:
				others = append(others, peer)
			}
		})
	}
	return unique(append(likely, others...))
}

// protects says whether the gateway has a line that mirrors one of an entry's.
func (g *Gateway) protects(e *config.CryptoMapEntry) bool {
	if e.AccessList == nil {
		return false
	}
	for _, l := range g.cfg.AccessLists {
		for _, a := range l.Entries {
			for _, b := range e.AccessList.Entries {
				if a.Permit && b.Permit && a.Src == b.Dst && a.Dst == b.Src {
					return true
				}
			}
		}
	}
	return false
}

// learn gives an interface that learns its address one: what another end names,
// else one that nobody has.
func (g *Gateway) learn(i *config.Interface, all []*Gateway, fresh *netip.Addr) {
	line := []Quote{g.File.quote(g.File.source.Interface(i.Name, "learned"), "")}
	if list := g.strangers(all); len(list) > 0 {
		i.Addresses = []netip.Prefix{netip.PrefixFrom(list[0], 32)}
		g.suppose(line, "%s of %s learns %s, which another end names as its peer", i.Name, g.Name, list[0])
	} else {
		i.Addresses = []netip.Prefix{netip.PrefixFrom(*fresh, 32)}
		g.suppose(line, "%s of %s learns %s: the file cannot say", i.Name, g.Name, *fresh)
		*fresh = fresh.Next()
	}
	if !slices.ContainsFunc(g.cfg.Routes, func(r config.Route) bool { return r.Prefix.Bits() == 0 }) {
		g.cfg.Routes = append(g.cfg.Routes, config.Route{Prefix: everywhere, Interface: i.Name, Distance: 254})
		g.suppose(line, "%s of %s learns its default route too", i.Name, g.Name)
	}
}

var everywhere = netip.MustParsePrefix("0.0.0.0/0")

// hidden is the gateway's address where that is private and nobody names it.
func (g *Gateway) hidden(all []*Gateway) (local netip.Addr, ok bool) {
	for _, i := range g.endpoints() {
		if len(i.Addresses) > 0 && !local.IsValid() {
			local = i.Addresses[0].Addr()
		}
	}
	return local, local.IsValid() && private(local) && !namedBy(all, g, local)
}

// findNAT looks for a NAT in front: the gateway's address is private, and another
// end names a public one for it.
func (g *Gateway) findNAT(all []*Gateway) {
	local, ok := g.hidden(all)
	if !ok {
		return
	}
	for _, a := range g.strangers(all) {
		if !private(a) {
			g.NAT = a
			g.suppose([]Quote{g.addressQuote(local)}, "A NAT stands before %s and gives it %s, which another end names as its peer", g.Name, a)
			return
		}
	}
}

// findUnnamedNAT looks for one before a gateway whose peer has a public address.
func (g *Gateway) findUnnamedNAT(all []*Gateway, fresh *netip.Addr) {
	local, ok := g.hidden(all)
	if !ok || g.NAT.IsValid() {
		return
	}
	public := false
	g.statics(func(_ *config.CryptoMapEntry, peer netip.Addr) {
		public = public || !private(peer) && anybodys(all, peer)
	})
	if public {
		g.NAT, *fresh = *fresh, fresh.Next()
		g.suppose([]Quote{g.addressQuote(local)}, "A NAT stands before %s, whose address is private while its peer's is not, and gives it %s", g.Name, g.NAT)
	}
}

func namedBy(all []*Gateway, g *Gateway, a netip.Addr) bool {
	named := false
	for _, o := range all {
		if o != g {
			o.statics(func(_ *config.CryptoMapEntry, peer netip.Addr) { named = named || peer == a })
		}
	}
	return named
}

// resolve gives the names of peers and keys, which nobody can look up here, the
// address of the gateway that has the name, or of the only other one.
func (g *Gateway) resolve(all []*Gateway) {
	for _, name := range g.hostNames() {
		if g.host(name) != nil {
			continue
		}
		other := named(name, g, all)
		if other == nil {
			continue
		}
		for _, i := range other.endpoints() {
			if len(i.Addresses) > 0 {
				a := other.seen(i.Addresses[0].Addr())
				g.cfg.Hosts = append(g.cfg.Hosts, config.HostEntry{Name: name, Addrs: []netip.Addr{a}})
				g.suppose(nil, "%s finds the address %s of %s under the name %s", g.Name, a, other.Name, name)
				break
			}
		}
	}
}

func named(name string, g *Gateway, all []*Gateway) *Gateway {
	for _, o := range all {
		full := o.cfg.Hostname
		if o.cfg.DomainName != "" {
			full += "." + o.cfg.DomainName
		}
		if o != g && (strings.EqualFold(name, full) || strings.EqualFold(name, o.cfg.Hostname)) {
			return o
		}
	}
	var callers []*Gateway // that name g
	for _, o := range all {
		if o != g && slices.ContainsFunc(g.endpoints(), func(i *config.Interface) bool {
			return slices.ContainsFunc(i.Addresses, func(a netip.Prefix) bool { return namedBy([]*Gateway{o}, g, g.seen(a.Addr())) })
		}) {
			callers = append(callers, o)
		}
	}
	switch {
	case len(all) == 2:
		return all[1-slices.Index(all, g)]
	case len(callers) == 1:
		return callers[0]
	}
	return nil
}

// hostNames are those of the peers and keys of a gateway.
func (g *Gateway) hostNames() (all []string) {
	for _, m := range g.cfg.CryptoMaps {
		for _, e := range m.Entries {
			for _, x := range e.Peers {
				all = append(all, x.Host)
			}
		}
	}
	for _, k := range g.cfg.ISAKMP.Keys {
		all = append(all, k.Hostname)
	}
	for _, ring := range g.cfg.Keyrings {
		for _, k := range ring.Keys {
			all = append(all, k.Hostname)
		}
	}
	return slices.DeleteFunc(unique(all), func(name string) bool { return name == "" })
}

// unknownKeys puts a key for everybody in the place of those that are encrypted
// or blanked out, at every gateway: what cannot be compared must not differ.
func (g *Gateway) unknownKeys(all []*Gateway) {
	for _, u := range g.File.unsupported("an encrypted key") {
		g.keysUnknown = true
		g.suppose([]Quote{g.File.quote(u.Line, "")}, "The keys of %s are encrypted: they are not compared, and taken for equal", g.Name)
		break
	}
	if !g.keysUnknown {
		g.blankKeys()
	}
	if !g.keysUnknown {
		return
	}
	g.cfg.ISAKMP.Keys = []config.PresharedKey{standIn}
	for _, ring := range g.cfg.Keyrings {
		ring.Keys, ring.Local = g.cfg.ISAKMP.Keys, config.LocalEndpoint{}
	}
	for _, o := range all {
		if o == g {
			continue
		}
		for _, i := range g.endpoints() {
			for _, a := range i.Addresses {
				o.standInFor(g.seen(a.Addr()))
			}
		}
	}
}

// standInFor makes one peer's key a stand-in.
func (g *Gateway) standInFor(peer netip.Addr) {
	k := standIn
	k.Addr, k.Mask = peer, 32
	put := func(keys []config.PresharedKey) []config.PresharedKey {
		keys = slices.DeleteFunc(slices.Clone(keys), func(o config.PresharedKey) bool { return o.Addr == peer && o.Mask == 32 })
		return append(keys, k)
	}
	g.cfg.ISAKMP.Keys = put(g.cfg.ISAKMP.Keys)
	for _, ring := range g.cfg.Keyrings {
		ring.Keys = put(ring.Keys)
	}
}

// standIn takes the place of keys that are not known. It protects nothing.
var standIn = config.PresharedKey{Addr: netip.IPv4Unspecified(), Key: secret.FromString("stands in for a key that is not known")}

// blankKeys looks for keys that somebody has made unreadable before he showed the
// file.
func (g *Gateway) blankKeys() {
	for _, k := range g.cfg.ISAKMP.Keys {
		text := string(k.Key.Reveal())
		if strings.Trim(text, "*") == "" || strings.Trim(strings.ToLower(text), "x") == "" || strings.HasPrefix(text, "<") && strings.HasSuffix(text, ">") {
			g.keysUnknown = true
			g.suppose([]Quote{g.File.quote(g.File.source.Key(config.DefaultKeyring, k), "")},
				"A key of %s is blanked out: keys are not compared, and taken for equal", g.Name)
			return
		}
	}
}

// unknownRoutes adds a default route where routes come from what is not read.
func (g *Gateway) unknownRoutes() {
	var lines []Quote
	for _, l := range g.File.foreign.routing {
		lines = append(lines, g.File.quote(l, ""))
	}
	for _, u := range g.File.unsupported("route") {
		if u.InUse && !strings.Contains(u.Feature, "reverse") {
			lines = append(lines, g.File.quote(u.Line, ""))
		}
	}
	if len(lines) == 0 || slices.ContainsFunc(g.cfg.Routes, func(r config.Route) bool { return r.Prefix.Bits() == 0 }) {
		return
	}
	for _, i := range g.cfg.Interfaces {
		if i.CryptoMap != "" && !i.Shutdown {
			g.cfg.Routes = append(g.cfg.Routes, config.Route{Prefix: everywhere, Interface: i.Name, Distance: 254})
			g.suppose(lines[:min(len(lines), maxQuotes)], "%s has a default route by %s: what brings its routes is not read", g.Name, i.Name)
			return
		}
	}
}

// face notes the interfaces by which the gateway reaches its peers.
func (g *Gateway) face(all []*Gateway) {
	for _, i := range g.cfg.Interfaces {
		if i.CryptoMap != "" || g.cfg.IsEndpoint(i) {
			g.Outside = append(g.Outside, i.Name)
		}
	}
	for _, o := range all {
		for _, e := range o.entries {
			if name, ok := g.routeTo(o.seen(e.conn.Local)); o != g && e.conn.Local.IsValid() && ok {
				g.Outside = append(g.Outside, name)
			}
		}
	}
	g.Outside = slices.DeleteFunc(unique(g.Outside), loopback)
}
