package simulate

import (
	"slices"
	"strings"
	"time"
)

// due says, on a network that has just become whole, when traffic must flow
// again on every flow, and when all ends must agree.
type due struct {
	flows     map[*flow]time.Duration
	agreement time.Duration
}

// bounds works out what is due from what is there.
//
// A flow needs its tunnels, one after the other. Agreement may take until the
// lifetimes are over of all that one end has and the other has not; a tunnel
// whose ISAKMP SA was cleared gets its next one when a pair is renewed.
func (r *run) bounds() due {
	odd, now := r.agreement.disagreements(), r.world.Now()
	out := due{flows: make(map[*flow]time.Duration)}
	for _, f := range r.plan.flows {
		if f.never {
			continue
		}
		out.flows[f] = r.flowing(f, odd)
		out.agreement = max(out.agreement, out.flows[f])
		r.say("flow %d is due within %v", f.id, out.flows[f])
	}
	r.numbers.Odd, r.numbers.Bound = len(odd), out.agreement
	var left, attempts time.Duration
	for _, d := range odd {
		left = max(left, d.expires.Sub(now))
	}
	for _, t := range r.plan.tunnels {
		left, attempts = max(left, r.remaining(t)), max(attempts, 2*t.attempt())
	}
	out.agreement = max(out.agreement, left+attempts+slack)
	r.say("agreement is due within %v", out.agreement)
	return out
}

// flowing is when traffic must flow again on a flow.
func (r *run) flowing(f *flow, odd []disagreement) time.Duration {
	due := slack
	for _, t := range f.path {
		due += r.mended(t, odd)
	}
	return due
}

// slack is for packets: a flow is known to work after two answers, and requests
// for SAs are a second apart.
const slack = proofs*slowest*3/2*time.Second + 5*time.Second

// mended is when a tunnel must carry packets again.
//
// What keeps it from that is a pair that one end sends in and the other has not:
// noticed says when the sender finds out. Or a NAT has forgotten where an end
// is. Then SAs are negotiated, which may begin with attempts that the trouble
// has spoilt: phase 1 that goes on until its tries are over, and a quick mode
// under an ISAKMP SA that the peer has not.
func (r *run) mended(t *tunnel, odd []disagreement) time.Duration {
	var lost time.Duration
	spoilt, stale := 0, 0
	for _, d := range odd {
		if !contains(t.ends(), d.site) || !contains(t.ends(), d.peer) {
			continue
		}
		if d.child {
			lost = max(lost, min(d.expires.Sub(r.world.Now()), r.noticed(d, odd)))
		} else if r.detects(d.site, d.peer) == 0 || !r.has(t) {
			stale = 1
		}
	}
	for _, s := range t.ends() {
		if r.world.Router(s.name).Holdings().Negotiating > 0 {
			spoilt = 1
		}
		if d := r.foundAgain(t, s); d > 0 {
			lost, stale = max(lost, d), 1
		}
	}
	if t.access() {
		lost += clientRetry
	}
	if r.plan.hides(t) {
		lost += listRetry
	}
	return lost + time.Duration(spoilt+stale)*t.attempt()
}

// listRetry is how long a list of revocations that could not be fetched is not asked
// for again.
const listRetry = 5 * time.Minute

// hides says whether a list of revocations that an end of a tunnel wants is away in the
// plan.
func (p *Plan) hides(t *tunnel) bool {
	wants := slices.ContainsFunc(t.ends(), func(s *site) bool { return s.revocation })
	return wants && slices.ContainsFunc(p.lines(), func(l Line) bool { return l.Text == "web silent" })
}

// has says whether an end of a tunnel has a pair for each line, ready to send.
func (r *run) has(t *tunnel) bool {
	ready := 0
	for _, x := range r.world.Router(t.near.name).IPsecSAs() {
		if contains(t.far, r.agreement.seen[x.Remote.Addr()]) && x.OutboundReady {
			ready++
		}
	}
	return ready >= len(t.near.entryOf(t).lines)
}

// attempt is how long a negotiation takes that comes to nothing, with every peer
// of the entry.
func (t *tunnel) attempt() (longest time.Duration) {
	for _, s := range t.ends() {
		peers := len(s.entryOf(t).peers)
		longest = max(longest, time.Duration(peers)*s.retransmit.gives())
	}
	return longest
}

// remaining is when the last pair of a tunnel ends.
func (r *run) remaining(t *tunnel) (left time.Duration) {
	for _, s := range t.ends() {
		for _, x := range r.world.Router(s.name).IPsecSAs() {
			if contains(t.ends(), r.agreement.seen[x.Remote.Addr()]) {
				left = max(left, x.Expires.Sub(r.world.Now()))
			}
		}
	}
	return left
}

// invalidSPI is how often an end tells of an SPI that it has not.
const invalidSPI = 10 * time.Second

// forever is longer than any lifetime.
const forever = 24 * time.Hour

// noticed is how long a site takes to find out that its peer has not a pair in
// which it sends.
//
//   - Where the peer has an ISAKMP SA with it, by INVALID-SPI, once in ten
//     seconds: for each of the pairs that it has in vain, since behind one that
//     is given up the next is used again.
//   - Where the peer has none, but opens one because of invalid SPIs, by the
//     same, or at once by INITIAL-CONTACT.
//   - Where the site has an ISAKMP SA that its peer has not, by dead peer
//     detection, whose interval may have to pass twice: on demand it first sees
//     that nothing comes back.
//   - Else when the lifetime is over.
func (r *run) noticed(d disagreement, odd []disagreement) time.Duration {
	v := r.agreement.look()
	told := invalidSPI * time.Duration(1+len(odd))
	shared, theirs := false, false
	for c, x := range v.isakmp[d.peer] {
		if r.agreement.seen[x.Remote.Addr()] == d.site {
			theirs = true
			_, both := v.isakmp[d.site][c]
			shared = shared || both
		}
	}
	if shared {
		return told
	}
	if !theirs && d.peer.recovery {
		return told + invalidSPI
	}
	if k := r.detects(d.site, d.peer); k > 0 {
		return k
	}
	return forever
}

// detects is how long dead peer detection takes, 0 where there is none.
func (r *run) detects(s, peer *site) time.Duration {
	k := r.world.Router(s.name).Config().ISAKMP.Keepalive
	if k == nil {
		return 0
	}
	for _, x := range r.world.Router(s.name).ISAKMPSAs() {
		if x.DPD && !x.Dead && !x.Established.IsZero() && r.agreement.seen[x.Remote.Addr()] == peer {
			return 2*k.Interval + 5*k.Retry
		}
	}
	return 0
}

// foundAgain is how long an end stays lost behind a NAT that has forgotten it: 0
// where it sends of itself, since the first authentic packet tells where it is.
// Else one of the ends detects a dead peer, or a pair is renewed.
func (r *run) foundAgain(t *tunnel, s *site) time.Duration {
	if !s.natted() || !r.plan.forgets(s) {
		return 0
	}
	for _, f := range r.plan.flows {
		if f.from == s && contains(f.path, t) {
			return 0
		}
	}
	return r.remaining(t)
}

// noisy says whether bits are changed in the plan.
func (p *Plan) noisy() bool {
	return slices.ContainsFunc(p.lines(), func(l Line) bool { return strings.HasPrefix(l.Text, "noise") })
}

// forgets says whether the NAT before a site does so in the plan.
func (p *Plan) forgets(s *site) bool {
	return slices.ContainsFunc(p.lines(), func(l Line) bool { return l.Text == "nat "+s.name+" rebind" })
}
