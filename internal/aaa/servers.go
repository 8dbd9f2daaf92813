package aaa

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// server is what is known of a server, whatever groups it is in.
type server struct {
	Server
	dead      bool
	deadUntil time.Time
	unheard   time.Time // of the first sending since it last answered; zero: none
	timeouts  int       // sendings in a row without an answer
	Counters  ServerCounters
	since     time.Time // when it went dead or came back
}

// ServerCounters are a server's, by kind of request.
type ServerCounters struct {
	Authentication, Accounting RequestCounters
}

// RequestCounters count the requests of one kind.
type RequestCounters struct {
	Requests        uint64 // without retransmissions
	Timeouts        uint64 // sendings without an answer
	Retransmissions uint64
	Failovers       uint64 // requests that went to another server then
	Accepted        uint64 // Access-Accept, Accounting-Response
	Rejected        uint64
	Challenged      uint64
	Unanswered      uint64        // requests that were given up
	Malformed       uint64        // answers that cannot be read
	Disbelieved     uint64        // and those whose authenticators do not fit
	ResponseTime    time.Duration // of all answers together
	LongestTime     time.Duration
}

// sockets is how many local sockets a server is asked from: each has an
// identifier for 256 requests at a time (RFC 2865 section 3).
const sockets = 8

// slot names a request to a server while it waits: by what an answer has of it.
type slot struct {
	addr       netip.AddrPort
	socket     uint8
	identifier uint8
}

// request is something that is asked of the servers of a group, one after the
// other.
type request struct {
	client     trace.Context
	session    uint64
	build      func(s *server) (*radius.Packet, error) // without authenticators
	secret     radius.Credentials
	accounting bool
	only       netip.AddrPort                                                       // the server that has asked back; invalid: any
	done       func(now time.Time, reply *radius.Packet, from *server, fx *Effects) // reply nil: nobody answers

	candidates []*server
	deadTime   time.Duration

	// What is with the server that is being asked.
	server   *server
	slot     slot
	packet   *radius.Packet
	octets   []byte
	sent     int // times
	first    time.Time
	last     time.Time
	deadline time.Time
	index    int // in the heap of deadlines; -1: not there
}

// counters are those of the request's kind at its server.
func (r *request) counters() *RequestCounters {
	if r.accounting {
		return &r.server.Counters.Accounting
	}
	return &r.server.Counters.Authentication
}

// serversOf orders a group's servers for a request: those that are not dead, or
// all where every one is.
func (s *Service) serversOf(now time.Time, group string, only netip.AddrPort) (all []*server, deadTime time.Duration) {
	g := s.cfg.RADIUS.Groups[group]
	for _, c := range g.Servers {
		all = append(all, s.server(c))
	}
	if only.IsValid() {
		return slices.DeleteFunc(all, func(v *server) bool { return v.Auth != only }), g.DeadTime
	}
	var alive []*server
	for _, v := range all {
		if v.dead && !now.Before(v.deadUntil) {
			s.setDead(now, v, false, 0)
		}
		if !v.dead {
			alive = append(alive, v)
		}
	}
	if len(alive) > 0 {
		return alive, g.DeadTime
	}
	return all, g.DeadTime
}

// serverKey tells servers apart.
type serverKey struct{ auth, acct netip.AddrPort }

// server returns what is known of a server.
func (s *Service) server(c Server) *server {
	key := serverKey{c.Auth, c.Acct}
	v := s.servers[key]
	if v == nil {
		v = &server{Server: c}
		s.servers[key] = v
	}
	return v
}

// ask begins a request with the servers of a group.
func (s *Service) ask(now time.Time, group string, r *request, fx *Effects) {
	r.index = -1
	r.candidates, r.deadTime = s.serversOf(now, group, r.only)
	s.askNext(now, r, fx)
}

// askNext goes to the next server, and gives up where there is none.
func (s *Service) askNext(now time.Time, r *request, fx *Effects) {
	for len(r.candidates) > 0 {
		r.server, r.candidates = r.candidates[0], r.candidates[1:]
		if s.begin(now, r, fx) {
			return
		}
	}
	r.server = nil
	r.done(now, nil, nil, fx)
}

// begin sends a request to its server for the first time. It is false where it
// cannot be written, or too many wait for this server already.
func (s *Service) begin(now time.Time, r *request, fx *Effects) bool {
	addr := r.server.Auth
	if r.accounting {
		addr = r.server.Acct
	}
	if r.server.Key.IsZero() || !addr.IsValid() || addr.Port() == 0 || !s.reserve(addr, r) {
		return false
	}
	packet, err := r.build(r.server)
	if err == nil {
		packet.Identifier = r.slot.identifier
		r.packet = packet
		r.octets, err = s.write(r, r.server.Key)
	}
	if err != nil {
		s.leave(r)
		return false
	}
	r.sent, r.first = 0, now
	r.counters().Requests++
	s.send(now, r, fx)
	return true
}

func (s *Service) write(r *request, key secret.Secret) ([]byte, error) {
	if r.accounting {
		return r.packet.Accounting(key)
	}
	return r.packet.Request(key, r.secret, s.cfg.Rand)
}

// reserve finds an identifier that nobody waits on.
func (s *Service) reserve(addr netip.AddrPort, r *request) bool {
	from := s.lastSlot[addr]
	for range sockets * 256 {
		from = (from + 1) % (sockets * 256)
		// Few at a time share the first socket: the next is opened for more.
		at := slot{addr, uint8(from >> 8), uint8(from)}
		if s.waiting[addr] < 256 {
			at.socket = 0
		}
		if s.slots[at] == nil {
			s.slots[at], r.slot = r, at
			s.lastSlot[addr] = from
			s.waiting[addr]++
			return true
		}
	}
	return false
}

// leave frees a request's identifier.
func (s *Service) leave(r *request) {
	if s.slots[r.slot] == r {
		delete(s.slots, r.slot)
		s.waiting[r.slot.addr]--
	}
	s.deadlines.remove(r)
}

func (s *Service) send(now time.Time, r *request, fx *Effects) {
	r.sent++
	r.last = now
	if r.server.unheard.IsZero() {
		r.server.unheard = now
	}
	if r.sent > 1 {
		r.counters().Retransmissions++
	}
	fx.Send = append(fx.Send, Datagram{r.slot.addr, r.slot.socket, r.octets})
	r.deadline = now.Add(r.server.Timeout)
	s.deadlines.put(r)
	s.record(now, r.client, s.sentEvent(r))
}

// unanswered is a sending's time that has run out.
func (s *Service) unanswered(now time.Time, r *request, fx *Effects) {
	v := r.server
	r.counters().Timeouts++
	v.timeouts++
	s.judge(now, v, r)
	if r.sent <= v.Retransmit && !(v.dead && len(r.candidates) > 0) {
		s.send(now, r, fx)
		return
	}
	s.leave(r)
	r.counters().Unanswered++
	if len(r.candidates) > 0 {
		r.counters().Failovers++
	}
	s.askNext(now, r, fx)
}

// judge takes a server for dead that does not answer.
func (s *Service) judge(now time.Time, v *server, r *request) {
	if v.dead || r.deadTime == 0 {
		return
	}
	c := s.cfg.RADIUS.Dead
	tries := c.Tries
	if tries == 0 {
		tries = 1 + v.Retransmit
	}
	if v.timeouts >= tries && (c.Time == 0 || now.Sub(v.unheard) >= c.Time) {
		s.setDead(now, v, true, r.deadTime)
	}
}

func (s *Service) setDead(now time.Time, v *server, dead bool, deadTime time.Duration) {
	v.dead, v.since, v.deadUntil, v.timeouts = dead, now, now.Add(deadTime), 0
	if !dead {
		v.unheard = time.Time{}
	}
	s.record(now, trace.Context{}, &trace.RADIUSServerChanged{Server: v.Auth, AccountingPort: v.Acct.Port(), Dead: dead})
}

// Reply takes what has come from a server to one of the sockets. What answers
// nothing, or is not believed, changes nothing: the request still waits.
func (s *Service) Reply(now time.Time, from netip.AddrPort, socket uint8, data []byte, fx *Effects) {
	r := s.waitingFor(from, socket, data)
	if r == nil {
		s.stats.Unexpected++
		s.record(now, trace.Context{}, &trace.RADIUSReplyDropped{Server: from, Problem: trace.RADIUSNoRequest})
		return
	}
	reply, err := radius.Reply(data, r.packet, r.server.Key, s.cfg.RADIUS.Unsigned)
	if err != nil {
		problem, _ := err.(radius.Error)
		r.counters().drop(trace.RADIUSProblem(problem))
		s.record(now, r.client, &trace.RADIUSReplyDropped{Server: from, Identifier: r.slot.identifier, Problem: trace.RADIUSProblem(problem)})
		return
	}
	v := r.server
	if v.dead {
		s.setDead(now, v, false, 0)
	}
	v.timeouts, v.unheard = 0, time.Time{}
	c := r.counters()
	took := now.Sub(r.last)
	c.ResponseTime, c.LongestTime = c.ResponseTime+took, max(c.LongestTime, took)
	switch reply.Code {
	case radius.AccessReject:
		c.Rejected++
	case radius.AccessChallenge:
		c.Challenged++
	default:
		c.Accepted++
	}
	s.record(now, r.client, s.receivedEvent(r, reply, data))
	s.leave(r)
	r.done(now, reply, v, fx)
}

// drop counts an answer that is not believed.
func (c *RequestCounters) drop(why trace.RADIUSProblem) {
	switch why {
	case trace.RADIUSBadAuthenticator, trace.RADIUSUnsigned, trace.RADIUSBadMessageAuthenticator:
		c.Disbelieved++
	default:
		c.Malformed++
	}
}

// waitingFor is the request that a reply's identifier is of, or nil.
func (s *Service) waitingFor(from netip.AddrPort, socket uint8, data []byte) *request {
	if len(data) < 2 {
		return nil
	}
	return s.slots[slot{from, socket, data[1]}]
}

// ServerStatus is a server as `show aaa servers` has it.
type ServerStatus struct {
	Server
	Dead     bool
	Since    time.Time // of the state; zero: since the start
	Waiting  int
	Counters ServerCounters
}

// ServerStatuses returns every server of the configuration, each once.
func (s *Service) ServerStatuses(order []Server) (all []ServerStatus) {
	for _, c := range order {
		v := s.server(c)
		all = append(all, ServerStatus{v.Server, v.dead, v.since, s.waiting[c.Auth] + s.waiting[c.Acct], v.Counters})
	}
	return all
}
