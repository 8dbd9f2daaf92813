// Package racoon reads what racoon prints, the daemon of KAME and ipsec-tools:
// on BSD and Linux, in pfSense's first releases, in macOS and in Android. MikroTik's
// RouterOS has grown from it and prints much of the same, and is read here too.
//
// Most of its lines name no peer: they belong to the negotiation that was named
// last.
//
// It must know no file and no clock. The files: racoon.go (lines and
// negotiations), phase1.go, phase2.go and more.go.
package racoon

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is racoon and its descendants.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "racoon",
		Marks:   []string{"racoon", "ipsec,error", "ipsec,info", "ipsec,debug", "ipsec, debug"},
		Phrases: read.Join(phase1, keys, phase2, life, local, remoteAccess, certificates, macos, quiet),
		New:     func() any { return &memory{} },
		Begin:   begin,
		End:     end,
	}
}

// memory is what is remembered of a log.
type memory struct {
	verdict *diagnose.Evidence // "no suitable proposal found", until it is clear of which phase
	peer    netip.Addr         // that stands before the text, as in RouterOS
	// fatal is a notify of which it is not clear yet of which phase it is.
	fatal *diagnose.Observation
}

func of(x *read.Context) *memory { return x.Memory.(*memory) }

// ike is what is remembered of a negotiation.
type ike struct {
	aggressive bool
	quick      bool // this end has begun a quick mode
	unread     bool
	told       bool // an error has been told
	kernel     bool // it refuses the keys of the quick mode at hand
	pair       string
	last       diagnose.Evidence
}

func stateOf(s *read.Session) *ike {
	if s.Memory == nil {
		s.Memory = &ike{}
	}
	return s.Memory.(*ike)
}

// begin finds the peer that RouterOS prints before its text, and settles what a
// verdict was about when the next line does not say so.
func begin(x *read.Context) {
	m := of(x)
	text := string(x.Text)
	if m.verdict != nil && !strings.Contains(text, "failed to") && !strings.Contains(text, "no proposal chosen") && !strings.Contains(text, "fatal") {
		settle(x, x.Session != nil && (x.Session.Up || stateOf(x.Session).quick))
	}
	if m.fatal != nil && !strings.Contains(text, "notification message") {
		m.tellFatal(x)
	}
	m.peer = netip.Addr{}
	for _, mark := range []string{"ipsec,error ", "ipsec,info ", "ipsec,debug ", "ipsec, debug ", "ipsec,debug,packet ", "ipsec,error,ipsec "} {
		if _, rest, ok := strings.Cut(text, mark); ok {
			word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			m.peer = read.Addr(word)
			break
		}
	}
	if m.peer.IsValid() {
		of(x).use(x, m.peer)
	}
}

// tellFatal tells the notify that was held back: it is of phase 1, as far as the
// log says.
func (m *memory) tellFatal(x *read.Context) {
	o := *m.fatal
	m.fatal = nil
	if s := x.Session; s != nil {
		stateOf(s).told = true
	}
	tell(x, o)
}

// use makes the last negotiation with a peer that of the line.
func (m *memory) use(x *read.Context, peer netip.Addr) {
	if s := x.Session; s != nil && s.Peer == peer {
		return
	}
	if s := x.Find(func(s *read.Session) bool { return s.Peer == peer }); s != nil {
		x.Session = s
		return
	}
	s := x.Fresh("with " + peer.String())
	x.SetPeer(s, peer, netip.Addr{})
}

func tell(x *read.Context, o diagnose.Observation) {
	if s := x.Session; s != nil {
		st := stateOf(s)
		st.last = x.Quote()
		if o.Phase == diagnose.Phase2 && o.Pair == "" {
			o.Pair = st.pair
		}
	}
	x.Tell(o)
}

func says(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, hit *read.Match) { tell(x, x.Fill(hit)) }}
}

func p1(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: message}
}

func p2(kind diagnose.Kind, message int, role diagnose.Role) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: message, Role: role}
}

// step tells messages up to these, of which none was told.
func step(x *read.Context, sent, received int) {
	s := x.Session
	if s == nil || s.Up {
		return
	}
	if s.Received < received {
		s.Received = received
		tell(x, message(s, diagnose.MessageReceived, received))
	}
	if s.Sent < sent {
		s.Sent = sent
		tell(x, message(s, diagnose.MessageSent, sent))
	}
}

// message is one of phase 1, with its mode.
func message(s *read.Session, kind diagnose.Kind, number int) diagnose.Observation {
	o := p1(kind, number)
	if stateOf(s).aggressive {
		o.Detail = diagnose.InAggressiveMode
	}
	return o
}

// end tells what was held back.
func end(x *read.Context) {
	m := of(x)
	if m.verdict != nil {
		settle(x, false)
	}
	if m.fatal != nil {
		m.tellFatal(x)
	}
	x.Find(func(s *read.Session) bool {
		st := stateOf(s)
		if !s.Up && !st.told && s.Sent+s.Received >= 2 {
			x.Session = s
			o := p1(diagnose.GaveUp, s.Sent)
			o.Detail, o.Evidence = diagnose.LogEnds, st.last
			x.Tell(o)
		}
		return false
	})
}
