package fortigate

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// events are lines of the event log, which are lists of values.
var events = []read.Phrase{
	{Text: "peer SA proposal not match local policy", Do: eventProposal},
	{Text: "IPsec phase 1 error", Quiet: true},
	{Text: "IPsec phase 2 error", Quiet: true},
	{Text: "progress IPsec phase 1", Do: progress},
	{Text: "IPsec DPD failed", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "IPsec ESP error", Quiet: true},
	{Text: "peer_notif=\"{name}\"", Do: func(x *read.Context, hit *read.Match) { told(x, hit.Hole("name")) }},
	{Text: "reason=\"invalid certificate\"", Tell: p1(diagnose.CertificateRefused, 5)},
	{Text: "reason=\"peer irresponsive\"", Do: func(x *read.Context, hit *read.Match) {
		if s := x.Session; s != nil && s.Sent == 0 {
			s.Role, s.Sent = diagnose.Initiator, 1
			x.Tell(p1(diagnose.MessageSent, 1))
		}
		gaveUp(x, hit)
	}},
}

// progress is a step of phase 1 that failed.
func progress(x *read.Context, _ *read.Match) {
	text := strings.ReplaceAll(string(x.Text), `"`, "")
	s := x.Session
	if s == nil {
		return
	}
	if strings.Contains(text, "status=failure") && !s.Up && !strings.Contains(text, "reason=") {
		failedStep(x, text)
	}
	if !strings.Contains(text, "status=success") {
		return
	}
	if strings.Contains(text, "result=DONE") && !s.Up {
		s.Up = true
		x.Tell(p1(diagnose.Phase1Up, 0))
	}
}

func eventProposal(x *read.Context, _ *read.Match) {
	if strings.Contains(string(x.Text), "phase 2") {
		o := p2(diagnose.Phase2OfferRefused, 1)
		o.Role = diagnose.Responder
		x.Tell(o)
		return
	}
	o := p1(diagnose.AllOffersRefused, 1)
	o.Role = diagnose.Responder
	x.Tell(o)
}

// failedStep is a step of phase 1 that failed, and nothing says why. A first message
// of this end that fails was not answered.
func failedStep(x *read.Context, text string) {
	if strings.Contains(text, "role=initiator") && strings.Contains(text, "dir=outbound") && strings.Contains(text, "stage=1 ") {
		x.Session.Role, x.Session.Sent = diagnose.Initiator, 1
		x.Tell(p1(diagnose.MessageSent, 1))
		x.Tell(p1(diagnose.GaveUp, 1))
		return
	}
	x.Tell(p1(diagnose.ExchangeFailed, 0))
}
