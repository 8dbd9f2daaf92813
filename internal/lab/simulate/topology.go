package simulate

import (
	"fmt"
	"net/netip"
)

// outside is the link that all gateways share.
var outside = netip.MustParsePrefix("192.0.2.0/24")

// topology draws gateways and who has a tunnel with whom.
func (d *draw) topology() {
	switch n := d.IntN(22); {
	case n < 8:
		d.pairs(1)
	case n < 10:
		d.pairs(2)
	case n < 15:
		spokes := d.between(2, 4)
		if d.oneIn(4) {
			spokes = 5
		}
		d.star(spokes, d.oneIn(3))
	case n < 17:
		d.mesh(d.between(3, 4))
	case n < 19:
		d.clients(d.between(1, 4))
	default:
		d.standby(d.between(1, 2))
	}
}

// pairs are tunnels that share nothing but the link.
func (d *draw) pairs(n int) {
	for range n {
		a, b := d.site(), d.site()
		t := d.tunnel(a, b)
		t.transport = a.addr == a.seen && b.addr == b.seen && d.oneIn(8)
	}
}

// star is a hub and its spokes. Through one that passes traffic on, spokes reach
// each other.
func (d *draw) star(spokes int, through bool) {
	hub := d.site()
	for range spokes {
		d.tunnel(d.site(), hub).hub = through
	}
}

// mesh has a tunnel between any two.
func (d *draw) mesh(n int) {
	var all []*site
	for range n {
		s := d.site()
		for _, o := range all {
			d.tunnel(s, o)
		}
		all = append(all, s)
	}
}

// standby is spokes with two gateways that stand in for each other, before the
// same network.
func (d *draw) standby(spokes int) {
	first, second := d.site(), d.site()
	shared := []netip.Prefix{netip.MustParsePrefix("10.200.1.0/24")}
	first.nets, second.nets = shared, shared
	for range spokes {
		t := d.tunnel(d.site(), first, second)
		t.prefer = d.oneIn(2)
	}
}

// site adds a gateway. One in five is behind a NAT.
func (d *draw) site() *site { return d.siteAt(len(d.plan.sites) + 1) }

func (d *draw) siteAt(n int) *site {
	base := outside.Addr().As4()
	at := func(last int) netip.Addr {
		base[3] = byte(last)
		return netip.AddrFrom4(base)
	}
	s := &site{name: fmt.Sprintf("g%d", n), addr: at(10 + n), seen: at(10 + n)}
	if d.oneIn(5) {
		s.seen = at(110 + n)
	}
	for i := range 2 {
		s.nets = append(s.nets, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), byte(i + 1), 0}), 24))
	}
	d.plan.sites = append(d.plan.sites, s)
	return s
}

// tunnel joins a site with another, or with several of which it uses one.
func (d *draw) tunnel(near *site, far ...*site) *tunnel {
	t := &tunnel{id: len(d.plan.tunnels) + 1, near: near, far: far}
	t.key = fmt.Sprintf("key-of-tunnel-%d", t.id)
	d.plan.tunnels = append(d.plan.tunnels, t)
	return t
}

// own is the first address of a network, which its site has.
func own(p netip.Prefix) netip.Addr { return p.Addr().Next() }

// standsIn says whether a site is one of several peers, which may have no
// traffic.
func (s *site) standsIn() bool {
	return len(s.peers[0].tunnel.far) > 1 && contains(s.peers[0].tunnel.far, s)
}

// natted says whether a NAT stands before a site.
func (s *site) natted() bool { return s.addr != s.seen }
