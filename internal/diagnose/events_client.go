package diagnose

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// readClient reads what concerns users, their addresses and AAA. It is false for
// an event of another kind.
func (r *eventReader) readClient(event trace.Event) bool {
	switch e := event.(type) {
	case *trace.UserJudged:
		r.userJudged(e)
	case *trace.ClientRefused:
		r.refused(e.Refusal, clientWords(e.User, e.Group))
	case *trace.GroupRequested:
		r.session().asked = true
	case *trace.XAUTHStatusReceived:
		if !e.OK {
			r.add(Observation{Kind: XauthRejected, Phase: PhaseConfig, Place: placeClient, Detail: "by the server"})
		}
	case *trace.ConfigAttributeSeen:
		r.session().challenged = r.session().challenged || challenges[isakmp.AttributeType(e.Attr)]
	case *trace.CredentialsAsked:
		again := e.Try > 1 && !r.session().challenged
		r.session().challenged = false
		if again {
			r.add(Observation{Kind: XauthRejected, Phase: PhaseConfig, Place: placeClient, Detail: "by the server, which asks once more"})
		}
	case *trace.ConfigNeeded:
		r.add(Observation{Kind: ConfigAsked, Phase: PhaseConfig, Place: placeClient})
	case *trace.XAUTHUnknown:
		r.session().unknown = true
	case *trace.ClientSession:
		if e.Begun {
			r.add(Observation{Kind: ClientIn, Phase: PhaseConfig, Detail: clientWords(e.User, e.Group)})
		}
	case *trace.ClientConfigured:
		r.add(Observation{Kind: ClientIn, Phase: PhaseConfig, Detail: e.Address.String()})
	default:
		return false
	}
	return true
}

func (r *eventReader) userJudged(e *trace.UserJudged) {
	if e.Accepted || e.Challenged {
		return
	}
	r.refused(e.Refusal, clientWords(e.User, e.Group))
}

// placeClient is where this end is the client.
const placeClient = "client"

// challenges are the attributes with which a server asks for more than a name and a
// password: that it asks again says nothing of those.
var challenges = map[isakmp.AttributeType]bool{isakmp.XAUTHMessage: true, isakmp.XAUTHAnswer: true, isakmp.XAUTHNextPIN: true,
	isakmp.XAUTHPasscode: true, isakmp.XAUTHChallenge: true}

// placeAAA is where a group is missing that AAA was asked for.
const placeAAA = "AAA"

// refused is AAA's no to a client, of which Detail says who it is.
func (r *eventReader) refused(why trace.Refusal, who string) {
	o := Observation{Phase: PhaseConfig, Detail: who}
	if r.rec.State == trace.AGNoState {
		o.Phase, o.Message = Phase1, 1 // of the group alone
	}
	switch why {
	case trace.RefusalSilence:
		o.Kind = AAASilent
	case trace.RefusalNoList:
		o.Kind = AAASilent
		o.Detail += ": the method list does not exist"
	case trace.RefusalPoolEmpty:
		o.Kind = PoolEmpty
	case trace.RefusalNoPool:
		o.Kind = PoolEmpty
		o.Detail += ": the group has no pool, or it does not exist"
	case trace.RefusalGroup:
		o.Kind = GroupMissing
	case trace.RefusalMaxLogins, trace.RefusalMaxUsers, trace.RefusalGroupLock:
		o.Kind = ClientLimited
		o.Detail += ": " + why.String()
	default:
		o.Kind = XauthRejected
	}
	r.add(o)
}

// clientWords names a client.
func clientWords(user, group string) string {
	switch {
	case user != "" && group != "":
		return "user " + shown(user) + " of group " + shown(group)
	case user != "":
		return "user " + shown(user)
	case group != "":
		return "group " + shown(group)
	}
	return "a client that has named neither"
}

// shown is a peer's text without what could do something to a terminal.
func shown(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

// clientEnded is the end of an SA for reasons of remote access.
func (r *eventReader) clientEnded(reason trace.Reason) {
	switch reason {
	case trace.ReasonUserSilent:
		r.add(Observation{Kind: XauthUnanswered, Phase: PhaseConfig})
	case trace.ReasonXAUTHNotAsked:
		r.add(Observation{Kind: XauthUnexpected, Phase: PhaseConfig, Detail: "the server has agreed to XAUTH and never asks"})
	case trace.ReasonNoCredentials:
		detail := "there is no name or password here for the server"
		if r.session().unknown {
			detail = "the server asks for a login of a kind that is not known here"
		}
		r.add(Observation{Kind: XauthRejected, Phase: PhaseConfig, Place: placeClient, Detail: detail})
	case trace.ReasonPeerDeleted:
		if r.rec.State == trace.ConfAddr && r.rec.Role == trace.RoleInitiator {
			r.add(Observation{Kind: PoolEmpty, Phase: PhaseConfig, Place: placeClient, Attr: AttrUnknown,
				Detail: "the server ends the login where it should give an address, which it does also where a group or a user has too many logins"})
		}
	case trace.ReasonConfigUnanswered:
		r.add(Observation{Kind: ConfigUnanswered, Phase: PhaseConfig})
	}
}
