package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/router"
)

// input is one thing that happens to the router.
type input func(now time.Time) router.Output

// datagram is an IKE message, without its marker.
type datagram struct {
	local, remote netip.AddrPort
	data          []byte
}

// sampleInterval is how often packet counters are looked at for dead peer
// detection, whose intervals are ten seconds at the least.
const sampleInterval = time.Second

// loop owns the router until the context ends.
func (g *Gateway) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	g.sampler = time.NewTicker(sampleInterval)
	defer g.sampler.Stop()
	g.setSampler()
	for {
		timer.Reset(g.wait())
		select {
		case <-ctx.Done():
			g.adapter.last = true
			g.handle("the shutdown", g.router.Shutdown)
			return
		case d := <-g.datagrams:
			g.handleInputs(d.input(), g.datagrams)
		case d := <-g.firsts:
			g.handleInputs(d.input(), g.firsts)
		case d := <-g.strays:
			g.handleInputs(d.input(), g.strays)
		case a := <-g.pool.answers:
			g.handleInputs(a.input(), g.datagrams)
		case h := <-g.hashes.done:
			g.handle("a user's password", func(now time.Time) router.Output { return g.router.Worked(now, h.id, h.ok) })
		case r := <-g.radius.replies:
			g.radiusReply(r)
		case in := <-g.events:
			g.handle("an event of the data plane", in)
		case in := <-g.commands:
			g.handle("a command", in)
		case <-timer.C:
			g.handle("a timer", g.timeout)
		case <-g.sampler.C:
			g.adapter.sample(g.router.PairOf)
			g.keepCounters(time.Now())
			g.countESP(time.Now())
			g.tellFlood(time.Now())
		}
	}
}

// wait is the time to the router's next deadline.
func (g *Gateway) wait() time.Duration {
	at, ok := g.router.NextDeadline()
	if due, on := g.authorities.agent.Deadline(); on && (!ok || due.Before(at)) {
		at, ok = due, true
	}
	if !ok {
		return time.Hour
	}
	return max(0, time.Until(at))
}

// timeout does what is due.
func (g *Gateway) timeout(now time.Time) router.Output {
	if due, on := g.authorities.agent.Deadline(); on && !now.Before(due) {
		g.enact(now, g.authorities.agent.Timeout(now))
	}
	return g.router.Timeout(now)
}

// setSampler lets the sampler tick where there are connections: dead peer
// detection and the renewal of SAs ask when a pair last carried a packet.
func (g *Gateway) setSampler() {
	if len(g.router.Connections()) == 0 {
		g.sampler.Stop()
		return
	}
	g.sampler.Reset(sampleInterval)
}

// handle gives an input to the router and does what it asks for.
func (g *Gateway) handle(what string, in input) {
	g.carry(g.contain(what, in))
	for g.settle() {
	}
	g.conclude()
}

// conclude does what inputs have as a consequence.
func (g *Gateway) conclude() {
	if !g.adapter.last {
		g.names.follow(g.router.ClientConfigs())
		g.tellClients()
	}
	for _, err := range g.router.Errors() {
		g.notices.tell(time.Now(), err.Error(), "%s", refusal(err))
	}
	if n := g.overrun.Swap(0); n > 0 {
		g.router.Overrun(time.Now(), n)
	}
	if n := g.strayed.Swap(0); n > 0 {
		g.router.OverrunStrays(time.Now(), n)
	}
	if n := g.lost.Swap(0); n > 0 {
		g.notices.tell(time.Now(), "lost", "%d inputs were dropped: they came faster than they could be handled", n)
	}
	g.adapter.forget()
}

// settle gives the router the answers that there are at once. It is false where there
// were none.
func (g *Gateway) settle() bool {
	if len(g.refused)+len(g.abandoned)+len(g.unanswered)+len(g.judged) == 0 {
		return false
	}
	for len(g.refused) > 0 {
		id := g.refused[0]
		g.refused = g.refused[1:]
		g.notices.tell(time.Now(), "busy", "more key exchanges than this host can compute: some were refused")
		g.carry(g.contain("a key exchange", func(now time.Time) router.Output {
			return g.router.Answer(now, id, ike.DHResult{Err: errBusy})
		}))
	}
	for len(g.abandoned) > 0 {
		id := g.abandoned[0]
		g.abandoned = g.abandoned[1:]
		g.notices.tell(time.Now(), "hashes", "more passwords than this host can check: some users were refused")
		g.carry(g.contain("a user's password", func(now time.Time) router.Output { return g.router.Abandon(now, id) }))
	}
	for len(g.unanswered) > 0 {
		id := g.unanswered[0]
		g.unanswered = g.unanswered[1:]
		g.carry(g.contain("a question to an operator", func(now time.Time) router.Output { return g.router.Answer(now, id, nil) }))
	}
	for len(g.judged) > 0 {
		v := g.judged[0]
		g.judged = g.judged[1:]
		g.carry(g.contain("a certificate", func(now time.Time) router.Output { return g.router.Answer(now, v.id, v.answer) }))
	}
	return true
}

// refusal says what the data plane did not do.
func refusal(err error) string {
	var route *router.RouteError
	var client *router.ClientError
	switch {
	case errors.As(err, &client):
		return fmt.Sprintf("what an Easy VPN server gave is not in use: %v", client.Err)
	case !errors.As(err, &route):
		return fmt.Sprintf("the data plane refused an SA: %v", err)
	case errors.Is(err, syscall.EEXIST):
		return fmt.Sprintf("reverse-route: %s: the host has a route of its own there, which stays", route.Route.Prefix)
	}
	return fmt.Sprintf("reverse-route: %v: not installed", err)
}

// contain is the last net below a fault in the router: the input is lost, the
// others are not.
func (g *Gateway) contain(what string, in input) (out router.Output) {
	defer g.rescue(func() string { return what }, &out)
	return in(time.Now())
}

// rescue, to be deferred, tells of a panic, if there is one, and leaves nothing of the
// output.
func (g *Gateway) rescue(what func() string, out *router.Output) {
	fault := recover()
	if fault == nil {
		return
	}
	*out = router.Output{}
	g.tellFault(what(), fault, faultLine())
}

func (g *Gateway) tellFault(what string, fault any, where string) {
	g.panics++
	g.notices.tell(time.Now(), "fault "+where, "internal error %d while handling %s, which was dropped; please report it: %v at %s",
		g.panics, what, fault, where)
}

// faultLine is the place of a panic that is being recovered: the innermost
// frame of this program.
func faultLine() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

// carry sends datagrams and hands out questions and lookups.
func (g *Gateway) carry(out router.Output) {
	for _, d := range out.Send {
		g.send(d)
	}
	for _, q := range out.Lookups {
		g.resolve(q)
	}
	g.sendRADIUS(out.RADIUS)
	g.keepLeases(out.Leases)
	for _, w := range out.Work {
		if !g.hashes.ask(w) {
			g.abandoned = append(g.abandoned, w.ID)
		}
	}
	for _, q := range out.Questions {
		switch ask, judge := q.Ask.(ike.JudgePeer); {
		case judge:
			g.judge(q.ID, ask)
		case q.Ask != nil:
			g.unanswered = append(g.unanswered, q.ID)
		case !g.pool.ask(q):
			g.refused = append(g.refused, q.ID)
		}
	}
}

// tell queues an event of the data plane, which must not wait.
func (g *Gateway) tell(in input) {
	select {
	case g.events <- in:
	default:
		g.lost.Add(1)
	}
}

func (g *Gateway) acquire(e ipsec.PolicyEntry, _ ipsec.Flow) {
	g.tell(func(now time.Time) router.Output { return g.router.Acquire(now, e.Tag, int(e.Line)) })
}

func (g *Gateway) softLimit(sa ipsec.SAParams) {
	g.tell(func(now time.Time) router.Output {
		if x, ok := g.pairOf(sa); ok {
			return g.router.VolumeLow(now, x.InSPI)
		}
		return router.Output{}
	})
}

func (g *Gateway) usedUp(sa ipsec.SAParams) {
	g.tell(func(now time.Time) router.Output {
		if x, ok := g.pairOf(sa); ok {
			return g.router.VolumeUsedUp(now, x.InSPI)
		}
		return router.Output{}
	})
}

// peerMoved tells the router that an authentic packet came from another port of
// a peer, whose NAT has moved it; the router moves the SAs.
func (g *Gateway) peerMoved(sa ipsec.SAParams, from netip.AddrPort) {
	g.tell(func(now time.Time) (out router.Output) {
		x, ok := g.pairOf(sa)
		if !ok {
			return out
		}
		g.notices.tell(now, "moved "+x.Remote.Addr().String(), "the peer %s has moved to %s: a NAT has changed its mapping", x.Remote, from)
		return g.router.PeerMoved(now, x.InSPI, from)
	})
}

func (g *Gateway) pairOf(sa ipsec.SAParams) (ike.IPsecSA, bool) {
	return g.router.PairOf(sa.Local, sa.Remote, sa.ID)
}

func (g *Gateway) unknownSPI(spi uint32, from, to netip.AddrPort) {
	g.tell(func(now time.Time) router.Output {
		if now.Sub(g.flood.spi) >= time.Second { // anybody can send it, from any address
			g.flood.spi = now
			g.notices.tell(now, "spi "+from.Addr().String(), "ESP from %s to %s has SPI 0x%08X, which no SA here has; the peer may not know that it was deleted",
				from.Addr(), to.Addr(), spi)
		}
		return g.router.UnknownSPI(now, spi, to, from)
	})
}

// deviceChanged tells that somebody has removed the TUN device or set it down.
func (g *Gateway) deviceChanged(name string, err error) {
	g.tell(func(now time.Time) (out router.Output) {
		if err != nil {
			g.notices.tell(now, "device", "the device %s is gone and cannot be made anew: %s; protected traffic is blocked", name, plainly(err))
			return out
		}
		g.notices.tell(now, "device again", "the device %s was removed or set down by somebody; it is up again", name)
		return out
	})
}

// packetDropped shows what the data plane drops. Clear text has IOS's own
// message.
func (g *Gateway) packetDropped(reason ipsec.Drop, spi uint32, f ipsec.Flow) {
	g.tell(func(now time.Time) (out router.Output) {
		if reason == ipsec.DropClearTextRequired {
			return g.router.ClearTextDropped(now, f)
		}
		of := fmt.Sprintf("of the SA with SPI 0x%08X", spi)
		if spi == 0 {
			of = fmt.Sprintf("from %s to %s", f.Src, f.Dst)
		}
		g.notices.tell(now, "drop "+reason.String(), "packets %s are dropped: %s", of, reason.String())
		return out
	})
}
