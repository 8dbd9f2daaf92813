package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/trace"
)

func timesTries(c *Config) time.Duration { return time.Duration(c.tries() + 1) }

// recently is how soon a message is not sent again: a duplicate that comes by
// then was made by the network, or crossed what answers it, and to answer it
// would double with every message of the exchange. IOS does so; the time is ours.
const recently = time.Second

// skips says whether a message is not to go again yet. It went at a time in
// nanoseconds of Unix, which keep an SA small.
func (s *sa) skips(node uint32, sent int64) bool {
	since := time.Duration(s.e.now.UnixNano() - sent)
	if since < 0 || since >= recently {
		return false
	}
	s.emit(&trace.RetransmissionSkipped{Node: node, Milliseconds: uint32(since.Milliseconds())})
	return true
}

// startRetransmission repeats the last phase 1 message until the peer answers
// or the tries are over.
func (s *sa) startRetransmission() {
	s.attempts = 0
	s.e.timers.set(&s.retry, s.e.now.Add(s.e.cfg.interval()))
}

// retryDue is the retry timer: a retransmission of phase 1, its end, the renewal
// of an SA that is up, its first quick mode, or the purge of a dead one.
func (s *sa) retryDue(now time.Time) {
	if s.dead {
		s.purge()
		return
	}
	if s.up() && len(s.waiting) > 0 {
		s.startWaiting()
		s.startRenewal()
		return
	}
	if s.complete() {
		s.renewalDue(now)
		return
	}
	limit := s.e.cfg.tries()
	if int(s.attempts) >= limit {
		s.emit(&trace.Retransmitting{Attempt: uint8(s.attempts), Max: uint8(limit)})
		s.deleteSA(trace.ReasonRetransmission)
		return
	}
	s.attempts++
	if !s.mayResend() {
		s.e.timers.set(&s.retry, now.Add(s.e.cfg.interval()))
		return
	}
	s.e.stats.Retransmits++
	s.emit(&trace.Retransmitting{Attempt: uint8(s.attempts), Max: uint8(limit)})
	s.emit(&trace.ErrorCounted{What: trace.ErrorRetransmitPhase1, Attempt: uint8(s.attempts), Max: uint8(limit)})
	if !s.skips(0, s.sentAt) {
		s.repeatPhase1()
	}
	s.e.timers.set(&s.retry, now.Add(s.e.cfg.interval()))
}

// duplicate answers a retransmission of the peer from the last reply, with no
// change of state, a bounded number of times.
func (s *sa) duplicate(from netip.AddrPort) {
	s.e.stats.Dropped[trace.DropDuplicate]++
	s.emit(&trace.DuplicateReceived{})
	if s.lastOut == nil || s.replays >= maxReplays || s.skips(0, s.sentAt) {
		return
	}
	s.replays++
	s.e.stats.Retransmits++
	s.answerTo(from, s.repeatPhase1)
	if s.aggressive && s.up() {
		s.repeatBehind()
	}
}

// answerTo sends to where a duplicate came from: a NAT may have given the peer
// another port, which only a message that is new can prove for good.
func (s *sa) answerTo(from netip.AddrPort, send func()) {
	at := s.remote
	s.remote = from
	send()
	s.remote = at
}
