package ike

import (
	"net/netip"
	"slices"

	"qmidle/internal/trace"
)

// A connection may name several peers, of which one is used at a time. A
// request goes to the first; when phase 1 with it comes to nothing it goes to
// the next, and has failed when all have. The peer that worked last is the
// first of the next request, unless the connection prefers one; so is the next
// in the list after a peer that died.

// CurrentPeer is the peer with which the connection of a tag negotiates next;
// invalid for an unknown tag.
func (e *Engine) CurrentPeer(tag uint32) netip.Addr {
	conn := e.connection(tag)
	if conn == nil {
		return netip.Addr{}
	}
	return e.firstPeer(conn)
}

// firstPeer is invalid where the connection has no peer now.
func (e *Engine) firstPeer(conn *Connection) netip.Addr {
	if len(conn.Peers) == 0 {
		return netip.Addr{}
	}
	if a := e.preferred[conn.Tag]; slices.Contains(conn.Peers, a) {
		return a
	}
	if slices.Contains(conn.Peers, conn.Preferred) {
		return conn.Preferred
	}
	return conn.Peers[0]
}

// after returns the peer behind one in the connection's list, the first behind
// the last.
func (c *Connection) after(peer netip.Addr) netip.Addr {
	return c.Peers[(slices.Index(c.Peers, peer)+1)%len(c.Peers)]
}

// peerWorked notes with whom a pair of IPsec SAs came up.
func (e *Engine) peerWorked(conn *Connection, peer netip.Addr) {
	if conn == nil || !slices.Contains(conn.Peers, peer) {
		return
	}
	delete(e.preferred, conn.Tag)
	if !conn.Preferred.IsValid() && e.firstPeer(conn) != peer {
		e.preferred[conn.Tag] = peer
	}
}

// peerFailed has the next request of a connection pass a peer over.
func (e *Engine) peerFailed(conn *Connection, peer netip.Addr) {
	if len(conn.Peers) > 1 {
		e.preferred[conn.Tag] = conn.after(peer)
	}
}

// peerDied passes over a peer that dead peer detection gave up, for all its
// connections.
func (e *Engine) peerDied(pair addrPair) {
	for _, conn := range e.conns.byEnds[pair] {
		if e.firstPeer(conn) == pair.remote {
			e.peerFailed(conn, pair.remote)
		}
	}
}

// failover takes a request that came to nothing with one peer to the next. A
// successor is only of use with the peer that has the pair.
func (e *Engine) failover(r request, peer netip.Addr) {
	conn := e.connection(r.Connection)
	if conn != nil && len(conn.Peers) > 0 && !slices.Contains(conn.Peers, peer) && r.rekeys == nil {
		e.pursue(conn, e.firstPeer(conn), r)
		return
	}
	if conn == nil || len(conn.Peers) <= 1 {
		e.failed(r.Acquire)
		return
	}
	e.peerFailed(conn, peer)
	if r.rekeys != nil {
		e.failed(r.Acquire)
		return
	}
	if r.tried++; r.tried < len(conn.Peers) {
		e.pursue(conn, conn.after(peer), r)
		return
	}
	delete(e.preferred, conn.Tag) // the next request begins anew
	e.failed(r.Acquire)
}

// lost says whether a reason for an SA's end speaks against its peer, so that
// what waited for it is to try the next.
func lost(reason trace.Reason) bool {
	switch reason {
	case trace.ReasonUserCommand, trace.ReasonShutdown, trace.ReasonReconfigured, trace.ReasonEvicted, trace.ReasonReplaced,
		trace.ReasonInitialContact, trace.ReasonNewAddress:
		return false
	}
	return true
}
