package aaa

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/password"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// login is a user who is being authenticated, by one method after the other.
type login struct {
	s        *Service
	id       uint64
	ask      ike.AuthenticateUser
	methods  []Method
	at       int // of the method that is being asked
	given    secret.Secret
	dialogue dialogue
}

// dialogue is a challenge that waits for its answer: it goes to the engine and
// comes back, so that none is kept here for who never answers.
type dialogue struct {
	method int
	server netip.AddrPort
	state  []byte
}

func (d dialogue) encode() []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(d.method))
	b = binary.BigEndian.AppendUint16(b, d.server.Port())
	addr := d.server.Addr().As4()
	return append(append(b, addr[:]...), d.state...)
}

func decodeDialogue(b []byte) (d dialogue, ok bool) {
	if len(b) < 8 {
		return d, false
	}
	server := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:]))
	return dialogue{int(binary.BigEndian.Uint16(b)), server, bytes.Clone(b[8:])}, true
}

// authenticate begins with the first method of the list, or goes on with a
// dialogue.
func (s *Service) authenticate(now time.Time, id uint64, ask ike.AuthenticateUser, fx *Effects) {
	s.session(ask.Client)
	l := &login{s: s, id: id, ask: ask, given: given(ask)}
	list, ok := s.list(s.cfg.Login, ask.List)
	s.record(now, context(ask.Client), &trace.AAAListPicked{Session: ask.Session, List: ask.List, Exists: ok})
	switch {
	case !ok:
		l.refuse(now, trace.RefusalNoList, "", fx)
		return
	case ask.User == "" || l.given.IsZero():
		l.refuse(now, trace.RefusalNotGiven, "", fx)
		return
	}
	l.methods = list.Methods
	if ask.Dialogue != nil {
		d, ok := decodeDialogue(ask.Dialogue)
		if !ok || d.method >= len(l.methods) {
			l.refuse(now, trace.RefusalInternal, "", fx)
			return
		}
		l.dialogue, l.at = d, d.method
	}
	l.try(now, fx)
}

// given is the secret that a server or a local password is compared with: the
// answer to a challenge before what comes without one.
func given(a ike.AuthenticateUser) secret.Secret {
	order := []secret.Secret{a.Passcode, a.Password, a.Reply, a.NextPIN}
	if a.Dialogue != nil {
		order = []secret.Secret{a.Reply, a.NextPIN, a.Passcode, a.Password}
	}
	for _, s := range order {
		if !s.IsZero() {
			return s
		}
	}
	return secret.Secret{}
}

// try asks the method that is due.
func (l *login) try(now time.Time, fx *Effects) {
	if l.at == len(l.methods) {
		l.refuse(now, trace.RefusalSilence, "", fx)
		return
	}
	switch m := l.methods[l.at]; m.Kind {
	case Local, LocalCase:
		l.tryLocal(now, m, fx)
	case Servers:
		l.tryServers(now, m, fx)
	case None:
		l.accept(now, ike.ClientPolicy{}, fx)
	default:
		l.next(now, fx)
	}
}

// next goes on to the next method, as the one before has not answered. A
// dialogue is with one server only.
func (l *login) next(now time.Time, fx *Effects) {
	if l.dialogue.server.IsValid() {
		l.refuse(now, trace.RefusalSilence, l.method(), fx)
		return
	}
	l.verdict(now, trace.AAAError)
	l.at++
	l.try(now, fx)
}

// method is the name of the method that is being asked.
func (l *login) method() string {
	if l.at < len(l.methods) {
		return l.methods[l.at].Name
	}
	return ""
}

// tryLocal compares with a local user's password, off the engine's path. A user
// whom the configuration does not have is the next method's; behind the last one
// he costs the time of one whom it has.
func (l *login) tryLocal(now time.Time, m Method, fx *Effects) {
	u, known := l.s.user(l.ask.User, m.Kind == LocalCase)
	if !known && l.at+1 < len(l.methods) {
		l.next(now, fx)
		return
	}
	dearest, given := l.s.dearest, l.given
	l.s.lastWork++
	l.s.work[l.s.lastWork] = l
	fx.Work = append(fx.Work, Work{l.s.lastWork, func() bool {
		ok := known && u.Password.Verify(given)
		if !known || u.Password.Type != dearest {
			password.Decoy(dearest, given)
		}
		return ok
	}})
}

// user finds a local user who has a password. Names match without case unless
// it counts.
func (s *Service) user(name string, exact bool) (User, bool) {
	u, ok := s.cfg.Users[name]
	if !ok && !exact {
		u, ok = s.folded[strings.ToLower(name)]
	}
	return u, ok && !u.Password.Text.IsZero()
}

// indexUsers finds users by their names without case, of equal ones the first, and
// the type of password that takes the longest to check.
func (s *Service) indexUsers() {
	s.folded = make(map[string]User, len(s.cfg.Users))
	all := make([]password.Stored, 0, len(s.cfg.Users))
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Users)) {
		u := s.cfg.Users[name]
		all = append(all, u.Password)
		if _, taken := s.folded[strings.ToLower(name)]; !taken {
			s.folded[strings.ToLower(name)] = u
		}
	}
	s.dearest = password.Dearest(all)
}

// Worked takes what a Work has yielded.
func (s *Service) Worked(now time.Time, id uint64, ok bool, fx *Effects) {
	l := s.work[id]
	if l == nil {
		return
	}
	delete(s.work, id)
	if ok {
		l.accept(now, ike.ClientPolicy{}, fx)
		return
	}
	l.refuse(now, trace.RefusalCredentials, "", fx)
}

// Abandon is for a Work that cannot be done: its user does not pass.
func (s *Service) Abandon(now time.Time, id uint64, fx *Effects) {
	if l := s.work[id]; l != nil {
		delete(s.work, id)
		l.refuse(now, trace.RefusalInternal, "", fx)
	}
}

// tryServers asks the servers of a method's group.
func (l *login) tryServers(now time.Time, m Method, fx *Effects) {
	s := l.s
	s.ask(now, m.Group, &request{
		client: context(l.ask.Client), session: l.ask.Session, only: l.dialogue.server,
		secret: radius.Credentials{Password: l.given, CHAP: s.cfg.RADIUS.CHAP && l.dialogue.state == nil},
		build: func(*server) (*radius.Packet, error) {
			p := &radius.Packet{Code: radius.AccessRequest}
			p.AddText(radius.UserName, l.ask.User)
			s.addClient(p, l.ask.Client)
			p.AddUint(radius.ServiceType, serviceLogin)
			p.Add(radius.State, l.dialogue.state)
			return p, nil
		},
		done: l.answered,
	}, fx)
}

// answered takes a server's reply, or that none has come.
func (l *login) answered(now time.Time, reply *radius.Packet, from *server, fx *Effects) {
	switch {
	case reply == nil:
		l.next(now, fx)
	case reply.Code == radius.AccessAccept:
		if v := l.s.sessions[l.ask.Session]; v != nil { // it may have ended meanwhile
			v.radius = true
		}
		got := attributesOf(reply)
		if got.userGroup != "" && got.userGroup != l.ask.Group {
			l.refuse(now, trace.RefusalGroupLock, message(reply), fx)
			return
		}
		l.s.split(&got.Policy)
		l.accept(now, got.Policy, fx)
	case reply.Code == radius.AccessChallenge:
		state, _ := reply.First(radius.State)
		d := dialogue{l.at, from.Auth, state}
		l.verdict(now, trace.AAAChallenge)
		l.answer(ike.Authenticated{Verdict: ike.Challenged, Message: message(reply), Prompt: ike.PromptAnswer, Dialogue: d.encode()}, fx)
	default:
		l.refuse(now, trace.RefusalCredentials, message(reply), fx)
	}
}

// maxMessage is how much of a server's message goes to a user.
const maxMessage = 256

func message(p *radius.Packet) string {
	text := p.Text(radius.ReplyMessage)
	return text[:min(len(text), maxMessage)]
}

func (l *login) accept(now time.Time, policy ike.ClientPolicy, fx *Effects) {
	if g, ok := l.s.group(l.ask.Group); ok && g.Lock && !lockedTo(l.ask.User, l.ask.Group) {
		l.refuse(now, trace.RefusalGroupLock, "", fx)
		return
	}
	if refusal := l.s.hold(now, l.ask.Client, policy.Address, fx); refusal != trace.RefusalNone {
		l.refuse(now, refusal, "", fx)
		return
	}
	l.verdict(now, trace.AAAPass)
	l.answer(ike.Authenticated{Verdict: ike.Accepted, Policy: policy}, fx)
}

// lockedTo says whether a user's name carries the group's behind one of IOS's
// delimiters.
func lockedTo(user, group string) bool {
	i := strings.LastIndexAny(user, `/\%@`)
	return i >= 0 && user[i+1:] == group
}

func (l *login) refuse(now time.Time, why trace.Refusal, message string, fx *Effects) {
	l.s.record(now, context(l.ask.Client), &trace.AAAAuthentication{Session: l.ask.Session, User: l.ask.User, Method: l.method(), Verdict: trace.AAAFail, Refusal: why})
	l.answer(ike.Authenticated{Verdict: ike.Rejected, Refusal: why, Message: message}, fx)
}

func (l *login) verdict(now time.Time, v trace.AAAVerdict) {
	l.s.record(now, context(l.ask.Client), &trace.AAAAuthentication{Session: l.ask.Session, User: l.ask.User, Method: l.method(), Verdict: v})
}

func (l *login) answer(a ike.Authenticated, fx *Effects) {
	fx.Answers = append(fx.Answers, Answered{l.id, a})
}
