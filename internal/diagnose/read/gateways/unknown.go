package gateways

import (
	"bytes"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Unknown is a log of a make that is not known: what most makes say of their
// failures, in the words of the RFCs and of everyday. A line that another vendor has
// a phrase for is never its, so that it must come last.
func Unknown() *read.Vendor {
	v := table("another make", nil, read.Join(unknownNotifies(), []read.Phrase{
		guess("{pre-shared key|preshared key|pre-shared secret|shared secret|psk} {mismatch|does not match|do not match}", keyDiffers),
		guess("{mismatched|mismatching|wrong|incorrect|invalid|bad} {pre-shared|preshared|shared|psk}", keyDiffers),
		guess("{proposal|proposals|transform} {mismatch|mismatched|does not match|do not match|not match}", offersRefused),
		guess("{mismatched|no acceptable|no matching|no suitable|no valid|no common|unacceptable} {proposal|transform}", offersRefused),
		guess("dh group {mismatch|does not match}", refusal(offersRefused, diagnose.AttrGroup)),
		guess("{proxy id|proxy ids|proxy-id|proxy identity|proxy identities|traffic selector|traffic selectors} {mismatch|does not match|do not match|unacceptable}", proxiesRefused),
		guess("{mismatched|no matching} {proxy id|traffic selector}", proxiesRefused),
		guess("pfs {group mismatch|mismatch}", pfsRefused),
		guess("{peer id|remote id|local id|ike id|ike-id|id type} {mismatch|does not match}", wrongIdentity),
		guess("ike version mismatch", otherVersion),
		guess("{exchange mode|negotiation mode} mismatch", otherMode),
		unanswered("{peer|gateway|peer is} not {responding|reachable}"),
		unanswered("no response from {peer|remote|the peer|gateway}"),
		unanswered("{phase 1|phase1|phase-1|negotiation} timed out"),
		guess("{peer is dead|declared dead|dpd timed out|dpd failure|dpd failed}", peerDead),
		guess("certificate {expired|has expired|is expired}", p1(diagnose.CertificateExpired, 5)),
		guess("certificate {is revoked|revoked|has been revoked|was revoked}", p1(diagnose.CertificateRevoked, 5)),
		guess("certificate {is not yet valid|not yet valid|not valid yet}", p1(diagnose.CertificateEarly, 5)),
		guess("{unable to get local issuer certificate|unable to get issuer certificate}", p1(diagnose.IssuerUnknown, 5)),
		guess("xauth {failed|failure|authentication failed|login failed|fail}", userRefused),
		guess("{invalid|unknown|bad} spi", unknownSPI),
	}), "peer ", "peer: ", "peer=", "remote ", "remote=", "gateway ", "from ", "to ")
	for i := range v.Phrases {
		v.Phrases[i].Weak = true
	}
	return v
}

// subjects are what words begin with of which any line about IKE or IPsec has one:
// everyday's words mean nothing without.
var subjects = []string{"ike", "ipsec", "vpn", "isakmp", "phase", "tunnel", "xauth", "dpd", "psk", "proxy", "proposal"}

func concerned(x *read.Context) (text string, ok bool) {
	text = string(bytes.ToLower(x.Text))
	words := strings.FieldsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return text, slices.ContainsFunc(words, func(w string) bool {
		return slices.ContainsFunc(subjects, func(s string) bool { return strings.HasPrefix(w, s) })
	})
}

// guess is what a line about IKE says in everyday's words. Of which phase it is, other
// words of the line tell.
func guess(words string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: words, Do: func(x *read.Context, _ *read.Match) {
		text, ok := concerned(x)
		if !ok {
			return
		}
		if ofPhase2(x, text) {
			switch o.Kind {
			case diagnose.AllOffersRefused:
				o = offer2Refused
			case diagnose.OfferRefused:
				o = pfsRefused
			}
		}
		tell(x, o)
	}}
}

func unanswered(words string) read.Phrase {
	quick, first := unanswered2(""), silent("")
	return read.Phrase{Text: words, Do: func(x *read.Context, hit *read.Match) {
		text, ok := concerned(x)
		switch {
		case !ok:
		case ofPhase2(x, text):
			quick.Do(x, hit)
		default:
			first.Do(x, hit)
		}
	}}
}

// ofPhase2 says whether a line is about quick mode, by its own words or else by what
// is up.
func ofPhase2(x *read.Context, text string) bool {
	for _, w := range []string{"phase 2", "phase-2", "phase2", "phase two", "quick mode", "quickmode", "child", "ipsec sa", "ipsec proposal", "esp proposal"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	for _, w := range []string{"phase 1", "phase-1", "phase1", "phase one", "main mode", "aggressive", "ike sa", "isakmp sa", "ike_sa"} {
		if strings.Contains(text, w) {
			return false
		}
	}
	return x.Session != nil && x.Session.Up
}

// spoken are errors whose names with blanks are not said of anything else.
var spoken = []string{"NO-PROPOSAL-CHOSEN", "INVALID-ID-INFORMATION", "PAYLOAD-MALFORMED", "TS-UNACCEPTABLE"}

// unknownNotifies are the errors of the RFCs by their names.
func unknownNotifies() (all []read.Phrase) {
	for _, name := range append(slices.Clone(errors), "TS-UNACCEPTABLE") {
		for _, sep := range []string{"-", "_", " "} {
			if sep == " " && !slices.Contains(spoken, name) {
				continue
			}
			all = append(all, read.Phrase{Text: strings.ReplaceAll(name, "-", sep), Do: func(x *read.Context, _ *read.Match) { named(x, name) }})
		}
	}
	return all
}

// named is an error that one end has told the other: this end, where it says that it
// sends it.
func named(x *read.Context, name string) {
	text, ok := concerned(x)
	if !ok && !strings.Contains(text, "notif") {
		return
	}
	sends := strings.Contains(text, "send") || strings.Contains(text, "sent")
	switch {
	case name == "TS-UNACCEPTABLE":
		tell(x, proxiesRefused)
	case !sends:
		notified(x, name)
	case name == "NO-PROPOSAL-CHOSEN" && ofPhase2(x, text):
		tell(x, offer2Refused)
	case name == "NO-PROPOSAL-CHOSEN":
		tell(x, offersRefused)
	case name == "INVALID-ID-INFORMATION" && (ofPhase2(x, text) || !strings.Contains(text, "main mode")):
		tell(x, proxiesRefused)
	case name == "INVALID-ID-INFORMATION":
		tell(x, wrongIdentity)
	case name == "PAYLOAD-MALFORMED", name == "INVALID-PAYLOAD-TYPE", name == "UNEQUAL-PAYLOAD-LENGTHS", name == "INVALID-HASH-INFORMATION":
		if !ofPhase2(x, text) {
			tell(x, keyDiffers)
		}
	case name == "INVALID-EXCHANGE-TYPE":
		tell(x, otherMode)
	case name == "INVALID-MAJOR-VERSION":
		tell(x, otherVersion)
	}
}
