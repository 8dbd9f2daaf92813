package ike

import (
	"cmp"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// MovedPeer says that a pair's peer is now at another port: the NAT before it
// gave it a new mapping. The pair is still known by the address.
type MovedPeer struct {
	InSPI, OutSPI uint32 // OutSPI is 0 while there is no outbound SA
	Remote        netip.Addr
	To            netip.AddrPort
}

// PeerMoved takes the data plane's word that an authentic ESP packet of the
// pair with an inbound SPI came from another port. All SAs with the peer follow
// it. Another address is not followed: keys and access lists go by it.
func (e *Engine) PeerMoved(now time.Time, inboundSPI uint32, from netip.AddrPort, fx *Effects) {
	e.begin(now, fx)
	c := e.children[inboundSPI]
	if l := e.udpLogin(c); l != nil {
		l.udpMoved(from)
		return
	}
	if c == nil || c.local.Port() != isakmp.PortNATT || from.Addr() != c.remote.Addr() || from == c.remote {
		return
	}
	e.movePeer(c.local, nil, c.party, c.remote, from)
}

// mayHaveMoved says whether a message may be of s's peer behind a NAT that gave
// it another port. Whether it is, its authentication tells.
func (s *sa) mayHaveMoved(m *message) bool {
	protected := m.header.Flags&isakmp.FlagEncryption != 0 || m.header.NextPayload == isakmp.PayloadFragment
	knowsNAT := s.natt != trace.NATTNone && s.local.Port() == isakmp.PortNATT || s.login().inOwnUDP()
	return s.complete() && protected && knowsNAT && m.local == s.local
}

// authentic notes where an authenticated message of phase 2 came from. A peer that
// has gone to port 4500 by itself takes its SA there.
func (m *message) authentic() {
	if m.local != m.s.local {
		m.s.followPorts(m)
		return
	}
	if m.remote != m.s.remote {
		m.e.movePeer(m.s.local, m.s, m.s.party(), m.s.remote, m.remote)
	}
}

// cameFrom makes all SAs with s's peer follow it to where it has now completed
// phase 1.
func (s *sa) cameFrom() {
	if s.local.Port() == isakmp.PortNATT {
		s.e.movePeer(s.local, s, s.party(), s.remote, s.remote)
	}
}

// movePeer makes all SAs with a peer at one port of ours follow it; by is the one that
// has shown where it is, nil for none. An SA at another port of ours is not moved: a
// peer sends from 500 to 500, and from 4500, or what a NAT makes of it, to 4500, and
// may have SAs at both. Should another peer behind the NAT have had the new port, it
// has it no longer: it gets the old one, until it shows where it is.
func (e *Engine) movePeer(local netip.AddrPort, by *sa, who party, from, to netip.AddrPort) {
	pair := addrPair{local.Addr(), to.Addr()}
	client := e.reunite(pair, from, to)
	if client == nil && by != nil {
		client = by.login()
	}
	for _, s := range e.byAddrs[pair] {
		if s.local != local {
			continue
		}
		other := swapped(s.remote, from, to, s == by || s.remote == from || who != 0 && s.party() == who || client != nil && s.login() == client)
		if other != s.remote {
			s.remote = other
			s.emit(&trace.PortsFloated{LocalPort: s.local.Port(), RemotePort: other.Port()})
		}
	}
	for _, c := range e.instances.byEnds[pair] {
		if c.localPort == local.Port() {
			c.remote = swapped(c.remote, from, to, c.remote == from || client != nil && client.uses(c.tag))
		}
	}
	e.renewConnections(pair)
	for _, c := range e.byEnds[pair] {
		if c.local != local {
			continue
		}
		other := swapped(c.remote, from, to, c.remote == from || who != 0 && c.party == who || client != nil && uint64(c.session) == client.Session)
		if other == c.remote {
			continue
		}
		c.remote = other
		if e.udpLogin(c) != nil {
			continue
		}
		moved := MovedPeer{InSPI: c.in.spi, Remote: other.Addr(), To: other}
		if c.out.params != nil {
			c.out.params.RemotePort = other.Port()
		}
		if c.sends() {
			moved.OutSPI = c.out.spi
		}
		e.fx.Moved = append(e.fx.Moved, moved)
	}
}

// renewConnections shows the negotiations between two ends where their instances are.
func (e *Engine) renewConnections(pair addrPair) {
	for _, s := range e.byAddrs[pair] {
		for _, n := range s.nodes {
			if n.conn != nil && e.instances.byTag[n.conn.Tag] != nil {
				n.conn = cmp.Or(e.connection(n.conn.Tag), n.conn)
			}
		}
	}
}

// swapped is where the peer of an SA is now that was at a place: same says that
// it is the one that has moved.
func swapped(at, from, to netip.AddrPort, same bool) netip.AddrPort {
	switch {
	case same:
		return to
	case at == to:
		return from
	}
	return at
}
