package ike

import (
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
	e.movePeer(c.pair(), nil, c.party, c.remote, from)
}

// mayHaveMoved says whether a message may be of s's peer behind a NAT that gave
// it another port. Whether it is, its authentication tells.
func (s *sa) mayHaveMoved(m *message) bool {
	protected := m.header.Flags&isakmp.FlagEncryption != 0 || m.header.NextPayload == isakmp.PayloadFragment
	knowsNAT := s.natt != trace.NATTNone && s.local.Port() == isakmp.PortNATT || s.login().inOwnUDP()
	return s.complete() && protected && knowsNAT && m.local == s.local
}

// authentic notes where an authenticated message of phase 2 came from.
func (m *message) authentic() {
	if m.remote != m.s.remote {
		m.e.movePeer(m.s.pair(), m.s, m.s.party(), m.s.remote, m.remote)
	}
}

// cameFrom makes all SAs with s's peer follow it to where it has now completed
// phase 1.
func (s *sa) cameFrom() {
	if s.local.Port() == isakmp.PortNATT {
		s.e.movePeer(s.pair(), s, s.party(), s.remote, s.remote)
	}
}

// movePeer makes all SAs with a peer follow it; by is the one that has shown where
// it is, nil for none. Should another peer behind the NAT have had the new port, it
// has it no longer: it gets the old one, until it shows where it is.
func (e *Engine) movePeer(pair addrPair, by *sa, who party, from, to netip.AddrPort) {
	for _, s := range e.byAddrs[pair] {
		other := swapped(s.remote, from, to, s == by || s.remote == from || who != 0 && s.party() == who)
		if other != s.remote {
			s.remote = other
			s.emit(&trace.PortsFloated{LocalPort: s.local.Port(), RemotePort: other.Port()})
		}
	}
	for _, c := range e.instances.byEnds[pair] {
		c.Remote = swapped(c.Remote, from, to, c.Remote == from)
	}
	for _, c := range e.byEnds[pair] {
		other := swapped(c.remote, from, to, c.remote == from || who != 0 && c.party == who)
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
