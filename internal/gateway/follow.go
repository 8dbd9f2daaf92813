package gateway

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"qmidle/internal/router"
)

// hostChanged hears that the host may have other addresses.
func (g *Gateway) hostChanged() {
	g.tell(func(now time.Time) (out router.Output) {
		g.follow(now)
		return out
	})
}

// follow takes over what has changed of the host's interfaces: an address, an
// interface that went away or came back. SAs of an address that is gone end, and
// their peers are told where the network still carries it; what is negotiated
// next has the new address. The policy stays in force all the time.
func (g *Gateway) follow(now time.Time) {
	host, err := g.world.interfaces()
	if err != nil {
		g.notices.tell(now, "interfaces", "cannot list the host's interfaces: %s", plainly(err))
		return
	}
	cfg := g.opts.Config
	bound, err := g.bindings.again(cfg, cfg, g.opts.Interfaces, host)
	if err != nil {
		g.notices.tell(now, "interfaces", "%v", err)
		return
	}
	if !maps.Equal(bound, g.bindings) {
		g.move(now, bound)
	}
	told := g.routeWarnings
	if warnings := g.setRoutes(); !slices.Equal(warnings, told) {
		for _, w := range warnings {
			g.say("%s", w)
		}
	}
}

// move makes other bindings those that hold.
func (g *Gateway) move(now time.Time, bound bindings) {
	before := g.bindings
	change, err := g.router.Follow(bound.local)
	if err == nil {
		g.outlast(change)
		err = g.adopt(now, g.opts.Config, bound, change)
	}
	if err == nil {
		err = g.plane.SetMSSClamps(g.bindings.mssClamps(g.opts.Config))
	}
	if err != nil {
		g.notices.tell(now, "address", "the new addresses of the host are not in use: %v", err)
		return
	}
	for _, i := range g.opts.Config.Interfaces {
		if was, is := before[i.Name], bound[i.Name]; g.opts.Config.BearsTunnels(i) && was != is {
			g.say("interface %s: %s", i.Name, addressMoved(was, is))
		}
	}
	for _, n := range change.Notices {
		g.say("%s", n)
	}
}

// outlast lets the deletes that a change causes leave from addresses that are
// gone. Where that cannot be, the peers find out by themselves.
func (g *Gateway) outlast(change *router.Change) {
	wanted := wantedSockets(g.opts.Config, change.Connections)
	for local, s := range g.sockets.all() {
		if !slices.Contains(wanted, local) {
			_ = s.Outlast()
		}
	}
}

// addressMoved says what became of a binding.
func addressMoved(was, is binding) string {
	switch {
	case !is.addr.IsValid():
		return fmt.Sprintf("its address %s is gone: its tunnels are down, and what they protect is blocked", was.addr)
	case !was.addr.IsValid():
		return fmt.Sprintf("it has the address %s, on %s", is.addr, is.linux)
	case was.addr == is.addr:
		return fmt.Sprintf("its address is on %s now", is.linux)
	}
	return fmt.Sprintf("its address is %s now; it was %s", is.addr, was.addr)
}
