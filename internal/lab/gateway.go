package lab

import (
	"errors"
	"net/netip"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

// gateway is what the console of a host works on.
type gateway struct {
	*router.Router
	host *host
}

// Now is the virtual time.
func (g gateway) Now() time.Time { return g.host.lab.clock.now }

// ConnectEasyVPN implements console.EasyVPN.
func (g gateway) ConnectEasyVPN(name string) (ok bool) {
	g.clear(func(now time.Time) (out router.Output, n int) {
		out, ok = g.Router.ConnectClient(now, name)
		return out, 0
	})
	return ok
}

// AnswerEasyVPN implements console.EasyVPN.
func (g gateway) AnswerEasyVPN(name string, c ike.Credentials) (ok bool) {
	g.clear(func(now time.Time) (out router.Output, n int) {
		out, ok = g.Router.AnswerClient(now, name, c)
		return out, 0
	})
	return ok
}

// ClearEasyVPN implements console.EasyVPN.
func (g gateway) ClearEasyVPN(name string) int {
	return g.clear(func(now time.Time) (router.Output, int) { return g.Router.ClearClients(now, name) })
}

// ClearISAKMP implements console.Router.
func (g gateway) ClearISAKMP(conn uint32) int {
	return g.clear(func(now time.Time) (router.Output, int) { return g.Router.ClearISAKMP(now, conn) })
}

// ClearIPsec implements console.Router.
func (g gateway) ClearIPsec(f ike.IPsecFilter) int {
	return g.clear(func(now time.Time) (router.Output, int) { return g.Router.ClearIPsec(now, f) })
}

// ClearSession implements console.Router.
func (g gateway) ClearSession(f ike.SessionFilter) int {
	return g.clear(func(now time.Time) (router.Output, int) { return g.Router.ClearSession(now, f) })
}

func (g gateway) clear(command func(now time.Time) (router.Output, int)) (n int) {
	g.host.do(func(now time.Time) (out router.Output) {
		out, n = command(now)
		return out
	})
	return n
}

// ClearLog implements console.Router.
func (g gateway) ClearLog() { g.Router.ClearLog(g.Now()) }

// Version implements console.Router.
func (g gateway) Version() console.VersionInfo { return g.host.lab.version }

// echo is a request that waits for its answer.
type echo struct {
	sent    time.Time
	done    bool
	outcome console.PingOutcome
	rtt     time.Duration
}

// Ping implements console.Router: it lets virtual time pass until each request
// is answered or given up.
func (g gateway) Ping(req console.PingRequest) (console.PingResult, error) {
	h := g.host
	if req.Source.IsValid() && !h.own(req.Source) {
		return console.PingResult{}, errors.New("Invalid source address- IP address not on any of our up interfaces")
	}
	h.pingID++
	h.pings = make(map[uint16]*echo)
	var result console.PingResult
	for range req.Count {
		e := h.ping(req)
		probe := console.PingProbe{Outcome: console.PingTimeout}
		h.lab.run(req.Timeout, func() bool { return e.done })
		if e.done {
			probe = console.PingProbe{Outcome: e.outcome, RTT: e.rtt}
		}
		result.Probes = append(result.Probes, probe)
	}
	h.pings = nil
	return result, nil
}

// ping sends one request.
func (h *host) ping(req console.PingRequest) *echo {
	e := &echo{sent: h.lab.clock.now}
	h.pingSeq++
	h.pings[h.pingSeq] = e
	source := req.Source
	if !source.IsValid() {
		source = h.sourceFor(req.Target)
	}
	if source.IsValid() {
		h.originate(newEcho(source, req.Target, h.pingID, h.pingSeq, req.Size))
	}
	return e
}

// sourceFor is the address of the interface that leads to a target.
func (h *host) sourceFor(target netip.Addr) netip.Addr {
	if h.own(target) {
		return target
	}
	if a := h.plane.clientAddress(target); a.IsValid() {
		return a
	}
	if out, _, ok := h.lookup(target); ok {
		return out.addr
	}
	return netip.Addr{}
}

// answered notes what became of a request; p is its answer, or itself.
func (h *host) answered(p packet, outcome console.PingOutcome) {
	id, seq := p.echoID()
	e := h.pings[seq]
	if e == nil || e.done || id != h.pingID {
		return
	}
	e.done, e.outcome, e.rtt = true, outcome, h.lab.clock.now.Sub(e.sent)
}
