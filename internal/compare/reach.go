package compare

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
)

var both = [2]bool{true, true}

// begunBy says that something concerns what one end begins.
func begunBy(end int) (b [2]bool) {
	b[end] = true
	return b
}

func noEntryCause(g *Gateway) diagnose.Cause {
	if len(g.entries) == 0 {
		return diagnose.CryptoMapNotApplied
	}
	return diagnose.ConnectionNotMatched
}

func (p *Pair) noEntryLines(end int, others []*entry) (all []Quote) {
	g := p.Ends[end]
	if len(g.entries) == 0 {
		all = append(all, g.File.none("no crypto map entry"))
	}
	for _, e := range g.entries {
		for _, x := range e.written.Peers {
			all = append(all, e.quote("peer "+x.String(), ""))
		}
	}
	for _, e := range others {
		all = append(all, e.quote("", ""))
	}
	return all[:min(len(all), maxQuotes)]
}

// maxQuotes is how many lines one finding shows.
const maxQuotes = 8

// compareActive looks for what keeps an entry from being used at all.
func (p *Pair) compareActive(m *meeting, end int) {
	e := m.entries[end]
	g, f := e.gateway, e.gateway.File
	stop := func(summary string, lines []Quote, fix ...string) {
		x := Finding{Cause: diagnose.CryptoMapNotApplied, Summary: summary, Lines: lines, order: orderActive}
		if len(fix) > 0 {
			x.Fix = []Fix{{Gateway: g.Name, Commands: fix}}
		}
		p.addUnanswered(x, m, end)
	}
	if !g.cfg.ISAKMP.Enabled {
		p.add(Finding{Cause: diagnose.CryptoMapNotApplied, Summary: "ISAKMP is off at " + g.Name, Stops: both, order: orderActive,
			Lines: []Quote{f.quote(f.source.Enabled(), "")}, Fix: []Fix{{Gateway: g.Name, Commands: []string{"crypto isakmp enable"}}}}, m.tunnels...)
	}
	if lacks := e.lacks(); len(lacks) > 0 {
		stop(fmt.Sprintf("%s of %s is not complete: it has no %s", e.name(), g.Name, strings.Join(lacks, " and no ")), []Quote{e.quote("", "")}, e.commands(e.completion(p.Ends[1-end], m.seen(1-end))...)...)
	}
	var applied, up []*config.Interface
	for _, i := range g.cfg.Interfaces {
		if i.CryptoMap == e.of.Name {
			applied = append(applied, i)
			if !i.Shutdown {
				up = append(up, i)
			}
		}
	}
	local := e.endpoint()
	switch {
	case len(applied) == 0:
		lines := []Quote{f.quote(f.source.Map(e.of.Name), "on no interface")}
		fix := []string{"interface INTERFACE", " crypto map " + e.of.Name}
		if i := g.holds(e.conn.Local); i != nil {
			fix[0] = "interface " + i.Name
			lines = append(lines, f.quote(f.source.Interface(i.Name, ""), "no crypto map here"))
		}
		stop(fmt.Sprintf("the crypto map %s of %s is on no interface", e.of.Name, g.Name), lines, fix...)
	case len(up) == 0:
		stop(fmt.Sprintf("%s of %s, which has the crypto map %s, is shut down", applied[0].Name, g.Name, e.of.Name),
			[]Quote{f.quote(f.source.Interface(applied[0].Name, "shutdown"), ""), f.quote(f.source.Interface(applied[0].Name, "map"), "")},
			"interface "+applied[0].Name, " no shutdown")
	case local != nil && len(local.Addresses) == 0:
		stop(fmt.Sprintf("%s of %s has no address", local.Name, g.Name), []Quote{f.quote(f.source.Interface(local.Name, ""), "")})
	}
	if l := e.written.AccessList; l != nil && len(e.lines()) == 0 && !e.dynamic() {
		p.addUnanswered(Finding{Cause: diagnose.ProxyIdentityMismatch, Summary: fmt.Sprintf("the access list %s of %s permits nothing", l.Name, g.Name),
			Lines: []Quote{e.quote("list", "")}, order: orderProxy}, m, end)
	}
}

// unknown notes that the lab cannot tell what becomes of a meeting's tunnels.
func (p *Pair) unknown(m *meeting) {
	for _, t := range m.tunnels {
		for _, w := range t.Ways {
			if w != nil {
				w.Known = false
			}
		}
	}
}

// addUnanswered notes what keeps an entry of an end from being used: nothing can
// be begun by it, and what the other end begins stops unless another entry
// answers.
func (p *Pair) addUnanswered(f Finding, m *meeting, end int) {
	for _, t := range m.tunnels {
		f.Stops = begunBy(end)
		if t.Ways[1-end] != nil {
			_, ok := p.answer(t, 1-end)
			f.Stops[1-end] = !ok
		}
		p.add(f, t)
	}
	if len(m.tunnels) == 0 {
		f.Stops = both
		p.add(f)
	}
}

// endpoint is the interface whose address the entry has; nil where its map is on
// none that is up.
func (e *entry) endpoint() *config.Interface {
	for _, i := range e.gateway.cfg.Interfaces {
		if i.CryptoMap == e.of.Name && !i.Shutdown {
			return e.gateway.cfg.Endpoint(i)
		}
	}
	return nil
}

func (e *entry) lacks() (all []string) {
	w := e.written
	if len(w.Peers) == 0 && !e.dynamic() {
		all = append(all, "`set peer`")
	}
	if len(w.TransformSets) == 0 {
		all = append(all, "`set transform-set`")
	}
	if w.ACL == "" && !e.dynamic() {
		all = append(all, "`match address`")
	}
	return all
}

// completion are the lines that an entry lacks.
func (e *entry) completion(other *Gateway, peer netip.Addr) (lines []string) {
	for _, word := range e.lacks() {
		switch {
		case strings.Contains(word, "peer"):
			lines = append(lines, " set peer "+peer.String())
		case strings.Contains(word, "transform-set"):
			lines = append(lines, " set transform-set "+anySet(e.gateway.cfg))
		default:
			lines = append(lines, " match address LIST")
		}
	}
	return lines
}

func anySet(c *config.Config) string {
	if len(c.TransformSets) == 0 {
		return "SET"
	}
	return c.TransformSets[0].Name
}

// comparePeer holds the peers of an entry against the addresses of the other end.
func (p *Pair) comparePeer(m *meeting, end int) {
	e, other := m.entries[end], m.entries[1-end]
	want := m.seen(1 - end)
	if len(e.written.Peers) == 0 || !want.IsValid() {
		return
	}
	g, h := e.gateway, other.gateway
	if slices.Contains(e.conn.Peers, want) {
		p.luckOfPeers(m, end, want)
		return
	}
	if slices.ContainsFunc(e.written.Peers, func(x config.Peer) bool { return len(g.peerAddresses(x)) == 0 }) {
		p.unknown(m) // noted: the name cannot be looked up
		return
	}
	var shown, peers []string
	lines := []Quote{}
	for _, x := range e.written.Peers {
		peers = append(peers, x.String())
		lines = append(lines, e.quote("peer "+x.String(), ""))
		for _, a := range g.peerAddresses(x) {
			if i := h.holds(a); i != nil {
				shown = append(shown, fmt.Sprintf("%s is on its %s", a, i.Name))
			}
		}
	}
	lines = append(lines, h.addressQuote(other.conn.Local))
	summary := fmt.Sprintf("%s names the peer %s, and %s has %s on the interface with the crypto map", g.Name, list(peers), h.Name, other.conn.Local)
	if len(shown) > 0 {
		summary += " (" + strings.Join(shown, ", ") + ")"
	}
	fix := []string{" no set peer " + peers[0], " set peer " + want.String()}
	p.addUnanswered(Finding{Cause: diagnose.ConnectionNotMatched, Summary: summary, Lines: lines, order: orderPeer,
		Fix: []Fix{{g.Name, "", e.commands(fix...)}}}, m, end)
}

func (g *Gateway) addressQuote(a netip.Addr) Quote {
	i := g.holds(a)
	if i == nil {
		return g.File.none("no interface has " + a.String())
	}
	return g.File.quote(g.File.source.Address(i.Name, a), g.assumedAddress(i))
}

func (g *Gateway) assumedAddress(i *config.Interface) string {
	if i.Learned != config.AddressStatic {
		return "assumed: " + i.Addresses[0].Addr().String()
	}
	return ""
}

// peerAddresses are those that a peer has by the file alone.
func (g *Gateway) peerAddresses(x config.Peer) []netip.Addr {
	if x.Host == "" {
		return []netip.Addr{x.Addr}
	}
	if h := g.host(x.Host); h != nil {
		return h.Addrs
	}
	return nil
}

func (g *Gateway) host(name string) *config.HostEntry {
	if h := g.cfg.Host(name); h != nil {
		return h
	}
	return g.cfg.Host(g.cfg.QualifiedName(name))
}

// compareRoute looks for the way from one end to the other.
func (p *Pair) compareRoute(m *meeting, end int) {
	e := m.entries[end]
	g, peer := e.gateway, m.seen(1-end)
	if !peer.IsValid() {
		return
	}
	if peer == m.seen(end) {
		other := m.entries[1-end]
		p.add(Finding{Cause: diagnose.ConnectionNotMatched, Stops: both, order: orderPeer, Summary: fmt.Sprintf("both ends have the address %s", peer),
			Lines: []Quote{m.entries[0].gateway.addressQuote(m.entries[0].conn.Local), m.entries[1].gateway.addressQuote(m.entries[1].conn.Local)},
			Fix:   []Fix{{other.gateway.Name, "another address", []string{"interface INTERFACE", " ip address A.B.C.D MASK"}}}}, m.tunnels...)
		return
	}
	if _, ok := g.routeTo(peer); ok {
		return
	}
	p.add(Finding{Cause: diagnose.RoutingMissing, Summary: fmt.Sprintf("%s has no route to %s, the address of %s", g.Name, peer, p.Ends[1-end].Name),
		Stops: both, Lines: g.routeLines(e, m), order: orderRoute,
		Fix: []Fix{{g.Name, "the provider's router for HOP", []string{"ip route 0.0.0.0 0.0.0.0 HOP"}}}}, m.tunnels...)
}

// routeLines are the routes that there are, and what they should lead to.
func (g *Gateway) routeLines(e *entry, m *meeting) (all []Quote) {
	for _, r := range g.cfg.Routes {
		all = append(all, g.File.quote(g.File.source.Route(r), ""))
	}
	if len(all) == 0 {
		all = append(all, g.File.none("no `ip route`"))
	}
	all = all[:min(len(all), maxQuotes-2)]
	if len(e.written.Peers) > 0 {
		all = append(all, e.quote("peer "+e.written.Peers[0].String(), ""))
	}
	for _, o := range m.entries {
		if o != e {
			all = append(all, o.gateway.addressQuote(o.conn.Local))
		}
	}
	return all
}
