package router

import (
	"maps"
	"slices"

	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// lineKey names a line of a connection's access list.
type lineKey struct {
	tag  uint32
	line int
}

// tally is what SAs that have gone have carried, and at which values the
// operator cleared what is shown. The SAs themselves count on.
type tally struct {
	past    map[lineKey]tallied
	sas     map[uint32]tallied // cleared pairs, by inbound SPI
	lines   map[lineKey]tallied
	matches map[lineKey]tallied
}

func newTally() tally {
	return tally{make(map[lineKey]tallied), make(map[uint32]tallied), make(map[lineKey]tallied), make(map[lineKey]tallied)}
}

// tallied is counters in an eighth of their memory, where nothing was dropped: there
// are as many as tunnels.
type tallied struct {
	encapsPackets, encapsBytes uint64
	decapsPackets, decapsBytes uint64
	pathMTU                    int
	drops                      *[2]ipsec.DropCounts // sent and received; nil for none
}

func tallyOf(c console.Counters) tallied {
	t := tallied{c.EncapsPackets, c.EncapsBytes, c.DecapsPackets, c.DecapsBytes, c.PathMTU, nil}
	if none := (ipsec.DropCounts{}); c.SendDrops != none || c.RecvDrops != none {
		t.drops = &[2]ipsec.DropCounts{c.SendDrops, c.RecvDrops}
	}
	return t
}

func (t tallied) counters() console.Counters {
	c := console.Counters{EncapsPackets: t.encapsPackets, EncapsBytes: t.encapsBytes, DecapsPackets: t.decapsPackets, DecapsBytes: t.decapsBytes, PathMTU: t.pathMTU}
	if t.drops != nil {
		c.SendDrops, c.RecvDrops = t.drops[0], t.drops[1]
	}
	return c
}

// gone adds up what a pair has carried that ends; x is its inbound SA.
func (t *tally) gone(x ike.RemovedSA, c console.Counters) {
	key := lineKey{x.Connection, x.Line}
	t.past[key] = tallyOf(addCounters(t.past[key].counters(), c))
	delete(t.sas, x.SPI)
}

// forget drops a connection that has no access list but one line.
func (t *tally) forget(tag uint32) {
	for _, m := range []map[lineKey]tallied{t.past, t.lines, t.matches} {
		delete(m, lineKey{tag, 0})
	}
}

// keep forgets all but these connections.
func (t *tally) keep(conns []*ike.Connection) {
	for _, m := range []map[lineKey]tallied{t.past, t.lines, t.matches} {
		maps.DeleteFunc(m, func(key lineKey, _ tallied) bool {
			return !slices.ContainsFunc(conns, func(c *ike.Connection) bool { return c.Tag == key.tag })
		})
	}
}

// totals is what the SAs of each line have carried, those that have gone and
// those that are there.
func (r *Router) totals() map[lineKey]tallied {
	all := maps.Clone(r.tally.past)
	for _, sa := range r.engines.IPsecSAs() {
		key := lineKey{sa.Connection, sa.Line}
		all[key] = tallyOf(addCounters(all[key].counters(), r.opts.DataPlane.Counters(sa.InSPI, sa.OutSPI)))
	}
	return all
}

// carried is the total of one line.
func (r *Router) carried(key lineKey) console.Counters {
	sum := r.tally.past[key].counters()
	for _, sa := range r.engines.PairsOf(key.tag) {
		if sa.Line == key.line {
			sum = addCounters(sum, r.opts.DataPlane.Counters(sa.InSPI, sa.OutSPI))
		}
	}
	return sum
}

// SACounters are those of a pair of SAs since ClearCounters.
func (r *Router) SACounters(inSPI, outSPI uint32) console.Counters {
	return subtract(r.opts.DataPlane.Counters(inSPI, outSPI), r.tally.sas[inSPI].counters())
}

// PolicyCounters are those of a line, over all SAs that it has had since
// ClearCounters.
func (r *Router) PolicyCounters(tag uint32, line int) console.Counters {
	key := lineKey{tag, line}
	return subtract(r.carried(key), r.tally.lines[key].counters())
}

// Matches counts the packets of a line since ClearMatches.
func (r *Router) Matches(tag uint32, line int) uint64 {
	key := lineKey{tag, line}
	c := subtract(r.carried(key), r.tally.matches[key].counters())
	return c.EncapsPackets + c.DecapsPackets
}

func addCounters(a, b console.Counters) console.Counters {
	a.EncapsPackets += b.EncapsPackets
	a.EncapsBytes += b.EncapsBytes
	a.DecapsPackets += b.DecapsPackets
	a.DecapsBytes += b.DecapsBytes
	a.SendDrops = a.SendDrops.Plus(b.SendDrops)
	a.RecvDrops = a.RecvDrops.Plus(b.RecvDrops)
	if b.PathMTU != 0 {
		a.PathMTU = b.PathMTU
	}
	return a
}

// subtract leaves 0 where there was less.
func subtract(c, from console.Counters) console.Counters {
	c.EncapsPackets -= min(from.EncapsPackets, c.EncapsPackets)
	c.EncapsBytes -= min(from.EncapsBytes, c.EncapsBytes)
	c.DecapsPackets -= min(from.DecapsPackets, c.DecapsPackets)
	c.DecapsBytes -= min(from.DecapsBytes, c.DecapsBytes)
	c.SendDrops = c.SendDrops.Minus(from.SendDrops)
	c.RecvDrops = c.RecvDrops.Minus(from.RecvDrops)
	return c
}
