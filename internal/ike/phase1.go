package ike

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// nonceLen is IOS's nonce length in octets (RFC 2409 section 5: 8 to 256).
const nonceLen = 20

// builder starts a message of s.
func (s *sa) builder(x isakmp.ExchangeType, id uint32, flags uint8) *isakmp.Builder {
	return isakmp.NewBuilder(nil, isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR,
		Version: 0x10, Exchange: x, Flags: flags, MessageID: id})
}

// spi is the ISAKMP SPI of notifies: both cookies.
func (s *sa) spi() []byte { return append(bytes.Clone(s.cookieI[:]), s.cookieR[:]...) }

// takeKeyPair keeps phase 1's key pair for the rest of the handshake.
func (s *sa) takeKeyPair(k *keymat.KeyPair) {
	s.handshake.keys, s.handshake.dhNumber = k, s.e.dhNumbers.take()
	s.works(trace.CryptoDHPhase1)
}

// deriveKeys makes the SKEYID family, the cipher and the first IV from g^xy
// (RFC 2409 section 5 and appendix B). It is false without a pre-shared key where
// one is to prove the ends.
func (s *sa) deriveKeys(shared []byte) bool {
	base, ok := s.skeyidBase(shared)
	if !ok {
		return false
	}
	s.works(trace.CryptoCreateSKEYID)
	if !s.expandKeys(base, shared) {
		return false
	}
	s.emit(&trace.SKEYIDGenerated{})
	return true
}

// skeyidBase is SKEYID.
func (s *sa) skeyidBase(shared []byte) (base []byte, ok bool) {
	h := s.handshake
	if signs(s.suite.Auth) {
		return keymat.SkeyidSignatures(s.suite.Hash, h.nonceI, h.nonceR, shared), true
	}
	if encrypts(s.suite.Auth) {
		return keymat.SkeyidPublicKeyEncryption(s.suite.Hash, h.nonceI, h.nonceR, s.cookieI, s.cookieR), true
	}
	if h.key, ok = s.lookupKey(); !ok {
		return nil, false
	}
	return keymat.SkeyidPSK(s.suite.Hash, h.key.Secret.Reveal(), h.nonceI, h.nonceR), true
}

// ourIdentity is the body of our identity payload, and tells it with the payload
// that comes next. Protocol and port are UDP 500, or 0 once NAT traversal moved the
// ports (RFC 3947 section 4).
func (s *sa) ourIdentity(method isakmp.AuthMethod, next isakmp.PayloadType) []byte {
	id := s.identity()
	s.emit(&trace.AuthenticatingAs{Method: method, ID: id.Type})
	p := isakmp.ID{Type: id.Type, Protocol: 17, Port: isakmp.PortIKE, Data: []byte(id.Data)}
	if s.local.Port() == isakmp.PortNATT {
		p.Port = 0
	}
	body := isakmp.AppendID(nil, p)
	length := uint16(len(body) + 4)
	s.emit(&trace.IDPayload{Sent: true, Next: next, Type: p.Type, Protocol: p.Protocol, Port: p.Port, Length: length, Data: p.Data})
	s.emit(&trace.IDPayloadLength{Length: length})
	return body
}

// sendIdentity sends message 5 or 6.
func (s *sa) sendIdentity(own ourProof, initialContact bool) {
	b := s.builder(isakmp.ExchangeIdentity, 0, isakmp.FlagEncryption)
	if !encrypts(s.suite.Auth) {
		b.Add(isakmp.PayloadID, own.body)
	}
	own.add(b)
	if initialContact {
		b.Add(isakmp.PayloadNotify, s.initialContactNotify())
	}
	s.sendPhase1(s.seal(b.Bytes(s.cipher.BlockSize()), &s.iv))
}

// initialContactNotify is INITIAL-CONTACT's body.
func (s *sa) initialContactNotify() []byte {
	return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: isakmp.NotifyInitialContact})
}

// takeIdentity checks the peer's identity and proof of message 5 or 6. The IV
// and the state go on only when both hold. An exchange whose peer has proven
// itself and is refused by the profile ends.
func (m *message) takeIdentity(state trace.State) bool {
	s := m.s
	before := s.state
	p, _ := m.find(isakmp.PayloadID)
	id, err := isakmp.ParseID(p)
	if err != nil {
		m.malformed(err)
		return false
	}
	if s.role == trace.RoleResponder {
		s.move(trace.FromPeer, trace.InputMMExch, state)
	}
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadID})
	s.emit(&trace.IDPayload{Next: m.after(p), Type: id.Type, Protocol: id.Protocol, Port: id.Port,
		Length: uint16(len(p.Raw)), Data: id.Data})
	who, okID := policy.IdentityFromID(id)
	profile, refused := s.judgeProfile(who)
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash})
	hash, _ := m.find(isakmp.PayloadHash)
	if subtle.ConstantTimeCompare(hash.Body, s.expectedHash(p.Body)) != 1 {
		s.emit(&trace.AuthenticationFailed{Method: s.suite.Auth})
		m.dropPayload(trace.DropBadHash, isakmp.PayloadHash, hash.Offset)
		m.countMalformed()
		m.revert(before)
		return false
	}
	if !okID {
		m.dropPayload(trace.DropIdentity, isakmp.PayloadID, p.Offset)
		m.revert(before)
		return false
	}
	return m.takePeer(who, profile, refused)
}

// takePeer goes on with a peer that has proven an identity, unless the profile
// refuses it.
func (m *message) takePeer(who policy.Identity, profile *Profile, refused trace.Reason) bool {
	s := m.s
	m.accept()
	s.peerID = who
	if refused != trace.ReasonNone {
		s.refusePeer(refused)
		return false
	}
	s.profile = profile
	s.followPorts(m)
	m.takePhase1Notifies()
	return true
}

// revert goes back to where the message was awaited.
func (m *message) revert(state trace.State) {
	if m.s.state != state {
		m.s.move(trace.Internal, trace.InputProcessError, state)
	}
}

// after is the next payload field of p.
func (m *message) after(p isakmp.Payload) isakmp.PayloadType {
	if len(p.Raw) == 0 {
		return isakmp.PayloadNone
	}
	return isakmp.PayloadType(p.Raw[0])
}

// takePhase1Notifies reads the notifies of main mode's message 5 or 6, or of
// aggressive mode's 3 where it is encrypted. The hash does not
// cover them, so that INITIAL-CONTACT is only noted here; what it asks for is
// done once authentication has succeeded, which it has when this runs, and the
// message was decrypted with keys that only the peer has.
func (m *message) takePhase1Notifies() {
	s := m.s
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadNotify {
			continue
		}
		n, err := isakmp.ParseNotify(p)
		if err != nil {
			continue
		}
		s.emit(&trace.InternalPayload{Number: 17})
		s.emit(&trace.NotifyReceived{Type: n.Type, Protocol: n.Protocol, SPI: shortSPI(n.SPI), Protected: true})
		if n.Type == isakmp.NotifyInitialContact {
			s.handshake.initialGot = true
		}
	}
}

// shortSPI is an SPI as a number, 0 for a cookie pair.
func shortSPI(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// tellAuthenticated acts on what the proven identity allows.
func (s *sa) tellAuthenticated() {
	s.emit(&trace.AuthStatus{})
	if s.handshake.initialGot {
		s.e.initialContact(s, s.begun)
		s.emit(&trace.AuthStatus{})
	}
	s.emit(&trace.Authenticated{})
	s.emit(&trace.PeerInserted{})
	if s.peerDPD && s.liveness() != nil {
		s.emit(&trace.DPDEnabled{})
	}
}

// initialContact drops all other SAs with s's peer: it says that it has none
// (RFC 2407 section 4.6.3.3). It says so once in an SA's life: later it would be
// a replay, which must not take down what was made since. Nor must message 5 or
// 6 what came up while they were under way: before is a place in Engine.order.
func (e *Engine) initialContact(s *sa, before uint64) {
	if s.contacted {
		return
	}
	s.contacted = true
	sas, children := e.othersOf(s, before)
	s.emit(&trace.InitialContactReceived{Removed: uint16(min(len(sas)+len(children), 0xffff))})
	for _, o := range sas {
		o.deleteSA(trace.ReasonInitialContact)
	}
	for _, c := range children {
		e.removeChild(c, trace.ReasonInitialContact)
	}
}

// othersOf lists the ISAKMP SAs with s's peer that came up before a place in
// Engine.order, or that the peer began to negotiate before, and the pairs of
// IPsec SAs.
func (e *Engine) othersOf(s *sa, before uint64) (sas []*sa, children []*child) {
	for _, o := range s.others() {
		if o.order < before {
			sas = append(sas, o)
		}
	}
	for _, o := range s.e.byAddrs[s.pair()] {
		if o.role == trace.RoleResponder && !o.up() && !o.dead && o.remote == s.remote && o.begun < min(before, s.begun) {
			sas = append(sas, o)
		}
	}
	for _, c := range e.byEnds[s.pair()] {
		if s.peerOf(c) && c.order < before {
			children = append(children, c)
		}
	}
	return sas, children
}

func cloneList[T any](list []T) []T { return append([]T(nil), list...) }

// finishPhase1 opens the SA for phase 2 and starts what waited for it.
func (s *sa) finishPhase1(source trace.Source, input trace.Input) {
	e := s.e
	s.xauth = s.needsUser()
	now := e.timers.instant(e.now)
	s.established, s.heard, s.order = now, now, e.next()
	s.expires = now + instant(time.Duration(s.suite.Lifetime)*time.Second)
	s.move(source, input, trace.StateP1Complete)
	s.show = trace.QMIdle
	e.stats.Phase1Up++
	e.countUp(+1)
	e.unproven.remove(s)
	e.timers.clear(&s.retry)
	e.timers.set(&s.life, e.timers.time(s.expires))
	s.clearKeys()
	s.clearDH(&s.handshake.dhNumber)
	s.handshake = nil
	s.errors, s.attempts = 0, 0
	if s.shorter {
		s.tellLifetime()
	}
	s.cameFrom()
	s.startDPD()
	s.startNATKeepalive()
	s.startRenewal()
	if (s.role == trace.RoleInitiator) != s.aggressive {
		s.lastOut = nil // the peer sent the last message
	}
	s.follow()
}
