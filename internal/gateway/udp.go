package gateway

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
)

// maxMessage is what is kept of a datagram: longer ones the engine refuses by
// their length, whatever they hold.
const maxMessage = 16*1024 + 1

// receive takes what comes to one UDP socket until it is closed.
func (g *Gateway) receive(local netip.AddrPort, s udpSocket) {
	err := s.Receive(func(from netip.AddrPort, tos uint8, datagrams [][]byte) {
		from = g.world.ports.fromWire(from)
		switch local.Port() {
		case isakmp.PortIKE:
			for _, d := range datagrams {
				g.enqueue(datagram{local, from, d})
			}
		case isakmp.PortNATT:
			datagrams = g.takeMarked(local, from, datagrams)
			g.receiveESP(local, from, tos, datagrams)
		default: // Cisco's encapsulation
			g.receiveESP(local, from, tos, datagrams)
		}
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		g.tell(func(now time.Time) (out router.Output) {
			g.notices.tell(now, "socket "+local.String(), "UDP %s receives nothing any more: %s; start qmidle anew", local, plainly(err))
			return out
		})
	}
}

// takeMarked queues the IKE messages among datagrams on the NAT-T port, without
// their markers, and returns the others.
func (g *Gateway) takeMarked(local, from netip.AddrPort, datagrams [][]byte) [][]byte {
	others := datagrams[:0]
	for _, d := range datagrams {
		if ipsec.ClassifyUDP(d) == ipsec.UDPIKE {
			g.enqueue(datagram{local, from, d[ipsec.NonESPMarkerLen:]})
		} else {
			others = append(others, d)
		}
	}
	return others
}

// receiveESP gives ESP and keepalives to the data plane.
func (g *Gateway) receiveESP(local, from netip.AddrPort, tos uint8, datagrams [][]byte) {
	if len(datagrams) > 0 {
		g.containESP(from, func() { g.plane.ReceiveUDP(from, local, tos, datagrams) })
	}
}

// containESP contains what the handling of ESP may do.
func (g *Gateway) containESP(from netip.AddrPort, handle func()) {
	defer func() {
		if fault := recover(); fault != nil {
			where := faultLine()
			g.tell(func(now time.Time) (out router.Output) {
				g.notices.tell(now, "fault "+where, "internal error while handling ESP from %s, which was dropped; please report it: %v at %s",
					from, fault, where)
				return out
			})
		}
	}()
	handle()
}

// enqueue copies a message to one of the loop's queues.
func (g *Gateway) enqueue(d datagram) {
	queue, lost := g.datagrams, &g.lost
	switch {
	case begins(d.data):
		queue, lost = g.firsts, &g.overrun
	case !g.cookies.mayKnow(d.data):
		queue, lost = g.strays, &g.strayed
	}
	if len(queue) == cap(queue) {
		lost.Add(1)
		return
	}
	d.data = append([]byte(nil), d.data[:min(len(d.data), maxMessage)]...)
	select {
	case queue <- d:
	default:
		lost.Add(1)
	}
}

// begins says whether a message has no cookie of ours, or no header at all.
func begins(data []byte) bool {
	const ours = 8 // the responder's cookie's offset (RFC 2408 section 3.1)
	return len(data) < isakmp.HeaderLen || isakmp.Cookie(data[ours:ours+8]).IsZero()
}

// send sends what the router wants sent.
func (g *Gateway) send(d ike.Datagram) {
	s := g.sockets.at(d.Local)
	if s == nil {
		g.notices.tell(time.Now(), "no socket "+d.Local.String(), "nothing can be sent from %s: there is no socket", d.Local)
		return
	}
	data := d.Data
	if d.Local.Port() == isakmp.PortNATT && !d.Keepalive {
		g.marked = append(g.marked[:0], make([]byte, ipsec.NonESPMarkerLen)...)
		g.marked = append(g.marked, data...)
		data = g.marked
	}
	if err := s.Send(g.world.ports.toWire(d.Remote), data); err != nil {
		g.notices.tell(time.Now(), "send "+d.Remote.Addr().String(), "cannot send to %s: %s", d.Remote, plainly(err))
	}
}

// sendESP is the data plane's way to the NAT-T sockets.
func (g *Gateway) sendESP(local, remote netip.AddrPort, outer ipsec.OuterHeader, packets [][]byte) error {
	s := g.sockets.at(local)
	if s == nil {
		return net.ErrClosed
	}
	return s.SendESP(g.world.ports.toWire(remote), outer, packets...)
}
