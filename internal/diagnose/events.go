package diagnose

import (
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// FromRecords reads a gateway's own events, the oldest first.
func FromRecords(records []trace.Record) []Observation {
	var r Records
	r.Read(records)
	return r.Observations()
}

// Records turns the events of one peer after the other into observations. Of peers
// that were one at two addresses the earlier is to be read first.
type Records struct{ reader *eventReader }

// Read takes a peer's events, the oldest first.
func (x *Records) Read(records []trace.Record) {
	if x.reader == nil {
		x.reader = &eventReader{sessions: make(map[uint32]*session), asked: make(map[string][]string)}
	}
	for i := range records {
		x.reader.read(&records[i])
	}
}

// Observations are those of all that was read, the oldest first.
func (x *Records) Observations() []Observation {
	if x.reader == nil {
		return nil
	}
	slices.SortStableFunc(x.reader.out, func(a, b Observation) int { return a.Time.Compare(b.Time) })
	return x.reader.out
}

// eventReader turns events into observations, one record after the other.
type eventReader struct {
	out      []Observation
	rec      *trace.Record
	sessions map[uint32]*session
	asked    map[string][]string // pairs that wait for a quick mode, by peer
	text     []byte
}

// session is what the reader remembers of an ISAKMP SA.
type session struct {
	offered    string // the suite under comparison
	unknown    bool   // XAUTH is, of the server
	challenged bool   // it asks for more than a name and a password
	asked      bool   // AAA, for the key of the peer's group
	name       string // that the peer presents in aggressive mode, without a key
	aggressive bool
	proven     bool // message 5 or 6 is being read, and its identity was
	up         bool
	gaveUp     bool // retransmissions are over
	nodes      map[uint32]*quick
	made       string // the pair of the SAs made last
	refusals   int    // index+1 of the refusal that waits for its pair
}

// quick is a quick mode under a message ID.
type quick struct {
	initiator bool
	pair      string
}

func (r *eventReader) session() *session {
	s := r.sessions[r.rec.SA]
	if s == nil {
		s = &session{nodes: make(map[uint32]*quick)}
		r.sessions[r.rec.SA] = s
	}
	return s
}

func (s *session) node(id uint32) *quick {
	n := s.nodes[id]
	if n == nil {
		n = &quick{}
		s.nodes[id] = n
	}
	return n
}

// add appends an observation with what the record's context says.
func (r *eventReader) add(o Observation) {
	rec := r.rec
	o.Peer, o.Local = rec.Remote.Addr().Unmap(), rec.Local.Addr().Unmap()
	o.Time, o.Session = rec.Time, uint64(rec.SA)
	o.Aggressive = o.Phase == Phase1 && r.aggressive()
	if o.Role == RoleUnknown {
		o.Role = roleOf(rec.Role)
	}
	o.Evidence = Evidence{Time: rec.Time, Text: r.words()}
	r.out = append(r.out, o)
}

// aggressive says whether the record's SA is made in aggressive mode.
func (r *eventReader) aggressive() bool {
	switch r.rec.State {
	case trace.AGNoState, trace.AGInitExch, trace.AGAuth:
		r.session().aggressive = true
	}
	return r.rec.SA != 0 && r.session().aggressive
}

func roleOf(r trace.Role) Role {
	switch r {
	case trace.RoleInitiator:
		return Initiator
	case trace.RoleResponder:
		return Responder
	}
	return RoleUnknown
}

// words are what IOS's debug says of the record: its telling line, for the
// others lead up to it. Events without words are shown as the recorder has them.
func (r *eventReader) words() string {
	ios := trace.IOS{ISAKMP: true, IPsec: true}
	r.text = ios.Append(r.text[:0], r.rec)
	lines := strings.FieldsFunc(string(r.text), func(c rune) bool { return c == '\n' })
	for _, l := range lines {
		if l = strings.TrimSpace(l); telling(l) {
			return l
		}
	}
	return string(trace.AppendText(nil, r.rec))
}

// telling says whether a line says more than what it belongs to.
func telling(line string) bool {
	for _, empty := range []string{"ISAKMP: received ke message", "Input = ", "asking for 1 spis", "set new node"} {
		if strings.Contains(line, empty) {
			return false
		}
	}
	return line != ""
}

func (r *eventReader) read(rec *trace.Record) {
	r.rec = rec
	switch e := rec.Event.(type) {
	case *trace.Transition:
		r.transition(e)
	case *trace.Retransmitting:
		r.retransmitting(e)
	case *trace.DuplicateReceived:
		r.duplicate(e)
	case *trace.PacketDropped:
		r.dropped(e)
	case *trace.PayloadMalformed:
		r.malformed(e)
	case *trace.SADeleting:
		r.deleting(e.Reason)
	case *trace.NotifyReceived:
		r.notified(e)
	case *trace.DPDUnanswered:
		r.add(Observation{Kind: DPDUnanswered, Phase: PhaseLife})
	case *trace.DPDReceived:
		if e.Ack {
			r.add(Observation{Kind: DPDAnswered, Phase: PhaseLife})
		}
	case *trace.PeerDead:
		r.add(Observation{Kind: PeerDead, Phase: PhaseLife})
	case *trace.DeleteReceived:
		r.add(Observation{Kind: DeleteReceived, Phase: phaseOf(e.Protocol), Authentic: true})
	case *trace.InitialContactReceived:
		if e.Removed > 0 {
			r.add(Observation{Kind: InitialContactSeen, Phase: Phase1, Authentic: true})
		}
	case *trace.InvalidSPIReceived:
		r.add(Observation{Kind: InvalidSPI, Phase: PhaseLife})
	case *trace.ClearTextReceived:
		r.add(Observation{Kind: ClearTextSeen, Phase: PhaseData, Count: 1, Detail: e.Src.String() + " - " + e.Dst.String()})
	case *trace.DynamicEntryRefused:
		r.add(Observation{Kind: AdmissionLimit, Phase: Phase2, Message: 1})
	case *trace.LocalAddressChanged:
		if !e.To.IsValid() {
			r.add(Observation{Kind: InterfaceDown, Place: e.Interface})
		}
	case *trace.NameNotResolved:
		r.add(Observation{Kind: NameUnknown, Detail: e.Name})
	case *trace.NameResolved:
		r.add(Observation{Kind: NameKnown, Detail: e.Name})
	case *trace.ResponderLifetime:
		r.add(Observation{Kind: LifetimeShorter, Phase: PhaseLife})
	default:
		if !r.readPhase1(rec.Event) && !r.readClient(rec.Event) {
			r.readPhase2(rec.Event)
		}
	}
}

func phaseOf(p isakmp.ProtocolID) Phase {
	if p == isakmp.ProtocolISAKMP {
		return Phase1
	}
	return Phase2
}

// phase1Steps are the messages that a state was entered with, and which way
// they went. Message 5 of a responder is not taken before its state holds.
var phase1Steps = map[trace.State]struct {
	kind    Kind
	message int
}{
	trace.StateIMM1: {MessageSent, 1}, trace.StateIMM2: {MessageReceived, 2}, trace.StateIMM3: {MessageSent, 3},
	trace.StateIMM4: {MessageReceived, 4}, trace.StateIMM5: {MessageSent, 5}, trace.StateIMM6: {MessageReceived, 6},
	trace.StateRMM1: {MessageReceived, 1}, trace.StateRMM2: {MessageSent, 2}, trace.StateRMM3: {MessageReceived, 3},
	trace.StateRMM4: {MessageSent, 4},
	trace.StateIAM1: {MessageSent, 1}, trace.StateRAM2: {MessageSent, 2},
}

func (r *eventReader) transition(e *trace.Transition) {
	if e.From == e.To || e.Input == trace.InputProcessError {
		return
	}
	if e.Node != 0 {
		r.quickStep(e)
		return
	}
	if e.To == trace.StateRAM2 {
		r.add(Observation{Kind: MessageReceived, Phase: Phase1, Message: 1})
	}
	if step, ok := phase1Steps[e.To]; ok {
		r.add(Observation{Kind: step.kind, Phase: Phase1, Message: step.message})
		return
	}
	if e.To == trace.StateP1Complete && !r.session().up {
		r.session().up = true
		r.add(Observation{Kind: Phase1Up, Phase: Phase1})
	}
}

// quickStep is a step of quick mode. A responder's SAs count when the peer has
// confirmed them.
func (r *eventReader) quickStep(e *trace.Transition) {
	n := r.session().node(e.Node)
	switch e.To {
	case trace.StateQMIQM1:
		n.initiator = true
		r.add(Observation{Kind: MessageSent, Phase: Phase2, Message: 1, Role: Initiator, Pair: n.pair})
	case trace.StateQMRQM2:
		n.pair = r.session().made
		r.add(Observation{Kind: MessageSent, Phase: Phase2, Message: 2, Role: Responder, Pair: n.pair})
	case trace.StateQMPhase2Complete:
		if n.initiator || n.pair == "" {
			n.pair = r.session().made
		}
		r.add(Observation{Kind: Phase2Up, Phase: Phase2, Role: n.role(), Pair: n.pair})
	}
}

func (n *quick) role() Role {
	if n.initiator {
		return Initiator
	}
	return Responder
}

// retransmitting is one more sending, or the last try that was not made.
func (r *eventReader) retransmitting(e *trace.Retransmitting) {
	if e.Node != 0 {
		n := r.session().node(e.Node)
		message := 2
		if n.initiator {
			message = 1
		}
		r.add(Observation{Kind: Retransmitted, Phase: Phase2, Message: message, Role: n.role(), Pair: n.pair})
		return
	}
	r.add(Observation{Kind: Retransmitted, Phase: Phase1, Message: r.lastSent()})
}

// lastSent is our last message of phase 1, as the state tells it.
func (r *eventReader) lastSent() int {
	initiator := r.rec.Role == trace.RoleInitiator
	switch r.rec.State {
	case trace.MMNoState, trace.AGNoState:
		if initiator {
			return 1
		}
		return 2
	case trace.AGInitExch:
		if initiator {
			return 1
		}
		return 2
	case trace.AGAuth:
		return 2
	case trace.MMSASetup:
		if initiator {
			return 3
		}
		return 2
	case trace.MMKeyExch:
		if initiator {
			return 5
		}
		return 4
	}
	return 0
}

// duplicate is the peer's last message again: it lacks our answer to it.
func (r *eventReader) duplicate(e *trace.DuplicateReceived) {
	if e.Node != 0 {
		n := r.session().node(e.Node)
		message := 1
		if n.initiator {
			message = 2
		}
		r.add(Observation{Kind: DuplicateSeen, Phase: Phase2, Message: message, Role: n.role(), Pair: n.pair})
		return
	}
	message := max(r.lastSent()-1, 0)
	if r.rec.State == trace.QMIdle && r.aggressive() {
		message = 3
		if r.rec.Role == trace.RoleInitiator {
			message = 2
		}
	} else if r.rec.State == trace.QMIdle {
		message = 5
		if r.rec.Role == trace.RoleInitiator {
			message = 6
		}
	}
	r.add(Observation{Kind: DuplicateSeen, Phase: Phase1, Message: message})
}

// deleting is the end of an ISAKMP SA, with its reason as IOS words it.
func (r *eventReader) deleting(reason trace.Reason) {
	detail := reason.String()
	switch reason {
	case trace.ReasonRetransmission:
		r.session().gaveUp = true
		r.add(Observation{Kind: GaveUp, Phase: Phase1, Message: r.lastSent(), Detail: detail})
	case trace.ReasonUnanswered, trace.ReasonUnconfirmed:
		message := 1
		if reason == trace.ReasonUnconfirmed {
			message = 2
		}
		r.add(Observation{Kind: GaveUp, Phase: Phase2, Message: message, Detail: detail})
	case trace.ReasonLifetime:
		r.add(Observation{Kind: LifetimeEnded, Phase: PhaseLife, Detail: detail})
	case trace.ReasonUserCommand:
		r.add(Observation{Kind: OperatorCleared, Phase: PhaseLife, Detail: detail})
	case trace.ReasonEvicted:
		r.add(Observation{Kind: AdmissionLimit, Phase: Phase1, Detail: detail})
	case trace.ReasonProfile:
		r.add(Observation{Kind: IdentityRefused, Phase: Phase1, Message: 6, Authentic: true})
	case trace.ReasonProfileKey:
		r.add(Observation{Kind: KeyMissing, Phase: Phase1, Message: 5, Detail: "in the keyrings of the ISAKMP profile that its identity matches"})
	}
	r.clientEnded(reason)
	r.add(Observation{Kind: SADeleted, Phase: Phase1, Detail: detail})
}

// notified is a notify of the peer. Those of dead peer detection and of
// lifetimes have events of their own.
func (r *eventReader) notified(e *trace.NotifyReceived) {
	switch e.Type {
	case isakmp.NotifyRUThere, isakmp.NotifyRUThereAck, isakmp.NotifyResponderLifetime, isakmp.NotifyInitialContact,
		isakmp.NotifyReplayStatus, isakmp.NotifyConnected:
		return
	case isakmp.NotifyInvalidSPI:
		if e.Protected {
			r.add(Observation{Kind: InvalidSPITold, Phase: PhaseLife, Authentic: true, Detail: e.Type.String()})
			return
		}
	}
	phase := Phase1
	if r.session().up && !ofCertificates(e.Type) {
		phase = Phase2
	}
	r.add(Observation{Kind: NotifyReceived, Phase: phase, Detail: e.Type.String(), Authentic: e.Protected})
}
