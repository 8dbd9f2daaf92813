package diagnose

import (
	"fmt"
	"time"
)

// silenceRules conclude from where phase 1 stopped, who repeats which message,
// whether there is a NAT, and whether it worked before.
var silenceRules = []rule{
	{"too-late", PeerUnreachable, []Kind{Late}, Likely, seen, tooLate},
	{"no-answer-at-all", PeerUnreachable, []Kind{MessageSent, Retransmitted, GaveUp, StateSeen}, Likely, inferred, noAnswerAtAll},
	{"given-up", PeerUnreachable, []Kind{GaveUp}, Possible, inferred, givenUp},
	{"no-message-4", FragmentationMTU, []Kind{MessageSent, Retransmitted, StateSeen}, Possible, inferred, noMessage4},
	{"no-message-6", PSKMismatch, []Kind{MessageSent, Retransmitted, StateSeen}, Likely, inferred, noMessage6},
	{"no-message-6-behind-nat", NATT4500Blocked, []Kind{NATFound, PortsFloated}, Possible, inferred, noMessage6NAT},
	{"no-message-3", PeerUnreachable, []Kind{MessageReceived, DuplicateSeen, StateSeen}, Likely, inferred, noMessage3},
	{"no-message-5", PeerUnreachable, []Kind{MessageReceived, StateSeen}, Likely, inferred, noMessage5},
	{"answer-6-lost", PeerUnreachable, []Kind{DuplicateSeen}, Possible, inferred, answer6Lost},
}

// atOnce is how soon after its cause a consequence follows.
const atOnce = 10 * time.Second

// stopped says whether the last negotiation ended, for an end in a role, with
// these messages sent and received.
func (c *Case) stopped(r Role, sent, received int) bool {
	a := c.Attempt
	return a != nil && !a.Aggressive && (a.Role == r || a.Role == RoleUnknown && r == Initiator) && a.Sent == sent && a.Received == received
}

// tooLate is an answer to what this end repeats no more.
func tooLate(c *Case) *Finding {
	on := c.Phase1.Of(Late)
	if len(on) == 0 {
		return nil
	}
	return find(PeerUnreachable, Likely, append(c.Phase1.Of(GaveUp), on...), "the peer's next message comes after this end has given up waiting for it: the way is slow, or loses most of the packets").in(Phase1, on.Last().Message).
		or("`ping` shows how long packets take to the peer, and how many are lost. A peer that is overloaded answers as late.", HardwareOrMemory, FragmentationMTU, LocalFirewall)
}

// noAnswerAtAll is MM_NO_STATE: message 1 goes out, and nothing comes.
func noAnswerAtAll(c *Case) *Finding {
	if !c.stopped(Initiator, 1, 0) {
		return nil
	}
	a := c.Attempt
	certainty := Possible
	tell := "See whether the peer's log has the message at all. If it has, the peer has no crypto map on that interface, no connection or key for this address, or another IKE version. If it has not, something drops UDP 500."
	others := []Cause{CryptoMapNotApplied, IKEVersionMismatch, ConnectionNotMatched, NoPSKForPeer, Phase1PolicyMismatch, LocalFirewall}
	summary := fmt.Sprintf("the peer answers nothing to the first message, sent %d times", a.Resent[1]+1)
	if a.Resent[1] == 0 {
		summary = "the peer answers nothing to the first message"
	}
	if c.Succeeded {
		certainty = Likely
		summary += ", though it did before: it is down, it was changed, or something drops UDP 500"
	}
	if a.aggressive() {
		summary += ". It was in aggressive mode"
		others = append(others, AggressiveVsMain, GroupUnknown, IdentityMismatch)
	}
	if c.Phase1.Has(MessageReceived, AllOffersRefused, OtherIKEVersion) {
		summary += "; messages of its own do come, so that the way here is open"
	}
	return find(PeerUnreachable, certainty, a.Part, summary).in(Phase1, 1).or(tell, others...)
}

// givenUp is a log that says no more than that phase 1 was given up.
func givenUp(c *Case) *Finding {
	on := c.Phase1.Of(GaveUp).In(Phase1)
	if len(on) == 0 || !on.read() || c.Attempt != nil || c.Up || c.TunnelUp || c.Phase1.Has(ExchangeFailed) {
		return nil
	}
	return find(PeerUnreachable, Possible, on, "phase 1 is given up for want of an answer, and the log does not show which message went unanswered").in(Phase1, 0).
		or("See whether the peer's log has the messages. If it has, it says what it does not accept; if it has not, something drops UDP 500 or 4500.", PSKMismatch, NoPSKForPeer, NATT4500Blocked, ConnectionNotMatched)
}

// noMessage4 is MM_SA_SETUP of an initiator: the offer was accepted, the key
// exchange is not answered.
func noMessage4(c *Case) *Finding {
	if !c.stopped(Initiator, 3, 2) {
		return nil
	}
	if c.Attempt.read() {
		return find(NoPSKForPeer, Possible, c.Attempt.Part, "the peer accepted the offer and does not answer the key exchange: it has no key for this end, or the message is lost").in(Phase1, 3).
			or("See whether the peer's log has message 3. If it has, the peer refuses it and says why; if it has not, something drops it on the way.",
				PeerUnreachable, FragmentationMTU, HardwareOrMemory)
	}
	if c.Attempt.aggressive() {
		return find(PeerUnreachable, Possible, c.Attempt.Part, "aggressive mode went through here, and the peer does not go on").in(Phase1, 3).
			or("See whether the peer's log has message 3. If it has, the peer refuses this end's proof in it; if it has not, it is lost on the way.",
				NATT4500Blocked, PSKMismatch, IdentityMismatch, XauthNotExpected)
	}
	return find(FragmentationMTU, Possible, c.Attempt.Part,
		"the peer accepted the offer and does not answer the key exchange, which is the first large message").in(Phase1, 3).
		or("See whether the peer's log has message 3. If it has not, it is lost on the way by its size, or the way broke just then; if it has, the peer refuses it or cannot compute its answer.",
			PeerUnreachable, MalformedOrCorrupt, NoPSKForPeer, HardwareOrMemory)
}

// noMessage6 is MM_KEY_EXCH of an initiator: its proof is not answered.
func noMessage6(c *Case) *Finding {
	if !c.stopped(Initiator, 5, 4) || c.Attempt.Floated || c.Phase1.Has(Undecryptable, HashMismatch, RefusedUnread) {
		return nil
	}
	a := c.Attempt
	summary := "the peer does not answer this end's proof, its first encrypted message"
	if c.byNonces() {
		return find(PublicKeyMismatch, Likely, a.Part, summary+": it could not decrypt this end's nonce, or this end not its own. The RSA public key of the peer that this end has is not the peer's").in(Phase1, 5).
			or("Compare `show crypto key mypubkey rsa` of the peer with the key below `crypto key pubkey-chain rsa` here. If they are the same, the message is lost on the way.", PeerUnreachable, NATT4500Blocked)
	}
	if c.signed() {
		return find(IdentityMismatch, Possible, a.Part, summary+": it does not accept this end's identity or certificate, or the certificates made the message too large for the way").in(Phase1, 5).
			or("Ask for the peer's log: it says what it does not accept. If it has not got the message, its fragments are lost.", CAUnknown, CertExpired, FragmentationMTU, PeerUnreachable)
	}
	certainty := Possible
	if a.Repeated[4] > 0 {
		summary += ", and repeats the message before it: it is there, and takes no notice of the proof. The pre-shared keys differ"
		certainty = Likely
	} else if !a.NAT && !c.Succeeded && len(a.About(DeletedWithKeys)) == 0 {
		certainty = Likely
		summary += ". The pre-shared keys differ, as a rule"
	}
	return find(PSKMismatch, certainty, a.Part, summary).in(Phase1, 5).
		or("Ask for the peer's log: a router says `%CRYPTO-4-IKMP_BAD_MESSAGE` when it cannot decrypt message 5. If it has not got the message, the way between is at fault. "+damagedValue,
			a.orPort(IdentityMismatch, MalformedOrCorrupt, FragmentationMTU, PeerUnreachable)...)
}

// signed says whether the ends prove themselves by signatures.
func (c *Case) signed() bool {
	return len(c.Phase1.Of(OfferAccepted).where(func(o *Observation) bool { return o.Attr == AttrAuth && o.Offered == Signatures })) > 0
}

// byNonces says whether they do by encrypted nonces.
func (c *Case) byNonces() bool {
	return len(c.Phase1.Of(OfferAccepted).where(func(o *Observation) bool { return o.Attr == AttrAuth && o.Offered == Nonces })) > 0
}

// noMessage6NAT is the same after the move to UDP 4500, which may be blocked.
func noMessage6NAT(c *Case) *Finding {
	if !c.stopped(Initiator, 5, 4) || !c.Attempt.Floated || c.Phase1.Has(Undecryptable, HashMismatch, RefusedUnread) {
		return nil
	}
	return find(NATT4500Blocked, Possible, c.Attempt.Part,
		"a NAT was found, this end went on to UDP 4500 with its proof, and the peer does not answer there").in(Phase1, 5).
		or("See whether the peer's log has a message on port 4500. If it has, and cannot decrypt it, the pre-shared keys differ; if it has not, something drops UDP 4500.",
			PSKMismatch, IdentityMismatch, LocalFirewall)
}

// noMessage3 is a responder whose answer to the first message leads to nothing.
// A peer that repeats its message lacks the answer.
func noMessage3(c *Case) *Finding {
	if !c.stopped(Responder, 2, 1) || c.Attempt.aggressive() {
		return nil
	}
	a := c.Attempt
	if a.Repeated[1] > 0 {
		return find(PeerUnreachable, Likely, a.Part, "the peer repeats its first message: the answers of this end do not reach it").in(Phase1, 2).
			or("See whether the peer's log has message 2. If it has, the peer refuses the choice in it; if it has not, something drops UDP 500 on the way to it, or answers go another way.",
				LocalFirewall, RoutingMissing, MalformedOrCorrupt)
	}
	return find(PeerUnreachable, Possible, a.Part, "the peer sent a first message and did not go on after the answer").in(Phase1, 2).
		or("A scan, or a first message from a forged address, looks the same and is no fault.", LocalFirewall, MalformedOrCorrupt, NoFault)
}

// noMessage5 is a responder that has answered the key exchange and gets no
// proof.
func noMessage5(c *Case) *Finding {
	if !c.stopped(Responder, 4, 3) || c.Phase1.Has(Undecryptable, HashMismatch) {
		return nil
	}
	a := c.Attempt
	if a.Repeated[3] > 0 {
		return find(FragmentationMTU, Possible, a.Part,
			"the peer repeats message 3: the answer to it, the first large message of this end, does not reach the peer").in(Phase1, 4).
			or("See whether the peer's log has message 4. Message 2, which is smaller, did reach it.", PeerUnreachable, LocalFirewall, MalformedOrCorrupt)
	}
	if a.NAT {
		return find(NATT4500Blocked, Likely, a.Part,
			"a NAT was found, so that the peer goes on at UDP 4500, and nothing comes there").in(Phase1, 4).
			or("See whether the peer's log has message 5 sent, on port 4500. If it has, something drops UDP 4500; if it has not, the peer stopped by itself.",
				PeerUnreachable, LocalFirewall, NoPSKForPeer)
	}
	if a.Of(StateSeen).read() {
		return find(PSKMismatch, Possible, a.Part, "phase 1 stops where the peer must prove itself: its proof did not come, or cannot be decrypted because the pre-shared keys differ").in(Phase1, 5).
			or("A debug of this end says whether message 5 comes. If it does not, and there is a NAT, something drops UDP 4500.", NATT4500Blocked, PeerUnreachable, IdentityMismatch)
	}
	return find(PeerUnreachable, Possible, a.Part, "the peer does not go on after the key exchange").in(Phase1, 4).
		or("See whether the peer's log has message 5 sent. If it has, the message is lost on the way.", a.orPort(FragmentationMTU, NoPSKForPeer, HardwareOrMemory)...)
}

// answer6Lost is a responder that is up, and whose last message does not reach
// the peer.
func answer6Lost(c *Case) *Finding {
	again := c.All.Of(DuplicateSeen).In(Phase1).At(5)
	if len(again) < 2 || c.TunnelUp || c.All.After(DuplicateSeen).Has(MessageReceived, Phase2Up) {
		return nil
	}
	if unread := c.All.After(Phase1Up).Of(RefusedUnread); len(unread) > 0 {
		return find(IdentityMismatch, Likely, append(again, unread...), "phase 1 is up here, and the peer answers this end's proof with a notify that comes before it can be read: it refuses this end").in(Phase1, 6).
			or("Ask for the peer's log: it names the identity that it wants.", ConnectionNotMatched, PeerQuirk)
	}
	if c.All.Has(PortsFloated) {
		return find(NATT4500Blocked, Possible, again, "phase 1 is up here, and the peer repeats its proof on UDP 4500: it does not get this end's, or refuses it").in(Phase1, 6).
			or("See whether the peer's log has message 6. If it has, it refuses the identity or the hash in it; if it has not, something drops UDP 4500 on the way to it.",
				IdentityMismatch, PeerUnreachable, LocalFirewall)
	}
	return find(PeerUnreachable, Possible, again, "phase 1 is up here, and the peer repeats its proof: it lacks this end's, or refuses it").in(Phase1, 6).
		or("See whether the peer's log has message 6. If it has, it refuses the identity or the hash in it; if it has not, the message is lost on the way.",
			IdentityMismatch, NATT4500Blocked, FragmentationMTU)
}
