package ike

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/subtle"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Authentication by encrypted nonces in main mode (RFC 2409 section 5.2): each end
// sends its identity and its nonce encrypted under the other's RSA key, and has
// proven itself once it knows what was in there.
//
// Whoever sends ciphertexts must not learn whether they were well made: that would
// have the gateway decrypt for him, and sign (Felsch and others, "The Dangers of Key
// Reuse", 2018). What cannot be decrypted is therefore replaced by random octets,
// the exchange goes on, and ends where one with a wrong key ends. Go's decryption
// works in constant time and then returns an error or a message, which differ by some
// nanoseconds; the message that follows leaves at a fixed time after the arrival of
// what was decrypted, so that these do not show.

// NonceKeys are the RSA keys of encrypted nonces.
type NonceKeys struct {
	// Own decrypts. It is used on other goroutines.
	Own   crypto.Decrypter
	Peers []PeerKey
}

// PeerKey is a peer's public key: by the peer's address, by the identity that it
// presents, or by both.
type PeerKey struct {
	Address  netip.Addr      // invalid for any
	Identity policy.Identity // zero for any
	Key      *rsa.PublicKey
}

// nonceReplyDelay lies between the arrival of encrypted nonces and the message that
// answers them. It is more than two decryptions and an exponentiation take.
const nonceReplyDelay = 250 * time.Millisecond

// encrypts says whether an authentication method is that of encrypted nonces.
func encrypts(auth isakmp.AuthMethod) bool { return proofOf(auth) == isakmp.AuthRSAEnc }

// peerKey is the public key of a peer by its address, else by the identity that it
// presents; nil for none.
func (k *NonceKeys) peerKey(a netip.Addr, id policy.Identity) *rsa.PublicKey {
	for _, p := range k.Peers {
		if p.Address.IsValid() && p.Address == a {
			return p.Key
		}
	}
	for _, p := range k.Peers {
		if p.Identity != (policy.Identity{}) && p.Identity == id && !p.Address.IsValid() {
			return p.Key
		}
	}
	return nil
}

// canEncrypt says whether s has the keys of encrypted nonces: the initiator has to
// know the peer's by its address.
func (s *sa) canEncrypt() bool {
	k := s.e.cfg.NonceKeys
	if k == nil || k.Own == nil || s.aggressive {
		return false
	}
	return s.role == trace.RoleResponder && len(k.Peers) > 0 || k.peerKey(s.remote.Addr(), policy.Identity{}) != nil
}

// nonceExchange is what encrypted nonces need besides.
type nonceExchange struct {
	arrived time.Time // of the peer's
	reply   timer     // sends what answers them
	peer    *rsa.PublicKey
	failed  bool // the peer's could not be decrypted, and are random
}

// Unsealed is what a question about encrypted nonces yields. Both are nil where one
// could not be decrypted.
type Unsealed struct{ Identity, Nonce []byte }

func (Unsealed) answer() {}

// takeEncryptedExchange reads message 3 or 4 of encrypted nonces, has them decrypted,
// and goes on with then. The lengths of ciphertexts are public.
func (m *message) takeEncryptedExchange(state trace.State, then func()) {
	s, h, keys := m.s, m.s.handshake, m.e.cfg.NonceKeys
	ke, _ := m.find(isakmp.PayloadKE)
	id, _ := m.find(isakmp.PayloadID)
	nonce, _ := m.find(isakmp.PayloadNonce)
	size := keys.Own.Public().(*rsa.PublicKey).Size()
	if len(id.Body) != size || len(nonce.Body) != size {
		m.dropPayload(trace.DropNonce, isakmp.PayloadNonce, nonce.Offset)
		return
	}
	if !m.acceptable(ke) {
		return
	}
	var spare [nonceLen]byte
	if !s.e.random(spare[:]) {
		m.drop(trace.DropLimit)
		return
	}
	m.accept()
	s.move(trace.FromPeer, trace.InputMMExch, state)
	for _, p := range []isakmp.PayloadType{isakmp.PayloadKE, isakmp.PayloadID, isakmp.PayloadNonce} {
		s.emit(&trace.PayloadProcessed{Payload: p})
	}
	h.peerPublic = bytes.Clone(ke.Body)
	h.vendorIDs = cloneAll(m.takeVendorIDs())
	h.natD = cloneAll(m.natDetection())
	x := h.encrypted()
	x.arrived = s.e.now
	h.busy = true
	sealedID, sealedNonce := bytes.Clone(id.Body), bytes.Clone(nonce.Body)
	s.e.compute(func() Answer { return unseal(keys.Own, sealedID, sealedNonce) }, func(a Answer) {
		if s.dead || s.handshake == nil {
			return
		}
		h.busy = false
		got, _ := a.(Unsealed)
		s.takeUnsealed(got, spare[:])
		then()
	})
}

// unseal decrypts both always.
func unseal(key crypto.Decrypter, id, nonce []byte) Unsealed {
	options := &rsa.PKCS1v15DecryptOptions{}
	plainID, err1 := key.Decrypt(nil, id, options)
	plainNonce, err2 := key.Decrypt(nil, nonce, options)
	if err1 != nil || err2 != nil || len(plainNonce) < 8 || len(plainNonce) > isakmp.MaxNonceLen {
		return Unsealed{}
	}
	return Unsealed{plainID, plainNonce}
}

// takeUnsealed keeps the peer's identity and nonce, or what stands for them.
func (s *sa) takeUnsealed(got Unsealed, spare []byte) {
	h := s.handshake
	x := h.encrypted()
	body, nonce := got.Identity, got.Nonce
	if body == nil {
		x.failed, body, nonce = true, spare, spare
	}
	who, known := identityOf(body)
	if x.peer = s.e.cfg.NonceKeys.peerKey(s.remote.Addr(), who); x.peer == nil && !x.failed && known {
		s.emit(&trace.PeerKeyMissing{Peer: s.remote.Addr(), ID: who.Type, Name: []byte(who.Data)})
	}
	s.emit(&trace.NonceDecrypted{OK: !x.failed})
	if s.role == trace.RoleResponder {
		h.idI, h.nonceI = body, nonce
	} else {
		h.idR, h.nonceR = body, nonce
	}
}

// identityOf reads an identity payload's body.
func identityOf(body []byte) (policy.Identity, bool) {
	id, err := isakmp.ParseID(isakmp.Payload{Type: isakmp.PayloadID, Body: body})
	if err != nil {
		return policy.Identity{}, false
	}
	return policy.IdentityFromID(id)
}

// encrypted is the part of encrypted nonces, made when it is first needed.
func (h *handshake) encrypted() *nonceExchange {
	if h.nonces == nil {
		h.nonces = &nonceExchange{}
	}
	return h.nonces
}

// afterNonceDelay sends what answers encrypted nonces, at its time.
func (s *sa) afterNonceDelay(send func()) {
	x := s.handshake.encrypted()
	s.handshake.busy = false
	x.reply.owner = then(func(time.Time) {
		if !s.dead && s.handshake != nil {
			send()
		}
	})
	s.e.timers.set(&x.reply, x.arrived.Add(nonceReplyDelay))
}

// withdrawNonces forgets a reply that is not sent yet.
func (s *sa) withdrawNonces() {
	if h := s.handshake; h != nil && h.nonces != nil {
		s.e.timers.clear(&h.nonces.reply)
	}
}

// addEncrypted adds our identity and nonce, encrypted for the peer. For one whose key
// is not known it adds random octets of the length of our own key's: the peer cannot
// read them in either case. False is that there is no randomness, or that the peer's
// key is too short.
func (s *sa) addEncrypted(b *isakmp.Builder, own, nonce []byte) bool {
	peer, rand := s.handshake.encrypted().peer, s.e.cfg.Rand
	if peer == nil {
		size := s.e.cfg.NonceKeys.Own.Public().(*rsa.PublicKey).Size()
		for _, t := range []isakmp.PayloadType{isakmp.PayloadID, isakmp.PayloadNonce} {
			c := make([]byte, size)
			if !s.e.random(c) {
				return false
			}
			c[0] &= 0x7f
			b.Add(t, c)
		}
		return true
	}
	id, err := keymat.EncryptPKCS1(peer, rand, own)
	if err != nil {
		return false
	}
	sealed, err := keymat.EncryptPKCS1(peer, rand, nonce)
	if err != nil {
		return false
	}
	b.Add(isakmp.PayloadID, id)
	b.Add(isakmp.PayloadNonce, sealed)
	return true
}

// sendEncryptedExchange sends message 3 or 4 with encrypted nonces.
func (s *sa) sendEncryptedExchange(nonce []byte) {
	h := s.handshake
	own := s.ourIdentity(s.suite.Auth, isakmp.PayloadNonce)
	if s.role == trace.RoleInitiator {
		h.idI = own
		h.encrypted().peer = s.e.cfg.NonceKeys.peerKey(s.remote.Addr(), policy.Identity{})
	} else {
		h.idR = own
	}
	b := s.builder(isakmp.ExchangeIdentity, 0, 0)
	b.Add(isakmp.PayloadKE, h.keys.Public())
	if !s.addEncrypted(b, own, nonce) {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	addCapabilities(b)
	s.addNATDetection(b)
	s.sendPhase1(s.ready(b.Bytes(1)))
}

// mainMode3Encrypted takes the initiator's public value, identity and nonce. The key
// pair and the shared secret are made once these are decrypted.
func (m *message) mainMode3Encrypted() {
	s := m.s
	m.cameBack()
	m.takeEncryptedExchange(trace.StateRMM3, func() { s.agreeAfterDelay(nil, s.mainMode4Send) })
}

// mainMode4Encrypted takes the responder's.
func (m *message) mainMode4Encrypted() {
	s := m.s
	m.takeEncryptedExchange(trace.StateIMM4, func() { s.agreeAfterDelay(s.handshake.keys, s.mainMode5Send) })
}

// agreeAfterDelay has the shared secret made, of a new key pair where keys is nil, and
// sends the answer when the delay is over.
func (s *sa) agreeAfterDelay(keys *keymat.KeyPair, send func(DHResult)) {
	s.handshake.busy = true
	s.works(trace.CryptoGenerateParameter)
	s.e.dh(s.suite.Group, keys, s.handshake.peerPublic, func(r DHResult) {
		if s.dead || s.handshake == nil {
			return
		}
		s.afterNonceDelay(func() { send(r) })
	})
}

// mainMode5Encrypted and mainMode6Encrypted take the peer's HASH, which is all that
// the message has.
func (m *message) mainMode5Encrypted() {
	if m.takeEncryptedProof(trace.StateRMM5, m.s.handshake.idI) {
		m.mainMode6Send()
	}
}

func (m *message) mainMode6Encrypted() {
	if m.takeEncryptedProof(trace.StateIMM5, m.s.handshake.idR) {
		m.mainModeOver()
	}
}

// takeEncryptedProof checks the peer's HASH over the identity that it has sent
// encrypted. What could not be decrypted makes no HASH that can be right: the octets
// that stand for it are known to nobody.
func (m *message) takeEncryptedProof(state trace.State, body []byte) bool {
	s := m.s
	before := s.state
	if s.role == trace.RoleResponder {
		s.move(trace.FromPeer, trace.InputMMExch, state)
	}
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash})
	hash, _ := m.find(isakmp.PayloadHash)
	who, known := identityOf(body)
	if subtle.ConstantTimeCompare(hash.Body, s.expectedHash(body)) != 1 || s.handshake.encrypted().failed || !known {
		s.emit(&trace.AuthenticationFailed{Method: s.suite.Auth})
		m.dropPayload(trace.DropBadHash, isakmp.PayloadHash, hash.Offset)
		m.countMalformed()
		m.revert(before)
		return false
	}
	profile, refused := s.judgeProfile(who)
	return m.takePeer(who, profile, refused)
}
