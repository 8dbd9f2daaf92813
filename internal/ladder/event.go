package ladder

import (
	"fmt"
	"strings"

	"qmidle/internal/trace"
)

// event takes what is no message: a note, or something about a message.
func (s *section) event(rec *trace.Record) {
	switch e := rec.Event.(type) {
	case *trace.DuplicateReceived:
		s.duplicate(rec, e.Node)
	case *trace.DPDUnanswered:
		if s.lastAsked != nil {
			s.lastAsked.Unanswered = true
		}
	case *trace.MessageFragmented:
		s.fragmented(e)
	case *trace.DeleteSending:
		s.deletes[e.MessageID] = deleted(e.Protocol.String(), e.SPI)
	case *trace.DeleteReceived:
		if s.last != nil && !s.last.Sent {
			s.last.Detail = deleted(e.Protocol.String(), e.SPI)
		}
	case *trace.PayloadMalformed:
		s.broken = fmt.Sprintf("%s payload: %s", e.Payload, e.Kind)
	default:
		if !s.negotiation(rec) && !s.client(rec) && !s.ending(rec) {
			s.surroundings(rec)
		}
	}
}

func deleted(protocol string, spi uint32) string {
	if spi == 0 {
		return protocol
	}
	return fmt.Sprintf("%s %08X", protocol, spi)
}

// duplicate is a rung without contents: the message that came last came again.
func (s *section) duplicate(rec *trace.Record, node uint32) {
	f := s.flows[node]
	if f == nil {
		f = &flow{}
		s.flows[node] = f
	}
	m := &Message{ID: node, Again: true, Label: "?", Payloads: []string{}, LocalState: rec.State.String(), phase1: node == 0}
	if f.in != nil {
		m.Label, m.number, m.Exchange, m.Encrypted = f.in.Label, f.in.number, f.in.Exchange, f.in.Encrypted
	}
	s.last = m
	s.Steps = append(s.Steps, Step{Time: rec.Time, Message: m})
}

func (s *section) fragmented(e *trace.MessageFragmented) {
	if !e.Sent {
		s.fragments = e.Count
		return
	}
	if s.last != nil && s.last.Sent {
		s.last.Fragments = e.Count
	}
}

// note adds a note, or counts one that is there already. The first failure is
// where the exchange failed.
func (s *section) note(rec *trace.Record, level Level, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if level == Failure && s.failedAt == "" && s.last != nil {
		s.failedAt = s.last.Label
	}
	if n := len(s.Steps); n > 0 {
		if last := s.Steps[n-1].Note; last != nil && last.Text == text {
			last.Times++
			return
		}
	}
	s.Steps = append(s.Steps, Step{Time: rec.Time, Note: &Note{Level: level, Text: text, Times: 1}})
}

// negotiation notes what was decided about offers and proofs. It is false for an
// event of another kind.
func (s *section) negotiation(rec *trace.Record) bool {
	switch e := rec.Event.(type) {
	case *trace.KeyLookup:
		if !e.Found {
			s.note(rec, Failure, "no pre-shared key for %s", e.Peer)
		}
	case *trace.IKETransformRefused:
		s.refusals = append(s.refusals, fmt.Sprintf("transform %d, policy %d: %s", e.Number, e.Priority, ikeRefusal(e)))
	case *trace.IKETransformJudged:
		if e.Accepted {
			s.refusals = nil
		}
	case *trace.Phase1PolicyRefused:
		s.tellRefusals(rec)
		text := "no transform fits a policy"
		if e.DefaultWouldMatch {
			text += ", but the built-in one, which is off"
		}
		s.note(rec, Failure, "%s", text)
	case *trace.IPsecTransformRefused:
		s.refusals = append(s.refusals, ipsecRefusal(e))
	case *trace.IPsecProposalInvalidated, *trace.Phase2PolicyRefused:
		s.tellRefusals(rec)
	case *trace.ModeFailure:
		s.tellRefusals(rec)
		s.note(rec, Failure, "%s failed", e.Exchange)
		if s.up {
			s.Outcome, s.FailedAt = QuickFailed, s.lastQuick
		}
	case *trace.AuthenticationFailed:
		s.note(rec, Failure, "the HASH is not the one that our %s gives", e.Method)
	case *trace.Authenticated:
		s.note(rec, Good, "the peer is authenticated")
	case *trace.IPsecSACreated:
		if !e.Inbound {
			s.Outcome, s.FailedAt, s.failedAt, s.refusals = Up, "", "", nil
			s.note(rec, Good, "IPsec SAs are up, outbound SPI %08X", e.SPI)
		}
	default:
		return false
	}
	return true
}

// client notes the login of a user and what his client gets. It is false for an
// event of another kind.
func (s *section) client(rec *trace.Record) bool {
	switch e := rec.Event.(type) {
	case *trace.UserNeeded:
		s.note(rec, Plain, "a user has to log in")
	case *trace.UserJudged:
		switch {
		case e.Accepted:
			s.note(rec, Good, "user %s has logged in", plain(e.User))
		case e.Challenged:
			s.note(rec, Plain, "AAA asks user %s for more", plain(e.User))
		default:
			s.note(rec, Failure, "user %s is refused: %s (try %d of %d)", plain(e.User), e.Refusal, e.Try, e.Max)
		}
	case *trace.XAUTHStatusReceived:
		if e.OK {
			s.note(rec, Good, "the server takes our user")
		} else {
			s.note(rec, Failure, "the server refuses our user")
		}
	case *trace.AddressAllocated:
		s.note(rec, Good, "the client gets %s", e.Address)
	case *trace.ClientConfigured:
		s.note(rec, Good, "the server gives us %s", e.Address)
	case *trace.ClientRefused:
		s.note(rec, Failure, "the client gets nothing: %s", e.Refusal)
	default:
		return false
	}
	return true
}

// plain is a peer's text without what could do something to a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, text)
}

// maxRefusals bounds the notes of one negotiation: an offer may have many
// transforms.
const maxRefusals = 6

func (s *section) tellRefusals(rec *trace.Record) {
	for i, text := range s.refusals {
		if i == maxRefusals {
			s.note(rec, Failure, "and %d more", len(s.refusals)-i)
			break
		}
		s.note(rec, Failure, "%s", text)
	}
	s.refusals = nil
}

// ending notes transitions, drops and ends.
func (s *section) ending(rec *trace.Record) bool {
	switch e := rec.Event.(type) {
	case *trace.Transition:
		if e.Node == 0 && e.To == trace.StateP1Complete && e.From != e.To && !e.From.Complete() {
			s.up, s.Outcome, s.failedAt = true, Up, ""
			s.note(rec, Good, "phase 1 is up")
		}
	case *trace.PacketDropped:
		s.dropped(rec, e)
	case *trace.NodeDeleted:
		if e.Error && e.Reason == trace.NodeRetransmission {
			f := s.flows[e.Node]
			f.missed()
			if f != nil && f.prefix == "TM" {
				s.note(rec, Failure, "the transaction had no answer")
				return true
			}
			s.note(rec, Failure, "quick mode had no answer")
			s.Outcome, s.FailedAt = QuickFailed, s.lastQuick
		}
	case *trace.PeerDead:
		s.note(rec, Failure, "the peer is dead: no answer to dead peer detection")
	case *trace.SADeleting:
		s.deleting(rec, e)
	case *trace.IPsecSADeleted:
		if e.Inbound {
			s.note(rec, Plain, "IPsec SAs end, inbound SPI %08X: %s", e.SPI, e.Reason)
		}
	case *trace.RequestFailed:
		s.note(rec, Failure, "nothing can be sent: %s", e.Reason)
	default:
		return false
	}
	return true
}

// failAt notes that an exchange failed at its last message.
func (s *section) failAt(f *flow) {
	if s.failedAt == "" && f != nil {
		s.failedAt = f.lastName
	}
}

func (s *section) deleting(rec *trace.Record, e *trace.SADeleting) {
	level, outcome := Plain, Ended
	switch {
	case !s.up:
		level, outcome = Failure, Failed
		s.failAt(s.flows[0])
	case e.Reason == trace.ReasonPeerDead || e.Reason == trace.ReasonUnanswered || e.Reason == trace.ReasonRetransmission:
		level, outcome = Failure, Dead
	}
	if e.Reason == trace.ReasonRetransmission {
		s.flows[0].missed()
	}
	s.Outcome, s.FailedAt = outcome, ""
	s.note(rec, level, "ISAKMP SA deleted: %s", e.Reason)
	if outcome == Failed {
		s.FailedAt = s.failedAt
	}
}

func (s *section) dropped(rec *trace.Record, e *trace.PacketDropped) {
	text := e.Reason.String()
	if s.broken != "" {
		text = s.broken
	} else if e.Payload != 0 {
		text = fmt.Sprintf("%s (%s payload)", text, e.Payload)
	}
	s.broken = ""
	level := Warning
	if s.SA != 0 && !s.up && s.last != nil && !s.last.Sent {
		level = Failure
	}
	switch e.Reason {
	case trace.DropUnauthenticated:
		s.note(rec, Warning, "in clear, so that nobody can prove it: ignored")
		return
	case trace.DropState, trace.DropDuplicate, trace.DropReplay, trace.DropMessageID, trace.DropFragment, trace.DropLimit:
		level = Warning
	}
	subject := "dropped: "
	if s.SA == 0 || s.last == nil || s.last.Sent {
		subject = "a message of " + e.Exchange.String() + " was dropped: "
	}
	s.note(rec, level, "%s%s", subject, text)
}

// surroundings notes what is about the path and the traffic.
func (s *section) surroundings(rec *trace.Record) {
	switch e := rec.Event.(type) {
	case *trace.NATDetected:
		if text := natText(e); text != "" {
			s.note(rec, Plain, "%s", text)
		}
	case *trace.PortsFloated:
		s.note(rec, Plain, "the ports are now %d here and %d there", e.LocalPort, e.RemotePort)
	case *trace.InitialContactReceived:
		if e.Removed > 0 {
			s.note(rec, Plain, "initial contact: %d older SAs are dropped", e.Removed)
		}
	case *trace.FragmentsMissing:
		text := fmt.Sprintf("%d of %d fragments came", e.Have, e.Count)
		if e.Count == 0 {
			text = "the last of its fragments did not come"
		}
		s.note(rec, Warning, "a message is incomplete: %s", text)
	case *trace.InvalidSPIReceived:
		s.note(rec, Warning, "ESP came for SPI %08X, which is not there", e.SPI)
	case *trace.ClearTextReceived:
		s.note(rec, Warning, "a packet from %s to %s came in clear: dropped", e.Src, e.Dst)
	}
}

func natText(e *trace.NATDetected) string {
	switch {
	case e.LocalBehindNAT && e.RemoteBehindNAT:
		return "a NAT is in front of either end"
	case e.LocalBehindNAT:
		return "a NAT is in front of this end"
	case e.RemoteBehindNAT:
		return "a NAT is in front of the peer"
	}
	return ""
}

// describe makes the payloads of a message, as data and as they are drawn.
func (m *Message) describe(c *trace.Contents) {
	for kind, count := range c.Payloads.All() {
		name, plain := drawnPayload(kind, c.Notify)
		for range count {
			m.Payloads = append(m.Payloads, plain)
		}
		if count > 1 {
			name += "x" + itoa(count)
		}
		m.drawn = append(m.drawn, name)
	}
}
