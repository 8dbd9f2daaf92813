package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// phase2Rules are about quick mode. What it says is under the keys of phase 1:
// nobody else can have said or damaged it.
var phase2Rules = []rule{
	{"proxies-refused", ProxyIdentityMismatch, []Kind{ProxyRefused}, Certain, seen, proxiesRefused},
	{"no-connection", ConnectionNotMatched, []Kind{ProxyRefused, NoConnection}, Certain, seen, noConnection},
	{"transform-refused", Phase2TransformMismatch, []Kind{TransformRefused, Phase2OfferRefused}, Certain, seen, transformRefused},
	{"pfs-refused", PFSMismatch, []Kind{PFSRefused}, Certain, seen, pfsRefused},
	{"wrong-local-address-2", ConnectionNotMatched, []Kind{WrongLocalAddress}, Likely, seen, wrongLocalAddress2},
	{"flow-fails", ProxyIdentityMismatch, []Kind{FlowDown}, Possible, inferred, flowFails},
	{"told-identities", ProxyIdentityMismatch, []Kind{NotifyReceived}, Likely, told, toldProxies},
	{"told-no-proposal-2", Phase2TransformMismatch, []Kind{NotifyReceived}, Possible, told, toldNoProposal2},
	{"told-group", PFSMismatch, []Kind{NotifyReceived}, Likely, told, toldGroup},
	{"quick-mode-failed", ProxyIdentityMismatch, []Kind{QuickFailed}, Possible, inferred, quickFailed},
	{"quick-mode-unanswered", StaleSA, []Kind{Retransmitted, GaveUp}, Possible, inferred, quickUnanswered},
	{"quick-mode-unconfirmed", PeerUnreachable, []Kind{Retransmitted, GaveUp}, Possible, inferred, quickUnconfirmed},
	{"quick-mode-damaged", MalformedOrCorrupt, []Kind{Malformed}, Likely, seen, quickDamaged},
}

// phase2Rank orders what quick mode compares.
var phase2Rank = []string{"", AttrUnknown, AttrProtocol, AttrTransform, AttrKeyLength, AttrIntegrity, AttrMode, AttrGroup}

// closestTransform is the refusal of the last quick mode that came furthest.
func closestTransform(c *Case) *Observation {
	all := c.Phase2.Of(TransformRefused, PFSRefused)
	last := all.Last()
	if last == nil {
		return nil
	}
	best := last
	for _, o := range all {
		if o.Pair == last.Pair && slices.Index(phase2Rank, o.Attr) > slices.Index(phase2Rank, best.Attr) {
			best = o
		}
	}
	return best
}

// configured are the active entries with the peer.
func (c *Case) configured() Part { return c.All.Of(Configured) }

// stranger says whether no entry here names the peer.
func (c *Case) stranger() bool { return c.Surveyed && len(c.configured()) == 0 }

func proxiesRefused(c *Case) *Finding {
	on := c.Phase2.Of(ProxyRefused)
	if len(on) == 0 || c.stranger() {
		return nil
	}
	o := on.Last()
	message := 1
	summary := "the traffic that the peer asks for is in no crypto access list here"
	if o.Role == Initiator {
		message = 2
		summary = "the peer's answer is for other traffic than was asked for"
	}
	if o.Pair != "" {
		summary += ", seen from here: " + o.Pair
	}
	certainty := Likely
	if lines := c.configured(); len(lines) > 0 {
		certainty = Certain
		on = append(Part{nearest(lines, o.Pair)}, on...)
		summary += ". The nearest line is " + on[0].Pair
	}
	f := find(ProxyIdentityMismatch, certainty, on, summary).in(Phase2, message)
	if certainty == Certain && on[0].Pair == o.Pair {
		return f.mended("the traffic that the peer asked for, " + o.Pair + ", was in no crypto access list here")
	}
	return f.or("See which peers the crypto map names: an entry that does not name this one looks the same.", ConnectionNotMatched)
}

// nearest is the line that has most in common with a pair.
func nearest(lines Part, pair string) *Observation {
	best, score := lines[0], -1
	local, remote, _ := strings.Cut(pair, " - ")
	for _, o := range lines {
		l, r, _ := strings.Cut(o.Pair, " - ")
		s := 0
		for _, x := range [][2]string{{local, l}, {remote, r}} {
			switch {
			case x[0] == x[1]:
				s += 3
			case overlap(x[0], x[1]):
				s++
			}
		}
		if s > score {
			best, score = o, s
		}
	}
	return best
}

// noConnection is a peer with which phase 1 came up and that no entry names, or
// one for whose addresses there is nothing at all.
func noConnection(c *Case) *Finding {
	on := append(c.Phase1.Of(NoConnection), c.Phase2.Of(NoConnection)...)
	if len(on) > 0 {
		summary := "no configured connection fits the addresses of the peer's message"
		if d := on.Last().Detail; d != "" {
			summary += ": " + d
		}
		return find(ConnectionNotMatched, Likely, on, summary).in(Phase1, 1).
			or("A connection that is there and of another IKE version, mode or method looks the same in some logs.", IKEVersionMismatch, Phase1PolicyMismatch, NoPSKForPeer, AggressiveVsMain, XauthNotExpected)
	}
	on = c.Phase2.Of(ProxyRefused)
	if len(on) == 0 || !c.stranger() {
		return nil
	}
	return find(ConnectionNotMatched, Certain, on, fmt.Sprintf("the peer proved that it has the key, and no crypto map entry here names %s", c.Peer)).in(Phase2, 1)
}

func transformRefused(c *Case) *Finding {
	best := closestTransform(c)
	if best == nil {
		on := c.Phase2.Of(Phase2OfferRefused)
		if len(on) == 0 || c.Phase2.Has(ProxyRefused, IdentityRefused, WrongLocalAddress) {
			return nil
		}
		return find(Phase2TransformMismatch, Likely, on, "no proposal of the peer for phase 2 is acceptable here").in(Phase2, 1).
			or("The lines before the refusal say what was compared.", PFSMismatch, ProxyIdentityMismatch)
	}
	if best.Attr == AttrGroup || c.Phase2.Has(ProxyRefused) && best.Pair == c.Phase2.Of(ProxyRefused).Last().Pair {
		return nil
	}
	message := 1
	if best.Role == Initiator {
		message = 2
	}
	certainty := Certain
	if best.Attr == AttrMode && strings.Contains(best.Offered+best.Wanted, "UDP") {
		certainty = Likely
	}
	f := find(Phase2TransformMismatch, certainty, withVerdict(c, best), transformSentence(best)).in(Phase2, message)
	f.about = best
	if best.Evidence.Log && (best.Offered == "" || best.Wanted == "") {
		f.Certainty = min(f.Certainty, Likely)
		return f.or("Compare the transform sets and the mode of both ends, and the group for perfect forward secrecy.", PFSMismatch)
	}
	return f.or("The two ends do not agree whether there is a NAT between them.", PeerQuirk, LocalFirewall)
}

// withVerdict is a refusal and what came of it.
func withVerdict(c *Case, best *Observation) Part {
	on := Part{best}
	if v := c.Phase2.Of(Phase2OfferRefused).Last(); v != nil {
		on = append(on, v)
	}
	return on
}

func transformSentence(o *Observation) string {
	what := o.Attr
	switch o.Attr {
	case AttrMode:
		what = "mode"
	case AttrTransform:
		what = "cipher"
	case AttrIntegrity:
		what = "integrity check"
	case AttrUnknown:
		return "the peer offers for phase 2 what no transform set can mean: an attribute or a value that is not known here"
	case AttrProtocol:
		return "the peer offers a protocol for phase 2 that is not spoken here: " + o.Offered
	}
	if o.Offered != "" && o.Wanted == "" && o.Evidence.Log {
		return "no transform set here is what the peer offers for phase 2: " + o.Offered
	}
	if o.Offered == "" || o.Wanted == "" {
		return "the peer's offer for phase 2 differs from every transform set here in the " + what
	}
	return fmt.Sprintf("the peer offers the %s %s for phase 2, and the transform set here that comes closest wants %s", what, o.Offered, o.Wanted)
}

func pfsRefused(c *Case) *Finding {
	best := closestTransform(c)
	if best == nil || best.Attr != AttrGroup {
		return nil
	}
	summary := "the peer's offer for phase 2 has another group for perfect forward secrecy than is wanted here"
	switch {
	case best.Offered == "" && best.Wanted != "":
		summary = "perfect forward secrecy with group " + best.Wanted + " is wanted here, and the peer offers none"
	case best.Offered != "" && best.Wanted == "":
		summary = "the peer wants perfect forward secrecy with group " + best.Offered + ", and none is configured here"
	case best.Offered != "":
		summary = fmt.Sprintf("the peer offers group %s for perfect forward secrecy, and group %s is wanted here", best.Offered, best.Wanted)
	}
	message := 1
	if best.Role == Initiator {
		message = 2
	}
	f := find(PFSMismatch, Certain, withVerdict(c, best), summary).in(Phase2, message)
	f.about = best
	if best.Evidence.Log && best.Offered == best.Wanted {
		f.Certainty = Likely
		return f.or("Compare the groups of both ends.", Phase2TransformMismatch)
	}
	return f
}

// refused2 returns the peer's notifies about quick mode.
func refused2(c *Case, names ...string) Part {
	return c.Phase2.Of(NotifyReceived).About(names...)
}

func toldProxies(c *Case) *Finding {
	on := refused2(c, "INVALID-ID-INFORMATION")
	if len(on) == 0 {
		return nil
	}
	return find(ProxyIdentityMismatch, Likely, withFailure(c, on), "the peer refuses the traffic that this end asks for"+forPair(c, on)).in(Phase2, 1).
		or("The peer's log names the networks that it has for this connection.", ConnectionNotMatched, PFSMismatch)
}

// toldNoProposal2 is NO-PROPOSAL-CHOSEN for quick mode. Most peers mean the
// transform or the group, and have another notify for the networks; a Cisco router
// says no more, whatever it does not like.
func toldNoProposal2(c *Case) *Finding {
	on := refused2(c, "NO-PROPOSAL-CHOSEN", "ATTRIBUTES-NOT-SUPPORTED", "BAD-PROPOSAL-SYNTAX", "INVALID-TRANSFORM-ID", "INVALID-SYNTAX")
	if len(on) == 0 {
		return nil
	}
	const tell = "Ask for the peer's log: a responder names the attribute. A Cisco router says `proxy identities not supported`, `transform proposal not supported` or `IPSec policy invalidated proposal with error` 32 (identities), 256 (transform) or 64 (group)."
	others := []Cause{PFSMismatch, ProxyIdentityMismatch, ConnectionNotMatched}
	if on.Last().Detail == "NO-PROPOSAL-CHOSEN" {
		others = append(others, IdentityMismatch)
	}
	if on.Last().Detail == "INVALID-SYNTAX" {
		others[0] = Phase2TransformMismatch
		return find(PFSMismatch, Possible, withFailure(c, on),
			"the peer misses something in the offer of phase 2 (INVALID-SYNTAX): a public value, as a rule, where it wants perfect forward secrecy").
			in(Phase2, 1).or(tell, others...)
	}
	if on.Last().Attr == AttrGroup {
		others[0] = Phase2TransformMismatch
		return find(PFSMismatch, Possible, withFailure(c, on),
			"the peer refuses an offer of phase 2 with a group for perfect forward secrecy ("+on.Last().Detail+") and does not say why: the group, the transform or the networks do not fit"+forPair(c, on)+c.offeredInQuick()).
			in(Phase2, 1).or(tell, others...)
	}
	return find(Phase2TransformMismatch, Possible, withFailure(c, on),
		"the peer refuses the offer of phase 2 ("+on.Last().Detail+") and does not say why: the transform, the group for perfect forward secrecy or the networks do not fit"+forPair(c, on)+c.offeredInQuick()).
		in(Phase2, 1).or(tell, others...)
}

func toldGroup(c *Case) *Finding {
	on := refused2(c, "INVALID-KEY-INFORMATION")
	if len(on) == 0 {
		return nil
	}
	return find(PFSMismatch, Likely, withFailure(c, on), "the peer refuses this end's public value for perfect forward secrecy"+forPair(c, on)).in(Phase2, 1).
		or("The peer's log names the group.", Phase2TransformMismatch)
}

// withFailure adds the end of the quick mode that a notify is about.
func withFailure(c *Case, on Part) Part {
	if failed := c.Phase2.Of(QuickFailed).Last(); failed != nil {
		return append(on[len(on)-1:len(on):len(on)], failed)
	}
	return on
}

func forPair(c *Case, on Part) string {
	for _, o := range append(c.Phase2.Of(QuickFailed, Asked), on...) {
		if o.Pair != "" {
			return ": " + o.Pair
		}
	}
	return ""
}

// quickFailed is a quick mode that failed for a reason that is not recorded.
func quickFailed(c *Case) *Finding {
	on := c.Phase2.Of(QuickFailed)
	if len(on) == 0 || on.Last().Detail == quickTimedOut {
		return nil
	}
	summary := "quick mode fails"
	if on.Last().Detail == RefusedByNotify {
		summary = "the peer answers the offer of phase 2 with an encrypted notify instead of its own message 2: it refuses"
	}
	return find(ProxyIdentityMismatch, Possible, on, summary+forPair(c, on)).in(Phase2, 1).
		or("The log of the responder says what it does not accept.", Phase2TransformMismatch, PFSMismatch, ConnectionNotMatched, IdentityMismatch)
}

// quickTimedOut is the Detail of a quick mode that ended without an answer.
const quickTimedOut = "unanswered"

// quickUnanswered is an offer of IPsec SAs that nobody answers. Right after
// phase 1 the peer is there and does not like the offer; later it may have
// restarted and know nothing of phase 1.
func quickUnanswered(c *Case) *Finding {
	on := c.Phase2.Of(Retransmitted, GaveUp).At(1)
	if len(on) == 0 || on.Last().Role == Responder || c.Phase2.Has(NotifyReceived) {
		return nil
	}
	const tell = "See whether the peer's log has the message. If it has, it says what it does not like; if the message belongs to no SA there, the peer was restarted or has cleared its SAs."
	if c.freshPhase1(on.First()) {
		return find(ProxyIdentityMismatch, Possible, on, "phase 1 came up, and the peer takes no notice of the offer for phase 2").in(Phase2, 1).
			or(tell, Phase2TransformMismatch, PFSMismatch, PeerUnreachable, FragmentationMTU, StaleSA)
	}
	return find(StaleSA, Possible, on, "the peer does not answer under the ISAKMP SA that is up here: it may have lost it").in(Phase2, 1).
		or(tell, PeerUnreachable, ProxyIdentityMismatch, FragmentationMTU)
}

// freshPhase1 says whether phase 1 came up shortly before.
func (c *Case) freshPhase1(o *Observation) bool {
	for _, up := range c.All.Of(Phase1Up) {
		if up.Session == o.Session {
			return o.Time.IsZero() || o.Time.Sub(up.Time) < 2*atOnce
		}
	}
	return !c.Succeeded
}

// quickUnconfirmed is a responder whose answer leads to nothing.
func quickUnconfirmed(c *Case) *Finding {
	on := c.Phase2.Of(Retransmitted, GaveUp).At(2)
	if len(on) == 0 {
		return nil
	}
	if again := c.Phase2.Of(DuplicateSeen).At(1); len(again) > 0 {
		return find(FragmentationMTU, Possible, append(again, on...), "the peer repeats its offer for phase 2: the answers of this end do not reach it").in(Phase2, 2).
			or("See whether the peer's log has message 2 of quick mode.", PeerUnreachable, LocalFirewall)
	}
	return find(PeerUnreachable, Possible, on, "the peer does not confirm the SAs that it asked for").in(Phase2, 2).
		or("See whether the peer's log has message 2 of quick mode. If it has, the peer refuses what was chosen.", Phase2TransformMismatch, ProxyIdentityMismatch, PeerQuirk)
}

// wrongLocalAddress2 is a quick mode for an address of this end that no entry is
// active on.
func wrongLocalAddress2(c *Case) *Finding {
	on := c.Phase2.Of(WrongLocalAddress)
	if len(on) == 0 {
		return nil
	}
	address := "an address"
	if d := on.Last().Detail; d != "" {
		address = "the address " + d
	}
	return find(ConnectionNotMatched, Likely, on, "the peer's offer for phase 2 is for "+address+" of this end, and no crypto map is active there").in(Phase2, 1).
		or("See on which interface the crypto map is, and whether it has a `local-address`.", CryptoMapNotApplied)
}

// flowFails is traffic that waits for IPsec SAs while phase 1 is up, or while it
// is not known how phase 1 stands.
func flowFails(c *Case) *Finding {
	on := c.All.Of(FlowDown)
	if len(on) == 0 || c.TunnelUp || len(c.Phase2.Of(ProxyRefused, TransformRefused, PFSRefused, Phase2OfferRefused)) > 0 || c.Attempt != nil || c.Phase1.Has(Undecryptable, KeyMissing, AllOffersRefused) {
		return nil
	}
	if on.Total() == 0 && !c.Up {
		return nil
	}
	summary := "there are no IPsec SAs" + forPair(c, on)
	switch {
	case on.Total() > 0 && c.Up:
		summary = fmt.Sprintf("phase 1 is up, and %d packets could not be sent for want of IPsec SAs: phase 2 fails%s", on.Total(), forPair(c, on))
	case on.Total() > 0:
		summary = fmt.Sprintf("%d packets could not be sent for want of IPsec SAs: phase 2 does not come up%s", on.Total(), forPair(c, on))
	case !c.All.Has(PingFailed):
		return nil
	default:
		return nil
	}
	cause, other := ProxyIdentityMismatch, Phase2TransformMismatch
	if c.Up {
		cause, other = other, cause // as of an offer that the peer refuses without a reason
	}
	return find(cause, Possible, append(c.All.Of(StateSeen), on...), summary).in(Phase2, 0).
		or("`debug crypto ipsec` and `debug crypto isakmp` at the responder say which it is: the networks, the transform or the group for perfect forward secrecy.",
			other, PFSMismatch, PeerUnreachable)
}

func quickDamaged(c *Case) *Finding {
	on := c.Phase2.Of(Malformed)
	if len(on) < 2 {
		return nil
	}
	return find(MalformedOrCorrupt, Likely, on, "messages of quick mode do not prove authentic or break the rules, though the keys of phase 1 agree").in(Phase2, on.Last().Message).
		or("A capture on both sides shows whether a message left the peer as it came here.", PeerQuirk)
}
