package ike

import (
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// The transaction exchange (draft-ietf-ipsec-isakmp-mode-cfg-05 section 3,
// draft-dukes-ike-mode-cfg-02 section 3): a request and its reply, or a set and
// its acknowledgement, under one message ID with its own chain of IVs. XAUTH asks
// for its user by it, and mode config gives a client its address.

// maxConfigValue bounds one attribute of a peer's message: what a banner or a
// list of domains needs, and more than any name or password.
const maxConfigValue = 4096

// transact handles a message of a transaction exchange.
func (m *message) transact() {
	s, id := m.s, m.header.MessageID
	if !s.complete() { // or dead: a client that was refused still acknowledges that
		m.drop(trace.DropState)
		return
	}
	m.digest = digestOf(m.raw)
	key := nodeKey(isakmp.ExchangeTransaction, id)
	n := s.nodes[key]
	switch {
	case n != nil && n.lastIn == m.digest:
		n.duplicate(m.remote)
		return
	case n != nil && n.busy:
		m.drop(trace.DropState)
		return
	case n != nil && n.done, s.finished.has(key):
		m.drop(trace.DropReplay)
		return
	case n == nil && s.awaitsAnswer():
		m.drop(trace.DropMessageID)
		return
	case n == nil && (s.unfinished() >= maxUnfinished || len(s.nodes) >= maxNodes):
		m.drop(trace.DropLimit)
		return
	case n == nil:
		n = s.newTransaction(id, trace.RoleResponder)
	}
	m.n = n
	state := s.state
	if state == trace.StateConfigRequestSent && n.role == trace.RoleResponder {
		state = trace.StateP1Complete // the server begins too, and has the word
	}
	m.run(rowFor(isakmp.ExchangeTransaction, s.role, 0, state))
}

// awaitsAnswer says whether all that may come is the answer to a message of ours.
func (s *sa) awaitsAnswer() bool {
	switch s.state {
	case trace.StateXAUTHRequestSent, trace.StateXAUTHSetSent, trace.StateConfigSetSent:
		return true
	}
	return false
}

func (s *sa) newTransaction(id uint32, role trace.Role) *node {
	n := s.newNode(id, role)
	n.exchange = isakmp.ExchangeTransaction
	return n
}

// begunTransaction makes the node of an exchange of ours.
func (s *sa) begunTransaction() *node {
	n := s.newTransaction(s.e.newMessageID(), trace.RoleInitiator)
	s.addNode(n)
	s.access.node = n
	s.emit(&trace.NodeCreated{Node: n.id})
	return n
}

// takeConfig verifies a message and reads its attributes, which are views of the
// datagram. It is false for a message that is dropped; nothing has changed then.
func (m *message) takeConfig(types ...isakmp.ConfigType) (a isakmp.Attributes, ok bool) {
	s, n := m.s, m.n
	if s.nodes[n.key()] == nil {
		s.emit(&trace.NodeCreated{Node: n.id})
	}
	hash, rest, ok := m.covered()
	if !ok || !keymat.Equal(hash, keymat.InfoHash(s.suite.Hash, s.skeyid.A, n.id, rest)) {
		m.badHash()
		return a, false
	}
	m.authentic()
	s.heard = s.e.timers.instant(s.e.now)
	p, _ := m.find(isakmp.PayloadAttributes)
	a, err := isakmp.ParseAttributes(p)
	if err != nil {
		m.malformed(err)
		return a, false
	}
	for _, x := range a.Attributes {
		if len(x.Value) > maxConfigValue {
			m.dropPayload(trace.DropTooLarge, p.Type, p.Offset)
			return a, false
		}
	}
	if !slices.Contains(types, a.Type) {
		m.dropPayload(trace.DropConfigType, p.Type, p.Offset)
		return a, false
	}
	// The identifier of an answer may be any: strongSwan's is 0. The message ID
	// says what is answered, and the HASH holds both.
	return a, true
}

// take accepts a message whose attributes will do.
func (m *message) take(a isakmp.Attributes) {
	s, n := m.s, m.n
	if s.nodes[n.key()] == nil {
		s.addNode(n)
	}
	n.identifier = a.Identifier
	m.acceptNode()
	if n.role == trace.RoleInitiator {
		n.lastOut = nil // a duplicate of its answer asks for nothing
	}
	s.emit(&trace.ConfigReceived{Node: n.id, Type: a.Type})
}

// badAttributes drops a message for what is in it.
func (m *message) badAttributes() {
	p, _ := m.find(isakmp.PayloadAttributes)
	m.dropPayload(trace.DropConfigAttribute, p.Type, p.Offset)
}

// sendConfig sends a message of a transaction. One that begins it is sent again
// until its answer comes.
func (n *node) sendConfig(a isakmp.Attributes) {
	s := n.s
	n.identifier = a.Identifier
	b := s.startProtected(isakmp.ExchangeTransaction, n.id)
	b.Add(isakmp.PayloadAttributes, isakmp.AppendAttributes(nil, a))
	o := s.protected(b, &n.iv, func(rest []byte) []byte { return keymat.InfoHash(s.suite.Hash, s.skeyid.A, n.id, rest) })
	s.emit(&trace.ConfigSending{Answer: n.role == trace.RoleResponder, Node: n.id})
	n.send(o)
	if n.role == trace.RoleInitiator {
		s.e.timers.set(&n.retry, n.nextConfig())
	}
}

// nextConfig is when a message of ours goes again: the user's answer is waited for
// as long as the configuration allows.
func (n *node) nextConfig() time.Time {
	at := n.s.e.now.Add(n.s.e.cfg.interval())
	if n.asksUser() && n.s.access.deadline.Before(at) {
		return n.s.access.deadline
	}
	return at
}

// asksUser says whether n is XAUTH's request, which waits for a user.
func (n *node) asksUser() bool {
	return n.exchange == isakmp.ExchangeTransaction && n.s.state == trace.StateXAUTHRequestSent
}

// over says whether an answer to n is waited for no more.
func (n *node) over(now time.Time) bool {
	if n.asksUser() {
		return !now.Before(n.s.access.deadline)
	}
	return int(n.attempts) >= n.s.e.cfg.tries()
}

// configUnanswered ends the SA whose peer does not answer a transaction of ours.
func (n *node) configUnanswered() {
	s := n.s
	reason := trace.ReasonConfigUnanswered
	if s.state == trace.StateXAUTHRequestSent || s.state == trace.StateXAUTHSetSent {
		reason = trace.ReasonUserSilent
	}
	s.refuseClient(reason)
}

// text is an attribute of text, nil for a text that is empty.
func textAttribute(t isakmp.AttributeType, text string) isakmp.Attribute {
	return isakmp.Attribute{Type: t, Value: []byte(text)}
}
