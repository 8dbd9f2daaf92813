package ike

import (
	"bytes"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// first handles a message without a responder cookie: a new main or aggressive
// mode, or the retransmission of one's first message.
func (m *message) first() {
	h, e := m.header, m.e
	switch {
	case h.Exchange == isakmp.ExchangeIdentity, h.Exchange == isakmp.ExchangeAggressive && !e.cfg.NoAggressive:
	case h.Exchange == isakmp.ExchangeInformational:
		m.unprotectedInfo()
		return
	case h.Exchange == isakmp.ExchangeAggressive:
		m.drop(trace.DropAggressiveMode)
		return
	default:
		m.drop(trace.DropExchange)
		return
	}
	if h.Flags&isakmp.FlagEncryption != 0 || h.MessageID != 0 {
		m.drop(trace.DropHeader)
		return
	}
	if !e.conns.local[m.local.Addr()] {
		m.drop(trace.DropNotEnabled)
		return
	}
	if h.NextPayload == isakmp.PayloadFragment {
		m.fragment(firstAssembler{e, firstKey{initialKey{h.Initiator, m.remote}, m.local}})
		return
	}
	if s := e.byInitial[initialKey{h.Initiator, m.remote}]; s != nil {
		m.s, m.digest = s, digestOf(m.raw)
		if s.lastIn == m.digest {
			s.duplicate(m.remote)
			return
		}
		m.drop(trace.DropState)
		return
	}
	m.openResponder()
}

// openResponder makes the SA of a first message that parses; one that does not
// leaves nothing behind.
func (m *message) openResponder() {
	r := rowFor(m.header.Exchange, trace.RoleResponder, 0, trace.StateReady)
	m.row = r
	aggressive := r.exchange == isakmp.ExchangeAggressive
	pressed := m.e.pressed()
	if pressed && !m.admitsUnderPressure(aggressive) || !m.parse(false) {
		return
	}
	if reason, at, ok := r.check(m.payloads); !ok {
		m.dropPayload(reason, at, 0)
		return
	}
	p, _ := m.find(isakmp.PayloadSA)
	if _, err := isakmp.ParseSA(p); err != nil {
		m.malformed(err)
		return
	}
	if aggressive {
		if _, ok := m.aggressivePayloads(); !ok {
			return
		}
	}
	e := m.e
	if !e.admits(m.local, m.remote) {
		e.stats.Admissions.InRejected++
		m.drop(trace.DropLimit)
		return
	}
	e.stats.Admissions.In++
	var cookie isakmp.Cookie
	if !e.random(cookie[:]) {
		m.drop(trace.DropLimit)
		return
	}
	if pressed && !aggressive {
		m.answerAsStub(cookie)
		return
	}
	m.beginResponder(cookie)
}

// beginResponder makes the SA of a first message that may begin one, and does what
// its row says.
func (m *message) beginResponder(cookie isakmp.Cookie) {
	e, r := m.e, m.row
	m.digest = digestOf(m.raw)
	aggressive := r.exchange == isakmp.ExchangeAggressive
	s := e.newSA(trace.RoleResponder, m.local, m.remote)
	s.cookieI, s.cookieR = m.header.Initiator, cookie
	if aggressive {
		s.aggressive, s.show = true, trace.AGNoState
	}
	e.byCookies[cookiePair{s.cookieI, s.cookieR}] = s
	e.keepCookie(cookie)
	e.byInitial[initialKey{s.cookieI, s.opened()}] = s
	e.halfOpen.add(s, e.maxHalfOpen())
	c := trace.Context{Local: m.local, Remote: m.remote}
	m.tellReceived(&c, true)
	m.s = s
	e.lockPeer(s, trace.ForProcessBlock)
	s.emit(&trace.SAInserted{Duplicate: len(e.byAddrs[s.pair()]) > 1})
	r.do(m)
}

// mainMode1 answers the initiator's offer (RFC 2409 section 5, message 1).
func (m *message) mainMode1() {
	s, h := m.s, m.s.handshake
	p, _ := m.find(isakmp.PayloadSA)
	offer, err := isakmp.ParseSA(p)
	if err != nil {
		m.malformed(err)
		return
	}
	s.lastIn = m.digest
	s.move(trace.FromPeer, trace.InputMMExch, trace.StateRMM1)
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA})
	ids := m.takeVendorIDs()
	s.tellVendorIDs(ids)
	_, haveKey := s.lookupKey()
	if haveKey {
		s.emit(&trace.LocalKeyFound{})
	}
	s.emit(&trace.ProfilesScanned{Profiles: s.e.cfg.profileNames()})
	c, ok := s.chooseIKE(offer, haveKey)
	if !ok {
		s.refusePhase1()
		return
	}
	h.saiB = bytes.Clone(p.Body)
	s.suite, s.agreed = c.suite, true
	s.shorter = c.shorter
	s.allocateConn()
	s.tellVendorIDs(ids)
	s.same(trace.Internal, trace.InputProcessMainMode)
	s.show = trace.MMSASetup
	b := s.builder(isakmp.ExchangeIdentity, 0, 0)
	c.proposal.Transforms = []isakmp.Transform{c.transform}
	b.Add(isakmp.PayloadSA, isakmp.AppendSA(nil, isakmp.SA{DOI: offer.DOI, Situation: offer.Situation, Proposals: []isakmp.Proposal{c.proposal}}))
	if s.natt != trace.NATTNone {
		b.Add(isakmp.PayloadVendorID, nattBytes(s.natt))
		s.emit(&trace.NATTVendorConstructed{Version: s.natt})
	}
	s.addFragmentation(b)
	s.sendPhase1(s.ready(b.Bytes(1)))
	s.move(trace.Internal, trace.InputProcessComplete, trace.StateRMM2)
	s.awaitFirstAnswer()
}

// awaitFirstAnswer lets a half-open SA end when its peer never comes back.
// Message 2 is sent again for a duplicate of message 1 only: the source of
// message 1 may be forged, and one datagram must not cause several.
func (s *sa) awaitFirstAnswer() {
	c := &s.e.cfg
	s.attempts = int32(c.tries())
	s.e.timers.set(&s.retry, s.e.now.Add(c.interval()*timesTries(c)))
}

// refusePhase1 tells the peer that no offer is acceptable and ends the SA.
func (s *sa) refusePhase1() {
	s.emit(&trace.ErrorCounted{What: trace.ErrorConstructFail, Attempt: 1, Max: uint8(s.e.cfg.tries())})
	b := s.builder(isakmp.ExchangeInformational, s.e.newMessageID(), 0)
	b.Add(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec,
		Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: isakmp.NotifyNoProposalChosen}))
	s.sendPhase1(s.ready(b.Bytes(1)))
	s.deleteSA(trace.ReasonPolicyNotAccepted)
}

// mainMode3 takes the initiator's public value and nonce; both cost an
// exponentiation, which only a peer that answers from its address gets.
func (m *message) mainMode3() {
	s := m.s
	m.cameBack()
	if !m.takeKeyExchange(trace.StateRMM3) {
		return
	}
	s.handshake.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, nil, s.handshake.peerPublic, func(r DHResult) { s.mainMode4Send(r) })
}

// cameBack counts the SA of an initiator that has come back from its address.
func (m *message) cameBack() {
	s := m.s
	s.e.halfOpen.remove(s)
	if s.stage != unproven {
		s.e.unproven.add(s, s.e.maxUnproven())
	}
}

// dropWithSA drops a message over a limit, and the SA that it began.
func (m *message) dropWithSA() {
	m.drop(trace.DropLimit)
	m.s.deleteSA(trace.ReasonEvicted)
	m.s.purge()
}

// acceptable says whether the peer's public value can be used. Our own value is our
// own message, reflected.
func (m *message) acceptable(ke isakmp.Payload) bool {
	h := m.s.handshake
	reflected := h.keys != nil && bytes.Equal(ke.Body, h.keys.Public())
	if reflected || keymat.ValidatePublic(m.s.suite.Group, ke.Body) != nil {
		m.dropPayload(trace.DropPublicValue, isakmp.PayloadKE, ke.Offset)
		return false
	}
	return true
}

// takeKeyExchange reads KE, NONCE, vendor IDs and NAT-D of messages 3 and 4,
// validating the public value, and enters the given state.
func (m *message) takeKeyExchange(state trace.State) bool {
	s, h := m.s, m.s.handshake
	ke, _ := m.find(isakmp.PayloadKE)
	nonce, _ := m.find(isakmp.PayloadNonce)
	if len(nonce.Body) < 8 || len(nonce.Body) > 256 {
		m.dropPayload(trace.DropNonce, isakmp.PayloadNonce, nonce.Offset)
		return false
	}
	if !m.acceptable(ke) {
		return false
	}
	m.accept()
	s.move(trace.FromPeer, trace.InputMMExch, state)
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadKE})
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadNonce})
	h.peerPublic = bytes.Clone(ke.Body)
	if s.role == trace.RoleResponder {
		h.nonceI = bytes.Clone(nonce.Body)
	} else {
		h.nonceR = bytes.Clone(nonce.Body)
	}
	h.vendorIDs = cloneAll(m.takeVendorIDs())
	h.natD = cloneAll(m.natDetection())
	if signs(s.suite.Auth) {
		m.takeCertRequests()
	}
	return true
}

func cloneAll(list [][]byte) [][]byte {
	for i, b := range list {
		list[i] = bytes.Clone(b)
	}
	return list
}

// mainMode4Send sends the responder's public value and nonce.
func (s *sa) mainMode4Send(r DHResult) {
	h := s.handshake
	if s.dead || h == nil {
		return
	}
	h.busy = false
	if r.Err != nil {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.takeKeyPair(r.KeyPair)
	s.works(trace.CryptoGenerateParameter) // the shared secret, which the same question made
	h.nonceR = make([]byte, nonceLen)
	if !s.e.random(h.nonceR) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	if !s.deriveKeys(r.Shared) {
		s.deleteSA(trace.ReasonNoKey)
		return
	}
	s.tellVendorIDs(h.vendorIDs)
	s.judgeNAT([]netip.AddrPort{s.local}, []netip.AddrPort{s.remote})
	s.same(trace.Internal, trace.InputProcessMainMode)
	s.show = trace.MMKeyExch
	s.sendKeyExchange(h.nonceR)
	s.move(trace.Internal, trace.InputProcessComplete, trace.StateRMM4)
	s.startRetransmission()
}

// sendKeyExchange sends message 3 or 4.
func (s *sa) sendKeyExchange(nonce []byte) {
	if encrypts(s.suite.Auth) {
		s.sendEncryptedExchange(nonce)
		return
	}
	b := s.builder(isakmp.ExchangeIdentity, 0, 0)
	b.Add(isakmp.PayloadKE, s.handshake.keys.Public())
	b.Add(isakmp.PayloadNonce, nonce)
	s.addCertRequests(b)
	addCapabilities(b)
	s.addNATDetection(b)
	s.sendPhase1(s.ready(b.Bytes(1)))
}

// mainMode5 authenticates the initiator and proves ourselves.
func (m *message) mainMode5() {
	if m.takeIdentity(trace.StateRMM5) {
		m.mainMode6Send()
	}
}

// mainMode5Signed begins to, by a signature.
func (m *message) mainMode5Signed() { m.takeSigned(trace.StateRMM5, (*message).mainMode6Send) }

// mainMode6Send proves ourselves to an initiator that has done so.
func (m *message) mainMode6Send() {
	s := m.s
	s.tellAuthenticated()
	s.same(trace.Internal, trace.InputProcessMainMode)
	s.prove(0, s.proofR, func(own ourProof) {
		s.handshake.idR = own.body
		s.sendIdentity(own, false)
		s.finishPhase1(trace.Internal, trace.InputProcessComplete)
	})
}
