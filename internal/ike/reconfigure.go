package ike

import (
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Reconfigure makes cfg the engine's configuration. A connection that is there
// under its old Tag goes on with its SAs: the caller keeps a Tag for what is
// negotiated the same as before, with the same lines of the access list under
// the same indexes, and gives no Tag a second time. SAs and negotiations of a
// Tag that is gone end for the reason that is given, and so do ISAKMP SAs
// between two ends that share no connection any more; their peers are told.
// Policies, keys and the identity count from the next negotiation on.
func (e *Engine) Reconfigure(now time.Time, cfg Config, why trace.Reason, fx *Effects) {
	e.reconfigure(now, cfg, indexOf(cfg.Connections), why, fx)
}

func (e *Engine) reconfigure(now time.Time, cfg Config, conns index, why trace.Reason, fx *Effects) {
	e.begin(now, fx)
	before := e.conns
	e.cfg, e.conns = cfg, conns
	e.refreshInstances()
	e.shrink()
	e.endLostUDP(why)
	for _, s := range e.sorted() {
		s.adoptProfile()
		s.adoptConnections()
	}
	for _, c := range e.sortedChildren() {
		if e.connection(c.conn) == nil {
			e.expireChild(c, why)
			continue
		}
		c.startIdle()
	}
	for _, s := range e.sorted() {
		switch {
		case s.dead && s.role == trace.RoleResponder && len(before.byEnds[s.pair()]) == 0 && len(e.conns.byEnds[s.pair()]) > 0:
			s.purge() // what was refused then may come again
		case s.dead:
		case !e.conns.local[s.local.Addr()], before.joins(s.pair()) && !e.conns.joins(s.pair()):
			s.sendDeleteISAKMP()
			s.deleteSA(why)
		case s.endUnfinished(why):
		case s.up():
			s.startWatching()
		}
	}
	for tag := range e.preferred {
		if e.conns.byTag[tag] == nil {
			delete(e.preferred, tag)
		}
	}
	for pair := range e.invalidSPI {
		if len(e.conns.byEnds[pair]) == 0 {
			delete(e.invalidSPI, pair)
		}
	}
}

// startWatching starts what an SA that is up does at intervals and that was off
// so far.
func (s *sa) startWatching() {
	if !s.dpd.timer.isSet() {
		s.startDPD()
	}
	if !s.keepalive.isSet() {
		s.startNATKeepalive()
	}
}

// adoptConnections takes back what an SA was to negotiate, or negotiates, for
// connections that are gone, and shows its quick modes the present ones.
func (s *sa) adoptConnections() {
	e := s.e
	waiting := s.waiting
	s.waiting = nil
	for _, a := range waiting {
		if e.connection(a.Connection) == nil {
			e.failed(a.Acquire)
			continue
		}
		s.waiting = append(s.waiting, a)
	}
	for _, n := range s.sortedNodes() {
		switch {
		case n.done && n.tag != 0 && e.connection(n.tag) == nil:
			n.lastOut = nil // a duplicate must not confirm what was deleted since
		case n.conn == nil:
		case e.connection(n.conn.Tag) != nil:
			n.conn = e.connection(n.conn.Tag)
		default:
			spi := n.outSPI
			s.endNode(n, true, trace.NodeDeleteLarval)
			n.lastOut = nil
			n.withdraw(spi)
		}
	}
}

// withdraw tells an initiator, who may not have our answer yet, that its offer, whose
// SPI is given, is refused now, and tells it again for a duplicate of the offer: it would send that
// until its tries are over.
func (n *node) withdraw(spi uint32) {
	if n.role != trace.RoleResponder || n.exchange != isakmp.ExchangeQuick || spi == 0 || !n.s.complete() {
		return
	}
	n.lastOut = n.s.sendNotify(isakmp.ProtocolESP, spiOctets(spi), isakmp.NotifyNoProposalChosen, nil)
	n.sentAt = n.s.e.now.UnixNano()
}
