package lab

import "net/netip"

// nat stands between a port and its link and gives everything behind it one
// address outside, which several gateways may share. UDP ports are translated
// for each flow; a packet from outside that belongs to no flow goes to the same
// port of the first of them, so that a gateway behind it can answer. It carries
// UDP and ICMP; ESP has no ports and does not pass.
type nat struct {
	inside, outside netip.Addr
	nextPort        *uint16            // of all that share the address
	out             map[natFlow]uint16 // inner port and remote end to outer port
	in              map[natFlow]uint16 // outer port and remote end to inner port
}

type natFlow struct {
	port   uint16
	remote netip.AddrPort
}

// firstNATPort is the first that is given to a flow from inside.
const firstNATPort = 1024

// newNAT makes one that shares its address with others of a link.
func newNAT(l *link, inside, outside netip.Addr) *nat {
	n := &nat{inside: inside, outside: outside, nextPort: new(uint16(firstNATPort))}
	for _, p := range l.ports {
		if p.nat != nil && p.nat.outside == outside {
			n.nextPort = p.nat.nextPort
		}
	}
	n.forget()
	return n
}

// forget drops the mappings: flows from inside get new ports from now on.
func (n *nat) forget() {
	n.out, n.in = make(map[natFlow]uint16), make(map[natFlow]uint16)
}

// outbound translates a packet that leaves, and says whether it may.
func (n *nat) outbound(p packet) bool {
	if p.src() == n.inside {
		p.setSrc(n.outside)
		p.sum()
	}
	from, to, _, ok := p.udp()
	if !ok {
		return p.protocol() == protoICMP
	}
	flow := natFlow{from.Port(), to}
	port, known := n.out[flow]
	if !known {
		port = *n.nextPort
		*n.nextPort++
		n.out[flow], n.in[natFlow{port, to}] = port, from.Port()
	}
	p.setSrcPort(port)
	return true
}

// knows says whether a packet that comes in belongs to a flow.
func (n *nat) knows(p packet) bool {
	from, to, _, ok := p.udp()
	_, known := n.in[natFlow{to.Port(), from}]
	return ok && known
}

// inbound translates a packet that comes in, and says whether it may.
func (n *nat) inbound(p packet) bool {
	if p.dst() == n.outside {
		p.setDst(n.inside)
		p.sum()
	}
	from, to, _, ok := p.udp()
	if !ok {
		return p.protocol() == protoICMP
	}
	port, known := n.in[natFlow{to.Port(), from}]
	if !known {
		port = to.Port()
		n.in[natFlow{port, from}], n.out[natFlow{port, from}] = port, port
	}
	p.setDstPort(port)
	return true
}
