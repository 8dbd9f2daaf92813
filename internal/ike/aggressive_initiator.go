package ike

import (
	"bytes"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// beginAggressive makes the public value of message 1. The group cannot be
// negotiated in aggressive mode (RFC 2409 section 5.4): that of the first policy is
// taken, and other policies of the same group are offered with it.
func (s *sa) beginAggressive(how *Aggressive) {
	h := s.handshake
	h.how, h.identity = how, how.Identity
	h.key = Key{Secret: how.Secret}
	h.haveKey = true
	if how.Secret.IsZero() {
		h.key, h.haveKey = s.lookupKey()
	}
	if !h.haveKey && !s.hasCertificate() {
		s.emit(&trace.RequestFailed{Reason: trace.ReasonNoKey})
		s.deleteSA(trace.ReasonNoKey)
		return
	}
	group, offer := s.offerAggressive(how)
	if len(offer.Proposals[0].Transforms) == 0 {
		s.emit(&trace.RequestFailed{Reason: trace.ReasonPolicyNotAccepted})
		s.deleteSA(trace.ReasonPolicyNotAccepted)
		return
	}
	h.saiB = isakmp.AppendSA(nil, offer)
	h.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(group, nil, nil, func(r DHResult) { s.aggressive1Send(r) })
}

// offerAggressive is the part of offerIKE that has one group.
func (s *sa) offerAggressive(how *Aggressive) (g isakmp.Group, offer isakmp.SA) {
	prop := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolISAKMP}
	h := s.handshake
	h.method = isakmp.AuthPSK
	if how.XAUTH {
		h.method = isakmp.AuthXAUTHInitPSK
	}
	for _, p := range s.e.cfg.policiesFor(how) {
		if !supported(p) || g != isakmp.GroupNone && p.Group != g || !s.canProve(p, h.haveKey) || how.XAUTH && signs(p.Auth) {
			continue
		}
		g = p.Group
		if how.XAUTH {
			p.Auth = h.method
		} else if len(prop.Transforms) == 0 && how.Offer == nil {
			h.method = p.Auth
		}
		prop.Transforms = append(prop.Transforms, p.Transform(uint8(len(prop.Transforms)+1)))
	}
	if how.Offer != nil {
		prop.Transforms = how.Offer
	}
	return g, isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{prop}}
}

// aggressive1Send sends the offer, our public value, nonce and identity.
func (s *sa) aggressive1Send(r DHResult) {
	h := s.handshake
	if s.dead || h == nil {
		return
	}
	h.busy = false
	h.nonceI = make([]byte, nonceLen)
	if r.Err != nil || !s.e.random(h.nonceI) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.takeKeyPair(r.KeyPair)
	b := s.builder(isakmp.ExchangeAggressive, 0, 0)
	b.Add(isakmp.PayloadSA, h.saiB)
	b.Add(isakmp.PayloadKE, h.keys.Public())
	b.Add(isakmp.PayloadNonce, h.nonceI)
	// The identity goes ahead of the method: it is that of the first one offered.
	if t, _ := s.credential(h.method); t != nil {
		s.showIdentity(t)
	}
	h.idI = s.ourIdentity(h.method, isakmp.PayloadVendorID)
	b.Add(isakmp.PayloadID, h.idI)
	if signs(h.method) {
		s.requestCertificates(b)
	}
	s.addAggressiveCapabilities(b, s.e.cfg.NATT, h.how.XAUTH)
	s.move(trace.FromIPsec, trace.InputSARequestAM, trace.StateIAM1)
	s.emit(&trace.AggressiveModeBegun{})
	s.sendPhase1(s.ready(b.Bytes(1)))
	s.startRetransmission()
}

// aggressive2 takes the responder's choice, public value and proof. None of it is
// authenticated before its HASH is compared, for which the pre-shared key is enough:
// a forged message costs no exponentiation, and the true one is awaited on.
func (m *message) aggressive2() {
	s, h := m.s, m.s.handshake
	f, ok := m.aggressivePayloads()
	if !ok {
		m.countMalformed()
		return
	}
	if len(f.sa.Proposals) != 1 || len(f.sa.Proposals[0].Transforms) != 1 || len(f.public) != len(h.keys.Public()) || bytes.Equal(f.public, h.keys.Public()) {
		m.drop(trace.DropMalformed)
		return
	}
	if m.header.Responder.IsZero() {
		m.drop(trace.DropHeader)
		return
	}
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA})
	m.tellPeerIdentity()
	s.natt, s.peerDPD, s.peerFragments = trace.NATTNone, false, false // whatever a forged message 2 said
	profile, refused := s.judgeProfile(f.who)
	s.tellVendorIDs(m.takeVendorIDs())
	s.emit(&trace.LocalKeyFound{})
	s.emit(&trace.ProfilesScanned{Profiles: s.e.cfg.profileNames()})
	c, ok := s.chooseIKE(f.sa, h.haveKey)
	if ok && c.suite.Group != h.keys.Group() {
		s.emit(&trace.AnswerNotOffered{Attr: trace.IKEAttrGroup})
		s.countError(trace.ErrorNoProposal)
		return
	}
	if !ok {
		s.emit(&trace.AnswerNotOffered{Attr: closest(s.e.cfg.policiesFor(h.how), f.sa.Proposals[0].Transforms[0])})
		s.countError(trace.ErrorNoProposal)
		return
	}
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadKE})
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadNonce})
	s.show = trace.AGInitExch
	proof := isakmp.PayloadHash
	if signs(c.suite.Auth) {
		proof = isakmp.PayloadSignature
	}
	if _, ok := m.find(proof); !ok {
		m.dropPayload(trace.DropMissingPayload, proof, 0)
		m.countMalformed()
		return
	}
	if signs(c.suite.Auth) {
		m.aggressive2Verify(c, f)
		return
	}
	s.works(trace.CryptoCreateSKEYID)
	base := keymat.SkeyidPSK(c.suite.Hash, h.key.Secret.Reveal(), h.nonceI, f.nonce)
	s.works(trace.CryptoHMACContext)
	if !m.proves(keymat.HashR(c.suite.Hash, base, h.keys.Public(), f.public, s.cookieI, m.header.Responder, h.saiB, f.identity), c.suite.Auth) {
		return
	}
	m.accept()
	s.takeResponderCookie(m.header.Responder)
	s.suite, s.agreed = c.suite, true
	s.allocateConn()
	s.emit(&trace.SKEYIDGenerated{})
	s.peerID = f.who
	if refused != trace.ReasonNone {
		s.deleteSA(refused)
		return
	}
	s.profile = profile
	h.base, h.peerPublic, h.natD = base, bytes.Clone(f.public), cloneAll(m.natDetection())
	h.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, h.keys, h.peerPublic, func(r DHResult) { s.aggressive3Send(r) })
}

// aggressive3Send proves ourselves, floating to port 4500 if there is a NAT. The
// message is encrypted: what is not the HASH is then authentic too.
func (s *sa) aggressive3Send(r DHResult) {
	h := s.handshake
	if s.dead || h == nil {
		return
	}
	h.busy = false
	if r.Err != nil || !s.expandKeys(h.base, r.Shared) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.judgeNAT([]netip.AddrPort{s.local}, []netip.AddrPort{s.remote})
	s.works(trace.CryptoHMACContext)
	own := s.proofI(h.idI)
	s.sendAggressive3(ourProof{h.idI, func(b *isakmp.Builder) { b.Add(isakmp.PayloadHash, own) }})
}

// sendAggressive3 sends message 3.
func (s *sa) sendAggressive3(own ourProof) {
	b := s.builder(isakmp.ExchangeAggressive, 0, isakmp.FlagEncryption)
	own.add(b)
	s.addNATDetection(b)
	if s.behindNAT() && s.local.Port() != isakmp.PortNATT {
		s.float(isakmp.PortNATT, isakmp.PortNATT)
	}
	s.tellAuthenticated()
	if !s.e.holdsSAWith(s) {
		s.emit(&trace.InitialContactSent{})
		b.Add(isakmp.PayloadNotify, s.initialContactNotify())
	}
	s.sendPhase1(s.seal(b.Bytes(s.cipher.BlockSize()), &s.iv))
	s.finishPhase1(trace.FromPeer, trace.InputAMExch)
}

// repeatBehind sends what the responder could not take again, behind message 3,
// which it has just shown to lack: quick modes that we have begun since.
func (s *sa) repeatBehind() {
	for _, n := range s.sortedNodes() {
		if !n.done && n.role == trace.RoleInitiator && n.state == trace.StateQMIQM1 {
			n.repeat()
		}
	}
}
