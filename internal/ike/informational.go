package ike

import (
	"encoding/binary"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// info handles an informational message under an SA. Only one that the SA's
// keys authenticate does anything (RFC 2409 section 5.7).
func (m *message) info() {
	s := m.s
	if m.header.Flags&isakmp.FlagEncryption == 0 {
		m.unprotectedInfo()
		return
	}
	if !s.complete() && !s.mayBeRefused() {
		m.drop(trace.DropState)
		return
	}
	if m.header.MessageID == 0 && !s.xauth {
		m.drop(trace.DropMessageID)
		return
	}
	m.n = s.newNode(m.header.MessageID, trace.RoleResponder)
	m.run(rowFor(isakmp.ExchangeInformational, s.role, 0, trace.StateP1Complete))
}

// unprotectedInfo tells a notify that nobody authenticated, and does nothing.
func (m *message) unprotectedInfo() {
	m.e.stats.NotifyIgnored++
	if m.s != nil {
		c := m.s.context()
		m.tellReceived(&c, false)
	}
	if !m.parse(false) {
		return
	}
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadNotify {
			continue
		}
		if n, err := isakmp.ParseNotify(p); err == nil && (m.s != nil || !m.e.strays.many(m.e)) {
			c := m.context()
			m.e.emit(&c, &trace.NotifyReceived{Type: n.Type, Protocol: n.Protocol, SPI: shortSPI(n.SPI), MessageID: m.header.MessageID})
		}
	}
	m.drop(trace.DropUnauthenticated)
}

// informational handles the payloads of an authenticated message.
func (m *message) informational() {
	s, n := m.s, m.n
	if len(m.payloads) == 1 { // vpnc's hash of nothing is no other's
		m.drop(trace.DropEmpty)
		return
	}
	if s.informed.has(m.fingerprint()) {
		m.drop(trace.DropReplay)
		return
	}
	s.emit(&trace.NodeCreated{Node: n.id})
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadHash, MessageID: n.id})
	hash, rest, ok := m.covered()
	if !ok || !keymat.Equal(hash, keymat.InfoHash(s.suite.Hash, s.skeyid.A, n.id, rest)) {
		m.badHash()
		return
	}
	s.informed.add(m.fingerprint())
	if !s.complete() {
		m.takeRefusal()
		return
	}
	m.authentic()
	s.heard = m.e.timers.instant(m.e.now)
	for _, p := range m.payloads {
		switch p.Type {
		case isakmp.PayloadNotify:
			m.notify(p)
		case isakmp.PayloadDelete:
			m.delete(p)
		}
		if s.dead {
			return
		}
	}
}

// mayBeRefused says whether the peer of a phase 1 under way may say that it takes no
// proof of ours. Under signatures the keys are those of whoever has answered, which
// is why nothing but a refusal is taken.
func (s *sa) mayBeRefused() bool {
	return s.cipher != nil && s.handshake != nil && !s.dead && signs(s.suite.Auth)
}

// takeRefusal ends a phase 1 whose peer says by an error, or by a DELETE of the SA,
// that it will not go on.
func (m *message) takeRefusal() {
	s, refused := m.s, false
	for _, p := range m.payloads {
		switch p.Type {
		case isakmp.PayloadNotify:
			if n, err := isakmp.ParseNotify(p); err == nil {
				s.emit(&trace.NotifyReceived{Type: n.Type, Protocol: n.Protocol, SPI: shortSPI(n.SPI), MessageID: m.n.id, Protected: true})
				refused = refused || n.Type < isakmp.NotifyConnected
			}
		case isakmp.PayloadDelete:
			if d, err := isakmp.ParseDelete(p); err == nil && d.Protocol == isakmp.ProtocolISAKMP {
				s.emit(&trace.DeleteReceived{Protocol: d.Protocol, Known: true})
				refused = true
			}
		}
	}
	s.emit(&trace.NodeDeleted{Node: m.n.id, Reason: trace.NodeInformational})
	if refused {
		s.deleteSA(trace.ReasonPeerRefuses)
	}
}

// fingerprint tells a message from others by its HASH, which covers the message ID
// and all that counts. The ID alone would not do: those of vpnc are one octet.
func (m *message) fingerprint() uint32 {
	p, _ := m.find(isakmp.PayloadHash)
	if len(p.Body) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(p.Body)
}

// notify handles one authenticated notify.
func (m *message) notify(p isakmp.Payload) {
	s, n := m.s, m.n
	x, err := isakmp.ParseNotify(p)
	if err != nil {
		m.malformed(err)
		return
	}
	s.emit(&trace.NotifyReceived{Type: x.Type, Protocol: x.Protocol, SPI: shortSPI(x.SPI), MessageID: n.id, Protected: true})
	switch x.Type {
	case isakmp.NotifyRUThere:
		m.endInfo(trace.InputInfoNotify)
		m.dpdRequest(x)
		return
	case isakmp.NotifyRUThereAck:
		m.dpdAck(x)
	case isakmp.NotifyResponderLifetime:
		s.takeLifetime(x)
	case isakmp.NotifyInvalidSPI:
		s.takeInvalidSPI(x)
	case isakmp.NotifyInitialContact:
		s.e.initialContact(s, s.e.next())
	case isakmp.NotifyNoProposalChosen, isakmp.NotifyInvalidIDInfo, isakmp.NotifyInvalidKeyInfo,
		isakmp.NotifyBadProposalSyntax, isakmp.NotifyAttrsNotSupported, isakmp.NotifyInvalidHashInfo, isakmp.NotifyPayloadMalformed:
		s.quickRefused(x)
	}
	m.endInfo(trace.InputInfoNotify)
}

func (m *message) endInfo(input trace.Input) {
	m.s.emit(&trace.NodeDeleted{Node: m.n.id, Reason: trace.NodeInformational})
	m.s.same(trace.FromPeer, input)
}

// quickRefused ends the quick mode of ours that the peer refused: the one whose
// SPI the notify names, or if it names none the only one under way.
func (s *sa) quickRefused(x isakmp.Notify) {
	var only *node
	count := 0
	for _, n := range s.sortedNodes() {
		if n.done || n.role != trace.RoleInitiator || n.exchange != isakmp.ExchangeQuick {
			continue
		}
		if shortSPI(x.SPI) == n.inSPI {
			s.endRefused(n)
			return
		}
		only, count = n, count+1
	}
	if count == 1 && shortSPI(x.SPI) == 0 {
		s.endRefused(only)
	}
}

func (s *sa) endRefused(n *node) {
	s.emit(&trace.ModeFailure{Exchange: isakmp.ExchangeQuick})
	conn := n.conn
	s.endNode(n, true, trace.NodeDeleteLarval)
	s.doubtAddress(conn)
}

// delete handles one authenticated DELETE. It can name only SAs with the peer
// that sent it.
func (m *message) delete(p isakmp.Payload) {
	s, n := m.s, m.n
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadDelete, MessageID: n.id})
	d, err := isakmp.ParseDelete(p)
	if err != nil {
		m.malformed(err)
		return
	}
	if d.Protocol == isakmp.ProtocolISAKMP {
		m.deleteISAKMP(d)
		return
	}
	s.emit(&trace.NotParanoid{})
	s.emit(&trace.IPsecDeleteNotified{})
	for _, spi := range d.SPIs {
		c := s.childByOutbound(shortSPI(spi))
		s.emit(&trace.DeleteReceived{Protocol: d.Protocol, SPI: shortSPI(spi), Known: c != nil && d.Protocol == isakmp.ProtocolESP})
		if c != nil && d.Protocol == isakmp.ProtocolESP {
			s.e.removeChild(c, trace.ReasonPeerDeleted)
		}
	}
	m.endInfo(trace.InputInfoDelete)
}

func (m *message) deleteISAKMP(d isakmp.Delete) {
	s := m.s
	for _, spi := range d.SPIs {
		named := s.e.byCookies[cookiesOf(spi)]
		known := named != nil && named.pair() == s.pair() && named.sameAs(s)
		s.emit(&trace.DeleteReceived{Protocol: d.Protocol, Known: known})
		if known && named != s {
			named.deleteSA(trace.ReasonPeerDeleted)
		}
		if named == s && !s.meansPredecessors() {
			s.emit(&trace.NodeDeleted{Node: m.n.id, Reason: trace.NodeInformational})
			s.deleteSA(trace.ReasonPeerDeleted)
		}
	}
}

func cookiesOf(spi []byte) (p cookiePair) {
	if len(spi) != 16 {
		return cookiePair{}
	}
	copy(p.i[:], spi[:8])
	copy(p.r[:], spi[8:])
	return p
}

// childByOutbound finds the pair whose outbound SPI the peer, its owner, names.
// Peers behind one NAT differ by port.
func (s *sa) childByOutbound(spi uint32) *child {
	for _, c := range s.e.byEnds[s.pair()] {
		if c.out.spi == spi && s.peerOf(c) {
			return c
		}
	}
	return nil
}

// sendInfo sends one payload in an informational exchange of its own, and
// returns the message.
func (s *sa) sendInfo(t isakmp.PayloadType, body []byte, id uint32) (datagram []byte) {
	b := s.startProtected(isakmp.ExchangeInformational, id)
	b.Add(t, body)
	iv := s.iv.ForMessage(s.suite.Hash, id, s.cipher.BlockSize())
	o := s.protected(b, &iv, func(rest []byte) []byte {
		return keymat.InfoHash(s.suite.Hash, s.skeyid.A, id, rest)
	})
	s.send(o)
	s.emit(&trace.NodePurged{Node: id})
	return o.data
}

// sendNotify sends an authenticated notify, and returns the message.
func (s *sa) sendNotify(protocol isakmp.ProtocolID, spi []byte, t isakmp.NotifyType, data []byte) (datagram []byte) {
	id := s.e.newMessageID()
	s.emit(&trace.NodeCreated{Node: id})
	s.emit(&trace.NotifySending{Type: t, Protocol: protocol, SPI: shortSPI(spi), MessageID: id})
	return s.sendInfo(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: t, Data: data}), id)
}

// sendDeleteESP tells the peer that our inbound SA is gone.
func (s *sa) sendDeleteESP(spi uint32) {
	s.sendDelete(isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, SPIs: [][]byte{spiOctets(spi)}}, spi)
}

// sendDeleteISAKMP tells the peer that this SA is gone.
func (s *sa) sendDeleteISAKMP() { s.sendDelete(s.ownDelete(), 0) }

func (s *sa) ownDelete() isakmp.Delete {
	return isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPIs: [][]byte{s.spi()}}
}

func (s *sa) sendDelete(d isakmp.Delete, spi uint32) {
	if s.complete() {
		s.sendDeleteNow(d, spi)
	}
}

// sendDeleteNow needs the keys alone: an initiator may have to end what is up
// for its peer only.
func (s *sa) sendDeleteNow(d isakmp.Delete, spi uint32) {
	id := s.e.newMessageID()
	s.emit(&trace.NodeCreated{Node: id})
	s.emit(&trace.DeleteSending{Protocol: d.Protocol, SPI: spi, MessageID: id})
	s.sendInfo(isakmp.PayloadDelete, isakmp.AppendDelete(nil, d), id)
}
