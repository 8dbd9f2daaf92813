package router

import (
	"net/netip"
	"time"

	"qmidle/internal/ike"
)

// HasKey implements console.Surveyor, of which a driver adds what it alone
// knows.
func (r *Router) HasKey(local, remote netip.Addr) bool {
	if r.cfg.ISAKMP.AggressiveMode && r.peers.mayProve(remote) {
		return true
	}
	if r.byCertificate() {
		return true
	}
	_, ok := r.peers.keys.PresharedKey(ike.KeyQuery{Local: local, Remote: remote})
	return ok
}

// LastPackets implements console.Surveyor.
func (r *Router) LastPackets(inSPI uint32) (in, out time.Time) {
	return r.opts.DataPlane.LastPackets(inSPI)
}
