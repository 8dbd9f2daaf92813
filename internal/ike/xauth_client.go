package ike

import (
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// XAUTH at the end whose user logs in (draft-beaulieu-ike-xauth-02 sections 5
// and 6), and what a server sets unasked.

// awaitXAUTH waits for the server to ask for our user.
func (s *sa) awaitXAUTH() {
	x := s.remoteAccess()
	s.emit(&trace.UserNeeded{})
	s.watchServer(x)
	s.same(trace.Internal, trace.InputPhase1Complete)
}

// watchServer bounds how long the server may leave us without a word. It asks AAA
// in the meantime.
func (s *sa) watchServer(x *access) {
	x.patience.owner = then(s.serverSilent)
	s.e.timers.set(&x.patience, s.e.now.Add(s.e.cfg.aaaTimeout()+s.e.cfg.xauthTimeout()))
}

func (s *sa) serverSilent(time.Time) {
	reason := trace.ReasonUserSilent
	if s.state == trace.StateP1Complete {
		reason = trace.ReasonXAUTHNotAsked
	}
	s.refuseClient(reason)
}

// serverMessage takes what a server begins: XAUTH's request, its status, or a
// configuration that it sets.
func (m *message) serverMessage() {
	s := m.s
	a, ok := m.takeConfig(isakmp.ConfigRequest, isakmp.ConfigSet)
	if !ok {
		return
	}
	switch {
	case a.Type == isakmp.ConfigRequest:
		m.xauthRequest(a)
	case hasXAUTH(a.Attributes):
		m.xauthStatus(a)
	case !s.passed():
		m.drop(trace.DropUserUnknown)
	case s.state == trace.StateXAUTHReplySent || s.easyVPN() == nil:
		m.drop(trace.DropNoClients)
	default:
		m.configSet(a)
	}
}

// xauthRequest asks the operator for what the server wants.
func (m *message) xauthRequest(a isakmp.Attributes) {
	s, n := m.s, m.n
	if s.easyVPN() == nil && !s.xauth {
		m.drop(trace.DropNoClients) // we have no user for this server
		return
	}
	x := s.remoteAccess()
	r, ok := readUserRequest(a.Attributes)
	if !ok {
		m.badAttributes()
		return
	}
	if x.tries >= maxRounds {
		m.drop(trace.DropLimit)
		return
	}
	s.show = trace.ConfXauth
	m.take(a)
	s.dropRequest()
	s.emit(&trace.ConfigChecked{})
	for _, one := range a.Attributes {
		s.emit(&trace.ConfigAttributeSeen{Attr: trace.ConfigAttr(one.Type)})
	}
	x.tries++
	s.emit(&trace.CredentialsAsked{Try: uint8(x.tries)})
	x.node, n.busy = n, true
	s.e.timers.clear(&x.patience)
	s.move(trace.FromPeer, trace.InputConfigRequest, trace.StateXAUTHReplyAwait)
	if !r.known() {
		s.emit(&trace.XAUTHUnknown{Type: r.kind})
		s.answerXAUTH(n, r, Credentials{})
		return
	}
	x.withdraw = s.e.ask(s.askOperator(r), operatorPatience, func(a Answer) {
		x.withdraw = nil
		s.answerXAUTH(n, r, a)
	})
}

// askOperator is the question for what a request wants.
func (s *sa) askOperator(r userRequest) AskCredentials {
	q := AskCredentials{Server: s.remote, Try: s.access.tries, Message: r.message, Prompts: r.prompts}
	if c := s.easyVPN(); c != nil {
		q.Connection = c.Tag
	}
	return q
}

// dropRequest gives a request of ours up, to which the server has said nothing but
// that it wants something first.
func (s *sa) dropRequest() {
	x := s.access
	if s.state == trace.StateConfigRequestSent && x.node != nil {
		s.endNode(x.node, false, trace.NodeNoError)
		x.node = nil
	}
}

// operatorPatience is how long an operator may take to type. The server may be
// less patient.
const operatorPatience = 2 * time.Minute

// answerXAUTH sends what the operator has said, in the order of the request.
func (s *sa) answerXAUTH(n *node, r userRequest, a Answer) {
	x := s.access
	if s.dead || n.done || s.state != trace.StateXAUTHReplyAwait {
		return
	}
	n.busy, x.node = false, nil
	c, _ := a.(Credentials)
	reply := isakmp.Attributes{Type: isakmp.ConfigReply, Identifier: n.identifier}
	if c.Given {
		reply.Attributes = r.answer(&c)
	} else {
		reply.Attributes = []isakmp.Attribute{isakmp.BasicAttribute(isakmp.XAUTHStatus, isakmp.XAUTHFail)}
	}
	s.emit(&trace.CredentialsSent{User: c.User, Secret: c.Given})
	n.sendConfig(reply)
	s.endNode(n, false, trace.NodeXAUTHDone)
	if !c.Given {
		s.refuseClient(trace.ReasonNoCredentials)
		return
	}
	s.watchServer(x)
	s.move(trace.Internal, trace.InputXAUTHReplyAttributes, trace.StateXAUTHReplySent)
}

// xauthStatus takes the server's verdict and acknowledges it. A server may know
// the user already and ask nothing (section 5.5).
func (m *message) xauthStatus(a isakmp.Attributes) {
	s, n := m.s, m.n
	status, ok := statusIn(a.Attributes)
	if !ok {
		m.badAttributes()
		return
	}
	x := s.remoteAccess()
	s.show = trace.ConfXauth
	m.take(a)
	s.emit(&trace.XAUTHStatusReceived{OK: status == isakmp.XAUTHOK})
	n.sendConfig(isakmp.Attributes{Type: isakmp.ConfigAck, Identifier: n.identifier, Attributes: []isakmp.Attribute{isakmp.BasicAttribute(isakmp.XAUTHStatus, status)}})
	s.endNode(n, false, trace.NodeNoError)
	s.e.timers.clear(&x.patience)
	if status != isakmp.XAUTHOK {
		s.deleteSA(trace.ReasonXAUTHFailed)
		return
	}
	x.passed, x.tries = true, 0
	s.move(trace.FromPeer, trace.InputConfigSet, trace.StateP1Complete)
	s.openAccess()
}

// statusIn is the status of a set.
func statusIn(list []isakmp.Attribute) (status uint16, ok bool) {
	for _, a := range list {
		switch a.Type {
		case isakmp.XAUTHStatus:
			v, is := a.Uint()
			if !is || v > 0xffff || ok {
				return 0, false
			}
			status, ok = uint16(v), true
		case isakmp.XAUTHMessage:
		default:
			return 0, false
		}
	}
	return status, ok
}
