package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/router"
)

// Apply implements console.Configurer. The deletes of what ends leave by the
// interfaces of before.
func (g gateway) Apply(cfg *config.Config) ([]string, error) {
	h := g.host
	change, err := h.router.Prepare(cfg, h.localAddress)
	if err != nil {
		return nil, err
	}
	if err := h.free(cfg); err != nil {
		return nil, err
	}
	h.plane.setPolicies(change.Connections, change.Policies())
	h.do(func(now time.Time) router.Output { return h.router.Reconfigure(now, change) })
	if err := h.plug(cfg); err != nil {
		return nil, err
	}
	h.cfg = cfg
	h.agent.Configure(cfg)
	return change.Notices, nil
}

// WriteMemory implements console.Configurer: a restart begins with text.
func (g gateway) WriteMemory(text string) error {
	cfg, ds := config.Load("startup-config", []byte(text))
	if err := ds.Err(); err != nil {
		return err
	}
	g.host.startup = cfg
	return nil
}

// plug connects the interfaces of a configuration that are up, and makes the
// routing table. A port that was there stays, and so does the NAT before one
// that was shut.
func (h *host) plug(cfg *config.Config) error {
	if err := h.free(cfg); err != nil {
		return err
	}
	old := h.ports
	h.ports, h.routes = nil, h.routesOf(cfg)
	for _, i := range cfg.Interfaces {
		if i.Shutdown {
			continue
		}
		for _, prefix := range h.addresses(i) {
			h.ports = append(h.ports, h.portFor(old, i.Name, prefix))
		}
	}
	for _, p := range old {
		if p.link != nil && !slices.Contains(h.ports, p) {
			p.link.ports = slices.DeleteFunc(p.link.ports, func(x *port) bool { return x == p })
		}
	}
	return nil
}

// portFor returns the old port of an interface's address, or joins a new one.
func (h *host) portFor(old []*port, name string, prefix netip.Prefix) *port {
	for _, p := range old {
		if p.name == name && p.addr == prefix.Addr() && (p.link == nil || p.link.prefix == prefix.Masked()) {
			return p
		}
	}
	p := &port{host: h, name: name, addr: prefix.Addr(), nat: h.nats[prefix.Addr()]}
	if !loopback(name) {
		h.lab.net.join(p, prefix)
	}
	return p
}

// free says whether no other host has an address that a configuration wants on
// its links.
func (h *host) free(cfg *config.Config) error {
	for _, i := range cfg.Interfaces {
		for _, prefix := range h.addresses(i) {
			l := h.lab.net.linkFor(h, prefix.Masked())
			if i.Shutdown || loopback(i.Name) || l == nil {
				continue
			}
			if other := l.holder(prefix.Addr()); other != nil && other.host != h {
				return fmt.Errorf("%s and %s both have the address %s", other.host.name, h.name, prefix.Addr())
			}
		}
	}
	return nil
}
