package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// quickAttrs are what the words of a phase 2 suite are of, in their order.
var quickAttrs = []string{AttrTransform, AttrIntegrity, AttrMode, AttrGroup}

// quickOffersDiffer compares what the two ends offer to each other in phase 2,
// where a capture could be decrypted and both have called in vain: first the
// networks, then the suites.
func quickOffersDiffer(c *Case) *Finding {
	all := c.Phase2.Of(QuickOffer).onPath()
	if len(all) == 0 || c.TunnelUp || !c.Phase2.Has(NotifyReceived, QuickFailed, GaveUp) {
		return nil
	}
	last := all.Last()
	mine := all.where(func(o *Observation) bool { return o.Local == last.Local })
	theirs := all.where(func(o *Observation) bool { return o.Local != last.Local })
	if len(theirs) == 0 {
		return nil
	}
	facing := func(m, t *Observation) bool { return m.Pair == Flip(t.Pair) }
	var best *difference
	for _, m := range mine {
		for _, t := range theirs {
			if !facing(m, t) {
				continue
			}
			d := differInQuick(m.Detail, t.Detail)
			if d == nil {
				return nil
			}
			if best == nil || d.rank > best.rank {
				best, d.mine, d.theirs = d, m, t
			}
		}
	}
	if best == nil {
		return networksDiffer(last, theirs.Last())
	}
	cause, others := Phase2TransformMismatch, []Cause{PFSMismatch}
	if best.attr == AttrGroup {
		cause, others = PFSMismatch, []Cause{Phase2TransformMismatch}
	}
	f := find(cause, Likely, Part{best.theirs, best.mine}, fmt.Sprintf("%s offers %s for phase 2, and %s, in the offer that comes closest, %s", best.mine.Local, best.a, best.theirs.Local, best.b)).
		in(Phase2, 1).or("An end may accept more than it offers: its configuration says what.", others...)
	kind := TransformRefused
	if cause == PFSMismatch {
		kind = PFSRefused
	}
	f.about = &Observation{Kind: kind, OnPath: true, Phase: Phase2, Local: best.mine.Local, Peer: best.mine.Peer, Pair: best.mine.Pair, Attr: best.attr, Offered: best.b, Wanted: best.a}
	return f
}

// differInQuick compares two phase 2 suites; nil where they are the same.
func differInQuick(mine, theirs string) *difference {
	m, t := strings.Split(mine, ", "), strings.Split(theirs, ", ")
	var found *difference
	same := 0
	for i, attr := range quickAttrs {
		if i >= len(m) || i >= len(t) || m[i] == t[i] {
			same++
		} else if found == nil {
			found = &difference{attr: attr, a: m[i], b: t[i]}
		}
	}
	if found != nil {
		found.rank = same
	}
	return found
}

// networksDiffer are two ends that ask for tunnels between other networks.
func networksDiffer(m, t *Observation) *Finding {
	if m.Pair == "" || t.Pair == "" {
		return nil
	}
	f := find(ProxyIdentityMismatch, Likely, Part{t, m}, fmt.Sprintf("%s asks for a tunnel for %s, and %s, seen from the same side, for %s", m.Local, m.Pair, t.Local, Flip(t.Pair))).in(Phase2, 1).
		or("An end may have several tunnels: its configuration says which.", Phase2TransformMismatch)
	f.about = &Observation{Kind: ProxyRefused, OnPath: true, Phase: Phase2, Local: m.Local, Peer: m.Peer, Pair: Flip(t.Pair)}
	return f
}

// offeredInQuick is what was offered in phase 2, for a sentence; "" where it is
// not known.
func (c *Case) offeredInQuick() string {
	var suites []string
	for _, o := range c.Phase2.Of(QuickOffer).onPath() {
		if !slices.Contains(suites, o.Detail) {
			suites = append(suites, o.Detail)
		}
	}
	switch n := len(suites); {
	case n == 0:
		return ""
	case n > 3:
		return fmt.Sprintf(". %d suites were offered, first %s", n, suites[0])
	}
	return ". It was offered " + strings.Join(suites, "; or ")
}
