package ike

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// returned is a client whose NAT has given it another port right before it renewed
// its ISAKMP SA, so that the hub has two logins of its user.
func returned(t testing.TB) (r *remote, old *sa) {
	r = newRemote(t, func(hub, spoke *Config) {
		all := []trace.NATTVersion{trace.NATTRFC3947}
		hub.NATT, spoke.NATT = all, all
	})
	inside, first := netip.AddrPortFrom(spokeAddr, isakmp.PortNATT), netip.AddrPortFrom(spokeAddr, 10000)
	at := netip.AddrPortFrom(spokeAddr, 20000)
	r.rewrite = func(_ int, d *Datagram) {
		switch {
		case d.Local == toPort(spokeAddr):
			d.Local = first
		case d.Local == inside:
			d.Local = at
		case d.Remote == first:
			d.Remote = toPort(spokeAddr)
		case d.Remote == at:
			d.Remote = inside
		case d.Remote.Addr() == spokeAddr:
			d.Remote = netip.AddrPortFrom(spokeAddr, 9) // the NAT knows nobody there
		}
	}
	r.connect()
	r.checkUp()
	old = r.hub.newest()
	at = netip.AddrPortFrom(spokeAddr, 20001)
	r.do(r.spoke, func(e *Engine, fx *Effects) {
		e.begin(r.now, fx)
		e.startPhase1(inside, netip.AddrPortFrom(hubAddr, isakmp.PortNATT), "", nil)
	})
	r.settle()
	if n := len(r.hub.engine.logins); n != 2 {
		t.Fatalf("%d logins, want the old one and the new", n)
	}
	return r, old
}

// checkOne holds that the hub has one login of one user, with his address and one
// pair, where he is now.
func (r *remote) checkOne(session uint64) {
	r.t.Helper()
	r.check()
	sa, pairs := r.hubSA(), r.hub.engine.IPsecSAs()
	if len(r.hub.engine.logins) != 1 || sa.Login == nil || sa.Login.Session != session || sa.Login.Address != clientAddr {
		r.t.Fatalf("%d logins, that of the newest SA is %+v; want session %d alone", len(r.hub.engine.logins), sa.Login, session)
	}
	for _, x := range pairs {
		if x.Remote.Port() != 20001 || x.Session != session {
			r.t.Errorf("a pair with %v of session %d", x.Remote, x.Session)
		}
	}
	if len(pairs) == 0 || sa.Remote.Port() != 20001 || len(r.office.released) != 0 {
		r.t.Errorf("%d pairs, the client at %v, released %v", len(pairs), sa.Remote, r.office.released)
	}
	begun := func(s SessionStage) bool { return s == SessionBegun }
	if s := r.stages(); len(slices.DeleteFunc(slices.Clone(s), begun)) != 1 {
		r.t.Errorf("AAA is told %v, want one end: of the session that never began", s)
	}
}

func TestAReturnedClientIsKnownByItsESP(t *testing.T) {
	r, old := returned(t)
	session, pair := old.session(), r.hub.engine.IPsecSAs()[0]
	r.do(r.hub, func(e *Engine, fx *Effects) {
		e.PeerMoved(r.now, pair.InSPI, netip.AddrPortFrom(spokeAddr, 20001), fx)
		if len(fx.Moved) != 1 {
			t.Errorf("the data plane is told %+v", fx.Moved)
		}
	})
	r.checkOne(session)
	r.do(r.hub, func(e *Engine, fx *Effects) { e.begin(r.now, fx); old.lifeDue(r.now) })
	r.settle()
	r.checkOne(session)
}

func TestAReturnedClientIsKnownByWhatItAsksFor(t *testing.T) {
	r, old := returned(t)
	session, pair := old.session(), r.spoke.engine.IPsecSAs()[0]
	r.do(r.spoke, func(e *Engine, fx *Effects) { e.VolumeLow(r.now, pair.InSPI, fx) })
	r.advance(answerDelay)
	if n := len(r.hub.engine.IPsecSAs()); n != 2 {
		t.Fatalf("%d pairs, want an old and a new one", n)
	}
	r.checkOne(session)
}

func TestAReturnedClientIsKnownByBeingAlone(t *testing.T) {
	r, old := returned(t)
	session := old.session()
	r.do(r.hub, func(e *Engine, fx *Effects) { e.begin(r.now, fx); old.lifeDue(r.now) })
	r.settle()
	r.checkOne(session)
}

// Of several that may be the client none is.
func TestAReturnedClientIsNotGuessed(t *testing.T) {
	r, old := returned(t)
	twin := r.hub.newest()
	l := *twin.login()
	l.Session = 99
	r.hub.engine.logins[l.Session] = &l
	other := *twin
	other.access = &access{passed: true, login: &l}
	r.hub.engine.byAddrs[old.pair()] = append(r.hub.engine.byAddrs[old.pair()], &other)
	old.login().cause = trace.ReasonLifetime
	if h := old.login().heir(); h != nil {
		t.Errorf("SA %d is taken for the client's", h.id)
	}
}

// What an operator has ended does not go on.
func TestAReturnedClientMayBeCleared(t *testing.T) {
	r, _ := returned(t)
	r.do(r.hub, func(e *Engine, fx *Effects) { e.ClearSession(r.now, SessionFilter{}, fx) })
	if n, m := len(r.hub.engine.logins), len(r.hub.engine.IPsecSAs()); n != 0 || m != 0 {
		t.Errorf("%d logins and %d pairs are left", n, m)
	}
}

// A server that has lost its leases refuses what a client asks for with its address of
// before: the client asks for an address anew, once for each ISAKMP SA.
func TestAClientWhoseAddressIsRefusedAsksAgain(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	other := clientAddr.Next()
	r.hub = newSide("hub", r.hub.engine.cfg, 9)
	r.office.pool = []netip.Addr{other}
	r.do(r.spoke, func(e *Engine, fx *Effects) {
		e.begin(r.now, fx)
		e.startPhase1(toPort(spokeAddr), toPort(hubAddr), "", nil)
	})
	r.settle()
	old := r.spoke.engine.IPsecSAs()[0]
	r.do(r.spoke, func(e *Engine, fx *Effects) { e.VolumeLow(r.now, old.InSPI, fx) })
	r.advance(time.Second)
	if got := r.office.got[len(r.office.got)-1]; got.Address != other {
		t.Fatalf("the client has %v, want %v", got.Address, other)
	}
	r.connect()
	pairs := r.spoke.engine.IPsecSAs()
	if len(pairs) != 1 || !policy.SameProxy(pairs[0].LocalProxy, hostProxy(other)) {
		t.Errorf("pairs %+v, want one of %v", pairs, other)
	}
	asked := r.hub.events.count(trace.CodeConfigChecked)
	r.do(r.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(r.now, IPsecFilter{}, fx) })
	r.advance(time.Minute)
	if n := r.hub.events.count(trace.CodeConfigChecked); n != asked {
		t.Errorf("the client asks %d times more", n-asked)
	}
}
