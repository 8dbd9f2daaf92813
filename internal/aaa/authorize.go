package aaa

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// groupPassword is what IOS asks a server for a group with: the group's name and
// this word, which every server of IOS's knows.
var groupPassword = secret.FromString("cisco")

// authorization is a group that is being looked up: for a client, or for its key
// alone, of who may turn out to be one.
type authorization struct {
	s       *Service
	id      uint64
	ask     ike.AuthorizeClient
	keyOnly bool
	methods []Method
	at      int
}

func (s *Service) authorize(now time.Time, id uint64, ask ike.AuthorizeClient, fx *Effects) {
	s.session(ask.Client)
	s.lookUp(now, &authorization{s: s, id: id, ask: ask}, fx)
}

// maxGroupName is what a request to a server can carry: a longer name would be
// cut to another's.
const maxGroupName = 253

func (s *Service) findKey(now time.Time, id uint64, ask ike.FindGroupKey, fx *Effects) {
	a := &authorization{s: s, id: id, ask: ike.AuthorizeClient(ask), keyOnly: true}
	if len(ask.Group) > maxGroupName {
		a.refuse(now, trace.RefusalGroup, fx)
		return
	}
	s.lookUp(now, a, fx)
}

func (s *Service) lookUp(now time.Time, a *authorization, fx *Effects) {
	ask := &a.ask
	list, ok := s.list(s.cfg.Authorization, ask.List)
	s.record(now, context(ask.Client), &trace.AAAListPicked{Session: ask.Session, List: ask.List, Authorization: true, Exists: ok})
	if !ok {
		a.refuse(now, trace.RefusalNoList, fx)
		return
	}
	a.methods = list.Methods
	a.try(now, fx)
}

func (a *authorization) try(now time.Time, fx *Effects) {
	if a.at == len(a.methods) {
		a.refuse(now, trace.RefusalSilence, fx)
		return
	}
	switch m := a.methods[a.at]; m.Kind {
	case Local, LocalCase:
		g, ok := a.s.group(a.ask.Group)
		switch {
		case ok:
			a.allow(now, g, fx)
		case a.at+1 < len(a.methods):
			a.next(now, fx)
		default:
			a.refuse(now, trace.RefusalGroup, fx)
		}
	case Servers:
		a.tryServers(now, m, fx)
	case None:
		a.allow(now, Group{}, fx)
	default:
		a.next(now, fx)
	}
}

func (a *authorization) next(now time.Time, fx *Effects) {
	a.verdict(now, trace.AAAError, trace.RefusalNone)
	a.at++
	a.try(now, fx)
}

// group finds a local group, or the one of all others.
func (s *Service) group(name string) (Group, bool) {
	if g, ok := s.cfg.Groups[name]; ok {
		return g, true
	}
	g, ok := s.cfg.Groups[DefaultGroup]
	return g, ok
}

// tryServers asks for the group as if it were a user, as IOS does.
func (a *authorization) tryServers(now time.Time, m Method, fx *Effects) {
	s := a.s
	r := &request{
		client: context(a.ask.Client), session: a.ask.Session, secret: radius.Credentials{Password: groupPassword},
		build: func(*server) (*radius.Packet, error) {
			p := &radius.Packet{Code: radius.AccessRequest}
			p.AddText(radius.UserName, a.ask.Group)
			s.addClient(p, a.ask.Client)
			p.AddUint(radius.ServiceType, serviceOutbound)
			return p, nil
		},
	}
	r.done = func(now time.Time, reply *radius.Packet, from *server, fx *Effects) {
		a.answered(now, r, reply, from, fx)
	}
	s.ask(now, m.Group, r, fx)
}

func (a *authorization) answered(now time.Time, r *request, reply *radius.Packet, from *server, fx *Effects) {
	switch {
	case reply == nil:
		a.next(now, fx)
	case reply.Code == radius.AccessAccept:
		g := attributesOf(reply).Group
		if g.Key.IsZero() {
			g.Key = reply.TunnelSecret(r.packet, from.Key)
		}
		a.allow(now, g, fx)
	default:
		a.refuse(now, trace.RefusalGroup, fx)
	}
}

// allow lets the client in if its group and its user have room.
func (a *authorization) allow(now time.Time, g Group, fx *Effects) {
	if a.keyOnly {
		a.giveKey(now, g.Key, fx)
		return
	}
	if why := a.s.room(a.ask.Client, g); why != trace.RefusalNone {
		a.refuse(now, why, fx)
		return
	}
	if g.Policy.Interim == 0 {
		g.Policy.Interim = a.s.cfg.Interim
	}
	a.s.split(&g.Policy)
	if v := a.s.sessions[a.ask.Session]; v != nil { // it may have ended meanwhile
		a.s.count(v)
	}
	a.verdict(now, trace.AAAPass, trace.RefusalNone)
	fx.Answers = append(fx.Answers, Answered{a.id, ike.Authorized{Policy: g.Policy}})
}

// split adds the networks of the access list that a server names.
func (s *Service) split(p *ike.ClientPolicy) {
	if p.SplitName != "" && len(p.Split) == 0 && s.cfg.SplitList != nil {
		p.Split = s.cfg.SplitList(p.SplitName)
	}
}

// giveKey answers with a group's key. A group without one is none for phase 1.
func (a *authorization) giveKey(now time.Time, key secret.Secret, fx *Effects) {
	if key.IsZero() {
		a.refuse(now, trace.RefusalGroup, fx)
		return
	}
	a.verdict(now, trace.AAAPass, trace.RefusalNone)
	fx.Answers = append(fx.Answers, Answered{a.id, ike.GroupKey{Key: key}})
}

// same says whether two sessions are of one client, the later one instead of the
// former.
func same(a, b ike.Client) bool {
	return a.User == b.User && a.Group == b.Group && a.Remote == b.Remote
}

func (a *authorization) refuse(now time.Time, why trace.Refusal, fx *Effects) {
	a.verdict(now, trace.AAAFail, why)
	if a.keyOnly {
		fx.Answers = append(fx.Answers, Answered{a.id, ike.GroupKey{Refusal: why}})
		return
	}
	fx.Answers = append(fx.Answers, Answered{a.id, ike.Authorized{Refusal: why}})
}

func (a *authorization) verdict(now time.Time, v trace.AAAVerdict, why trace.Refusal) {
	method := ""
	if a.at < len(a.methods) {
		method = a.methods[a.at].Name
	}
	a.s.record(now, context(a.ask.Client), &trace.AAAAuthorization{Session: a.ask.Session, Group: a.ask.Group, Method: method, Verdict: v, Refusal: why})
}

// ownerOf is who an address is kept for: the user, else the client's address.
func ownerOf(c ike.Client) string {
	if c.User != "" {
		return c.Group + "\x00" + c.User
	}
	return c.Group + "\x00\x00" + c.Remote.Addr().String()
}

// allocate gives a client an address of a pool.
func (s *Service) allocate(now time.Time, ask ike.AllocateAddress, fx *Effects) ike.Allocated {
	name := ask.Pool
	if name == "" {
		name = s.cfg.DefaultPool
	}
	v := s.session(ask.Client)
	if v.fixed.IsValid() {
		return ike.Allocated{Session: ask.Session, Address: v.fixed}
	}
	p := s.pools[name]
	if p == nil {
		s.record(now, context(ask.Client), &trace.AddressRefused{Session: ask.Session, Pool: name, Refusal: trace.RefusalNoPool})
		return ike.Allocated{Session: ask.Session, Refusal: trace.RefusalNoPool}
	}
	a := s.again(p, ask.Client)
	if !a.IsValid() {
		a = p.allocate(now, ask.Session, ownerOf(ask.Client), ask.Wanted)
	}
	if !a.IsValid() {
		s.record(now, context(ask.Client), &trace.AddressRefused{Session: ask.Session, Pool: name, Refusal: trace.RefusalPoolEmpty})
		return ike.Allocated{Session: ask.Session, Refusal: trace.RefusalPoolEmpty}
	}
	s.holdIn(now, v, name, p, a, fx)
	return ike.Allocated{Session: ask.Session, Address: a}
}

// again is the address that the same client holds by an earlier session, which
// it now holds by this one too.
func (s *Service) again(p *pool, c ike.Client) netip.Addr {
	a, ok := p.owners[ownerOf(c)]
	if !ok || !p.leases[a].InUse {
		return netip.Addr{}
	}
	for _, id := range p.leases[a].sessions {
		if o := s.sessions[id]; o != nil && same(o.Client, c) && p.join(c.Session, a) {
			return a
		}
	}
	return netip.Addr{}
}

// hold keeps a user's fixed address for his session, and takes it out of the pool
// that it is in, if any. It is refused where another client has it.
func (s *Service) hold(now time.Time, c ike.Client, a netip.Addr, fx *Effects) trace.Refusal {
	v := s.sessions[c.Session]
	if !a.IsValid() || v == nil {
		return trace.RefusalNone
	}
	for id, o := range s.fixed[a] {
		if id != c.Session && !same(o.Client, c) {
			return s.refuseAddress(now, c, "")
		}
	}
	for name, p := range s.pools {
		if !p.contains(a) {
			continue
		}
		if l := p.leases[a]; l == nil || !l.InUse {
			p.give(now, c.Session, ownerOf(c), a)
		} else if l.Owner != ownerOf(c) || !p.join(c.Session, a) {
			return s.refuseAddress(now, c, name)
		}
		s.holdIn(now, v, name, p, a, fx)
	}
	s.fix(v, a)
	return trace.RefusalNone
}

func (s *Service) refuseAddress(now time.Time, c ike.Client, pool string) trace.Refusal {
	s.record(now, context(c), &trace.AddressRefused{Session: c.Session, Pool: pool, Refusal: trace.RefusalPoolEmpty})
	return trace.RefusalPoolEmpty
}

func (s *Service) holdIn(now time.Time, v *session, name string, p *pool, a netip.Addr, fx *Effects) {
	if i := v.held(a); i >= 0 {
		v.holds[i].pool = name
	} else {
		v.holds = append(v.holds, held{a, name})
	}
	fx.Leases = append(fx.Leases, LeaseChange{name, p.leases[a].Lease})
	s.record(now, context(v.Client), &trace.AddressLeased{Session: v.Session, Pool: name, Address: a, User: v.User})
}

// Release gives back an address that a session has.
func (s *Service) Release(now time.Time, id uint64, a netip.Addr, fx *Effects) {
	if v := s.sessions[id]; v != nil {
		s.release(now, v, a, fx)
	}
}

func (s *Service) release(now time.Time, v *session, a netip.Addr, fx *Effects) {
	i := v.held(a)
	if i < 0 {
		return
	}
	name := v.holds[i].pool
	v.holds = slices.Delete(v.holds, i, i+1)
	p := s.pools[name]
	if p == nil || !p.release(now, v.Session, a) {
		return
	}
	if l := p.leases[a]; l != nil {
		fx.Leases = append(fx.Leases, LeaseChange{name, l.Lease})
	}
	s.record(now, context(v.Client), &trace.AddressFreed{Session: v.Session, Pool: name, Address: a})
}

// Pools returns every pool, in the order of the configuration.
func (s *Service) Pools() (all []PoolStatus) {
	for _, c := range s.cfg.Pools {
		all = append(all, s.pools[c.Name].status())
	}
	return all
}
