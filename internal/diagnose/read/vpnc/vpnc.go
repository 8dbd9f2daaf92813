// Package vpnc reads what vpnc prints, the client of Cisco's concentrators: its
// one line of failure, and what --debug 1, 2 and 3 add.
//
// A run of vpnc is one negotiation in aggressive mode with one gateway, whose
// address it does not print. Errors that it finds itself are printed as if the
// gateway had told them.
//
// It must know no file and no clock. The files: vpnc.go and phrases.go.
package vpnc

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is vpnc.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "vpnc",
		Marks:   []string{"vpnc:", "vpnc version", "vpnc["},
		Phrases: read.Join(stages, failures, tunnel, quiet),
		New:     func() any { return &memory{} },
		Begin: func(x *read.Context) {
			if x.Session == nil {
				fresh(x)
			}
		},
	}
}

// memory is what is remembered of a run.
type memory struct {
	notify string // the error in the last packet that was dumped
	nat    bool
	quick  bool
	user   bool // the user is being asked for
	done   bool // the failure has been told
}

func of(x *read.Context) *memory { return x.Memory.(*memory) }

// fresh is the start of a run.
func fresh(x *read.Context) {
	*of(x) = memory{}
	s := x.Fresh("run")
	s.Role = diagnose.Initiator
}

func p1(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: message, Attr: diagnose.AttrGroupName}
}

// step tells messages of aggressive mode up to these, of which none was told.
func step(x *read.Context, sent, received int) {
	s := x.Session
	if s.Up {
		return
	}
	if s.Received < received {
		s.Received = received
		o := p1(diagnose.MessageReceived, received)
		o.Attr, o.Detail = "", diagnose.InAggressiveMode
		x.Tell(o)
	}
	if s.Sent < sent {
		s.Sent = sent
		o := p1(diagnose.MessageSent, sent)
		o.Attr, o.Detail = "", diagnose.InAggressiveMode
		x.Tell(o)
	}
}

// up is a phase 1 that holds: what comes after it needs it.
func up(x *read.Context, _ *read.Match) {
	s := x.Session
	step(x, 3, 2)
	if !s.Up {
		s.Up = true
		x.Tell(diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1})
	}
}

func at(sent, received int) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) { step(x, sent, received) }
}

// silent is a message that is not answered, at whatever stage.
func silent(x *read.Context, _ *read.Match) {
	m, s := of(x), x.Session
	o := diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1}
	switch {
	case m.quick:
		o.Phase, o.Message = diagnose.Phase2, 1
	case s.Sent >= 3 && m.nat:
		// the first messages on UDP 4500 are those behind aggressive mode
		for _, o := range []diagnose.Observation{p1(diagnose.MessageReceived, 4), p1(diagnose.MessageSent, 5)} {
			o.Attr = ""
			x.Tell(o)
		}
		x.Tell(diagnose.Observation{Kind: diagnose.PortsFloated, Phase: diagnose.Phase1})
		o.Message = 5
	default:
		step(x, 1, 0)
		o.Message = s.Sent
	}
	x.Tell(o)
}

// name reads the notify in "(ISAKMP_N_NO_PROPOSAL_CHOSEN)(14)".
func name(text string) string {
	_, rest, ok := strings.Cut(text, "ISAKMP_N_")
	if !ok { // the first releases print the bare name behind a colon
		rest = strings.TrimSpace(text[strings.LastIndexByte(text, ':')+1:])
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') })
	if end >= 0 {
		rest = rest[:end]
	}
	return strings.ReplaceAll(rest, "_", "-")
}

// dumped keeps the error of a packet that a dump shows.
func dumped(x *read.Context, _ *read.Match) {
	if n := name(string(x.Text)); n != "" && !strings.HasPrefix(n, "IPSEC-") && !strings.HasPrefix(n, "CISCO-") && !strings.HasPrefix(n, "R-U-") {
		of(x).notify = n
	}
}

// invalid is an answer to the first message that is none. A notify instead of
// aggressive mode's second message is told as INVALID_EXCHANGE_TYPE, whatever it
// says.
func invalid(x *read.Context, _ *read.Match) {
	m := of(x)
	n := name(string(x.Text))
	if n == "INVALID-EXCHANGE-TYPE" {
		if n = m.notify; n == "" {
			n = diagnose.UnnamedError
		}
	}
	step(x, 1, 0)
	o := p1(diagnose.NotifyReceived, 1)
	o.Detail = n
	x.Tell(o)
}

// hashDiffers is the gateway's proof that does not hold: the group's key, or the
// group, is another one.
func hashDiffers(x *read.Context, _ *read.Match) {
	step(x, 1, 2)
	x.Tell(p1(diagnose.HashMismatch, 2))
}

// refused is an error behind phase 1.
func refused(phase diagnose.Phase) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		up(x, hit)
		n := name(string(x.Text))
		if phase == diagnose.PhaseConfig {
			x.Tell(diagnose.Observation{Kind: diagnose.XauthRejected, Phase: phase, Attr: diagnose.AttrUnknown, Detail: "the gateway answers " + n})
			return
		}
		m := of(x)
		m.quick = true
		if m.done {
			return // a notice has said why
		}
		if m.done = true; n == "INVALID-MESSAGE-ID" || n == "INVALID-EXCHANGE-TYPE" || n == "INVALID-PAYLOAD-TYPE" {
			n = "NO-PROPOSAL-CHOSEN" // vpnc's own word for an answer that is a notify
		}
		x.Tell(diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: phase, Detail: n, Authentic: true})
	}
}

// notice is an error that ends the run, at whatever stage.
func notice(x *read.Context, hit *read.Match) {
	if of(x).quick || x.Session.Up {
		refused(diagnose.Phase2)(x, hit)
		return
	}
	o := p1(diagnose.NotifyReceived, 1)
	o.Detail = name(string(x.Text))
	if x.Session.Sent >= 3 {
		o.Attr, o.Message = "", 3
	}
	x.Tell(o)
}
