package ike

import (
	"crypto/subtle"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Aggressive is how aggressive mode with a peer begins (`crypto isakmp peer`).
type Aggressive struct {
	// Identity is what we present; zero is what main mode does.
	Identity policy.Identity
	// Secret proves both ends; empty is the key that main mode takes.
	Secret secret.Secret
	// XAUTH offers it: the peer will ask for a user.
	XAUTH bool
	// Policies are offered, and taken in answer; nil is the engine's.
	Policies []policy.IKE
	// Offer is what to offer in the place of the policies, all of their group.
	Offer []isakmp.Transform
}

// aggressiveWith is how to begin with a peer; nil is in main mode.
func (c *Config) aggressiveWith(remote netip.Addr, profile *Profile) *Aggressive {
	switch {
	case c.NoAggressive:
		return nil
	case c.Aggressive[remote] != nil:
		return c.Aggressive[remote]
	case profile != nil && profile.Aggressive:
		return &Aggressive{}
	}
	return nil
}

// exchange is s's phase 1.
func (s *sa) exchange() isakmp.ExchangeType {
	if s.aggressive {
		return isakmp.ExchangeAggressive
	}
	return isakmp.ExchangeIdentity
}

// firstPayloads are what messages 1 and 2 have in common.
type firstPayloads struct {
	sa       isakmp.SA
	saBody   []byte
	public   []byte
	nonce    []byte
	identity []byte // the payload's body
	who      policy.Identity
}

// aggressivePayloads reads messages 1 and 2, and drops those that no exchange can
// come of.
func (m *message) aggressivePayloads() (f firstPayloads, ok bool) {
	p, _ := m.find(isakmp.PayloadSA)
	ke, _ := m.find(isakmp.PayloadKE)
	nonce, _ := m.find(isakmp.PayloadNonce)
	id, _ := m.find(isakmp.PayloadID)
	offer, err := isakmp.ParseSA(p)
	if err != nil {
		m.malformed(err)
		return f, false
	}
	parsed, err := isakmp.ParseID(id)
	if err != nil {
		m.malformed(err)
		return f, false
	}
	who, ok := policy.IdentityFromID(parsed)
	if !ok {
		m.dropPayload(trace.DropIdentity, isakmp.PayloadID, id.Offset)
		return f, false
	}
	if len(nonce.Body) < 8 || len(nonce.Body) > 256 {
		m.dropPayload(trace.DropNonce, isakmp.PayloadNonce, nonce.Offset)
		return f, false
	}
	return firstPayloads{sa: offer, saBody: p.Body, public: ke.Body, nonce: nonce.Body, identity: id.Body, who: who}, true
}

// tellPeerIdentity tells the ID payload of messages 1 and 2.
func (m *message) tellPeerIdentity() {
	p, _ := m.find(isakmp.PayloadID)
	id, err := isakmp.ParseID(p)
	if err != nil {
		return
	}
	m.s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadID})
	m.s.emit(&trace.IDPayload{Next: m.after(p), Type: id.Type, Protocol: id.Protocol, Port: id.Port,
		Length: uint16(len(p.Raw)), Data: id.Data})
}

// proves compares the message's HASH with the one that is expected.
func (m *message) proves(expected []byte, method isakmp.AuthMethod) bool {
	s := m.s
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash})
	hash, _ := m.find(isakmp.PayloadHash)
	if subtle.ConstantTimeCompare(hash.Body, expected) == 1 {
		return true
	}
	s.emit(&trace.AuthenticationFailed{Method: method})
	m.dropPayload(trace.DropBadHash, isakmp.PayloadHash, hash.Offset)
	s.countError(trace.ErrorAuth)
	return false
}

// addAggressiveCapabilities adds the vendor IDs of messages 1 and 2.
func (s *sa) addAggressiveCapabilities(b *isakmp.Builder, natt []trace.NATTVersion, xauth bool) {
	for _, v := range natt {
		b.Add(isakmp.PayloadVendorID, nattBytes(v))
		s.emit(&trace.NATTVendorConstructed{Version: v})
	}
	s.addFragmentation(b)
	if xauth {
		b.Add(isakmp.PayloadVendorID, []byte(isakmp.VIDXAUTH))
	}
	addCapabilities(b)
}

// expandKeys makes the other SKEYIDs, the cipher and the first IV from SKEYID and
// g^xy (RFC 2409 section 5 and appendix B).
func (s *sa) expandKeys(base, shared []byte) bool {
	h := s.handshake
	skeyid := keymat.DeriveSkeyid(s.suite.Hash, base, shared, s.cookieI, s.cookieR)
	s.skeyid = &skeyid
	n, ok := keymat.CipherKeyLen(s.suite.Encryption, s.suite.KeyBits)
	if !ok {
		return false
	}
	key := keymat.EncryptionKey(s.suite.Hash, s.suite.Encryption, n, s.skeyid.E)
	c, err := keymat.NewCipher(s.suite.Encryption, key)
	clear(key)
	if err != nil {
		return false
	}
	s.cipher = c
	gxi, gxr := h.peerPublic, h.keys.Public()
	if s.role == trace.RoleInitiator {
		gxi, gxr = gxr, gxi
	}
	s.iv = keymat.Phase1IV(s.suite.Hash, gxi, gxr, c.BlockSize())
	clear(shared)
	return true
}
