package ike

import (
	"bytes"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Numbers that IOS prints when IPsec refuses a proposal.
const (
	invalidProxy     = 32
	invalidPFS       = 64
	invalidTransform = 256
)

// quickMode1 answers the initiator's offer of IPsec SAs (RFC 2409 section 5.5).
func (m *message) quickMode1() {
	s, n := m.s, m.n
	s.emit(&trace.NodeCreated{Node: n.id})
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash, MessageID: n.id})
	hash, rest, ok := m.covered()
	if !ok || !keymat.Equal(hash, keymat.QuickHash1(s.suite.Hash, s.skeyid.A, n.id, rest)) {
		m.badHash()
		return
	}
	m.authentic()
	p, _ := m.find(isakmp.PayloadSA)
	offer, err := isakmp.ParseSA(p)
	if err != nil {
		m.malformed(err)
		return
	}
	idI, idR, remote, local, ok := m.proxies()
	if !ok {
		return
	}
	nonce, ok := m.takeNonce()
	if !ok {
		return
	}
	s.addNode(n)
	m.acceptNode()
	n.idI, n.idR = bytes.Clone(idI), bytes.Clone(idR)
	n.localProxy, n.remoteProxy, n.nonceI = local, remote, nonce
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA, MessageID: n.id})
	// A refusal names the first SPI offered.
	n.outSPI, _ = offeredSPI(offer.Proposals[0])
	if !n.chooseESP(offer) {
		n.reject()
		return
	}
	if n.peerPublic, ok = m.takePFS(n.pfs); !ok {
		n.reject()
		return
	}
	ids := 0
	if idI != nil {
		ids = 2
	}
	n.tellQuickPayloads(n.pfs != isakmp.GroupNone, ids)
	if n.inSPI, ok = s.e.newSPI(); !ok {
		n.reject()
		return
	}
	s.emit(&trace.SPIsRequested{})
	n.move(trace.FromPeer, trace.InputQMExch, trace.StateQMSPIStarve)
	s.emit(&trace.SPIsReceived{SPI: n.inSPI})
	if n.pfs == isakmp.GroupNone {
		n.quickMode2Send(DHResult{})
		return
	}
	n.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(n.pfs, nil, n.peerPublic, n.quickMode2Send)
}

// chooseESP takes the first proposal that a connection with this peer allows,
// and tells each comparison.
func (n *node) chooseESP(offer isakmp.SA) bool {
	s := n.s
	for _, prop := range offer.Proposals {
		s.emit(&trace.IPsecProposalChecked{Number: prop.Number})
		if bundled(offer, prop.Number) || prop.Protocol != isakmp.ProtocolESP {
			s.emit(&trace.IPsecTransformRefused{Attr: trace.IPsecAttrProtocol, Offered: uint32(prop.Protocol), Wanted: uint32(isakmp.ProtocolESP)})
			continue
		}
		for _, t := range prop.Transforms {
			if n.considerESP(prop, t) {
				return true
			}
		}
	}
	s.emit(&trace.Phase2PolicyRefused{})
	return false
}

// bundled says whether several protocols share a proposal number: all of them
// together are then one offer (RFC 2408 section 4.2), which is not supported.
func bundled(offer isakmp.SA, number uint8) bool {
	count := 0
	for _, p := range offer.Proposals {
		if p.Number == number {
			count++
		}
	}
	return count > 1
}

// considerESP compares one transform with the transform sets of the connection
// whose access list allows the proxies.
func (n *node) considerESP(prop isakmp.Proposal, t isakmp.Transform) bool {
	s := n.s
	s.emit(&trace.IPsecTransformOffered{Number: t.Number, Protocol: prop.Protocol, ID: isakmp.ESPTransform(t.ID), Attributes: wireAttributes(t)})
	o := policy.ParseESPOffer(prop.Protocol, t)
	outSPI, ok := s.freeSPI(prop)
	if o.Unknown != 0 || !ok {
		refusal := &trace.IPsecTransformRefused{Attr: trace.IPsecAttrUnknown, Offered: uint32(o.Unknown)}
		if o.Unknown == 0 {
			refusal.Attr, refusal.Offered = trace.IPsecAttrSPI, outSPI
		}
		s.emit(refusal)
		s.emit(&trace.IPsecTransformJudged{})
		return false
	}
	n.validates(o)
	s.claim(n.remoteProxy)
	conn, line, refused := s.connectionFor(n.localProxy, n.remoteProxy)
	if conn != nil && (!s.mayProtect(n.remoteProxy) || s.needsAddress(conn)) {
		conn, refused = nil, trace.IPsecAttrClient
	}
	if conn == nil {
		n.invalidate(invalidProxy, policy.ESPRefusal{Attr: refused})
		return false
	}
	ts, refusal, match := matchESP(policy.Answers(n.transformSets(conn)), conn.PFS, o)
	if !s.takesEncapsulation(o.Encap) {
		refusal, match = s.wrongMode(o), false
	}
	if !match {
		code := uint16(invalidTransform)
		if refusal.Attr == trace.IPsecAttrGroup {
			code = invalidPFS
		}
		n.invalidate(code, refusal)
		return false
	}
	n.conn, n.line, n.suite, n.encap, n.pfs, n.outSPI = conn, line, ts, o.Encap, o.Group, outSPI
	n.lives = s.livesOf(conn, o)
	n.shorter = shortened(n.lives, o)
	prop.Transforms = []isakmp.Transform{t}
	n.chosen = cloneProposal(prop)
	return true
}

func (n *node) invalidate(code uint16, r policy.ESPRefusal) {
	n.s.emit(&trace.IPsecTransformRefused{Attr: r.Attr, Offered: r.Offered, Wanted: r.Wanted})
	n.s.emit(&trace.IPsecProposalInvalidated{Error: code, Attr: r.Attr, Local: n.localProxy, Remote: n.remoteProxy})
}

// matchESP compares an offer with transform sets and the group that we demand;
// the refusal is that of the set which came closest.
func matchESP(sets []policy.TransformSet, pfs isakmp.Group, o policy.ESPOffer) (ts policy.TransformSet, closest policy.ESPRefusal, ok bool) {
	if o.Group != isakmp.GroupNone && !keymat.GroupSupported(o.Group) {
		return ts, policy.ESPRefusal{Attr: trace.IPsecAttrGroup, Offered: uint32(o.Group), Wanted: uint32(pfs)}, false
	}
	for _, ts := range sets {
		refusal, match := ts.Match(o, pfs)
		if match {
			return ts, refusal, true
		}
		if refusal.Attr > closest.Attr {
			closest = refusal
		}
	}
	return ts, closest, false
}

func (s *sa) wrongMode(o policy.ESPOffer) policy.ESPRefusal {
	want := s.encapsulation(policy.IsTransport(o.Encap))
	return policy.ESPRefusal{Attr: trace.IPsecAttrMode, Offered: uint32(o.Encap), Wanted: uint32(want)}
}

// connectionFor finds the crypto map entry, in order, that is for this peer, its
// profile and the proxies, and the line that allows those; or what all refuse. A
// peer that has moved gets nothing new at its old address.
func (s *sa) connectionFor(lp, rp policy.Proxy) (conn *Connection, line int, refused trace.IPsecAttr) {
	e, ends := s.e, s.pair()
	refused = trace.IPsecAttrProxy
	static, templates := e.conns.byEnds[ends], e.conns.templates[ends.local]
	for len(static)+len(templates) > 0 {
		var conn *Connection
		if len(templates) == 0 || len(static) > 0 && e.conns.place[static[0].Tag] < e.conns.place[templates[0].Tag] {
			conn, static = static[0], static[1:]
		} else {
			conn, templates = templates[0], templates[1:]
		}
		if conn.Dynamic && !conn.Admits(ends.remote) || conn.moved(ends.remote) {
			continue
		}
		line, ok := e.allowing(conn, lp, rp)
		switch {
		case !ok:
		case !s.serves(conn):
			refused = trace.IPsecAttrProfile
		default:
			return conn, line, trace.IPsecAttrProxy
		}
	}
	return nil, -1, refused
}

// cloneProposal copies what points into the datagram.
func cloneProposal(p isakmp.Proposal) isakmp.Proposal {
	p.SPI = bytes.Clone(p.SPI)
	t := p.Transforms[0]
	attrs := make([]isakmp.Attribute, len(t.Attributes))
	for i, a := range t.Attributes {
		a.Value = bytes.Clone(a.Value)
		attrs[i] = a
	}
	t.Attributes = attrs
	p.Transforms = []isakmp.Transform{t}
	return p
}

// reject tells the initiator that no proposal is acceptable, and tells it again
// for a duplicate of its offer. Phase 1 stays.
func (n *node) reject() {
	s := n.s
	n.lastOut = s.sendNotify(isakmp.ProtocolESP, spiOctets(n.outSPI), isakmp.NotifyNoProposalChosen, nil)
	n.sentAt = s.e.now.UnixNano()
	s.emit(&trace.ModeFailure{Exchange: isakmp.ExchangeQuick})
	s.endNode(n, true, trace.NodeQMRejected)
	n.move(trace.FromPeer, trace.InputQMExch, trace.StateQMReady)
}

// quickMode2Send makes the SAs and sends the responder's choice. The inbound SA
// works at once; the outbound one when message 3 proves that the initiator is
// there and not a replay.
func (n *node) quickMode2Send(r DHResult) {
	s := n.s
	n.busy = false
	if s.dead || n.done {
		return
	}
	n.nonceR = make([]byte, nonceLen)
	if r.Err != nil || s.e.sendsBy(s.pair(), n.outSPI) || !s.e.random(n.nonceR) || !n.becomeInstance() {
		n.reject()
		return
	}
	if n.takeKeyPair(r.KeyPair); n.keys != nil {
		s.works(trace.CryptoGenerateParameter) // the shared secret
	}
	n.makeChild(r.Shared)
	b := s.startProtected(isakmp.ExchangeQuick, n.id)
	n.chosen.SPI = spiOctets(n.inSPI)
	b.Add(isakmp.PayloadSA, isakmp.AppendSA(nil, isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{n.chosen}}))
	b.Add(isakmp.PayloadNonce, n.nonceR)
	if n.keys != nil {
		b.Add(isakmp.PayloadKE, n.keys.Public())
	}
	if n.idI != nil {
		b.Add(isakmp.PayloadID, n.idI)
		b.Add(isakmp.PayloadID, n.idR)
	}
	n.addOriginalAddresses(b, n.suite.Transport)
	n.addLifetime(b)
	answer := s.protected(b, &n.iv, func(rest []byte) []byte {
		return keymat.QuickHash2(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, rest)
	})
	s.e.installInbound(n.child)
	n.send(answer)
	n.move(trace.FromIPsec, trace.InputSPIReply, trace.StateQMRQM2)
	n.tellReferences()
	s.e.timers.set(&n.retry, s.e.now.Add(s.e.cfg.interval()))
}

// tellReferences tells that IPsec took, and gave back, a reference to the peer.
func (n *node) tellReferences() {
	if p := n.s.peer; p != nil {
		n.s.emit(&trace.PeerLocked{Kind: trace.RefIPsec, Count: p.ikeRefs + 1, For: trace.ForCreateTransforms})
		n.s.emit(&trace.PeerUnlocked{Kind: trace.RefIPsec, Count: p.ikeRefs, For: trace.ForCreateTransforms})
	}
}

// quickMode3 completes the responder's side.
func (m *message) quickMode3() {
	s, n := m.s, m.n
	hash, _, ok := m.covered()
	if !ok || !keymat.Equal(hash, keymat.QuickHash3(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, n.nonceR)) {
		m.badHash()
		return
	}
	m.authentic()
	m.acceptNode()
	n.lastOut = nil
	s.e.installOutbound(n.child, 0)
	s.endNode(n, false, trace.NodeQMDone)
	n.move(trace.FromPeer, trace.InputQMExch, trace.StateQMPhase2Complete)
}
