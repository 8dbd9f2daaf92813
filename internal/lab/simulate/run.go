package simulate

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"qmidle/internal/lab"
	"qmidle/internal/trace"
)

// Failure is an invariant that did not hold.
type Failure struct {
	Seed      uint64
	At        time.Duration // since the start
	Invariant string
	What      string
}

// Error tells it in a line.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d at %.3fs: %s: %s", f.Seed, f.At.Seconds(), f.Invariant, f.What)
}

// Numbers tell what a run did, to see that it did something.
type Numbers struct {
	Virtual                time.Duration
	Odd                    int           // SAs that only one end has when calm comes
	Recovered, Agreed      time.Duration // after the calm
	Bound                  time.Duration // of the slowest flow
	Steps                  int
	Pings, Answers         int
	Messages               uint64 // of IKE, sent
	Phase1, Phase2         uint64 // that came up, at either end
	Dropped, Retransmitted uint64
}

// Run runs a plan. The transcript takes the lab's, and the debug text of every
// gateway where debug is true; neither changes the run.
func (p *Plan) Run(transcript io.Writer, debug bool) (Numbers, *Failure) {
	r := newRun(p)
	r.debug = debug
	r.play(transcript)
	r.numbers.Virtual = r.now()
	return r.numbers, r.failure
}

// run is a plan under way.
type run struct {
	plan    *Plan
	sites   map[string]*site
	world   *lab.World
	began   time.Time
	debug   bool
	failure *Failure
	numbers Numbers
	tap     func(packet []byte) // sees what gateways send; nil for nobody

	clear     clearText
	keys      keys
	delivery  delivery
	endings   endings
	work      work
	agreement agreement
	tables    tables
}

func newRun(p *Plan) *run {
	r := &run{plan: p, sites: make(map[string]*site)}
	for _, s := range p.sites {
		r.sites[s.name] = s
	}
	r.clear = clearText{r}
	r.keys = newKeys(r)
	r.delivery = newDelivery(r)
	r.endings = newEndings(r)
	r.work = work{r}
	r.agreement = newAgreement(r)
	r.tables = newTables(r)
	return r
}

// fail notes the first breach; the run ends at the next event.
func (r *run) fail(invariant, format string, args ...any) {
	if r.failure == nil {
		r.failure = &Failure{r.plan.Seed, r.now(), invariant, fmt.Sprintf(format, args...)}
		r.say("%v", r.failure)
	}
}

func (r *run) say(format string, args ...any) {
	if r.world != nil {
		r.world.Say("%s", fmt.Sprintf(format, args...))
	}
}

// detail writes what debug text does not tell.
func (r *run) detail(format string, args ...any) {
	if r.debug && r.world != nil {
		r.world.Say("%.3fs "+format, append([]any{r.now().Seconds()}, args...)...)
	}
}

// now is the time since the start.
func (r *run) now() time.Duration {
	if r.world == nil {
		return 0
	}
	return r.world.Now().Sub(r.began)
}

// play is the whole of a run.
func (r *run) play(transcript io.Writer) {
	r.guarded(func() {
		r.open(transcript)
		for _, phase := range []func(){r.suffer, r.recover, r.settle, r.finish} {
			if r.failure != nil {
				return
			}
			phase()
		}
	})
}

// guarded has a panic be a breach like any other.
func (r *run) guarded(do func()) {
	defer func() {
		if x := recover(); x != nil {
			r.fail("no panic", "%v\n%s", x, debug.Stack())
		}
	}()
	do()
}

// open makes the world and starts the traffic.
func (r *run) open(transcript io.Writer) {
	w, err := lab.NewWorld(r.plan.gateways(), lab.Options{Seed: r.plan.Seed, Prefix: true, Engines: r.plan.engines}, observer{r}, transcript)
	if err != nil {
		r.fail("plan", "%v", err)
		return
	}
	r.world, r.began = w, w.Now()
	if r.debug {
		r.say("%s", r.plan)
		for _, s := range r.plan.sites {
			r.say("configuration of %s:\n%s", s.name, s.configuration)
			r.debugOn(s.name)
		}
	}
	if r.plan.certified {
		r.world.Serve(revocations, files("lab.crl"))
	}
	if r.plan.radius {
		r.openRADIUS()
	}
	r.delivery.start()
}

func (r *run) debugOn(gateway string) {
	if r.debug && r.world != nil {
		d := r.world.Router(gateway).Debug()
		d.ISAKMP, d.IPsec = true, true
	}
}

// do runs a line of script, which the gateways must understand.
func (r *run) do(line string) {
	if err := r.world.Do(line); err != nil {
		r.fail("plan", "%s: %v", line, err)
	}
}

// pass lets time pass, but no longer than nothing has failed.
func (r *run) pass(d time.Duration) {
	r.world.Run(r.world.Now().Add(d), func() bool { return r.failure != nil })
}

// suffer is the plan's trouble, up to the calm.
func (r *run) suffer() {
	for _, line := range append(r.plan.lines(), r.plan.calmly().Lines...) {
		r.pass(max(0, line.At-r.now()))
		if r.failure != nil {
			return
		}
		r.do(line.Text)
	}
	// What a slow link still carries is not of a network that is whole.
	r.pass(10 * time.Second)
}

// recover waits for traffic on every flow, and then for all ends to agree. How
// long either may take is worked out from what is there. A flow that has come back
// may stop once more as long as the ends disagree: a pair is renewed, and who has it
// still has no ISAKMP SA to be told by. How long it may then take is worked out anew.
func (r *run) recover() {
	start, due := r.now(), r.bounds()
	back := make(map[*flow]bool)
	for {
		passed := r.now() - start
		r.undoDowngrade()
		silent, odd := r.delivery.silent(), r.agreement.odd()
		for f := range due.flows {
			stopped := back[f] && contains(silent, f)
			if stopped {
				due.flows[f] = min(due.agreement, passed+r.flowing(f, r.agreement.disagreements()))
				r.say("flow %d has stopped again, and is due at %v", f.id, due.flows[f])
			}
			back[f] = !contains(silent, f)
		}
		if len(silent) == 0 && r.numbers.Recovered == 0 {
			r.numbers.Recovered = passed
		}
		if len(silent) == 0 && odd == "" {
			r.numbers.Agreed = passed
			return
		}
		for _, f := range silent {
			if passed > due.flows[f] {
				r.fail("liveness", "flow %d from %s to %s has no answers, %v after the network is whole; the bound is %v",
					f.id, f.from.name, f.to[0].name, passed, due.flows[f])
				return
			}
		}
		if passed > due.agreement {
			r.fail("agreement", "%s, %v after the network is whole; the bound is %v", odd, passed, due.agreement)
			return
		}
		if r.pass(time.Second); r.failure != nil {
			return
		}
	}
}

// undoDowngrade clears, as an operator would, what a changed bit has left for
// which IKEv1 has no remedy: vendor IDs and NAT-D payloads are not
// authenticated, so that two ends with a NAT in between may find none.
func (r *run) undoDowngrade() {
	if !r.plan.noisy() {
		return
	}
	for _, s := range r.plan.sites {
		for _, x := range r.world.Router(s.name).ISAKMPSAs() {
			peer := r.agreement.seen[x.Remote.Addr()]
			if !x.Dead && x.Show == trace.QMIdle && !x.NATT && (s.natted() || peer.natted()) {
				r.do(fmt.Sprintf("%s# clear crypto session remote %s", s.name, x.Remote.Addr()))
				break
			}
		}
	}
}

// settled is how long a run goes on once all agree: longer than the shortest
// lifetimes, so that SAs of both phases are renewed.
const settled = 130 * time.Second

// settle holds the whole network to more: nothing is lost, however many SAs are
// renewed, and no two ends disagree for longer than a delete takes.
func (r *run) settle() {
	r.say("settled")
	r.delivery.beStrict()
	for end := r.now() + settled; r.now() < end; {
		if r.pass(time.Second); r.failure != nil {
			return
		}
		r.agreement.watch()
		r.delivery.overdue()
		r.staysDown()
	}
	r.mismatchIsNamed()
}

// finish clears everything; nothing may be left.
func (r *run) finish() {
	r.delivery.stop()
	r.delivery.strict = false
	r.pass(5 * time.Second)
	r.delivery.overdue()
	// What was just being renewed is cleared the second time.
	for _, s := range r.plan.sites {
		for _, line := range s.loggedOut() {
			r.do(line)
		}
	}
	for range 2 {
		for _, s := range r.plan.sites {
			r.do(s.name + "# clear crypto session")
		}
		r.pass(time.Second)
	}
	// Dead SAs and quick modes that are over are kept for a minute, an old pair
	// for seconds.
	r.pass(70 * time.Second)
	r.tables.empty()
	r.count()
}

func (r *run) count() {
	for _, s := range r.plan.sites {
		x := r.world.Router(s.name).Statistics()
		r.numbers.Messages += x.DatagramsOut
		r.numbers.Phase1 += x.Phase1Up
		r.numbers.Phase2 += x.Phase2Up
		r.numbers.Retransmitted += x.Retransmits
		for _, n := range x.Dropped {
			r.numbers.Dropped += n
		}
	}
}
