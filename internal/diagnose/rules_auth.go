package diagnose

import (
	"fmt"
	"slices"
)

// authRules are about keys, identities and proofs.
var authRules = []rule{
	{"no-key-here", NoPSKForPeer, []Kind{KeyMissing}, Certain, seen, noKeyHere},
	{"no-own-proof", IdentityMismatch, []Kind{ProofMissing}, Likely, seen, noOwnProof},
	{"unreadable-proof", PSKMismatch, []Kind{Undecryptable}, Likely, seen, unreadableProof},
	{"unreadable-answer", MalformedOrCorrupt, []Kind{Undecryptable}, Possible, seen, unreadableAnswer},
	{"hash-differs", MalformedOrCorrupt, []Kind{HashMismatch}, Likely, seen, hashDiffers},
	{"identity-refused", IdentityMismatch, []Kind{IdentityRefused}, Certain, seen, identityRefused},
	{"told-identity", IdentityMismatch, []Kind{NotifyReceived}, Likely, told, toldIdentity},
	{"told-authentication", PSKMismatch, []Kind{NotifyReceived}, Likely, told, toldAuthentication},
	{"refused-unread", PSKMismatch, []Kind{RefusedUnread}, Likely, told, refusedUnread},
	{"answered-in-clear", PSKMismatch, []Kind{NotEncrypted}, Possible, told, answeredInClear},
	{"deleted-at-once", IdentityMismatch, []Kind{Phase1Up}, Possible, told, deletedAtOnce},
}

func noKeyHere(c *Case) *Finding {
	on := c.Phase1.Of(KeyMissing)
	if len(on) == 0 {
		return nil
	}
	if on.read() && c.beyond(on.Last()) || c.signed() || c.byNonces() {
		return nil
	}
	who := c.Peer.String()
	if !c.Peer.IsValid() {
		who = "the peer"
	}
	summary := "there is no pre-shared key for " + who + " here"
	if d := on.Last().Detail; d != "" {
		summary += ", " + d
	}
	certainty := Certain
	byName := on.Last().Offered != ""
	if c.Surveyed && !c.named() || c.All.Has(KeyUnused) || byName || on.read() {
		certainty = Likely
	}
	if on.Last().Attr == AttrUnknown {
		certainty, summary = Likely, "nothing here is configured for "+who+": no tunnel group, and so no pre-shared key"
	}
	f := find(NoPSKForPeer, certainty, append(on, c.All.Of(KeyUnused)...), summary).in(Phase1, max(1, on.Last().Message))
	if on.Last().Aggressive {
		f.about = on.Last()
	}
	forNames := slices.ContainsFunc(c.All.Of(KeyUnused), func(o *Observation) bool { return o.Attr == attrByName })
	if c.Surveyed && c.named() && !on.standing() && on.Last().Detail == "" && !forNames {
		return f.mended("there was no pre-shared key for " + who + " here")
	}
	if byName {
		return f.or("Secrets are looked for by the identities of both ends: one that differs from the secret's, here or at the peer, finds none either.", IdentityMismatch, ConnectionNotMatched)
	}
	return f.or("An address that is mistyped, here or at the peer, or that a NAT has changed, has no key either.", ConnectionNotMatched, PeerUnreachable)
}

// noOwnProof is an end that cannot prove to be who it says it is.
func noOwnProof(c *Case) *Finding {
	on := c.Phase1.Of(ProofMissing)
	if len(on) == 0 {
		return nil
	}
	who := "this end's identity"
	if o := on.Last().Offered; o != "" {
		who += " " + o
	}
	return find(IdentityMismatch, Likely, on, "there is no private key here for "+who+": the identity is not in this end's certificate, or the key or the certificate is not loaded").in(Phase1, max(1, on.Last().Message)).
		or("See whether the certificate has the identity, and whether its private key is there.", NoPSKForPeer, CAUnknown)
}

// beyond says whether the negotiation went on although no key was found, as one
// with certificates does.
func (c *Case) beyond(o *Observation) bool {
	return slices.ContainsFunc(c.Phase1, func(later *Observation) bool {
		return later.Session == o.Session && o.Session != 0 && (later.Kind == MessageSent || later.Kind == MessageReceived) && later.Message > o.Message+1
	})
}

// named says whether a crypto map entry here names the peer, active or not.
func (c *Case) named() bool {
	return slices.ContainsFunc(c.All.Of(Configured, MapNotApplied, MapIncomplete, InterfaceDown), func(o *Observation) bool { return o.Peer == c.Peer })
}

const damagedValue = "A public value that was damaged on its way makes the keys differ just so; the next attempt would then succeed."

// unreadableProof is a responder that cannot read message 5. The keys are made
// of the pre-shared key and of what was exchanged before: one of them differs.
func unreadableProof(c *Case) *Finding {
	on := c.Phase1.Of(Undecryptable).where(func(o *Observation) bool { return o.Role != Initiator && !o.Aggressive })
	if len(on) == 0 || c.byNonces() {
		return nil
	}
	return find(PSKMismatch, Likely, on, "the peer's first encrypted message is garbage after decryption: the pre-shared keys of the two ends differ").in(Phase1, 5).
		or(damagedValue, MalformedOrCorrupt)
}

// unreadableAnswer is an initiator that cannot read message 6. A peer that sends
// one has read our message 5, so that the keys agree.
func unreadableAnswer(c *Case) *Finding {
	on := c.Phase1.Of(Undecryptable).where(func(o *Observation) bool { return o.Role == Initiator })
	if len(on) == 0 || c.byNonces() {
		return nil
	}
	return find(MalformedOrCorrupt, Possible, on, "the peer's proof is garbage after decryption, though it must have read ours").in(Phase1, 6).
		or("A peer with another pre-shared key does not send message 6 as a rule. "+damagedValue, PSKMismatch, PeerQuirk)
}

// hashDiffers tells a wrong key, after which not even the identity can be read,
// from a message that was altered before encryption began.
func hashDiffers(c *Case) *Finding {
	on := c.Phase1.Of(HashMismatch).where(func(o *Observation) bool { return !o.Aggressive })
	if len(on) == 0 {
		return nil
	}
	message := 5
	if on.Last().Role == Initiator {
		message = 6
	}
	session := on.Last().Session
	identity := c.Phase1.Of(IdentitySeen).where(func(o *Observation) bool { return o.Session == session }).Last()
	if identity == nil || on.Last().Attr == AttrProtocol { // IKEv2's keys are not made of it
		f := find(PSKMismatch, Likely, on, "the peer's hash differs: the pre-shared keys of the two ends differ").in(Phase1, message).
			or(damagedValue, MalformedOrCorrupt, IdentityMismatch)
		if on.Last().Attr == AttrGroupName {
			f.Summary = "the gateway's hash differs: the group's pre-shared key is another one there"
			f.or("A gateway that hides which groups it has answers for an unknown one with a made-up key: see whether the group's name is right.", GroupUnknown)
		}
		return f
	}
	f := find(MalformedOrCorrupt, Likely, append(Part{identity}, on...),
		fmt.Sprintf("the peer's hash differs although its identity %s can be read: the keys agree, and something that the hash covers was altered", identity.Offered))
	return f.in(Phase1, message).or("The hash covers the offer, the public values, the cookies and the identity: compare captures of both ends.", PeerQuirk, PSKMismatch)
}

func identityRefused(c *Case) *Finding {
	on := append(c.Phase1.Of(IdentityRefused), c.Phase2.Of(IdentityRefused)...)
	if len(on) == 0 || on.Last().Attr == AttrUnknown && c.Phase1.Has(certificateFaults...) {
		return nil // the certificate is why
	}
	o := on.Last()
	summary := "the peer's identity is not one that is allowed here"
	if o.Offered != "" {
		summary = fmt.Sprintf("the peer says that it is %s, which is not the identity wanted here", o.Offered)
	}
	if o.Wanted != "" {
		summary += " (" + o.Wanted + ")"
	}
	if o.Phase == Phase2 {
		summary = "the peer's identity belongs to another ISAKMP profile than the one that the crypto map entry wants"
	}
	certainty := Likely
	if o.Authentic {
		certainty = Certain
	}
	message := max(o.Message, 5)
	if o.Phase == Phase2 {
		message = 1
	}
	f := find(IdentityMismatch, certainty, on, summary).in(o.Phase, message).
		or("Only an identity under a hash that holds is the peer's own.", PSKMismatch)
	if o.Aggressive { // a client calls its group so
		f.Alternatives = append(f.Alternatives, GroupUnknown)
	}
	return f
}

func toldIdentity(c *Case) *Finding {
	on := notified(c, "INVALID-ID-INFORMATION")
	if len(on) == 0 || on.Last().Aggressive {
		return nil
	}
	if on.Last().Attr == AttrGroupName {
		return find(GroupUnknown, Likely, on, "the peer refuses the group that this end calls: it has none of that name").in(Phase1, 1).
			or(forged+"Ask for the peer's log: it says what it looked for.", IdentityMismatch, PSKMismatch, Phase1PolicyMismatch)
	}
	if c.signed() {
		return find(IdentityMismatch, Likely, on, "the peer refuses the identity or the certificate that this end presents").in(Phase1, 5).
			or("Ask for the peer's log: it says what it does not accept.", CAUnknown, CertExpired, CertRevoked, CertNotYetValid)
	}
	return find(IdentityMismatch, Likely, on, "the peer refuses the identity that this end presents").in(Phase1, 5).
		or("Ask for the peer's log: it names the identity that it has for this connection. What cannot be decrypted may look like a wrong identity too.", PSKMismatch)
}

// toldAuthentication is a peer that says that our proof fails.
func toldAuthentication(c *Case) *Finding {
	on := notified(c, "AUTHENTICATION-FAILED", "INVALID-HASH-INFORMATION", "PAYLOAD-MALFORMED", "INVALID-PAYLOAD-TYPE", "UNEQUAL-PAYLOAD-LENGTHS",
		"INVALID-KEY-INFORMATION", "INVALID-SIGNATURE")
	if len(on) == 0 || on.Last().Aggressive {
		return nil
	}
	name := on.Last().Detail
	a := c.Attempt
	if c.signed() && a != nil && a.Sent >= 5 {
		return find(IdentityMismatch, Possible, on, "the peer refuses this end's proof ("+name+"): its identity, its certificate or its signature").in(Phase1, 5).
			or("Ask for the peer's log: it says what it does not accept.", CAUnknown, CertExpired, CertNotYetValid, CertRevoked, CRLUnreachable, MalformedOrCorrupt)
	}
	if name == "INVALID-KEY-INFORMATION" && (a == nil && on.read() || a != nil && !a.Aggressive && a.Sent < 5) {
		message := 3
		if a != nil {
			message = max(message, a.Sent)
		}
		return find(NoPSKForPeer, Likely, on, "the peer cannot make the keys of phase 1 ("+name+"): it has no pre-shared key for this end, or cannot use the public value").in(Phase1, message).
			or(forged+"The peer's log says whether it has found a key. strongSwan says so when no secret fits the two identities.", Phase1PolicyMismatch, MalformedOrCorrupt, PeerQuirk)
	}
	if name == "AUTHENTICATION-FAILED" && on.Last().Attr == AttrProtocol {
		return find(PSKMismatch, Possible, on, "the peer refuses this end's proof of IKEv2 ("+name+"): the pre-shared keys differ, or the identity does not fit").in(Phase1, 5).
			or("Ask for the peer's log: it says whether it knows the identity.", IdentityMismatch, ConnectionNotMatched, XauthNotExpected)
	}
	if name == "AUTHENTICATION-FAILED" && on.Last().Authentic && !c.signed() {
		return find(IdentityMismatch, Likely, on, "the peer refuses this end under keys that agree ("+name+"): the identity does not fit").in(Phase1, 5).
			or("Ask for the peer's log: it names the identity that it has for this connection, or the mode or method that it wants.", ConnectionNotMatched, PSKMismatch, XauthNotExpected, AggressiveVsMain)
	}
	if a == nil || a.Sent < 5 {
		if a == nil && on.read() && name != "AUTHENTICATION-FAILED" && name != "INVALID-KEY-INFORMATION" {
			return find(PSKMismatch, Possible, on, "the peer cannot use a message of this end ("+name+"): as a rule it cannot decrypt this end's proof, for the pre-shared keys differ").in(Phase1, 5).
				or(forged+"The peer's log says what it cannot read.", MalformedOrCorrupt, PeerQuirk)
		}
		if name != "AUTHENTICATION-FAILED" {
			return find(MalformedOrCorrupt, Possible, on, "the peer cannot use a message of this end ("+name+")").in(Phase1, 0).
				or(forged+"The peer's log says what it cannot read.", Phase1PolicyMismatch, PSKMismatch, PeerQuirk)
		}
		if on.Last().Attr == AttrGroupName {
			return find(GroupUnknown, Possible, on, "the peer refuses the group that this end calls").in(Phase1, 1).
				or(forged+"The peer's log says why: it may have no such group, or take no aggressive mode.", AggressiveVsMain, IdentityMismatch, PSKMismatch)
		}
		return find(ConnectionNotMatched, Possible, on, "the peer refuses to authenticate this end").in(Phase1, 0).
			or(forged+"The peer's log says why.", PSKMismatch, IdentityMismatch, AggressiveVsMain)
	}
	if on.Last().Authentic {
		return find(IdentityMismatch, Likely, on, "the peer has read this end's proof and refuses it ("+name+"): the keys agree, the identity does not fit").in(Phase1, 5).
			or("Ask for the peer's log: it names the identity that it has for this connection.", ConnectionNotMatched, PeerQuirk)
	}
	return find(PSKMismatch, Likely, on, "the peer cannot use this end's first encrypted message ("+name+"): the pre-shared keys differ").in(Phase1, 5).
		or(forged+"Ask for the peer's log: with a wrong key it cannot decrypt, with a wrong identity it names it.", IdentityMismatch, MalformedOrCorrupt)
}

// refusedUnread is a notify in answer to one of our messages. What it says is not
// known: phase 1 is not up.
func refusedUnread(c *Case) *Finding {
	on := c.Phase1.Of(RefusedUnread).where(func(o *Observation) bool { return !o.Aggressive })
	if len(on) == 0 {
		return nil
	}
	if on.Last().Role == Responder && c.signed() {
		return refusedSignature(on, "the peer answers the last message of phase 1 with an encrypted notify, and does not go on")
	}
	if on.Last().Role == Responder {
		return find(IdentityMismatch, Possible, on, "the peer answers the last message of phase 1 with an encrypted notify, and does not go on: it refuses this end's proof").in(Phase1, on.Last().Message).
			or("Ask for the peer's log: it names the identity or the certificate that it does not accept.", PSKMismatch, ConnectionNotMatched, XauthNotExpected)
	}
	if c.signed() && on.Last().Message >= 5 {
		return refusedSignature(on, "the peer answers this end's proof with a notify instead of its own proof")
	}
	switch on.Last().Message {
	case 1:
		return find(Phase1PolicyMismatch, Likely, on, "the peer answers the offer of phase 1 with a notify, which was not read: it refuses the offer, as a rule").in(Phase1, 1).
			or("Ask for the peer's log: it names the attribute that differs, or says that it has no connection or no key for this end.", ConnectionNotMatched, NoPSKForPeer, AggressiveVsMain, IKEVersionMismatch)
	case 3:
		return find(NoPSKForPeer, Possible, on, "the peer answers the key exchange with a notify, which was not read: it refuses to go on").in(Phase1, 3).
			or("Ask for the peer's log: it says whether it has a key for this end.", PSKMismatch, Phase1PolicyMismatch, PeerQuirk)
	}
	if on.Last().Detail != "" {
		return find(PSKMismatch, Likely, on, "the peer answers this end's proof with a notify that cannot be decrypted here: the pre-shared keys of the two ends differ").in(Phase1, 5).
			or("Ask for the peer's log: with a wrong key it cannot decrypt message 5.", IdentityMismatch, PeerQuirk)
	}
	return find(PSKMismatch, Possible, on, "the peer answers this end's proof with a notify instead of its own proof: it refuses this end").in(Phase1, 5).
		or("Ask for the peer's log: with a wrong key it cannot decrypt message 5, with a wrong identity it names the one that it wants.", IdentityMismatch, ConnectionNotMatched)
}

// answeredInClear is a message that must be encrypted and is not. A peer that cannot
// read this end's proof says so in clear.
func answeredInClear(c *Case) *Finding {
	on := c.Phase1.Of(NotEncrypted)
	if len(on) == 0 || c.Up || c.TunnelUp {
		return nil
	}
	return find(PSKMismatch, Possible, on, "the peer answers in clear where it must encrypt, as one does that cannot read this end's proof: the pre-shared keys differ, as a rule").in(Phase1, 5).
		or("Ask for the peer's log: it says what it cannot read. Anybody can send such a message.", MalformedOrCorrupt, StaleSA, PeerQuirk)
}

// deletedByPeer is the Detail of an SA that the peer has deleted.
const deletedByPeer = "Deleted by the peer"

// deletedAtOnce is a phase 1 that the peer deletes as soon as it is up, again
// and again: it does not like what it learned of us last, our identity.
func deletedAtOnce(c *Case) *Finding {
	if c.Up || c.TunnelUp {
		return nil
	}
	if c.Phase2.Has(TransformRefused, Phase2OfferRefused, ProxyRefused, PFSRefused) {
		return nil // that is why
	}
	var on Part
	for _, up := range c.All.After(Phase2Up).Of(Phase1Up) {
		for _, o := range c.All.Of(DeleteReceived, SADeleted) {
			byPeer := o.Kind == DeleteReceived || o.Detail == deletedByPeer
			if byPeer && o.Phase == Phase1 && o.Session == up.Session && o.Time.Sub(up.Time) < atOnce && o.Time.Sub(up.Time) >= 0 {
				on = append(on, up, o)
			}
		}
	}
	if on.Of(Phase1Up).sessions() < 2 && (len(on) == 0 || c.All.Has(Phase2Up) || len(c.All.In(Phase2)) > 0 || !on.Of(Phase1Up).First().Evidence.Log) {
		return nil
	}
	if asked := c.All.Of(ConfigAsked); len(asked) > 0 {
		return find(PoolExhausted, Possible, append(asked[len(asked)-1:], on...), "the peer deletes phase 1 when this end asks for an address: it has none to give").in(PhaseConfig, 0).
			or("The peer's log says why it deletes.", XauthFailed, XauthNotExpected, IdentityMismatch)
	}
	others := []Cause{ConnectionNotMatched, PeerQuirk, XauthNotExpected}
	if slices.ContainsFunc(c.All.Of(OfferAccepted), func(o *Observation) bool { return o.Attr == AttrAuth && o.Offered == Signatures }) {
		others = append(others, CAUnknown, CertExpired, CertNotYetValid, CertRevoked, CRLUnreachable)
	}
	return find(IdentityMismatch, Possible, on, "the peer deletes phase 1 as soon as it is up").in(Phase1, 6).
		or("The peer's log says why it deletes.", others...)
}
