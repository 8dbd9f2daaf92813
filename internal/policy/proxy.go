package policy

import (
	"net/netip"

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
// addresses, a mask with holes, or a range whose end is before its start.
func ProxyFromID(id isakmp.ID) (p Proxy, ok bool) {
	p = Proxy{Type: id.Type, Protocol: id.Protocol, Port: id.Port}
	switch id.Type {
	case isakmp.IDIPv4Addr, isakmp.IDIPv6Addr:
		a, ok := netip.AddrFromSlice(id.Data)
		p.Lo, p.Hi = a, a
		return p, ok
	case isakmp.IDIPv4AddrSubnet, isakmp.IDIPv6AddrSubnet:
		ok := setSubnet(&p, id.Data)
		return p, ok
	case isakmp.IDIPv4AddrRange, isakmp.IDIPv6AddrRange:
		ok := setRange(&p, id.Data)
		return p, ok
	}
	return p, false
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
	bits, ok := maskBits(data[n:])
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

// maskBits counts a netmask's leading ones; ok is false for one with holes.
func maskBits(mask []byte) (n int, ok bool) {
	for i := 0; i < len(mask)*8; i++ {
		if mask[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		if i != n {
			return 0, false
		}
		n++
	}
	return n, true
}

// Mask returns a subnet's or host's netmask; ok is false for a range that is
// no prefix.
func Mask(p Proxy) (mask netip.Addr, ok bool) {
	lo, hi := p.Lo.AsSlice(), p.Hi.AsSlice()
	m := make([]byte, len(lo))
	for i := range m {
		m[i] = ^(lo[i] ^ hi[i])
	}
	if _, contiguous := maskBits(m); !contiguous {
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

// Overlaps says whether some traffic is in both.
func Overlaps(a, b Proxy) bool {
	if a.Hi.Less(b.Lo) || b.Hi.Less(a.Lo) || a.Lo.BitLen() != b.Lo.BitLen() {
		return false
	}
	if a.Protocol != 0 && b.Protocol != 0 && a.Protocol != b.Protocol {
		return false
	}
	return a.Port == 0 || b.Port == 0 || a.Port == b.Port
}

// ACLEntry is a line of a crypto access list, from our side: Local is its
// source, Remote its destination.
type ACLEntry struct {
	Permit        bool
	Local, Remote Proxy
}

// AllowingLine finds the permit line within which the pair that a peer asks
// for lies, with no deny line before it that takes part of it away. IOS accepts
// a subset of its own line as responder.
func AllowingLine(acl []ACLEntry, local, remote Proxy) (line int, ok bool) {
	for i, e := range acl {
		if e.Permit && Contains(e.Local, local) && Contains(e.Remote, remote) {
			return i, true
		}
		if !e.Permit && Overlaps(e.Local, local) && Overlaps(e.Remote, remote) {
			return -1, false
		}
	}
	return -1, false
}
