package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sort"
	"strings"
	"time"

	"qmidle/internal/lab"
)

// Plan is everything of a run that its seed decides.
type Plan struct {
	Seed  uint64
	Steps []Step
	// Calm is when the network is whole again and the operator is done.
	Calm time.Duration

	engines int // of each gateway
	sites   []*site
	tunnels []*tunnel
	flows   []*flow

	certified bool      // the ends prove themselves by certificates
	radius    bool      // users are a RADIUS server's
	mismatch  *mismatch // of a tunnel that cannot come up; nil for none
}

// Step is a thing that goes wrong or that the operator does, from its beginning
// to its end: lines of a script and their times.
type Step struct {
	Name  string
	Lines []Line
	kind  string // of a change that has a kind
}

// Line is a line of the lab's script.
type Line struct {
	At   time.Duration
	Text string
}

// site is a gateway with the networks behind it.
type site struct {
	name  string
	addr  netip.Addr     // on the outside link
	seen  netip.Addr     // as the others see it: its own, or its NAT's
	nets  []netip.Prefix // the first address of each is the site's own
	peers []*entry

	policyLife    int // seconds
	policies      []string
	keepalive     *keepalive
	natKeepalive  int // seconds; 0 is the default
	retransmit    retransmission
	fragments     int // MTU; 0 is off
	recovery      bool
	replay        int // packets; 0 is off
	hostname      bool
	client        bool // an Easy VPN client, of its only peer
	alone         bool // that has an address of its server's in the place of its network
	server        bool // of such
	certified     bool // it has a certificate and no keys
	revocation    bool // it wants a list of those that are revoked
	radius        bool // its users are a RADIUS server's
	configuration string
}

// entry is a crypto map entry of a site.
type entry struct {
	tunnel *tunnel
	peers  []*site
	seq    int
	life   int // seconds
	lines  []acl
	// kilobytes is the lifetime in volume; 0 is the default.
	kilobytes int
	// odd is what this end has otherwise than its peer; nil for nothing.
	odd *odd
}

// acl is a line of a crypto access list.
type acl struct{ local, remote netip.Prefix }

// tunnel is what two sites, or one and several that stand in for each other,
// have agreed on.
type tunnel struct {
	id        int
	near      *site
	far       []*site // in the order of near's `set peer`
	sets      []string
	pfs       string // "" is none
	key       string
	transport bool
	never     bool // its ends do not match: it cannot come up
	hub       bool // far is a hub that passes traffic on
	prefer    bool // the first peer is the default
	// aggressive are the ends that begin phase 1 in aggressive mode.
	aggressive map[*site]bool
}

type keepalive struct {
	interval, retry int // seconds
	periodic        bool
}

type retransmission struct{ interval, tries int }

// gives is how long an exchange is tried before it is given up.
func (r retransmission) gives() time.Duration {
	return time.Duration(r.interval*(r.tries+1)) * time.Second
}

// stream is the random numbers that a seed gives to a purpose.
func stream(seed uint64, purpose string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), purpose...))))
}

// generations are how often what is drawn has grown. What was added is drawn from
// random numbers of its own, so that the plan of a seed of an earlier generation can
// be made again.
const generations = 3

// Draw makes the plan of a seed.
func Draw(seed uint64) *Plan { return drawn(seed, generations) }

func drawn(seed uint64, generation int) *Plan {
	p := &Plan{Seed: seed}
	d := &draw{Rand: stream(seed, "plan"), plan: p}
	d.topology()
	d.knobs()
	d.traffic()
	d.trouble()
	if generation > 1 {
		d.Rand = stream(seed, "more")
		d.more()
	}
	if generation > 2 {
		p.engines = 1 + stream(seed, "engines").IntN(4)
	}
	for _, s := range p.sites {
		s.configuration = s.render()
	}
	return p
}

// draw is a plan in the making.
type draw struct {
	*rand.Rand
	plan    *Plan
	changed map[string]bool // what was changed once
}

// oneIn is true once in n times.
func (d *draw) oneIn(n int) bool { return d.IntN(n) == 0 }

// between draws a number of lo to hi.
func (d *draw) between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// seconds draws a time, to a tenth of a second.
func (d *draw) seconds(lo, hi int) time.Duration {
	return time.Duration(d.between(lo*10, hi*10)) * time.Second / 10
}

func pick[T any](d *draw, list []T) T { return list[d.IntN(len(list))] }

func shuffled[T any](d *draw, list []T) []T {
	out := append([]T(nil), list...)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// gateways are the plan's for the lab.
func (p *Plan) gateways() (list []lab.Gateway) {
	for _, s := range p.sites {
		list = append(list, lab.Gateway{Name: s.name, Config: s.configuration, PEM: p.pem(s)})
	}
	return list
}

// lines are those of all steps, in the order of time.
func (p *Plan) lines() (list []Line) {
	for _, s := range p.Steps {
		list = append(list, s.Lines...)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].At < list[j].At })
	return list
}

// String tells what goes wrong, a line a step.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d gateways, %d tunnels, %d flows, calm after %v\n", p.Seed, len(p.sites), len(p.tunnels), len(p.flows), p.Calm)
	if p.certified {
		b.WriteString("    always  certificates\n")
	}
	if p.engines > 1 {
		fmt.Fprintf(&b, "    always  %d engines in each\n", p.engines)
	}
	if p.radius {
		b.WriteString("    always  users of RADIUS\n")
	}
	if p.mismatch != nil {
		fmt.Fprintf(&b, "    always  %s and %s do not match: %s\n", p.mismatch.tunnel.near.name, p.mismatch.tunnel.far[0].name, p.mismatch.name)
	}
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%8.1fs  %s", s.Lines[0].At.Seconds(), s.Name)
		if last := s.Lines[len(s.Lines)-1]; last.At > s.Lines[0].At {
			fmt.Fprintf(&b, ", until %.1fs", last.At.Seconds())
		}
		b.WriteString("\n")
	}
	return b.String()
}
