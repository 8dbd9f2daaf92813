package gateway

import (
	"net/netip"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/dataplane"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/router"
)

// adapter is the router's view of the data plane. Its owner is the loop.
//
// The counters of SAs that an input removes are kept until it has been dealt with:
// what ends many SAs asks for them all.
type adapter struct {
	plane plane
	now   func() time.Time
	began time.Time
	pairs map[uint32]*pair // by our inbound SPI
	gone  map[dataplane.SAKey]dataplane.SAStatus
	last  bool // the gateway ends: what is protected stays blocked
}

// pair notes when a pair of SAs was last seen to have carried packets.
type pair struct {
	local, remote [4]byte
	id            uint32 // of the inbound SA
	out           uint32 // SPI of the outbound one; 0 until it is known
	in, sent      activity
}

// activity is a packet counter, and how long after the adapter began it was first seen
// at its value.
type activity struct {
	packets uint64
	since   time.Duration
}

func (a *activity) seen(packets uint64, now time.Duration) {
	if packets != a.packets {
		a.packets, a.since = packets, now
	}
}

// time is when the last packet was seen; zero for none.
func (a *activity) time(began time.Time) (t time.Time) {
	if a.packets > 0 {
		t = began.Add(a.since)
	}
	return t
}

func newAdapter(p plane) *adapter {
	return &adapter{plane: p, now: time.Now, began: time.Now(), pairs: make(map[uint32]*pair), gone: make(map[dataplane.SAKey]dataplane.SAStatus)}
}

// forget drops what was kept for the input that is over.
func (a *adapter) forget() { clear(a.gone) }

func (a *adapter) status(k dataplane.SAKey) (dataplane.SAStatus, bool) {
	if s, ok := a.gone[k]; ok {
		return s, true
	}
	return a.plane.SA(k.Direction, k.SPI, k.Remote)
}

// Install implements router.DataPlane.
func (a *adapter) Install(p ipsec.SAParams) error {
	if err := a.plane.Install(p); err != nil {
		return err
	}
	if p.Direction == ipsec.Inbound {
		a.pairs[p.SPI] = &pair{local: p.Local.As4(), remote: p.Remote.As4(), id: p.ID}
	}
	return nil
}

// Remove implements router.DataPlane. The counters stay readable until forget.
func (a *adapter) Remove(x ike.RemovedSA) {
	if s, ok := a.plane.SA(x.Direction, x.SPI, x.Remote); ok {
		a.gone[dataplane.SAKeyOf(x.Direction, x.SPI, x.Remote)] = s
	}
	if x.Direction == ipsec.Inbound {
		delete(a.pairs, x.SPI)
	}
	// The only error is that the SA is not there: then its installation failed.
	_ = a.plane.Remove(x.Direction, x.SPI, x.Remote)
}

// MovePeer implements router.Mover: both SAs of a pair follow the peer.
func (a *adapter) MovePeer(inSPI, outSPI uint32, remote netip.Addr, to netip.AddrPort) error {
	err := a.plane.MovePeer(ipsec.Inbound, inSPI, remote, to)
	if err == nil && outSPI != 0 {
		err = a.plane.MovePeer(ipsec.Outbound, outSPI, remote, to)
	}
	return err
}

// AddInstance implements router.DataPlane.
func (a *adapter) AddInstance(template uint32, entry ipsec.PolicyEntry) error {
	return a.plane.AddInstance(template, entry)
}

// RemoveInstance implements router.DataPlane.
func (a *adapter) RemoveInstance(tag uint32) error {
	if a.last {
		return nil
	}
	return a.plane.RemoveInstance(tag)
}

// AddRoute implements router.RouteTable.
func (a *adapter) AddRoute(r console.ReverseRoute) error { return a.plane.AddRoute(kernelRoute(r)) }

// RemoveRoute implements router.RouteTable.
func (a *adapter) RemoveRoute(r console.ReverseRoute) error {
	return a.plane.RemoveRoute(kernelRoute(r))
}

// kernelRoute is a reverse route for the kernel. Distances become metrics, as
// those of static routes do.
func kernelRoute(r console.ReverseRoute) dataplane.ReverseRoute {
	k := dataplane.ReverseRoute{Prefix: r.Prefix, Hop: r.NextHop}
	if r.Distance > 1 {
		k.Metric = int(r.Distance)
	}
	return k
}

// SetClients implements router.ClientPlane.
func (a *adapter) SetClients(policies []ipsec.PolicyEntry, clients []router.ClientNetwork) error {
	if a.last {
		return nil
	}
	networks := make([]dataplane.ClientNetwork, 0, len(clients))
	for _, c := range clients {
		networks = append(networks, dataplane.ClientNetwork(c))
	}
	if err := a.plane.SetClients(networks); err != nil {
		return err
	}
	return a.plane.SetPolicies(policies)
}

// AcquireFailed implements router.DataPlane.
func (a *adapter) AcquireFailed(tag uint32, line int) { a.plane.Discard(tag, uint32(line)) }

// Counters implements router.DataPlane.
func (a *adapter) Counters(inSPI, outSPI uint32) console.Counters {
	in, ok := a.status(dataplane.SAKeyOf(ipsec.Inbound, inSPI, netip.Addr{}))
	if !ok {
		return console.Counters{}
	}
	c := console.Counters{DecapsPackets: in.Counters.Packets, DecapsBytes: in.Counters.Bytes, RecvDrops: in.Counters.Drops}
	out, ok := a.status(dataplane.SAKeyOf(ipsec.Outbound, outSPI, in.Params.Remote))
	if ok {
		c.EncapsPackets, c.EncapsBytes, c.SendDrops = out.Counters.Packets, out.Counters.Bytes, out.Counters.Drops
		c.PathMTU = out.PathMTU
	}
	return c
}

// Drops implements router.DataPlane.
func (a *adapter) Drops() ipsec.DropCounts { return a.plane.Stats().Drops }

// LastPackets implements ike.Traffic. The times are when a counter was seen to
// have moved: by sample, which runs once a second, or by this look.
func (a *adapter) LastPackets(inSPI uint32) (in, out time.Time) {
	p := a.pairs[inSPI]
	if p == nil {
		return in, out
	}
	a.look(inSPI, p)
	return p.in.time(a.began), p.sent.time(a.began)
}

func (a *adapter) look(inSPI uint32, p *pair) {
	now := a.now().Sub(a.began)
	if n, ok := a.plane.Packets(ipsec.Inbound, inSPI, netip.Addr{}); ok {
		p.in.seen(n, now)
	}
	if p.out == 0 {
		return
	}
	if n, ok := a.plane.Packets(ipsec.Outbound, p.out, netip.AddrFrom4(p.remote)); ok {
		p.sent.seen(n, now)
	}
}

// sample looks at every pair, for dead peer detection and renewal. pairOf finds the
// pair of an SA by its ends and ID.
func (a *adapter) sample(pairOf func(local, remote netip.Addr, id uint32) (ike.IPsecSA, bool)) {
	for spi, p := range a.pairs {
		if p.out == 0 {
			x, _ := pairOf(netip.AddrFrom4(p.local), netip.AddrFrom4(p.remote), p.id)
			p.out = x.OutSPI
		}
		a.look(spi, p)
	}
}
