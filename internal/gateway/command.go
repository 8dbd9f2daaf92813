package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/router"
)

// view is what the console of one command sees. It is used in the loop.
//
// A ping takes seconds, for which the loop must not wait. So the command runs
// twice: the first run ends at the ping and leaves the request; the second one
// finds its result.
type view struct {
	*router.Router
	g      *Gateway
	now    time.Time
	out    router.Output // what the command makes the gateway do
	wanted *console.PingRequest
	pinged *console.PingResult
	failed error
}

var errPingFirst = errors.New("the ping has yet to be sent")

// Now implements console.Router.
func (v *view) Now() time.Time { return v.now }

// ClearISAKMP implements console.Router.
func (v *view) ClearISAKMP(conn uint32) error {
	var found int
	v.out, found = v.Router.ClearISAKMP(v.now, conn)
	if conn != 0 && found == 0 {
		return fmt.Errorf("no ISAKMP SA with connection id %d", conn)
	}
	return nil
}

// ClearIPsec implements console.Router.
func (v *view) ClearIPsec() { v.out = v.Router.ClearIPsec(v.now) }

// Version implements console.Router.
func (v *view) Version() console.VersionInfo { return v.g.opts.Version }

// Ping implements console.Router.
func (v *view) Ping(req console.PingRequest) (console.PingResult, error) {
	if v.failed != nil {
		return console.PingResult{}, v.failed
	}
	if v.pinged == nil {
		v.wanted = &req
		return console.PingResult{}, errPingFirst
	}
	return *v.pinged, nil
}

// command runs an exec command for the control socket and waits for its end.
func (g *Gateway) command(ctx context.Context, q Request) Response {
	v := &view{Router: g.router, g: g}
	result, ok := g.execute(v, q.Line)
	if ok && v.wanted != nil {
		var pinged console.PingResult
		pinged, v.failed = g.ping(ctx, *v.wanted)
		v.pinged, v.wanted = &pinged, nil
		result, ok = g.execute(v, q.Line)
	}
	if !ok {
		return Response{Error: "% The gateway is shutting down"}
	}
	return respond(q, result)
}

func respond(q Request, r console.Result) Response {
	if r.Err != nil {
		return Response{Error: r.Err.Error()}
	}
	p := Response{OK: true, Output: r.Output}
	if ping, ok := r.JSON.(console.Ping); ok {
		p.OK = ping.Received > 0
	}
	if q.JSON && r.JSON != nil {
		b, err := json.Marshal(r.JSON)
		if err != nil {
			return Response{Error: "% The result cannot be shown as JSON"}
		}
		p.JSON, p.Output = b, ""
	}
	return p
}

// execute runs a line in the loop; ok is false when the loop has ended.
func (g *Gateway) execute(v *view, line string) (result console.Result, ok bool) {
	done := make(chan struct{})
	in := func(now time.Time) router.Output {
		defer close(done) // after a fault too
		result.Err = errors.New("% The command failed by an internal error, which the log tells")
		v.now, v.out = now, router.Output{}
		result = console.New(v).Run(line)
		return v.out
	}
	select {
	case g.commands <- in:
	case <-g.stopped:
		return result, false
	}
	<-done
	return result, true
}
