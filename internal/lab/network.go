package lab

import (
	"net/netip"
	"time"
)

// defaultLatency is a link's, one way.
const defaultLatency = time.Millisecond

// link is one subnet.
type link struct {
	net     *network
	prefix  netip.Prefix
	ports   []*port
	latency time.Duration
	outside bool // the cloud is at its far end
	loss    int  // percent of packets
	noise   noise
	tap     func(packet) // sees what is sent, behind any NAT; nil for nobody
	// heard sees what a host receives, behind any NAT of its own; nil for nobody.
	heard func(*host, packet)
}

// network is all links and the faults that packets meet on them.
type network struct {
	clock  *clock
	watch  Watcher
	links  []*link
	faults faults
	apart  bool // no host shares a link with another: the cloud joins them
	// strangers takes what goes to an address that no host has; nil for nobody.
	strangers func(packet)
}

// join puts a port on the link of its subnet.
func (n *network) join(p *port, prefix netip.Prefix) {
	prefix = prefix.Masked()
	l := n.linkFor(p.host, prefix)
	if l == nil {
		l = &link{net: n, prefix: prefix, latency: defaultLatency}
		n.links = append(n.links, l)
	}
	l.ports = append(l.ports, p)
	p.link = l
}

// linkFor returns the link of a subnet that a host joins, or nil.
func (n *network) linkFor(h *host, prefix netip.Prefix) *link {
	if !n.apart {
		return n.link(prefix)
	}
	for _, l := range n.links {
		if l.prefix == prefix && len(l.ports) > 0 && l.ports[0].host == h {
			return l
		}
	}
	return nil
}

// link returns the link of a subnet, or nil.
func (n *network) link(prefix netip.Prefix) *link {
	for _, l := range n.links {
		if l.prefix == prefix {
			return l
		}
	}
	return nil
}

// holder returns the port that answers for an address on the link: its own, or
// one behind a NAT that has it outside.
func (l *link) holder(a netip.Addr) *port {
	for _, p := range l.ports {
		if p.nat == nil && p.addr == a || p.nat != nil && p.nat.outside == a {
			return p
		}
	}
	return nil
}

// send carries a packet from a port to the holder of an address on its link.
func (l *link) send(from *port, hop netip.Addr, p packet) {
	f := &l.net.faults
	l.net.watch.Sent(from.host.name, from.name, p)
	if from.nat != nil && !from.nat.outbound(p) {
		return
	}
	if f.cut[from.host] || f.blocked(l, from.host, p) || f.lost(l) {
		return
	}
	if l.tap != nil {
		l.tap(p)
	}
	for _, c := range f.copies(l, p) {
		l.net.clock.after(l.latency+f.lateness(l), func() { l.deliver(hop, c) })
	}
}

// holderFor returns, of those that share an address, the one whose flow a packet
// belongs to, else the first.
func (l *link) holderFor(a netip.Addr, p packet) *port {
	for _, x := range l.ports {
		if x.nat != nil && x.nat.outside == a && x.nat.knows(p) {
			return x
		}
	}
	return l.holder(a)
}

func (l *link) deliver(hop netip.Addr, p packet) {
	to := l.holderFor(hop, p)
	if to == nil && l.outside {
		to = l.net.beyond(p)
	}
	if to == nil && l.net.strangers != nil {
		l.net.strangers(p)
	}
	if to == nil || l.net.faults.cut[to.host] {
		return
	}
	if to.nat != nil && !to.nat.inbound(p) {
		return
	}
	if l.heard != nil {
		l.heard(to.host, p)
	}
	to.host.receive(to, p)
}
