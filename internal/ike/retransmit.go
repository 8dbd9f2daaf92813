package ike

import (
	"time"

	"qmidle/internal/trace"
)

func timesTries(c *Config) time.Duration { return time.Duration(c.tries() + 1) }

// startRetransmission repeats the last phase 1 message until the peer answers
// or the tries are over.
func (s *sa) startRetransmission() {
	s.attempts = 0
	s.e.timers.set(&s.retry, s.e.now.Add(s.e.cfg.interval()))
}

// retryDue is the retry timer: a retransmission of phase 1, its end, the renewal
// of an SA that is up, or the purge of a dead one.
func (s *sa) retryDue(now time.Time) {
	if s.dead {
		s.purge()
		return
	}
	if s.up() {
		s.renewalDue(now)
		return
	}
	limit := s.e.cfg.tries()
	if s.attempts >= limit {
		s.emit(&trace.Retransmitting{Attempt: uint8(s.attempts), Max: uint8(limit)})
		s.deleteSA(trace.ReasonRetransmission)
		return
	}
	s.attempts++
	s.e.stats.Retransmits++
	s.emit(&trace.Retransmitting{Attempt: uint8(s.attempts), Max: uint8(limit)})
	s.emit(&trace.ErrorCounted{What: trace.ErrorRetransmitPhase1, Attempt: uint8(s.attempts), Max: uint8(limit)})
	s.send(s.lastOut, 0)
	s.e.timers.set(&s.retry, now.Add(s.e.cfg.interval()))
}

// duplicate answers a retransmission of the peer from the last reply, with no
// change of state, a bounded number of times.
func (s *sa) duplicate() {
	s.e.stats.Dropped[trace.DropDuplicate]++
	s.emit(&trace.DuplicateReceived{})
	if s.lastOut == nil || s.replays >= maxReplays {
		return
	}
	s.replays++
	s.e.stats.Retransmits++
	s.send(s.lastOut, 0)
}
