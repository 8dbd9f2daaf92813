package capture

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

// quick is a quick mode, or a transaction exchange, under its message ID.
type quick struct {
	id       uint32
	exchange isakmp.ExchangeType
	from     int // who began it
	seen     [4]sighting
	max      int
	again    [4][]place // further sendings, the first few
	refused  place      // an encrypted notify that came instead of an answer
	told     bool       // a notify that could be read says why it failed
	where    string
	pair     string // the traffic, this end's first, where it could be read
	iv       keymat.IV
}

// Bounds of what is kept of quick modes.
const (
	maxQuicks = 32
	maxAgain  = 6
)

// questions are informational messages to which nothing came back.
type questions struct {
	count, size int
	first, last place
	digest      uint64
}

// answerTime is how soon an answer comes.
const answerTime = 10 * time.Second

// quick takes a message of a quick mode or of a transaction exchange.
func (r *reader) quick(s *session, m *message) {
	if !m.header.Encrypted() {
		return
	}
	if !s.up {
		s.up, s.upAt = true, r.at
	}
	q := s.quickOf(m.header.MessageID)
	if q == nil {
		if len(s.quicks) == maxQuicks {
			r.concludeQuick(s, s.quicks[0])
			s.quicks = append(s.quicks[:0], s.quicks[1:]...)
		}
		q = &quick{id: m.header.MessageID, exchange: m.header.Exchange, from: m.from, iv: s.keys.ivFor(m.header.MessageID),
			where: fmt.Sprintf("%s, %s %08X", m.where(s.c), m.header.Exchange, m.header.MessageID)}
		s.quicks = append(s.quicks, q)
	}
	n := q.number(m)
	before := &q.seen[n]
	if before.times > 0 {
		soon := near(r.at.time, before.at.time)
		before.at = r.at
		if soon || m.digest != before.digest {
			return
		}
		if before.times++; len(q.again[n]) < maxAgain {
			q.again[n] = append(q.again[n], r.at)
		}
		return
	}
	*before = sighting{m.digest, r.at, 1}
	q.max = max(q.max, n)
	r.decryptLater(s, m, &q.iv)
	if m.decrypted {
		r.quickPayloads(s, q, m, n)
	}
	if n == 3 && q.exchange == isakmp.ExchangeQuick {
		s.c.quickUp = r.at
	}
}

func (s *session) quickOf(id uint32) *quick {
	for _, q := range s.quicks {
		if q.id == id {
			return q
		}
	}
	return nil
}

// number is the message's in quick mode: 1 and 3 are of who began it.
func (q *quick) number(m *message) int {
	switch {
	case m.from != q.from:
		return 2
	case q.max < 2 || q.seen[1].digest == m.digest:
		return 1
	}
	return 3
}

// informational takes a notify or a delete, in clear or not.
func (r *reader) informational(s *session, m *message) {
	if !m.header.Encrypted() {
		for _, p := range m.payloads {
			if p.Type == isakmp.PayloadNotify {
				r.notify(s, m, p)
			}
		}
		return
	}
	asked := &s.infos[m.from]
	if asked.digest == m.digest && near(r.at.time, asked.last.time) {
		return
	}
	iv := s.keys.ivFor(m.header.MessageID)
	r.decryptLater(s, m, &iv)
	if m.decrypted {
		r.infoPayloads(s, m)
		return
	}
	if asked.count == 0 || s.c.heard[1-m.from].number > asked.last.number || asked.size != len(m.raw) {
		*asked = questions{first: r.at}
	}
	asked.count++
	asked.size, asked.last, asked.digest = len(m.raw), r.at, m.digest
	s.mayRefuse(m, r.at)
}

// mayRefuse notices an encrypted message that stands where an answer should: it
// can only be a notify, and what it says is not known.
func (s *session) mayRefuse(m *message, at place) {
	if !s.up && s.refused.number == 0 {
		switch {
		case s.exchange == isakmp.ExchangeIdentity && s.max == 5 && m.from != s.from,
			s.exchange == isakmp.ExchangeIdentity && s.max == 6 && m.from == s.from,
			s.exchange == isakmp.ExchangeAggressive && s.max == 3 && m.from != s.from,
			s.exchange == isakmp.ExchangeAggressive && s.max == 2 && m.from == s.from:
			s.refused, s.refuser = at, m.from
		}
	}
	for _, q := range s.quicks {
		if q.max == 1 && q.from != m.from && q.refused.number == 0 && at.time.Sub(q.seen[1].at.time) < answerTime {
			q.refused = at
		}
	}
}

// stranger takes a message of no negotiation that is known: a notify in clear
// may be all that a peer says that has forgotten.
func (r *reader) stranger(c *conversation, m *message) {
	if m.header.Exchange != isakmp.ExchangeInformational || m.header.Encrypted() {
		return
	}
	m.parse()
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadNotify {
			continue
		}
		n, err := isakmp.ParseNotify(p)
		if err != nil || n.Type >= isakmp.NotifyConnected {
			continue
		}
		if s := c.lastSession(); s != nil && s.from != m.from && !s.up && !forgotten(n.Type) {
			r.notify(s, m, p)
			continue
		}
		text := fmt.Sprintf("%s: notify %s, in clear", m.where(c), notifyWords(n))
		o := diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: diagnose.Phase1, Detail: n.Type.String()}
		if forgotten(n.Type) {
			o = diagnose.Observation{Kind: diagnose.InvalidSPITold, Phase: diagnose.PhaseLife, Detail: n.Type.String()}
		}
		r.tell(c, 1-m.from, r.at, text, o)
	}
}

// forgotten says whether a notify is what an end says that lacks an SA.
func forgotten(t isakmp.NotifyType) bool {
	return t == isakmp.NotifyInvalidSPI || t == isakmp.NotifyInvalidCookie
}

func notifyWords(n isakmp.Notify) string {
	spi := n.SPI
	if len(spi) == 0 && len(n.Data) >= 4 {
		spi = n.Data[:4]
	}
	if n.Type == isakmp.NotifyInvalidSPI && len(spi) == 4 {
		return fmt.Sprintf("%s, SPI 0x%08X", n.Type, binary.BigEndian.Uint32(spi))
	}
	return n.Type.String()
}

// notify takes a notify payload of a negotiation, in clear.
func (r *reader) notify(s *session, m *message, p isakmp.Payload) {
	n, err := isakmp.ParseNotify(p)
	if err != nil || n.Type >= isakmp.NotifyConnected {
		return
	}
	text := fmt.Sprintf("%s: notify %s, in clear", m.where(s.c), notifyWords(n))
	if forgotten(n.Type) {
		r.tell(s.c, 1-m.from, r.at, text, diagnose.Observation{Kind: diagnose.InvalidSPITold, Phase: diagnose.PhaseLife, Detail: n.Type.String()})
		return
	}
	if s.up {
		// Once there are keys nobody believes what comes without them, unless it is
		// what a quick mode waits for.
		if slices.ContainsFunc(s.quicks, func(q *quick) bool { return q.from != m.from && q.max == 1 }) {
			r.tell(s.c, 1-m.from, r.at, text, diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: diagnose.Phase2, Session: s.id, Detail: n.Type.String()})
		}
		return
	}
	s.notified = 2 - m.from
	s.note(event{kind: told, phase: diagnose.Phase1, message: s.max, from: m.from, at: r.at, detail: n.Type.String(), text: text})
}
