package router

import (
	"net/netip"
	"time"
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
	r.engines.PeerMoved(now, inSPI, from, r.begin(now))
	return r.finish()
}

// VolumeLow asks for the successor of the pair with an inbound SPI, one of whose
// SAs nears its end in kilobytes or sequence numbers.
func (r *Router) VolumeLow(now time.Time, inSPI uint32) Output {
	r.engines.VolumeLow(now, inSPI, r.begin(now))
	return r.finish()
}

// VolumeUsedUp ends the pair with an inbound SPI, one of whose SAs has carried its
// kilobytes or sequence numbers.
func (r *Router) VolumeUsedUp(now time.Time, inSPI uint32) Output {
	r.engines.VolumeUsedUp(now, inSPI, r.begin(now))
	return r.finish()
}

// UnknownSPI hears of ESP for an SA that is not there. The ports are those of
// UDP, 0 for ESP without it.
func (r *Router) UnknownSPI(now time.Time, spi uint32, local, remote netip.AddrPort) Output {
	r.engines.UnknownSPI(now, spi, local, remote, r.begin(now))
	return r.finish()
}
