package compare

import (
	"fmt"
	"net/netip"
	"slices"

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
	var summary string
	switch {
	case g.holds(flow.Dst) != nil:
		summary = fmt.Sprintf("%s has %s, which its crypto map takes for the other end's network, itself", g.Name, flow.Dst)
	case !ok:
		summary = fmt.Sprintf("%s has no route to %s, so no packet reaches its crypto map", g.Name, to)
	default:
		summary = fmt.Sprintf("%s sends packets to %s by %s, and its crypto map is on %s", g.Name, to, name, list(e.interfaces()))
	}
	x := Finding{Cause: diagnose.RoutingMissing, Summary: summary, Stops: begunBy(end), order: orderData,
		Lines: append([]Quote{l.quote("")}, g.leading(flow.Dst)...), Fix: []Fix{g.routeFix(e, to, t, end)}}
	if other := t.lines[1-end]; other != nil {
		x.Lines = append(x.Lines, other.quote(""))
	}
	p.add(x, t)
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
	switch {
	case !routed:
		x.Summary = fmt.Sprintf("%s has no route back to %s", g.Name, from)
		x.Fix = []Fix{g.routeFix(back, from, t, 1-end)}
	case !slices.Contains(back.conn.Interfaces(), name):
		x.Summary = fmt.Sprintf("%s sends answers to %s by %s, and its crypto map is on %s", g.Name, from, name, list(back.conn.Interfaces()))
		x.Fix = []Fix{g.routeFix(back, from, t, 1-end)}
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

// routeFix routes a network of the other end by the interface with the crypto map.
func (g *Gateway) routeFix(e *entry, r ipsec.Range, t *Tunnel, end int) Fix {
	hop := "HOP"
	if t.meeting != nil {
		peer := t.meeting.seen(1 - end)
		if i := g.holds(e.conn.Local); i != nil && slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Contains(peer) }) {
			hop = peer.String()
		}
	}
	p := r.Prefixes()[0]
	return Fix{g.Name, "", []string{"ip route " + p.Addr().String() + " " + dotted(maskOf(p)) + " " + hop}}
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
		Summary: fmt.Sprintf("no packet of %s comes to this line of %s: lines before it take all that it permits", g.Name, e.name())}, t)
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
