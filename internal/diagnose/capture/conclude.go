package capture

import (
	"fmt"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

// goneOn is how long a capture must go on after a message before its having no
// answer means anything.
const goneOn = 30 * time.Second

// concludeSession tells of a negotiation, now that it is known how it ended.
func (r *reader) concludeSession(s *session) {
	s.missingPieces()
	up := s.succeeded()
	view := s.view()
	for i := range s.events {
		r.tellEvent(s, &s.events[i], view)
	}
	for _, o := range s.offers {
		r.tell(s.c, s.from, s.seen[1].at, "offered: "+o.suite, diagnose.Observation{Kind: diagnose.PolicyHere, Phase: diagnose.Phase1, Session: s.id,
			Detail: o.suite, Attr: s.exchangeWord(), Standing: true})
	}
	switch {
	case up.number > 0:
		r.tell(s.c, s.from, up, "phase 1 is over", diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1, Session: s.id, Role: diagnose.Initiator})
	case s.refused.number > 0:
		r.tellMethod(s)
		r.tellRefusal(s)
	case s.max > 0 && r.over(s):
		role := diagnose.Responder
		if view == s.from {
			role = diagnose.Initiator
		}
		r.tell(s.c, view, s.last, "no more of this negotiation", diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: s.max, Session: s.id, Role: role,
			Detail: s.exchangeWord()})
	}
	r.traversal(s)
	for _, q := range s.quicks {
		r.concludeQuick(s, q)
	}
	r.unansweredQuestions(s)
}

// missingPieces notices a message in fragments of IKE's own that never became
// whole, and after which nothing came.
func (s *session) missingPieces() {
	p := s.pieces
	if p == nil || s.up || p.at.number < s.last.number && s.max > p.max {
		return
	}
	s.note(event{kind: fragmentLost, phase: diagnose.Phase1, from: p.from, at: p.at,
		text: fmt.Sprintf("%s > %s: a message in fragments of IKE, of which %d came and some are missing", s.addr(p.from), s.addr(1-p.from), p.count)})
}

func (s *session) exchangeWord() string {
	if s.exchange == isakmp.ExchangeAggressive {
		return diagnose.InAggressiveMode
	}
	return ""
}

// succeeded returns where phase 1 came up; no place where it did not, or where
// that does not show.
func (s *session) succeeded() place {
	switch {
	case s.up:
		return s.upAt
	case s.refused.number > 0 || s.notified > 0:
		return place{}
	case s.exchange == isakmp.ExchangeAggressive && s.max == 3 && !s.middle:
		return s.seen[3].at
	case s.max == 6 && s.seen[5].times < 2:
		return s.seen[6].at
	}
	return place{}
}

// view is the end that is left waiting: who was told of a failure, or has no
// answer to its last message. What passed the capture and led to nothing is told
// from its sender's view.
func (s *session) view() int {
	other := 1 - s.from
	switch {
	case s.up:
		return s.from
	case s.refused.number > 0:
		return 1 - s.refuser
	case s.notified > 0:
		return s.notified - 1
	case s.max == 2, s.max == 4, s.max == 6 && s.seen[5].times > 1:
		return other
	}
	return s.from
}

// over says whether a negotiation has ended, rather than the capture: it was
// refused, the same end has begun another one, or the capture goes on.
func (r *reader) over(s *session) bool {
	if s.notified > 0 || r.result.Last.Sub(s.last.time) > goneOn {
		return true
	}
	for _, x := range s.c.sessions {
		if x != s && x.from == s.from && x.first.number > s.last.number && x.first.time.Sub(s.first.time) > answerTime {
			return true
		}
	}
	return false
}

// tellEvent tells of an event from the view of an end.
func (r *reader) tellEvent(s *session, e *event, view int) {
	o := diagnose.Observation{Phase: e.phase, Message: e.message, Session: s.id, Detail: e.detail, Offered: e.offered, Authentic: e.auth, Role: diagnose.Responder}
	if view == s.from {
		o.Role = diagnose.Initiator
	}
	mine := e.from == view
	switch e.kind {
	case sentFirst:
		o.Kind, o.Detail = diagnose.MessageReceived, s.exchangeWord()
		if mine {
			o.Kind = diagnose.MessageSent
		}
	case sentAgain:
		o.Kind = diagnose.DuplicateSeen
		if mine {
			o.Kind = diagnose.Retransmitted
		}
	case told:
		o.Kind = diagnose.NotifyReceived
		if mine {
			o.Kind = diagnose.NotifySent
		}
	case malformed:
		if mine {
			return
		}
		o.Kind = diagnose.Malformed
	case floated:
		o.Kind = diagnose.PortsFloated
	case natFound:
		o.Kind, o.Detail = diagnose.NATFound, s.natDetail(view)
	case identity:
		if mine {
			return
		}
		o.Kind = diagnose.IdentitySeen
	case fragmentLost:
		o.Kind = diagnose.FragmentLost
	case wrongChoice:
		o.Kind, o.Role = diagnose.OfferRefused, diagnose.Initiator
	}
	r.tell(s.c, view, e.at, e.text, o)
}

func (s *session) natDetail(view int) string {
	switch {
	case s.nat[0] && s.nat[1]:
		return "both"
	case s.nat[view]:
		return "here"
	}
	return "peer"
}

// tellRefusal tells of an encrypted message that can only be a refusal.
func (r *reader) tellRefusal(s *session) {
	o := diagnose.Observation{Kind: diagnose.RefusedUnread, Phase: diagnose.Phase1, Message: s.max, Session: s.id, Role: diagnose.Responder}
	if s.refuser != s.from {
		o.Role = diagnose.Initiator
	}
	r.tell(s.c, 1-s.refuser, s.refused, "an encrypted informational message of "+s.addr(s.refuser).String()+" instead of what should come next", o)
}

// tellMethod tells that the ends prove themselves by signatures, where they do: what
// refuses a proof is another thing then.
func (r *reader) tellMethod(s *session) {
	suite := diagnose.SuiteOf(isakmp.AppendAttributeList(nil, s.chosen))
	if o := diagnose.Accepted(suite); o.Offered == diagnose.Signatures {
		o.Session = s.id
		r.tell(s.c, s.from, s.seen[2].at, "chosen: "+suite, o)
	}
}

// traversal tells where a NAT is between two ends that do not both do NAT-T, or
// do not use it.
func (r *reader) traversal(s *session) {
	if s.middle || s.seen[1].times == 0 || s.seen[2].times == 0 {
		return
	}
	nat := s.nat[0] || s.nat[1] || s.port != 0
	o := diagnose.Observation{Kind: diagnose.NATTMissing, Phase: diagnose.Phase1, Session: s.id, Role: diagnose.Initiator}
	at := s.seen[2].at
	switch {
	case !nat:
		return
	case !s.natt[s.from] && !s.natt[1-s.from]:
		o.Detail = "neither end offers NAT-T"
	case !s.natt[s.from]:
		o.Detail = s.addr(s.from).String() + " does not offer NAT-T"
	case !s.natt[1-s.from]:
		o.Detail = s.addr(1-s.from).String() + " does not offer NAT-T"
	case s.max >= 5 && !s.float:
		o.Detail, at = "both ends offer NAT-T, and "+s.addr(s.from).String()+" stays at UDP 500", s.seen[5].at
	default:
		return
	}
	r.tell(s.c, s.from, at, o.Detail, o)
}

// concludeQuick tells of a quick mode or a transaction.
func (r *reader) concludeQuick(s *session, q *quick) {
	here, there := q.from, 1-q.from
	if q.exchange == isakmp.ExchangeTransaction {
		if n := len(q.again[1]); n > 1 && q.max < 2 {
			r.tell(s.c, here, q.again[1][n-1], q.where+": no answer", diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig, Session: s.id})
		}
		return
	}
	say := func(end int, at place, text string, k diagnose.Kind, message int, detail string) {
		role := diagnose.Initiator
		if end != here {
			role = diagnose.Responder
		}
		pair := q.pair
		if end != here {
			pair = diagnose.Flip(pair)
		}
		r.tell(s.c, end, at, q.where+text, diagnose.Observation{Kind: k, Phase: diagnose.Phase2, Message: message, Session: s.id, Role: role, Pair: pair, Detail: detail, Authentic: true})
	}
	waiting, message := here, 1
	switch {
	case q.max >= 3:
		say(here, q.seen[3].at, ", message 3", diagnose.Phase2Up, 0, "")
		return
	case q.max == 2:
		waiting, message = there, 2
	}
	if q.seen[1].times > 0 {
		say(here, q.seen[1].at, ", message 1", diagnose.MessageSent, 1, "")
	}
	for _, at := range q.again[message] {
		say(waiting, at, ", message again", diagnose.Retransmitted, message, "")
	}
	if message == 2 {
		for _, at := range q.again[1] {
			say(waiting, at, ", message 1 again", diagnose.DuplicateSeen, 1, "")
		}
	}
	last := q.seen[message].at
	switch {
	case q.told:
		say(waiting, last, ", refused", diagnose.QuickFailed, message, "")
	case q.refused.number > 0 && message == 1:
		say(here, q.refused, ": an encrypted notify comes instead of an answer", diagnose.QuickFailed, 1, diagnose.RefusedByNotify)
	case r.result.Last.Sub(last.time) > goneOn && !(message == 2 && r.espAfter(s.c, last)):
		say(waiting, last, ": nothing came of it", diagnose.GaveUp, message, "")
	}
}

// espAfter says whether new SAs are in use since: then the last message of a
// quick mode is missing in the capture only.
func (r *reader) espAfter(c *conversation, at place) bool {
	for _, f := range c.flows {
		if f.first.number > at.number {
			return true
		}
	}
	return false
}

// enoughQuestions is how many messages without an answer are no accident.
const enoughQuestions = 3

// unansweredQuestions tells of encrypted messages of one size to which nothing
// comes, which are dead peer detection as a rule.
func (r *reader) unansweredQuestions(s *session) {
	for from, q := range s.infos {
		if q.count < enoughQuestions || s.c.heard[1-from].number > q.first.number {
			continue
		}
		for range min(q.count, maxAgain) {
			r.tell(s.c, from, q.last, s.addr(from).String()+" asks, and nothing comes from "+s.addr(1-from).String(),
				diagnose.Observation{Kind: diagnose.DPDUnanswered, Phase: diagnose.PhaseLife, Session: s.id})
		}
	}
}
