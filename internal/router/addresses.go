package router

import (
	"net/netip"
	"slices"
	"time"

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
	for _, x := range c.Connections {
		old := find(r.conns, x)
		if old == nil || old.Local == x.Local || slices.Contains(told, x.Interface) {
			continue
		}
		told = append(told, x.Interface)
		r.Record(&trace.Record{Time: now, Event: &trace.LocalAddressChanged{Interface: x.Interface, From: old.Local, To: x.Local}})
	}
}

// InterfaceAddress implements console.InterfaceAddresses.
func (r *Router) InterfaceAddress(name string) (a netip.Addr, ok bool) {
	if i := r.cfg.Interface(name); i != nil {
		return r.opts.Local(i)
	}
	return a, false
}
