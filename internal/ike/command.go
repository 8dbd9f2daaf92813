package ike

import (
	"net/netip"
	"sort"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// ClearISAKMP deletes ISAKMP SAs, telling the peers: the one with conn-id conn,
// or all for 0. IPsec SAs stay, as in IOS. It returns how many there were.
func (e *Engine) ClearISAKMP(now time.Time, conn uint32, fx *Effects) int {
	e.begin(now, fx)
	n := 0
	for _, s := range e.sorted() {
		if s.dead || (conn != 0 && s.conn != conn) {
			continue
		}
		n++
		s.sendDeleteISAKMP()
		s.deleteSA(trace.ReasonUserCommand)
	}
	return n
}

// IPsecFilter chooses pairs of IPsec SAs; its zero value chooses all.
type IPsecFilter struct {
	Peer netip.Addr // of any port; invalid for every peer
	Map  string     // the crypto map's name; "" for every map
}

func (f IPsecFilter) matches(e *Engine, c *child) bool {
	if f.Peer.IsValid() && c.remote.Addr() != f.Peer {
		return false
	}
	conn := e.conns.byTag[c.conn]
	return f.Map == "" || (conn != nil && conn.Map == f.Map)
}

// ClearIPsec deletes the IPsec SAs that a filter chooses, telling the peers with
// whom an ISAKMP SA is up. It returns how many pairs there were.
func (e *Engine) ClearIPsec(now time.Time, f IPsecFilter, fx *Effects) int {
	e.begin(now, fx)
	return e.clearIPsec(f)
}

func (e *Engine) clearIPsec(f IPsecFilter) (n int) {
	for _, c := range e.sortedChildren() {
		if f.matches(e, c) {
			e.expireChild(c, trace.ReasonUserCommand)
			n++
		}
	}
	return n
}

// ClearSession deletes the SAs of both phases with a peer, or with every peer
// for the invalid address, and what is being negotiated. It returns how many
// ISAKMP SAs and pairs there were.
func (e *Engine) ClearSession(now time.Time, peer netip.Addr, fx *Effects) (isakmpSAs, pairs int) {
	e.begin(now, fx)
	pairs = e.clearIPsec(IPsecFilter{Peer: peer})
	for _, s := range e.sorted() {
		if s.dead || (peer.IsValid() && s.remote.Addr() != peer) {
			continue
		}
		isakmpSAs++
		s.sendDeleteISAKMP()
		s.deleteSA(trace.ReasonUserCommand)
	}
	return isakmpSAs, pairs
}

// Shutdown deletes everything, telling the peers.
func (e *Engine) Shutdown(now time.Time, fx *Effects) {
	e.begin(now, fx)
	for _, c := range e.sortedChildren() {
		e.expireChild(c, trace.ReasonShutdown)
	}
	for _, s := range e.sorted() {
		if !s.dead {
			s.sendDeleteISAKMP()
			s.deleteSA(trace.ReasonShutdown)
		}
	}
}

func (e *Engine) sorted() []*sa {
	var list []*sa
	for _, l := range e.byAddrs {
		list = append(list, l...)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}

func (e *Engine) sortedChildren() []*child {
	list := make([]*child, 0, len(e.children))
	for _, c := range e.children {
		list = append(list, c)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].inConn < list[j].inConn })
	return list
}

// ISAKMPSAs lists the ISAKMP SAs, oldest first.
func (e *Engine) ISAKMPSAs() []ISAKMPSA {
	list := make([]ISAKMPSA, 0, len(e.byAddrs))
	for _, s := range e.sorted() {
		list = append(list, ISAKMPSA{ID: s.id, Conn: s.conn, Local: s.local, Remote: s.remote, Role: s.role, State: s.state,
			Show: s.show, Dead: s.dead, DeadReason: s.reason, Policy: s.suite, PeerIdentity: s.peerID,
			Established: s.established, Expires: s.expires, NATT: s.behindNAT(), DPD: s.peerDPD && e.cfg.Keepalive != nil,
			InitiatorCookie: s.cookieI, ResponderCookie: s.cookieR})
	}
	return list
}

// IPsecSAs lists the pairs of IPsec SAs, oldest first.
func (e *Engine) IPsecSAs() []IPsecSA {
	list := make([]IPsecSA, 0, len(e.children))
	for _, c := range e.sortedChildren() {
		list = append(list, IPsecSA{Connection: c.conn, Line: c.line, Local: c.local, Remote: c.remote,
			LocalProxy: c.localProxy, RemoteProxy: c.remoteProxy, InSPI: c.in.spi, OutSPI: c.out.spi,
			InConn: c.inConn, OutConn: c.outConn, Suite: c.suite, PFS: c.pfs, Lives: c.lives,
			Created: c.created, Expires: c.expires, Initiator: c.initiator, OutboundReady: c.ready, InID: c.in.id, OutID: c.out.id})
	}
	return list
}

func encapOf(ts policy.TransformSet) isakmp.Encapsulation {
	if ts.Transport {
		return isakmp.EncapTransport
	}
	return isakmp.EncapTunnel
}
