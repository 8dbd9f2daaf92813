package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"reflect"

	"qmidle/internal/console"
	"qmidle/internal/dataplane"
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// ConnectEasyVPN implements console.EasyVPN.
func (v *view) ConnectEasyVPN(name string) bool {
	out, ok := v.Router.ConnectClient(v.now, name)
	v.g.carry(out)
	return ok
}

// AnswerEasyVPN implements console.EasyVPN.
func (v *view) AnswerEasyVPN(name string, c ike.Credentials) bool {
	out, ok := v.Router.AnswerClient(v.now, name, c)
	v.g.carry(out)
	return ok
}

// ClearEasyVPN implements console.EasyVPN.
func (v *view) ClearEasyVPN(name string) int { return v.clear(v.Router.ClearClients(v.now, name)) }

// tellClients tells the owner what has changed of the clients.
func (g *Gateway) tellClients() {
	if g.opts.EasyVPN == nil {
		return
	}
	if now := g.router.EasyVPNClients(); !reflect.DeepEqual(now, g.clients) {
		g.clients = now
		g.opts.EasyVPN(now)
	}
}

// Command runs an exec command, for an owner that is no operator at a socket. It
// must not be called by the loop.
func (g *Gateway) Command(line string) (output string, err error) {
	p := g.command(context.Background(), Request{Line: line})
	if p.Error != "" {
		return "", fmt.Errorf("%s", p.Error)
	}
	return p.Output, nil
}

// AnswerEasyVPN gives a server what a user has to say. It is false where nobody asks.
func (g *Gateway) AnswerEasyVPN(name string, c ike.Credentials) (ok bool) {
	v := &view{Router: g.router, g: g, ctx: context.Background()}
	err := v.lease(func() { ok = v.AnswerEasyVPN(name, c) })
	return ok && err == nil
}

// Networks are those that this host's interfaces are in.
func Networks() (all []netip.Prefix) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			all = append(all, p.Masked())
		}
	}
	return all
}

// InterfaceTo is the Linux interface by which a host is reached, whose name is
// looked up.
func InterfaceTo(ctx context.Context, server string) (string, error) {
	addr, err := netip.ParseAddr(server)
	if err != nil {
		found, err := hostLookup(ctx, server, nil)
		if err != nil || len(found) == 0 {
			return "", &OperatorError{fmt.Sprintf("%s has no address", server), "name the server by its address, or look at /etc/resolv.conf"}
		}
		addr = found[0]
	}
	way, ok := dataplane.RouteTo(addr)
	if !ok || way.Interface == "" {
		return "", &OperatorError{fmt.Sprintf("this host has no route to %s", addr), "is the network up? `ip route get " + addr.String() + "`"}
	}
	return way.Interface, nil
}

var _ console.EasyVPN = (*view)(nil)
var _ router.ClientPlane = (*adapter)(nil)
