package lab

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
)

const (
	queueLimit      = 64 // packets that wait for one access list line
	acquireInterval = time.Second
	espHeaderLen    = 8 // SPI and sequence number
)

// dataPlane is the ESP path of a host: a Processor for each interface with a
// crypto map, since a map protects what leaves by its interface. Interfaces that
// share their SAs share the Processor.
type dataPlane struct {
	host       *host
	processors map[string]*ipsec.Processor // by interface
	order      []*ipsec.Processor
	owners     map[uint32]*ipsec.Processor // of a connection's SAs, by its tag
	queues     map[lineKey]*queue
	pairs      map[uint32]*pair // by our inbound SPI
	drops      ipsec.DropCounts // of packets that no processor has seen
	routes     []route          // reverse ones
	missed     map[lineKey]*missed
	clients    []*clientNetwork
}

type lineKey struct{ tag, line uint32 }

type queue struct {
	packets []waiting
	asked   time.Time // when an SA was last asked for
}

// pair is an inbound SA and, once it is there, its outbound one.
type pair struct {
	in, out         *ipsec.SA
	lastIn, lastOut time.Time
}

func newDataPlane(h *host) *dataPlane {
	return &dataPlane{host: h, processors: make(map[string]*ipsec.Processor), owners: make(map[uint32]*ipsec.Processor),
		queues: make(map[lineKey]*queue), pairs: make(map[uint32]*pair), missed: make(map[lineKey]*missed)}
}

// setPolicies fills the policy database of every interface with the lines of its
// connections.
func (d *dataPlane) setPolicies(conns []*ike.Connection, policies []ipsec.PolicyEntry) {
	before := d.processors
	d.processors = make(map[string]*ipsec.Processor)
	for _, c := range conns {
		d.owners[c.Tag] = d.processorFor(c, before)
	}
	d.fill(policies)
}

func (d *dataPlane) fill(policies []ipsec.PolicyEntry) {
	entries := make(map[*ipsec.Processor][]ipsec.PolicyEntry)
	for _, e := range policies {
		p := d.owners[e.Tag]
		entries[p] = append(entries[p], e)
	}
	for _, p := range d.order {
		p.SetPolicies(entries[p])
	}
}

// processorFor gives a connection's interfaces their Processor: the one that one
// of them had before, unless others have it now.
func (d *dataPlane) processorFor(c *ike.Connection, before map[string]*ipsec.Processor) *ipsec.Processor {
	p := d.processors[c.Interface]
	for _, name := range c.Interfaces() {
		if old := before[name]; p == nil && old != nil && !d.inUse(old) {
			p = old
		}
	}
	if p == nil {
		p = ipsec.NewProcessor(d.host.rand)
		d.order = append(d.order, p)
	}
	for _, name := range c.Interfaces() {
		d.processors[name] = p
	}
	return p
}

func (d *dataPlane) inUse(p *ipsec.Processor) bool {
	for _, other := range d.processors {
		if other == p {
			return true
		}
	}
	return false
}

// protect sends a packet by a port, under ESP where the port's crypto map wants
// it so.
func (h *host) protect(out *port, hop netip.Addr, p packet) {
	processor := h.plane.processors[out.name]
	if processor == nil {
		h.transmit(out, hop, p)
		return
	}
	h.plane.share(p)
	if h.masquerades && p.src() != out.addr {
		p.setSrc(out.addr)
		p.sum()
	}
	r := processor.Outbound(nil, p)
	switch r.Action {
	case ipsec.Bypass:
		h.plane.notePassed(processor, r.Flow, p)
		h.transmit(out, hop, p)
	case ipsec.Sealed:
		h.sendESP(r.SA, r.Packet)
	case ipsec.Acquire:
		h.checkUsedUp(r.SA, r.UsedUp)
		h.wait(lineKey{r.Entry.Tag, r.Entry.Line}, waiting{out, hop, p}, processor)
	}
	h.checkVolume(r.SA, r.SoftLimit)
}

func (h *host) sendESP(sa *ipsec.SA, esp []byte) {
	if p := h.plane.pairOf(sa); p != nil {
		p.lastOut = h.lab.clock.now
	}
	params, to := sa.Params(), sa.Endpoint()
	fate := h.lab.net.faults.judge(h, espPacket, espHeaderLen, esp)
	if params.UDPEncap {
		h.outputUnder(fate, newUDP(netip.AddrPortFrom(params.Local, params.LocalPort), to, esp))
		return
	}
	h.outputUnder(fate, newESP(params.Local, to.Addr(), esp))
}

// wait queues a packet and asks for an SA.
func (h *host) wait(k lineKey, w waiting, processor *ipsec.Processor) {
	q := h.plane.queues[k]
	if q == nil {
		q = &queue{}
		h.plane.queues[k] = q
	}
	if len(q.packets) >= queueLimit {
		processor.CountDrop(nil, ipsec.DropQueueFull)
	} else {
		q.packets = append(q.packets, w)
	}
	now := h.lab.clock.now
	if now.Sub(q.asked) < acquireInterval {
		return
	}
	q.asked = now
	h.do(func(now time.Time) router.Output { return h.router.Acquire(now, k.tag, int(k.line)) })
}

// decrypt takes an ESP packet; the ports are 0 without UDP.
func (h *host) decrypt(esp []byte, from, to netip.AddrPort) {
	if len(esp) < espHeaderLen {
		h.plane.drops[ipsec.DropTruncated]++
		return
	}
	spi := binary.BigEndian.Uint32(esp)
	processor := h.plane.receiver(spi)
	if processor == nil {
		h.plane.drops[ipsec.DropUnknownSPI]++
		h.do(func(now time.Time) router.Output { return h.router.UnknownSPI(now, spi, to, from) })
		return
	}
	r := processor.Inbound(nil, esp, from, to)
	h.checkVolume(r.SA, r.SoftLimit)
	h.checkUsedUp(r.SA, r.UsedUp)
	if r.Drop != ipsec.DropNone {
		return
	}
	p := h.plane.pairs[spi]
	if p != nil {
		p.lastIn = h.lab.clock.now
		if r.PeerMoved {
			h.do(func(now time.Time) router.Output { return h.router.PeerMoved(now, spi, from) })
		}
	}
	if inner := packet(r.Packet); inner.valid() {
		h.accept(inner, false)
	}
}

// receiver is the processor that has an inbound SA, nil for none.
func (d *dataPlane) receiver(spi uint32) *ipsec.Processor {
	for _, p := range d.order {
		if p.FindInbound(spi) != nil {
			return p
		}
	}
	return nil
}

// MovePeer implements router.Mover.
func (d *dataPlane) MovePeer(inSPI, _ uint32, _ netip.Addr, to netip.AddrPort) error {
	p := d.pairs[inSPI]
	p.in.SetEndpoint(to)
	if p.out != nil {
		p.out.SetEndpoint(to)
	}
	return nil
}

// checkVolume asks for the successor of a pair that has carried nearly all its
// kilobytes, once what is under way now is over.
func (h *host) checkVolume(sa *ipsec.SA, reached bool) {
	if reached {
		h.tellOf(sa, (*router.Router).VolumeLow)
	}
}

// checkUsedUp ends one that has carried them all.
func (h *host) checkUsedUp(sa *ipsec.SA, reached bool) {
	if reached {
		h.tellOf(sa, (*router.Router).VolumeUsedUp)
	}
}

func (h *host) tellOf(sa *ipsec.SA, what func(*router.Router, time.Time, uint32) router.Output) {
	for spi, p := range h.plane.pairs {
		if p.in != sa && p.out != sa {
			continue
		}
		h.lab.clock.after(0, func() {
			h.do(func(now time.Time) router.Output { return what(h.router, now, spi) })
		})
	}
}

// wantsProtection says whether a packet came in clear that the crypto map of
// its interface wants under ESP. IKE and ESP itself are beyond the map.
func (d *dataPlane) wantsProtection(in *port, p packet) bool {
	processor := d.processors[in.name]
	if processor == nil || p.protocol() == protoESP {
		return false
	}
	if _, to, _, ok := p.udp(); ok && d.host.own(p.dst()) && (to.Port() == isakmp.PortIKE || to.Port() == isakmp.PortNATT) {
		return false
	}
	flow, drop := ipsec.ParseFlow(p)
	if drop == ipsec.DropNone {
		drop = processor.ClearTextDrop(flow)
	}
	if drop == ipsec.DropNone {
		return false
	}
	processor.CountDrop(nil, drop)
	return true
}

// Install implements router.DataPlane.
func (d *dataPlane) Install(params ipsec.SAParams) error {
	d.host.lab.watch.Installed(d.host.name, params)
	processor := d.owners[params.Tag]
	if params.Direction == ipsec.Inbound {
		sa, err := processor.InstallInbound(params)
		if err == nil {
			d.pairs[params.SPI] = &pair{in: sa}
		}
		return err
	}
	sa, err := processor.InstallOutbound(params)
	if err != nil {
		return err
	}
	if x, ok := d.host.router.PairOf(params.Local, params.Remote, params.ID); ok && d.pairs[x.InSPI] != nil {
		d.pairs[x.InSPI].out = sa
	}
	d.release(params.Tag)
	return nil
}

// release lets go the packets that wait for a connection, in the order of the
// access list.
func (d *dataPlane) release(tag uint32) {
	var lines []lineKey
	for k := range d.queues {
		if k.tag == tag {
			lines = append(lines, k)
		}
	}
	slices.SortFunc(lines, func(a, b lineKey) int { return cmp.Compare(a.line, b.line) })
	for _, k := range lines {
		d.host.released = append(d.host.released, d.queues[k].packets...)
		delete(d.queues, k)
	}
}

// AddInstance implements router.DataPlane.
func (d *dataPlane) AddInstance(template uint32, entry ipsec.PolicyEntry) error {
	p := d.owners[template]
	if err := p.AddInstance(template, entry); err != nil {
		return err
	}
	d.owners[entry.Tag] = p
	return nil
}

// RemoveInstance implements router.DataPlane.
func (d *dataPlane) RemoveInstance(tag uint32) error {
	if p := d.owners[tag]; p != nil {
		p.RemoveInstance(tag)
	}
	delete(d.owners, tag)
	delete(d.queues, lineKey{tag, 0})
	return nil
}

// AddRoute implements router.RouteTable.
func (d *dataPlane) AddRoute(r console.ReverseRoute) error {
	d.routes = append(d.routes, route{prefix: r.Prefix, nextHop: r.NextHop, distance: r.Distance})
	return nil
}

// RemoveRoute implements router.RouteTable.
func (d *dataPlane) RemoveRoute(r console.ReverseRoute) error {
	d.routes = slices.DeleteFunc(d.routes, func(x route) bool {
		return x == route{prefix: r.Prefix, nextHop: r.NextHop, distance: r.Distance}
	})
	return nil
}

// Remove implements router.DataPlane.
func (d *dataPlane) Remove(x ike.RemovedSA) {
	d.host.lab.watch.Removed(d.host.name, x)
	processor := d.owners[x.Connection]
	if x.Direction == ipsec.Inbound {
		processor.RemoveInbound(x.SPI)
		delete(d.pairs, x.SPI)
		return
	}
	processor.RemoveOutbound(x.SPI, x.Remote)
}

// AcquireFailed implements router.DataPlane.
func (d *dataPlane) AcquireFailed(tag uint32, line int) {
	delete(d.queues, lineKey{tag, uint32(line)})
}

// LastPackets implements ike.Traffic.
func (d *dataPlane) LastPackets(inboundSPI uint32) (in, out time.Time) {
	if p := d.pairs[inboundSPI]; p != nil {
		return p.lastIn, p.lastOut
	}
	return in, out
}

// Counters implements router.DataPlane.
func (d *dataPlane) Counters(inSPI, _ uint32) console.Counters {
	p := d.pairs[inSPI]
	if p == nil {
		return console.Counters{}
	}
	in := p.in.Counters()
	c := console.Counters{DecapsPackets: in.Packets, DecapsBytes: in.Bytes, RecvDrops: in.Drops}
	if p.out != nil {
		out := p.out.Counters()
		c.EncapsPackets, c.EncapsBytes, c.SendDrops = out.Packets, out.Bytes, out.Drops
	}
	return c
}

// Drops implements router.DataPlane.
func (d *dataPlane) Drops() ipsec.DropCounts {
	sum := d.drops
	for _, p := range d.order {
		sum = sum.Plus(p.Stats().Drops)
	}
	return sum
}

// pairOf returns the pair of an outbound SA.
func (d *dataPlane) pairOf(sa *ipsec.SA) *pair {
	for _, p := range d.pairs {
		if p.out == sa {
			return p
		}
	}
	return nil
}
