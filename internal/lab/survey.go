package lab

import (
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
)

// missed counts packets that left outside of a tunnel although one of their
// ends is a line's.
type missed struct {
	count uint64
	last  string
}

// notePassed counts a packet that no crypto map line wanted, with the lines that
// it nearly matched.
func (d *dataPlane) notePassed(processor *ipsec.Processor, flow ipsec.Flow) {
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

// Ruled implements console.Surveyor: routes decide which crypto map sees a
// packet.
func (g gateway) Ruled() bool { return false }
