package router

import (
	"fmt"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// Counted is what a router has counted, as a later one can go on with it: what is
// counted by reason stands by the reason's name, which outlives a release.
type Counted struct {
	Engine  ike.Statistics     `json:"engine"` // without Dropped
	Dropped map[string]uint64  `json:"dropped"`
	Packets map[string]uint64  `json:"packets"` // dropped by the data plane
	Lines   map[string]Carried `json:"lines"`   // by crypto map entry and line of its access list
}

// Carried are the packets and octets that SAs have carried: encapsulated, then
// decapsulated.
type Carried struct{ OutPackets, OutBytes, InPackets, InBytes uint64 }

// Counted returns what the router has counted, and those before it that it went on
// with.
func (r *Router) Counted() Counted {
	c := Counted{Engine: r.engines.Statistics(), Dropped: make(map[string]uint64), Packets: make(map[string]uint64), Lines: make(map[string]Carried)}
	for d, n := range c.Engine.Dropped {
		if n > 0 {
			c.Dropped[trace.Drop(d).String()] = n
		}
	}
	c.Engine.Dropped = [trace.NumDrops]uint64{}
	for d, n := range r.PacketDrops() {
		if n > 0 {
			c.Packets[ipsec.Drop(d).String()] = n
		}
	}
	r.eachLine(func(key lineKey, name string) {
		n := r.carried(key)
		if l := (Carried{n.EncapsPackets, n.EncapsBytes, n.DecapsPackets, n.DecapsBytes}); l != (Carried{}) {
			c.Lines[name] = l
		}
	})
	return c
}

// countOn goes on with what an earlier router has counted.
func (r *Router) countOn(c *Counted) {
	if c == nil {
		return
	}
	counted := c.Engine
	for d := range trace.NumDrops {
		counted.Dropped[d] = c.Dropped[d.String()]
	}
	r.engines.CountOn(counted)
	for d := range r.dropped {
		r.dropped[d] = c.Packets[ipsec.Drop(d).String()]
	}
	r.eachLine(func(key lineKey, name string) {
		if l, ok := c.Lines[name]; ok {
			r.tally.past[key] = tallied{encapsPackets: l.OutPackets, encapsBytes: l.OutBytes, decapsPackets: l.InPackets, decapsBytes: l.InBytes}
		}
	})
}

// eachLine names every line of a configured access list, so that another router
// knows it again if it is the same line of the same crypto map entry.
func (r *Router) eachLine(f func(key lineKey, name string)) {
	for _, c := range r.conns {
		for i, l := range c.ACL {
			f(lineKey{c.Tag, i}, fmt.Sprintf("%s %d %s %d: %t %+v %+v", c.Map, c.Seq, c.Interface, i, l.Permit, l.Local, l.Remote))
		}
	}
}
