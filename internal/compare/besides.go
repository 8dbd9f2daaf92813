package compare

import (
	"fmt"
	"net/netip"
	"slices"

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
			p.note(Note{u.Feature + " is not supported yet", []Quote{g.File.quote(u.Line, "")}})
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
		lines := []Quote{f.quote(rule.line, ""), t.lines[end].quote("")}
		acl := g.cfg.AccessList(rule.list)
		if acl == nil {
			p.luck(diagnose.ACLOrNATExemption, lines, []*Tunnel{t},
				"%s translates what the access list %s permits, which looks at the sender only: if that permits %s, packets for the tunnel are translated and miss the crypto map", g.Name, rule.list, t.lines[end].selector().LocalNet)
			continue
		}
		x, permitted := decide(acl, w.Flow)
		if !permitted {
			continue
		}
		lines = append(lines, f.quote(f.source.ACL(acl.Name, x.Seq), ""))
		s := t.lines[end].selector()
		p.add(Finding{Cause: diagnose.ACLOrNATExemption, order: orderData, Lines: lines,
			Summary: fmt.Sprintf("%s translates packets of %s before its crypto map sees them, so they miss it; the lab does no NAT", g.Name, traffic(s)),
			Fix:     []Fix{{g.Name, "ahead of the line that permits", []string{"ip access-list extended " + acl.Name, fmt.Sprintf(" %d deny ip %s %s", max(1, x.Seq-1), network(s.LocalNet), network(s.RemoteNet))}}}}, t)
	}
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
		if acl == nil || slices.ContainsFunc(f.source.Unsupported, func(u config.Unsupported) bool { return u.Owner == at.filterIn }) {
			p.note(Note{fmt.Sprintf("what the access list %s drops on %s of %s is not compared", at.filterIn, name, g.Name), []Quote{f.quote(at.filterLine, "")}})
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
			p.add(Finding{Cause: diagnose.LocalFirewall, order: orderRoute, Lines: lines,
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
