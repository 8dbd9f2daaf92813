package lab

import (
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// probe is a ping across a line of a crypto access list.
type probe struct {
	from           *host
	source, target netip.Addr
}

// demonstrate debugs the responders, pings across every crypto access list and
// shows the SAs. It says whether every ping was answered, and every request of
// each; a lab without any such line has failed too.
func (l *lab) demonstrate() bool {
	probes, notes := l.probes()
	for _, note := range notes {
		l.write([]byte("! " + note + "\n"))
	}
	for _, h := range l.responders(probes) {
		l.command(h, "debug crypto isakmp")
	}
	ok := len(probes) > 0
	for _, p := range probes {
		r := l.command(p.from, fmt.Sprintf("ping %s source %s", p.target, p.source))
		answer, pinged := r.JSON.(console.Ping)
		ok = ok && pinged && answer.Received == answer.Sent
	}
	for _, h := range l.hosts {
		l.command(h, "show crypto isakmp sa")
		l.command(h, "show crypto ipsec sa")
	}
	return ok
}

// probes finds a ping for each permit line of each crypto map, and says of the
// others why there is none. Spokes come before hubs: the gateways with the
// fewest connections first, of equals the last by name.
func (l *lab) probes() (all []probe, notes []string) {
	order := slices.Clone(l.hosts)
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b *host) int {
		return len(a.router.Connections()) - len(b.router.Connections())
	})
	for _, h := range order {
		for _, c := range h.router.Connections() {
			if c.Dynamic {
				notes = append(notes, fmt.Sprintf("%s: crypto map %s %d is not pinged: the dynamic crypto map %s waits for its peers", h.name, c.Map, c.Seq, c.DynamicMap))
				continue
			}
			for i, line := range c.ACL {
				if !line.Permit {
					continue
				}
				p, why := l.probe(h, c, line)
				if why == "" {
					all = append(all, p)
					continue
				}
				notes = append(notes, fmt.Sprintf("%s: crypto map %s %d, access list line %d is not pinged: %s", h.name, c.Map, c.Seq, i+1, why))
			}
		}
	}
	return all, notes
}

// probe finds the ends of a ping across one line, or why there is none.
func (l *lab) probe(h *host, c *ike.Connection, line policy.ACLEntry) (probe, string) {
	selector := policy.Selector(line.Local, line.Remote)
	if selector.Protocol != 0 && selector.Protocol != protoICMP {
		return probe{}, "it is not for ICMP"
	}
	p := probe{from: h}
	for _, own := range h.ports {
		if selector.LocalNet.Contains(own.addr) && !p.source.IsValid() {
			p.source = own.addr
		}
	}
	if !p.source.IsValid() {
		return probe{}, fmt.Sprintf("%s has no address in %s", h.name, selector.LocalNet)
	}
	var others []*host
	for _, peer := range c.Peers {
		if far := l.holder(peer); far != nil && far != h {
			others = append(others, far)
		}
	}
	for _, other := range append(others, l.hosts...) {
		for _, far := range other.ports {
			if other != h && selector.RemoteNet.Contains(far.addr) {
				p.target = far.addr
				return p, ""
			}
		}
	}
	return probe{}, fmt.Sprintf("no other gateway has an address in %s", selector.RemoteNet)
}

// responders are the gateways that an earlier one calls, in the order of names.
func (l *lab) responders(probes []probe) []*host {
	called, began := make(map[*host]bool), make(map[*host]bool)
	for _, p := range probes {
		began[p.from] = true
		for _, c := range p.from.router.Connections() {
			for _, peer := range c.Peers {
				if far := l.holder(peer); far != nil && !began[far] {
					called[far] = true
				}
			}
		}
	}
	var out []*host
	for _, h := range l.hosts {
		if called[h] {
			out = append(out, h)
		}
	}
	return out
}
