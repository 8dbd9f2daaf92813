package aaa

import (
	"net/netip"

	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// place is where a user is in from. A client that logs in anew from there takes no
// second one.
type place struct {
	group, user string
	from        netip.AddrPort
}

func placeOf(c ike.Client) place { return place{c.Group, c.User, c.Remote} }

// places count who is in, for the limits of groups.
type places struct {
	sessions map[place]int
	users    map[string]int    // places, by group
	logins   map[[2]string]int // places, by group and user
}

func newPlaces() places {
	return places{make(map[place]int), make(map[string]int), make(map[[2]string]int)}
}

// add counts a session more, or less, at a place.
func (x *places) add(p place, n int) {
	before := x.sessions[p]
	step(x.sessions, p, n)
	if after := before + n; (before == 0) != (after == 0) {
		step(x.users, p.group, n)
		step(x.logins, [2]string{p.group, p.user}, n)
	}
}

func step[K comparable](of map[K]int, key K, n int) {
	if of[key] += n; of[key] == 0 {
		delete(of, key)
	}
}

// room says whether a group has room for a client more.
func (s *Service) room(c ike.Client, g Group) trace.Refusal {
	own := 0
	if s.places.sessions[placeOf(c)] > 0 {
		own = 1
	}
	switch {
	case g.MaxUsers > 0 && s.places.users[c.Group]-own >= g.MaxUsers:
		return trace.RefusalMaxUsers
	case g.MaxLogins > 0 && c.User != "" && s.places.logins[[2]string{c.Group, c.User}]-own >= g.MaxLogins:
		return trace.RefusalMaxLogins
	}
	return trace.RefusalNone
}

func (s *Service) count(v *session) {
	if !v.counted {
		v.counted = true
		s.places.add(placeOf(v.Client), 1)
	}
}

func (s *Service) uncount(v *session) {
	if v.counted {
		v.counted = false
		s.places.add(placeOf(v.Client), -1)
	}
}

// fix notes the address that a session's user has of his own.
func (s *Service) fix(v *session, a netip.Addr) {
	s.unfix(v)
	v.fixed = a
	if s.fixed[a] == nil {
		s.fixed[a] = make(map[uint64]*session)
	}
	s.fixed[a][v.Session] = v
}

func (s *Service) unfix(v *session) {
	if !v.fixed.IsValid() {
		return
	}
	delete(s.fixed[v.fixed], v.Session)
	if len(s.fixed[v.fixed]) == 0 {
		delete(s.fixed, v.fixed)
	}
	v.fixed = netip.Addr{}
}
