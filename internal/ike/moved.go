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
	if c == nil || c.local.Port() != isakmp.PortNATT || from.Addr() != c.remote.Addr() {
		return
	}
	e.movePeer(c.pair(), c.remote, from)
}

// mayHaveMoved says whether a message may be of s's peer behind a NAT that gave
// it another port. Whether it is, its authentication tells.
func (s *sa) mayHaveMoved(m *message) bool {
	protected := m.header.Flags&isakmp.FlagEncryption != 0 || m.header.NextPayload == isakmp.PayloadFragment
	return s.up() && protected && s.natt != trace.NATTNone && m.local == s.local && s.local.Port() == isakmp.PortNATT
}

// authentic notes where an authenticated message of phase 2 came from.
func (m *message) authentic() {
	if m.remote != m.s.remote {
		m.e.movePeer(m.s.pair(), m.s.remote, m.remote)
	}
}

// movePeer makes all SAs with a peer follow it. Should another peer behind the
// NAT have had the new port, it has it no longer: it gets the old one, until it
// shows where it is.
func (e *Engine) movePeer(pair addrPair, from, to netip.AddrPort) {
	if from == to {
		return
	}
	for _, s := range e.byAddrs[pair] {
		if other, ok := swapped(s.remote, from, to); ok {
			s.remote = other
			s.emit(&trace.PortsFloated{LocalPort: s.local.Port(), RemotePort: other.Port()})
		}
	}
	for _, c := range e.instances.byEnds[pair] {
		c.Remote, _ = swapped(c.Remote, from, to)
	}
	for _, c := range e.byEnds[pair] {
		other, ok := swapped(c.remote, from, to)
		if !ok {
			continue
		}
		c.remote = other
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

func swapped(at, a, b netip.AddrPort) (other netip.AddrPort, ok bool) {
	switch at {
	case a:
		return b, true
	case b:
		return a, true
	}
	return at, false
}
