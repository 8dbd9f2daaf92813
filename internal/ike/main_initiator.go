package ike

import (
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// startPhase1 opens a main mode or, where it is to begin so, an aggressive mode with
// a peer, for requests that wait or for its own sake, under a profile if one is
// named.
func (e *Engine) startPhase1(local, remote netip.AddrPort, profile string, waiting []request) {
	if !e.admitsOut(local, remote, waiting) {
		return
	}
	var cookie isakmp.Cookie
	if !e.random(cookie[:]) {
		for _, r := range waiting {
			e.failed(r.Acquire)
		}
		return
	}
	s := e.newSA(trace.RoleInitiator, local, remote)
	s.cookieI = cookie
	s.waiting = waiting
	if s.profile = e.cfg.profile(profile); s.profile != nil {
		s.demanded = true
		s.emit(&trace.ProfileRequested{Name: profile})
	}
	how := e.cfg.aggressiveWith(remote.Addr(), s.profile)
	if how != nil {
		s.aggressive, s.show = true, trace.AGNoState
	}
	e.byCookies[cookiePair{i: s.cookieI}] = s
	e.keepCookie(cookie)
	e.lockPeer(s, trace.ForInitiator)
	s.emit(&trace.SAInserted{Duplicate: len(e.byAddrs[s.pair()]) > 1})
	if how != nil {
		s.beginAggressive(how)
		return
	}
	s.emit(&trace.AggressiveNotPossible{})
	_, haveKey := s.lookupKey()
	if !haveKey && !s.hasCertificate() && !s.canEncrypt() {
		s.emit(&trace.RequestFailed{Reason: trace.ReasonNoKey})
		s.deleteSA(trace.ReasonNoKey)
		return
	}
	s.sendOffer(haveKey)
}

// sendOffer sends message 1.
func (s *sa) sendOffer(haveKey bool) {
	e := s.e
	offer := s.offerIKE(haveKey)
	if len(offer.Proposals[0].Transforms) == 0 {
		s.emit(&trace.RequestFailed{Reason: trace.ReasonPolicyNotAccepted})
		s.deleteSA(trace.ReasonPolicyNotAccepted)
		return
	}
	s.handshake.saiB = isakmp.AppendSA(nil, offer)
	b := s.builder(isakmp.ExchangeIdentity, 0, 0)
	b.Add(isakmp.PayloadSA, s.handshake.saiB)
	for _, v := range e.cfg.NATT {
		b.Add(isakmp.PayloadVendorID, nattBytes(v))
		s.emit(&trace.NATTVendorConstructed{Version: v})
	}
	s.addFragmentation(b)
	s.move(trace.FromIPsec, trace.InputSARequestMM, trace.StateIMM1)
	s.emit(&trace.MainModeBegun{})
	s.sendPhase1(s.ready(b.Bytes(1)))
	s.startRetransmission()
}

// mainMode2 takes the responder's choice, which must be one of our transforms
// unchanged but for a lifetime.
func (m *message) mainMode2() {
	s := m.s
	p, _ := m.find(isakmp.PayloadSA)
	answer, err := isakmp.ParseSA(p)
	if err != nil {
		m.malformed(err)
		return
	}
	if len(answer.Proposals) != 1 || len(answer.Proposals[0].Transforms) != 1 {
		m.dropPayload(trace.DropMalformed, isakmp.PayloadProposal, p.Offset)
		return
	}
	if m.header.Responder.IsZero() {
		m.drop(trace.DropHeader)
		return
	}
	s.move(trace.FromPeer, trace.InputMMExch, trace.StateIMM2)
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA})
	s.natt, s.peerDPD, s.peerFragments = trace.NATTNone, false, false // whatever a forged message 2 said
	ids := m.takeVendorIDs()
	s.tellVendorIDs(ids)
	_, haveKey := s.lookupKey()
	if haveKey {
		s.emit(&trace.LocalKeyFound{})
	}
	s.emit(&trace.ProfilesScanned{Profiles: s.e.cfg.profileNames()})
	c, ok := s.chooseIKE(answer, haveKey)
	if !ok {
		// Message 2 is not authenticated: a forged one must not end the
		// negotiation, so the true one is awaited until the tries are over.
		s.emit(&trace.AnswerNotOffered{Attr: closest(s.e.cfg.Policies, answer.Proposals[0].Transforms[0])})
		s.countError(trace.ErrorNoProposal)
		s.move(trace.Internal, trace.InputProcessError, trace.StateIMM1)
		return
	}
	m.accept()
	s.takeResponderCookie(m.header.Responder)
	s.suite, s.agreed = c.suite, true
	s.allocateConn()
	s.tellVendorIDs(ids)
	s.same(trace.Internal, trace.InputProcessMainMode)
	s.handshake.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, nil, nil, func(r DHResult) { s.mainMode3Send(r) })
}

func (s *sa) takeResponderCookie(c isakmp.Cookie) {
	delete(s.e.byCookies, cookiePair{i: s.cookieI})
	s.cookieR = c
	s.e.byCookies[cookiePair{s.cookieI, s.cookieR}] = s
}

// mainMode3Send sends the initiator's public value and nonce.
func (s *sa) mainMode3Send(r DHResult) {
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
	h.nonceI = make([]byte, nonceLen)
	if !s.e.random(h.nonceI) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.show = trace.MMSASetup
	s.sendKeyExchange(h.nonceI)
	s.move(trace.Internal, trace.InputProcessComplete, trace.StateIMM3)
	s.startRetransmission()
}

// mainMode4 takes the responder's public value and nonce.
func (m *message) mainMode4() {
	s := m.s
	if !m.takeKeyExchange(trace.StateIMM4) {
		return
	}
	s.handshake.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, s.handshake.keys, s.handshake.peerPublic, func(r DHResult) { s.mainMode5Send(r) })
}

// mainMode5Send sends the initiator's identity and proof, floating to port
// 4500 if there is a NAT.
func (s *sa) mainMode5Send(r DHResult) {
	h := s.handshake
	if s.dead || h == nil {
		return
	}
	h.busy = false
	if r.Err != nil {
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
	if s.behindNAT() && s.local.Port() != isakmp.PortNATT {
		s.float(isakmp.PortNATT, isakmp.PortNATT)
	}
	initial := !s.e.holdsSAWith(s)
	if initial {
		s.emit(&trace.InitialContactSent{})
	}
	s.show = trace.MMKeyExch
	s.prove(0, s.proofI, func(own ourProof) {
		h.idI = own.body
		s.sendIdentity(own, initial)
		s.move(trace.Internal, trace.InputProcessComplete, trace.StateIMM5)
		s.startRetransmission()
	})
}

// holdsSAWith says whether another SA with s's peer is up, of either phase.
// INITIAL-CONTACT would make the peer drop those (RFC 2407 section 4.6.3.3).
func (e *Engine) holdsSAWith(s *sa) bool {
	for _, o := range e.byAddrs[s.pair()] {
		if o != s && o.up() {
			return true
		}
	}
	return len(e.byEnds[s.pair()]) > 0
}

// mainMode6 authenticates the responder.
func (m *message) mainMode6() {
	if m.takeIdentity(trace.StateIMM5) {
		m.mainModeOver()
	}
}

// mainMode6Signed begins to, by a signature.
func (m *message) mainMode6Signed() { m.takeSigned(trace.StateIMM5, (*message).mainModeOver) }

// mainModeOver goes on once the responder is authenticated.
func (m *message) mainModeOver() {
	s := m.s
	s.tellAuthenticated()
	s.move(trace.FromPeer, trace.InputMMExch, trace.StateIMM6)
	s.same(trace.Internal, trace.InputProcessMainMode)
	s.finishPhase1(trace.Internal, trace.InputProcessComplete)
}

// expectedHash is HASH_I or HASH_R of the peer over its identity's body.
func (s *sa) expectedHash(id []byte) []byte {
	if s.role == trace.RoleResponder {
		return s.proofI(id)
	}
	return s.proofR(id)
}
