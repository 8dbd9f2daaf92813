package lab

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/compare"
	"qmidle/internal/console"
	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

const (
	protoTCP = 6
	tcpLen   = 20

	// proveTime is how long a tunnel that is tried may take.
	proveTime = 20 * time.Minute
	// proveFlight is how long packets then are on their way, with the time that an
	// initiator waits before it sends.
	proveFlight = 3 * time.Second
	// maxProofs bounds the tunnels that are tried between two gateways.
	maxProofs = 128
)

// Prove runs the tunnels of a comparison, each direction in a lab of its own: two
// gateways, and the cloud between their outside links. It notes what became of
// each.
func Prove(c *compare.Comparison) error {
	for _, p := range c.Pairs {
		left := maxProofs
		for end := range 2 {
			if err := proveFrom(p, end, &left); err != nil {
				return err
			}
		}
	}
	return nil
}

// proveFrom tries what one end of a pair begins.
func proveFrom(p *compare.Pair, end int, left *int) error {
	var l *proofLab
	for _, t := range p.Tunnels {
		w := t.Ways[end]
		if w == nil || w.Tag == 0 || !w.Flow.Src.IsValid() || *left == 0 {
			continue
		}
		*left--
		if l == nil || l.host(w.From.Name).covers(w.Flow) {
			var err error
			if l, err = proof(p); err != nil {
				return err
			}
		}
		w.Outcome = l.prove(w)
	}
	return nil
}

// covers says whether a pair of SAs is there that takes a flow: it would go by
// that, and ask for nothing.
func (h *host) covers(f ipsec.Flow) bool {
	return slices.ContainsFunc(h.router.IPsecSAs(), func(x ike.IPsecSA) bool {
		return policy.Selector(x.LocalProxy, x.RemoteProxy).Matches(f)
	})
}

// proof is a lab of the two ends of a pair.
func proof(p *compare.Pair) (*proofLab, error) {
	configs := make([]gatewayConfig, 0, 2)
	for _, g := range p.Ends {
		c := gatewayConfig{name: g.Name, cfg: g.Config}
		if err := c.suppose(); err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	seen := &arrivals{decrypted: make(map[arrival]bool)}
	l, err := newWatchedLab(configs, Options{Seed: 1, apart: true}, seen, io.Discard)
	if err != nil {
		return nil, err
	}
	for _, g := range p.Ends {
		h := l.host(g.Name)
		h.openOutside(g.Outside)
		for _, x := range h.ports {
			if g.NAT.IsValid() && x.link != nil && x.link.outside {
				x.nat = newNAT(x.link, h.endpoint(x), g.NAT)
			}
		}
	}
	return &proofLab{l, seen}, nil
}

// proofLab is a lab that sees what arrives.
type proofLab struct {
	*lab
	seen *arrivals
}

// arrivals are the packets that gateways got out of ESP.
type arrivals struct {
	blind
	decrypted map[arrival]bool
}

type arrival struct {
	gateway string
	flow    ipsec.Flow
}

// Arrived implements Watcher.
func (a *arrivals) Arrived(gateway string, packet []byte, clear bool) {
	if flow, drop := ipsec.ParseFlow(packet); drop == ipsec.DropNone && !clear {
		a.decrypted[arrival{gateway, flow}] = true
	}
}

// prove sends a packet of a tunnel at one end, and its answer at the other.
func (l *proofLab) prove(w *compare.Way) *compare.Outcome {
	from, to := l.host(w.From.Name), l.host(w.To.Name)
	from.originate(packetOf(w.Flow))
	key := lineKey{w.Tag, uint32(w.Line)}
	l.run(proveTime, func() bool {
		return pairFor(from, to, key) != nil || from.plane.queues[key] == nil
	})
	l.run(proveFlight, never)
	here := pairFor(from, to, key)
	if here == nil {
		o := &compare.Outcome{}
		if w.Cause == "" { // nothing is known yet of why
			o.Diagnosis = diagnose.Both(observe(from), observe(to))
		}
		return o
	}
	o := &compare.Outcome{Up: true, NAT: policy.IsUDP(here.Suite.Encap), PFS: here.PFS, Lives: here.Lives, Transform: policy.TransformSet{
		Cipher: here.Suite.Transform, KeyBits: here.Suite.KeyBits, Auth: here.Suite.Auth, Transport: policy.IsTransport(here.Suite.Encap)}}
	for _, x := range from.router.ISAKMPSAs() {
		if x.Show == trace.QMIdle && x.Remote.Addr() == here.Remote.Addr() {
			o.Phase1 = x.Policy
		}
	}
	o.Passes = l.seen.decrypted[arrival{to.name, w.Flow}]
	delete(l.seen.decrypted, arrival{from.name, w.Flow.Reverse()})
	to.originate(packetOf(w.Flow.Reverse()))
	l.run(proveFlight, never)
	o.Returns = l.seen.decrypted[arrival{from.name, w.Flow.Reverse()}]
	return o
}

// endpoint is the address that a NAT before a port translates: that of the crypto
// map, which may be another interface's.
func (h *host) endpoint(p *port) netip.Addr {
	at := p.addr
	for _, c := range slices.Backward(h.router.Connections()) {
		if c.Local.IsValid() && (at == p.addr || slices.Contains(c.Interfaces(), p.name)) {
			at = c.Local
		}
	}
	return at
}

// observe is what a gateway saw.
func observe(h *host) []diagnose.Observation {
	return console.Observe(gateway{h.router, h}, netip.Addr{})
}

// pairFor is the pair of SAs of a line at the end that began it; nil where it is
// not up at both ends.
func pairFor(from, to *host, key lineKey) *ike.IPsecSA {
	for _, x := range from.router.IPsecSAs() {
		if x.Connection != key.tag || x.Line != int(key.line) || !x.OutboundReady {
			continue
		}
		for _, y := range to.router.IPsecSAs() {
			if y.InSPI == x.OutSPI && y.OutSPI == x.InSPI && y.OutboundReady {
				return &x
			}
		}
	}
	return nil
}

// packetOf makes a packet of a flow that nobody answers by himself.
func packetOf(f ipsec.Flow) packet {
	switch f.Protocol {
	case protoICMP:
		return newEcho(f.Dst, f.Src, 0, 0, ipLen+icmpLen).echoReply()
	case protoUDP:
		return newUDP(netip.AddrPortFrom(f.Src, f.SrcPort), netip.AddrPortFrom(f.Dst, f.DstPort), nil)
	case protoTCP:
		p := newPacket(protoTCP, f.Src, f.Dst, tcpLen)
		p.setSrcPort(f.SrcPort)
		p.setDstPort(f.DstPort)
		return p
	}
	return newPacket(f.Protocol, f.Src, f.Dst, 4)
}
