package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

// offer is a transform of phase 1, in IOS's words and as it was sent.
type offer struct {
	suite      string
	attributes []isakmp.Attribute
}

// maxOffers bounds the transforms that are kept of an offer.
const maxOffers = 32

// number is the number of a message of phase 1, which is not written in it: who
// sends it, whether it is encrypted and what it begins with tell. 0 for none.
func (s *session) number(m *message) int {
	initiator := m.from == s.from
	sa := m.header.NextPayload == isakmp.PayloadSA
	if m.header.Exchange == isakmp.ExchangeAggressive {
		switch {
		case !initiator:
			return 2
		case sa && !m.header.Encrypted():
			return 1
		}
		return 3
	}
	n := 3
	switch {
	case m.header.Encrypted():
		n = 5
	case sa:
		n = 1
	}
	if !initiator {
		n++
	}
	return n
}

// phase1 takes a message of main or aggressive mode.
func (r *reader) phase1(s *session, m *message) {
	if m.header.Exchange != s.exchange && s.max == 0 {
		s.exchange = m.header.Exchange
	}
	n := s.number(m)
	before := &s.seen[n]
	if before.times > 0 {
		r.again(s, m, n)
		return
	}
	*before = sighting{m.digest, r.at, 1}
	s.max = max(s.max, n)
	if m.header.Encrypted() {
		r.decryptPhase1(s, m)
	}
	e := s.event(sentFirst, m, n)
	e.text = m.title(s.c, n) + ": " + m.list()
	e.at = r.at
	s.note(e)
	if m.err != nil && !m.cut && !m.header.Encrypted() {
		bad := s.event(malformed, m, n)
		bad.detail, bad.text, bad.at = m.err.Error(), e.text+": "+m.err.Error(), r.at
		s.note(bad)
	}
	s.moved(m, n, r.at)
	r.payloads(s, m, n)
}

// again takes a message of phase 1 that came before. At once it is the same
// packet at another point of its way, or doubled by it, and no retransmission.
func (r *reader) again(s *session, m *message, n int) {
	before := &s.seen[n]
	soon := near(r.at.time, before.at.time)
	before.at = r.at
	if soon && m.digest == before.digest {
		return
	}
	before.times++
	if len(s.events) == maxEvents {
		return
	}
	e := s.event(sentAgain, m, n)
	e.at = r.at
	e.text = m.title(s.c, n) + " again"
	if m.digest != before.digest {
		e.text += ", with another content"
	}
	s.note(e)
	s.moved(m, n, r.at)
}

// title is which message of phase 1 between whom it is.
func (m *message) title(c *conversation, n int) string {
	return m.where(c) + ", " + m.header.Exchange.String() + ", message " + strconv.Itoa(n)
}

func (s *session) event(k eventKind, m *message, n int) event {
	return event{kind: k, phase: diagnose.Phase1, message: n, from: m.from}
}

// moved notices that the initiator goes on at UDP 4500, and a port of its own
// that only a NAT gives.
func (s *session) moved(m *message, n int, at place) {
	if m.from == s.from && !isIKE(m.srcPort) {
		s.port = m.srcPort
	}
	if m.from != s.from && !isIKE(m.dstPort) {
		s.port = m.dstPort
	}
	if m.from == s.from && m.dstPort == isakmp.PortNATT && n > 1 && !s.float {
		s.float = true
		e := s.event(floated, m, 0)
		e.at, e.text = at, m.where(s.c)+": the initiator goes on at UDP 4500"
		s.note(e)
	}
}

// payloads reads what the payloads of a message of phase 1 say. One that does
// not parse says nothing.
func (r *reader) payloads(s *session, m *message, n int) {
	var natd [][]byte
	for _, p := range m.payloads {
		switch p.Type {
		case isakmp.PayloadSA:
			r.sa(s, m, n, p)
		case isakmp.PayloadVendorID:
			if _, ok := isakmp.LookupVendorID(p.Body).NATT(); ok {
				s.natt[m.from] = true
			}
		case isakmp.PayloadKE:
			s.keys.public(m.from == s.from, p.Body)
		case isakmp.PayloadNonce:
			s.keys.nonce(m.from == s.from, p.Body)
		case isakmp.PayloadNATD, isakmp.PayloadNATDDraft, isakmp.PayloadNATDDraft04:
			natd = append(natd, p.Body)
		case isakmp.PayloadID:
			r.identity(s, m, n, p)
		case isakmp.PayloadHash:
			if s.exchange == isakmp.ExchangeAggressive && n == 2 {
				s.proof.hash = bytes.Clone(p.Body)
			}
		case isakmp.PayloadNotify:
			r.notify(s, m, p)
		}
	}
	if len(natd) > 1 {
		r.natd(s, m, natd)
	}
	if s.exchange == isakmp.ExchangeAggressive && n == 2 {
		r.checkPSKs(s, m)
	}
}

// sa reads the offer of a first message, or the choice of a second.
func (r *reader) sa(s *session, m *message, n int, p isakmp.Payload) {
	if n > 2 {
		return
	}
	if n == 1 && r.wantsProof(s) {
		s.proof.sa = bytes.Clone(p.Body)
	}
	list := r.offers(p, n)
	switch {
	case n == 1 && s.offers == nil:
		s.offers = list
	case n == 2 && s.chosen == nil && len(list) > 0:
		s.chosen = list[0].attributes
		s.keys.agree(s.chosen)
		r.choice(s, m, list[0])
	}
}

// offers reads the transforms of an SA payload. The same peers send the same ones
// again and again: the last ones of each message are remembered.
func (r *reader) offers(p isakmp.Payload, n int) []offer {
	last := &r.lastSA[n-1]
	if bytes.Equal(last.body, p.Body) {
		return last.offers
	}
	sa, err := isakmp.ParseSA(p)
	if err != nil {
		return nil
	}
	last.body, last.offers = append(last.body[:0], p.Body...), nil
	for _, proposal := range sa.Proposals {
		for _, t := range proposal.Transforms {
			if len(last.offers) < maxOffers {
				last.offers = append(last.offers, offer{diagnose.SuiteOf(isakmp.AppendAttributeList(nil, t.Attributes)), cloneAttributes(t.Attributes)})
			}
		}
	}
	return last.offers
}

func cloneAttributes(list []isakmp.Attribute) []isakmp.Attribute {
	out := make([]isakmp.Attribute, 0, len(list))
	for _, a := range list {
		a.Value = bytes.Clone(a.Value)
		out = append(out, a)
	}
	return out
}

// choice notices a choice that is none of the offers. Life times do not count.
func (r *reader) choice(s *session, m *message, chosen offer) {
	if len(s.offers) == 0 || len(s.offers) == maxOffers {
		return
	}
	if slices.ContainsFunc(s.offers, func(o offer) bool { return o.suite == chosen.suite }) {
		return
	}
	e := s.event(wrongChoice, m, 2)
	e.at, e.offered, e.text = r.at, chosen.suite, m.where(s.c)+": the choice was not offered: "+chosen.suite
	s.note(e)
}

// natd holds the hashes of addresses against those of the capture (RFC 3947
// section 3.2). The first one is of whom the message is for, the others are of
// its sender. Where one differs a NAT stands between that end and the capture,
// or beyond.
func (r *reader) natd(s *session, m *message, hashes [][]byte) {
	if !s.keys.agreed || !keymat.HashSupported(s.keys.hash) {
		return
	}
	of := func(end int, port uint16) []byte {
		return keymat.Hash(s.keys.hash, m.header.Initiator[:], m.header.Responder[:], s.c.addr[end].AsSlice(), binary.BigEndian.AppendUint16(nil, port))
	}
	to := 1 - m.from
	source := of(m.from, m.srcPort)
	before := s.nat
	if !bytes.Equal(hashes[0], of(to, m.dstPort)) {
		s.nat[to] = true
	}
	if !slices.ContainsFunc(hashes[1:], func(h []byte) bool { return bytes.Equal(h, source) }) {
		s.nat[m.from] = true
	}
	if s.nat != before {
		e := s.event(natFound, m, 0)
		e.at, e.text = r.at, m.where(s.c)+": the NAT-D payloads are not of these addresses: "+s.natWords()
		s.note(e)
	}
}

func (s *session) natWords() string {
	switch {
	case s.nat[0] && s.nat[1]:
		return "both ends are behind a NAT"
	case s.nat[0]:
		return s.c.addr[0].String() + " is behind a NAT"
	}
	return s.c.addr[1].String() + " is behind a NAT"
}

// identity reads an identity that is in clear, as in aggressive mode, or
// decrypted.
func (r *reader) identity(s *session, m *message, n int, p isakmp.Payload) {
	if s.exchange == isakmp.ExchangeAggressive && n == 2 {
		s.proof.id = bytes.Clone(p.Body)
	}
	id, err := isakmp.ParseID(p)
	if err != nil {
		return
	}
	e := s.event(identity, m, n)
	e.at, e.offered = r.at, identityWords(id)
	e.text = fmt.Sprintf("%s, %s, message %d: identity %s", m.where(s.c), m.header.Exchange, n, e.offered)
	s.note(e)
}

// identityWords is an identity for people. What is no address is quoted, so that
// it cannot do anything to a terminal.
func identityWords(id isakmp.ID) string {
	if a, ok := id.Addr(); ok {
		return a.String()
	}
	data := id.Data[:min(len(id.Data), 64)]
	if id.Type == isakmp.IDFQDN || id.Type == isakmp.IDUserFQDN || id.Type == isakmp.IDKeyID {
		return fmt.Sprintf("%+q", data)
	}
	return fmt.Sprintf("%s %x", id.Type, data)
}

// ikev2 counts what an end says in IKEv2, which is read no further than for its
// refusals of IKEv1.
func (r *reader) ikev2(c *conversation, from int, b []byte) {
	c.heard[from] = r.at
	v := &c.v2[from]
	const flagResponse = 0x20
	if v.requests+v.answers == 0 {
		v.first, v.text = r.at, fmt.Sprintf("%s > %s: IKEv2", c.addr[from], c.addr[1-from])
	}
	if b[19]&flagResponse != 0 {
		v.answers++
	} else {
		v.requests++
	}
	// A notify of an invalid major version (RFC 7296 sections 2.5 and 3.10.1).
	const notify, invalidMajor = 41, 5
	if s := c.session(isakmp.Cookie(b[:8])); s != nil && b[16] == notify && len(b) >= isakmp.HeaderLen+8 {
		if kind := binary.BigEndian.Uint16(b[isakmp.HeaderLen+6:]); kind == invalidMajor {
			s.notified = 2 - from
			s.note(event{kind: told, phase: diagnose.Phase1, from: from, at: r.at, detail: isakmp.NotifyInvalidMajor.String(), text: v.text + ": INVALID_MAJOR_VERSION"})
		}
	}
}

// concludeVersion2 tells of IKEv2 where the other end does not speak it.
func (r *reader) concludeVersion2(c *conversation) {
	for from, v := range c.v2 {
		to := 1 - from
		if v.requests == 0 || c.v2[to].requests+c.v2[to].answers > 0 {
			continue
		}
		o := diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1, Message: 1, Count: uint64(v.requests)}
		if c.heard[to].number > 0 {
			r.tell(c, to, v.first, v.text, o)
			continue
		}
		// Nobody answers: whether the other end knows IKEv2 does not show.
		o = diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Initiator, Session: r.newID(), Detail: "IKEv2"}
		r.tell(c, from, v.first, v.text, o)
		for range min(v.requests-1, 4) {
			o.Kind = diagnose.Retransmitted
			r.tell(c, from, v.first, v.text+" again", o)
		}
	}
	if c.v2[0].requests+c.v2[0].answers > 0 && c.v2[1].requests+c.v2[1].answers > 0 {
		r.remark("%s and %s speak IKEv2 with each other, which is not read here", c.addr[0], c.addr[1])
	}
}

func (r *reader) newID() uint64 {
	r.sessions++
	return r.sessions
}

// addrOf is an end's address.
func (s *session) addr(end int) netip.Addr { return s.c.addr[end] }
