package lab

import (
	"io"
	"net/netip"
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
	var l *lab
	for _, t := range p.Tunnels {
		w := t.Ways[end]
		if w == nil || w.Tag == 0 || !w.Flow.Src.IsValid() || *left == 0 {
			continue
		}
		*left--
		if l == nil {
			var err error
			if l, err = proof(p); err != nil {
				return err
			}
		}
		w.Outcome = l.prove(w)
	}
	return nil
}

// proof is a lab of the two ends of a pair.
func proof(p *compare.Pair) (*lab, error) {
	configs := make([]gatewayConfig, 0, 2)
	for _, g := range p.Ends {
		configs = append(configs, gatewayConfig{g.Name, g.Config})
	}
	l, err := newLab(configs, Options{Seed: 1, apart: true}, io.Discard)
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
	return l, nil
}

// prove sends a packet of a tunnel at one end, and its answer at the other.
func (l *lab) prove(w *compare.Way) *compare.Outcome {
	from, to := l.host(w.From.Name), l.host(w.To.Name)
	from.originate(packetOf(w.Flow))
	key := lineKey{w.Tag, uint32(w.Line)}
	l.run(proveTime, func() bool {
		here, _ := pairFor(from, to, key)
		return here != nil || from.plane.queues[key] == nil
	})
	l.run(proveFlight, never)
	here, there := pairFor(from, to, key)
	if here == nil {
		return &compare.Outcome{Diagnosis: diagnose.Both(observe(from), observe(to))}
	}
	o := &compare.Outcome{Up: true, NAT: policy.IsUDP(here.Suite.Encap), PFS: here.PFS, Lives: here.Lives, Transform: policy.TransformSet{
		Cipher: here.Suite.Transform, KeyBits: here.Suite.KeyBits, Auth: here.Suite.Auth, Transport: policy.IsTransport(here.Suite.Encap)}}
	for _, x := range from.router.ISAKMPSAs() {
		if x.Show == trace.QMIdle && x.Remote.Addr() == here.Remote.Addr() {
			o.Phase1 = x.Policy
		}
	}
	o.Passes = decapsulated(to, there.InSPI) > 0
	before := decapsulatedAll(from)
	to.originate(packetOf(w.Flow.Reverse()))
	l.run(proveFlight, never)
	o.Returns = decapsulatedAll(from) > before
	return o
}

// endpoint is the address that a NAT before a port translates: that of the crypto
// map, which may be another interface's.
func (h *host) endpoint(p *port) netip.Addr {
	for _, c := range h.router.Connections() {
		for _, name := range c.Interfaces() {
			if name == p.name && c.Local.IsValid() {
				return c.Local
			}
		}
	}
	return p.addr
}

// observe is what a gateway saw.
func observe(h *host) []diagnose.Observation {
	return console.Observe(gateway{h.router, h}, netip.Addr{})
}

// pairFor is the pair of SAs of a line at the end that began it, and the same at
// the other end; nil where they are not up at both.
func pairFor(from, to *host, key lineKey) (here, there *ike.IPsecSA) {
	for _, x := range from.router.IPsecSAs() {
		if x.Connection != key.tag || x.Line != int(key.line) || !x.OutboundReady {
			continue
		}
		for _, y := range to.router.IPsecSAs() {
			if y.InSPI == x.OutSPI && y.OutSPI == x.InSPI && y.OutboundReady {
				return &x, &y
			}
		}
	}
	return nil, nil
}

func decapsulated(h *host, spi uint32) uint64 { return h.plane.Counters(spi, 0).DecapsPackets }

func decapsulatedAll(h *host) (n uint64) {
	for _, x := range h.router.IPsecSAs() {
		n += decapsulated(h, x.InSPI)
	}
	return n
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
