package router

import (
	"net/netip"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/console"
	"qmidle/internal/ike"
)

// access is the router's part in remote access: the engine's questions go to
// AAA, and its answers come back as an input of their own, as soon as one can.
type access struct {
	aaa     *aaa.Service
	fx      aaa.Effects
	answers []aaa.Answered
	past    map[uint64]aaa.Usage // of clients' pairs that have gone, by session
}

func newAccess(o Options, events *Router) *access {
	return &access{aaa: aaa.New(aaaConfig(o.Config, o, events), o.Leases), past: make(map[uint64]aaa.Usage)}
}

// consult hands on what the engine asks and tells. The counters of SAs that end
// by this input are still there.
func (r *Router) consult(now time.Time) {
	questions := r.fx.Questions[:0]
	for _, q := range r.fx.Questions {
		if r.askClient(q) {
			continue
		}
		switch q.Ask.(type) {
		case nil, ike.AskCredentials, ike.JudgePeer: // which AAA does not answer
			questions = append(questions, q)
			continue
		}
		r.access.aaa.Ask(now, q.ID, q.Ask, &r.access.fx)
	}
	r.fx.Questions = questions
	for _, s := range r.fx.Sessions {
		r.access.aaa.Session(now, s, r.usage(s.Session), &r.access.fx)
		if s.Stage == ike.SessionEnded {
			delete(r.access.past, s.Session)
		}
	}
	for _, a := range r.fx.Released {
		r.access.aaa.Release(now, a.Session, a.Address, &r.access.fx)
	}
	r.access.answers = append(r.access.answers, r.access.fx.Answers...)
}

// usage is what a session has carried: the pairs that have gone, and those that
// are there.
func (r *Router) usage(session uint64) aaa.Usage {
	u := r.access.past[session]
	for _, x := range r.engines.PairsOfSession(session) {
		u = plus(u, r.opts.DataPlane.Counters(x.InSPI, x.OutSPI))
	}
	return u
}

func plus(u aaa.Usage, c console.Counters) aaa.Usage {
	return aaa.Usage{InOctets: u.InOctets + c.DecapsBytes, InPackets: u.InPackets + c.DecapsPackets,
		OutOctets: u.OutOctets + c.EncapsBytes, OutPackets: u.OutPackets + c.EncapsPackets}
}

// gone adds up what a pair of a client has carried that ends.
func (x *access) gone(sa ike.RemovedSA, c console.Counters) {
	if sa.Session != 0 {
		x.past[sa.Session] = plus(x.past[sa.Session], c)
	}
}

// answerAAA gives the engine what AAA has answered.
func (r *Router) answerAAA(now time.Time) {
	answers := r.access.answers
	r.access.answers = nil
	for _, a := range answers {
		r.engines.Answer(now, a.ID, a.Answer, &r.fx)
	}
}

// RADIUSReply takes what has come from a server.
func (r *Router) RADIUSReply(now time.Time, from netip.AddrPort, socket uint8, data []byte) Output {
	r.begin(now)
	r.access.aaa.Reply(now, from, socket, data, &r.access.fx)
	return r.finish()
}

// Worked takes what a Work has yielded.
func (r *Router) Worked(now time.Time, id uint64, ok bool) Output {
	r.begin(now)
	r.access.aaa.Worked(now, id, ok, &r.access.fx)
	return r.finish()
}

// Abandon is for a Work that cannot be done: nobody passes by it.
func (r *Router) Abandon(now time.Time, id uint64) Output {
	r.begin(now)
	r.access.aaa.Abandon(now, id, &r.access.fx)
	return r.finish()
}

// AddressPools implements console.Accounts: the pools in the order of the
// configuration.
func (r *Router) AddressPools() (all []console.AddressPool) {
	for _, p := range r.access.aaa.Pools() {
		x := console.AddressPool{Name: p.Name, InUse: []console.PoolLease{}}
		for _, n := range p.Ranges {
			x.Ranges = append(x.Ranges, console.PoolRange{Begin: n.Low, End: n.High, Free: n.Free, InUse: n.InUse})
		}
		for _, l := range p.Leases {
			group, user := l.Whose()
			x.InUse = append(x.InUse, console.PoolLease{Address: l.Addr, User: user, Group: group, Since: l.Since})
		}
		all = append(all, x)
	}
	return all
}

// RADIUSServers implements console.Accounts: the servers in the order of the
// configuration.
func (r *Router) RADIUSServers() (all []console.RADIUSServer) {
	for _, s := range r.access.aaa.ServerStatuses(servers(r.cfg, r.cfg.AAA.RADIUS.Servers)) {
		x := console.RADIUSServer{Name: s.Name, Host: s.Auth.Addr(), AuthPort: s.Auth.Port(), AcctPort: s.Acct.Port(), Dead: s.Dead, Since: s.Since,
			Waiting: s.Waiting, Authentication: radiusCounters(s.Counters.Authentication), Accounting: radiusCounters(s.Counters.Accounting)}
		if x.Since.IsZero() {
			x.Since = r.started
		}
		all = append(all, x)
	}
	return all
}

func radiusCounters(c aaa.RequestCounters) console.RADIUSCounters {
	x := console.RADIUSCounters{Requests: c.Requests, Timeouts: c.Timeouts, Failovers: c.Failovers, Retransmissions: c.Retransmissions, Accepted: c.Accepted,
		Rejected: c.Rejected, Challenged: c.Challenged, Unanswered: c.Unanswered, Malformed: c.Malformed, BadAuthenticators: c.Disbelieved,
		LongestTime: uint64(c.LongestTime / time.Millisecond)}
	if n := c.Accepted + c.Rejected + c.Challenged; n > 0 {
		x.AverageTime = uint64(c.ResponseTime/time.Millisecond) / n
	}
	return x
}

// RADIUSUnexpected implements console.Accounts.
func (r *Router) RADIUSUnexpected() uint64 { return r.access.aaa.Statistics().Unexpected }
