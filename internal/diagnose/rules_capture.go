package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// captureRules are about what only a capture shows: both ends' offers, a NAT that
// neither speaks of, and hashes that a given key makes or does not make.
var captureRules = []rule{
	{"offers-differ", Phase1PolicyMismatch, []Kind{PolicyHere}, Likely, seen, offersDiffer},
	{"quick-offers-differ", Phase2TransformMismatch, []Kind{QuickOffer}, Likely, seen, quickOffersDiffer},
	{"modes-differ", AggressiveVsMain, []Kind{PolicyHere}, Likely, seen, modesDiffer},
	{"no-nat-traversal", ESPBlocked, []Kind{NATTMissing}, Possible, inferred, noNATTraversal},
	{"key-disproved", PSKMismatch, []Kind{KeyDisproved}, Certain, seen, keyDisproved},
	{"key-proved", PSKMismatch, []Kind{KeyProved}, Likely, seen, keyProved},
	{"aggressive-unconfirmed", PSKMismatch, []Kind{MessageSent}, Possible, inferred, aggressiveUnconfirmed},
}

// Details by which a capture says more.
const (
	// InAggressiveMode is of the messages and the offer of an aggressive mode.
	InAggressiveMode = "aggressive mode"
	// RefusedByNotify is of a quick mode to which an encrypted notify was the
	// answer.
	RefusedByNotify = "answered by a notify"
	// FilteredPerhaps is of fragments that the capture's own filter may have left
	// out: it has none at all.
	FilteredPerhaps = "the capture has no fragment of any packet but first ones"
)

// onPath are the observations of a capture.
func (p Part) onPath() Part {
	return p.where(func(o *Observation) bool { return o.OnPath })
}

// failing says whether the last negotiations of phase 1 have come to nothing.
func (c *Case) failing() bool {
	return c.Attempt != nil || c.Phase1.Has(NotifyReceived, RefusedUnread)
}

// offersOf are the offers of phase 1 of each end, where both have called.
func (c *Case) offersOf() (mine, theirs Part) {
	all := c.All.Of(PolicyHere).onPath()
	last := all.Last()
	if last == nil {
		return nil, nil
	}
	for _, o := range all {
		if o.Local == last.Local {
			mine = append(mine, o)
		} else {
			theirs = append(theirs, o)
		}
	}
	return mine, theirs
}

// offersDiffer compares what the two ends offer to each other. Neither accepts
// the other's, and no offer of one is an offer of the other: an end offers what
// it would accept, as a rule.
func offersDiffer(c *Case) *Finding {
	mine, theirs := c.offersOf()
	if len(mine) == 0 || len(theirs) == 0 || !c.failing() {
		return nil
	}
	if a := c.Attempt; a != nil && a.Received > 1 {
		return nil // an offer was accepted
	}
	var best *difference
	for _, m := range mine {
		for _, t := range theirs {
			if d := differ(m.Detail, t.Detail); d == nil {
				return nil
			} else if best == nil || d.rank > best.rank {
				best, d.mine, d.theirs = d, m, t
			}
		}
	}
	summary := fmt.Sprintf("%s offers the %s %s for phase 1, and %s, in the offer that comes closest, %s", best.mine.Local, best.attr, best.a, best.theirs.Local, best.b)
	f := find(Phase1PolicyMismatch, Likely, append(Part{best.theirs, best.mine}, c.Phase1.Of(NotifyReceived)...), summary).in(Phase1, 1).
		or("An end may accept more than it offers: its configuration says what.", NoPSKForPeer, ConnectionNotMatched)
	f.about = &Observation{Kind: OfferRefused, OnPath: true, Local: best.mine.Local, Peer: best.mine.Peer, Attr: best.attr, Offered: best.b, Wanted: best.a}
	return f
}

// difference is the first thing in which two suites differ, and how far they
// agree.
type difference struct {
	attr, a, b   string
	rank         int
	mine, theirs *Observation
}

// differ compares two suites; nil where they are the same.
func differ(mine, theirs string) *difference {
	m, ok1 := readSuite(mine)
	t, ok2 := readSuite(theirs)
	if !ok1 || !ok2 {
		return nil
	}
	var found *difference
	same := 0
	for _, x := range []struct{ attr, a, b string }{{AttrEncryption, m.encr, t.encr}, {AttrHash, m.hash, t.hash}, {AttrGroup, m.group, t.group}, {AttrAuth, m.auth, t.auth}} {
		if x.a == x.b {
			same++
		} else if found == nil {
			found = &difference{attr: x.attr, a: x.a, b: x.b}
		}
	}
	if found != nil {
		found.rank = same
	}
	return found
}

// modesDiffer are two ends that call each other, one in main and one in
// aggressive mode, in vain.
func modesDiffer(c *Case) *Finding {
	mine, theirs := c.offersOf()
	if len(mine) == 0 || len(theirs) == 0 || !c.failing() || c.Attempt != nil && c.Attempt.Received > 1 {
		return nil
	}
	a, b := mine.Last(), theirs.Last()
	if a.Attr == b.Attr {
		return nil
	}
	aggressive, main := a, b
	if b.Attr == InAggressiveMode {
		aggressive, main = b, a
	}
	return find(AggressiveVsMain, Likely, Part{b, a}, fmt.Sprintf("%s calls in aggressive mode, and %s in main mode", aggressive.Local, main.Local)).in(Phase1, 1).
		or("An end may answer to a mode in which it does not call; its log says why it refuses.", Phase1PolicyMismatch, NoPSKForPeer)
}

// offered is what a caller has offered, for a sentence; "" where it is not known.
func (c *Case) offered() string {
	var suites []string
	for _, o := range c.Phase1.Of(PolicyHere).onPath() {
		if !slices.Contains(suites, o.Detail) {
			suites = append(suites, o.Detail)
		}
	}
	switch len(suites) {
	case 0:
		return ""
	case 1:
		return ". It was offered " + suites[0]
	case 2, 3:
		return ". It was offered " + strings.Join(suites, "; or ")
	}
	return fmt.Sprintf(". It was offered %d suites, first %s", len(suites), suites[0])
}

// noNATTraversal is a NAT between two ends that do not go on at UDP 4500: ports
// cannot be translated in ESP, so that it does not come back.
func noNATTraversal(c *Case) *Finding {
	on := c.All.Of(NATTMissing)
	if len(on) == 0 {
		return nil
	}
	both := false
	c.flows(func(out, in *Observation) { both = both || out.Count > 0 && in.Count > 0 })
	if both {
		return nil
	}
	f := find(ESPBlocked, Possible, on, "there is a NAT between the two ends, and they do not use NAT-T: "+on.Last().Detail+". ESP does not pass a NAT that translates ports").in(Phase1, 2)
	return f.or("A NAT that is for one host only does pass ESP. See whether the tunnel's packets come back.", LocalFirewall, NATT4500Blocked)
}

// keyDisproved is a responder whose hash none of the given keys makes.
func keyDisproved(c *Case) *Finding {
	on := c.Phase1.Of(KeyDisproved)
	if len(on) == 0 || c.Phase1.After(KeyDisproved).Has(KeyProved) || !c.failing() {
		return nil
	}
	what := "the key that was given"
	if n := on.Last().Count; n > 1 {
		what = fmt.Sprintf("any of the %d keys that were given", n)
	}
	return find(PSKMismatch, Certain, on, fmt.Sprintf("%s made its hash with another pre-shared key than %s", on.Last().Peer, what)).in(Phase1, 2)
}

// keyProved is a responder with the key that was given, whose proof the
// initiator does not take: it has another one.
func keyProved(c *Case) *Finding {
	on := c.Phase1.Of(KeyProved)
	if len(on) == 0 || !c.failing() {
		return nil
	}
	o := on.Last()
	return find(PSKMismatch, Likely, on, fmt.Sprintf("%s uses the pre-shared key that was given (%s), and %s does not go on after its proof: it has another one", o.Peer, o.Place, o.Local)).in(Phase1, 2).
		or("The log of the initiator says whether the hash or the identity does not suit it.", IdentityMismatch, PeerUnreachable, MalformedOrCorrupt)
}

// aggressiveUnconfirmed is an aggressive mode that ends with the responder's
// proof.
func aggressiveUnconfirmed(c *Case) *Finding {
	if !c.stopped(Responder, 2, 1) || !c.Attempt.aggressive() || len(c.Attempt.onPath()) == 0 && !c.Attempt.logged() {
		return nil
	}
	a := c.Attempt
	return find(PSKMismatch, Possible, append(slices.Clone(a.Part), c.Phase1.Of(NotifyReceived, RefusedUnread)...), "the initiator does not confirm after the responder's proof, or does not get it: it refuses the hash, so that the pre-shared keys differ, or the identity").in(Phase1, 2).
		or("The log of the initiator says what it refuses. With `--psk-file` the hash is checked against a key. A responder without a key for the identity may answer just so: its log says.", IdentityMismatch, NoPSKForPeer, GroupUnknown, PeerUnreachable, FragmentationMTU, MalformedOrCorrupt)
}

// logged says whether the negotiation is known from a log.
func (a *Attempt) logged() bool { return a.First() != nil && a.First().Evidence.Log }

// aggressive says whether the negotiation is in aggressive mode.
func (a *Attempt) aggressive() bool {
	return len(a.About(InAggressiveMode)) > 0
}
