package dataplane

import (
	"fmt"
	"net/netip"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// place is a part of the policy, in the order in which packets meet it. All that
// the selector matches and no place before goes by the entry: it is protected, or,
// with a deny line, passes in clear.
type place struct {
	entry    ipsec.PolicyEntry
	selector ipsec.Selector
}

// maxPlaces keeps the kernel's memory in bounds.
const maxPlaces = 1 << 17

// placesOf makes one list of a policy. A deny line sends packets to the next crypto
// map entry, which the kernel cannot do: what the next ones have to say to these
// packets stands before the line's own place.
func placesOf(entries []ipsec.PolicyEntry) ([]place, error) {
	all := placing{entries: entries}
	all.from(0, ipsec.Selector{LocalNet: everyAddress, RemoteNet: everyAddress})
	if len(all.places) > maxPlaces {
		return nil, fmt.Errorf("the policy needs more than %d policies of the kernel", maxPlaces)
	}
	return all.places, nil
}

var everyAddress = ipsec.RangeOf(allAddresses)

type placing struct {
	entries []ipsec.PolicyEntry
	places  []place
}

// from adds what the lines from one on have to say to the packets within a
// selector.
func (p *placing) from(i int, within ipsec.Selector) {
	for ; i < len(p.entries) && len(p.places) <= maxPlaces; i++ {
		e := p.entries[i]
		both, some := e.Selector.Intersect(within)
		if !some {
			continue
		}
		if !e.Permit {
			p.from(nextEntry(p.entries, i), both)
		}
		p.places = append(p.places, place{e, both})
	}
}

// Priorities of the kernel's policies: the lowest that matches counts. The place
// comes first, then the length of an instance's remote prefix, the longest first, then
// the line itself. All of ours lie within a range that no other program uses.
const (
	priorityFirst = 0x17000000
	priorityEnd   = 0x18000000
	prioritySteps = 64
	priorityLine  = prioritySteps - 1
)

func priorityOf(place int, remote netip.Prefix, instance bool) uint32 {
	step := priorityLine
	if instance {
		step = remote.Addr().BitLen() - remote.Bits()
	}
	return uint32(priorityFirst + place*prioritySteps + step)
}

// placeOf is the reverse of priorityOf; false is not ours.
func placeOf(priority uint32) (place int, instance, ok bool) {
	if priority < priorityFirst || priority >= priorityEnd {
		return 0, false, false
	}
	n := int(priority - priorityFirst)
	return n / prioritySteps, n%prioritySteps != priorityLine, true
}

// policyKey is what the kernel has one policy for.
type policyKey struct {
	direction xfrm.Direction
	selector  xfrm.Selector
}

// selectorsOf is a selector in the kernel's terms, as packets that leave have
// their addresses: prefixes, and ports under a mask.
func selectorsOf(s ipsec.Selector) (all []xfrm.Selector) {
	for _, local := range s.LocalNet.Prefixes() {
		for _, remote := range s.RemoteNet.Prefixes() {
			for _, here := range masksOf(s.LocalPort) {
				for _, there := range masksOf(s.RemotePort) {
					all = append(all, xfrm.Selector{Source: local, Destination: remote, Protocol: s.Protocol, SourcePort: here, DestinationPort: there})
				}
			}
		}
	}
	return all
}

// masksOf divides a range of ports into as few as the kernel can take each by a
// mask. Like the routing rules, it lets port 0 stand for any.
func masksOf(r ipsec.PortRange) (all []xfrm.Port) {
	if r.Any() {
		return []xfrm.Port{{}}
	}
	for lo := uint32(r.Lo); lo <= uint32(r.Hi); {
		size := uint32(1)
		for lo%(size*2) == 0 && lo+size*2-1 <= uint32(r.Hi) {
			size *= 2
		}
		all = append(all, xfrm.Port{Value: uint16(lo), Mask: uint16(^(size - 1))})
		lo += size
	}
	return all
}

func reversed(s xfrm.Selector) xfrm.Selector {
	s.Source, s.Destination = s.Destination, s.Source
	s.SourcePort, s.DestinationPort = s.DestinationPort, s.SourcePort
	return s
}

// stateSelector is the narrowest selector of a state that lets all packets of an SA
// pass, as they have their addresses.
func stateSelector(p ipsec.SAParams) xfrm.Selector {
	s := xfrm.Selector{Source: covering(p.Selector.LocalNet), Destination: covering(p.Selector.RemoteNet), Protocol: p.Selector.Protocol,
		SourcePort: coveringPort(p.Selector.LocalPort), DestinationPort: coveringPort(p.Selector.RemotePort)}
	if p.Direction == ipsec.Inbound {
		return reversed(s)
	}
	return s
}

// covering is the smallest prefix around a range.
func covering(r ipsec.Range) netip.Prefix {
	bits := r.Lo.BitLen()
	p := netip.PrefixFrom(r.Lo, bits)
	for bits > 0 && !p.Contains(r.Hi) {
		bits--
		p = netip.PrefixFrom(r.Lo, bits).Masked()
	}
	return p
}

func coveringPort(r ipsec.PortRange) xfrm.Port {
	if masks := masksOf(r); len(masks) == 1 {
		return masks[0]
	}
	return xfrm.Port{}
}
