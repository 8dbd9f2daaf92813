package compare

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
)

// compareData follows a tunnel's packets at the end that sends them, and answers
// at the other end.
func (p *Pair) compareData(t *Tunnel, end int) {
	w := t.Ways[end]
	if w == nil {
		return
	}
	l := t.lines[end]
	flow, taken, routed := l.witness(t.lines[1-end])
	if !taken {
		p.shadowed(t, end)
		flow = l.flows(nil, t.lines[1-end])[0]
		_, routed = l.entry.leaves(flow)
	}
	if !routed {
		p.strayed(t, end, flow)
	}
	if !taken {
		return
	}
	w.Flow = flow
	p.compareReturn(t, end)
}

// strayed tells that what an entry protects leaves by another interface, or has
// no route.
func (p *Pair) strayed(t *Tunnel, end int, flow ipsec.Flow) {
	l := t.lines[end]
	e, g := l.entry, l.entry.gateway
	to := l.selector().RemoteNet
	name, ok := g.routeTo(flow.Dst)
	x := Finding{Cause: diagnose.RoutingMissing, Stops: begunBy(end), order: orderData,
		Lines: append([]Quote{l.quote("")}, g.leading(flow.Dst)...)}
	if own := g.ownNetwork(flow.Dst); own != "" {
		x.Cause, x.Summary = diagnose.ACLOrNATExemption, own
	} else {
		x.Summary, x.Fix = g.astray(e, to, name, ok), g.routeFix(e, flow.Dst, to, t, end)
	}
	if other := t.lines[1-end]; other != nil {
		x.Lines = append(x.Lines, other.quote(""))
	}
	p.add(x, t)
}

// astray tells where packets go that should meet an entry's crypto map.
func (g *Gateway) astray(e *entry, to ipsec.Range, name string, routed bool) string {
	if !routed {
		return fmt.Sprintf("%s has no route to %s, so that packets for there do not reach its crypto map", g.Name, to)
	}
	return fmt.Sprintf("%s sends packets to %s by %s, and its crypto map is on %s", g.Name, to, name, list(e.interfaces()))
}

// ownNetwork tells where an address that should be behind the other end is on one
// of the gateway's own links; "" where it is not.
func (g *Gateway) ownNetwork(a netip.Addr) string {
	r, ok := best(g.routes, a)
	if !ok || r.nextHop.IsValid() {
		return ""
	}
	for _, i := range g.cfg.Interfaces {
		if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Masked() == r.prefix && i.Name == r.name }) {
			return fmt.Sprintf("%s has %s on %s itself, and its crypto map takes that for the other end's network", g.Name, r.prefix, i.Name)
		}
	}
	return ""
}

// leading quotes the route that a packet takes.
func (g *Gateway) leading(dst netip.Addr) []Quote {
	r, ok := best(g.routes, dst)
	if !ok {
		return []Quote{g.File.none("no `ip route` to " + dst.String())}
	}
	for _, x := range g.cfg.Routes {
		if x.Prefix == r.prefix && x.NextHop == r.nextHop && x.Interface == r.name {
			return []Quote{g.File.quote(g.File.source.Route(x), "")}
		}
	}
	for _, x := range g.ports() {
		if x.of.Name == r.name && r.prefix.Contains(x.addr) {
			return []Quote{g.File.quote(g.File.source.Address(x.of.Name, x.addr), "")}
		}
	}
	return nil
}

// compareReturn looks for the way back of a tunnel that an end begins: the other
// end's routes to what the packets come from.
func (p *Pair) compareReturn(t *Tunnel, end int) {
	back, ok := p.answer(t, end)
	if !ok || !back.active() {
		return
	}
	g, l := back.gateway, t.lines[end]
	answer, from := t.Ways[end].Flow.Reverse(), l.selector().LocalNet
	name, routed := g.routeTo(answer.Dst, reverseRoutesFor(back, t.meeting.seen(end), l)...)
	x := Finding{Cause: diagnose.RoutingMissing, Mute: begunBy(end), order: orderData}
	if other := t.lines[1-end]; other != nil {
		x.Lines = append(x.Lines, other.quote(""))
	} else {
		x.Lines = append(x.Lines, back.quote("", ""))
	}
	x.Lines = append(append(x.Lines, g.leading(answer.Dst)...), l.quote(""))
	switch own := g.ownNetwork(answer.Dst); {
	case own != "" && (g.holds(answer.Dst) != nil || !slices.Contains(back.conn.Interfaces(), name)):
		x.Cause, x.Summary = diagnose.ACLOrNATExemption, own
	case !routed || !slices.Contains(back.conn.Interfaces(), name):
		x.Summary, x.Fix = g.astray(back, from, name, routed), g.routeFix(back, answer.Dst, from, t, 1-end)
	default:
		taker, taken := g.taker(name, back, answer)
		switch {
		case taken && taker.Tag == back.conn.Tag:
			return
		case taken:
			x.Cause, x.Lines = diagnose.ProxyIdentityMismatch, append(x.Lines, g.policyQuote(taker))
			x.Summary = fmt.Sprintf("answers from %s to %s go by an earlier line of its access lists than those of the entry that the tunnel belongs to", g.Name, from)
		default:
			x.Cause = diagnose.ACLOrNATExemption
			x.Summary = fmt.Sprintf("answers from %s to %s match no line of its crypto access list and leave in clear", g.Name, from)
		}
	}
	p.add(x, t)
}

// taker is the line by which an answer goes when the tunnel is up: an instance of
// a template takes what comes to the template's place.
func (g *Gateway) taker(name string, back *entry, answer ipsec.Flow) (ipsec.PolicyEntry, bool) {
	entries := slices.Clone(g.policy[name])
	for i := range entries {
		entries[i].Open = entries[i].Open && entries[i].Tag != back.conn.Tag
	}
	return ipsec.NewSPD(entries).Lookup(answer)
}

// reverseRoutesFor are the routes that an entry's `reverse-route` brings with the
// SAs for a line of the other end.
func reverseRoutesFor(e *entry, peer netip.Addr, l *line) (all []route) {
	asked := e.written.ReverseRoute
	if !asked.On || asked.Static && len(e.conn.ACL) > 0 && len(e.peers()) > 0 {
		return nil
	}
	hop := asked.NextHop
	if !hop.IsValid() {
		hop = peer
	}
	for _, p := range l.selector().LocalNet.Prefixes() {
		if p.Bits() > 0 && !p.Contains(hop) {
			all = append(all, route{prefix: p, nextHop: hop, distance: max(1, asked.Distance)})
		}
	}
	return all
}

// routeFix makes packets to a network leave by the interface with the crypto map:
// the route that leads them elsewhere goes, and there is another where none of
// the others does.
func (g *Gateway) routeFix(e *entry, dst netip.Addr, r ipsec.Range, t *Tunnel, end int) []Fix {
	var commands []string
	left := g.routes
	if wrong, ok := best(g.routes, dst); ok {
		for _, x := range g.cfg.Routes {
			if x.Prefix == wrong.prefix && x.NextHop == wrong.nextHop && x.Interface == wrong.name {
				commands = append(commands, "no "+x.String())
				left = slices.DeleteFunc(slices.Clone(left), func(o route) bool { return o == wrong })
			}
		}
	}
	without := &Gateway{cfg: g.cfg, routes: left}
	if name, ok := without.routeTo(dst); !ok || !slices.Contains(e.interfaces(), name) {
		p := r.Prefixes()[0]
		commands = append(commands, "ip route "+p.Addr().String()+" "+diagnose.Netmask(p)+" "+g.nextHop(e, t, end))
	}
	return []Fix{{g.Name, "", commands}}
}

// nextHop is the other end where it is on the link, else a name for the provider's
// router.
func (g *Gateway) nextHop(e *entry, t *Tunnel, end int) string {
	if i := g.holds(e.conn.Local); i != nil && t.meeting != nil {
		peer := t.meeting.seen(1 - end)
		if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Contains(peer) }) {
			return peer.String()
		}
	}
	return "HOP"
}

// policyQuote is the line of an access list that an entry of the policy is.
func (g *Gateway) policyQuote(x ipsec.PolicyEntry) Quote {
	for _, e := range g.entries {
		if e.tag() == x.Tag && e.written.AccessList != nil && int(x.Line) < len(e.written.AccessList.Entries) {
			return g.File.quote(g.File.source.ACL(e.written.ACL, e.written.AccessList.Entries[x.Line].Seq), "")
		}
	}
	return g.File.none("a dynamic crypto map")
}

// shadowed tells that no packet ever comes to a line: those before take them all.
func (p *Pair) shadowed(t *Tunnel, end int) {
	l := t.lines[end]
	e, g := l.entry, l.entry.gateway
	lines := []Quote{l.quote("")}
	earlier := g.before(l)
	for _, x := range earlier {
		lines = append(lines, g.policyQuote(x))
	}
	if other := t.lines[1-end]; other != nil {
		lines = append(lines, other.quote(""))
	}
	p.add(Finding{Cause: diagnose.ACLOrNATExemption, Stops: begunBy(end), order: orderProxy, Lines: lines[:min(len(lines), maxQuotes)],
		Fix:     g.unshadow(l, earlier),
		Summary: fmt.Sprintf("no packet of %s comes to this line of %s: lines before it take all that it permits", g.Name, e.name())}, t)
}

// unshadow has the entries before pass over what a line permits: a deny in a
// crypto access list leaves the packet to the next entry.
func (g *Gateway) unshadow(l *line, earlier []ipsec.PolicyEntry) (all []Fix) {
	for _, x := range earlier {
		for _, e := range g.entries {
			if !x.Permit || e.tag() != x.Tag || e == l.entry || e.written.AccessList == nil || int(x.Line) >= len(e.written.AccessList.Entries) {
				continue
			}
			acl, s := e.written.AccessList, l.selector()
			first := max(1, acl.Entries[0].Seq-1)
			all = append(all, Fix{g.Name, e.name() + " leaves it to the next entry", append(aclCommands(acl.Name),
				fmt.Sprintf(" %d%s", first, strings.Replace(aclLine(s), " permit", " deny", 1)))})
		}
	}
	return all[:min(len(all), 1)]
}

// before are the lines of the map ahead of a line that share traffic with it.
func (g *Gateway) before(l *line) (all []ipsec.PolicyEntry) {
	for _, x := range l.entry.policy() {
		if x.Tag == l.entry.tag() && x.Line == uint32(l.index) {
			break
		}
		if x.Selector.Overlaps(l.selector()) {
			all = append(all, x)
		}
	}
	return all
}
