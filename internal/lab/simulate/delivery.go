package simulate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// delivery sends the plan's traffic and holds that a tunnel delivers no packet
// twice and none altered; and, on a network that is whole, every one.
type delivery struct {
	r       *run
	flows   []*flowState // by id, from 1
	stopped bool
	since   time.Duration // every packet is answered from then on
	strict  bool
}

type flowState struct {
	flow *flow
	rand *rand.Rand
	sent []ping // the first has number 1
}

// ping is an echo request and what became of it.
type ping struct {
	at                  time.Duration
	source              netip.Addr
	delivered, answered bool
	// open says that it, or its answer, was somewhere in clear: who knows what it
	// is now. loose says that it was in a tunnel that does not look for replays:
	// there may be several of it.
	open, loose bool
}

func newDelivery(r *run) delivery {
	d := delivery{r: r}
	for _, f := range r.plan.flows {
		d.flows = append(d.flows, &flowState{flow: f, rand: stream(r.plan.Seed, fmt.Sprint("flow ", f.id))})
	}
	return d
}

func (d *delivery) start() {
	for _, f := range d.flows {
		d.next(f)
	}
}

func (d *delivery) stop() { d.stopped = true }

// next sends a flow's next packet after half its interval, or up to one and a
// half.
func (d *delivery) next(f *flowState) {
	wait := f.flow.every/2 + time.Duration(f.rand.Int64N(int64(f.flow.every)))
	d.r.world.After(wait, func() {
		if d.stopped {
			return
		}
		source := f.flow.source
		if !source.IsValid() {
			source = d.r.world.ClientAddress(f.flow.from.name)
		}
		f.sent = append(f.sent, ping{at: d.r.now(), source: source})
		d.r.numbers.Pings++
		d.r.detail("%s sends number %d of flow %d", f.flow.from.name, len(f.sent), f.flow.id)
		if source.IsValid() {
			d.r.world.Ping(f.flow.from.name, source, f.flow.target, f.flow.id, uint16(len(f.sent)), f.flow.size)
		}
		d.next(f)
	})
}

// ICMP's types of echo messages.
const (
	echoReply   = 0
	echoRequest = 8
	icmpHeader  = 8
)

// arrived sees a packet at a gateway; last says that it is addressed to it.
func (d *delivery) arrived(s *site, p ip, clear, last bool) {
	m := p[ipHeader:]
	if p[9] != protocolICMP || len(m) < icmpHeader || m[0] != echoReply && m[0] != echoRequest {
		return
	}
	f, x := d.find(binary.BigEndian.Uint16(m[4:]), binary.BigEndian.Uint16(m[6:]))
	switch {
	case x != nil:
		x.open = x.open || clear
		x.loose = x.loose || s.replay == 0
	case !clear:
		d.r.fail("no packet altered", "%s gets a packet out of a tunnel that nobody sent", s.name)
	}
	if x == nil || !last {
		return
	}
	if !f.genuine(s, p, x.source, m[0] == echoRequest) {
		if !x.open {
			d.r.fail("no packet altered", "%s gets a packet of flow %d that is another than was sent: from %v to %v, %d octets",
				s.name, f.id, p.src(), p.dst(), len(p))
		}
		return
	}
	if f.never {
		d.r.fail("what does not match stays down", "%s gets a packet of flow %d", s.name, f.id)
	}
	d.taken(s, f, x, m[0] == echoRequest)
}

// find returns the flow and the packet of a number, nil where nobody sent it.
func (d *delivery) find(id, seq uint16) (*flow, *ping) {
	if id < 1 || int(id) > len(d.flows) {
		return nil, nil
	}
	f := d.flows[id-1]
	if seq < 1 || int(seq) > len(f.sent) {
		return nil, nil
	}
	return f.flow, &f.sent[seq-1]
}

// genuine says whether a packet at its destination is what was sent.
func (f *flow) genuine(s *site, p ip, source netip.Addr, request bool) bool {
	target, at := f.target, f.to
	if !request {
		source, target, at = target, source, []*site{f.from}
	}
	if p.src() != source || p.dst() != target || !contains(at, s) || len(p) != f.size {
		return false
	}
	for i := ipHeader + icmpHeader; i+1 < len(p); i += 2 {
		if p[i] != 0xab || p[i+1] != 0xcd { // the lab's pattern
			return false
		}
	}
	return true
}

// taken notes a packet that is where it was to be.
func (d *delivery) taken(s *site, f *flow, x *ping, request bool) {
	d.r.detail("%s gets a packet of flow %d, request %v", s.name, f.id, request)
	mark := &x.delivered
	if !request {
		mark = &x.answered
		if !x.answered {
			d.r.numbers.Answers++
		}
	}
	if *mark && !x.open && !x.loose {
		d.r.fail("no packet delivered twice", "%s gets a packet of flow %d again", s.name, f.id)
	}
	*mark = true
}

// proofs is how many packets in a row show that a flow works.
const proofs = 2

// silent lists the flows whose last packets were not all answered.
func (d *delivery) silent() (list []*flow) {
	for _, f := range d.flows {
		if f.flow.never {
			continue
		}
		good := 0
		for i := len(f.sent) - 1; i >= 0 && good < proofs; i-- {
			if x := f.sent[i]; x.answered {
				good++
			} else if d.r.now()-x.at > patience {
				break
			}
		}
		if good < proofs {
			list = append(list, f.flow)
		}
	}
	return list
}

// patience is how long an answer takes at most on a network that is whole: a
// packet may wait for a main mode and a quick mode.
const patience = 3 * time.Second

// beStrict has every packet answered from now on, and every SA renewed.
func (d *delivery) beStrict() { d.since, d.strict = d.r.now(), true }

// overdue looks for a packet that was not answered in time.
func (d *delivery) overdue() {
	for _, f := range d.flows {
		if f.flow.never {
			continue
		}
		for i := len(f.sent) - 1; i >= 0 && f.sent[i].at >= d.since; i-- {
			if x := f.sent[i]; !x.answered && d.r.now()-x.at > patience {
				d.r.fail("nothing lost", "number %d of flow %d from %s to %s, sent at %.3fs, is lost on a network that is whole",
					i+1, f.flow.id, f.flow.from.name, f.flow.to[0].name, x.at.Seconds())
				return
			}
		}
	}
}
