package ike

import (
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// startQuickMode offers the connection's transform sets for one line of its
// access list.
func (s *sa) startQuickMode(r request) {
	e := s.e
	conn := e.connection(r.Connection)
	if conn == nil || r.Line < 0 || r.Line >= len(conn.ACL) {
		e.failed(r.Acquire)
		return
	}
	e.ownProxy(&r)
	n := s.newNode(e.newMessageID(), trace.RoleInitiator)
	n.nonceI = make([]byte, nonceLen)
	var ok bool
	if n.inSPI, ok = e.newSPI(); !ok || !e.random(n.nonceI) {
		e.failed(r.Acquire)
		return
	}
	n.rekeys, n.tried, n.conn, n.line, n.pfs = r.rekeys, r.tried, conn, r.Line, s.pfsGroup(r, conn)
	n.localProxy, n.remoteProxy = r.localProxy, r.remoteProxy
	n.idI = isakmp.AppendID(nil, policy.ID(n.localProxy))
	n.idR = isakmp.AppendID(nil, policy.ID(n.remoteProxy))
	s.addNode(n)
	s.emit(&trace.QuickModeBegun{Node: n.id})
	s.emit(&trace.InitiatorGetsSPI{SPI: n.inSPI})
	if n.pfs == isakmp.GroupNone {
		n.quickMode1Send(DHResult{})
		return
	}
	n.busy = true
	s.works(trace.CryptoGenerateParameter)
	e.dh(n.pfs, nil, nil, n.quickMode1Send)
}

// quickMode1Send sends message 1: one proposal for each transform set.
func (n *node) quickMode1Send(r DHResult) {
	s := n.s
	n.busy = false
	if s.dead || n.done {
		return
	}
	if r.Err != nil {
		s.endNode(n, true, trace.NodeDeleteLarval)
		return
	}
	n.takeKeyPair(r.KeyPair)
	b := s.startProtected(isakmp.ExchangeQuick, n.id)
	b.Add(isakmp.PayloadSA, isakmp.AppendSA(nil, n.offerESP()))
	b.Add(isakmp.PayloadNonce, n.nonceI)
	if n.keys != nil {
		b.Add(isakmp.PayloadKE, n.keys.Public())
	}
	b.Add(isakmp.PayloadID, n.idI)
	b.Add(isakmp.PayloadID, n.idR)
	n.addOriginalAddresses(b, slices.ContainsFunc(n.transformSets(n.conn), func(ts policy.TransformSet) bool { return ts.Transport }))
	n.send(s.protected(b, &n.iv, func(rest []byte) []byte {
		return keymat.QuickHash1(s.suite.Hash, s.skeyid.A, n.id, rest)
	}))
	n.move(trace.Internal, trace.InputInitQM, trace.StateQMIQM1)
	s.e.timers.set(&n.retry, s.e.now.Add(n.interval()))
}

func (n *node) offerESP() isakmp.SA {
	offer := isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly}
	for i, ts := range n.offeredSets() {
		t := ts.Transform(1, n.s.encapsulation(ts.Transport), n.pfs, n.offeredLives())
		if n.conn.EasyVPN != nil {
			t.Attributes = inClientsOrder(t.Attributes)
		}
		offer.Proposals = append(offer.Proposals, isakmp.Proposal{Number: uint8(i + 1), Protocol: isakmp.ProtocolESP,
			SPI: spiOctets(n.inSPI), Transforms: []isakmp.Transform{t}})
	}
	return offer
}

// quickMode2 takes the responder's choice, makes the SAs and confirms.
func (m *message) quickMode2() {
	s, n := m.s, m.n
	hash, rest, ok := m.covered()
	if !ok || !keymat.Equal(hash, keymat.QuickHash2(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, rest)) {
		m.badHash()
		return
	}
	m.authentic()
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash, MessageID: n.id})
	p, _ := m.find(isakmp.PayloadSA)
	answer, err := isakmp.ParseSA(p)
	if err != nil {
		m.malformed(err)
		return
	}
	_, idR, i, r, ok := m.proxies()
	if !ok {
		return
	}
	nonce, ok := m.takeNonce()
	if !ok {
		return
	}
	m.acceptNode()
	n.answered = time.Duration(s.e.now.UnixNano() - n.sentAt)
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA, MessageID: n.id})
	n.nonceR = nonce
	if !n.takeChoice(answer) || !n.takeProxies(i, r, idR != nil) {
		n.abandon()
		return
	}
	m.takeLifetimes()
	if n.peerPublic, ok = m.takePFS(n.pfs); !ok {
		n.abandon()
		return
	}
	n.tellQuickPayloads(n.pfs != isakmp.GroupNone, 2)
	if n.pfs == isakmp.GroupNone {
		n.quickMode3Send(DHResult{})
		return
	}
	n.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(n.pfs, n.keys, n.peerPublic, n.quickMode3Send)
}

// takeChoice checks that the answer is one of our proposals.
func (n *node) takeChoice(answer isakmp.SA) bool {
	s := n.s
	if len(answer.Proposals) != 1 || len(answer.Proposals[0].Transforms) != 1 {
		return false
	}
	prop := answer.Proposals[0]
	t := prop.Transforms[0]
	s.emit(&trace.IPsecProposalChecked{Number: prop.Number})
	s.emit(&trace.IPsecTransformOffered{Number: t.Number, Protocol: prop.Protocol, ID: isakmp.ESPTransform(t.ID), Attributes: wireAttributes(t)})
	o := policy.ParseESPOffer(prop.Protocol, t)
	ts, refusal, ok := matchESP(n.transformSets(n.conn), n.pfs, o)
	if o.Encap != s.encapsulation(policy.IsTransport(o.Encap)) {
		refusal, ok = s.wrongMode(o), false
	}
	if ok && o.Group != n.pfs {
		refusal, ok = policy.ESPRefusal{Attr: trace.IPsecAttrGroup, Offered: uint32(o.Group), Wanted: uint32(n.pfs)}, false
	}
	var spiOK bool
	n.outSPI, spiOK = s.freeSPI(prop)
	if ok && !spiOK {
		refusal, ok = policy.ESPRefusal{Attr: trace.IPsecAttrSPI, Offered: n.outSPI}, false
	}
	if !ok {
		s.emit(&trace.IPsecTransformRefused{Attr: refusal.Attr, Offered: refusal.Offered, Wanted: refusal.Wanted})
		s.emit(&trace.IPsecTransformJudged{})
		return false
	}
	n.validates(o)
	n.suite, n.encap = ts, o.Encap
	n.lives = n.offeredLives().Shorter(o)
	return true
}

// takeProxies checks the identities of the answer: they must be ours.
func (n *node) takeProxies(i, r policy.Proxy, sent bool) bool {
	if !sent || (policy.SameProxy(i, n.localProxy) && policy.SameProxy(r, n.remoteProxy)) {
		return true
	}
	n.s.emit(&trace.IPsecTransformRefused{Attr: trace.IPsecAttrProxy})
	return false
}

// abandon ends our quick mode because the answer is not acceptable.
func (n *node) abandon() {
	s := n.s
	s.sendNotify(isakmp.ProtocolESP, spiOctets(n.inSPI), isakmp.NotifyNoProposalChosen, nil)
	s.emit(&trace.ModeFailure{Exchange: isakmp.ExchangeQuick})
	s.endNode(n, true, trace.NodeQMRejected)
}

// quickMode3Send installs both SAs and sends message 3.
func (n *node) quickMode3Send(r DHResult) {
	s := n.s
	n.busy = false
	if s.dead || n.done {
		return
	}
	if r.Err != nil || s.e.sendsBy(s.pair(), n.outSPI) {
		n.abandon()
		return
	}
	n.makeChild(r.Shared)
	b := s.startProtected(isakmp.ExchangeQuick, n.id)
	datagram := s.protected(b, &n.iv, func([]byte) []byte {
		return keymat.QuickHash3(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, n.nonceR)
	})
	s.e.installInbound(n.child)
	s.e.installOutbound(n.child, n.settleTime())
	n.send(datagram)
	s.endNode(n, false, trace.NodeNoError)
	n.move(trace.FromPeer, trace.InputQMExch, trace.StateQMPhase2Complete)
}
