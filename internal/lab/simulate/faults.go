package simulate

import (
	"fmt"
	"time"
)

// warmUp is how long most runs are left in peace: tunnels come up, so that
// there is something to break.
const warmUp = 15 * time.Second

// trouble draws what goes wrong, and when.
func (d *draw) trouble() {
	p := d.plan
	start := warmUp
	if d.oneIn(4) {
		start = 0
	}
	length := d.seconds(45, 200)
	p.Calm = start + length
	for _, s := range p.sites {
		d.behindNAT(s)
	}
	for range d.between(3, 10) {
		at := start + time.Duration(d.Int64N(int64(length)))
		if d.oneIn(3) {
			at = p.Calm - d.seconds(1, 15) // what the calm finds is what it must mend
		}
		at = at.Truncate(100 * time.Millisecond)
		end := min(at+d.seconds(1, 60), p.Calm)
		if s := pick(d, troubles)(d, at, end); s != nil {
			p.Steps = append(p.Steps, *s)
		}
	}
	if d.oneIn(2) {
		p.Steps = append(p.Steps, *d.blow())
	}
}

// behindNAT puts a NAT before a site that is seen at another address than its own.
func (d *draw) behindNAT(s *site) {
	if s.natted() {
		d.plan.Steps = append(d.plan.Steps, *newStep("a NAT before %s", s.name).at(0, "nat %s %s", s.name, s.seen))
	}
}

// blow is what the calm finds fresh: something is gone at one end, and no packet
// has told the others.
func (d *draw) blow() *Step {
	p := d.plan
	s := pick(d, p.sites)
	st := newStep("%s, unheard", s.name).at(p.Calm-2*time.Second, "loss 100")
	for range d.between(1, 2) {
		line := pick(d, []string{"restart " + s.name, s.name + "# clear crypto sa", s.name + "# clear crypto isakmp", s.name + "# clear crypto session"})
		if s.natted() && d.oneIn(2) {
			line = "nat " + s.name + " rebind"
		}
		st.Name += ": " + line
		st.at(p.Calm-time.Second, "%s", line)
	}
	return st
}

// troubles are the kinds of steps, those of the network and the operator's. A
// step that cannot be in this plan is nil.
var troubles = []func(d *draw, at, end time.Duration) *Step{
	(*draw).loss, (*draw).loss, (*draw).repeat, (*draw).noise, (*draw).jitter, (*draw).latency, (*draw).block, (*draw).block,
	(*draw).partition, (*draw).partition, (*draw).powerFailure, (*draw).powerFailure, (*draw).reboot, (*draw).rebind, (*draw).rebind,
	(*draw).clear, (*draw).clear, (*draw).clear, (*draw).changeTransform, (*draw).changeKey, (*draw).changePFS,
	(*draw).mapOff, (*draw).interfaceOff, (*draw).changeKeepalive, (*draw).changeNATKeepalive, (*draw).isakmpOff,
}

func newStep(format string, args ...any) *Step { return &Step{Name: fmt.Sprintf(format, args...)} }

// at adds a line of script.
func (s *Step) at(t time.Duration, format string, args ...any) *Step {
	s.Lines = append(s.Lines, Line{t, fmt.Sprintf(format, args...)})
	return s
}

// calmly ends whatever steps have left.
func (p *Plan) calmly() *Step {
	s := newStep("calm")
	for _, line := range []string{"loss 0", "repeat 0", "noise 0", "unblock"} {
		s.at(p.Calm, "%s", line)
	}
	s.at(p.Calm, "jitter %s 0s", outside).at(p.Calm, "latency %s %v", outside, calmLatency)
	for _, x := range p.sites {
		s.at(p.Calm, "heal %s", x.name).at(p.Calm, "slow %s off", x.name).at(p.Calm, "clock %s right", x.name)
	}
	s.at(p.Calm, "web answers")
	if p.radius {
		s.at(p.Calm, "radius %s answers", radiusServer)
	}
	return s
}

// calmLatency is what the link takes, one way, on a network that is whole.
const calmLatency = 20 * time.Millisecond

func (d *draw) loss(at, end time.Duration) *Step {
	percent := pick(d, []int{5, 20, 50, 90})
	return newStep("loss of %d %%", percent).at(at, "loss %d", percent).at(end, "loss 0")
}

func (d *draw) repeat(at, end time.Duration) *Step {
	percent := pick(d, []int{20, 100})
	return newStep("%d %% delivered twice", percent).at(at, "repeat %d", percent).at(end, "repeat 0")
}

func (d *draw) noise(at, end time.Duration) *Step {
	percent := pick(d, []int{5, 20, 60})
	return newStep("%d %% with a wrong bit", percent).at(at, "noise %d", percent).at(end, "noise 0")
}

func (d *draw) jitter(at, end time.Duration) *Step {
	late := pick(d, []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second})
	return newStep("packets overtake each other by up to %v", late).
		at(at, "jitter %s %v", outside, late).at(end, "jitter %s 0s", outside)
}

func (d *draw) latency(at, end time.Duration) *Step {
	long := pick(d, []time.Duration{100 * time.Millisecond, 700 * time.Millisecond, 4 * time.Second})
	return newStep("a latency of %v", long).at(at, "latency %s %v", outside, long).at(end, "latency %s %v", outside, calmLatency)
}

func (d *draw) block(at, end time.Duration) *Step {
	what := pick(d, []string{"udp 500", "udp 4500", "esp"})
	if d.oneIn(2) {
		what += " from " + pick(d, d.plan.sites).name
	}
	return newStep("%s is blocked", what).at(at, "block %s", what).at(end, "unblock")
}

func (d *draw) partition(at, end time.Duration) *Step {
	s := pick(d, d.plan.sites)
	return newStep("%s is cut off", s.name).at(at, "partition %s", s.name).at(end, "heal %s", s.name)
}

// powerFailure takes a gateway away, and brings it back with no memory.
func (d *draw) powerFailure(at, end time.Duration) *Step {
	s := pick(d, d.plan.sites)
	if d.oneIn(2) {
		return newStep("%s restarts", s.name).at(at, "restart %s", s.name)
	}
	return newStep("%s is off", s.name).at(at, "partition %s", s.name).at(end, "restart %s", s.name).at(end, "heal %s", s.name)
}

func (d *draw) reboot(at, _ time.Duration) *Step {
	s := pick(d, d.plan.sites)
	return newStep("%s is restarted by its operator", s.name).at(at, "restart %s graceful", s.name)
}

func (d *draw) rebind(at, _ time.Duration) *Step {
	var list []*site
	for _, s := range d.plan.sites {
		if s.natted() {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil
	}
	s := pick(d, list)
	return newStep("the NAT before %s forgets", s.name).at(at, "nat %s rebind", s.name)
}
