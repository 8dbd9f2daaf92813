package aaa

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/password"
	"qmidle/internal/trace"
)

// Service answers the engine's questions.
type Service struct {
	cfg      Config
	servers  map[serverKey]*server
	slots    map[slot]*request
	waiting  map[netip.AddrPort]int // requests at a server's address
	lastSlot map[netip.AddrPort]int
	deadlines

	pools    map[string]*pool
	sessions map[uint64]*session
	places   places
	fixed    map[netip.Addr]map[uint64]*session // sessions with an address of the user's own
	folded   map[string]User                    // by their names in small letters
	dearest  password.Type
	work     map[uint64]*login
	lastWork uint64
	stats    Statistics
}

// Statistics count what `show radius statistics` has besides the servers'.
type Statistics struct {
	Unexpected  uint64 // packets that answer nothing
	RecordsLost uint64 // accounting records that no server has taken
}

// session is a client that a question was asked about, until its end.
type session struct {
	ike.Client
	counted bool       // AuthorizeClient has let it in
	radius  bool       // the user is a server's
	holds   []held     // mostly one
	fixed   netip.Addr // the user's own; invalid for none
}

// held is an address that a session has out of a pool.
type held struct {
	addr netip.Addr
	pool string
}

// held is where an address is in holds; negative where it is not.
func (v *session) held(a netip.Addr) int {
	return slices.IndexFunc(v.holds, func(h held) bool { return h.addr == a })
}

// New makes a Service. Leases are those that an earlier run has kept, by pool.
func New(cfg Config, leases map[string][]Lease) *Service {
	s := &Service{servers: map[serverKey]*server{}, slots: map[slot]*request{}, waiting: map[netip.AddrPort]int{}, lastSlot: map[netip.AddrPort]int{},
		pools: map[string]*pool{}, sessions: map[uint64]*session{}, places: newPlaces(), fixed: map[netip.Addr]map[uint64]*session{}, work: map[uint64]*login{}}
	s.Configure(cfg)
	for name, all := range leases {
		if p := s.pools[name]; p != nil {
			p.restore(all)
		}
	}
	return s
}

// Configure changes the configuration. Requests that wait go on as they were
// begun; who has an address keeps it.
func (s *Service) Configure(cfg Config) {
	s.cfg = cfg
	s.indexUsers()
	for _, g := range cfg.RADIUS.Groups {
		for _, c := range g.Servers {
			s.server(c).Server = c
		}
	}
	kept := map[string]*pool{}
	for _, c := range cfg.Pools {
		p := s.pools[c.Name]
		if p == nil {
			p = newPool(c)
		} else {
			p.reconfigure(c)
		}
		kept[c.Name] = p
	}
	s.pools = kept
}

// Ask begins to answer a question of the engine. The answer is among the effects
// of this input or of a later one; AskCredentials is no question for AAA, and
// gets none.
func (s *Service) Ask(now time.Time, id uint64, ask ike.Ask, fx *Effects) {
	switch a := ask.(type) {
	case ike.FindGroupKey:
		s.findKey(now, id, a, fx)
	case ike.AuthenticateUser:
		s.authenticate(now, id, a, fx)
	case ike.AuthorizeClient:
		s.authorize(now, id, a, fx)
	case ike.AllocateAddress:
		fx.Answers = append(fx.Answers, Answered{id, s.allocate(now, a, fx)})
	}
}

// Timeout does what is due.
func (s *Service) Timeout(now time.Time, fx *Effects) {
	for len(s.deadlines) > 0 && !now.Before(s.deadlines[0].deadline) {
		s.unanswered(now, s.deadlines[0], fx)
	}
}

// NextDeadline is when Timeout must be called.
func (s *Service) NextDeadline() (at time.Time, ok bool) {
	if len(s.deadlines) == 0 {
		return time.Time{}, false
	}
	return s.deadlines[0].deadline, true
}

// session returns what is known of a client, its newest names included.
func (s *Service) session(c ike.Client) *session {
	v := s.sessions[c.Session]
	if v == nil {
		v = &session{}
		s.sessions[c.Session] = v
	}
	v.Client = c
	return v
}

func (s *Service) record(now time.Time, c trace.Context, e trace.Event) {
	if s.cfg.Events != nil {
		s.cfg.Events.Record(&trace.Record{Time: now, Context: c, Event: e})
	}
}

func context(c ike.Client) trace.Context { return trace.Context{Local: c.Local, Remote: c.Remote} }

// list returns the list of that name, and false where nobody can pass by it.
func (s *Service) list(of map[string]List, name string) (List, bool) {
	l, ok := of[name]
	return l, ok && s.cfg.Enabled
}

// Statistics returns the counts.
func (s *Service) Statistics() Statistics { return s.stats }
