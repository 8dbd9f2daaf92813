package ike

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/trace"
)

// A pair of IPsec SAs that carries nothing in either direction for the idle time
// of its connection ends, and the peer is told. A successor takes over the time
// that has run: renewing keeps nothing alive that is idle.

// startIdle arms the timer of the pair that sends, or stops it.
func (c *child) startIdle() {
	e := c.e
	conn := e.connection(c.conn)
	if conn == nil || conn.IdleTime == 0 || e.cfg.Traffic == nil || !c.sends() || c.superseder != nil {
		e.timers.clear(&c.idle)
		return
	}
	e.timers.set(&c.idle, c.lastUsed().Add(conn.IdleTime))
}

// lastUsed is when the pair, or one that it has succeeded, last carried a packet
// in either direction, and when the first of them was made where none did.
func (c *child) lastUsed() time.Time {
	in, out := c.e.cfg.Traffic.LastPackets(c.in.spi)
	return later(later(in, out), c.e.timers.time(c.idleSince))
}

// succeed takes over the idle time of an older pair; the first of several
// replaces the time of c's own making.
func (c *child) succeed(o *child, first bool) {
	if c.e.cfg.Traffic == nil {
		return
	}
	if first {
		c.idleSince = 0
	}
	c.idleSince = max(c.idleSince, c.e.timers.instant(o.lastUsed()))
}

func (c *child) idleDue(now time.Time) {
	e := c.e
	conn := e.connection(c.conn)
	if conn == nil || c.superseder != nil {
		return
	}
	if due := c.lastUsed().Add(conn.IdleTime); due.After(now) {
		e.timers.set(&c.idle, due)
		return
	}
	for _, o := range cloneList(e.byEnds[c.pair()]) {
		if o.superseder == c {
			e.expireChild(o, trace.ReasonIdle)
		}
	}
	e.expireChild(c, trace.ReasonIdle)
	e.peerIdled(conn, c.remote.Addr())
}

// peerIdled notes with whom a connection's next request begins, once all its
// pairs have ended: the preferred peer where the configuration wants that, else
// the one that was in use.
func (e *Engine) peerIdled(conn *Connection, peer netip.Addr) {
	for _, p := range slices.Concat(conn.Peers, conn.Former) {
		for _, c := range e.byEnds[addrPair{conn.Local, p}] {
			if c.conn == conn.Tag {
				return
			}
		}
	}
	delete(e.preferred, conn.Tag)
	if !conn.IdleToDefault && slices.Contains(conn.Peers, peer) && e.firstPeer(conn) != peer {
		e.preferred[conn.Tag] = peer
	}
}
