package asa

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// life is how sessions end.
var life = read.Join([]read.Phrase{
	does("IKE lost contact with remote peer", dead),
	does("Remote peer is no longer responding", dead),
	does("DEL_REASON_PEER_NOT_RESPONDING", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Initiator})
	}),
	does("DEL_REASON_WE_FAILED_AUTH", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig})
	}),
	does("DEL_REASON_IKE_NEG_FAILED", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1})
	}),
	does("Reason 412: The remote peer is no longer responding", unanswered),
	does("Connection terminated for peer {peer}. Reason: {rest}", func(x *read.Context, match *read.Match) {
		use(x, match.Addr("peer"))
		ended(x, strings.ToLower(match.Hole("rest")))
	}),
	does("Session disconnected. Session Type: {}, Reason: {rest}", func(x *read.Context, match *read.Match) {
		why := strings.ToLower(match.Hole("rest"))
		if strings.Contains(why, "policy not found") || strings.Contains(why, "mismatch") {
			tornDown(x, match)
			return
		}
		if s := x.Session; s != nil && !strings.Contains(string(x.Text), "0h:00m:00s") {
			s.Up = true // it has lasted
		}
		ended(x, why)
	}),
	does("sending keep-alive type R-U-THERE", nil2),
	does("DPD R-U-THERE-ACK", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.DPDAnswered, Phase: diagnose.PhaseLife})
	}),
	says("Received keep-alive of type DPD R-U-THERE-ACK", diagnose.DPDAnswered, diagnose.PhaseLife, 0),
	does("retransmission count exceeded", func(x *read.Context, _ *read.Match) {
		n := 1
		if x.Session != nil {
			n = max(1, x.Session.Sent)
		}
		tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: n})
	}),
	does("Received {DELETE|delete} {rest}", nil2),
}, read.Known("IKE SA {MM|AM}:{} terminating", "sending delete message", "IKE Deleting SA", "processing delete", "Connection terminated for peer", "Active unit receives a delete event",
	"Received keep-alive of type DPD R-U-THERE", "Sending keep-alive of type DPD R-U-THERE"))

// unanswered is what the client says of a gateway that does not answer: at first, or
// one that has died.
func unanswered(x *read.Context, match *read.Match) {
	if x.Find(func(s *read.Session) bool { return s.Up }) != nil {
		dead(x, match)
		return
	}
	tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Initiator})
}

func dead(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	over(x, "")
}

// ended is the end of a session, with its reason in small letters.
func ended(x *read.Context, why string) {
	switch {
	case strings.Contains(why, "peer terminate"), strings.Contains(why, "ike delete"):
		tell(x, diagnose.Observation{Kind: diagnose.DeleteReceived, Phase: diagnose.Phase1, Authentic: true})
	case strings.Contains(why, "phase 2 error"):
		tell(x, diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1})
	case strings.Contains(why, "lost service"), strings.Contains(why, "lost carrier"):
		if s := x.Session; s == nil || s.Up {
			tell(x, diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
		}
	case strings.Contains(why, "administrator reset"), strings.Contains(why, "user requested"):
		tell(x, diagnose.Observation{Kind: diagnose.OperatorCleared, Phase: diagnose.PhaseLife})
	case strings.Contains(why, "authentication fail"), strings.Contains(why, "unauthorized"):
		tell(x, diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig})
	}
	over(x, why)
}

func over(x *read.Context, why string) {
	s := x.Session
	if s == nil {
		return
	}
	if s.Up {
		tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase2, Detail: why})
	}
	tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: why})
	saOf(s).over, s.Up = true, false
}
