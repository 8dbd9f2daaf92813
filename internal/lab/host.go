package lab

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// host is one gateway with its interfaces and routes.
type host struct {
	lab     *lab
	name    string
	startup *config.Config // what a restart begins with
	cfg     *config.Config // what runs
	keys    keys           // nil for none
	agent   *trustpoint.Agent

	supposed bool                    // peers' certificates are believed
	given    map[string]netip.Prefix // addresses that interfaces got from outside; invalid for a lost one
	ports    []*port
	nats     map[netip.Addr]*nat // before an address, whether its port is up or not
	routes   []route
	rand     io.Reader
	router   *router.Router
	session  *console.Session

	// masquerades: packets get the address of the interface by which they leave
	// before its crypto map sees them.
	masquerades bool

	client *vpnClient // that has the gateway to itself; nil for none
	users  io.Reader  // the randomness of its clients, one after the other

	plane  *dataPlane
	slow   time.Duration                       // what AAA and PKI take besides
	still  time.Time                           // until when it stands still
	skew   time.Duration                       // of its clock
	leases map[string]map[netip.Addr]aaa.Lease // by pool, as it stores them

	released []waiting // packets whose SA came during an input

	pings           map[uint16]*echo // by sequence number
	pingID, pingSeq uint16
	unreachableAt   time.Time // of the last that was sent
}

// waiting is a packet that waits for an SA, and where it was to leave.
type waiting struct {
	port *port
	hop  netip.Addr
	p    packet
}

// start makes the control plane and an empty data plane. SAs and debugs of an
// earlier life are gone; the peers are not told.
func (h *host) start() error {
	if err := h.plug(h.startup); err != nil {
		return err
	}
	h.cfg = h.startup
	h.plane, h.released, h.still = newDataPlane(h), nil, time.Time{}
	r, err := router.New(router.Options{Config: h.cfg, DataPlane: h.plane, Rand: h.rand, Now: h.lab.clock.now, Local: h.localAddress,
		Text: func(text []byte) { h.lab.debug(h.name, text) }, Events: witness{h},
		ClockMark: '*', Limits: trace.DefaultLimits, Leases: h.kept(), Keys: h.keys.find, Engines: h.lab.engines})
	if err != nil {
		return err
	}
	h.router = r
	h.beginTrustpoints()
	h.session = console.NewSession(gateway{r, h})
	h.plane.setPolicies(r.Connections(), r.Policies())
	h.lab.watch.Started(h.name)
	return nil
}

// do gives the router an input and carries out what comes of it. Packets that
// waited leave behind the messages that made their SA.
func (h *host) do(input func(now time.Time) router.Output) {
	out := input(h.lab.clock.now)
	for _, d := range out.Send {
		h.sendIKE(d)
	}
	h.keep(out.Leases)
	for _, q := range out.Lookups {
		h.lookup4(q)
	}
	for _, d := range out.RADIUS {
		h.askRADIUS(d)
	}
	h.answer(slices.Clone(out.Work), slices.Clone(out.Questions))
	released := h.released
	h.released = nil
	for _, w := range released {
		h.protect(w.port, w.hop, w.p)
	}
	h.lab.refused = append(h.lab.refused, h.router.Errors()...)
}

// answer does what would delay a real gateway, at once unless it is slow, and answers
// the questions that there is no operator for.
func (h *host) answer(work []aaa.Work, questions []ike.Question) {
	for _, w := range work {
		h.later(func(now time.Time) router.Output { return h.router.Worked(now, w.ID, w.Run()) })
	}
	for _, q := range questions {
		switch ask := q.Ask.(type) {
		case ike.JudgePeer:
			h.judge(q.ID, ask)
		case ike.Ask:
			h.later(func(now time.Time) router.Output { return h.router.Answer(now, q.ID, nil) })
		}
	}
}

// sendIKE sends a message, with the marker that its port wants.
func (h *host) sendIKE(d ike.Datagram) {
	data := d.Data
	marked := d.Local.Port() == isakmp.PortNATT && !d.Keepalive
	if marked {
		data = append(make([]byte, ipsec.NonESPMarkerLen), data...)
	}
	p := newUDP(d.Local, d.Remote, data)
	if d.Keepalive {
		h.output(p)
		return
	}
	_, _, message, _ := p.udp()
	skip := isakmp.HeaderLen
	if marked {
		skip += ipsec.NonESPMarkerLen
	}
	h.outputUnder(h.lab.net.faults.judge(h, kindOf(d.Data), skip, message), p)
}

// outputUnder sends a packet as the faults will have it.
func (h *host) outputUnder(f fate, p packet) {
	for range f.copies {
		c := append(packet(nil), p...)
		if f.delay == 0 {
			h.output(c)
			continue
		}
		h.lab.clock.after(f.delay, func() { h.output(c) })
	}
}

// output sends a packet of the host's own that needs no more protection.
func (h *host) output(p packet) {
	if h.own(p.dst()) {
		h.lab.clock.after(0, func() { h.local(p) })
		return
	}
	if out, hop, ok := h.lookup(p.dst()); ok {
		h.transmit(out, hop, p)
	}
}

// originate sends a packet of the host's own, which a crypto map may protect.
func (h *host) originate(p packet) {
	if h.own(p.dst()) {
		h.lab.clock.after(0, func() { h.local(p) })
		return
	}
	if out, hop, ok := h.lookup(p.dst()); ok {
		h.protect(out, hop, p)
	}
}

func (h *host) transmit(out *port, hop netip.Addr, p packet) {
	if out.link != nil {
		out.link.send(out, hop, p)
	}
}

// receive takes a packet from a link.
func (h *host) receive(in *port, p packet) {
	if !p.valid() {
		return
	}
	if h.stands() {
		h.awake(func() { h.receive(in, p) })
		return
	}
	if h.plane.wantsProtection(in, p) {
		h.tellClearText(p)
		return
	}
	h.accept(p, true)
}

// tellClearText tells the router of a packet that should have been encrypted.
func (h *host) tellClearText(p packet) {
	if flow, drop := ipsec.ParseFlow(p); drop == ipsec.DropNone {
		h.do(func(now time.Time) router.Output { return h.router.ClearTextDropped(now, flow) })
	}
}

// accept takes a packet that came in clear and may, or was decrypted.
func (h *host) accept(p packet, clear bool) {
	h.lab.watch.Arrived(h.name, p, clear)
	if !clear {
		h.plane.unshare(p)
	}
	if h.own(p.dst()) {
		h.local(p)
		return
	}
	if !p.age() {
		return
	}
	out, hop, ok := h.lookup(p.dst())
	if !ok {
		h.tellUnreachable(p)
		return
	}
	h.protect(out, hop, p)
}

// unreachableInterval is how often IOS sends the message at most.
const unreachableInterval = 500 * time.Millisecond

func (h *host) tellUnreachable(p packet) {
	kind, icmp := p.icmp()
	if icmp && kind != icmpEcho && kind != icmpEchoReply {
		return
	}
	now := h.lab.clock.now
	if now.Sub(h.unreachableAt) < unreachableInterval {
		return
	}
	h.unreachableAt = now
	back, _, ok := h.lookup(p.src())
	if !ok {
		return
	}
	h.originate(p.unreachable(back.addr))
}

// local takes a packet to an address of this host.
func (h *host) local(p packet) {
	switch p.protocol() {
	case protoESP:
		h.decrypt(p.payload(), netip.AddrPortFrom(p.src(), 0), netip.AddrPortFrom(p.dst(), 0))
	case protoUDP:
		if from, to, data, ok := p.udp(); ok {
			h.localUDP(from, to, data)
		}
	case protoICMP:
		h.localICMP(p)
	}
}

func (h *host) localUDP(from, to netip.AddrPort, data []byte) {
	if !h.cfg.ISAKMP.Enabled {
		return
	}
	switch to.Port() {
	case isakmp.PortIKE:
	case isakmp.PortNATT:
		switch ipsec.ClassifyUDP(data) {
		case ipsec.UDPESP:
			h.decrypt(data, from, to)
			return
		case ipsec.UDPIKE:
			data = data[ipsec.NonESPMarkerLen:]
		default:
			return
		}
	default:
		return
	}
	if c := h.client; c != nil && from.Addr() == c.server {
		c.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) { e.Datagram(now, to, from, data, fx) })
		return
	}
	h.do(func(now time.Time) router.Output {
		out := h.message(now, from, to, data)
		h.lab.watch.Answered(h.name, len(out.Send))
		return out
	})
}

// message gives the router a message, as a daemon on one core does, or one on many.
func (h *host) message(now time.Time, from, to netip.AddrPort, data []byte) router.Output {
	if h.lab.engines < 2 {
		return h.router.Datagram(now, to, from, data)
	}
	for _, share := range h.router.Spread(now, []ike.Input{{Local: to, Remote: from, Data: data}}) {
		for share.Handle() {
		}
	}
	return h.router.Gather()
}

func (h *host) localICMP(p packet) {
	kind, ok := p.icmp()
	if !ok {
		return
	}
	switch kind {
	case icmpEcho:
		h.originate(p.echoReply())
	case icmpEchoReply:
		h.answered(p, console.PingReply)
	case icmpUnreachable:
		if quoted, ok := p.quoted(); ok {
			h.answered(quoted, console.PingUnreachable)
		}
	}
}
