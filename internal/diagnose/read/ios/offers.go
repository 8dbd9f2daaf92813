package ios

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// offer is the transform that is being compared.
type offer struct {
	policy                        string
	encr, bits, hash, group, auth string
	proposal                      bool // of phase 2
	transform, integrity, mode    string
	refused                       bool // something of it was named
}

// offers are the comparisons of phase 1, and the attributes of both phases.
var offers = read.Join([]read.Phrase{
	does("Checking ISAKMP transform {n} against priority {place} policy", checking),
	does("Checking IPSec proposal {n}", checkingProposal),
	does("ISAKMP: encryption {v}", attribute(func(o *offer, v string) { o.encr = cipherWord(v) })),
	does("ISAKMP: keylength of {v}", attribute(func(o *offer, v string) { o.bits = v })),
	does("ISAKMP: hash {v}", attribute(func(o *offer, v string) { o.hash = hashWord(v) })),
	does("default group {v}", attribute(func(o *offer, v string) { o.group = v })),
	does("ISAKMP: auth {rest}", attribute(func(o *offer, v string) { o.auth = v })),
	does("authenticator is {v}", attribute(func(o *offer, v string) { o.integrity = integrityWord(v) })),
	does("key length is {v}", attribute(func(o *offer, v string) { o.bits = v })),
	does("group is {v}", attribute(func(o *offer, v string) { o.group = v })),
	does("encaps is {n} ({v})", attribute(func(o *offer, v string) { o.mode = strings.ToLower(v) })),
	does("ISAKMP: transform {n}, {v}", attribute(func(o *offer, v string) { o.transform = cipherWord(strings.TrimPrefix(v, "ESP_")) })),

	does("Encryption algorithm offered does not match policy", refused(diagnose.AttrEncryption)),
	does("Hash algorithm offered does not match policy", refused(diagnose.AttrHash)),
	does("Diffie-Hellman group offered does not match policy", refused(diagnose.AttrGroup)),
	does("Authentication method offered does not match policy", refused(diagnose.AttrAuth)),
	does("Preshared authentication offered but does not match policy", keyless),
	does("authentication by pre-shared key offered but does not match policy", refused(diagnose.AttrAuth)),
	does("{RSA signature|RSA encryption|DSS signature} offered but does not match policy", refused(diagnose.AttrAuth)),
	does("Proposed key length does not match policy", refused(diagnose.AttrKeyLength)),
	does("key length offered does not match policy", refused(diagnose.AttrKeyLength)),
	does("{atts|attrs|attributes} {are not|not} acceptable", unacceptable),
	does("{atts|attrs|attributes} are acceptable", acceptable),
	does("no offers accepted", allRefused),
	does("SA not acceptable", func(x *read.Context, match *read.Match) {
		if remember(x).offer.proposal {
			refused2(x)
			return
		}
		allRefused(x, match)
	}),
	does("phase 1 SA policy not acceptable! (local {local} remote {peer})", allRefused),
	does("phase 1 SA policy not acceptable", allRefused),
	does("Phase1 SA policy proposal not accepted", policyReason),
}, read.Known(
	"life type in seconds", "life duration (", "SA life type in", "SA life duration (", "Acceptable atts:", "Fill atts in sa", "Returning Actual lifetime",
	"Started lifetime timer", "attributes in transform", "Basic life_in_seconds"))

func checking(x *read.Context, match *read.Match) {
	remember(x).offer = offer{policy: "policy " + match.Hole("place")}
}

func checkingProposal(x *read.Context, _ *read.Match) {
	remember(x).offer = offer{proposal: true}
}

// attribute is a value of the transform under comparison. Phase 2's are kept in
// the same place.
func attribute(set func(*offer, string)) func(*read.Context, *read.Match) {
	return func(x *read.Context, match *read.Match) {
		v := match.Hole("v")
		if v == "" {
			v = match.Hole("rest")
		}
		set(&remember(x).offer, strings.TrimRight(v, ".?! "))
	}
}

// refused is a comparison that failed, with what was offered.
func refused(attr string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		o := &remember(x).offer
		o.refused = true
		saOf(x.Session).refused = true
		x.Tell(diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: offerMessage(x), Attr: attr, Offered: o.value(attr), Place: o.policy, Detail: o.suite()})
	}
}

// keyless is what IOS says of pre-shared keys where the policy wants another
// method, and also where it has no key for the peer.
func keyless(x *read.Context, _ *read.Match) {
	o := &remember(x).offer
	o.refused = true
	x.Tell(diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: offerMessage(x), Attr: diagnose.AttrAuth, Offered: "pre-share", Place: o.policy, Detail: o.suite()})
}

// offerMessage is the one that brought the offer: 1, or an initiator's 2.
func offerMessage(x *read.Context) int {
	if x.Session != nil && x.Session.Role == diagnose.Initiator {
		return 2
	}
	return 1
}

func unacceptable(x *read.Context, _ *read.Match) {
	o := &remember(x).offer
	if o.proposal {
		if !o.refused {
			o.refused = true
			x.Tell(diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1})
		}
		return
	}
	if !o.refused {
		refused(diagnose.AttrUnknown)(x, nil)
	}
}

func acceptable(x *read.Context, _ *read.Match) {
	o := &remember(x).offer
	if !o.proposal {
		x.Tell(diagnose.Observation{Kind: diagnose.OfferAccepted, Phase: diagnose.Phase1, Message: offerMessage(x), Detail: o.suite()})
	}
}

func allRefused(x *read.Context, match *read.Match) {
	remember(x).about(x, match.Addr("peer"), match.Addr("local"))
	if e := saOf(x.Session).keyless; e.Text != "" {
		saOf(x.Session).keyless = diagnose.Evidence{}
		x.Tell(diagnose.Observation{Kind: diagnose.KeyMissing, Phase: diagnose.Phase1, Message: 1, Evidence: e})
	}
	x.Tell(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: offerMessage(x)})
}

// policyReason is why an SA was deleted.
func policyReason(x *read.Context, match *read.Match) {
	deleted(x, match)
}

func (o *offer) value(attr string) string {
	switch attr {
	case diagnose.AttrEncryption:
		return strings.TrimSpace(o.encr + " " + o.bits)
	case diagnose.AttrKeyLength:
		return o.bits
	case diagnose.AttrHash:
		return o.hash
	case diagnose.AttrGroup:
		return o.group
	case diagnose.AttrAuth:
		return o.auth
	}
	return ""
}

// suite is the whole offer in the words of a policy; "" where it was not shown.
func (o *offer) suite() string {
	if o.encr == "" {
		return ""
	}
	return "encr " + o.value(diagnose.AttrEncryption) + ", hash " + o.hash + ", group " + o.group + ", authentication " + o.auth
}

func cipherWord(v string) string {
	switch v = strings.ToLower(v); v {
	case "3des-cbc", "3des":
		return "3des"
	case "des-cbc", "des":
		return "des"
	case "aes-cbc", "aes":
		return "aes"
	}
	return v
}

func hashWord(v string) string {
	switch v = strings.ToLower(v); v {
	case "sha", "sha1":
		return "sha"
	}
	return v
}

func integrityWord(v string) string {
	v = strings.ToLower(strings.TrimPrefix(v, "HMAC-"))
	return "esp-" + v + "-hmac"
}
