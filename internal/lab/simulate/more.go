package simulate

import (
	"fmt"
	"time"
)

// more draws what the second generation of plans has besides: certificates, RADIUS,
// ends that do not match, and what goes wrong inside gateways.
func (d *draw) more() {
	p := d.plan
	switch {
	case p.accessible():
		if d.oneIn(2) {
			p.radius = true
			for _, s := range p.sites {
				s.radius = s.server
			}
		}
	default:
		if d.oneIn(5) {
			d.certify()
		}
		if d.oneIn(3) {
			d.differ()
		}
	}
	for range d.between(0, 4) {
		at := time.Duration(d.Int64N(int64(p.Calm))).Truncate(100 * time.Millisecond)
		end := min(at+d.seconds(1, 60), p.Calm)
		if s := pick(d, inside)(d, at, end); s != nil {
			p.Steps = append(p.Steps, *s)
		}
	}
}

// inside are the kinds of trouble inside gateways, and of those that they ask.
var inside = []func(d *draw, at, end time.Duration) *Step{
	(*draw).stall, (*draw).stall, (*draw).clock, (*draw).slow, (*draw).slow, (*draw).askedInVain, (*draw).blank,
}

// stall has a gateway stand still.
func (d *draw) stall(at, end time.Duration) *Step {
	s := pick(d, d.plan.sites)
	return newStep("%s stands still for %v", s.name, end-at).at(at, "stall %s %v", s.name, end-at).at(end, "stall %s 0s", s.name)
}

// clock sets a gateway's clock wrong, so far that no certificate is valid or a little.
func (d *draw) clock(at, end time.Duration) *Step {
	s := pick(d, d.plan.sites)
	by := pick(d, []string{"-48h", "1h", "-30000h", "200000h"})
	return newStep("the clock of %s is put by %s", s.name, by).at(at, "clock %s %s", s.name, by).at(end, "clock %s right", s.name)
}

// slow has AAA and PKI answer a gateway slowly.
func (d *draw) slow(at, end time.Duration) *Step {
	s := pick(d, d.plan.sites)
	by := pick(d, []time.Duration{500 * time.Millisecond, 3 * time.Second, 12 * time.Second})
	if d.plan.radius {
		return newStep("RADIUS takes %v", by).at(at, "radius %s slow %v", radiusServer, by).at(end, "radius %s answers", radiusServer)
	}
	return newStep("%s waits %v for each answer of AAA and PKI", s.name, by).at(at, "slow %s %v", s.name, by).at(end, "slow %s off", s.name)
}

// askedInVain has the servers that gateways ask say nothing.
func (d *draw) askedInVain(at, end time.Duration) *Step {
	if d.plan.radius {
		return newStep("RADIUS is silent").at(at, "radius %s silent", radiusServer).at(end, "radius %s answers", radiusServer)
	}
	return newStep("the CA's list cannot be fetched").at(at, "web silent").at(end, "web answers")
}

// blank restarts a gateway that has lost what it stored.
func (d *draw) blank(at, _ time.Duration) *Step {
	s := pick(d, d.plan.sites)
	return newStep("%s restarts with an empty disk", s.name).at(at, "restart %s blank", s.name)
}

// The RADIUS server of servers whose users are not their own.
const (
	radiusServer = "192.0.2.250"
	radiusKey    = "key-of-radius"
)

// openRADIUS makes it, and its users.
func (r *run) openRADIUS() {
	r.do(fmt.Sprintf("radius %s key %s", radiusServer, radiusKey))
	for _, s := range r.plan.sites {
		if s.client {
			r.do(fmt.Sprintf("radius user %s %s", s.name, s.peers[0].tunnel.clientKey()))
		}
	}
}
