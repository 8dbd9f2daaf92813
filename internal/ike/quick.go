package ike

import (
	"encoding/binary"
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// phase2 handles a quick mode message.
func (m *message) phase2() {
	s := m.s
	if s.dead {
		m.drop(trace.DropNoSA)
		return
	}
	if !s.up() {
		m.drop(s.notYet())
		s.remind()
		return
	}
	if m.header.MessageID == 0 && !s.xauth { // vpnc may draw it
		m.drop(trace.DropMessageID)
		return
	}
	m.digest = digestOf(m.raw)
	n := s.nodes[m.header.MessageID]
	if n != nil && n.lastIn == m.digest {
		n.duplicate(m.remote)
		return
	}
	if n != nil && n.busy {
		m.drop(trace.DropState)
		return
	}
	if n != nil && n.done || s.finished.has(m.header.MessageID) {
		m.drop(trace.DropReplay)
		return
	}
	if n == nil {
		if s.unfinished() >= maxUnfinished || len(s.nodes) >= maxNodes {
			m.drop(trace.DropLimit)
			return
		}
		n = s.newNode(m.header.MessageID, trace.RoleResponder)
	}
	m.n = n
	m.run(rowFor(isakmp.ExchangeQuick, n.role, 0, n.state))
}

// notYet is why quick mode may not begin.
func (s *sa) notYet() trace.Drop {
	if s.complete() && !s.passed() {
		return trace.DropUserUnknown
	}
	return trace.DropState
}

// acceptNode is accept for a message of quick mode or of a transaction.
func (m *message) acceptNode() {
	n := m.n
	n.lastIn = m.digest
	n.replays, n.attempts = 0, 0
	n.iv.Advance(m.nextIV.b[:m.nextIV.n])
	m.s.heard = m.e.timers.instant(m.e.now)
	m.e.timers.clear(&n.retry)
	m.s.lastOut = nil // the peer has the last message of phase 1: it need not be kept for a duplicate
}

// badHash drops a message whose HASH differs.
func (m *message) badHash() {
	m.dropPayload(trace.DropBadHash, isakmp.PayloadHash, isakmp.HeaderLen)
}

// proxies reads the identities of a quick mode. Without any the SAs are for
// the two endpoints (RFC 2409 section 5.5).
func (m *message) proxies() (idI, idR []byte, i, r policy.Proxy, ok bool) {
	var bodies [][]byte
	var found []policy.Proxy
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadID {
			continue
		}
		id, err := isakmp.ParseID(p)
		if err != nil {
			m.malformed(err)
			return nil, nil, i, r, false
		}
		x, good := policy.ProxyFromID(id)
		if !good {
			m.dropPayload(trace.DropIdentity, p.Type, p.Offset)
			return nil, nil, i, r, false
		}
		bodies, found = append(bodies, p.Body), append(found, x)
	}
	switch len(found) {
	case 0:
		i, r = hostProxy(m.s.remote.Addr()), hostProxy(m.s.local.Addr())
		if m.n.role == trace.RoleInitiator {
			i, r = r, i
		}
		return nil, nil, i, r, true
	case 2:
		return bodies[0], bodies[1], found[0], found[1], true
	}
	m.dropPayload(trace.DropMissingPayload, isakmp.PayloadID, 0)
	return nil, nil, i, r, false
}

// tellQuickPayloads emits the lines that follow an accepted proposal.
func (n *node) tellQuickPayloads(withKE bool, ids int) {
	n.s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadNonce, MessageID: n.id})
	if withKE {
		n.s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadKE, MessageID: n.id})
	}
	for range ids {
		n.s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadID, MessageID: n.id})
	}
}

// takePFS reads the KE payload that PFS needs; ok is false when it is absent,
// superfluous or invalid.
func (m *message) takePFS(group isakmp.Group) (public []byte, ok bool) {
	ke, found := m.find(isakmp.PayloadKE)
	if group == isakmp.GroupNone {
		if found {
			m.dropPayload(trace.DropUnexpectedPayload, isakmp.PayloadKE, ke.Offset)
		}
		return nil, !found
	}
	if !found {
		m.dropPayload(trace.DropMissingPayload, isakmp.PayloadKE, 0)
		return nil, false
	}
	if err := keymat.ValidatePublic(group, ke.Body); err != nil {
		m.dropPayload(trace.DropPublicValue, isakmp.PayloadKE, ke.Offset)
		return nil, false
	}
	return append([]byte(nil), ke.Body...), true
}

// takeNonce reads the nonce, 8 to 256 octets (RFC 2409 section 5).
func (m *message) takeNonce() (nonce []byte, ok bool) {
	p, _ := m.find(isakmp.PayloadNonce)
	if len(p.Body) < 8 || len(p.Body) > 256 {
		m.dropPayload(trace.DropNonce, isakmp.PayloadNonce, p.Offset)
		return nil, false
	}
	return append([]byte(nil), p.Body...), true
}

// transformSets are those of a connection as they hold for the node's proxies.
func (n *node) transformSets(conn *Connection) []policy.TransformSet {
	s := n.s
	return policy.InForce(conn.TransformSets, policy.End{Addr: s.local.Addr(), NAT: s.localNAT},
		policy.End{Addr: s.remote.Addr(), NAT: s.remoteNAT}, n.localProxy, n.remoteProxy)
}

// encapsulation is the mode that an offer of ours names. Ports that have moved
// say that one end at least sees a NAT: no hash covers what they judge it by, so
// that they may differ.
func (s *sa) encapsulation(transport bool) isakmp.Encapsulation {
	n, ok := numbers(s.natt)
	if !ok || s.local.Port() != isakmp.PortNATT {
		if transport {
			return isakmp.EncapTransport
		}
		return isakmp.EncapTunnel
	}
	if transport {
		return n.UDPTransport
	}
	return n.UDPTunnel
}

// takesEncapsulation says whether an offer's mode will do: that of ours, or raw
// ESP where we see no NAT.
func (s *sa) takesEncapsulation(e isakmp.Encapsulation) bool {
	if e == s.encapsulation(policy.IsTransport(e)) {
		return true
	}
	raw := e == isakmp.EncapTunnel || e == isakmp.EncapTransport
	return raw && !s.behindNAT()
}

// offeredSPI reads a proposal's SPI; ok is false for one that ESP reserves.
func offeredSPI(p isakmp.Proposal) (spi uint32, ok bool) {
	if len(p.SPI) != 4 {
		return 0, false
	}
	spi = binary.BigEndian.Uint32(p.SPI)
	return spi, spi >= 256
}

// validates tells that IKE took a transform's attributes, and that the crypto
// engine and IPsec are asked for them.
func (n *node) validates(o policy.ESPOffer) {
	s := n.s
	s.emit(&trace.IPsecTransformJudged{Accepted: true})
	s.works(trace.CryptoValidateProposal)
	s.emit(&trace.IPsecProposalValidating{Local: s.local.Addr(), Remote: s.remote.Addr(), LocalProxy: n.localProxy, RemoteProxy: n.remoteProxy,
		Suite: trace.IPsecSuite{Transform: o.Cipher, KeyBits: o.KeyBits, Auth: o.Auth, Encap: o.Encap}})
	s.works(trace.CryptoValidateProposalRequest)
}

// takeKeyPair keeps the key pair of perfect forward secrecy, if there is one.
func (n *node) takeKeyPair(k *keymat.KeyPair) {
	if n.keys = k; k != nil {
		n.dhNumber = n.s.e.dhNumbers.take()
	}
}

// freeSPI is offeredSPI, and false also for an SPI by which we send to the peer
// already, or to another behind the same NAT: SAs are told apart by the address
// and the SPI, so that a second one would take the first down with it.
func (s *sa) freeSPI(p isakmp.Proposal) (spi uint32, ok bool) {
	spi, ok = offeredSPI(p)
	return spi, ok && !s.e.sendsBy(s.pair(), spi)
}

// sendsBy says whether a pair between two ends has an outbound SPI.
func (e *Engine) sendsBy(ends addrPair, spi uint32) bool {
	return slices.ContainsFunc(e.byEnds[ends], func(c *child) bool { return c.out.spi == spi })
}

func (n *node) eventSuite() trace.IPsecSuite {
	return trace.IPsecSuite{Transform: n.suite.Cipher, KeyBits: n.suite.KeyBits, Auth: n.suite.Auth, Encap: n.encap}
}
