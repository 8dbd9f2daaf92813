package diagnose

import (
	"net/netip"
	"slices"
	"time"
)

// Case is what is known of the dealings with one peer. Rules ask it; they do not
// sort out themselves what is over and what is not.
type Case struct {
	Peer netip.Addr
	Name string // the peer's, where its address is not known
	All  Part
	Now  time.Time // of the last observation; zero when the source does not say

	// Phase1 is what belongs to negotiations of phase 1 that have come to
	// nothing since the last one that succeeded.
	Phase1 Part
	// Phase2 is the same of quick modes, without those of other pairs than the
	// ones that still fail.
	Phase2 Part
	// Attempt is the last negotiation of phase 1 within Phase1 that shows how it
	// went; nil for none.
	Attempt *Attempt

	Up        bool // an ISAKMP SA is up
	TunnelUp  bool // a pair of IPsec SAs is up
	Succeeded bool // phase 1 came up once, or a tunnel did
	Surveyed  bool // the configuration here is known
	OnPath    bool // it was seen between the two ends, of which either may be here
	Dealings  bool // something happened between the two ends
}

// Part is some observations of a case, in order.
type Part []*Observation

// Of returns those of some kinds.
func (p Part) Of(kinds ...Kind) Part {
	return p.where(func(o *Observation) bool { return slices.Contains(kinds, o.Kind) })
}

// Has says whether there is one of some kinds.
func (p Part) Has(kinds ...Kind) bool { return len(p.Of(kinds...)) > 0 }

// In returns those of a phase.
func (p Part) In(phase Phase) Part {
	return p.where(func(o *Observation) bool { return o.Phase == phase })
}

// About returns those whose Detail is one of some words.
func (p Part) About(details ...string) Part {
	return p.where(func(o *Observation) bool { return slices.Contains(details, o.Detail) })
}

// At returns those about a message of an exchange.
func (p Part) At(message int) Part {
	return p.where(func(o *Observation) bool { return o.Message == message })
}

func (p Part) where(keep func(*Observation) bool) Part {
	var out Part
	for _, o := range p {
		if keep(o) {
			out = append(out, o)
		}
	}
	return out
}

// standing says whether one of them is so at present.
func (p Part) standing() bool {
	return slices.ContainsFunc(p, func(o *Observation) bool { return o.Standing })
}

// Last returns the last one, nil for none.
func (p Part) Last() *Observation {
	if len(p) == 0 {
		return nil
	}
	return p[len(p)-1]
}

// First returns the first one, nil for none.
func (p Part) First() *Observation {
	if len(p) == 0 {
		return nil
	}
	return p[0]
}

// After returns those behind the last one of some kinds, all where there is
// none.
func (p Part) After(kinds ...Kind) Part {
	for i := len(p) - 1; i >= 0; i-- {
		if slices.Contains(kinds, p[i].Kind) {
			return p[i+1:]
		}
	}
	return p
}

// Total adds up the counts.
func (p Part) Total() (n uint64) {
	for _, o := range p {
		n += o.Count
	}
	return n
}

// sessions counts the negotiations that they come from.
func (p Part) sessions() int {
	seen := make(map[uint64]bool)
	for _, o := range p {
		seen[o.Session] = true
	}
	return len(seen)
}

// caseKey is whom a case is about: a peer, by its address or else its name, or
// both ends of a path.
type caseKey struct {
	peer, other netip.Addr
	name        string
}

func (o *Observation) caseKey() caseKey {
	switch {
	case !o.OnPath && !o.Peer.IsValid():
		return caseKey{name: o.Name}
	case !o.OnPath:
		return caseKey{peer: o.Peer}
	case o.Peer.Less(o.Local):
		return caseKey{peer: o.Peer, other: o.Local}
	}
	return caseKey{peer: o.Local, other: o.Peer}
}

// Cases sorts observations by peer, in the order in which the peers were first
// seen; those of a capture by the pair of ends. One without a peer belongs to
// every case, and makes one of its own only when there is no other.
func Cases(all []Observation) []*Case {
	var keys []caseKey
	of := make(map[caseKey][]int)
	for i := range all {
		k := all[i].caseKey()
		if _, known := of[k]; !known && k != (caseKey{}) {
			keys = append(keys, k)
		}
		of[k] = append(of[k], i)
	}
	common := of[caseKey{}]
	if len(keys) == 0 && len(common) > 0 {
		return []*Case{newCase(netip.Addr{}, pick(all, common))}
	}
	cases := make([]*Case, len(keys))
	for i, k := range keys {
		own := append(slices.Clone(common), of[k]...)
		slices.Sort(own)
		part := pick(all, own)
		peer := k.peer
		if k.other.IsValid() {
			peer = part.onPath().Last().Peer
		}
		cases[i] = newCase(peer, part)
		cases[i].Name = k.name
	}
	return cases
}

func pick(all []Observation, indexes []int) Part {
	p := make(Part, len(indexes))
	for i, at := range indexes {
		p[i] = &all[at]
	}
	return p
}

func newCase(peer netip.Addr, all Part) *Case {
	c := &Case{Peer: peer, All: all}
	for _, o := range c.All {
		if o.Time.After(c.Now) {
			c.Now = o.Time
		}
	}
	c.Surveyed = c.All.Has(Surveyed)
	c.OnPath = len(c.All.onPath()) > 0
	c.Dealings = slices.ContainsFunc(c.All, func(o *Observation) bool { return !o.Standing && (o.Peer == peer || o.OnPath) })
	c.Succeeded = c.All.Has(Phase1Up, Phase2Up)
	c.setUp()
	c.Phase1 = c.openPhase1()
	c.Phase2 = c.openPhase2()
	c.Attempt = lastAttempt(c.Phase1)
	return c
}

// setUp follows what came up and ended, where nobody has looked what is up.
func (c *Case) setUp() {
	if c.Surveyed {
		c.TunnelUp = c.All.Has(Encapsulated)
		c.Up = slices.ContainsFunc(c.All.Of(StateSeen), func(o *Observation) bool { return o.Detail == stateUp && o.Attr == "" })
		return
	}
	up := make(map[uint64]bool)
	for _, o := range c.All {
		switch {
		case o.Kind == Phase1Up, o.Kind == StateSeen && o.Detail == stateUp && o.Attr == "":
			up[o.Session] = true
		case o.Kind == SADeleted && o.Phase == Phase1:
			delete(up, o.Session)
		case o.Kind == Phase2Up:
			c.TunnelUp = true
		case o.Kind == SADeleted && o.Phase == Phase2:
			c.TunnelUp = false
		}
	}
	c.Up = len(up) > 0
	c.TunnelUp = c.TunnelUp || c.All.Has(Encapsulated)
}

// stateUp is the state of an ISAKMP SA that is up.
const stateUp = "QM_IDLE"

// openPhase1 leaves out the negotiations that began before the last success,
// and those that succeeded.
func (c *Case) openPhase1() Part {
	last := -1
	for i, o := range c.All {
		if o.Kind == Phase1Up {
			last = i
		}
	}
	over := make(map[uint64]bool)
	for i, o := range c.All {
		if o.Session != 0 && (i <= last || o.Kind == Phase1Up) {
			over[o.Session] = true
		}
	}
	var open Part
	for i, o := range c.All {
		if i > last && (o.Session == 0 || !over[o.Session]) && o.Phase != Phase2 && o.Phase != PhaseData {
			open = append(open, o)
		}
	}
	return open.withoutMended()
}

// withoutMended leaves out refusals of negotiations after which another one,
// called by the same end, came further.
func (p Part) withoutMended() Part {
	type progress struct {
		message, last int
		role          Role
	}
	of := make(map[uint64]*progress)
	for i, o := range p {
		if o.Session == 0 || o.Phase != Phase1 {
			continue
		}
		if of[o.Session] == nil {
			of[o.Session] = &progress{role: o.Role}
		}
		if of[o.Session].last = i; o.Kind == MessageSent || o.Kind == MessageReceived {
			of[o.Session].message = max(of[o.Session].message, o.Message)
		}
	}
	return p.where(func(o *Observation) bool {
		own := of[o.Session]
		if own == nil || !slices.Contains(refusals, o.Kind) {
			return true
		}
		for _, other := range of {
			if other.role == own.role && other.last > own.last && other.message > own.message+1 {
				return false
			}
		}
		return true
	})
}

// refusals are what ends a negotiation of phase 1 at one of its messages.
var refusals = []Kind{OfferRefused, AllOffersRefused, KeyMissing, NotifyReceived}

// staleAfter is how long a quick mode that failed counts beside one for other
// traffic that came up since.
const staleAfter = 10 * time.Minute

// openPhase2 leaves out what was for traffic that has a tunnel since. A failure
// for other traffic stays, unless the pair that came up later is the same one
// mended, or the failure is long ago.
func (c *Case) openPhase2() Part {
	var open Part
	for i, o := range c.All {
		if o.Phase != Phase2 || o.Kind == Phase2Up {
			continue
		}
		if !slices.ContainsFunc(c.All[i+1:], func(later *Observation) bool { return later.Kind == Phase2Up && c.settles(later, o) || later.passes(o) }) {
			open = append(open, o)
		}
	}
	return open
}

// passes says whether a later quick mode for the same traffic came further than
// to its identities, which o refuses.
func (later *Observation) passes(o *Observation) bool {
	if o.Kind != ProxyRefused || o.Pair == "" || later.Pair != o.Pair || later.Role != o.Role {
		return false
	}
	return later.Kind == TransformRefused || later.Kind == PFSRefused || later.Kind == MessageSent && later.Message == 2
}

// settles says whether a tunnel that came up later ends the matter of o.
func (c *Case) settles(later, o *Observation) bool {
	if o.Pair == "" || later.Pair == "" || o.Pair == later.Pair || pairsOverlap(o.Pair, later.Pair) {
		return true
	}
	if c.wanted(later.Pair) && c.unwanted(o.Pair) {
		return true
	}
	return c.Now.Sub(o.Time) > staleAfter
}

// wanted says whether the configuration here has a pair; unwanted, that it is
// known and has not. The peer may still ask for the latter.
func (c *Case) wanted(pair string) bool {
	return slices.ContainsFunc(c.All.Of(Configured), func(o *Observation) bool { return o.Pair == pair })
}

func (c *Case) unwanted(pair string) bool { return c.Surveyed && !c.wanted(pair) }
