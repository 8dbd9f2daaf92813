package simulate

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// flow is numbered echo requests from one site to another, which answers them.
type flow struct {
	id     uint16
	from   *site
	to     []*site    // those that have target
	source netip.Addr // invalid for the address that a client has then
	target netip.Addr
	path   []*tunnel // one, or two by way of a hub
	size   int       // of a packet in octets
	every  time.Duration
	never  bool // its tunnel cannot come up
}

// traffic draws flows over every line of every tunnel, from one end at least.
func (d *draw) traffic() {
	for _, t := range d.plan.tunnels {
		for _, l := range t.near.entryOf(t).lines {
			d.across(t, l)
		}
	}
}

func (s *site) entryOf(t *tunnel) *entry {
	for _, e := range s.peers {
		if e.tunnel == t {
			return e
		}
	}
	return nil
}

// slowest is a flow's longest interval in seconds.
const slowest = 9

// across draws the flows of a line.
func (d *draw) across(t *tunnel, l acl) {
	source, target, to := own(l.local), own(l.remote), t.far
	path := []*tunnel{t}
	switch {
	case t.near.alone:
		source = netip.Addr{}
	case t.transport:
		source, target = l.local.Addr(), l.remote.Addr()
	case t.hub:
		source, target = own(t.near.nets[0]), own(t.far[0].nets[0])
		if d.oneIn(2) {
			other := pick(d, d.plan.tunnels)
			if other != t {
				target, to, path = own(other.near.nets[0]), []*site{other.near}, append(path, other)
			}
		}
	}
	both := d.IntN(3)
	// A gateway that stands in for another answers only: the spoke's packets say
	// which of the two it uses.
	if len(t.far) > 1 || t.access() { // nor does a server call
		both = 0
	}
	if both != 2 {
		d.flow(t.near, to, source, target, path)
	}
	if both != 0 {
		d.flow(to[0], []*site{t.near}, target, source, path)
	}
}

func (d *draw) flow(from *site, to []*site, source, target netip.Addr, path []*tunnel) {
	f := &flow{id: uint16(len(d.plan.flows) + 1), from: from, to: to, source: source, target: target, path: path,
		size: pick(d, []int{100, 100, 500, 1400}), every: d.seconds(3, slowest)}
	switch {
	case d.volume(f):
		f.size = 65000 // the lab's links take it, and 2560 kilobytes pass soon
	case d.oneIn(30):
		f.every, f.size = 100*time.Millisecond, 100 // there is a packet on its way whenever something changes
	}
	d.plan.flows = append(d.plan.flows, f)
}

// slow says whether a transform is one whose packets cost more time than all the
// rest of a run, if they are large.
func slow(transforms string) bool { return strings.Contains(transforms, "des") }

// volume says whether a flow is to use up its tunnel's kilobytes.
func (d *draw) volume(f *flow) bool {
	for _, e := range f.from.peers {
		if e.kilobytes > 0 && contains(e.peers, f.to[0]) && !slices.ContainsFunc(e.tunnel.sets, slow) {
			return d.oneIn(2)
		}
	}
	return false
}

func contains[T comparable](list []T, x T) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}
