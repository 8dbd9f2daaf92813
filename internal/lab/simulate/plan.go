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

	sites   []*site
	tunnels []*tunnel
	flows   []*flow
}

// Step is a thing that goes wrong or that the operator does, from its beginning
// to its end: lines of a script and their times.
type Step struct {
	Name  string
	Lines []Line
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

// Draw makes the plan of a seed.
func Draw(seed uint64) *Plan {
	p := &Plan{Seed: seed}
	d := &draw{Rand: stream(seed, "plan"), plan: p}
	d.topology()
	d.knobs()
	d.traffic()
	d.trouble()
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
		list = append(list, lab.Gateway{Name: s.name, Config: s.configuration})
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
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%8.1fs  %s", s.Lines[0].At.Seconds(), s.Name)
		if last := s.Lines[len(s.Lines)-1]; last.At > s.Lines[0].At {
			fmt.Fprintf(&b, ", until %.1fs", last.At.Seconds())
		}
		b.WriteString("\n")
	}
	return b.String()
}
