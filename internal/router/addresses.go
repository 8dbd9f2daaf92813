package router

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// Follow works out what other addresses of the interfaces change, as Prepare
// does for a configuration.
func (r *Router) Follow(local LocalAddress) (*Change, error) {
	c, err := r.Prepare(r.cfg, local)
	if err == nil {
		c.reason = trace.ReasonNewAddress
	}
	return c, err
}

// tellAddresses tells, once for each interface, that its connections have
// another address than before.
func (r *Router) tellAddresses(now time.Time, c *Change) {
	var told []string
	before := byEntry(r.conns)
	for _, x := range c.Connections {
		old := before.find(x)
		name := endpointName(x)
		if old == nil || old.Local == x.Local || slices.Contains(told, name) {
			continue
		}
		told = append(told, name)
		r.Record(&trace.Record{Time: now, Event: &trace.LocalAddressChanged{Interface: name, From: old.Local, To: x.Local}})
	}
}

// endpointName is the interface that has a connection's local address.
func endpointName(x *ike.Connection) string {
	if x.LocalInterface != "" {
		return x.LocalInterface
	}
	return x.Interface
}

// InterfaceAddress implements console.InterfaceAddresses.
func (r *Router) InterfaceAddress(name string) (a netip.Addr, ok bool) {
	if i := r.cfg.Interface(name); i != nil {
		return r.opts.Local(i)
	}
	return a, false
}
