package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"qmidle/internal/router"
)

const (
	lookupTimeout = 10 * time.Second // of a lookup, and of its wait for others
	serverTimeout = 3 * time.Second  // of one name server
	lookupsAtOnce = 16
)

// resolver runs lookups beside the loop.
type resolver struct {
	ctx    context.Context // ends with the gateway
	end    context.CancelFunc
	places chan struct{}
	work   sync.WaitGroup
}

func newResolver() *resolver {
	r := &resolver{places: make(chan struct{}, lookupsAtOnce)}
	r.ctx, r.end = context.WithCancel(context.Background())
	return r
}

// close gives up what is under way.
func (r *resolver) close() {
	r.end()
	r.work.Wait()
}

// resolve finds out what the router wants to know, and gives it the answer,
// whatever that is.
func (g *Gateway) resolve(q router.Lookup) {
	g.resolver.work.Go(func() {
		ctx, cancel := context.WithTimeout(g.resolver.ctx, lookupTimeout)
		defer cancel()
		x := resolution(q, g.lookup(ctx, q))
		in := func(now time.Time) router.Output { return g.resolved(now, x) }
		select {
		case g.events <- in:
		case <-g.resolver.ctx.Done():
		}
	})
}

// found is an answer or an error.
type found struct {
	addrs []netip.Addr
	err   error
}

func (g *Gateway) lookup(ctx context.Context, q router.Lookup) found {
	select {
	case g.resolver.places <- struct{}{}:
		defer func() { <-g.resolver.places }()
	case <-ctx.Done():
		return found{err: ctx.Err()}
	}
	addrs, err := g.world.lookup(ctx, q.Name, q.Servers)
	return found{addrs, err}
}

func resolution(q router.Lookup, f found) router.Resolution {
	x := router.Resolution{Name: q.Name}
	var dns *net.DNSError
	switch {
	case f.err == nil:
		for _, a := range f.addrs {
			x.Addrs = append(x.Addrs, a.Unmap())
		}
		x.Unknown = len(x.Addrs) == 0
	case errors.As(f.err, &dns) && dns.IsNotFound:
		x.Unknown = true
	case errors.Is(f.err, context.DeadlineExceeded), errors.As(f.err, &dns) && dns.IsTimeout:
		x.Problem = "no answer"
	case errors.As(f.err, &dns):
		x.Problem = dns.Err
	default:
		x.Problem = plainly(f.err)
	}
	return x
}

// resolved gives the router an answer, and tells the operator of what it changes.
func (g *Gateway) resolved(now time.Time, x router.Resolution) router.Output {
	before := slices.Clone(g.router.HostAddresses(x.Name))
	out := g.router.Resolved(now, x)
	after := g.router.HostAddresses(x.Name)
	switch {
	case x.Problem != "":
		g.notices.tell(now, "name "+x.Name, "the address of %s was not found: %s", x.Name, x.Problem)
	case len(after) == 0:
		g.notices.tell(now, "name "+x.Name, "%s has no address: there is no such name; its tunnels cannot come up", x.Name)
	case len(before) > 0 && !slices.Equal(before, after):
		g.say("%s has the address %s now; it had %s", x.Name, addressList(after), addressList(before))
	}
	return out
}

func addressList(addrs []netip.Addr) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// hostLookup asks the host's resolver, or name servers one after the other. A
// name with a dot is whole: the host's search list is for the others.
func hostLookup(ctx context.Context, name string, servers []netip.Addr) (addrs []netip.Addr, err error) {
	if strings.Contains(name, ".") && !strings.HasSuffix(name, ".") {
		name += "."
	}
	if len(servers) == 0 {
		return net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
	}
	for _, s := range servers {
		addrs, err = serverLookup(ctx, name, netip.AddrPortFrom(s, dnsPort))
		var dns *net.DNSError
		if err == nil || errors.As(err, &dns) && dns.IsNotFound {
			return addrs, err
		}
	}
	return nil, err
}

const dnsPort = 53

func serverLookup(ctx context.Context, name string, server netip.AddrPort) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.String())
	}}
	return r.LookupNetIP(ctx, "ip4", name)
}
