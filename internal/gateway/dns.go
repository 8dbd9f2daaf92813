package gateway

import (
	"reflect"
	"time"

	"qmidle/internal/dataplane"
	"qmidle/internal/hostdns"
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// nameServers sets what servers of Easy VPN clients tell, beside the loop: programs
// that are asked to may be slow.
type nameServers struct {
	host   *hostdns.Host
	told   hostdns.Settings      // last
	wanted chan hostdns.Settings // the newest
	done   chan struct{}
}

// openNameServers restores what a gateway has left that was killed. An error is for
// the operator, and does not keep the gateway from running.
func (g *Gateway) openNameServers() (warning error) {
	n := &nameServers{host: hostdns.New(g.opts.State), wanted: make(chan hostdns.Settings, 1), done: make(chan struct{})}
	if g.opts.State == "" {
		n.host.State = DefaultState
	}
	warning = n.host.RestoreLeft()
	g.names = n
	go func() {
		defer close(n.done)
		for s := range n.wanted {
			if err := n.host.Set(s); err != nil {
				g.tell(func(now time.Time) (out router.Output) {
					g.notices.tell(now, "dns", "name servers: %s", plainly(err))
					return out
				})
			}
		}
	}()
	return warning
}

// follow sets what clients have been told, where that has changed.
func (n *nameServers) follow(configs []ike.ClientConfig) {
	s := settings(configs)
	if reflect.DeepEqual(s, n.told) {
		return
	}
	n.told = s
	select {
	case <-n.wanted: // an older one, which nobody has taken
	default:
	}
	n.wanted <- s
}

// settings are those of the first client that has been told any.
func settings(configs []ike.ClientConfig) (s hostdns.Settings) {
	for _, c := range configs {
		if len(c.DNS) > 0 {
			return hostdns.Settings{Device: dataplane.DefaultDevice, Servers: c.DNS, Domain: c.Domain, Only: c.SplitDNS}
		}
	}
	return s
}

// close restores what was there.
func (n *nameServers) close() error {
	close(n.wanted)
	<-n.done
	return n.host.Restore()
}
