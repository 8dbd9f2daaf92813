package pluto

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// step is a state of phase 1: the messages that were sent and received when pluto
// is in it.
type step struct {
	sent, received int
	role           diagnose.Role
	up, aggressive bool
}

var steps = map[string]step{
	"MAIN_R0": {0, 1, diagnose.Responder, false, false},
	"MAIN_I1": {1, 0, diagnose.Initiator, false, false},
	"MAIN_R1": {2, 1, diagnose.Responder, false, false},
	"MAIN_I2": {3, 2, diagnose.Initiator, false, false},
	"MAIN_R2": {4, 3, diagnose.Responder, false, false},
	"MAIN_I3": {5, 4, diagnose.Initiator, false, false},
	"MAIN_R3": {6, 5, diagnose.Responder, true, false},
	"MAIN_I4": {5, 6, diagnose.Initiator, true, false},
	// IKEv2's, as the messages of main mode that do the same.
	"V2_I1":        {1, 0, diagnose.Initiator, false, false},
	"V2_PARENT_I1": {1, 0, diagnose.Initiator, false, false},
	"PARENT_I1":    {1, 0, diagnose.Initiator, false, false},
	"V2_I2":        {5, 4, diagnose.Initiator, false, false},
	"V2_PARENT_I2": {5, 4, diagnose.Initiator, false, false},
	"PARENT_I2":    {5, 4, diagnose.Initiator, false, false},
	"V2_R1":        {4, 3, diagnose.Responder, false, false},
	"V2_PARENT_R1": {4, 3, diagnose.Responder, false, false},
	"PARENT_R1":    {4, 3, diagnose.Responder, false, false},
	"AGGR_R0":      {0, 1, diagnose.Responder, false, true},
	"AGGR_I1":      {1, 0, diagnose.Initiator, false, true},
	"AGGR_R1":      {2, 1, diagnose.Responder, false, true},
	"AGGR_I2":      {3, 2, diagnose.Initiator, true, true},
	"AGGR_R2":      {2, 3, diagnose.Responder, true, true},
}

// quickSteps are the messages of quick mode that were sent last in a state.
var quickSteps = map[string]int{"QUICK_R0": 0, "QUICK_I1": 1, "QUICK_R1": 2, "QUICK_I2": 3, "QUICK_R2": 3}

// exchange is how negotiations go.
var exchange = []read.Phrase{
	{Text: "initiating Main Mode", Do: enter("MAIN_I1")},
	{Text: "initiating IKEv1 Main Mode connection", Do: enter("MAIN_I1")},
	{Text: "initiating Aggressive Mode", Do: enter("AGGR_I1")},
	{Text: "initiating IKEv1 Aggressive Mode connection", Do: enter("AGGR_I1")},
	{Text: "responding to Main Mode from unknown peer {addr}", Do: respond("MAIN_R0")},
	{Text: "responding to Main Mode", Do: respond("MAIN_R0")},
	{Text: "responding to Aggressive Mode, state #{n}, connection {name} from {addr}", Do: respond("AGGR_R0")},
	{Text: "responding to Aggressive Mode", Do: respond("AGGR_R0")},
	{Text: "sent Main Mode request", Do: enter("MAIN_I1")},
	{Text: "sent Main Mode I2", Do: enter("MAIN_I2")},
	{Text: "sent Main Mode I3", Do: enter("MAIN_I3")},
	{Text: "sent Main Mode R1", Do: enter("MAIN_R1")},
	{Text: "sent Main Mode R2", Do: enter("MAIN_R2")},
	{Text: "sent Aggressive Mode request", Do: enter("AGGR_I1")},
	{Text: "sent Aggressive Mode response, expecting confirmation", Do: enter("AGGR_R1")},
	{Text: "STATE_{state}: initiate", Do: enterHole},
	{Text: "STATE_{state}: sent {what}, expecting {next}", Do: enterHole},
	{Text: "STATE_{state}: sent {what}, ISAKMP SA established", Do: isakmpUp},
	{Text: "STATE_{state}: ISAKMP SA established", Do: isakmpUp},
	{Text: "ISAKMP SA established", Do: isakmpUp},
	{Text: "IKE SA established", Do: isakmpUp},
	{Text: "established IKE SA", Do: isakmpUp},
	{Text: "{initiator|responder} established Child SA using #{n}", Do: childUp},
	{Text: "negotiated connection [", Do: childUp},
	{Text: "processed IKE_SA_INIT response", Do: enter("V2_I2")},
	{Text: "initiating IKEv2 connection", Do: enter("V2_I1")},
	{Text: "initiating v2 parent SA", Do: enter("V2_I1")},
	{Text: "sent IKE_SA_INIT request", Do: enter("V2_I1")},
	{Text: "sent IKE_AUTH request", Do: enter("V2_I2")},
	{Text: "sent IKE_SA_INIT response", Do: enter("V2_R1")},
	{Text: "sent IKE_SA_INIT reply", Do: enter("V2_R1")},
	{Text: "transition from state STATE_{from} to state STATE_{state}", Do: enterHole},
	{Text: "STATE_{state}: retransmission; will wait {rest}", Do: retransmit},
	{Text: "max number of retransmissions ({n}) reached STATE_{state}", Do: gaveUp},
	{Text: "STATE_{state}: {n} second timeout exceeded after {m} retransmits", Do: gaveUp},
	{Text: "retransmitting in response to duplicate packet; already STATE_{state}", Do: duplicate},
	{Text: "discarding duplicate packet; already STATE_{state}", Do: duplicate},
	{Text: "discarding duplicate packet -- exhausted retransmission; already STATE_{state}", Do: duplicate},
	{Text: "deleting incomplete state after {n}", Do: incomplete},
	{Text: "deleting state (STATE_{state})", Do: deleting},
	{Text: "deleting state #{n} (STATE_{state})", Do: deleting},
	{Text: "deleting other state #{n} {rest}", Quiet: true},
	{Text: "deleting ISAKMP SA ({state})", Do: deleting},
	{Text: "deleting IPsec SA ({state})", Do: deleting},
	{Text: "deleting IKE SA (established IKE SA)", Quiet: true},
	{Text: "NAT-Traversal: Result using {method}: {rest}", Do: nat},
	{Text: "starting keying attempt {n}", Quiet: true},
}

func enter(name string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) { reach(x, name) }
}

func respond(name string) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		if s := x.Session; s != nil {
			x.SetPeer(s, hit.Addr("addr"), s.Local)
		}
		reach(x, name)
	}
}

func enterHole(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	if n, ok := quickSteps[name]; ok {
		quickAt(x, name, n)
		return
	}
	reach(x, name)
}

// stateName is the state of a hole, without its prefix and what stands behind.
func stateName(hit *read.Match) string {
	name := strings.TrimPrefix(hit.Hole("state"), "STATE_")
	if at := strings.IndexFunc(name, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }); at >= 0 {
		name = name[:at]
	}
	return name
}

// reach tells the messages that lead to a state and are not yet told.
func reach(x *read.Context, name string) {
	to, ok := steps[name]
	if !ok {
		return
	}
	s := x.Session
	if s == nil {
		s = x.Use("?" + of(x).name)
	}
	s.Role, s.Aggressive = to.role, to.aggressive
	if st := of(x).now; st != nil {
		st.aggressive = to.aggressive
	}
	o := diagnose.Observation{Phase: diagnose.Phase1, Detail: diagnose.PortsUnsaid}
	if to.aggressive {
		o.Detail = diagnose.InAggressiveMode
	}
	if s.Received < to.received {
		s.Received = to.received
		o.Kind, o.Message = diagnose.MessageReceived, to.received
		tell(x, o)
	}
	if s.Sent < to.sent {
		s.Sent = to.sent
		o.Kind, o.Message = diagnose.MessageSent, to.sent
		tell(x, o)
	}
}

func isakmpUp(x *read.Context, hit *read.Match) {
	if s := x.Session; s != nil {
		if s.Up {
			return
		}
		s.Up = true
	}
	if st := of(x).now; st != nil {
		if st.quick {
			return
		}
		st.up = true
	}
	tell(x, diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1})
}

// childUp is IKEv2's tunnel, which comes up with its SA.
func childUp(x *read.Context, hit *read.Match) {
	m := of(x)
	if st := m.now; st != nil {
		st.quick, st.up = true, true
		if n := hit.Hole("n"); n != "" {
			parent := m.state(n, st.name)
			parent.up, st.session = true, parent.session
			x.Use(parent.session).Up = true
		}
	}
	tell(x, p1(diagnose.Phase1Up, 0))
	tell(x, p2(diagnose.Phase2Up, 0, diagnose.RoleUnknown))
}

func retransmit(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	if n, ok := quickSteps[name]; ok {
		quickAt(x, name, n)
		tell(x, diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase2, Message: n, Role: quickRole(name)})
		return
	}
	if strings.HasPrefix(name, "XAUTH_R") && read.Number(hit.Hole("rest")) >= userIsLate {
		tell(x, diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig, Role: diagnose.Responder})
	}
	reach(x, name)
	if to, ok := steps[name]; ok {
		tell(x, diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: to.sent})
	}
}

// userIsLate is the wait, in seconds, from which on a user's answer is missed.
const userIsLate = 4

func gaveUp(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	if strings.HasPrefix(name, "XAUTH_R") {
		tell(x, diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig, Role: diagnose.Responder})
	}
	if strings.HasPrefix(name, "V2_ESTABLISHED") { // IKEv2 asks under the SA whether the peer lives
		tell(x, diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
		return
	}
	if n, ok := quickSteps[name]; ok {
		quickAt(x, name, n)
		tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase2, Message: n, Role: quickRole(name)})
		return
	}
	reach(x, name)
	if to, ok := steps[name]; ok {
		tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: to.sent})
	}
}

func quickRole(name string) diagnose.Role {
	if strings.Contains(name, "_R") {
		return diagnose.Responder
	}
	return diagnose.Initiator
}

// duplicate is a message that came again in a state: the one that led to it.
func duplicate(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	o := diagnose.Observation{Kind: diagnose.DuplicateSeen, Phase: diagnose.Phase1}
	if n, ok := quickSteps[name]; ok {
		quickAt(x, name, n)
		o.Phase, o.Message, o.Role = diagnose.Phase2, max(1, n-1), quickRole(name)
		tell(x, o)
		return
	}
	to, ok := steps[name]
	if !ok {
		return
	}
	reach(x, name)
	o.Message = to.received
	tell(x, o)
}

func incomplete(x *read.Context, _ *read.Match) {
	if st := of(x).now; st != nil && st.quick {
		tell(x, diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Detail: diagnose.QuickTimedOut})
		return
	}
	tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: "incomplete"})
}

// deleting is the end of a state, for whatever reason.
func deleting(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	m := of(x)
	if n := hit.Hole("n"); n != "" {
		st := m.state(n, m.name)
		m.now = st
		x.Use(st.session)
	}
	if _, ok := quickSteps[name]; ok {
		switch st := m.now; {
		case name == "QUICK_I2" || name == "QUICK_R2":
			tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase2})
		case name == "QUICK_I1" && st != nil && !st.up && m.ended != "" && m.ended == st.name: // by whoever works here
		case name == "QUICK_I1" && st != nil && !st.up:
			m.under(x, st, "")
			tell(x, p2(diagnose.QuickFailed, 0, diagnose.Initiator))
		}
		return
	}
	to, ok := steps[name]
	if !ok {
		return
	}
	if !to.up {
		reach(x, name)
	}
	tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: "in " + name})
}

func nat(x *read.Context, hit *read.Match) {
	text := strings.ToLower(hit.Hole("rest"))
	if strings.Contains(text, "no nat") {
		return
	}
	who := "peer"
	switch {
	case strings.Contains(text, "both"):
		who = "both"
	case strings.Contains(text, "i am"):
		who = "here"
	}
	tell(x, diagnose.Observation{Kind: diagnose.NATFound, Phase: diagnose.Phase1, Detail: who})
	if s := x.Session; s != nil && s.Role == diagnose.Initiator {
		tell(x, diagnose.Observation{Kind: diagnose.PortsFloated, Phase: diagnose.Phase1})
	}
}
