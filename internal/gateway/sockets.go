package gateway

import (
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
)

// sockets are the UDP sockets, by the router's name of the address. The loop
// changes them; the data plane sends by them meanwhile.
type sockets struct {
	open atomic.Pointer[map[netip.AddrPort]udpSocket]
}

// all is not to be changed.
func (s *sockets) all() map[netip.AddrPort]udpSocket {
	if m := s.open.Load(); m != nil {
		return *m
	}
	return nil
}

// at returns nil where there is none.
func (s *sockets) at(local netip.AddrPort) udpSocket { return s.all()[local] }

// change replaces the map by a copy that f has changed.
func (s *sockets) change(f func(map[netip.AddrPort]udpSocket)) {
	m := make(map[netip.AddrPort]udpSocket)
	maps.Copy(m, s.all())
	f(m)
	s.open.Store(&m)
}

// wantedSockets are both ports of every address with a crypto map, and those of
// Cisco's encapsulation of ESP.
func wantedSockets(c *config.Config, conns []*ike.Connection) (wanted []netip.AddrPort) {
	if !c.ISAKMP.Enabled {
		return nil
	}
	for _, x := range conns {
		if local := netip.AddrPortFrom(x.Local, isakmp.PortIKE); x.Local.IsValid() && !slices.Contains(wanted, local) {
			wanted = append(wanted, local, netip.AddrPortFrom(x.Local, isakmp.PortNATT))
			for _, port := range router.UDPPorts(c) {
				wanted = append(wanted, netip.AddrPortFrom(x.Local, port))
			}
		}
	}
	return wanted
}

// openSockets opens those that are wanted and missing, all or none, and returns
// them.
func (g *Gateway) openSockets(c *config.Config, conns []*ike.Connection) (map[netip.AddrPort]udpSocket, error) {
	opened := make(map[netip.AddrPort]udpSocket)
	for _, local := range wantedSockets(c, conns) {
		if g.sockets.at(local) != nil {
			continue
		}
		s, err := g.world.listen(g.world.ports.toWire(local))
		if err != nil {
			g.closeSockets(opened)
			return nil, socketError(local, err)
		}
		opened[local] = s
		if err := g.prepareSocket(local, s); err != nil {
			g.closeSockets(opened)
			return nil, socketError(local, err)
		}
	}
	g.sockets.change(func(m map[netip.AddrPort]udpSocket) { maps.Copy(m, opened) })
	return opened, nil
}

// closeSockets takes sockets back that openSockets opened.
func (g *Gateway) closeSockets(opened map[netip.AddrPort]udpSocket) {
	g.sockets.change(func(m map[netip.AddrPort]udpSocket) {
		for local, s := range opened {
			s.Close()
			delete(m, local)
		}
	})
}
