package ike

import (
	"encoding/binary"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// XAUTH at the end that asks (draft-beaulieu-ike-xauth-02 sections 5 and 6).

// startXAUTH asks for the user, now that phase 1 is complete.
func (s *sa) startXAUTH() {
	x := s.remoteAccess()
	s.emit(&trace.UserNeeded{})
	var id [2]byte
	s.e.random(id[:])
	x.identifier = binary.BigEndian.Uint16(id[:])
	s.requestUser(Authenticated{Prompt: PromptPassword})
	s.move(trace.Internal, trace.InputPhase1Complete, trace.StateXAUTHRequestSent)
}

// promptTypes are the attributes of the prompts.
var promptTypes = [...]isakmp.AttributeType{PromptPassword: isakmp.XAUTHUserPassword, PromptPasscode: isakmp.XAUTHPasscode,
	PromptNextPIN: isakmp.XAUTHNextPIN, PromptAnswer: isakmp.XAUTHAnswer}

func promptType(p Prompt) isakmp.AttributeType {
	if int(p) < len(promptTypes) {
		return promptTypes[p]
	}
	return isakmp.XAUTHUserPassword
}

// requestUser asks for a user, or for what a challenge wants of him. The next
// PIN and an answer go with nothing but a message (section 6.2).
func (s *sa) requestUser(c Authenticated) {
	x := s.access
	s.show = trace.ConfXauth
	x.dialogue = c.Dialogue
	x.rounds++
	x.deadline = s.e.now.Add(s.e.cfg.xauthTimeout())
	var list []isakmp.Attribute
	if c.Message != "" {
		list = append(list, textAttribute(isakmp.XAUTHMessage, bounded(c.Message)))
	}
	if c.Prompt == PromptPassword || c.Prompt == PromptPasscode {
		list = append(list, isakmp.Attribute{Type: isakmp.XAUTHUserName})
	}
	list = append(list, isakmp.Attribute{Type: promptType(c.Prompt)})
	n := s.begunTransaction()
	for _, a := range list {
		s.emit(&trace.XAUTHAttribute{Attr: trace.ConfigAttr(a.Type)})
	}
	n.sendConfig(isakmp.Attributes{Type: isakmp.ConfigRequest, Identifier: x.identifier, Attributes: list})
}

// bounded is a text that fits an attribute.
func bounded(text string) string { return text[:min(len(text), maxConfigValue)] }

// xauthReply takes what the user has said, and asks AAA about him.
func (m *message) xauthReply() {
	s, x := m.s, m.s.access
	a, ok := m.takeConfig(isakmp.ConfigReply)
	if !ok {
		return
	}
	q := AuthenticateUser{Dialogue: x.dialogue}
	gaveUp, ok := q.read(a.Attributes)
	if !ok {
		m.badAttributes()
		return
	}
	m.take(a)
	for _, one := range a.Attributes {
		s.emit(&trace.XAUTHAttribute{Reply: true, Attr: trace.ConfigAttr(one.Type)})
	}
	clear(m.body) // it holds a password
	x.node = nil
	s.endNode(m.n, false, trace.NodeXAUTHDone)
	s.move(trace.FromPeer, trace.InputConfigReply, trace.StateXAUTHAAAAwait)
	if q.User == "" && x.login != nil {
		q.User = x.login.User
	}
	if gaveUp || q.User == "" || q.silent() {
		s.userJudged(q.User, Authenticated{Refusal: trace.RefusalNotGiven})
		return
	}
	s.identify(q.User)
	q.Client = x.login.Client
	if c := s.clients(); c != nil {
		q.List = c.Authentication
	}
	s.question(q, func(r Answer) { s.userJudged(q.User, r) })
}

// The most that a user may say. RADIUS takes less.
const (
	maxUserName = 255
	maxSecret   = 1024
)

// read takes a reply's attributes. What is sent twice, too long, or no business
// of a reply is refused.
func (q *AuthenticateUser) read(list []isakmp.Attribute) (gaveUp, ok bool) {
	seen := make(map[isakmp.AttributeType]bool, len(list))
	for _, a := range list {
		if seen[a.Type] || !isXAUTH(a.Type) {
			return false, false
		}
		seen[a.Type] = true
		switch a.Type {
		case isakmp.XAUTHUserName:
			if len(a.Value) > maxUserName {
				return false, false
			}
			q.User = string(a.Value)
		case isakmp.XAUTHDomain:
			if len(a.Value) > maxUserName {
				return false, false
			}
			q.Domain = string(a.Value)
		case isakmp.XAUTHStatus:
			gaveUp = true // a reply's status is FAIL (section 6.2)
		default:
			if len(a.Value) > maxSecret {
				return false, false
			}
			if field := q.field(a.Type); field != nil {
				*field = secret.New(a.Value)
			}
		}
	}
	return gaveUp, true
}

// field is where a secret of a kind belongs; nil for what is none.
func (q *AuthenticateUser) field(t isakmp.AttributeType) *secret.Secret {
	switch t {
	case isakmp.XAUTHUserPassword:
		return &q.Password
	case isakmp.XAUTHPasscode:
		return &q.Passcode
	case isakmp.XAUTHNextPIN:
		return &q.NextPIN
	case isakmp.XAUTHAnswer:
		return &q.Reply
	}
	return nil
}

// silent says whether a user has sent no secret at all.
func (q *AuthenticateUser) silent() bool {
	return q.Password.IsZero() && q.Passcode.IsZero() && q.NextPIN.IsZero() && q.Reply.IsZero()
}

// userJudged takes AAA's word about the user.
func (s *sa) userJudged(user string, a Answer) {
	x := s.access
	if s.dead || s.state != trace.StateXAUTHAAAAwait {
		return
	}
	r, ok := a.(Authenticated)
	if !ok {
		r = Authenticated{Refusal: refusalOf(a)}
	}
	challenged := r.Verdict == Challenged && x.rounds < maxRounds
	ev := &trace.UserJudged{User: user, Group: s.group(), Accepted: r.Verdict == Accepted, Challenged: challenged, Try: uint8(x.tries + 1), Max: maxTries}
	if r.Verdict != Accepted && !challenged {
		x.tries++
		ev.Refusal = r.Refusal
	}
	s.emit(ev)
	switch {
	case r.Verdict == Accepted:
		x.forget()
		if !x.login.merged { // else he logs in anew: what he and his group get holds
			x.login.policy = r.Policy
		}
		s.tellStatus(isakmp.XAUTHOK)
		s.move(trace.FromAAA, trace.InputAAALogin, trace.StateXAUTHSetSent)
	case challenged, s.triesAgain(r.Refusal):
		s.requestUser(r)
		s.move(trace.FromAAA, trace.InputAAALogin, trace.StateXAUTHRequestSent)
	default:
		s.tellStatus(isakmp.XAUTHFail)
		s.refuseClient(reasonFor(r.Refusal))
	}
}

// refusalOf is what an answer of another kind, or none, says.
func refusalOf(a Answer) trace.Refusal {
	if a == nil {
		return trace.RefusalSilence
	}
	return trace.RefusalInternal
}

// triesAgain says whether the user may have mistyped.
func (s *sa) triesAgain(r trace.Refusal) bool {
	return (r == trace.RefusalCredentials || r == trace.RefusalNotGiven) && s.access.tries < maxTries && s.access.rounds < maxRounds
}

func reasonFor(r trace.Refusal) trace.Reason {
	switch r {
	case trace.RefusalSilence:
		return trace.ReasonAAASilent
	case trace.RefusalMaxLogins, trace.RefusalMaxUsers, trace.RefusalGroup, trace.RefusalGroupLock:
		return trace.ReasonClientRefused
	}
	return trace.ReasonXAUTHFailed
}

// tellStatus tells the client the end of XAUTH. Its success is to be
// acknowledged before anything else may come. It goes alone: vpnc takes no message
// beside it, though section 6.1 has one.
func (s *sa) tellStatus(status uint16) {
	list := []isakmp.Attribute{isakmp.BasicAttribute(isakmp.XAUTHStatus, status)}
	s.show = trace.ConfXauth
	s.begunTransaction().sendConfig(isakmp.Attributes{Type: isakmp.ConfigSet, Identifier: s.access.identifier, Attributes: list})
}

// xauthAck opens the SA. What is in an acknowledgement does not matter (section
// 6.1).
func (m *message) xauthAck() {
	s, x := m.s, m.s.access
	a, ok := m.takeConfig(isakmp.ConfigAck)
	if !ok {
		return
	}
	m.take(a)
	s.emit(&trace.XAUTHAcknowledged{})
	x.node = nil
	s.endNode(m.n, false, trace.NodeTransactionDone)
	if s.peerUnity {
		s.emit(&trace.UnityClient{})
	}
	x.passed = true
	s.show = trace.QMIdle
	s.move(trace.FromPeer, trace.InputConfigAck, trace.StateP1Complete)
	x.login.startTimes()
	s.goOn()
	s.openAccess()
}
