package router

import (
	"net/netip"
	"time"

	"qmidle/internal/ike"
)

// CanProve implements console.Surveyor, of which a driver adds what it alone
// knows.
func (r *Router) CanProve(local, remote netip.Addr) bool {
	if r.cfg.ISAKMP.AggressiveMode && r.peers.mayProve(remote) {
		return true
	}
	if r.cfg.ProvenWithoutKey(remote) {
		return true
	}
	_, ok := r.peers.keys.PresharedKey(ike.KeyQuery{Local: local, Remote: remote})
	return ok
}

// LastPackets implements console.Surveyor.
func (r *Router) LastPackets(inSPI uint32) (in, out time.Time) {
	return r.opts.DataPlane.LastPackets(inSPI)
}
