package strongswan

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// implied are lines that show how far a negotiation came, where the log has none of
// the parser: charon's levels are set by subsystem.
var implied = []read.Phrase{
	{Text: "received {XAuth|DPD|Cisco Unity|FRAGMENTATION|NAT-T (RFC 3947)|strongSwan|unknown} vendor ID", Do: answered},
	{Text: "local host is behind NAT, sending keep alives", Do: natAt("here")},
	{Text: "remote host is behind NAT", Do: natAt("peer")},
	{Text: "faking NAT situation to enforce UDP encapsulation", Do: natAt("peer")},
	{Text: "received end entity cert {rest}", Do: shown},
	{Text: "=> match: {rest}", Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			stateOf(s).matches++
		}
	}},
}

// imply tells messages of phase 1 up to these, of which none was logged.
func imply(x *read.Context, sent, received int) {
	s := x.Session
	if s == nil || s.Up || stateOf(s).parsed {
		return
	}
	o := diagnose.Observation{Phase: diagnose.Phase1}
	if s.Aggressive {
		o.Detail = diagnose.InAggressiveMode
	}
	if s.Received < received {
		s.Received = received
		o.Kind, o.Message = diagnose.MessageReceived, received
		x.Tell(o)
	}
	if s.Sent < sent {
		s.Sent = sent
		o.Kind, o.Message = diagnose.MessageSent, sent
		x.Tell(o)
	}
	stateOf(s).last = x.Quote()
}

// answered is what the peer's second message says.
func answered(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil && s.Role == diagnose.Initiator && !stateOf(s).v2 {
		imply(x, 1, 2)
	}
}

// shown is the peer's proof.
func shown(x *read.Context, _ *read.Match) {
	s := x.Session
	switch {
	case s == nil || s.Aggressive || stateOf(s).v2:
	case s.Role == diagnose.Responder:
		imply(x, 4, 5)
	case s.Role == diagnose.Initiator:
		imply(x, 5, 6)
	}
}

// natAt is a NAT, which the public values come with. An initiator goes on to UDP 4500
// then, whether its packets are logged or not.
func natAt(where string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		s := x.Session
		switch {
		case s == nil || s.Aggressive:
		case s.Role == diagnose.Responder && !stateOf(s).v2:
			imply(x, 4, 3)
		case s.Role == diagnose.Initiator:
			imply(x, 5, 4)
		}
		x.Tell(diagnose.Observation{Kind: diagnose.NATFound, Phase: diagnose.Phase1, Detail: where})
		if s != nil && s.Role == diagnose.Initiator && !s.Up && !stateOf(s).parsed {
			floated(x, s)
		}
	}
}

// takeAddress is the answer to the question for an address, which may have none.
func (m message) takeAddress(x *read.Context) {
	s := x.Session
	switch {
	case m.sent && m.request && m.hasPrefix("CPRQ(ADDR"):
		if s != nil {
			stateOf(s).asks = true
		}
		x.Tell(diagnose.Observation{Kind: diagnose.ConfigAsked, Phase: diagnose.PhaseConfig})
	case s != nil && stateOf(s).asks && !m.sent && !m.request:
		stateOf(s).asks = false
		if !strings.Contains(strings.Join(m.payloads, " "), "ADDR") {
			stateOf(s).homeless = true
			x.Tell(noAddressGiven)
		}
	}
}
