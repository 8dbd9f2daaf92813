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
// Counters are read for all SAs at once and kept until the input in hand has
// been dealt with: one command may ask for those of every SA.
type adapter struct {
	plane    plane
	now      func() time.Time
	pairs    map[uint32]*pair // by our inbound SPI
	snapshot map[saKey]dataplane.SAStatus
	last     bool // the gateway ends: what is protected stays blocked
}

// saKey names an SA; remote is set for outbound ones only, whose SPI the peer
// chose.
type saKey struct {
	direction ipsec.Direction
	spi       uint32
	remote    netip.Addr
}

func keyOf(d ipsec.Direction, spi uint32, remote netip.Addr) saKey {
	if d == ipsec.Inbound {
		remote = netip.Addr{}
	}
	return saKey{d, spi, remote}
}

// pair notes when a pair of SAs was last seen to have carried packets.
type pair struct {
	remote   netip.Addr
	out      uint32
	in, sent activity
}

// activity is a packet counter, and when it was first seen at its value.
type activity struct {
	packets uint64
	since   time.Time
}

func (a *activity) seen(packets uint64, now time.Time) {
	if packets != a.packets {
		a.packets, a.since = packets, now
	}
}

func newAdapter(p plane) *adapter {
	return &adapter{plane: p, now: time.Now, pairs: make(map[uint32]*pair)}
}

// forget drops the counters that were read for the input that is over.
func (a *adapter) forget() { a.snapshot = nil }

func (a *adapter) status(k saKey) (dataplane.SAStatus, bool) {
	if a.snapshot == nil {
		a.snapshot = make(map[saKey]dataplane.SAStatus)
		for _, s := range a.plane.SAs() {
			a.snapshot[keyOf(s.Params.Direction, s.Params.SPI, s.Params.Remote)] = s
		}
	}
	s, ok := a.snapshot[k]
	return s, ok
}

// Install implements router.DataPlane.
func (a *adapter) Install(p ipsec.SAParams) error {
	if err := a.plane.Install(p); err != nil {
		return err
	}
	if p.Direction == ipsec.Inbound {
		a.pairs[p.SPI] = &pair{remote: p.Remote}
	}
	a.snapshot = nil
	return nil
}

// Remove implements router.DataPlane. The counters of the other SAs, and those
// of this one, stay readable until forget: what ends many SAs asks for them
// all.
func (a *adapter) Remove(x ike.RemovedSA) {
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
	in, ok := a.status(keyOf(ipsec.Inbound, inSPI, netip.Addr{}))
	if !ok {
		return console.Counters{}
	}
	c := console.Counters{DecapsPackets: in.Counters.Packets, DecapsBytes: in.Counters.Bytes, RecvDrops: in.Counters.Drops}
	out, ok := a.status(keyOf(ipsec.Outbound, outSPI, in.Params.Remote))
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
	return p.in.since, p.sent.since
}

func (a *adapter) look(inSPI uint32, p *pair) {
	now := a.now()
	if s, ok := a.status(keyOf(ipsec.Inbound, inSPI, netip.Addr{})); ok {
		p.in.seen(s.Counters.Packets, now)
	}
	if s, ok := a.status(keyOf(ipsec.Outbound, p.out, p.remote)); ok && p.out != 0 {
		p.sent.seen(s.Counters.Packets, now)
	}
}

// sample looks at every pair, for dead peer detection and renewal.
func (a *adapter) sample(pairs []ike.IPsecSA) {
	a.snapshot = nil
	for _, x := range pairs {
		if p := a.pairs[x.InSPI]; p != nil {
			p.out = x.OutSPI
			a.look(x.InSPI, p)
		}
	}
	a.snapshot = nil
}
