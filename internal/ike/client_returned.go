package ike

import (
	"cmp"
	"net/netip"
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// A client that renews its ISAKMP SA right after the NAT before it has forgotten it
// comes from another port, as another login. By its user alone it cannot be known: he
// may have two devices behind one NAT. It is known by what only the client of the old
// login has: a packet under the old SAs from the new port, a quick mode for what the
// old login protects, or, at the latest, by having come alone when the old ISAKMP SA
// is over.

// bare are the logins between two addresses that have nothing yet which another might
// not have: each may turn out to be the renewal of another. The oldest comes first.
func (e *Engine) bare(ends addrPair) (list []*login) {
	for _, s := range e.byAddrs[ends] {
		l := s.login()
		if l == nil || l.begun || l.address.IsValid() || !s.up() || slices.Contains(list, l) || len(l.children()) > 0 {
			continue
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *login) int { return cmp.Compare(a.Session, b.Session) })
	return list
}

// follows says whether l, which is bare, may be what the client of o has begun anew.
func (l *login) follows(o *login) bool {
	return o != nil && l != o && l.User == o.User && l.Group == o.Group
}

// at says whether an ISAKMP SA or a pair of a login is with a place.
func (l *login) at(place netip.AddrPort) bool {
	for _, s := range l.isakmpSAs() {
		if s.remote == place {
			return true
		}
	}
	for _, c := range l.children() {
		if c.remote == place {
			return true
		}
	}
	return false
}

// reunite makes the login of who has moved from one place to another one with what
// has begun there. It returns that login; nil for none.
func (e *Engine) reunite(ends addrPair, from, to netip.AddrPort) *login {
	for _, l := range e.bare(ends) {
		if !l.at(to) {
			continue
		}
		for _, s := range e.byAddrs[ends] {
			if o := s.login(); l.follows(o) && o.at(from) {
				o.absorb(l)
				return o
			}
		}
	}
	return nil
}

// absorb makes the ISAKMP SAs of a bare login o's own.
func (o *login) absorb(l *login) {
	e := o.e
	for _, s := range l.isakmpSAs() {
		s.access.login = o
		o.sas++
		l.sas--
	}
	e.dropLogin(l)
	l.tell(SessionEnded)
}

// claim makes s's login one with that which protects what s's peer asks for, if that
// can only be its own.
func (s *sa) claim(remote policy.Proxy) {
	l := s.login()
	if l == nil || !slices.Contains(s.e.bare(s.pair()), l) {
		return
	}
	for _, other := range s.e.byAddrs[s.pair()] {
		if o := other.login(); l.follows(o) && o.protects(remote) {
			s.inherit(o, other.remote)
			return
		}
	}
}

// inherit makes s's login one with an older one, whose SAs follow to where s is.
func (s *sa) inherit(o *login, from netip.AddrPort) {
	o.absorb(s.login())
	if from != s.remote && s.local.Port() == isakmp.PortNATT {
		s.e.movePeer(s.local, s, s.party(), from, s.remote)
	}
}

// protects says whether a proxy is a login's: its address, or what a pair of it has.
func (o *login) protects(remote policy.Proxy) bool {
	if o.address.IsValid() && remote.Lo == o.address && remote.Hi == o.address {
		return true
	}
	for _, c := range o.children() {
		if policy.SameProxy(c.remoteProxy, remote) {
			return true
		}
	}
	return false
}

// uses says whether a login has something of the connection with a tag.
func (l *login) uses(tag uint32) bool {
	for _, x := range l.children() {
		if x.conn == tag {
			return true
		}
	}
	for _, s := range l.isakmpSAs() {
		for _, n := range s.nodes {
			if n.conn != nil && n.conn.Tag == tag {
				return true
			}
		}
	}
	return false
}

// heir is the ISAKMP SA of the only login that may be what l's client has begun anew;
// nil for none, where there are several, and for what was ended on purpose.
func (l *login) heir() (heir *sa) {
	if !outlives(l.cause) {
		return nil
	}
	for _, o := range l.e.bare(l.ends()) {
		if !o.follows(l) {
			continue
		}
		if heir != nil {
			return nil
		}
		for _, s := range o.isakmpSAs() {
			if s.up() {
				heir = s
			}
		}
	}
	return heir
}

// outlives says whether what a client has may go on after its last ISAKMP SA ended so.
func outlives(cause trace.Reason) bool {
	switch cause {
	case trace.ReasonLifetime, trace.ReasonPeerDead, trace.ReasonPeerDeleted, trace.ReasonReplaced:
		return true
	}
	return false
}
