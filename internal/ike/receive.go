package ike

import (
	"errors"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// message is a datagram on its way through the engine.
type message struct {
	e        *Engine
	s        *sa
	n        *node // quick mode's; nil in phase 1
	row      *row
	raw      []byte
	header   isakmp.Header
	local    netip.AddrPort
	remote   netip.AddrPort
	payloads []isakmp.Payload
	body     []byte    // payload bytes after the header, decrypted, padding included
	used     int       // octets of body that payloads cover
	nextIV   lastBlock // the chain's IV if this message is accepted
	digest   digest
}

// lastBlock is a copy of a datagram's last ciphertext block: decryption in
// place destroys the original.
type lastBlock struct {
	b [16]byte
	n int
}

// maxDatagram bounds what is parsed: larger messages come in fragments.
const maxDatagram = 16 * 1024

// Datagram handles a UDP payload that came from remote to local. data is not
// kept, and is decrypted in place.
func (e *Engine) Datagram(now time.Time, local, remote netip.AddrPort, data []byte, fx *Effects) {
	e.begin(now, fx)
	e.stats.DatagramsIn++
	m := &message{e: e, raw: data, local: local, remote: remote}
	if len(data) < isakmp.HeaderLen {
		m.drop(trace.DropTruncated)
		return
	}
	if len(data) > maxDatagram {
		m.drop(trace.DropTooLarge)
		return
	}
	h, err := isakmp.ParseHeader(data)
	m.header = h
	if err != nil {
		m.dropHeader(err)
		return
	}
	if h.Initiator.IsZero() {
		m.drop(trace.DropHeader)
		return
	}
	m.route()
}

func (m *message) dropHeader(err error) {
	var bad *isakmp.Error
	if errors.As(err, &bad) && bad.Kind == isakmp.KindVersion {
		m.drop(trace.DropVersion)
		return
	}
	if bad != nil && bad.Kind == isakmp.KindLength {
		m.tellMalformed(bad)
	}
	m.drop(trace.DropHeader)
}

// context is the SA's, with the ports that the datagram came by: NAT traversal
// moves the SA to others only when a message has proven authentic.
func (m *message) context() trace.Context {
	var c trace.Context
	if m.s != nil {
		c = m.s.context()
	}
	c.Local, c.Remote = m.local, m.remote
	return c
}

func (m *message) drop(reason trace.Drop) { m.dropPayload(reason, 0, 0) }

func (m *message) dropPayload(reason trace.Drop, t isakmp.PayloadType, offset int) {
	if m.strays(reason) {
		return
	}
	c := m.context()
	m.e.drop(&c, &trace.PacketDropped{Reason: reason, Exchange: m.header.Exchange, Payload: t, Offset: uint16(offset)})
}

// route finds the SA that a datagram belongs to, or opens one.
func (m *message) route() {
	h := m.header
	if h.Responder.IsZero() {
		m.first()
		return
	}
	s := m.e.byCookies[cookiePair{h.Initiator, h.Responder}]
	if s == nil {
		s = m.e.initiated(h.Initiator, m.local.Addr(), m.remote.Addr())
	}
	if s == nil {
		s = m.returned()
	}
	if s == nil {
		m.drop(trace.DropNoSA)
		return
	}
	m.s = s
	if !s.addressAllowed(m) {
		m.elsewhere()
		return
	}
	if h.NextPayload == isakmp.PayloadFragment {
		if s.dead {
			m.drop(trace.DropFragment)
			return
		}
		m.fragment(s)
		return
	}
	if h.Exchange != s.exchange() && s.holds(m) {
		return
	}
	switch h.Exchange {
	case isakmp.ExchangeIdentity, isakmp.ExchangeAggressive:
		m.phase1()
	case isakmp.ExchangeQuick:
		m.phase2()
	case isakmp.ExchangeInformational:
		m.info()
	case isakmp.ExchangeTransaction:
		m.transact()
	default:
		m.drop(trace.DropExchange)
	}
}

// initiated finds a phase 1 of ours that still lacks the responder's cookie.
func (e *Engine) initiated(cookie isakmp.Cookie, local, remote netip.Addr) *sa {
	s := e.byCookies[cookiePair{i: cookie}]
	if s == nil || s.pair() != (addrPair{local, remote}) {
		return nil
	}
	return s
}

// addressAllowed says whether a message with s's cookies may come from where
// it came. The address is fixed; a port may change to 4500 while NAT traversal
// floats (RFC 3947 section 4), and later when a NAT forgets. A client that renews
// an ISAKMP SA at port 4500 may float once more: vpnc opens a new socket for it.
func (s *sa) addressAllowed(m *message) bool {
	if m.local.Addr() != s.local.Addr() || m.remote.Addr() != s.remote.Addr() {
		return false
	}
	if m.local == s.local && m.remote == s.remote {
		return true
	}
	if s.mayHaveMoved(m) {
		return true
	}
	floats := s.local.Port() != isakmp.PortNATT || s.state == trace.StateRAM2
	return floats && m.local.Port() == isakmp.PortNATT && s.natt != trace.NATTNone
}

// elsewhere handles a message that came by endpoints which are not s's. One that
// the peer sent again before NAT traversal moved us is known all the same.
func (m *message) elsewhere() {
	s := m.s
	same := m.local.Addr() == s.local.Addr() && m.remote.Addr() == s.remote.Addr()
	if same && m.header.Exchange == s.exchange() && digestOf(m.raw) == s.lastIn {
		s.duplicate(s.remote)
		return
	}
	m.drop(trace.DropWrongAddress)
}

// phase1 handles a message of main or aggressive mode, of an SA that exists.
func (m *message) phase1() {
	s := m.s
	if m.header.MessageID != 0 {
		m.drop(trace.DropMessageID)
		return
	}
	if m.header.Exchange != s.exchange() {
		m.drop(trace.DropState)
		return
	}
	m.digest = digestOf(m.raw)
	if m.digest == s.lastIn {
		s.duplicate(m.remote)
		return
	}
	if s.dead || s.handshake == nil || s.handshake.busy {
		m.drop(trace.DropState)
		return
	}
	if s.state == trace.StateRAM2 && s.cipher == nil {
		m.awaitSecret()
		return
	}
	m.run(rowFor(s.exchange(), s.role, s.suite.Auth, s.state))
}

// run validates a message against its row and hands it to the row's handler.
func (m *message) run(r *row) {
	m.row = r
	reason, ok := m.open()
	c := m.context()
	m.tellReceived(&c, ok)
	if !ok {
		m.drop(reason)
		return
	}
	if r.encrypted != plain && m.n == nil {
		m.s.expectsProof()
	}
	if !m.parse(m.header.Encrypted()) {
		return
	}
	if reason, at, ok := r.check(m.payloads); !ok {
		m.dropPayload(reason, at, 0)
		m.countMalformed()
		return
	}
	r.do(m)
}

// open makes a message readable that has a row and is encrypted as the row
// wants it.
func (m *message) open() (reason trace.Drop, ok bool) {
	isEncrypted := m.header.Encrypted()
	switch {
	case m.row == nil:
		return trace.DropState, false
	case m.row.encrypted.allows(isEncrypted):
	case isEncrypted:
		return trace.DropEncrypted, false
	default:
		return trace.DropNotEncrypted, false
	}
	if isEncrypted {
		return m.decrypt()
	}
	return 0, true
}

// tellReceived tells a message, with what is in it as far as it is readable.
func (m *message) tellReceived(c *trace.Context, readable bool) {
	if m.e.cfg.Events == nil {
		return
	}
	readable = readable || !m.header.Encrypted()
	m.e.in = trace.PacketReceived{MessageID: m.header.MessageID, Contents: trace.ContentsOf(m.raw, readable)}
	m.e.emit(c, &m.e.in)
}

// decrypt turns the body into clear, in place. The chain's IV stays until the
// message is accepted, so that a forged one cannot break it.
func (m *message) decrypt() (reason trace.Drop, ok bool) {
	s := m.s
	if s.cipher == nil {
		return trace.DropEncrypted, false
	}
	body := m.raw[isakmp.HeaderLen:]
	size := s.cipher.BlockSize()
	if len(body) == 0 || len(body)%size != 0 {
		return trace.DropBlockSize, false
	}
	m.nextIV.n = copy(m.nextIV.b[:], body[len(body)-size:])
	iv := s.iv
	if m.n != nil {
		iv = m.n.iv
	}
	s.cipher.Decrypt(iv.Bytes(), body)
	return 0, true
}

func (m *message) parse(encrypted bool) bool {
	m.body = m.raw[isakmp.HeaderLen:]
	var err error
	m.payloads, m.used, err = isakmp.ParsePayloads(m.header.NextPayload, m.body, encrypted, m.payloads)
	if err != nil {
		m.malformed(err)
		return false
	}
	return true
}

// malformed tells a payload that does not parse. In an SA with keys this is
// what a wrong pre-shared key looks like.
func (m *message) malformed(err error) {
	var bad *isakmp.Error
	if !errors.As(err, &bad) {
		m.drop(trace.DropMalformed)
		return
	}
	m.tellMalformed(bad)
	m.dropPayload(trace.DropMalformed, bad.Payload, bad.Offset)
	m.countMalformed()
}

func (m *message) tellMalformed(bad *isakmp.Error) {
	if m.s == nil && m.e.strays.many(m.e) {
		return
	}
	c := m.context()
	m.e.emit(&c, &trace.PayloadMalformed{Payload: bad.Payload, Kind: bad.Kind, Field: bad.Field, Offset: uint16(bad.Offset),
		Got: uint32(bad.Got), Want: uint32(bad.Want)})
}

// countMalformed counts on the SA, which a forger must not be able to end:
// the count is shown and bounded, and nothing is torn down by it.
func (m *message) countMalformed() {
	s := m.s
	if s == nil || s.complete() || s.dead || s.state == trace.StateReady {
		return
	}
	s.countError(trace.ErrorPayloadMalformed)
}

func (s *sa) countError(what trace.ErrorCount) {
	limit := s.e.cfg.tries()
	if int(s.errors) < limit {
		s.errors++
	}
	s.emit(&trace.ErrorCounted{What: what, Attempt: uint8(s.errors), Max: uint8(limit)})
}

// find returns the first payload of a type.
func (m *message) find(t isakmp.PayloadType) (isakmp.Payload, bool) {
	for _, p := range m.payloads {
		if p.Type == t {
			return p, true
		}
	}
	return isakmp.Payload{}, false
}

// accept notes that a phase 1 message moved the SA on: its retransmission is
// answered from the last reply from now on, and the IV chain goes on.
func (m *message) accept() {
	s := m.s
	s.lastIn = m.digest
	s.replays = 0
	s.attempts = 0
	s.e.timers.clear(&s.retry)
	if m.header.Encrypted() {
		s.iv.Advance(m.nextIV.b[:m.nextIV.n])
	}
}
