package ike

import (
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// A client renews its ISAKMP SA itself, by a whole phase 1 and XAUTH: vpnc when
// four fifths of it are over, without mode config. Its login goes on.

// goOn goes on with a login that had begun before: what is there of it follows to
// where the client has floated. vpnc waits for one more message; it is told the
// lifetime, which begins anew.
func (s *sa) goOn() {
	if !s.access.login.begun {
		return
	}
	for _, o := range s.predecessors() {
		if o.remote == s.opened() && o.remote != s.remote {
			s.e.movePeer(s.local, s, s.party(), o.remote, s.remote)
			break
		}
	}
	s.tellLifetime()
}

// predecessors are the older ISAKMP SAs of s's login.
func (s *sa) predecessors() (list []*sa) {
	l := s.login()
	if l == nil {
		return nil
	}
	for _, o := range l.isakmpSAs() {
		if o != s && o.order < s.order && o.up() {
			list = append(list, o)
		}
	}
	return list
}

// meansPredecessors ends those instead of s, which its peer has deleted, where it
// still has pairs. vpnc does so when it has renewed: it names the new SA, and goes
// on to use it. Who logs out deletes his pairs first.
func (s *sa) meansPredecessors() bool {
	older := s.predecessors()
	if len(older) == 0 || len(s.login().children()) == 0 {
		return false
	}
	for _, o := range older {
		o.deleteSA(trace.ReasonPeerDeleted)
	}
	return true
}

const (
	// answerDelay is what lies between two messages of vpnc's, with room to spare.
	answerDelay = 300 * time.Millisecond
	// clockSlack is how much earlier a client may have begun to count.
	clockSlack = 3 * time.Second
	// wakeUp is how long vpnc may sleep by its defaults, with room to spare.
	wakeUp = 330 * time.Second
)

// awaitsRenewal says whether s's client may renew it at any moment, so that nothing
// is sent to it that it has not asked for. vpnc looks whether four fifths of an
// ISAKMP SA's life are over when it wakes, and takes for message 2 what woke it.
func (s *sa) awaitsRenewal() bool {
	l := s.login()
	if l == nil || !l.forgetful {
		return false
	}
	due := s.e.timers.time(s.established + (s.expires-s.established)*4/5)
	return !s.e.now.Before(due.Add(-clockSlack)) && s.e.now.Before(due.Add(wakeUp))
}

// answerLater answers dead peer detection when message 2 would have gone: a question
// of its own wakes vpnc too.
func (s *sa) answerLater() {
	x := s.access
	x.answer.owner = then(func(time.Time) { s.sendDPD(isakmp.NotifyRUThereAck, s.dpd.peerSeq) })
	s.e.timers.set(&x.answer, s.e.now.Add(answerDelay))
}
