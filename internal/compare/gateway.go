package compare

import (
	"cmp"
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/router"
)

// Gateway is what a file makes, with what had to be assumed put in.
type Gateway struct {
	Name    string
	File    *File
	Config  *config.Config
	Outside []string   // interfaces that face its peers
	NAT     netip.Addr // the address that a NAT in front has outside; invalid for none
	Assumed []Note

	cfg     *config.Config // Config
	plan    *router.Blueprint
	entries []*entry
	routes  []route
	policy  map[string][]ipsec.PolicyEntry // by interface, in order

	keysUnknown bool // keys are encrypted or blanked out
}

// entry is an entry of a crypto map, or of a dynamic one, whether or not it is in
// use.
type entry struct {
	gateway *Gateway
	of      *config.CryptoMap
	holder  *config.CryptoMapEntry // the crypto map's; for a template the one that names its map
	written *config.CryptoMapEntry // holder, or the template
	conn    *ike.Connection        // with the tag 0 where it is not in use
}

func (e *entry) dynamic() bool { return e.holder.Dynamic != "" }

// active says whether the gateway negotiates by the entry.
func (e *entry) active() bool { return e.conn.Tag != 0 && e.conn.Local.IsValid() }

// name is the entry in the words of a configuration.
func (e *entry) name() string {
	if e.dynamic() {
		return "crypto dynamic-map " + e.holder.Dynamic + " " + itoa(e.written.Seq)
	}
	return "crypto map " + e.of.Name + " " + itoa(e.written.Seq)
}

// commands are the lines that enter the entry's mode.
func (e *entry) commands(below ...string) []string {
	first := e.name()
	if !e.dynamic() {
		first += " ipsec-isakmp"
	}
	return append([]string{first}, below...)
}

// quote is the line of a part of the entry.
func (e *entry) quote(part, note string) Quote {
	name, dynamic := e.of.Name, e.dynamic()
	if dynamic {
		name = e.holder.Dynamic
	}
	return e.gateway.File.quote(e.gateway.File.source.Entry(name, dynamic, e.written.Seq, part), note)
}

// lifetime is the line of the entry's "seconds", "kilobytes" or "replay".
func (e *entry) lifetime(part string, note string) Quote {
	name, dynamic := e.of.Name, e.dynamic()
	if dynamic {
		name = e.holder.Dynamic
	}
	if l := e.gateway.File.source.Lifetime(name, dynamic, e.written.Seq, part); l.Written() {
		return e.gateway.File.quote(l, "")
	}
	return e.quote("", note)
}

// profile names the ISAKMP profile of the entry; "" for none.
func (e *entry) profile() string {
	if e.written.Profile != "" {
		return e.written.Profile
	}
	return e.of.ProfileOf(e.holder)
}

// profileQuote is the line that names it.
func (e *entry) profileQuote() Quote {
	f := e.gateway.File
	if e.written.Profile != "" {
		return e.quote("profile", "")
	}
	return f.quote(f.source.MapProfile(e.of.Name), "")
}

// peers are the addresses that the entry names.
func (e *entry) peers() []netip.Addr {
	return slices.DeleteFunc(slices.Clone(e.conn.Peers), netip.Addr.IsUnspecified)
}

// admits says whether the entry answers an address.
func (e *entry) admits(a netip.Addr) bool {
	if e.dynamic() && len(e.written.Peers) == 0 {
		return true
	}
	return slices.Contains(e.conn.Peers, a)
}

// interfaces are those that the entry's map is on, or would be: the one with the
// address that the entry has.
func (e *entry) interfaces() []string {
	if e.conn.Tag != 0 {
		return e.conn.Interfaces()
	}
	var all []string
	for _, i := range e.gateway.cfg.Interfaces {
		if i.CryptoMap == e.of.Name {
			all = append(all, i.Name)
		}
	}
	if i := e.gateway.holds(e.conn.Local); len(all) == 0 && i != nil {
		all = []string{i.Name}
	}
	return all
}

// unusedTag is where the tags of entries begin that are not in use.
const unusedTag = 1 << 20

// tag numbers an entry among those of its gateway, also where it is not in use.
func (e *entry) tag() uint32 {
	if e.conn.Tag != 0 {
		return e.conn.Tag
	}
	return unusedTag + uint32(slices.Index(e.gateway.entries, e))
}

// policy are the lines that packets meet at the interface of the entry's map, or
// would meet if this entry were in use.
func (e *entry) policy() (all []ipsec.PolicyEntry) {
	if e.conn.Tag != 0 {
		return e.gateway.policy[e.conn.Interface]
	}
	inMap := slices.DeleteFunc(slices.Clone(e.gateway.entries), func(o *entry) bool { return o.of != e.of || o != e && len(o.lacks()) > 0 })
	slices.SortStableFunc(inMap, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.holder.Seq, b.holder.Seq), cmp.Compare(a.written.Seq, b.written.Seq))
	})
	for _, o := range inMap {
		conn := *o.conn
		conn.Tag = o.tag()
		all = append(all, router.PolicyEntries([]*ike.Connection{&conn})...)
	}
	return all
}

// build makes a gateway of a file whose gaps have been filled.
func (g *Gateway) build() error {
	var err error
	if g.plan, err = router.NewBlueprint(g.cfg); err != nil {
		return err
	}
	// Easy VPN clients, which come last, are not compared.
	g.plan.Connections = slices.DeleteFunc(g.plan.Connections, func(c *ike.Connection) bool { return c.EasyVPN != nil })
	g.routes = routesOf(g.cfg, g.plan.Connections)
	g.policy = make(map[string][]ipsec.PolicyEntry)
	for _, x := range router.PolicyEntries(g.plan.Connections) {
		for _, name := range g.connection(x.Tag).Interfaces() {
			g.policy[name] = append(g.policy[name], x)
		}
	}
	g.entries = nil
	for _, m := range g.cfg.CryptoMaps {
		for _, e := range m.Entries {
			written := []*config.CryptoMapEntry{e}
			if e.Dynamic != "" {
				written = e.Templates.Entries
			}
			for _, w := range written {
				if err := g.addEntry(m, e, w); err != nil {
					return err
				}
			}
		}
	}
	// Who answers is the first connection that there is; those that are not in use
	// keep the order of their map.
	slices.SortStableFunc(g.entries, func(a, b *entry) int { return cmp.Compare(a.conn.Tag-1, b.conn.Tag-1) })
	return nil
}

func (g *Gateway) connection(tag uint32) *ike.Connection { return g.plan.Connections[tag-1] }

// addEntry adds an entry once for each connection that it makes, and once where
// it makes none.
func (g *Gateway) addEntry(m *config.CryptoMap, holder, written *config.CryptoMapEntry) error {
	used := false
	for _, c := range g.plan.Connections {
		if c.Map == m.Name && router.EntryOf(g.cfg, c) == written && c.Seq == holder.Seq {
			used = true
			if !c.Local.IsValid() { // it negotiates nothing
				unused := *c
				unused.Tag = 0
				c = &unused
			}
			g.entries = append(g.entries, &entry{g, m, holder, written, c})
		}
	}
	if used {
		return nil
	}
	c, err := g.plan.Entry(written)
	if err != nil {
		return err
	}
	c.Map, c.Seq, c.Dynamic = m.Name, holder.Seq, holder.Dynamic != ""
	if c.Dynamic {
		c.DynamicMap, c.DynamicSeq = holder.Dynamic, written.Seq
	}
	c.Profile = (&entry{of: m, holder: holder, written: written}).profile()
	g.entries = append(g.entries, &entry{g, m, holder, written, c})
	return nil
}

// ports are the interfaces that can carry packets, with an address each.
func (g *Gateway) ports() (all []port) {
	for _, i := range g.cfg.Interfaces {
		for _, p := range i.Addresses {
			all = append(all, port{i, p.Addr()})
		}
	}
	return all
}

type port struct {
	of   *config.Interface
	addr netip.Addr
}

// holds returns the interface that has an address; nil for none.
func (g *Gateway) holds(a netip.Addr) *config.Interface {
	for _, p := range g.ports() {
		if p.addr == a {
			return p.of
		}
	}
	return nil
}

// seen is an address of the gateway as others see it.
func (g *Gateway) seen(local netip.Addr) netip.Addr {
	if g.NAT.IsValid() {
		return g.NAT
	}
	return local
}

// known says whether an address is the gateway's, or that of the NAT in front.
func (g *Gateway) known(a netip.Addr) bool { return g.holds(a) != nil || g.NAT == a && a.IsValid() }
