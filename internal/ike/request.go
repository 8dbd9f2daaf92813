package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// request is a wish for a pair of IPsec SAs: for traffic that waits, or in the
// place of a pair that nears its end.
type request struct {
	Acquire
	localProxy  policy.Proxy
	remoteProxy policy.Proxy
	rekeys      *child // nil for traffic that waits
	tried       int    // peers that failed
}

func requestFor(conn *Connection, a Acquire) request {
	line := conn.ACL[a.Line]
	return request{Acquire: a, localProxy: line.Local, remoteProxy: line.Remote}
}

// same says whether r and another ask for the same SAs.
func (r request) same(tag uint32, line int, local, remote policy.Proxy) bool {
	return r.Connection == tag && r.Line == line && policy.SameProxy(r.localProxy, local) && policy.SameProxy(r.remoteProxy, remote)
}

// Acquire asks for IPsec SAs for traffic that waits. A request for what is
// already under way is one with it.
func (e *Engine) Acquire(now time.Time, a Acquire, fx *Effects) {
	e.begin(now, fx)
	conn := e.connection(a.Connection)
	if conn == nil || conn.Dynamic || len(conn.Peers) == 0 || a.Line < 0 || a.Line >= len(conn.ACL) || !conn.ACL[a.Line].Permit {
		e.failed(a)
		return
	}
	if !conn.Local.IsValid() {
		ctx := trace.Context{Remote: toPort(e.firstPeer(conn))}
		e.emit(&ctx, &trace.RequestFailed{Reason: trace.ReasonNoAddress})
		e.failed(a)
		return
	}
	r := requestFor(conn, a)
	if e.underWay(conn, r) || e.answered(conn, r) {
		return
	}
	e.pursue(conn, e.firstPeer(conn), r)
}

// failed tells the data plane that what it asked for will not come.
func (e *Engine) failed(a Acquire) {
	e.fx.Failed = append(e.fx.Failed, FailedAcquire{a.Connection, a.Line})
	e.reapInstance(a.Connection)
}

// pursue negotiates a request with one peer: under the ISAKMP SA that is up,
// behind the one that is being made, or behind a new one.
func (e *Engine) pursue(conn *Connection, peer netip.Addr, r request) {
	e.tellRequest(conn, peer, r)
	pair := addrPair{conn.Local, peer}
	if s := e.upServing(conn, pair); s != nil {
		s.emit(&trace.QuickModeImmediate{})
		s.startQuickMode(r)
		return
	}
	if s := e.buddingFor(conn, pair); s != nil {
		s.waiting = append(s.waiting, r)
		s.emit(&trace.RequestAttached{})
		return
	}
	local, remote := conn.endpoints(peer)
	e.startPhase1(local, remote, conn.Profile, []request{r})
}

func toPort(a netip.Addr) netip.AddrPort { return netip.AddrPortFrom(a, isakmp.PortIKE) }

// budding returns an ISAKMP SA that is being negotiated. The first message of a
// half-open one may be forged: nothing waits for it.
func (e *Engine) budding(p addrPair) *sa { return e.buddingFor(&Connection{}, p) }

// buddingFor is budding for a connection: of its profile, and with its peer where
// several are behind one NAT.
func (e *Engine) buddingFor(conn *Connection, p addrPair) *sa {
	for _, s := range e.byAddrs[p] {
		if !s.dead && !s.halfOpen() && !s.up() && s.reaches(conn.Remote) && s.serves(conn) {
			return s
		}
	}
	return nil
}

// underWay says whether a request is waiting, being negotiated with any peer of
// its connection, or answered by a pair that is not yet ready to send.
func (e *Engine) underWay(conn *Connection, r request) bool {
	for _, peer := range conn.Peers {
		pair := addrPair{conn.Local, peer}
		for _, c := range e.byEnds[pair] {
			if c.settles() && r.same(c.conn, c.line, c.localProxy, c.remoteProxy) {
				return true
			}
		}
		for _, s := range e.byAddrs[pair] {
			if s.negotiates(r) {
				return true
			}
		}
	}
	return false
}

// late is how long after its answer a request of the data plane may still come:
// the two cross each other.
const late = time.Second

// answered says whether a request is older than the pair that it asks for, by
// which its packets go. It is asked again where they do not.
func (e *Engine) answered(conn *Connection, r request) bool {
	for _, peer := range conn.Peers {
		for _, c := range e.byEnds[addrPair{conn.Local, peer}] {
			if c.sends() && e.now.Sub(e.timers.time(c.carries)) < late && r.same(c.conn, c.line, c.localProxy, c.remoteProxy) {
				return true
			}
		}
	}
	return false
}

// negotiates says whether a request waits for s or is negotiated under it. The
// peer's offer for the same SAs counts too: what it lacks is its last message.
func (s *sa) negotiates(r request) bool {
	for _, w := range s.waiting {
		if r.same(w.Connection, w.Line, w.localProxy, w.remoteProxy) {
			return true
		}
	}
	for _, n := range s.nodes {
		if n.done || n.conn == nil || !r.same(n.conn.Tag, n.line, n.localProxy, n.remoteProxy) {
			continue
		}
		if n.role == trace.RoleInitiator || n.confirmedByTraffic() || n.awaitsConfirmation() {
			n.wanted = n.role == trace.RoleResponder
			return true
		}
	}
	return false
}

// request is what an initiator's quick mode was begun for.
func (n *node) request() request {
	return request{Acquire{n.conn.Tag, n.line}, n.localProxy, n.remoteProxy, n.rekeys, n.tried}
}

// unmet tells the data plane that a request came to nothing which was one with
// the peer's quick mode, or waited for a pair to settle; unless it has been taken
// up elsewhere.
func (e *Engine) unmet(r request) {
	if conn := e.connection(r.Connection); conn == nil || !e.underWay(conn, r) {
		e.failed(r.Acquire)
	}
}

func (e *Engine) tellRequest(conn *Connection, peer netip.Addr, r request) {
	ctx := trace.Context{Local: toPort(conn.Local), Remote: toPort(peer)}
	for _, ts := range policy.InForce(conn.TransformSets, policy.End{Addr: conn.Local}, policy.End{Addr: peer}, r.localProxy, r.remoteProxy) {
		e.emit(&ctx, &trace.IPsecSARequested{Local: conn.Local, Remote: peer, LocalProxy: r.localProxy, RemoteProxy: r.remoteProxy,
			Suite:       trace.IPsecSuite{Transform: ts.Cipher, KeyBits: ts.KeyBits, Auth: ts.Auth, Encap: encapOf(ts)},
			LifeSeconds: conn.Lives.Seconds, LifeKB: conn.Lives.Kilobytes})
	}
}
