package lab

import (
	"fmt"
	"net/netip"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/router"
)

// addresses are those that an interface has now: the configured ones, or what
// it got from outside.
func (h *host) addresses(i *config.Interface) []netip.Prefix {
	given, ok := h.given[i.Name]
	switch {
	case !ok:
		return i.Addresses
	case given.IsValid():
		return []netip.Prefix{given}
	}
	return nil
}

// localAddress is the router's LocalAddress.
func (h *host) localAddress(i *config.Interface) (netip.Addr, bool) {
	if all := h.addresses(i); len(all) > 0 {
		return all[0].Addr(), true
	}
	return netip.Addr{}, false
}

// follow takes over the addresses that have changed. What the router still has
// to say from an old one leaves by the routes that there are now.
func (h *host) follow() error {
	if err := h.plug(h.cfg); err != nil {
		return err
	}
	change, err := h.router.Follow(h.localAddress)
	if err != nil {
		return err
	}
	h.plane.setPolicies(change.Connections, change.Policies())
	h.do(func(now time.Time) router.Output { return h.router.Reconfigure(now, change) })
	return nil
}

// parseAddress reads `address GATEWAY INTERFACE A/LENGTH` and so on.
func (l *lab) parseAddress(words []string) (func() error, error) {
	if len(words) != 3 {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	i := h.startup.Interface(words[1])
	if i == nil {
		return nil, fmt.Errorf("%s has no interface %s", h.name, words[1])
	}
	var to netip.Prefix
	switch words[2] {
	case "off":
	case "on":
		return func() error { delete(h.given, i.Name); return h.follow() }, nil
	default:
		if to, err = netip.ParsePrefix(words[2]); err != nil || !to.Addr().Is4() {
			return nil, fmt.Errorf("%q is no address such as 192.1.1.43/24", words[2])
		}
		if len(i.Addresses) > 0 {
			return nil, fmt.Errorf("the address of %s is configured: it can be off and on, not another one", i.Name)
		}
	}
	return func() error { h.given[i.Name] = to; return h.follow() }, nil
}
