package ike

import (
	"net/netip"
	"slices"

	"qmidle/internal/trace"
)

// A peer that is known by a name may get another address. What is up with the
// old one, which Connection.Former has from then on, stays until it dies or nears
// its end; all that begins goes to the new one. Its pairs take over the traffic
// of those with the old.

// moved says whether a peer of a connection is at another address now.
func (c *Connection) moved(peer netip.Addr) bool {
	return slices.Contains(c.Former, peer) && !slices.Contains(c.Peers, peer)
}

// moved says whether a peer has moved for all the connections with it.
func (e *Engine) moved(p addrPair) bool {
	conns := e.conns.byEnds[p]
	return len(conns) > 0 && !slices.ContainsFunc(conns, func(c *Connection) bool { return !c.moved(p.remote) })
}

// Connected says whether an ISAKMP SA is up with a peer of a connection.
func (e *Engine) Connected(tag uint32) bool {
	conn := e.connection(tag)
	return conn != nil && slices.ContainsFunc(conn.Peers, func(p netip.Addr) bool {
		return e.upServing(conn, addrPair{conn.Local, p}) != nil
	})
}

// successorOf is the request for a pair's successor, and the peer to ask: another
// than the pair's where that has moved. False is that there is none.
func (e *Engine) successorOf(c *child, conn *Connection) (r request, peer netip.Addr, ok bool) {
	r = request{Acquire{c.conn, c.line}, c.localProxy, c.remoteProxy, c, 0}
	if !conn.moved(c.remote.Addr()) {
		return r, c.remote.Addr(), true
	}
	if len(conn.Peers) == 0 {
		return r, peer, false
	}
	r.rekeys = nil
	return r, e.firstPeer(conn), true
}

// kin are the pairs that may carry the same traffic as c: those with its peer,
// and with other addresses of it.
func (c *child) kin() []*child {
	e := c.e
	all := cloneList(e.byEnds[c.pair()])
	conn := e.connection(c.conn)
	if conn == nil || len(conn.Former) == 0 {
		return all
	}
	for _, a := range slices.Concat(conn.Peers, conn.Former) {
		if other := (addrPair{c.local.Addr(), a}); other != c.pair() {
			all = append(all, e.byEnds[other]...)
		}
	}
	return all
}

// replaces says whether c takes over the traffic of a pair whose peer has moved
// to c's.
func (c *child) replaces(o *child) bool {
	conn := c.e.connection(c.conn)
	return conn != nil && o.conn == c.conn && conn.moved(o.remote.Addr()) && !conn.moved(c.remote.Addr()) && c.sameTraffic(o)
}

// endUnfinished ends a negotiation with a peer that has moved since.
func (s *sa) endUnfinished(why trace.Reason) bool {
	if s.up() || s.halfOpen() || !s.e.moved(s.pair()) {
		return false
	}
	s.deleteSA(why)
	return true
}
