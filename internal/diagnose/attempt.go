package diagnose

import (
	"slices"

	"qmidle/internal/trace"
)

// maxMessage is the greatest number of a message that an Attempt counts.
const maxMessage = 9

// Attempt is one negotiation of phase 1: how far it came, and who repeated
// what.
type Attempt struct {
	Part
	Session  uint64
	Role     Role
	Sent     int // the greatest message that went out
	Received int // the greatest that came in and was taken
	// Resent counts how often we sent a message again, Repeated how often the
	// peer did.
	Resent, Repeated [maxMessage + 1]int
	Over             bool // it was given up or deleted
	Floated          bool // to UDP 4500
	NAT              bool // one was found
	Cut              bool // it is over only because the log ends
	Aggressive       bool
}

// lastAttempt returns the last negotiation that has shown how it goes: it was
// given up, or one end has repeated a message.
func lastAttempt(p Part) *Attempt {
	var order []uint64
	by := make(map[uint64]*Attempt)
	for _, o := range p {
		if !o.ofNegotiation() {
			continue
		}
		a := by[o.Session]
		if a == nil {
			a = &Attempt{Session: o.Session}
			by[o.Session] = a
			order = append(order, o.Session)
		}
		a.take(o)
	}
	var last *Attempt
	for i := len(order) - 1; i >= 0; i-- {
		a := by[order[i]]
		a.imply()
		switch {
		case !a.telling():
		case last == nil:
			last = a
		case last.deadRow() && a.listed() && !a.Over:
			return a // the SA that stands in the same table
		}
		if last != nil && !last.deadRow() {
			return last
		}
	}
	return last
}

// listed says whether nothing is known but what a table of SAs says; deadRow,
// that it is a row of an SA that is deleted.
func (a *Attempt) listed() bool  { return len(a.Of(StateSeen)) == len(a.Part) }
func (a *Attempt) deadRow() bool { return a.listed() && a.Over }

// ofNegotiation says whether o tells how a negotiation of phase 1 went.
func (o *Observation) ofNegotiation() bool {
	switch o.Kind {
	case MessageSent, MessageReceived, Retransmitted, DuplicateSeen, GaveUp, StateSeen:
		return o.Phase == Phase1
	case SADeleted:
		return o.Phase == Phase1 && o.Session != 0
	case NATFound, PortsFloated:
		return true
	}
	return false
}

// ownWill are reasons of an SA's end that say nothing about the peer.
var ownWill = []string{trace.ReasonUserCommand.String(), trace.ReasonShutdown.String(), trace.ReasonReconfigured.String(),
	trace.ReasonReplaced.String(), trace.ReasonInitialContact.String()}

// imply takes what must have gone before where a log does not show it: who sends a
// message has received the one before it.
func (a *Attempt) imply() {
	if a.Sent > a.Received {
		a.Received = a.Sent - 1
		return
	}
	a.Sent = max(a.Sent, a.Received-1)
}

func (a *Attempt) take(o *Observation) {
	a.Part = append(a.Part, o)
	if o.Role != RoleUnknown {
		a.Role = o.Role
	}
	a.Aggressive = a.Aggressive || o.Aggressive
	n := max(0, min(o.Message, maxMessage))
	switch o.Kind {
	case MessageSent:
		a.Sent = max(a.Sent, n)
	case MessageReceived:
		a.Received = max(a.Received, n)
	case Retransmitted:
		a.Sent = max(a.Sent, n)
		a.Resent[n]++
	case DuplicateSeen:
		a.Received = max(a.Received, n)
		a.Repeated[n]++
	case GaveUp:
		a.Cut = o.Detail == LogEnds && !a.Over
		a.Over = true
	case SADeleted:
		a.Over = a.Over || !slices.Contains(ownWill, o.Detail)
	case NATFound:
		a.NAT = true
	case PortsFloated:
		a.NAT, a.Floated = true, true
	case StateSeen:
		a.reached(o)
	}
}

// PortsUnsaid is the Detail of a message in a log that tells neither ports nor NATs.
const PortsUnsaid = "the log says nothing of ports"

// wordless says whether the source may be silent of a NAT that was found.
func (a *Attempt) wordless() bool {
	return !a.NAT && (a.listed() || len(a.About(PortsUnsaid)) > 0)
}

// orPort adds a port that is blocked to what looks the same, where that may be so.
func (a *Attempt) orPort(others ...Cause) []Cause {
	if a.wordless() {
		others = append(others, NATT4500Blocked)
	}
	return others
}

// reached reads how far it came from a state of `show crypto isakmp sa`: what
// was done to come there.
func (a *Attempt) reached(o *Observation) {
	sent, received := 0, 0
	switch o.Detail {
	case "MM_NO_STATE":
		sent, received = 1, 0
		if o.Role == Responder {
			sent, received = 0, 1
		}
	case "MM_WAIT_MSG2", "AM_WAIT_MSG2":
		sent, received = 1, 0
	case "MM_WAIT_MSG3":
		sent, received = 2, 1
	case "MM_WAIT_MSG4":
		sent, received = 3, 2
	case "MM_WAIT_MSG5":
		sent, received = 4, 3
	case "MM_WAIT_MSG6":
		sent, received = 5, 4
	case "AG_NO_STATE":
		a.Aggressive = true
		sent, received = 1, 0
		if o.Role == Responder {
			sent, received = 0, 1
		}
	case "AG_INIT_EXCH":
		a.Aggressive = true
		sent, received = 1, 2
		if o.Role == Responder {
			sent, received = 2, 1
		}
	case "MM_SA_SETUP":
		sent, received = 3, 2
		if o.Role == Responder {
			sent, received = 2, 1
		}
	case "MM_KEY_EXCH", DeletedWithKeys:
		sent, received = 5, 4
		if o.Role == Responder {
			sent, received = 4, 3
		}
	}
	a.Sent, a.Received = max(a.Sent, sent), max(a.Received, received)
	a.Over = a.Over || o.Attr == attrDead
}

// DeletedWithKeys is the state of an SA in a table that was deleted with keys. Whether
// it was up before, nothing tells.
const DeletedWithKeys = "deleted with keys"

// Marks of the state of an SA that is deleted: for what the peer did or did not
// do, and for reasons of this end.
const (
	attrDead  = "deleted"
	attrEnded = "ended"
)

// telling says whether the negotiation has shown how it goes. A state that stood
// in a table says so by itself: nobody looks at a table before something is
// amiss.
func (a *Attempt) telling() bool {
	if a.listed() {
		return a.Sent+a.Received > 0
	}
	if a.Over {
		return a.Sent+a.Received > 0
	}
	for n := range a.Resent {
		if a.Resent[n]+a.Repeated[n] > 0 {
			return true
		}
	}
	return false
}
