package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/dataplane"
)

// bindings tells which Linux interface stands for an interface of the
// configuration, by its long name.
type bindings map[string]binding

type binding struct {
	linux string
	addr  netip.Addr // the primary one; invalid where the host lacks it
}

// bind finds the interfaces of the configuration on the host. An IOS name is
// bound by override, else by its address; a Linux name is itself. Only an
// interface with a crypto map, or whose address one has, must be there, and its
// configured address too; one that gets its address from elsewhere may get it
// later.
func bind(c *config.Config, override map[string]string, host []hostInterface) (bindings, error) {
	return bindings{}.again(nil, c, override, host)
}

// again binds the interfaces of a configuration, as bind does, after those of an
// old one. What has an address keeps it as long as it is there. An interface of
// the old configuration may have gone away or lost its address since.
func (b bindings) again(old, c *config.Config, override map[string]string, host []hostInterface) (bindings, error) {
	now := make(bindings)
	for _, i := range c.Interfaces {
		linux, err := linuxFor(i, override, host)
		if err == nil {
			now[i.Name], err = bindOne(i, linux, b[i.Name].addr)
		}
		if err != nil && c.NeedsInterface(i) && !bound(old, i) {
			return nil, err
		}
	}
	for name := range override {
		if c.Interface(name) == nil {
			return nil, &OperatorError{fmt.Sprintf("--interface %s=%s: the configuration has no interface %s", name, override[name], name),
				"name it as in the configuration, long or short"}
		}
	}
	return now, nil
}

// bound says whether an interface of a configuration was bound as one of an old
// one, and had to be there then.
func bound(old *config.Config, i *config.Interface) bool {
	if old == nil {
		return false
	}
	o := old.Interface(i.Name)
	return o != nil && old.NeedsInterface(o) && slices.Equal(o.Addresses, i.Addresses)
}

// missing are those interfaces whose address a crypto map is to have and that
// have none now.
func (b bindings) missing(c *config.Config) (names []string) {
	for _, i := range c.Interfaces {
		if c.IsEndpoint(i) && !b[i.Name].addr.IsValid() {
			names = append(names, i.Name)
		}
	}
	return names
}

// linuxFor finds the host's interface, or says why there is none.
func linuxFor(i *config.Interface, override map[string]string, host []hostInterface) (*hostInterface, error) {
	want := ""
	if i.Linux() {
		want = i.Name
	}
	for name, linux := range override {
		if long, _, ok := config.InterfaceName(name); ok && long == i.Name {
			want = linux
		}
	}
	for n := range host {
		h := &host[n]
		if want != "" && h.name == want || want == "" && len(i.Addresses) > 0 && slices.Contains(h.addresses, i.Addresses[0].Addr()) {
			return h, nil
		}
	}
	switch {
	case want != "":
		return nil, &OperatorError{fmt.Sprintf("interface %s: this host has no interface %s", i.Name, want), "it has " + names(host)}
	case len(i.Addresses) == 0:
		return nil, &OperatorError{fmt.Sprintf("interface %s has no `ip address`, by which its Linux interface could be found", i.Name),
			fmt.Sprintf("name one: --interface %s=%s", i.Short, example(host))}
	}
	return nil, &OperatorError{fmt.Sprintf("interface %s: no interface of this host has the address %s", i.Name, i.Addresses[0].Addr()),
		fmt.Sprintf("give it to the host (`ip address add %s dev %s`), or change `ip address`", i.Addresses[0], example(host))}
}

func bindOne(i *config.Interface, h *hostInterface, before netip.Addr) (binding, error) {
	switch {
	case len(i.Addresses) > 0:
		addr := i.Addresses[0].Addr()
		if !slices.Contains(h.addresses, addr) {
			return binding{linux: h.name}, &OperatorError{fmt.Sprintf("interface %s: %s does not have the address %s", i.Name, h.name, addr),
				fmt.Sprintf("give it to the host (`ip address add %s dev %s`), or change `ip address`", i.Addresses[0], h.name)}
		}
		return binding{h.name, addr}, nil
	case slices.Contains(h.addresses, before):
		return binding{h.name, before}, nil
	case len(h.addresses) > 0:
		return binding{h.name, h.addresses[0]}, nil
	}
	return binding{linux: h.name}, nil
}

func names(host []hostInterface) string {
	var all []string
	for _, h := range host {
		all = append(all, h.name)
	}
	return strings.Join(all, ", ")
}

// example is an interface that may be meant: the first that is not loopback.
func example(host []hostInterface) string {
	for _, h := range host {
		if h.name != "lo" && len(h.addresses) > 0 {
			return h.name
		}
	}
	return "eth0"
}

// local is the router's LocalAddress.
func (b bindings) local(i *config.Interface) (netip.Addr, bool) {
	a := b[i.Name].addr
	return a, a.IsValid()
}

// staticRoutes are the `ip route` lines for the kernel, with a warning for
// each that it cannot have. Distances become metrics; IOS's default of 1 is
// the kernel's own default.
func (b bindings) staticRoutes(c *config.Config) (routes []dataplane.StaticRoute, warnings []string) {
	for _, r := range c.Routes {
		s := dataplane.StaticRoute{Prefix: r.Prefix, NextHop: r.NextHop}
		if r.Distance > 1 {
			s.Metric = int(r.Distance)
		}
		if r.Interface != "" {
			s.Interface = b[r.Interface].linux
			if s.Interface == "" {
				warnings = append(warnings, fmt.Sprintf("ip route %s by %s: not installed, for no Linux interface stands for that name\n"+
					"  hint: name one: --interface %s=NAME", r.Prefix, r.Interface, r.Interface))
				continue
			}
		}
		routes = append(routes, s)
	}
	return routes, warnings
}
