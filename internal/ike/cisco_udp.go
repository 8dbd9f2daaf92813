package ike

import (
	"maps"
	"net/netip"
	"slices"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Cisco's encapsulation of a client's ESP in UDP, which is older than NAT
// traversal: the server names a port of its own in mode config, by the attribute
// UNITY-NATT-PORT, and ESP goes there without a marker. IKE stays at port 500, and
// quick mode's mode is that of raw ESP.

// ownUDP is where the ESP of a login goes by that; its zero value is that it does
// not. The client's end is that of its last ESP: until it has sent any, the same
// port.
type ownUDP struct {
	local  uint16
	client netip.AddrPort
}

// tellUDPPort answers a client that asks for the port. NAT traversal, where it has
// found a NAT, is used instead.
func (s *sa) tellUDPPort(l *login) []isakmp.Attribute {
	port := l.policy.UDPPort
	if !slices.Contains(s.e.cfg.UDPPorts, port) || s.behindNAT() {
		return nil
	}
	l.ownUDP = ownUDP{port, netip.AddrPortFrom(s.remote.Addr(), port)}
	s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(isakmp.UnityNATTPort), Number: uint32(port)})
	return []isakmp.Attribute{isakmp.BasicAttribute(isakmp.UnityNATTPort, port)}
}

// encapsulateAsCisco puts an SA of a client into UDP, if the client was told so.
func (s *sa) encapsulateAsCisco(p *ipsec.SAParams) {
	if l := s.login(); l.inOwnUDP() && !p.UDPEncap {
		p.UDPEncap, p.LocalPort, p.RemotePort = true, l.ownUDP.local, l.ownUDP.client.Port()
	}
}

// udpLogin is the login of a pair that goes in UDP of its own; nil for none.
func (e *Engine) udpLogin(c *child) *login {
	if c == nil {
		return nil
	}
	if l := e.logins[uint64(c.session)]; l.inOwnUDP() {
		return l
	}
	return nil
}

func (l *login) inOwnUDP() bool { return l != nil && l.ownUDP.local != 0 }

// udpMoved takes the data plane's word about where the client's ESP comes from. Its
// IKE stays where it is.
func (l *login) udpMoved(from netip.AddrPort) {
	if from.Addr() != l.ownUDP.client.Addr() || from == l.ownUDP.client {
		return
	}
	l.ownUDP.client = from
	for _, c := range l.children() {
		moved := MovedPeer{InSPI: c.in.spi, Remote: from.Addr(), To: from}
		if c.out.params != nil {
			c.out.params.RemotePort = from.Port()
		}
		if c.sends() {
			moved.OutSPI = c.out.spi
		}
		l.e.fx.Moved = append(l.e.fx.Moved, moved)
	}
}

// endLostUDP ends the logins whose port is ours no more.
func (e *Engine) endLostUDP(why trace.Reason) {
	for _, session := range slices.Sorted(maps.Keys(e.logins)) {
		if l := e.logins[session]; l.inOwnUDP() && !slices.Contains(e.cfg.UDPPorts, l.ownUDP.local) {
			l.end(why)
		}
	}
}
