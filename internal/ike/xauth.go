package ike

import (
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// XAUTH has a user log in behind phase 1. Whether it will is agreed in phase 1: by
// an authentication method of its own, which stands for a pre-shared key and the
// promise of a user (draft-beaulieu-ike-xauth-02 section 6.2).

// proofOf is the method by which the peers themselves are proven.
func proofOf(auth isakmp.AuthMethod) isakmp.AuthMethod {
	switch auth {
	case isakmp.AuthXAUTHInitPSK, isakmp.AuthXAUTHRespPSK:
		return isakmp.AuthPSK
	case isakmp.AuthXAUTHInitRSA, isakmp.AuthXAUTHRespRSA:
		return isakmp.AuthRSASig
	}
	return auth
}

// logIn says whether clients are asked for a user.
func (c *Clients) logIn() bool { return c != nil && c.Authentication != "" }

// usersLogIn says whether users of peers log in at this end: those of the peer's
// profile, or of a crypto map with our address where there is none.
func (s *sa) usersLogIn() bool {
	if s.profile != nil && s.profile.Clients != nil {
		return s.profile.Clients.logIn()
	}
	return s.e.conns.users[s.local.Addr()]
}

// mayLogIn is usersLogIn before the peer's profile is known: in main mode that of any
// may turn out to be the peer's.
func (s *sa) mayLogIn() bool {
	if s.aggressive {
		return s.usersLogIn()
	}
	return s.usersLogIn() || slices.ContainsFunc(s.e.cfg.Profiles, func(p *Profile) bool { return p.Clients.logIn() })
}

// logsIn says whether we have a user for the peer.
func (s *sa) logsIn() bool {
	how := s.e.cfg.aggressiveWith(s.remote.Addr(), s.profile)
	return how != nil && how.XAUTH
}

// offersMethod says whether an offer that is not made of policies has a method.
func (s *sa) offersMethod(m isakmp.AuthMethod) bool {
	how := s.e.cfg.aggressiveWith(s.remote.Addr(), s.profile)
	return how != nil && slices.ContainsFunc(how.Offer, func(t isakmp.Transform) bool { return policy.ParseIKEOffer(t).Auth == m })
}

// asPolicy is an offer with the method that policies know in the place of XAUTH's,
// where XAUTH's is acceptable: from an initiator that has a user, where users log in
// here. Of an answer it must be the one that we offered. An initiator that asks for a
// user of ours finds none.
func (s *sa) asPolicy(o policy.IKEOffer) policy.IKEOffer {
	initiator := s.role == trace.RoleInitiator
	switch {
	case initiator && s.logsIn() && o.Auth != isakmp.AuthXAUTHInitPSK && !s.offersMethod(o.Auth):
		o.Auth = 0
	case o.Auth == isakmp.AuthXAUTHInitPSK && (initiator && s.logsIn() || !initiator && s.mayLogIn()):
		o.Auth = isakmp.AuthPSK
	case o.Auth == isakmp.AuthXAUTHInitRSA && !initiator && s.mayLogIn():
		o.Auth = isakmp.AuthRSASig
	}
	return o
}

// needsUser says whether phase 1 alone opens nothing: a user has to log in behind
// it. An end where users log in asks all peers for one, whatever method was agreed,
// but those whose key says no-xauth.
func (s *sa) needsUser() bool {
	if s.suite.Auth != proofOf(s.suite.Auth) {
		return true
	}
	return s.role == trace.RoleResponder && s.usersLogIn() && !s.handshake.key.NoXAuth
}
