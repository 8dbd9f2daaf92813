package capture

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

// message is an IKEv1 message as it was captured.
type message struct {
	header    isakmp.Header
	raw       []byte // header and all
	body      []byte
	cut       bool
	from      int
	srcPort   uint16
	dstPort   uint16
	digest    uint64
	payloads  []isakmp.Payload
	err       error // why the payloads end early
	decrypted bool
	whole     bool // it came in fragments of IKE, and these are all
}

// session is one negotiation of phase 1 and what followed under it.
type session struct {
	c         *conversation
	id        uint64
	initiator isakmp.Cookie
	responder isakmp.Cookie
	from      int // the end that began it
	exchange  isakmp.ExchangeType
	middle    bool // it began before the capture did
	first     place
	last      place
	max       int // the greatest message of phase 1
	seen      [maxPhase1 + 1]sighting
	events    []event

	up       bool // something under its keys was asked for
	upAt     place
	refused  place // an encrypted notify that refuses the proof, perhaps
	refuser  int
	quicks   []*quick
	infos    [2]questions
	notified int // the end that was told of a failure in clear, plus 1

	offers []offer
	chosen []isakmp.Attribute
	natt   [2]bool // an end has said that it can do NAT-T
	nat    [2]bool // an end is behind a NAT
	port   uint16  // the initiator's, where it is not an IKE port
	float  bool

	pieces *ikeFragments
	keys   phase1Keys
	proof  aggressiveProof
}

// maxPhase1 is the greatest message number of phase 1.
const maxPhase1 = 6

// sighting is a message of an exchange, and how often it came.
type sighting struct {
	digest uint64
	at     place
	times  int
}

// event is what happened in a negotiation, before it is known how it ended and
// from whose view it is told.
type event struct {
	kind    eventKind
	phase   diagnose.Phase
	message int
	from    int // who sent it
	at      place
	text    string
	detail  string
	offered string
	auth    bool
}

type eventKind uint8

const (
	sentFirst eventKind = iota
	sentAgain
	told      // a notify of an error
	malformed // by its sender
	floated
	natFound
	identity
	fragmentLost
	wrongChoice
)

// maxEvents bounds what is kept of a negotiation; further ones are repetitions.
const maxEvents = 40

func (s *session) note(e event) {
	if len(s.events) < maxEvents {
		s.events = append(s.events, e)
	}
}

// ike takes an IKE message, without the non-ESP marker.
func (r *reader) ike(d *datagram, u *udp, b []byte) {
	if len(b) < isakmp.HeaderLen {
		if u.cut {
			r.truncatedIKE++
		}
		return
	}
	m := message{raw: b, cut: u.cut, srcPort: u.src, dstPort: u.dst}
	length := binary.BigEndian.Uint32(b[24:])
	if int64(length) > int64(len(b)) && !u.cut {
		length = uint32(len(b)) // it lies, or the path cut it: read what is there
		m.err = &isakmp.Error{Kind: isakmp.KindLength, Field: isakmp.FieldLength, Offset: 24, Got: uint64(binary.BigEndian.Uint32(b[24:])), Want: uint64(len(b))}
	}
	switch b[17] >> 4 {
	case 2:
		r.result.IKE++
		if c, from := r.pair(d.src, d.dst); c != nil {
			r.ikev2(c, from, b)
		}
		return
	case 1:
	default:
		return
	}
	r.result.IKE++
	c, from := r.pair(d.src, d.dst)
	if c == nil {
		return
	}
	if u.cut {
		r.truncatedIKE++
	}
	m.from = from
	c.heard[from] = r.at
	if !m.readHeader(min(int(min(length, 1<<16)), len(b))) {
		return
	}
	r.message(c, &m)
}

// readHeader reads the header of a message of which length octets are there. It
// is false for what cannot be IKE.
func (m *message) readHeader(length int) bool {
	if length < isakmp.HeaderLen {
		return false
	}
	var head [isakmp.HeaderLen]byte
	copy(head[:], m.raw)
	binary.BigEndian.PutUint32(head[24:], isakmp.HeaderLen)
	h, err := isakmp.ParseHeader(head[:])
	if err != nil || h.Initiator.IsZero() {
		return false
	}
	m.header, m.raw, m.body = h, m.raw[:length], m.raw[isakmp.HeaderLen:length]
	f := fnv.New64a()
	f.Write(m.raw)
	m.digest = f.Sum64()
	return true
}

// message takes an IKEv1 message to its negotiation.
func (r *reader) message(c *conversation, m *message) {
	s := r.sessionOf(c, m)
	if s == nil {
		r.stranger(c, m)
		return
	}
	if s.responder.IsZero() {
		s.responder = m.header.Responder
	}
	s.last = r.at
	if m.header.NextPayload == isakmp.PayloadFragment && !m.whole {
		r.ikeFragment(s, m)
		return
	}
	if !m.header.Encrypted() {
		m.parse()
	}
	switch m.header.Exchange {
	case isakmp.ExchangeIdentity, isakmp.ExchangeAggressive:
		r.phase1(s, m)
	case isakmp.ExchangeQuick, isakmp.ExchangeTransaction:
		r.quick(s, m)
	case isakmp.ExchangeInformational:
		r.informational(s, m)
	}
}

// parse reads the payloads of a message in clear, as far as they go.
func (m *message) parse() {
	var err error
	m.payloads, _, err = isakmp.ParsePayloads(m.header.NextPayload, m.body, false, nil)
	if m.err == nil {
		m.err = err
	}
}

// sessionOf returns the negotiation that a message belongs to, a new one where
// it begins one or where the capture lacks its beginning; nil for what is of
// none.
func (r *reader) sessionOf(c *conversation, m *message) *session {
	h := &m.header
	if s := c.session(h.Initiator); s != nil {
		return s
	}
	s := &session{initiator: h.Initiator, responder: h.Responder, from: m.from, exchange: h.Exchange, middle: !h.Responder.IsZero()}
	switch h.Exchange {
	case isakmp.ExchangeIdentity, isakmp.ExchangeAggressive:
		if s.middle && !h.Encrypted() && h.NextPayload == isakmp.PayloadSA {
			s.from = 1 - m.from // a second message
		}
	case isakmp.ExchangeQuick, isakmp.ExchangeTransaction, isakmp.ExchangeInformational:
		if !h.Encrypted() || !s.middle {
			return nil
		}
	default:
		return nil
	}
	return r.begin(c, s)
}

// where is the two ends of a message, as evidence names them.
func (m *message) where(c *conversation) string {
	b := make([]byte, 0, 96)
	b = netip.AddrPortFrom(c.addr[m.from], m.srcPort).AppendTo(b)
	b = append(b, " > "...)
	return string(netip.AddrPortFrom(c.addr[1-m.from], m.dstPort).AppendTo(b))
}

// list names the payloads of a message.
func (m *message) list() string {
	if m.header.Encrypted() && !m.decrypted {
		return "encrypted"
	}
	var names []string
	vendors := 0
	for _, p := range m.payloads {
		if p.Type == isakmp.PayloadVendorID {
			vendors++
			continue
		}
		names = append(names, p.Type.String())
	}
	if vendors > 0 {
		names = append(names, fmt.Sprintf("VID x%d", vendors))
	}
	if m.decrypted {
		names = append(names, "(decrypted)")
	}
	if m.cut {
		names = append(names, "(cut by the capture)")
	}
	return strings.Join(names, " ")
}
