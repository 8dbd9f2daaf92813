package ike

import (
	"bytes"
	"errors"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// aggressive1 answers the initiator's offer, public value and identity (RFC 2409
// section 5.4, message 1). An identity without a key is answered as one with a key
// is, by the same work: only message 3 fails. The events tell the difference.
func (m *message) aggressive1() {
	s, h := m.s, m.s.handshake
	f, ok := m.aggressivePayloads()
	if !ok {
		s.deleteSA(trace.ReasonMalformed)
		return
	}
	s.lastIn = m.digest
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSA})
	m.tellPeerIdentity()
	s.profile = ProfileFor(s.e.cfg.Profiles, s.local.Addr(), f.who)
	s.emit(&trace.ProfileMatched{Name: s.profile.name()})
	s.tellVendorIDs(m.takeVendorIDs())
	if h.key, h.decoy, ok = s.keyFor(f.who); !ok {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	if !h.decoy {
		s.emit(&trace.LocalKeyFound{})
	}
	s.emit(&trace.ProfilesScanned{Profiles: s.e.cfg.profileNames()})
	if s.usersLogIn() {
		s.emit(&trace.XAUTHPossible{})
	}
	c, ok := s.chooseIKE(f.sa, true)
	if !ok {
		s.refusePhase1()
		return
	}
	if len(f.public) != keymat.PublicLen(c.suite.Group) {
		ke, _ := m.find(isakmp.PayloadKE)
		m.dropPayload(trace.DropPublicValue, isakmp.PayloadKE, ke.Offset)
		s.deleteSA(trace.ReasonMalformed)
		return
	}
	s.suite, s.agreed = c.suite, true
	s.shorter = c.shorter
	s.allocateConn()
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadKE})
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadNonce})
	h.peerPublic, h.nonceI, h.idI = bytes.Clone(f.public), bytes.Clone(f.nonce), bytes.Clone(f.identity)
	h.saiB, h.claims = bytes.Clone(f.saBody), f.who
	h.resends = 3*len(m.raw)/estimatedReply - 1
	if f.who.Type == isakmp.IDKeyID {
		s.move(trace.FromPeer, trace.InputAMExch, trace.StateRAMAAAAwait)
	}
	c.proposal.Transforms = []isakmp.Transform{c.transform}
	h.answer = isakmp.AppendSA(nil, isakmp.SA{DOI: f.sa.DOI, Situation: f.sa.Situation, Proposals: []isakmp.Proposal{c.proposal}})
	if signs(s.suite.Auth) {
		m.aggressive1Signed()
		return
	}
	h.busy = true
	if s.asksForGroup(f.who) {
		m.askGroupKey()
		return
	}
	s.aggressive2()
}

// aggressive2 makes message 2, now that the key is known, or that there is none.
func (s *sa) aggressive2() {
	s.works(trace.CryptoGenerateParameter)
	s.e.sharePair(s.suite.Group, s.aggressive2Send)
}

// aggressive2Send sends the responder's choice, public value, identity and proof.
func (s *sa) aggressive2Send(p *sharedPair, err error) {
	h := s.handshake
	if err == nil {
		h.shared = p
	}
	h.busy = false
	if s.dead {
		s.clearKeys()
		return
	}
	h.nonceR = make([]byte, nonceLen)
	if err != nil || !s.e.random(h.nonceR) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.takeKeyPair(p.keys)
	h.base = keymat.SkeyidPSK(s.suite.Hash, h.key.Secret.Reveal(), h.nonceI, h.nonceR)
	s.works(trace.CryptoCreateSKEYID)
	s.emit(&trace.SKEYIDGenerated{})
	h.proof = keymat.HashI(s.suite.Hash, h.base, h.peerPublic, h.keys.Public(), s.cookieI, s.cookieR, h.saiB, h.idI)
	s.prove(isakmp.PayloadNonce, func(body []byte) []byte {
		return keymat.HashR(s.suite.Hash, h.base, h.peerPublic, h.keys.Public(), s.cookieI, s.cookieR, h.saiB, body)
	}, s.sendAggressive2)
	h.saiB, h.nonceI, h.nonceR, h.idI, h.answer = nil, nil, nil, nil, nil // what both proofs cover has been hashed
}

// sendAggressive2 sends message 2.
func (s *sa) sendAggressive2(own ourProof) {
	h := s.handshake
	b := s.builder(isakmp.ExchangeAggressive, 0, 0)
	b.Add(isakmp.PayloadSA, h.answer)
	b.Add(isakmp.PayloadKE, h.keys.Public())
	b.Add(isakmp.PayloadID, own.body)
	b.Add(isakmp.PayloadNonce, h.nonceR)
	own.add(b)
	s.addCertRequests(b)
	var natt []trace.NATTVersion
	if s.natt != trace.NATTNone {
		natt = []trace.NATTVersion{s.natt}
	}
	s.addAggressiveCapabilities(b, natt, s.usersLogIn())
	s.addNATDetection(b)
	s.show = trace.AGInitExch
	s.sendPhase1(s.ready(b.Bytes(1)))
	if s.state == trace.StateRAMAAAAwait {
		s.move(trace.FromAAA, trace.InputPresharedKeyReply, trace.StateRAM2)
	} else {
		s.move(trace.FromPeer, trace.InputAMExch, trace.StateRAM2)
	}
	s.startRetransmission()
}

// estimatedReply is the octets of message 2 with a group of 1024 bits.
const estimatedReply = 500

// mayResend says whether message 2 may go again unasked. Its peer may not be where
// message 1 said: all that it gets for it is three times as long at most, as RFC
// 9000 section 8.1 has it. A duplicate of message 1 asks for it too.
func (s *sa) mayResend() bool {
	if s.state != trace.StateRAM2 || !s.halfOpen() {
		return true
	}
	s.handshake.resends--
	return s.handshake.resends >= 0
}

// remind sends message 2 once more to an initiator whose message 3 is missing: it
// has gone on with the next exchange, under our cookie. Right after the answer to
// message 1 the two may but have changed their places.
func (s *sa) remind() {
	if s.state != trace.StateRAM2 || s.dead || s.handshake.busy || s.replays >= maxReplays || s.skips(0, s.sentAt) {
		return
	}
	s.replays++
	s.repeatPhase1()
}

// maxAggressive3 bounds message 3, which is kept while its keys are made.
const maxAggressive3 = 2048

// awaitSecret has g^xy made, which message 3 is mostly encrypted by. Who sends one
// has our cookie, and thus is at its address.
func (m *message) awaitSecret() {
	s := m.s
	if len(m.raw) > maxAggressive3 {
		m.drop(trace.DropTooLarge)
		return
	}
	m.cameBack()
	held := &message{e: m.e, s: s, raw: bytes.Clone(m.raw), header: m.header, local: m.local, remote: m.remote, digest: m.digest}
	s.handshake.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, s.handshake.keys, s.handshake.peerPublic, func(r DHResult) { held.aggressive3Resume(r) })
}

// maxHeld bounds a message that waits for message 3.
const maxHeld = 4096

// holds keeps the message that an initiator sends right behind message 3, until the
// keys of that are made or its signature is looked at: it would come again after seconds only.
func (s *sa) holds(m *message) bool {
	if s.state != trace.StateRAM2 || s.dead || !s.handshake.busy || !m.header.Encrypted() || len(m.raw) > maxHeld {
		return false
	}
	s.handshake.held = &message{e: m.e, raw: bytes.Clone(m.raw), header: m.header, local: m.local, remote: m.remote}
	return true
}

// aggressive3Resume goes on with message 3 once there are keys. They are made once:
// another message 3 needs no exponentiation.
func (m *message) aggressive3Resume(r DHResult) {
	s, h := m.s, m.s.handshake
	h.busy = false
	if s.dead {
		s.clearKeys()
		return
	}
	var bad *keymat.PublicValueError
	if errors.As(r.Err, &bad) {
		m.drop(trace.DropPublicValue)
		s.deleteSA(trace.ReasonMalformed)
		return
	}
	if r.Err != nil || !s.expandKeys(h.base, r.Shared) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	h.base = nil
	m.run(rowFor(isakmp.ExchangeAggressive, s.role, s.suite.Auth, s.state))
	if held := h.held; held != nil && !s.dead {
		held.route()
	}
}

// aggressive3 authenticates the initiator. It may come in clear, as RFC 2409
// section 5.4 allows: then nothing but the HASH is proven.
func (m *message) aggressive3() {
	s, h := m.s, m.s.handshake
	expected := h.proof
	if h.decoy {
		expected = nil
	}
	if !m.proves(expected, s.suite.Auth) {
		return
	}
	m.accept()
	s.peerID = h.claims
	s.groupProven()
	h.natD = m.natDetection()
	// Some initiators make the payloads of the ports that they use from message 3
	// on, some of those from before.
	s.judgeNAT([]netip.AddrPort{s.local, m.local}, []netip.AddrPort{s.remote, m.remote})
	s.followPorts(m)
	if m.header.Encrypted() {
		m.takePhase1Notifies()
	}
	s.show = trace.AGAuth
	s.tellAuthenticated()
	s.lastOut = nil
	s.finishPhase1(trace.FromPeer, trace.InputAMExch)
}

// keyFor finds the key of the identity that the initiator presents. One that nobody
// knows stands for a key that is missing, and is made in any case, so that finding
// none takes as long as finding one. False is that there is no randomness.
func (s *sa) keyFor(who policy.Identity) (key Key, decoy, ok bool) {
	nobodys, ok := s.e.decoy(who)
	if !ok {
		return Key{}, false, false
	}
	if s.asksForGroup(who) {
		return Key{Secret: nobodys}, true, true // until AAA says more
	}
	key, found := s.presentedKey(who)
	if !found {
		return Key{Secret: nobodys}, true, true
	}
	return key, false, true
}
