package capture

import (
	"cmp"
	"slices"

	"qmidle/internal/diagnose"
)

// Bounds of what is told: of a pair, of a pair where there are many, and of all.
const (
	maxTold      = 192
	maxToldMany  = 12
	manyTold     = 12_000
	maxToldOfAll = 24_000
	keptFirst    = 8
)

// tell keeps an observation of one end of a conversation.
func (r *reader) tell(c *conversation, here int, at place, text string, o diagnose.Observation) {
	limit := maxTold
	if r.told >= manyTold {
		limit = maxToldMany
	}
	if r.told >= maxToldOfAll && len(c.out) < limit {
		r.dropped++
		return
	}
	if len(c.out) >= 2*limit {
		// The first ones say how it began, the last ones how it stands.
		n := len(c.out) - limit
		c.out = slices.Delete(c.out, keptFirst, keptFirst+n)
		r.told -= n
		r.dropped += uint64(n)
	}
	o.OnPath, o.Cookie = true, c.cookieOf(o.Session)
	o.Local, o.Peer, o.Time = c.addr[here], c.addr[1-here], at.time
	o.Evidence = diagnose.Evidence{Source: r.options.Source, Line: int(at.number), Time: at.time, Text: text}
	c.out = append(c.out, o)
	r.told++
}

// collect puts what is told in the order of the file.
func (r *reader) collect() {
	all := make([]diagnose.Observation, 0, r.told)
	for _, c := range r.order {
		all = append(all, c.out...)
		c.out = nil
	}
	slices.SortStableFunc(all, func(a, b diagnose.Observation) int { return cmp.Compare(a.Evidence.Line, b.Evidence.Line) })
	r.result.Observations = all
}
