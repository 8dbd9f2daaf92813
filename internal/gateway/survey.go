package gateway

import (
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/trace"
)

// The methods below are console.Surveyor's, but for the router's own.

// Missed implements console.Surveyor. What leaves outside of the tunnel does not
// pass here.
func (v *view) Missed(uint32, int) (n uint64, last string) { return 0, "" }

// RouteTo implements console.Surveyor. An interface of the configuration is
// named as there.
func (v *view) RouteTo(to netip.Addr) (diagnose.Hop, bool) {
	r, ok := v.g.plane.RouteTo(to)
	name := r.Interface
	for ios, b := range v.g.bindings {
		if b.linux == r.Interface {
			name = ios
		}
	}
	return diagnose.Hop{NextHop: r.NextHop, Interface: name}, ok
}

// WaysInto implements console.Surveyor. Rules lead what a crypto map protects into
// the tunnel.
func (v *view) WaysInto(network, except trace.Proxy) ([]string, bool) { return nil, false }

// Ruled implements console.Surveyor.
func (v *view) Ruled() bool { return true }
