package read

import (
	"net/netip"
	"time"

	"qmidle/internal/diagnose"
)

// Context is what a vendor's functions see: the line, what is remembered, and
// where observations go.
type Context struct {
	// Text is the line, cleaned; where a phrase goes over the end of a line, both
	// lines with a blank between them. It is valid during the call.
	Text   []byte
	Number int // of the line, from 1
	// Memory is what Vendor.New made.
	Memory any
	// Session is the one that the line belongs to; nil for none. It stays from
	// line to line until it is set anew.
	Session *Session
	// Block asks for the lines without a phrase, in Vendor.Rest.
	Block bool

	log      *Log
	vendor   int
	sessions map[string]*Session
	order    []*Session // the latest used last
	said     *diagnose.Observation
}

// Session is one negotiation of phase 1 and what belongs to its SA.
type Session struct {
	Peer, Local    netip.Addr
	Role           diagnose.Role
	Sent, Received int // messages of phase 1, as far as the vendor tells them
	Up             bool
	Aggressive     bool   // phase 1 is aggressive mode
	Cookie         string // the initiator's
	Memory         any    // the vendor's

	id   uint64
	key  string
	open bool // observations were told before the peer was known
}

// ID is a number that no other session of the log has.
func (s *Session) ID() uint64 { return s.id }

// maxSessions bounds what is remembered of SAs.
const maxSessions = 512

// Use makes the session with a key, such as a connection ID or a cookie, the one
// that the line belongs to. It is made when it is not known.
func (x *Context) Use(key string) *Session {
	s := x.sessions[key]
	if s == nil {
		s = x.Fresh(key)
	}
	x.Session = s
	return s
}

// Known is the session with a key; nil where there is none.
func (x *Context) Known(key string) *Session { return x.sessions[key] }

// Fresh forgets the session with a key and makes a new one, which the line
// belongs to.
func (x *Context) Fresh(key string) *Session {
	if old := x.sessions[key]; old != nil {
		x.forget(old)
	}
	if len(x.order) >= maxSessions {
		x.forget(x.order[0])
	}
	x.log.lastID++
	s := &Session{id: x.log.lastID, key: key}
	x.sessions[key] = s
	x.order = append(x.order, s)
	x.Session = s
	return s
}

// Rename gives a session another key: IOS numbers an SA only when it has keys.
func (x *Context) Rename(s *Session, key string) {
	if s == nil || s.key == key {
		return
	}
	if old := x.sessions[key]; old != nil {
		x.forget(old)
	}
	if x.sessions[s.key] == s {
		delete(x.sessions, s.key)
	}
	s.key = key
	x.sessions[key] = s
}

func (x *Context) forget(s *Session) {
	if x.sessions[s.key] == s {
		delete(x.sessions, s.key)
	}
	for i, o := range x.order {
		if o == s {
			x.order = append(x.order[:i], x.order[i+1:]...)
			break
		}
	}
	if x.Session == s {
		x.Session = nil
	}
}

// Find is the session used last for which a condition holds; nil for none.
func (x *Context) Find(ok func(*Session) bool) *Session {
	for i := len(x.order) - 1; i >= 0; i-- {
		if ok(x.order[i]) {
			return x.order[i]
		}
	}
	return nil
}

// SetPeer says whom the session is with. Observations made before get the
// addresses too. Invalid addresses change nothing.
func (x *Context) SetPeer(s *Session, peer, local netip.Addr) {
	if s == nil || (s.Peer.IsValid() || !peer.IsValid()) && (s.Local.IsValid() || !local.IsValid()) {
		return
	}
	if !s.Peer.IsValid() {
		s.Peer = peer
	}
	if !s.Local.IsValid() {
		s.Local = local
	}
	if s.open && s.Peer.IsValid() {
		x.log.sink.settle(s.id, s.Peer, s.Local)
		s.open = false
	}
}

// Tell adds an observation. What it leaves open comes from the session and the
// line: peer, ends, role, time and evidence.
func (x *Context) Tell(o diagnose.Observation) {
	if s := x.Session; s != nil {
		if !o.Peer.IsValid() || o.Peer == s.Peer {
			o.Peer = s.Peer
			s.open = s.open || !s.Peer.IsValid()
			if o.Session == 0 {
				o.Session = s.id
			}
			if !o.Local.IsValid() {
				o.Local = s.Local
			}
			if o.Role == diagnose.RoleUnknown {
				o.Role = s.Role
			}
			o.Aggressive = o.Aggressive || s.Aggressive && o.Phase == diagnose.Phase1
			if s.Cookie == "" {
				s.Cookie = cookie(x.Text)
			}
			o.Cookie = s.Cookie
		}
	}
	x.tell(&o)
}

// TellApart adds an observation that has nothing to do with the session.
func (x *Context) TellApart(o diagnose.Observation) { x.tell(&o) }

func (x *Context) tell(o *diagnose.Observation) {
	if o.Time.IsZero() {
		o.Time = x.Time()
	}
	if o.Evidence.Line == 0 {
		o.Evidence.Line = x.Number
	}
	o.Evidence.Source, o.Evidence.Log = x.log.name, true
	x.log.sink.add(o, x.Text)
}

// Quote is the line as evidence, for an observation that is told later.
func (x *Context) Quote() diagnose.Evidence {
	return diagnose.Evidence{Line: x.Number, Text: quoted(x.Text)}
}

// Match tells what a phrase tells, with what its holes say.
func (x *Context) Match(m *Match) {
	if m.Tell.Kind == diagnose.KindNone {
		return
	}
	x.Tell(x.Fill(m))
}

// Fill is what a phrase tells, with what its holes say.
func (x *Context) Fill(m *Match) diagnose.Observation {
	o := m.Tell
	for _, name := range m.names {
		switch name {
		case "peer":
			o.Peer = m.Addr(name)
		case "local":
			o.Local = m.Addr(name)
		case "offered":
			o.Offered = m.Hole(name)
		case "wanted":
			o.Wanted = m.Hole(name)
		case "detail":
			o.Detail = m.Hole(name)
		case "place":
			o.Place = m.Hole(name)
		case "pair":
			o.Pair = m.Hole(name)
		case "count":
			o.Count = m.Number(name)
		case "message":
			o.Message = int(min(m.Number(name), 99))
		}
	}
	return o
}

// Time is that of the line, or of the last one before it that had one; zero for
// none. Years that the source does not name go up from the same one.
func (x *Context) Time() time.Time {
	if x.log.timed == x.Number {
		return x.log.time
	}
	x.log.timed = x.Number
	if n := len(x.Text); n > 0 && n == len(x.log.timeless) && &x.Text[0] == &x.log.timeless[0] {
		return x.log.time
	}
	t := stamp(x.Text)
	if t.IsZero() {
		return x.log.time
	}
	if t.Before(namedYears) {
		if x.log.years > 0 {
			t = t.AddDate(x.log.years, 0, 0)
		}
		if x.log.time.Sub(t) > 300*24*time.Hour {
			x.log.years++
			t = t.AddDate(1, 0, 0)
		}
	}
	x.log.time = t
	return t
}
