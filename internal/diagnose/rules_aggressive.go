package diagnose

import "fmt"

// aggressiveRules are about aggressive mode: three messages, of which the second has
// the responder's proof and the third the initiator's.
var aggressiveRules = []rule{
	{"aggressive-proof-2", PSKMismatch, []Kind{HashMismatch}, Likely, seen, aggressiveProof2},
	{"aggressive-proof-3", PSKMismatch, []Kind{HashMismatch, Undecryptable}, Likely, seen, aggressiveProof3},
	{"aggressive-told", PSKMismatch, []Kind{NotifyReceived}, Likely, told, aggressiveTold},
	{"aggressive-refused-unread", PSKMismatch, []Kind{RefusedUnread}, Likely, told, aggressiveRefusedUnread},
	{"aggressive-no-answer", PeerUnreachable, []Kind{MessageSent, Retransmitted, GaveUp, StateSeen}, Likely, inferred, aggressiveNoAnswer},
	{"aggressive-no-message-3", PSKMismatch, []Kind{MessageReceived, DuplicateSeen, StateSeen}, Likely, inferred, aggressiveNoMessage3},
}

// aggressively returns those of aggressive mode.
func (p Part) aggressively() Part {
	return p.where(func(o *Observation) bool { return o.Aggressive })
}

const unknownLooksSo = "A responder that does not know the identity of this end may answer just so, in order not to say which ones it knows: its own log says."

// aggressiveProof2 is an initiator for which the responder's proof fails. The proof is
// made of the key alone, and not encrypted.
func aggressiveProof2(c *Case) *Finding {
	on := c.Phase1.Of(HashMismatch).aggressively().where(func(o *Observation) bool { return o.Role == Initiator })
	if len(on) == 0 {
		return nil
	}
	f := find(PSKMismatch, Likely, on, "the peer's proof in aggressive mode does not hold: the pre-shared keys of the two ends differ").in(Phase1, 2).
		or(unknownLooksSo, NoPSKForPeer, GroupUnknown, MalformedOrCorrupt)
	f.about = on.Last()
	if f.about.Attr == AttrGroupName {
		f.Summary = "the server's proof in aggressive mode does not hold: the group's pre-shared key is another one there"
		f.or("A server that hides which groups it has answers for an unknown one with a made-up key: see whether the group's name is right.", GroupUnknown)
	}
	return f
}

// aggressiveProof3 is the same of a responder. Most initiators compare first, and do
// not come so far.
func aggressiveProof3(c *Case) *Finding {
	on := c.Phase1.Of(HashMismatch, Undecryptable).aggressively().where(func(o *Observation) bool { return o.Role != Initiator })
	if len(on) == 0 || c.Phase1.Has(KeyMissing, GroupMissing) {
		return nil
	}
	f := find(PSKMismatch, Likely, on, "the peer's proof in aggressive mode does not hold: the pre-shared keys of the two ends differ").in(Phase1, 3).
		or(damagedValue, MalformedOrCorrupt, PeerQuirk)
	f.about = on.Last()
	return f
}

// aggressiveTold is a peer that says that it does not go on.
func aggressiveTold(c *Case) *Finding {
	on := notified(c, "AUTHENTICATION-FAILED", "INVALID-HASH-INFORMATION", "INVALID-ID-INFORMATION", "PAYLOAD-MALFORMED", "INVALID-KEY-INFORMATION").aggressively()
	if len(on) == 0 {
		return nil
	}
	o := on.Last()
	if o.Role == Initiator && o.Detail == "AUTHENTICATION-FAILED" && o.Attr != AttrGroupName {
		return find(AggressiveVsMain, Possible, on, "the peer refuses this end in aggressive mode ("+o.Detail+"): it takes none with pre-shared keys, as a rule").in(Phase1, 1).
			or(forged+"The peer's log says whether it takes aggressive mode, and whether it has a connection and a key for the identity of this end.",
				IdentityMismatch, ConnectionNotMatched, NoPSKForPeer, GroupUnknown, PSKMismatch)
	}
	if o.Role == Initiator {
		return find(ConnectionNotMatched, Possible, on, "the peer refuses this end in aggressive mode ("+o.Detail+")").in(Phase1, 1).
			or(forged+"The peer's log says whether it takes aggressive mode with pre-shared keys at all, and whether it has a connection and a key for the identity of this end.",
				AggressiveVsMain, NoPSKForPeer, GroupUnknown, IdentityMismatch, PSKMismatch)
	}
	f := find(PSKMismatch, Likely, on, "the peer refuses this end's proof in aggressive mode ("+o.Detail+"): the pre-shared keys of the two ends differ").in(Phase1, 2).
		or(forged+"The peer's log says what it does not like.", IdentityMismatch, MalformedOrCorrupt)
	f.about = o
	return f
}

// aggressiveRefusedUnread is an encrypted notify in answer to message 2: the initiator
// has made keys, with which this end cannot read it yet.
func aggressiveRefusedUnread(c *Case) *Finding {
	on := c.Phase1.Of(RefusedUnread).aggressively()
	if len(on) == 0 {
		return nil
	}
	f := find(PSKMismatch, Likely, on, "the peer answers this end's proof in aggressive mode with an encrypted notify instead of its own proof: as a rule the pre-shared keys of the two ends differ").in(Phase1, 2).
		or("The peer's log says what it does not like: a hash, or the identity of this end.", IdentityMismatch, MalformedOrCorrupt)
	f.about = on.Last()
	return f
}

// stoppedAggressive is stopped for aggressive mode.
func (c *Case) stoppedAggressive(r Role, sent, received int) bool {
	a := c.Attempt
	return a != nil && a.Aggressive && a.Role == r && a.Sent == sent && a.Received == received
}

// aggressiveNoAnswer is AG_NO_STATE: message 1 goes out, and nothing comes.
func aggressiveNoAnswer(c *Case) *Finding {
	if !c.stoppedAggressive(Initiator, 1, 0) || c.Phase1.Has(HashMismatch) {
		return nil
	}
	a := c.Attempt
	certainty, summary := Possible, fmt.Sprintf("the peer answers nothing to the first message of aggressive mode, sent %d times", a.Resent[1]+1)
	if a.Resent[1] == 0 {
		summary = "the peer answers nothing to the first message of aggressive mode"
	}
	if c.Succeeded {
		certainty = Likely
		summary += ", though it did before: it is down, it was changed, or something drops UDP 500"
	}
	return find(PeerUnreachable, certainty, a.Part, summary).in(Phase1, 1).
		or("See whether the peer's log has the message at all. If it has, the peer takes no aggressive mode, knows neither this end's identity nor its address, or has no crypto map on that interface. If it has not, something drops UDP 500.",
			AggressiveVsMain, CryptoMapNotApplied, IKEVersionMismatch, ConnectionNotMatched, NoPSKForPeer, GroupUnknown, LocalFirewall)
}

// aggressiveNoMessage3 is AG_INIT_EXCH of a responder: its proof is not followed by
// the initiator's.
func aggressiveNoMessage3(c *Case) *Finding {
	if !c.stoppedAggressive(Responder, 2, 1) || c.Phase1.Has(HashMismatch, Undecryptable) {
		return nil
	}
	a := c.Attempt
	f := find(PSKMismatch, Possible, a.Part, "the peer repeats its first message of aggressive mode: it does not accept this end's proof, for the pre-shared keys differ, or does not get it").in(Phase1, 2)
	if f.about = a.Of(MessageReceived, StateSeen).Last(); a.Repeated[1] == 0 {
		f.Summary = "the peer does not go on after this end's proof in aggressive mode: as a rule the pre-shared keys differ"
		return f.or("See the peer's log: it says that a hash differs. A scan, or a first message from a forged address, looks the same here and is no fault.", PeerUnreachable, NATT4500Blocked, NoFault, LocalFirewall, FragmentationMTU)
	}
	return f.or("See whether the peer's log has message 2. If it has, it says that a hash differs; if it has not, something drops UDP 500 on the way to it.", PeerUnreachable, NATT4500Blocked, LocalFirewall, RoutingMissing, FragmentationMTU)
}
