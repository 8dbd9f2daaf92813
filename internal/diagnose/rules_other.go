package diagnose

import (
	"slices"
	"strings"
)

// simple is a rule that needs no more than that something was observed and is
// not over.
func simple(name string, cause Cause, kind Kind, c Certainty, p Phase, summary, tell string, others ...Cause) rule {
	return rule{name, cause, []Kind{kind}, c, seen, func(k *Case) *Finding {
		on := k.All.After(Phase2Up).Of(kind)
		if len(on) == 0 {
			return nil
		}
		text := summary
		if d := on.Last().Detail; d != "" {
			text += ": " + d
		}
		sure := c
		if on.Last().Attr == AttrUnknown || on.read() {
			sure = min(sure, Likely) // a log may lack what came before
		}
		return find(cause, sure, on, text).in(p, on.Last().Message).or(tell, others...)
	}}
}

// client is simple for what concerns clients: it is over when one is in.
func client(name string, cause Cause, kind Kind, c Certainty, summary, tell string, others ...Cause) rule {
	r := simple(name, cause, kind, c, PhaseConfig, summary, tell, others...)
	judge := r.judge
	r.judge = func(k *Case) *Finding {
		if len(k.All.After(kind).Of(ClientIn)) > 0 {
			return nil
		}
		f := judge(k)
		if f != nil && f.about.Phase == Phase1 {
			f.in(Phase1, f.about.Message)
		}
		return f
	}
	return r
}

// xauthOffered is a peer that promises a user where none is asked for, or none
// where one is: all that its offers lack is the other method.
func xauthOffered(c *Case) *Finding {
	verdicts := c.Phase1.Of(AllOffersRefused)
	if len(verdicts) == 0 || verdicts.Last().Role == Initiator {
		return nil
	}
	session := verdicts.Last().Session
	refusals := c.Phase1.Of(OfferRefused).where(func(o *Observation) bool { return o.Session == session })
	best := closest(refusals)
	if best == nil || best.Attr != AttrAuth || best.Wanted == "" || xauthWord(best.Offered) == xauthWord(best.Wanted) {
		return nil
	}
	summary := "the peer wants its user to log in, and no user is asked for here"
	if xauthWord(best.Wanted) {
		summary = "users log in here, and the peer has none"
	}
	return find(XauthNotExpected, Certain, append(Part{best}, verdicts...), summary).in(Phase1, 1)
}

// xauthWord says whether a method of authentication has a user log in.
func xauthWord(method string) bool { return strings.Contains(strings.ToLower(method), "xauth") }

// remoteAccessRules are about users, groups, pools and enrolment.
var remoteAccessRules = []rule{
	client("xauth-rejected", XauthFailed, XauthRejected, Certain, "the user's name or password was refused",
		"The other end's log says why.", XauthNotExpected),
	client("xauth-unanswered", XauthFailed, XauthUnanswered, Likely, "the peer does not answer the question for a user's name and password",
		"See whether the peer is a client that asks its user, or a gateway that knows nothing of XAUTH.", XauthNotExpected),
	client("xauth-unexpected", XauthNotExpected, XauthUnexpected, Likely, "one end asks for a user's name, and the other does not expect that",
		"A key with `no-xauth` is for gateways.", XauthFailed),
	{"xauth-offered", XauthNotExpected, []Kind{AllOffersRefused}, Certain, seen, xauthOffered},
	client("aaa-silent", XauthFailed, AAASilent, Likely, "AAA does not answer: the user cannot be authenticated, or his group looked up",
		"`show radius statistics` has the requests without an answer; a wrong key of the server looks the same.", PeerUnreachable),
	client("client-limited", XauthFailed, ClientLimited, Certain, "AAA does not let the client in", ""),
	{"no-such-group", GroupUnknown, []Kind{GroupMissing}, Certain, seen, noSuchGroup},
	client("pool-empty", PoolExhausted, PoolEmpty, Certain, "no address is left in the pool",
		"The other end's log says why it gives none.", XauthFailed),
	client("config-unanswered", PeerQuirk, ConfigUnanswered, Likely, "the peer does not answer mode config",
		"See whether the server gives addresses (`client configuration address respond`), and whether the client takes one that it has not asked for.", XauthNotExpected),
	simple("enrolment-failed", SCEPFailed, EnrolmentFailed, Certain, PhaseNone, "the enrolment with the certificate authority failed", ""),
}

// noSuchGroup is a client of a group that has no key here, or that AAA does not know.
func noSuchGroup(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(GroupMissing)
	if len(on) == 0 || c.All.After(GroupMissing).Has(ClientIn) {
		return nil
	}
	text := "there is no such group here"
	if d := on.Last().Detail; d != "" {
		text += ": " + d
	}
	certainty := Certain
	if on.read() {
		certainty = Likely
	}
	f := find(GroupUnknown, certainty, on, text).in(on.Last().Phase, on.Last().Message).or("")
	f.about = on.Last()
	return f
}

// nameUnknown is a peer whose name has no address now.
func nameUnknown(c *Case) *Finding {
	on := c.All.Of(NameUnknown).where(func(o *Observation) bool {
		return !slices.ContainsFunc(c.All.Of(NameKnown).About(o.Detail), func(k *Observation) bool { return k.Time.After(o.Time) })
	})
	if len(on) == 0 || c.TunnelUp {
		return nil
	}
	return find(PeerUnreachable, Likely, on, "the peer's name "+on.Last().Detail+" has no address").in(PhaseNone, 0).
		or("Ask the name server of this host for the name.", RoutingMissing)
}

// unreachable is what the network says while phase 1 is wanted. What it says of
// an SA that is up is that the peer has just gone.
func unreachable(c *Case) *Finding {
	on := c.Phase1.Of(Unreachable)
	if len(on) == 0 {
		return nil
	}
	summary := "the network says that the peer cannot be reached"
	if d := on.Last().Detail; d != "" {
		summary += ": " + d
	}
	return find(PeerUnreachable, Likely, on, summary).in(Phase1, on.Last().Message).
		or("`port unreachable` means that the host is there and no IKE daemon listens.", RoutingMissing, CryptoMapNotApplied)
}

// platformRules are about the host and what is no IKE.
var platformRules = []rule{
	{"name-unknown", PeerUnreachable, []Kind{NameUnknown}, Likely, seen, nameUnknown},
	{"unreachable", PeerUnreachable, []Kind{Unreachable}, Likely, seen, unreachable},
	simple("send-refused", LocalFirewall, SendRefused, Likely, Phase1, "this host refuses to send to the peer",
		"See the host's own packet filter and its route to the peer.", RoutingMissing),
	simple("platform-limit", HardwareOrMemory, PlatformLimit, Likely, PhaseNone, "the hardware or the memory does not allow it", "", OSSupportMissing),
	simple("quirk", PeerQuirk, Quirk, Likely, Phase1, "one end cannot cope with something legal of the other", "Another release of either end, or other settings, may get around it.", Phase1PolicyMismatch, MalformedOrCorrupt, XauthFailed),
	simple("support-missing", OSSupportMissing, SupportMissing, Likely, PhaseNone, "the system lacks what is needed", "", HardwareOrMemory),
	{"overlay", OverlayMisconfig, []Kind{OverlayDown}, Likely, seen, overlayDown},
}

// overlayDown is a tunnel above IPsec that does not work. What stands in a table is so
// although IPsec is up.
func overlayDown(c *Case) *Finding {
	on := c.All.Of(OverlayDown)
	if !on.standing() {
		on = c.All.After(Phase2Up).Of(OverlayDown)
	}
	if len(on) == 0 {
		return nil
	}
	text := "IPsec does its work, and what runs over it does not"
	if d := on.Last().Detail; d != "" {
		text += ": " + d
	}
	if on.Last().Attr == AttrUnknown {
		if c.All.Has(MessageSent, MessageReceived, KeyMissing, AllOffersRefused) && !c.All.Has(Phase2Up) {
			return nil // it waits for IPsec
		}
		return find(OverlayMisconfig, Possible, on, text).in(PhaseData, 0).
			or("See whether the other end's log has the first message. If not, see whether ESP comes there.", ESPBlocked, LocalFirewall, PeerQuirk)
	}
	return find(OverlayMisconfig, Likely, on, text).in(PhaseData, 0).or("Compare tunnel keys, network IDs and modes of both ends.", RoutingMissing)
}

// noteRules say what is harmless.
var noteRules = []noteRule{
	{"lifetimes-differ", []Kind{LifetimeShorter}, func(c *Case) *Note {
		on := c.All.Of(LifetimeShorter)
		return &Note{Cause: LifetimeMismatch, Summary: "the lifetimes of the two ends differ, which does no harm: the shorter one is used", Evidence: quote(on[len(on)-1:])}
	}},
	{"duplicates", []Kind{DuplicateSeen}, func(c *Case) *Note {
		on := c.All.Of(DuplicateSeen)
		if !c.Up && !c.TunnelUp || len(on) > 2*enough {
			return nil
		}
		return &Note{Cause: DuplicateRetransmit, Summary: "messages came twice, which does no harm: the last answer is sent again", Evidence: quote(on)}
	}},
	{"peer-began-anew", []Kind{InitialContactSeen}, func(c *Case) *Note {
		if !c.Up && !c.TunnelUp {
			return nil
		}
		return &Note{Summary: "the peer said that it begins anew, as after a restart; what it had before was deleted", Evidence: quote(c.All.Of(InitialContactSeen))}
	}},
	{"other-version-beside", []Kind{OtherIKEVersion, AggressiveMode}, func(c *Case) *Note {
		if !c.Up {
			return nil
		}
		return &Note{Summary: "messages of another version or mode came beside a tunnel that is up: they were ignored", Evidence: quote(c.All.Of(OtherIKEVersion, AggressiveMode))}
	}},
	{"harmless", []Kind{Harmless}, func(c *Case) *Note {
		on := c.All.Of(Harmless)
		return &Note{Cause: NoFault, Summary: on.Last().Detail, Evidence: quote(on)}
	}},
}
