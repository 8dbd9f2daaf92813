package router

import (
	"net/netip"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/ike"
)

// Mover is a DataPlane whose SAs can follow a peer behind a NAT. The pair is
// named by its SPIs and the peer's address; outSPI is 0 while there is no
// outbound SA.
type Mover interface {
	MovePeer(inSPI, outSPI uint32, remote netip.Addr, to netip.AddrPort) error
}

func (r *Router) movePeers() {
	m, ok := r.opts.DataPlane.(Mover)
	if !ok {
		return
	}
	for _, x := range r.fx.Moved {
		if err := m.MovePeer(x.InSPI, x.OutSPI, x.Remote, x.To); err != nil {
			r.errors = append(r.errors, err)
		}
	}
}

// PeerMoved makes all SAs with a peer follow it to another port of its address,
// from which an authentic packet of the pair with an inbound SPI came.
func (r *Router) PeerMoved(now time.Time, inSPI uint32, from netip.AddrPort) Output {
	r.engine.PeerMoved(now, inSPI, from, r.begin(now))
	return r.finish()
}

// VolumeLow asks for the successor of the pair with an inbound SPI, one of whose
// SAs nears its end in kilobytes or sequence numbers.
func (r *Router) VolumeLow(now time.Time, inSPI uint32) Output {
	r.engine.VolumeLow(now, inSPI, r.begin(now))
	return r.finish()
}

// UnknownSPI hears of ESP for an SA that is not there. The ports are those of
// UDP, 0 for ESP without it.
func (r *Router) UnknownSPI(now time.Time, spi uint32, local, remote netip.AddrPort) Output {
	r.engine.UnknownSPI(now, spi, local, remote, r.begin(now))
	return r.finish()
}

// ClearIPsecOf deletes the IPsec SAs that a filter chooses, and returns how many
// pairs there were.
func (r *Router) ClearIPsecOf(now time.Time, f ike.IPsecFilter) (Output, int) {
	n := r.engine.ClearIPsec(now, f, r.begin(now))
	return r.finish(), n
}

// ClearSession deletes the SAs of both phases with a peer, or with every peer
// for the invalid address, and returns how many sessions' SAs there were.
func (r *Router) ClearSession(now time.Time, peer netip.Addr) (Output, int) {
	a, b := r.engine.ClearSession(now, peer, r.begin(now))
	return r.finish(), a + b
}

// ClearCounters makes the counters of all SAs and lines begin at zero. The SAs
// count on.
func (r *Router) ClearCounters() {
	clear(r.past)
	r.zero = make(map[uint32]console.Counters)
	for _, x := range r.engine.IPsecSAs() {
		r.zero[x.InSPI] = r.opts.DataPlane.Counters(x.InSPI, x.OutSPI)
	}
}

// counters are those of a pair since the last ClearCounters.
func (r *Router) counters(inSPI, outSPI uint32) console.Counters {
	c, z := r.opts.DataPlane.Counters(inSPI, outSPI), r.zero[inSPI]
	c.EncapsPackets -= min(z.EncapsPackets, c.EncapsPackets)
	c.EncapsBytes -= min(z.EncapsBytes, c.EncapsBytes)
	c.DecapsPackets -= min(z.DecapsPackets, c.DecapsPackets)
	c.DecapsBytes -= min(z.DecapsBytes, c.DecapsBytes)
	c.SendErrors -= min(z.SendErrors, c.SendErrors)
	c.RecvErrors -= min(z.RecvErrors, c.RecvErrors)
	c.ReplayDrops -= min(z.ReplayDrops, c.ReplayDrops)
	c.AuthDrops -= min(z.AuthDrops, c.AuthDrops)
	return c
}
