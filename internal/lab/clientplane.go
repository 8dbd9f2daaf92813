package lab

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"qmidle/internal/ipsec"
	"qmidle/internal/router"
)

// clientNetwork is what a VPN server has given to a host in client mode: its address
// is the host's own, and the networks inside share it. Their flows are told apart by
// the identifier of an echo message, or by the port of UDP.
type clientNetwork struct {
	router.ClientNetwork
	next  uint16
	outer map[insideFlow]uint16
	inner map[insideFlow]insideEnd // by the outer number, of no inner address
}

// insideFlow is a flow of a network inside: its address, its identifier or port, and
// where it goes.
type insideFlow struct {
	protocol uint8
	end      insideEnd
	remote   netip.Addr
}

type insideEnd struct {
	addr   netip.Addr
	number uint16
}

// SetClients implements router.ClientPlane. What is under way by an address that
// stays goes on.
func (d *dataPlane) SetClients(policies []ipsec.PolicyEntry, clients []router.ClientNetwork) error {
	before := d.clients
	d.clients = nil
	for _, c := range clients {
		x := &clientNetwork{ClientNetwork: c, next: firstNATPort, outer: make(map[insideFlow]uint16), inner: make(map[insideFlow]insideEnd)}
		if i := slices.IndexFunc(before, func(o *clientNetwork) bool { return o.Address == c.Address }); i >= 0 {
			x = before[i]
			x.ClientNetwork = c
		}
		d.clients = append(d.clients, x)
	}
	d.fill(policies)
	clear(d.queues) // what waited was for another policy
	return nil
}

// reaches says whether a client's tunnel leads to an address.
func (c *clientNetwork) reaches(a netip.Addr) bool {
	return slices.ContainsFunc(c.Remote, func(r ipsec.Range) bool { return r.Contains(a) })
}

// clientAddress is the address by which the host itself reaches another; invalid
// where no client's tunnel leads there.
func (d *dataPlane) clientAddress(target netip.Addr) netip.Addr {
	for _, c := range d.clients {
		if c.reaches(target) {
			return c.Address
		}
	}
	return netip.Addr{}
}

// share gives a packet of a network inside the client's address.
func (d *dataPlane) share(p packet) {
	for _, c := range d.clients {
		inside := slices.ContainsFunc(c.Inside, func(n netip.Prefix) bool { return n.Contains(p.src()) })
		number, ok := p.flowNumber(true)
		if !inside || !ok || !c.reaches(p.dst()) {
			continue
		}
		flow := insideFlow{p.protocol(), insideEnd{p.src(), number}, p.dst()}
		outer, known := c.outer[flow]
		if !known {
			outer = c.next
			c.next++
			c.outer[flow] = outer
			c.inner[insideFlow{flow.protocol, insideEnd{number: outer}, flow.remote}] = flow.end
		}
		p.setFlowNumber(true, outer)
		p.setSrc(c.Address)
		p.sum()
		return
	}
}

// unshare gives an answer the address inside that it is for.
func (d *dataPlane) unshare(p packet) {
	for _, c := range d.clients {
		number, ok := p.flowNumber(false)
		if !ok || p.dst() != c.Address {
			continue
		}
		if end, known := c.inner[insideFlow{p.protocol(), insideEnd{number: number}, p.src()}]; known {
			p.setFlowNumber(false, end.number)
			p.setDst(end.addr)
			p.sum()
		}
		return
	}
}

// flowNumber is the number of the near end of a packet's flow: its source where the
// packet leaves.
func (p packet) flowNumber(leaves bool) (uint16, bool) {
	if from, to, _, ok := p.udp(); ok {
		if leaves {
			return from.Port(), true
		}
		return to.Port(), true
	}
	if kind, ok := p.icmp(); ok && (leaves && kind == icmpEcho || !leaves && kind == icmpEchoReply) {
		id, _ := p.echoID()
		return id, true
	}
	return 0, false
}

func (p packet) setFlowNumber(leaves bool, number uint16) {
	switch {
	case p.protocol() == protoICMP:
		binary.BigEndian.PutUint16(p.payload()[4:], number)
		sumICMP(p.payload())
	case leaves:
		p.setSrcPort(number)
	default:
		p.setDstPort(number)
	}
}
