package ike

import (
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// access is remote access under one ISAKMP SA: the user's login and the client's
// configuration, from the end of phase 1 until quick mode may begin. The gate is
// sa.up, which is false until the user has passed.
type access struct {
	passed     bool      // the user has logged in
	identifier uint16    // of XAUTH's messages, all of which have the same one
	tries      int       // of the user, and of a client's operator
	rounds     int       // of a dialogue, tries included
	deadline   time.Time // of the user's answer
	node       *node     // the exchange that is under way; nil for none
	withdraw   func()    // takes the open question back; nil for none
	patience   timer     // a client's, with a server that says nothing
	answer     timer     // to a question of dead peer detection that waits
	login      *login    // the server's; nil before one is asked about

	dialogue []byte // of the challenge that the user is to answer

	wanted        []isakmp.AttributeType // of the request that waits for AAA
	configID      uint16                 // its identifier
	asked         bool                   // a client has asked for its address under this SA
	withoutDemand bool                   // nobody has asked: the server sets
	forgetful     bool                   // login.forgetful
}

// The limits of a login.
const (
	maxTries  = 3
	maxRounds = 12 // of all requests of one XAUTH
)

// remoteAccess returns s's remote access, made if need be.
func (s *sa) remoteAccess() *access {
	if s.access == nil {
		s.access = &access{}
	}
	return s.access
}

// passed says whether s's user has logged in, or none has to.
func (s *sa) passed() bool { return !s.xauth || s.access != nil && s.access.passed }

// complete says whether phase 1 is over, so that the keys protect what follows:
// informational messages and transactions go, and quick mode where the user has
// logged in.
func (s *sa) complete() bool {
	return !s.dead && s.handshake == nil && s.state.Complete()
}

// clients is how our end treats clients; nil is that there are none.
func (s *sa) clients() *Clients {
	if s.profile != nil && s.profile.Clients != nil {
		return s.profile.Clients
	}
	return s.e.conns.clients[s.local.Addr()]
}

// question asks for a client and remembers how to take the question back.
func (s *sa) question(q Ask, resume func(Answer)) {
	x := s.access
	x.withdraw = s.e.ask(q, s.e.cfg.aaaTimeout(), func(a Answer) {
		x.withdraw = nil
		resume(a)
	})
}

// withdrawQuestion takes back what s has asked for a client.
func (s *sa) withdrawQuestion() {
	if x := s.access; x != nil && x.withdraw != nil {
		x.withdraw()
		x.withdraw = nil
	}
}

// endAccess gives back what s holds of remote access.
func (s *sa) endAccess() {
	x := s.access
	if x == nil {
		return
	}
	s.e.timers.clear(&x.patience)
	s.e.timers.clear(&x.answer)
	x.node = nil
	x.forget()
	if l := x.login; l != nil {
		x.login = nil
		l.leave(s)
	}
	s.unconfigure()
}

// forget drops what only a request needed.
func (x *access) forget() {
	clear(x.dialogue)
	x.dialogue, x.wanted = nil, nil
}

// follow goes on behind phase 1: with XAUTH, or at once.
func (s *sa) follow() {
	switch {
	case !s.xauth:
		s.openAccess()
	case s.role == trace.RoleResponder:
		s.startXAUTH()
	default:
		s.awaitXAUTH()
	}
}

// openAccess goes on where the way to quick mode is free at last: the client's
// address is asked for or given, and what waited begins.
func (s *sa) openAccess() {
	switch {
	case s.role == trace.RoleInitiator && s.needsConfig():
		s.requestConfig()
		return
	case s.role == trace.RoleResponder && s.setsConfig():
		s.initiateConfig()
		return
	}
	s.show = trace.QMIdle
	if s.waitsToSettle() && len(s.waiting) > 0 {
		s.e.timers.set(&s.retry, s.e.now.Add(s.e.cfg.SettleTime))
	} else {
		s.startWaiting()
	}
	s.same(trace.Internal, trace.InputPhase1Complete)
}

// waitsToSettle says whether quick mode waits until the responder has had time for
// message 3 of aggressive mode, which nothing answers: strongSwan may look at what
// comes right behind it first, and ignores that.
func (s *sa) waitsToSettle() bool {
	return s.e.cfg.SettleTime > 0 && s.aggressive && s.role == trace.RoleInitiator && !s.xauth
}

// startWaiting begins the quick modes that waited for s.
func (s *sa) startWaiting() {
	waiting := s.waiting
	s.waiting = nil
	for _, r := range waiting {
		s.startQuickMode(r)
	}
}

// refuseClient ends an SA whose client is not let in, and tells it.
func (s *sa) refuseClient(reason trace.Reason) {
	s.sendDeleteISAKMP()
	s.deleteSA(reason)
}

// hasXAUTH says whether attributes of XAUTH are among some.
func hasXAUTH(list []isakmp.Attribute) bool {
	return slices.ContainsFunc(list, func(a isakmp.Attribute) bool { return isXAUTH(a.Type) })
}

func isXAUTH(t isakmp.AttributeType) bool { return t >= isakmp.XAUTHType && t <= isakmp.XAUTHAnswer }
