package ipsec

import (
	"fmt"
	"net/netip"
)

// Range is the addresses from Lo to Hi, both included and of one family. The
// zero Range is invalid and contains nothing.
type Range struct{ Lo, Hi netip.Addr }

// RangeOf returns the addresses of a prefix.
func RangeOf(p netip.Prefix) Range {
	p = p.Masked()
	if !p.IsValid() {
		return Range{}
	}
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	hi, _ := netip.AddrFromSlice(raw)
	return Range{p.Addr(), hi}
}

// HostRange returns the range of one address.
func HostRange(a netip.Addr) Range { return Range{a, a} }

// Valid says whether r holds at least one address, all of one family.
func (r Range) Valid() bool {
	return r.Lo.IsValid() && r.Lo.BitLen() == r.Hi.BitLen() && !r.Hi.Less(r.Lo)
}

// Contains says whether a is in r.
func (r Range) Contains(a netip.Addr) bool {
	return r.Lo.BitLen() == a.BitLen() && r.Lo.IsValid() && !a.Less(r.Lo) && !r.Hi.Less(a)
}

// Overlaps says whether r and o share an address.
func (r Range) Overlaps(o Range) bool {
	return r.Valid() && o.Valid() && r.Lo.BitLen() == o.Lo.BitLen() && !r.Hi.Less(o.Lo) && !o.Hi.Less(r.Lo)
}

// Prefixes returns the fewest prefixes that together are r, in address order:
// at most 62 for IPv4 and 254 for IPv6.
func (r Range) Prefixes() []netip.Prefix {
	if !r.Valid() {
		return nil
	}
	var out []netip.Prefix
	for lo := r.Lo; lo.IsValid() && !r.Hi.Less(lo); {
		p := widest(lo, r.Hi)
		out = append(out, p)
		lo = RangeOf(p).Hi.Next()
	}
	return out
}

// widest returns the largest prefix that starts at lo and does not pass hi.
func widest(lo, hi netip.Addr) netip.Prefix {
	bits := lo.BitLen()
	for bits > 0 {
		p := netip.PrefixFrom(lo, bits-1)
		if p.Masked().Addr() != lo || hi.Less(RangeOf(p).Hi) {
			break
		}
		bits--
	}
	return netip.PrefixFrom(lo, bits)
}

// String shows a prefix where r is one.
func (r Range) String() string {
	if !r.Valid() {
		return "invalid"
	}
	if p := widest(r.Lo, r.Hi); RangeOf(p).Hi == r.Hi {
		return p.String()
	}
	return r.Lo.String() + "-" + r.Hi.String()
}

// PortRange is the ports from Lo to Hi, both included. The zero value is any
// port, as port 0 is in an identification payload (RFC 2407 section 4.6.2).
type PortRange struct{ Lo, Hi uint16 }

// Any says whether every port is meant.
func (r PortRange) Any() bool { return r.Lo == 0 && (r.Hi == 0 || r.Hi == 65535) }

// Contains says whether port is in r.
func (r PortRange) Contains(port uint16) bool { return r.Any() || r.Lo <= port && port <= r.Hi }

// Overlaps says whether r and o share a port.
func (r PortRange) Overlaps(o PortRange) bool {
	return r.Any() || o.Any() || r.Lo <= o.Hi && o.Lo <= r.Hi
}

// Selector says which packets an SA or a policy entry is for, seen from this
// side (RFC 4301 section 4.4.1.1). Protocol is an IP protocol number; 0 is any.
type Selector struct {
	LocalNet, RemoteNet   Range
	Protocol              uint8
	LocalPort, RemotePort PortRange
}

// Valid says whether both ranges are valid and of one family.
func (s Selector) Valid() bool {
	return s.LocalNet.Valid() && s.RemoteNet.Valid() && s.LocalNet.Lo.BitLen() == s.RemoteNet.Lo.BitLen()
}

// HasPorts says whether s is narrower than addresses and protocol.
func (s Selector) HasPorts() bool { return !s.LocalPort.Any() || !s.RemotePort.Any() }

// Matches says whether a flow that leaves this side is selected. A flow whose
// ports are unknown, a fragment after the first, is judged by addresses and
// protocol alone, as IOS does with the permit lines of an ACL.
func (s Selector) Matches(f Flow) bool {
	if !s.matchesNetwork(f) {
		return false
	}
	return f.PortsUnknown || s.LocalPort.Contains(f.SrcPort) && s.RemotePort.Contains(f.DstPort)
}

// MatchesAll is Matches for the deny lines of an ACL: a flow whose ports are
// unknown matches only a selector that names no port.
func (s Selector) MatchesAll(f Flow) bool {
	return s.Matches(f) && !(f.PortsUnknown && s.HasPorts())
}

func (s Selector) matchesNetwork(f Flow) bool {
	return s.LocalNet.Contains(f.Src) && s.RemoteNet.Contains(f.Dst) &&
		(s.Protocol == 0 || s.Protocol == f.Protocol)
}

// Overlaps says whether some flow matches both s and o.
func (s Selector) Overlaps(o Selector) bool {
	return s.LocalNet.Overlaps(o.LocalNet) && s.RemoteNet.Overlaps(o.RemoteNet) &&
		(s.Protocol == 0 || o.Protocol == 0 || s.Protocol == o.Protocol) &&
		s.LocalPort.Overlaps(o.LocalPort) && s.RemotePort.Overlaps(o.RemotePort)
}

// Intersect is the flows that match both s and o; false says that there are none.
func (s Selector) Intersect(o Selector) (Selector, bool) {
	if !s.Overlaps(o) {
		return Selector{}, false
	}
	both := Selector{LocalNet: s.LocalNet.intersect(o.LocalNet), RemoteNet: s.RemoteNet.intersect(o.RemoteNet),
		Protocol: max(s.Protocol, o.Protocol), LocalPort: s.LocalPort.intersect(o.LocalPort), RemotePort: s.RemotePort.intersect(o.RemotePort)}
	return both, true
}

// intersect is for ranges that overlap.
func (r Range) intersect(o Range) Range {
	if r.Lo.Less(o.Lo) {
		r.Lo = o.Lo
	}
	if o.Hi.Less(r.Hi) {
		r.Hi = o.Hi
	}
	return r
}

// intersect is for ranges that overlap.
func (r PortRange) intersect(o PortRange) PortRange {
	if r.Any() {
		return o
	}
	if o.Any() {
		return r
	}
	return PortRange{max(r.Lo, o.Lo), min(r.Hi, o.Hi)}
}

// String shows "local/port === remote/port proto n" with what is not any.
func (s Selector) String() string {
	out := s.LocalNet.String() + s.LocalPort.suffix() + " === " + s.RemoteNet.String() + s.RemotePort.suffix()
	if s.Protocol != 0 {
		out += fmt.Sprintf(" proto %d", s.Protocol)
	}
	return out
}

func (r PortRange) suffix() string {
	if r.Any() {
		return ""
	}
	if r.Lo == r.Hi {
		return fmt.Sprintf(":%d", r.Lo)
	}
	return fmt.Sprintf(":%d-%d", r.Lo, r.Hi)
}
