package lab

import (
	"net/netip"
	"slices"

	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// missed counts packets that left outside of a tunnel although one of their
// ends is a line's.
type missed struct {
	count uint64
	last  string
}

// notePassed counts a packet that no crypto map line wanted, with the lines that
// it nearly matched.
// What a router says of packets that it could not forward is no traffic.
func (d *dataPlane) notePassed(processor *ipsec.Processor, flow ipsec.Flow, p packet) {
	if kind, icmp := p.icmp(); icmp && kind == icmpUnreachable {
		return
	}
	for _, e := range processor.Policies() {
		from, to := e.Selector.LocalNet.Contains(flow.Src), e.Selector.RemoteNet.Contains(flow.Dst)
		if !e.Permit || from == to && !from {
			continue
		}
		k := lineKey{e.Tag, e.Line}
		if d.missed[k] == nil {
			d.missed[k] = &missed{}
		}
		d.missed[k].count++
		d.missed[k].last = flow.Src.String() + " - " + flow.Dst.String()
	}
}

// Missed implements console.Surveyor.
func (g gateway) Missed(tag uint32, line int) (n uint64, last string) {
	if m := g.host.plane.missed[lineKey{tag, uint32(line)}]; m != nil {
		return m.count, m.last
	}
	return 0, ""
}

// RouteTo implements console.Surveyor.
func (g gateway) RouteTo(to netip.Addr) (diagnose.Hop, bool) {
	out, hop, ok := g.host.lookup(to)
	if !ok {
		return diagnose.Hop{}, false
	}
	best, _ := g.host.best(to)
	if hop == to {
		hop = netip.Addr{}
	}
	return diagnose.Hop{Prefix: best.prefix, NextHop: hop, Interface: out.name}, true
}

// WaysInto implements console.Surveyor.
func (g gateway) WaysInto(network, except trace.Proxy) (ways []string, known bool) {
	add := func(to netip.Addr) {
		if out, _, ok := g.host.lookup(to); ok && !slices.Contains(ways, out.name) {
			ways = append(ways, out.name)
		}
	}
	add(hostOf(network))
	if within(network.Lo, except) && within(network.Hi, except) {
		except = trace.Proxy{}
	}
	for _, r := range slices.Concat(g.host.routes, g.host.plane.routes) {
		if inside := r.prefix.Addr(); within(inside, network) && !within(inside, except) {
			add(inside.Next())
		}
	}
	return ways, true
}

func within(a netip.Addr, p trace.Proxy) bool { return p.Lo.Compare(a) <= 0 && a.Compare(p.Hi) <= 0 }

// hostOf is an address in a network, but not its first, to which there may be a
// route of another kind.
func hostOf(p trace.Proxy) netip.Addr {
	if p.Lo == p.Hi {
		return p.Lo
	}
	return p.Lo.Next()
}

// Ruled implements console.Surveyor: routes decide which crypto map sees a
// packet.
func (g gateway) Ruled() bool { return false }
