package ike

import "qmidle/internal/trace"

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
		if o.remote == s.opened && o.remote != s.remote {
			s.e.movePeer(s.pair(), s, s.party(), o.remote, s.remote)
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
