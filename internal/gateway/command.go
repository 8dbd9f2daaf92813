package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/router"
)

var (
	errStopping = errors.New("% The gateway is shutting down")
	errFault    = errors.New("% The command failed by an internal error, which the log tells")
)

// view is what a console sees. Its methods are called on lease: the loop stands
// still meanwhile, on another goroutine. What takes long gives the loop back
// for as long.
type view struct {
	*router.Router
	g        *Gateway
	ctx      context.Context // ends what takes long
	now      time.Time
	returned chan lent // while the loop is lent
}

// lent is how a lease went.
type lent struct {
	fault any    // of a panic
	where string // it was
}

// take waits for the loop; false says that it has ended.
func (v *view) take() bool {
	granted, returned := make(chan time.Time), make(chan lent)
	in := func(now time.Time) (out router.Output) {
		granted <- now
		if l := <-returned; l.fault != nil {
			v.g.tellFault("a command", l.fault, l.where)
		}
		return out
	}
	select {
	case v.g.commands <- in:
	case <-v.g.stopped:
		return false
	}
	v.now, v.returned = <-granted, returned
	return true
}

// giveBack lets the loop go on.
func (v *view) giveBack(l lent) {
	if v.returned != nil {
		v.returned <- l
		v.returned = nil
	}
}

// lease runs f while the loop stands still. errStopping says that f did not
// run, errFault that it did not come to its end.
func (v *view) lease(f func()) (err error) {
	if !v.take() {
		return errStopping
	}
	defer func() {
		l := lent{fault: recover()}
		if l.fault != nil {
			err, l.where = errFault, faultLine()
			if v.returned == nil && !v.take() { // it has come aside
				return
			}
		}
		v.giveBack(l)
	}()
	f()
	return nil
}

// Aside implements console.Patient: it runs f while the loop goes on. An error is f's,
// or that the loop has ended since.
func (v *view) Aside(f func() error) error {
	v.giveBack(lent{})
	err := f()
	if !v.take() {
		return errors.New("the gateway is shutting down")
	}
	return err
}

// Now implements console.Router.
func (v *view) Now() time.Time { return v.now }

// ClearISAKMP implements console.Router.
func (v *view) ClearISAKMP(conn uint32) int { return v.clear(v.Router.ClearISAKMP(v.now, conn)) }

// ClearIPsec implements console.Router.
func (v *view) ClearIPsec(f ike.IPsecFilter) int { return v.clear(v.Router.ClearIPsec(v.now, f)) }

// ClearSession implements console.Router.
func (v *view) ClearSession(f ike.SessionFilter) int { return v.clear(v.Router.ClearSession(v.now, f)) }

func (v *view) clear(out router.Output, n int) int {
	v.g.carry(out)
	return n
}

// ClearLog implements console.Router.
func (v *view) ClearLog() { v.Router.ClearLog(v.now) }

// Version implements console.Router.
func (v *view) Version() console.VersionInfo { return v.g.opts.Version }

// Ping implements console.Router.
func (v *view) Ping(req console.PingRequest) (result console.PingResult, err error) {
	err = v.Aside(func() (err error) {
		result, err = v.g.ping(v.ctx, req)
		return err
	})
	return result, err
}

// Apply implements console.Configurer.
func (v *view) Apply(cfg *config.Config) ([]string, error) { return v.g.reconfigure(v.now, cfg) }

// WriteMemory implements console.Configurer.
func (v *view) WriteMemory(text string) error {
	kept := v.g.authorities.journal
	mark := kept.mark()
	return v.Aside(func() error {
		if err := v.g.writeStartup(text); err != nil {
			return err
		}
		return kept.saved(mark)
	})
}

// LinkUp implements console.LinkStates.
func (v *view) LinkUp(name string) bool {
	b, ok := v.g.bindings[name]
	return ok && v.g.world.linkUp(b.linux)
}

// command runs an exec command for the control socket and waits for its end.
func (g *Gateway) command(ctx context.Context, q Request) Response {
	v := &view{Router: g.router, g: g, ctx: ctx}
	var result console.Result
	if err := v.lease(func() { result = console.NewStyled(v, q.style()).Run(q.Line) }); err != nil {
		return Response{Error: err.Error()}
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
