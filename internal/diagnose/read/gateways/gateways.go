// Package gateways reads what other makes of gateways log of IKE: Juniper's SRX
// and ScreenOS, Palo Alto, Check Point, SonicWall, WatchGuard, ZyXEL, OpenBSD's
// isakmpd, Windows, Huawei, DrayTek, Shrew Soft's client, xl2tpd and pppd, and the
// clouds of Amazon and Microsoft. Each is a table, a
// file a make: they log verdicts rather than messages, and name the peer in the
// same line. The last one, in unknown.go, is for makes that have no table.
//
// It must know no file and no clock.
package gateways

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendors are all of them.
func Vendors() []*read.Vendor {
	return []*read.Vendor{juniper(), paloAlto(), checkPoint(), sonicWall(), watchGuard(), zyxel(), isakmpd(), windows(), aws(), huawei(), shrew(), draytek(), l2tp()}
}

// table is a make whose lines name the peer behind one of some words.
func table(name string, marks []string, phrases []read.Phrase, words ...string) *read.Vendor {
	return &read.Vendor{Name: name, Marks: marks, Phrases: phrases, Begin: func(x *read.Context) {
		peer := read.After(x.Text, words...)
		switch s := x.Session; {
		case s == nil && !peer.IsValid():
			x.Fresh("?")
		case s != nil && !s.Peer.IsValid():
			x.SetPeer(s, peer, s.Local)
		default:
			x.With(peer)
		}
	}}
}

func says(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, hit *read.Match) { tell(x, x.Fill(hit)) }}
}

// tell adds an observation. What names no part is a responder's, where it
// refuses something.
func tell(x *read.Context, o diagnose.Observation) {
	s := x.Session
	if s != nil && o.Kind == diagnose.Phase1Up {
		s.Up = true
	}
	x.Tell(o)
}

func p1(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: message}
}

func p2(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: message}
}

func with(o diagnose.Observation, attr, detail string) diagnose.Observation {
	o.Attr, o.Detail = attr, detail
	return o
}

// silent is a negotiation that ends without an answer, at its first message as
// far as the log tells.
func silent(text string) read.Phrase {
	return read.Phrase{Text: text, Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil && s.Up {
			x.Tell(diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
			return
		} else if s != nil && s.Role == diagnose.Responder {
			return // it was told whose answer is missing
		}
		o := p1(diagnose.MessageSent, 1)
		o.Role = diagnose.Initiator
		x.Tell(o)
		o.Kind = diagnose.GaveUp
		x.Tell(o)
	}}
}

// unanswered2 is a quick mode that ends without an answer.
func unanswered2(text string) read.Phrase {
	return says(text, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
}

// responder is an observation that only one who answers can make.
func responder(o diagnose.Observation) diagnose.Observation {
	o.Role = diagnose.Responder
	return o
}

var (
	offersRefused  = responder(p1(diagnose.AllOffersRefused, 1))
	offer2Refused  = responder(p2(diagnose.Phase2OfferRefused, 1))
	proxiesRefused = responder(p2(diagnose.ProxyRefused, 1))
	pfsRefused     = with(responder(p2(diagnose.PFSRefused, 1)), diagnose.AttrGroup, "")
	keyDiffers     = p1(diagnose.Undecryptable, 5)
	wrongIdentity  = p1(diagnose.IdentityRefused, 5)
	noConnection   = p1(diagnose.NoConnection, 1)
	noKey          = p1(diagnose.KeyMissing, 1)
	phase1Up       = p1(diagnose.Phase1Up, 0)
	phase2Up       = p2(diagnose.Phase2Up, 0)
	peerDead       = diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}
	unknownSPI     = diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}
	userRefused    = diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}
	otherMode      = with(p1(diagnose.AggressiveMode, 1), diagnose.AttrMode, "one end wants aggressive mode, the other main mode")
	otherVersion   = with(p1(diagnose.OtherIKEVersion, 1), diagnose.AttrProtocol, "the ends speak different versions of IKE")
)

// errors are the notifies that refuse something, as the RFC writes them.
var errors = []string{
	"NO-PROPOSAL-CHOSEN", "INVALID-ID-INFORMATION", "AUTHENTICATION-FAILED", "INVALID-KEY-INFORMATION", "INVALID-HASH-INFORMATION", "PAYLOAD-MALFORMED",
	"INVALID-PAYLOAD-TYPE", "INVALID-EXCHANGE-TYPE", "INVALID-MAJOR-VERSION", "UNEQUAL-PAYLOAD-LENGTHS", "INVALID-COOKIE",
}

// notifies are phrases in which the name of an error stands for NAME, in small or
// capital letters and with blanks, underscores or hyphens.
func notifies(texts ...string) (all []read.Phrase) {
	for _, name := range errors {
		for _, text := range texts {
			for _, sep := range []string{"-", "_", " "} {
				all = append(all, read.Phrase{Text: strings.ReplaceAll(text, "NAME", strings.ReplaceAll(name, "-", sep)), Do: func(x *read.Context, _ *read.Match) { notified(x, name) }})
			}
		}
	}
	return all
}

func notified(x *read.Context, name string) {
	o := p1(diagnose.NotifyReceived, 1)
	o.Detail = name
	text := strings.ToLower(string(x.Text))
	quick := strings.Contains(text, "phase-2") || strings.Contains(text, "phase 2") || strings.Contains(text, "quick mode")
	if name == "INVALID-ID-INFORMATION" && !strings.Contains(text, "main mode") && !strings.Contains(text, "phase-1") {
		quick = true // most are about networks
	}
	if s := x.Session; quick || s != nil && s.Up && !strings.Contains(text, "main mode") && !strings.Contains(text, "phase 1") {
		o.Phase, o.Authentic, o.Role = diagnose.Phase2, true, diagnose.Initiator
	}
	x.Tell(o)
}
