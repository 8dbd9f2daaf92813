package gateway

import "net/netip"

// The methods below are console.Surveyor's, but for the router's own.

// Path implements console.Surveyor. Rules of the kernel lead what the crypto
// maps protect into the tunnel, whatever the routes say.
func (v *view) Path(netip.Addr) (name string, known bool) { return "", false }

// Missed implements console.Surveyor. What leaves outside of the tunnel does not
// pass here.
func (v *view) Missed(uint32, int) (n uint64, last string) { return 0, "" }

// Reachable implements console.Surveyor.
func (v *view) Reachable(peer netip.Addr) bool { return v.g.plane.Reachable(peer) }
