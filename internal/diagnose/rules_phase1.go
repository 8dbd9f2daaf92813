package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// phase1Rules are about the offers of phase 1 and what refuses a first message.
var phase1Rules = []rule{
	{"offers-refused", Phase1PolicyMismatch, []Kind{AllOffersRefused}, Certain, seen, offersRefused},
	{"offer-refused", Phase1PolicyMismatch, []Kind{OfferRefused}, Likely, inferred, offerRefused},
	{"exchange-failed", Phase1PolicyMismatch, []Kind{ExchangeFailed}, Possible, inferred, exchangeFailed},
	{"nothing-to-offer", Phase1PolicyMismatch, []Kind{NoUsablePolicy}, Certain, seen, nothingToOffer},
	{"offer-altered", MalformedOrCorrupt, []Kind{Differs}, Likely, seen, offerAltered},
	{"choice-not-offered", MalformedOrCorrupt, []Kind{OfferRefused}, Likely, seen, choiceNotOffered},
	{"told-no-proposal", Phase1PolicyMismatch, []Kind{NotifyReceived}, Likely, told, toldNoProposal},
	{"told-exchange", AggressiveVsMain, []Kind{NotifyReceived}, Likely, told, toldExchange},
	{"told-version", IKEVersionMismatch, []Kind{NotifyReceived}, Likely, told, toldVersion},
	{"other-version", IKEVersionMismatch, []Kind{OtherIKEVersion}, Certain, seen, otherVersion},
	{"aggressive-mode", AggressiveVsMain, []Kind{AggressiveMode}, Certain, seen, aggressiveMode},
	{"malformed-in-clear", MalformedOrCorrupt, []Kind{Malformed}, Likely, seen, malformedInClear},
	{"admission", HardwareOrMemory, []Kind{AdmissionLimit}, Likely, seen, admission},
}

// attrRank orders what is compared: who differs later came further.
var attrRank = []string{"", AttrUnknown, AttrEncryption, AttrKeyLength, AttrHash, AttrGroup, AttrAuth}

// closest is the refusal that came furthest, of the configured policies first.
func closest(refusals Part) *Observation {
	var best *Observation
	rank := func(o *Observation) int {
		r := 2 * slices.Index(attrRank, o.Attr)
		if o.Place == defaultPolicy {
			return r - 100
		}
		return r
	}
	for _, o := range refusals {
		if best == nil || rank(o) > rank(best) {
			best = o
		}
	}
	return best
}

// defaultPolicy is the place of IOS's built-in policy, which nobody means.
const defaultPolicy = "policy 65535"

// offersRefused is a responder's "no offers accepted!". It is certain once the
// peer has said the same twice: a message seen once may have been damaged on
// its way.
func offersRefused(c *Case) *Finding {
	verdicts := c.Phase1.Of(AllOffersRefused)
	if len(verdicts) == 0 || verdicts.Last().Role == Initiator || c.Phase1.Has(Quirk) {
		return nil
	}
	session := verdicts.Last().Session
	refusals := c.Phase1.Of(OfferRefused).where(func(o *Observation) bool { return o.Session == session })
	if keyAlone(refusals) {
		if c.Phase1.Has(KeyMissing) {
			return nil
		}
		return find(Phase1PolicyMismatch, Possible, append(refusals, verdicts...), "the peer offers authentication by pre-shared keys, and no policy here takes it, or there is no key for the peer").in(Phase1, 1).
			or("See whether there is a key for the peer's address.", NoPSKForPeer)
	}
	if xauthOffered(c) != nil {
		return nil
	}
	best := closest(refusals)
	if best == nil && c.Phase1.Has(KeyMissing) {
		return nil // without a key, no offer with pre-shared keys can be accepted
	}
	on := append(Part{}, verdicts...)
	summary := "no policy here accepts what the peer offers for phase 1"
	if best != nil {
		on = append(Part{best}, verdicts...)
		summary = refusalSentence(best)
	}
	certainty := Likely
	repeated := c.Phase1.Of(DuplicateSeen).In(Phase1).At(1)
	if verdicts.sessions() > 1 || len(repeated) > 0 {
		certainty = Certain
	}
	f := find(Phase1PolicyMismatch, certainty, on, summary).in(Phase1, 1)
	f.about = best
	if best != nil && best.Detail != "" && len(c.All.Of(PolicyHere).About(best.Detail)) > 0 {
		return f.mended("no policy here accepted what the peer offered for phase 1: " + best.Detail)
	}
	return f.or("A message that was damaged on its way would be refused too; the peer's next attempt then shows another offer.", MalformedOrCorrupt)
}

// offerRefused is a transform that was refused, where the log does not say what
// became of the offer.
func offerRefused(c *Case) *Finding {
	on := c.Phase1.Of(OfferRefused)
	if len(on) == 0 || on.Last().Role == Initiator || c.Up || c.TunnelUp || c.Phase1.Has(AllOffersRefused) || keyAlone(on) {
		return nil
	}
	for _, o := range c.Phase1 {
		if o.Kind == OfferAccepted || (o.Kind == MessageReceived || o.Kind == MessageSent) && o.Session == on.Last().Session && o.Message > 1 {
			return nil
		}
	}
	best := closest(on)
	f := find(Phase1PolicyMismatch, Likely, on, refusalSentence(best)).in(Phase1, 1)
	f.about = best
	return f.or("The log ends before it says what became of the offer: see whether another policy took it.", NoPSKForPeer, NoFault)
}

// exchangeFailed is a log that says no more than that phase 1 failed.
func exchangeFailed(c *Case) *Finding {
	on := c.Phase1.Of(ExchangeFailed)
	if len(on) == 0 || c.Up || c.TunnelUp || c.Attempt != nil {
		return nil
	}
	return find(Phase1PolicyMismatch, Possible, on, "phase 1 fails, and the log does not say at what").in(Phase1, 0).
		or("`debug crypto isakmp` at this end names the attribute, the missing key or the message that cannot be decrypted.", PSKMismatch, NoPSKForPeer, IdentityMismatch, PeerUnreachable)
}

// keyAlone says whether a transform fitted a policy but for the key that is
// missing: then the policies are not at fault.
func keyAlone(refusals Part) bool {
	return slices.ContainsFunc(refusals, func(o *Observation) bool { return o.Attr == AttrAuth && o.Wanted == "" && o.Offered != "" })
}

func refusalSentence(o *Observation) string {
	place := o.Place
	if place == "" {
		place = "the policy"
	}
	switch {
	case o.Attr == AttrUnknown:
		return fmt.Sprintf("the peer offers for phase 1 what %s cannot mean: an attribute or a value that is not known here", place)
	case o.Offered != "" && o.Evidence.Log && o.Wanted == "":
		return fmt.Sprintf("the peer offers the %s %s for phase 1, and %s here wants another", o.Attr, o.Offered, place)
	case o.Offered == "" || o.Wanted == "":
		return fmt.Sprintf("the peer's offer for phase 1 differs from %s here in the %s", place, o.Attr)
	}
	return fmt.Sprintf("the peer offers the %s %s for phase 1, and %s here, which comes closest, wants %s", o.Attr, o.Offered, place, o.Wanted)
}

func nothingToOffer(c *Case) *Finding {
	on := c.Phase1.Of(NoUsablePolicy)
	if len(on) == 0 {
		return nil
	}
	certainty := Certain
	if on.Last().Attr == AttrUnknown {
		certainty = Likely
	}
	return find(Phase1PolicyMismatch, certainty, on, "no ISAKMP policy here can be offered").in(Phase1, 1).
		or("The lines before say what this end cannot do.", OSSupportMissing, IdentityMismatch)
}

// offerAltered is a message that came again with another content: one of the two
// was damaged. A late message of phase 1 looks the same once, so that a proof
// must differ twice.
func offerAltered(c *Case) *Finding {
	on := append(c.Phase1.Of(Differs).At(1), c.All.After(Phase2Up).Of(Differs).At(5)...)
	if len(on.At(1)) == 0 && len(on) < 2 {
		return nil
	}
	if c.Phase1.Has(AllOffersRefused) && len(c.Phase1.Of(DuplicateSeen).In(Phase1).At(1)) > 0 {
		return nil // what was refused came again as it was
	}
	return find(MalformedOrCorrupt, Likely, on, "the peer repeats a message, and what comes differs from what came before: one of the two was altered on the way").
		in(Phase1, on.Last().Message).or("A peer that changes its offer without a new attempt breaks the protocol.", PeerQuirk)
}

// choiceNotOffered is an initiator's refusal of message 2.
func choiceNotOffered(c *Case) *Finding {
	on := c.Phase1.Of(OfferRefused, AllOffersRefused).where(func(o *Observation) bool { return o.Role == Initiator })
	if len(on) == 0 || len(on.Of(AllOffersRefused)) == 0 && len(c.Phase1.Of(OfferAccepted).where(func(o *Observation) bool { return o.Role == Initiator })) > 0 {
		return nil
	}
	return find(MalformedOrCorrupt, Likely, on, "the peer answers with a protection suite that was not offered to it").in(Phase1, 2).
		or("If it happens at every attempt it is the peer's fault and not the path's.", PeerQuirk, Phase1PolicyMismatch)
}

// notified returns the peer's notifies about phase 1.
func notified(c *Case, names ...string) Part {
	return c.Phase1.Of(NotifyReceived).In(Phase1).About(names...)
}

const forged = "A notify in clear is authenticated by nobody, and may be forged. "

func toldNoProposal(c *Case) *Finding {
	on := notified(c, "NO-PROPOSAL-CHOSEN", "ATTRIBUTES-NOT-SUPPORTED", "BAD-PROPOSAL-SYNTAX", "INVALID-TRANSFORM-ID", UnnamedError)
	if len(on) == 0 {
		return nil
	}
	if o := on.Last(); o.Detail == UnnamedError {
		return find(Phase1PolicyMismatch, Possible, on, "the peer refuses the first message with an error that the log does not name").in(Phase1, 1).
			or("A log with the packets names it. A gateway may know no such group, want other algorithms, or take no aggressive mode.", GroupUnknown, PSKMismatch, AggressiveVsMain, IdentityMismatch)
	}
	if len(on) == len(on.where(func(o *Observation) bool { return o.Attr == AttrProtocol })) { // IKEv1's is not refused too
		return find(IKEVersionMismatch, Possible, on, "the peer refuses the first message of IKEv2 ("+on.Last().Detail+"), as one does that has this connection for IKEv1").in(Phase1, 1).
			or(forged+"The peer's log says whether it has a connection for IKEv2 at all, or in what the offer differs.", Phase1PolicyMismatch, ConnectionNotMatched)
	}
	return find(Phase1PolicyMismatch, Likely, on, "the peer refuses the offer of phase 1 ("+on.Last().Detail+"), and does not say in what it differs"+c.offered()).in(Phase1, 1).
		or(forged+"Ask for the peer's log: a responder names the attribute that differs, or says that it has no key or no connection for this address.",
			NoPSKForPeer, ConnectionNotMatched, AggressiveVsMain, IKEVersionMismatch, MalformedOrCorrupt)
}

func toldExchange(c *Case) *Finding {
	on := notified(c, "INVALID-EXCHANGE-TYPE", "UNSUPPORTED-EXCHANGE-TYPE")
	if len(on) == 0 {
		return nil
	}
	return find(AggressiveVsMain, Likely, on, "the peer does not take this exchange ("+on.Last().Detail+"): one end wants aggressive mode, the other main mode").in(Phase1, 1).
		or(forged+"The peer's log names the exchange that it wants.", IKEVersionMismatch, ConnectionNotMatched)
}

func toldVersion(c *Case) *Finding {
	on := notified(c, "INVALID-MAJOR-VERSION", "INVALID-MINOR-VERSION")
	if len(on) == 0 {
		return nil
	}
	return find(IKEVersionMismatch, Likely, on, "the peer does not speak IKEv1 on this connection ("+on.Last().Detail+")").in(Phase1, 1).
		or(forged+"The peer's configuration says which version its connection allows.", ConnectionNotMatched)
}

// otherVersion is IKEv2 spoken at us. A peer with which IKEv1 is tried too may
// speak both, and fail by something else.
func otherVersion(c *Case) *Finding {
	on := c.All.Of(OtherIKEVersion).After(Phase1Up)
	on = on.where(func(o *Observation) bool { return slices.Contains(c.Phase1, o) })
	if len(on) == 0 || c.Up {
		return nil
	}
	certainty := Likely
	if len(on) > 1 && !c.Phase1.Has(MessageReceived, AllOffersRefused) {
		certainty = Certain
	}
	summary := "the peer speaks IKEv2, and this end IKEv1 only"
	switch o := on.Last(); o.Attr {
	case AttrProtocol:
		certainty, summary = Likely, o.Detail
	case AttrUnknown: // it may be the addresses that no connection is for
		certainty, summary = Possible, o.Detail
	}
	return find(IKEVersionMismatch, certainty, on, summary).in(Phase1, 1).
		or("A message of another version may be a scan of a third party, or a peer that tries both. The peer's configuration says which version its connection has.", MalformedOrCorrupt, ConnectionNotMatched)
}

func aggressiveMode(c *Case) *Finding {
	on := c.Phase1.Of(AggressiveMode)
	if len(on) == 0 || c.Up {
		return nil
	}
	certainty := Likely
	if len(on) > 1 && !c.Phase1.Has(MessageReceived, AllOffersRefused) {
		certainty = Certain
	}
	summary := "the peer begins in aggressive mode, and `crypto isakmp aggressive-mode disable` refuses it here"
	if o := on.Last(); o.Attr == AttrMode {
		certainty, summary = Likely, "the peer's exchange is not one that is taken here: "+o.Detail
	}
	f := find(AggressiveVsMain, certainty, on, summary).in(Phase1, 1).
		or("A single message may be a scan of a third party.", MalformedOrCorrupt)
	if on.Last().Attr == AttrMode { // what is said of the exchange may be meant of the method
		f.Alternatives = append(f.Alternatives, XauthNotExpected, ConnectionNotMatched)
	}
	f.about = on.Last()
	return f
}

// malformedInClear is a broken payload of the messages 1 to 4.
func malformedInClear(c *Case) *Finding {
	on := c.Phase1.Of(Malformed).where(func(o *Observation) bool { return o.Phase != PhaseLife })
	if len(on) == 0 || c.Up && on.Last().Session == 0 {
		return nil
	}
	what := "a message of the peer breaks the rules of the protocol"
	if d := on.Last().Detail; d != "" {
		what += ": " + strings.TrimSpace(d)
	}
	certainty := Possible
	if len(on) > 1 {
		certainty = Likely
	}
	return find(MalformedOrCorrupt, certainty, on, what).in(Phase1, on.Last().Message).
		or("A capture on both sides shows whether the message left the peer as it came here.", PeerQuirk)
}

func admission(c *Case) *Finding {
	on := append(c.Phase1.Of(AdmissionLimit), c.Phase2.Of(AdmissionLimit)...)
	if len(on) == 0 {
		return nil
	}
	return find(HardwareOrMemory, Likely, on, "this end refuses new negotiations: a bound on sessions is reached").in(Phase1, 1).
		or("`show crypto isakmp statistics` counts the half-open negotiations that were thrown out, which a flood causes too.", LocalFirewall)
}
