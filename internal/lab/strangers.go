package lab

import (
	"net/netip"

	"qmidle/internal/console"
)

// Strangers are at all addresses of the gateways' subnets that no gateway has: engines
// of a program's own, without a router, so that there may be very many. Only UDP comes
// to them.

// Strangers has take given the UDP that gateways send to strangers. The data may be
// changed.
func (w *World) Strangers(take func(from, to netip.AddrPort, data []byte)) {
	w.l.net.strangers = func(p packet) {
		if from, to, data, ok := p.udp(); ok {
			take(from, to, data)
		}
	}
}

// SendAsStranger sends UDP to a gateway that shares a link with a stranger. The data is
// not kept.
func (w *World) SendAsStranger(from, to netip.AddrPort, data []byte) {
	p := newUDP(from, to, data)
	for _, l := range w.l.net.links {
		if l.holder(to.Addr()) != nil {
			w.l.clock.after(l.latency, func() { l.deliver(to.Addr(), p) })
			return
		}
	}
}

// Show is what a gateway's console shows for a line, which takes no time.
func (w *World) Show(gatewayName, line string) string {
	h := w.l.host(gatewayName)
	r := console.NewSession(gateway{h.router, h}).Feed(line)
	return r.Output
}
