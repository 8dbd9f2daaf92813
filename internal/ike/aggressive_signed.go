package ike

import (
	"bytes"
	"errors"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// Aggressive mode by signatures (RFC 2409 section 5.1). SKEYID is made of g^xy, so
// that message 2 costs its responder an exponentiation and a signature before the
// initiator has shown to be where message 1 says.

// maxSignedHalfOpen bounds the message 2 that are signed for initiators who have not
// come back yet. More of them are not answered: message 1 comes again.
const maxSignedHalfOpen = 256

func (e *Engine) signedHalfOpen() (n int) {
	for _, s := range e.halfOpen.queue {
		if s != nil && s.halfOpen() && s.agreed && signs(s.suite.Auth) {
			n++
		}
	}
	return n
}

// aggressive1Signed has the keys made that message 2 is signed under.
func (m *message) aggressive1Signed() {
	s, h := m.s, m.s.handshake
	if s.e.signedHalfOpen() > maxSignedHalfOpen {
		m.dropWithSA()
		return
	}
	m.takeCertRequests()
	h.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, nil, h.peerPublic, func(r DHResult) { s.aggressive2Signed(r) })
}

// aggressive2Signed sends the responder's choice, public value, identity and
// signature.
func (s *sa) aggressive2Signed(r DHResult) {
	h := s.handshake
	if s.dead || h == nil {
		return
	}
	h.busy = false
	h.nonceR = make([]byte, nonceLen)
	var bad *keymat.PublicValueError
	switch {
	case errors.As(r.Err, &bad):
		s.deleteSA(trace.ReasonMalformed)
		return
	case r.Err != nil || !s.e.random(h.nonceR):
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.takeKeyPair(r.KeyPair)
	if !s.deriveKeys(r.Shared) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.prove(isakmp.PayloadNonce, s.proofR, s.sendAggressive2)
}

// aggressive3Signed begins to authenticate the initiator.
func (m *message) aggressive3Signed() {
	s := m.s
	m.cameBack()
	m.verify(s.suite.Auth, s.proofI(s.handshake.idI), &claim{before: trace.StateRAM2, who: s.handshake.claims, then: (*message).aggressive3Over})
}

// aggressive3Over goes on once the initiator is authenticated.
func (m *message) aggressive3Over() {
	s, h := m.s, m.s.handshake
	h.natD = m.natDetection()
	s.judgeNAT([]netip.AddrPort{s.local, m.local}, []netip.AddrPort{s.remote, m.remote})
	s.followPorts(m)
	s.show = trace.AGAuth
	s.tellAuthenticated()
	held := h.held
	s.finishPhase1(trace.FromPeer, trace.InputAMExch)
	if held != nil && !s.dead {
		held.route()
	}
}

// aggressive2Verify begins to look at the responder's signature. Nothing of the
// message is believed before: a forged one costs an exponentiation, and the true one
// is awaited on.
func (m *message) aggressive2Verify(c choice, f firstPayloads) {
	kept := m.keep()
	s, h := m.s, m.s.handshake
	public, nonce, identity := bytes.Clone(f.public), bytes.Clone(f.nonce), bytes.Clone(f.identity)
	h.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(c.suite.Group, h.keys, public, func(r DHResult) {
		if s.dead || s.handshake == nil {
			return
		}
		h.busy = false
		if r.Err != nil {
			kept.drop(trace.DropPublicValue)
			return
		}
		base := keymat.SkeyidSignatures(c.suite.Hash, h.nonceI, nonce, r.Shared)
		s.works(trace.CryptoHMACContext)
		hash := keymat.HashR(signedHash(c.suite), base, h.keys.Public(), public, s.cookieI, kept.header.Responder, h.saiB, identity)
		kept.verify(c.suite.Auth, hash, &claim{before: trace.StateIAM1, who: f.who, then: (*message).aggressive3Sign, proven: func() bool {
			s.takeResponderCookie(kept.header.Responder)
			s.suite, s.agreed = c.suite, true
			s.allocateConn()
			h.peerPublic, h.natD = public, cloneAll(kept.natDetection())
			if !s.expandKeys(base, r.Shared) {
				return false
			}
			s.emit(&trace.SKEYIDGenerated{})
			return true
		}})
	})
}

// aggressive3Sign proves ourselves.
func (m *message) aggressive3Sign() {
	s, h := m.s, m.s.handshake
	s.judgeNAT([]netip.AddrPort{s.local}, []netip.AddrPort{s.remote})
	s.signed(h.idI, s.proofI(h.idI), s.sendAggressive3)
}
