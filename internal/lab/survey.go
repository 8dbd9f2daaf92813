package lab

import (
	"net/netip"

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

// Path implements console.Surveyor: the routing table decides which crypto map
// sees a packet.
func (g gateway) Path(to netip.Addr) (name string, known bool) {
	if out, _, ok := g.host.lookup(to); ok {
		return out.name, true
	}
	return "", true
}

// Reachable implements console.Surveyor.
func (g gateway) Reachable(peer netip.Addr) bool {
	_, _, ok := g.host.lookup(peer)
	return ok
}
