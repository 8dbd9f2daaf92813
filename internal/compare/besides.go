package compare

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// besides looks at what is not about VPN, which neither this project nor its lab
// does, and which keeps a router's tunnel down all the same; and notes what is
// not compared.
func (p *Pair) besides() {
	for _, t := range p.Tunnels {
		for end := range 2 {
			if t.Ways[end] != nil && t.meeting != nil {
				p.compareNAT(t, end)
			}
		}
	}
	for _, m := range p.meetings {
		for end := range 2 {
			p.compareFilter(m, end)
		}
	}
	for end := range 2 {
		p.unsupported(end)
		g := p.Ends[end]
		for _, name := range g.hostNames() {
			if g.host(name) == nil {
				p.note(Note{fmt.Sprintf("%s names %s, which cannot be looked up here: write `ip host %s ADDRESS` to have it compared", g.Name, name, name), nil})
			}
		}
	}
}

// unsupported notes what is in use and not supported yet.
func (p *Pair) unsupported(end int) {
	g := p.Ends[end]
	for _, u := range g.File.source.Unsupported {
		if u.InUse {
			p.note(Note{"Not supported yet: " + u.Feature, []Quote{g.File.quote(u.Line, "")}})
		}
	}
}

// compareNAT looks for a NAT of the router itself that changes what the tunnel
// protects before the crypto map sees it.
func (p *Pair) compareNAT(t *Tunnel, end int) {
	e, w := t.meeting.entries[end], t.Ways[end]
	g, f := e.gateway, e.gateway.File
	if !g.translates(e) || !w.Flow.Src.IsValid() {
		return
	}
	for _, rule := range f.foreign.nat {
		lists := []string{rule.list}
		if rule.routeMap != "" {
			lists = f.foreign.maps[rule.routeMap]
		}
		for _, name := range lists {
			p.compareNATList(t, end, rule, name)
		}
		if len(lists) == 0 {
			p.note(Note{fmt.Sprintf("What %s of %s translates is not compared", rule.routeMap, g.Name), []Quote{f.quote(rule.line, "")}})
		}
	}
}

// compareNATList looks whether an access list of a NAT has a tunnel's packets
// translated.
func (p *Pair) compareNATList(t *Tunnel, end int, rule natRule, name string) {
	g := t.meeting.entries[end].gateway
	f, w, s := g.File, t.Ways[end], t.lines[end].selector()
	x := Finding{Cause: diagnose.ACLOrNATExemption, order: orderData, Beyond: begunBy(end), Lines: []Quote{f.quote(rule.line, ""), t.lines[end].quote("")},
		Summary: fmt.Sprintf("%s translates packets of %s before its crypto map sees them, so they miss it; the lab does no NAT", g.Name, traffic(s))}
	acl := g.cfg.AccessList(name)
	switch {
	case acl != nil:
		by, permitted := decide(acl, w.Flow)
		if !permitted {
			return
		}
		x.Lines = append(x.Lines, f.quote(f.source.ACL(acl.Name, by.Seq), ""))
		x.Fix = []Fix{{g.Name, "ahead of the line that permits", []string{"ip access-list extended " + acl.Name,
			fmt.Sprintf(" %d deny ip %s %s", max(1, by.Seq-1), network(s.LocalNet), network(s.RemoteNet))}}}
	case len(f.foreign.senders[name]) > 0:
		by, matched := f.foreign.decideSender(name, w.Flow.Src)
		if !matched || !by.permit {
			return
		}
		x.Lines = append(x.Lines, f.quote(by.line, ""))
		x.Summary += "; a standard access list cannot except them"
		fix := Fix{g.Name, "", []string{"ip access-list extended NAT-TRAFFIC", fmt.Sprintf(" deny ip %s %s", network(s.LocalNet), network(s.RemoteNet)),
			" permit ip " + network(s.LocalNet) + " any"}}
		if rule.list != "" {
			fix.Commands = append(fix.Commands, "no "+rule.line.Text, strings.Replace(rule.line.Text, " list "+name, " list NAT-TRAFFIC", 1))
		}
		x.Fix = []Fix{fix}
	default:
		p.note(Note{fmt.Sprintf("What the access list %s of %s has translated is not compared", name, g.Name), []Quote{f.quote(rule.line, "")}})
		return
	}
	p.add(x, t)
}

// translates says whether the interface of an entry is outside of a NAT.
func (g *Gateway) translates(e *entry) bool {
	inside, outside := false, false
	for name, at := range g.File.foreign.faces {
		inside = inside || at.natInside
		outside = outside || at.natOutside && slices.Contains(e.conn.Interfaces(), name)
	}
	return inside && outside
}

// decide is the first entry of a list that a packet matches. Without one it is
// denied.
func decide(acl *config.AccessList, f ipsec.Flow) (*config.ACLEntry, bool) {
	for _, x := range acl.Entries {
		if (x.Protocol == 0 || x.Protocol == f.Protocol) && x.Src.Matches(f.Src) && x.Dst.Matches(f.Dst) &&
			matchesPort(x.SrcPort, f.SrcPort) && matchesPort(x.DstPort, f.DstPort) && !x.Established && !x.ICMP.HasType {
			return x, x.Permit
		}
	}
	return nil, false
}

func matchesPort(m config.PortMatch, port uint16) bool {
	switch m.Op {
	case config.PortEq:
		return port == m.Lo
	case config.PortNeq:
		return port != m.Lo
	case config.PortGt:
		return port > m.Lo
	case config.PortLt:
		return port < m.Lo
	case config.PortRange:
		return m.Lo <= port && port <= m.Hi
	}
	return true
}

// compareFilter looks for an access list that drops IKE or ESP where it comes in.
func (p *Pair) compareFilter(m *meeting, end int) {
	e := m.entries[end]
	g, f := e.gateway, e.gateway.File
	from := m.seen(1 - end)
	for _, name := range e.conn.Interfaces() {
		at := f.foreign.faces[name]
		if at == nil || at.filterIn == "" || !from.IsValid() || !e.conn.Local.IsValid() {
			continue
		}
		acl := g.cfg.AccessList(at.filterIn)
		if rules := f.foreign.senders[at.filterIn]; acl == nil && len(rules) > 0 {
			if by, ok := f.foreign.decideSender(at.filterIn, from); !ok || !by.permit {
				lines := []Quote{f.quote(at.filterLine, ""), f.quote(rules[len(rules)-1].line, "denies what no line of it permits")}
				if ok {
					lines[1] = f.quote(by.line, "")
				}
				p.add(Finding{Cause: diagnose.LocalFirewall, order: orderRoute, Beyond: both, Lines: lines,
					Summary: fmt.Sprintf("the access list %s on %s of %s drops all that comes from %s; the lab has no such filters", at.filterIn, name, g.Name, from)}, m.tunnels...)
			}
			continue
		}
		if acl == nil || slices.ContainsFunc(f.source.Unsupported, func(u config.Unsupported) bool { return u.Owner == at.filterIn }) {
			p.note(Note{fmt.Sprintf("What the access list %s drops on %s of %s is not compared", at.filterIn, name, g.Name), []Quote{f.quote(at.filterLine, "")}})
			continue
		}
		for _, x := range needed(from, e.conn.Local, p.Ends[0].NAT.IsValid() || p.Ends[1].NAT.IsValid()) {
			by, permitted := decide(acl, x.flow)
			if permitted {
				continue
			}
			lines := []Quote{f.quote(at.filterLine, "")}
			if by != nil {
				lines = append(lines, f.quote(f.source.ACL(acl.Name, by.Seq), ""))
			} else {
				lines = append(lines, f.quote(f.source.ACL(acl.Name, -1), "denies what no line of it permits"))
			}
			p.add(Finding{Cause: diagnose.LocalFirewall, order: orderRoute, Beyond: both, Lines: lines,
				Summary: fmt.Sprintf("the access list %s on %s of %s drops %s from %s; the lab has no such filters", acl.Name, name, g.Name, x.what, from),
				Fix:     []Fix{{g.Name, "ahead of the line that denies", []string{"ip access-list extended " + acl.Name, x.permit}}}}, m.tunnels...)
		}
	}
}

// need is traffic that has to come in.
type need struct {
	what, permit string
	flow         ipsec.Flow
}

func needed(from, to netip.Addr, nat bool) (all []need) {
	udp := func(port uint16) need {
		return need{fmt.Sprintf("UDP %d", port), fmt.Sprintf(" permit udp host %s host %s eq %d", from, to, port),
			ipsec.Flow{Src: from, Dst: to, Protocol: protoUDP, SrcPort: port, DstPort: port}}
	}
	all = append(all, udp(isakmp.PortIKE))
	if nat {
		return append(all, udp(isakmp.PortNATT))
	}
	return append(all, need{"ESP", fmt.Sprintf(" permit esp host %s host %s", from, to), ipsec.Flow{Src: from, Dst: to, Protocol: 50}})
}
