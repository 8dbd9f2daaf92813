package ike

import (
	"net/netip"
	"slices"
	"sort"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// several are engines side by side, or one. What is done to SAs of all is done in the
// order of their numbers.
type several []*Engine

func (x several) begin(now time.Time, fx *Effects) {
	for _, e := range x {
		e.begin(now, fx)
	}
}

// ClearISAKMP deletes ISAKMP SAs, telling the peers: the one with conn-id conn,
// or all for 0. IPsec SAs stay, as in IOS. It returns how many there were.
func (e *Engine) ClearISAKMP(now time.Time, conn uint32, fx *Effects) int {
	return several{e}.clearISAKMP(now, conn, fx)
}

func (x several) clearISAKMP(now time.Time, conn uint32, fx *Effects) int {
	x.begin(now, fx)
	n := 0
	for _, s := range x.sorted() {
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
	// Destination and SPI name the pair of one SA, in either direction; SPI 0
	// for every SA.
	Destination netip.Addr
	SPI         uint32
}

func (f IPsecFilter) matches(c *child) bool {
	if f.Peer.IsValid() && c.remote.Addr() != f.Peer {
		return false
	}
	inbound := c.in.spi == f.SPI && c.local.Addr() == f.Destination
	outbound := c.out.spi == f.SPI && c.remote.Addr() == f.Destination
	if f.SPI != 0 && !inbound && !outbound {
		return false
	}
	conn := c.e.connection(c.conn)
	return f.Map == "" || (conn != nil && conn.Map == f.Map)
}

// ClearIPsec deletes the IPsec SAs that a filter chooses, telling the peers with
// whom an ISAKMP SA is up. It returns how many pairs there were.
func (e *Engine) ClearIPsec(now time.Time, f IPsecFilter, fx *Effects) int {
	return several{e}.clearIPsec(now, f, fx)
}

func (x several) clearIPsec(now time.Time, f IPsecFilter, fx *Effects) int {
	x.begin(now, fx)
	return x.clearPairs(f.matches)
}

func (x several) clearPairs(chosen func(*child) bool) (n int) {
	for _, c := range x.sortedChildren() {
		if !chosen(c) {
			continue
		}
		n++
		if !c.replaced() {
			c.e.expireChild(c, trace.ReasonUserCommand)
		}
	}
	return n
}

// SessionFilter chooses the SAs between two ends; its zero value chooses all.
type SessionFilter struct {
	Local, Remote netip.Addr // invalid for every address
	RemotePort    uint16     // 0 for every port
}

func (f SessionFilter) matches(local, remote netip.AddrPort) bool {
	return (!f.Local.IsValid() || f.Local == local.Addr()) && (!f.Remote.IsValid() || f.Remote == remote.Addr()) &&
		(f.RemotePort == 0 || f.RemotePort == remote.Port())
}

// ClearSession deletes the SAs of both phases that a filter chooses, and what is
// being negotiated. It returns how many ISAKMP SAs and pairs there were.
func (e *Engine) ClearSession(now time.Time, f SessionFilter, fx *Effects) (isakmpSAs, pairs int) {
	return several{e}.clearSession(now, f, fx)
}

func (x several) clearSession(now time.Time, f SessionFilter, fx *Effects) (isakmpSAs, pairs int) {
	x.begin(now, fx)
	for _, e := range x {
		a, b := e.endLogins(f.matches, trace.ReasonUserCommand)
		isakmpSAs, pairs = isakmpSAs+a, pairs+b
	}
	pairs += x.clearPairs(func(c *child) bool { return f.matches(c.local, c.remote) })
	for _, s := range x.sorted() {
		if s.dead || !f.matches(s.local, s.remote) {
			continue
		}
		isakmpSAs++
		s.sendDeleteISAKMP()
		s.deleteSA(trace.ReasonUserCommand)
	}
	return isakmpSAs, pairs
}

// Shutdown deletes everything, telling the peers.
func (e *Engine) Shutdown(now time.Time, fx *Effects) { several{e}.shutdown(now, fx) }

func (x several) shutdown(now time.Time, fx *Effects) {
	x.begin(now, fx)
	for _, e := range x {
		e.endLogins(func(netip.AddrPort, netip.AddrPort) bool { return true }, trace.ReasonShutdown)
	}
	for _, c := range x.sortedChildren() {
		c.e.expireChild(c, trace.ReasonShutdown)
	}
	for _, s := range x.sorted() {
		if !s.dead {
			s.sendDeleteISAKMP()
			s.deleteSA(trace.ReasonShutdown)
		}
	}
}

func (e *Engine) sorted() []*sa { return several{e}.sorted() }

func (x several) sorted() []*sa {
	var list []*sa
	for _, e := range x {
		for _, l := range e.byAddrs {
			list = append(list, l...)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}

func (e *Engine) sortedChildren() []*child { return several{e}.sortedChildren() }

func (x several) sortedChildren() []*child {
	n := 0
	for _, e := range x {
		n += len(e.children)
	}
	list := make([]*child, 0, n)
	for _, e := range x {
		for _, c := range e.children {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].inConn < list[j].inConn })
	return list
}

// ISAKMPSAs lists the ISAKMP SAs, oldest first.
func (e *Engine) ISAKMPSAs() []ISAKMPSA { return several{e}.isakmpSAs() }

func (x several) isakmpSAs() []ISAKMPSA {
	all := x.sorted()
	list := make([]ISAKMPSA, 0, len(all))
	for _, s := range all {
		t := &s.e.timers
		list = append(list, ISAKMPSA{ID: s.id, Conn: s.conn, Local: s.local, Remote: s.remote, Role: s.role, State: s.state,
			Show: s.show, Dead: s.dead, DeadReason: s.reason, Policy: s.suite, PeerIdentity: s.peerID, PeerCertificate: s.peerCertificate,
			Established: t.time(s.established), Expires: t.time(s.expires), NATT: s.behindNAT(), DPD: s.peerDPD && s.liveness() != nil, Profile: s.profile.name(),
			Aggressive: s.aggressive, XAuth: s.xauth, InitiatorCookie: s.cookieI, ResponderCookie: s.cookieR, Login: s.login().snapshot()})
	}
	return list
}

// IPsecSAs lists the pairs of IPsec SAs, oldest first.
func (e *Engine) IPsecSAs() []IPsecSA { return several{e}.ipsecSAs() }

func (x several) ipsecSAs() []IPsecSA {
	all := x.sortedChildren()
	list := make([]IPsecSA, 0, len(all))
	for _, c := range all {
		list = append(list, c.snapshot())
	}
	return list
}

// PairOf returns the pair that an SA, by its ID, is one of; local and remote are
// its ends.
func (e *Engine) PairOf(local, remote netip.Addr, id uint32) (IPsecSA, bool) {
	for _, c := range e.byEnds[addrPair{local, remote}] {
		if c.in.id == id || c.out.id == id {
			return c.snapshot(), true
		}
	}
	return IPsecSA{}, false
}

// PairsOf lists those of one connection.
func (e *Engine) PairsOf(tag uint32) (list []IPsecSA) {
	conn := e.connection(tag)
	if conn == nil {
		return nil
	}
	for _, peer := range slices.Concat(conn.Peers, conn.Former) {
		for _, c := range e.byEnds[addrPair{conn.Local, peer}] {
			if c.conn == tag {
				list = append(list, c.snapshot())
			}
		}
	}
	return list
}

// PairsOfSession lists those of one client.
func (e *Engine) PairsOfSession(session uint64) (list []IPsecSA) {
	if l := e.logins[session]; l != nil {
		for _, c := range l.children() {
			list = append(list, c.snapshot())
		}
	}
	return list
}

func (c *child) snapshot() IPsecSA {
	return IPsecSA{Connection: c.conn, Configured: c.e.Configured(c.conn), Line: c.line, Local: c.local, Remote: c.remote,
		LocalProxy: c.localProxy, RemoteProxy: c.remoteProxy, InSPI: c.in.spi, OutSPI: c.out.spi,
		InConn: c.inConn, OutConn: c.outConn, Suite: c.suite, PFS: c.pfs, Lives: c.lives,
		Created: c.e.timers.time(c.created), Expires: c.e.timers.time(c.life.at), Initiator: c.initiator, OutboundReady: c.ready, InID: c.in.id, OutID: c.out.id, ReplayWindow: int(c.window), Session: uint64(c.session)}
}

// Configured returns the tag of the connection that the configuration has: of an
// instance its template's, else the tag itself.
func (e *Engine) Configured(tag uint32) uint32 {
	if c := e.instances.byTag[tag]; c != nil {
		return c.made.Tag
	}
	return tag
}

func encapOf(ts policy.TransformSet) isakmp.Encapsulation {
	if ts.Transport {
		return isakmp.EncapTransport
	}
	return isakmp.EncapTunnel
}
