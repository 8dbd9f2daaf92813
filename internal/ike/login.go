package ike

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// login is a client's session at the server: its user, what AAA gives it, and its
// address. It lasts from the first question about it until the last ISAKMP SA of
// the client has ended, over its renewals; its IPsec SAs end with it.
type login struct {
	Client
	e          *Engine
	accounting string       // the list
	policy     ClientPolicy // the user's alone until the group's is known
	merged     bool         // it is the group's and the user's
	ownUDP     ownUDP
	forgetful  bool         // the client has one pair at a time, from message 2 on the new one
	address    netip.Addr   // invalid for none
	since      time.Time    // the user has passed; zero before
	begun      bool         // and it is told
	sas        int          // ISAKMP SAs
	cause      trace.Reason // of the last one's end
	life       timer
	interim    timer
	idle       timer
}

// identify finds the login that a user goes on with, or makes one: a client that
// renews phase 1 comes from where it is, with its user and group.
func (s *sa) identify(user string) {
	x := s.access
	if l := x.login; l != nil && l.User == user {
		return
	}
	if l := x.login; l != nil {
		x.login = nil
		l.leave(s)
	}
	l := s.e.loginAt(s, user)
	if l == nil {
		l = s.newLogin(user)
	}
	x.login = l
	l.sas++
}

func (s *sa) newLogin(user string) *login {
	e := s.e
	l := &login{e: e, Client: Client{Session: e.serials.session.Add(1), Local: s.local, Remote: s.remote, Group: s.group(), User: user}}
	if c := s.clients(); c != nil {
		l.accounting = c.Accounting
	}
	l.life.owner = then(func(time.Time) { l.end(trace.ReasonSessionTimeout) })
	l.interim.owner = then(l.interimDue)
	l.idle.owner = then(l.idleDue)
	e.logins[l.Session] = l
	return l
}

// loginAt is the login of a user that is there for s's peer: where it is now, or
// where it began this phase 1.
func (e *Engine) loginAt(s *sa, user string) *login {
	for _, o := range e.byAddrs[s.pair()] {
		if o == s || o.dead || o.access == nil || !o.passed() {
			continue
		}
		here := o.remote == s.remote || o.remote == s.opened()
		if l := o.access.login; l != nil && here && l.User == user && l.Group == s.group() {
			return l
		}
	}
	return nil
}

// group is the one that the profile puts the client in, else the one that it has
// named in phase 1; "" for none.
func (s *sa) group() string {
	if s.profile != nil && s.profile.Group != "" {
		return s.profile.Group
	}
	if s.peerID.Type == isakmp.IDKeyID {
		return s.peerID.Data
	}
	return ""
}

// begin tells that the client is in.
func (l *login) begin() {
	if l.begun {
		return
	}
	l.begun = true
	l.tell(SessionBegun)
	if l.policy.Interim > 0 {
		l.e.timers.set(&l.interim, l.e.now.Add(l.policy.Interim))
	}
	l.emit(&trace.ClientSession{Begun: true})
	l.askTwins()
}

// askTwins asks by dead peer detection whether the user's other logins from the same
// address still live: he may have come back from a crash, or have two devices.
func (l *login) askTwins() {
	for _, s := range l.e.byAddrs[l.ends()] {
		o, k := s.login(), s.liveness()
		if o != nil && o != l && o.User == l.User && o.Group == l.Group && s.up() && s.peerDPD && k != nil && !s.dpd.asked && !s.awaitsRenewal() {
			s.dpdAsk(l.e.now, k)
		}
	}
}

// startTimes begins the time that AAA gives the login.
func (l *login) startTimes() {
	if l == nil {
		return
	}
	e := l.e
	if l.since.IsZero() {
		l.since = e.now
	}
	if l.policy.SessionTimeout > 0 {
		e.timers.set(&l.life, l.since.Add(l.policy.SessionTimeout))
	}
	if l.policy.IdleTimeout > 0 && e.cfg.Traffic != nil {
		e.timers.set(&l.idle, e.now.Add(l.policy.IdleTimeout))
	}
}

func (l *login) interimDue(now time.Time) {
	l.tell(SessionInterim)
	l.e.timers.set(&l.interim, now.Add(l.policy.Interim))
}

// idleDue ends a login whose pairs have carried nothing for too long.
func (l *login) idleDue(now time.Time) {
	last := l.since
	for _, c := range l.children() {
		in, out := l.e.cfg.Traffic.LastPackets(c.in.spi)
		last = later(later(in, out), later(last, c.e.timers.time(c.created)))
	}
	if due := last.Add(l.policy.IdleTimeout); due.After(now) {
		l.e.timers.set(&l.idle, due)
		return
	}
	l.end(trace.ReasonIdle)
}

// end ends all that the client has, and tells it by the delete of its ISAKMP SAs,
// with which its pairs end: vpnc opens a new pair for each that is deleted first.
func (l *login) end(reason trace.Reason) {
	for _, s := range l.isakmpSAs() {
		s.refuseClient(reason)
	}
}

// endLogins ends those that are chosen. It returns how many ISAKMP SAs and pairs
// there were.
func (e *Engine) endLogins(chosen func(local, remote netip.AddrPort) bool, reason trace.Reason) (isakmpSAs, pairs int) {
	sessions := slices.Sorted(maps.Keys(e.logins))
	for _, session := range sessions {
		l := e.logins[session]
		if l == nil {
			continue
		}
		sas := l.isakmpSAs()
		if len(sas) == 0 || !chosen(sas[0].local, sas[0].remote) {
			continue
		}
		isakmpSAs, pairs = isakmpSAs+len(sas), pairs+len(l.children())
		l.end(reason)
	}
	return isakmpSAs, pairs
}

func (l *login) isakmpSAs() (list []*sa) {
	for _, s := range l.e.byAddrs[l.ends()] {
		if s.access != nil && s.access.login == l {
			list = append(list, s)
		}
	}
	return list
}

func (l *login) children() (list []*child) {
	for _, c := range l.e.byEnds[l.ends()] {
		if c.session == uint32(l.Session) {
			list = append(list, c)
		}
	}
	return list
}

func (l *login) ends() addrPair { return addrPair{l.Local.Addr(), l.Remote.Addr()} }

// leave takes an ISAKMP SA's part in a login back. With the last of them it ends:
// nobody who has not logged in keeps a tunnel.
func (l *login) leave(s *sa) {
	l.sas--
	if s.dead {
		l.cause = s.reason
	}
	if l.sas > 0 {
		return
	}
	if heir := l.heir(); heir != nil {
		heir.inherit(l, s.remote)
		return
	}
	e := l.e
	e.dropLogin(l)
	for _, c := range l.children() {
		e.expireChild(c, trace.ReasonLoginEnded)
	}
	if l.begun {
		l.emit(&trace.ClientSession{Reason: l.cause})
	}
	l.tell(SessionEnded)
	l.release()
}

// dropLogin forgets a login.
func (e *Engine) dropLogin(l *login) {
	e.timers.clear(&l.life)
	e.timers.clear(&l.interim)
	e.timers.clear(&l.idle)
	delete(e.logins, l.Session)
}

// release gives the address back.
func (l *login) release() {
	if !l.address.IsValid() {
		return
	}
	delete(l.e.leased, l.address)
	l.e.fx.Released = append(l.e.fx.Released, ReleasedAddress{l.Session, l.address})
	l.address = netip.Addr{}
}

// tell gives AAA a record.
func (l *login) tell(stage SessionStage) {
	r := SessionRecord{Client: l.Client, Stage: stage, Started: l.begun, List: l.accounting, Address: l.address, Since: l.since, Class: l.policy.Class}
	if stage == SessionEnded {
		r.Cause = l.cause
	}
	l.e.fx.Sessions = append(l.e.fx.Sessions, r)
}

func (l *login) emit(ev *trace.ClientSession) {
	if l.e.cfg.Events == nil {
		return
	}
	ev.Session, ev.Group, ev.User, ev.Address = uint32(l.Session), l.Group, l.User, l.address
	ctx := trace.Context{Local: l.Local, Remote: l.Remote, Role: trace.RoleResponder, State: trace.QMIdle}
	l.e.emit(&ctx, ev)
}

// over is a policy with a user's laid over it.
func (p ClientPolicy) over(user ClientPolicy) ClientPolicy {
	set(&p.Pool, user.Pool)
	set(&p.Address, user.Address)
	set(&p.Netmask, user.Netmask)
	set(&p.Domain, user.Domain)
	set(&p.Banner, user.Banner)
	set(&p.UDPPort, user.UDPPort)
	set(&p.SessionTimeout, user.SessionTimeout)
	set(&p.IdleTimeout, user.IdleTimeout)
	set(&p.Interim, user.Interim)
	setList(&p.DNS, user.DNS)
	setList(&p.WINS, user.WINS)
	setList(&p.SplitDNS, user.SplitDNS)
	setList(&p.BackupServers, user.BackupServers)
	setList(&p.Class, user.Class)
	if len(user.Split) > 0 {
		p.Split, p.SplitName = user.Split, user.SplitName
	}
	p.SavePassword = p.SavePassword || user.SavePassword
	p.IncludeLocalLAN = p.IncludeLocalLAN || user.IncludeLocalLAN
	p.PFS = p.PFS || user.PFS
	return p
}

func set[T comparable](to *T, value T) {
	var zero T
	if value != zero {
		*to = value
	}
}

func setList[T any](to *[]T, list []T) {
	if len(list) > 0 {
		*to = list
	}
}

// session numbers s's login; 0 is none.
func (s *sa) session() uint64 {
	if l := s.login(); l != nil {
		return l.Session
	}
	return 0
}

// snapshot is what `show` sees of a login; nil of none.
func (l *login) snapshot() *Login {
	if l == nil {
		return nil
	}
	return &Login{Session: l.Session, Group: l.Group, User: l.User, Address: l.address, Since: l.since, Begun: l.begun}
}
