package policy

import (
	"net/netip"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Proxy is one side of a phase 2 identity pair (RFC 2407 section 4.6.2).
type Proxy = trace.Proxy

// ProxyFromPrefix makes a host or a subnet of p.
func ProxyFromPrefix(p netip.Prefix, protocol uint8, port uint16) Proxy {
	p = p.Masked()
	x := Proxy{Type: isakmp.IDIPv4AddrSubnet, Lo: p.Addr(), Hi: lastAddr(p), Protocol: protocol, Port: port}
	if p.IsSingleIP() {
		x.Type = isakmp.IDIPv4Addr
	}
	if p.Addr().Is6() {
		x.Type = isakmp.IDIPv6AddrSubnet
		if p.IsSingleIP() {
			x.Type = isakmp.IDIPv6Addr
		}
	}
	return x
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// ProxyFromID reads a phase 2 identity. ok is false for a type that names no
// addresses, data of another length than the type's, a mask with holes, or a
// range whose end is before its start.
func ProxyFromID(id isakmp.ID) (p Proxy, ok bool) {
	p = Proxy{Type: id.Type, Protocol: id.Protocol, Port: id.Port}
	v6 := false
	switch id.Type {
	case isakmp.IDIPv6Addr, isakmp.IDIPv6AddrSubnet, isakmp.IDIPv6AddrRange:
		v6 = true
	}
	switch id.Type {
	case isakmp.IDIPv4Addr, isakmp.IDIPv6Addr:
		p.Lo, ok = netip.AddrFromSlice(id.Data)
		p.Hi = p.Lo
	case isakmp.IDIPv4AddrSubnet, isakmp.IDIPv6AddrSubnet:
		ok = setSubnet(&p, id.Data)
	case isakmp.IDIPv4AddrRange, isakmp.IDIPv6AddrRange:
		ok = setRange(&p, id.Data)
	}
	return p, ok && p.Lo.Is6() == v6 && p.Hi.Is6() == v6
}

func setRange(p *Proxy, data []byte) bool {
	n := len(data) / 2
	lo, okLo := netip.AddrFromSlice(data[:n])
	hi, okHi := netip.AddrFromSlice(data[n:])
	p.Lo, p.Hi = lo, hi
	return okLo && okHi && !hi.Less(lo)
}

func setSubnet(p *Proxy, data []byte) bool {
	n := len(data) / 2
	a, ok := netip.AddrFromSlice(data[:n])
	if !ok {
		return false
	}
	bits, ok := isakmp.MaskBits(data[n:])
	if !ok {
		return false
	}
	prefix, err := a.Prefix(bits)
	if err != nil {
		return false
	}
	p.Lo, p.Hi = prefix.Addr(), lastAddr(prefix)
	return true
}

// Mask returns a subnet's or host's netmask; ok is false for a range that is
// no prefix.
func Mask(p Proxy) (mask netip.Addr, ok bool) {
	lo, hi := p.Lo.AsSlice(), p.Hi.AsSlice()
	m := make([]byte, len(lo))
	for i := range m {
		m[i] = ^(lo[i] ^ hi[i])
	}
	if _, contiguous := isakmp.MaskBits(m); !contiguous {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(m)
}

// ID returns p's identification payload.
func ID(p Proxy) isakmp.ID {
	id := isakmp.ID{Type: p.Type, Protocol: p.Protocol, Port: p.Port, Data: p.Lo.AsSlice()}
	switch p.Type {
	case isakmp.IDIPv4AddrSubnet, isakmp.IDIPv6AddrSubnet:
		mask, _ := Mask(p)
		id.Data = append(id.Data, mask.AsSlice()...)
	case isakmp.IDIPv4AddrRange, isakmp.IDIPv6AddrRange:
		id.Data = append(id.Data, p.Hi.AsSlice()...)
	}
	return id
}

// SameProxy says whether a and b name the same traffic, whatever the type:
// a /32 subnet is a host.
func SameProxy(a, b Proxy) bool {
	return a.Lo == b.Lo && a.Hi == b.Hi && a.Protocol == b.Protocol && a.Port == b.Port
}

// Contains says whether all of inner's traffic is within outer.
func Contains(outer, inner Proxy) bool {
	if inner.Lo.Less(outer.Lo) || outer.Hi.Less(inner.Hi) || outer.Lo.BitLen() != inner.Lo.BitLen() {
		return false
	}
	if outer.Protocol != 0 && outer.Protocol != inner.Protocol {
		return false
	}
	return outer.Port == 0 || outer.Port == inner.Port
}

// ACLEntry is a line of a crypto access list, from our side: Local is its
// source, Remote its destination.
type ACLEntry struct {
	Permit        bool
	Local, Remote Proxy
	// Ports are what a deny line compares beyond one port; it is then narrower
	// than its proxies.
	LocalPorts, RemotePorts ipsec.PortRange
}

// narrower says whether e is about less than its proxies.
func (e ACLEntry) narrower() bool { return !e.LocalPorts.Any() || !e.RemotePorts.Any() }

// Selector is the traffic of e, for the security policy database.
func (e ACLEntry) Selector() ipsec.Selector {
	s := Selector(e.Local, e.Remote)
	if !e.LocalPorts.Any() {
		s.LocalPort = e.LocalPorts
	}
	if !e.RemotePorts.Any() {
		s.RemotePort = e.RemotePorts
	}
	return s
}

// Selector is the traffic between two proxies. A protocol that only one side
// names holds for both.
func Selector(local, remote Proxy) ipsec.Selector {
	sel := ipsec.Selector{
		LocalNet:  ipsec.Range{Lo: local.Lo, Hi: local.Hi},
		RemoteNet: ipsec.Range{Lo: remote.Lo, Hi: remote.Hi},
		Protocol:  max(local.Protocol, remote.Protocol),
	}
	if local.Port != 0 {
		sel.LocalPort = ipsec.PortRange{Lo: local.Port, Hi: local.Port}
	}
	if remote.Port != 0 {
		sel.RemotePort = ipsec.PortRange{Lo: remote.Port, Hi: remote.Port}
	}
	return sel
}

// AllowingLine finds the permit line within which the pair that a peer asks
// for lies, unless a deny line before it covers the whole pair. A deny line for
// a part of it only keeps our own traffic of that part out of the tunnel. IOS
// accepts a subset of its own line as responder.
func AllowingLine(acl []ACLEntry, local, remote Proxy) (line int, ok bool) {
	for i, e := range acl {
		if e.narrower() || !Contains(e.Local, local) || !Contains(e.Remote, remote) {
			continue
		}
		return i, e.Permit
	}
	return -1, false
}
