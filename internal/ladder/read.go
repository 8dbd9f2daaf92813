package ladder

import (
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// reader collects sections from records in their order.
type reader struct {
	sections []*section
	bySA     map[uint32]*section
	// first is a first message of the peer, whose SA comes with the next record.
	first *trace.Record
}

// section is one that grows.
type section struct {
	Section
	flows map[uint32]*flow // by message ID; 0 is phase 1

	quickModes   int
	transactions int
	up           bool
	lastAsked    *Message          // R-U-THERE
	deletes      map[uint32]string // what a message of ours is about to delete, by its ID
	failedAt     string            // the message at which the first failure was noted
	last         *Message
	lastQuick    string // label
	current      *flow  // of last
	refusals     []string
	fragments    uint8  // of the message that comes next
	broken       string // how a payload is malformed
}

// flow is the messages of one exchange.
type flow struct {
	prefix   string // QM
	suffix   string // #2
	begun    bool
	ours     bool // we sent the first message
	replied  bool
	in, out  *Message
	answered bool // in came after out
	lastName string
}

func (r *reader) read(rec *trace.Record) {
	if r.first != nil {
		first := r.first
		r.first = nil
		s := r.section(rec)
		s.message(first, false)
	}
	if e, ok := rec.Event.(*trace.PacketReceived); ok && rec.SA == 0 {
		r.first = &trace.Record{Time: rec.Time, Context: rec.Context, Event: e}
		return
	}
	s := r.section(rec)
	s.context(rec)
	switch rec.Event.(type) {
	case *trace.PacketSent:
		s.message(rec, true)
	case *trace.PacketReceived:
		s.message(rec, false)
	default:
		s.event(rec)
	}
}

// section finds the section of a record. What happens outside of an SA is put
// together as long as nothing else happens.
func (r *reader) section(rec *trace.Record) *section {
	if rec.SA != 0 {
		if s := r.bySA[rec.SA]; s != nil {
			return s
		}
	} else if n := len(r.sections); n > 0 && r.sections[n-1].SA == 0 {
		return r.sections[n-1]
	}
	s := &section{Section: Section{SA: rec.SA, Outcome: UnderWay, Steps: []Step{}},
		flows: make(map[uint32]*flow), deletes: make(map[uint32]string)}
	if rec.SA == 0 {
		s.Outcome = OutsideSA
	} else {
		r.bySA[rec.SA] = s
	}
	r.sections = append(r.sections, s)
	return s
}

// context follows the SA's addresses, number and state.
func (s *section) context(rec *trace.Record) {
	if rec.Local.IsValid() {
		s.Local, s.Remote = rec.Local, rec.Remote
	}
	if s.SA == 0 {
		return
	}
	s.Conn = max(s.Conn, rec.Conn)
	s.Role = "responder"
	if rec.Role == trace.RoleInitiator {
		s.Role = "initiator"
	}
	if _, isMessage := rec.Event.(*trace.PacketSent); !isMessage && s.last != nil {
		s.last.LocalState = rec.State.String()
	}
}

// finish closes what is open and drops sections in which nothing is to be seen.
func (r *reader) finish() []*Section {
	if r.first != nil {
		s := r.section(&trace.Record{Context: r.first.Context, Event: r.first.Event})
		s.context(r.first)
		s.message(r.first, false)
	}
	var out []*Section
	for _, s := range r.sections {
		if len(s.Steps) == 0 {
			continue
		}
		s.tellPeerStates()
		out = append(out, &s.Section)
	}
	slices.SortStableFunc(out, func(a, b *Section) int { return a.Steps[0].Time.Compare(b.Steps[0].Time) })
	return out
}

// message adds a rung.
func (s *section) message(rec *trace.Record, sent bool) {
	m := &Message{Sent: sent, Payloads: []string{}, LocalState: rec.State.String()}
	var c trace.Contents
	if sent {
		e := rec.Event.(*trace.PacketSent)
		m.ID, m.Again, c = e.MessageID, e.Again, e.Contents
	} else {
		e := rec.Event.(*trace.PacketReceived)
		m.ID, c = e.MessageID, e.Contents
	}
	m.Exchange, m.Encrypted, m.Length = c.Exchange.String(), c.Encrypted, c.Length
	m.phase1 = c.Exchange == isakmp.ExchangeIdentity || c.Exchange == isakmp.ExchangeAggressive
	if sent {
		m.Detail = s.deletes[m.ID]
		delete(s.deletes, m.ID)
	} else {
		m.Fragments, s.fragments = s.fragments, 0
	}
	m.describe(&c)
	f := s.flow(m, c.Exchange)
	s.name(m, f, c, rec)
	if m.phase1 && s.Exchange == "" {
		s.Exchange = m.Exchange
	}
	s.add(rec, m, f)
}

func (s *section) add(rec *trace.Record, m *Message, f *flow) {
	if m.Sent {
		if m.Again && !strings.HasPrefix(m.Label, "INFO") {
			f.missed() // the peer asked for it, or did not answer
		}
		f.out, f.answered = m, false
	} else {
		f.in, f.answered = m, true
	}
	if f.prefix == "QM" {
		s.lastQuick = m.Label
	}
	f.lastName, s.last, s.current = m.Label, m, f
	s.broken = ""
	s.Steps = append(s.Steps, Step{Time: rec.Time, Message: m})
}

// flow finds the exchange of a message.
func (s *section) flow(m *Message, x isakmp.ExchangeType) *flow {
	id := m.ID
	if m.phase1 {
		id = 0
	}
	f := s.flows[id]
	if f == nil {
		f = &flow{prefix: prefix(x)}
		switch x {
		case isakmp.ExchangeQuick:
			s.quickModes++
			f.suffix = ordinal(s.quickModes)
		case isakmp.ExchangeTransaction:
			s.transactions++
			f.suffix = ordinal(s.transactions)
		}
		s.flows[id] = f
	}
	return f
}

// ordinal tells the exchanges of one kind apart, but for the first.
func ordinal(n int) string {
	if n < 2 {
		return ""
	}
	return "#" + itoa(n)
}

// missed marks our last message, unless something came after it.
func (f *flow) missed() {
	if f != nil && f.out != nil && !f.answered {
		f.out.Unanswered = true
	}
}

func prefix(x isakmp.ExchangeType) string {
	switch x {
	case isakmp.ExchangeIdentity:
		return "MM"
	case isakmp.ExchangeAggressive:
		return "AM"
	case isakmp.ExchangeQuick:
		return "QM"
	case isakmp.ExchangeTransaction:
		return "TM"
	case isakmp.ExchangeInformational:
		return "INFO"
	}
	return "MSG"
}

// name gives a message its label.
func (s *section) name(m *Message, f *flow, c trace.Contents, rec *trace.Record) {
	switch {
	case c.Exchange == isakmp.ExchangeInformational:
		m.Label = "INFO"
		if c.Notify == isakmp.NotifyRUThere || c.Notify == isakmp.NotifyRUThereAck {
			m.Label = "DPD"
		}
		if m.Sent && c.Notify == isakmp.NotifyRUThere {
			s.lastAsked = m
		}
		return
	case m.Again && f.out != nil:
		m.Label, m.number = f.out.Label, f.out.number
		return
	case c.Exchange == isakmp.ExchangeIdentity:
		m.number = mainMode(m, rec)
	case c.Exchange == isakmp.ExchangeAggressive && (m.Encrypted || !c.Payloads.Empty()):
		m.number = aggressiveMode(m, c)
	default:
		m.number = f.next(m.Sent)
		if c.Exchange == isakmp.ExchangeQuick && !c.Payloads.Empty() && !c.Payloads.Has(isakmp.PayloadSA) {
			m.number = 3 // its first two may be gone
		}
	}
	m.Label = f.prefix + itoa(m.number) + f.suffix
}

// next is the number of a message in an exchange whose ends take turns.
func (f *flow) next(sent bool) int {
	if !f.begun {
		f.begun, f.ours = true, sent
	}
	switch {
	case sent != f.ours:
		f.replied = true
		return 2
	case f.replied:
		return 3
	}
	return 1
}

// aggressiveMode is the number of a message of aggressive mode by what is in it: those
// before it may be gone.
func aggressiveMode(m *Message, c trace.Contents) int {
	switch {
	case m.Encrypted || !c.Payloads.Has(isakmp.PayloadSA):
		return 3
	case c.Payloads.Has(isakmp.PayloadHash):
		return 2
	}
	return 1
}

// mainMode is the number of a message of main mode: the state says which one is
// expected, also where it comes a second time.
func mainMode(m *Message, rec *trace.Record) int {
	n := 1
	switch rec.State {
	case trace.MMSASetup:
		n = 3
	case trace.MMKeyExch, trace.QMIdle:
		n = 5
	}
	initiated := rec.Role == trace.RoleInitiator
	switch {
	case m.Sent == initiated:
		return n // the initiator's
	case initiated:
		return n + 1
	case n == 5 && m.Encrypted:
		return 6
	}
	return n - 1 // the responder has moved on before it sends
}

// tellPeerStates gives each message the state of the peer after it: what its
// own messages imply, and for one of ours what the next of the peer implies.
func (s *section) tellPeerStates() {
	state := ""
	for i := range s.Steps {
		m := s.Steps[i].Message
		if m == nil {
			continue
		}
		if implied := s.implied(i); implied != "" {
			state = implied
		}
		m.PeerState = state
	}
}

func (s *section) implied(at int) string {
	m := s.Steps[at].Message
	if !m.Sent {
		return impliedBy(m)
	}
	if m.Unanswered {
		return ""
	}
	for _, step := range s.Steps[at+1:] {
		next := step.Message
		switch {
		case next == nil:
		case next.Sent && next.Label == m.Label:
			return "" // the answer is the repetition's
		case !next.Sent && !next.Again:
			return impliedBy(next)
		}
	}
	return ""
}

// impliedBy is the state of a peer that has sent a message.
func impliedBy(m *Message) string {
	switch {
	case m.Again:
		return ""
	case m.phase1 && m.Exchange == isakmp.ExchangeAggressive.String():
		return map[int]string{1: "AG_NO_STATE", 2: "AG_INIT_EXCH", 3: "QM_IDLE"}[m.number]
	case m.phase1:
		return map[int]string{1: "MM_NO_STATE", 2: "MM_SA_SETUP", 3: "MM_SA_SETUP", 4: "MM_KEY_EXCH", 5: "MM_KEY_EXCH", 6: "QM_IDLE"}[m.number]
	case m.Exchange == isakmp.ExchangeTransaction.String():
		return "" // XAUTH or mode config
	case m.Encrypted:
		return "QM_IDLE"
	}
	return ""
}
