package compare

import (
	"net/netip"
	"slices"

	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
)

// line is a permit line of an entry's crypto access list.
type line struct {
	entry *entry
	index int // in the connection's list
	acl   policy.ACLEntry
}

func (l *line) selector() ipsec.Selector { return selectorOf(l.acl) }

func selectorOf(x policy.ACLEntry) ipsec.Selector { return x.Selector() }

// quote is the line as it was written.
func (l *line) quote(note string) Quote {
	f, e := l.entry.gateway.File, l.entry.written
	return f.quote(f.source.ACL(e.ACL, e.AccessList.Entries[l.index].Seq), note)
}

// lines are the permit lines of an entry.
func (e *entry) lines() (all []*line) {
	for i, x := range e.conn.ACL {
		// A template's list that stands for nothing has no line of the file.
		if x.Permit && e.written.AccessList != nil && i < len(e.written.AccessList.Entries) {
			all = append(all, &line{e, i, x})
		}
	}
	return all
}

// flip is the other end's view of a selector.
func flip(s ipsec.Selector) ipsec.Selector {
	s.LocalNet, s.RemoteNet = s.RemoteNet, s.LocalNet
	s.LocalPort, s.RemotePort = s.RemotePort, s.LocalPort
	return s
}

// mirrored says whether the line of one end is the other end's, seen from there.
func mirrored(a, b *line) bool {
	return policy.SameProxy(a.acl.Local, b.acl.Remote) && policy.SameProxy(a.acl.Remote, b.acl.Local)
}

// relation is how a line relates to one of the other end, both seen from here;
// the nearest last.
type relation uint8

const (
	unrelated  relation = iota
	halfway             // one of the networks is the same
	copied              // it is the same line, not its mirror
	overlaps            // they share some traffic
	otherPorts          // same networks, other protocol or ports
	wider               // it covers the other end's
	narrower            // it is within the other end's
	mirror
)

func relate(a, b *line) relation {
	if mirrored(a, b) {
		return mirror
	}
	x, y := a.selector(), flip(b.selector())
	switch {
	case policy.Contains(b.acl.Remote, a.acl.Local) && policy.Contains(b.acl.Local, a.acl.Remote):
		return narrower
	case policy.Contains(a.acl.Local, b.acl.Remote) && policy.Contains(a.acl.Remote, b.acl.Local):
		return wider
	case x.LocalNet == y.LocalNet && x.RemoteNet == y.RemoteNet:
		return otherPorts
	case x.Overlaps(y):
		return overlaps
	case policy.SameProxy(a.acl.Local, b.acl.Local) && policy.SameProxy(a.acl.Remote, b.acl.Remote):
		return copied
	case x.LocalNet == y.LocalNet || x.RemoteNet == y.RemoteNet:
		return halfway
	}
	return unrelated
}

// maxWitnesses bounds the search for a packet that a line gets to see.
const maxWitnesses = 4096

// witness is a packet that an entry's line gets to see: one that no line before
// it takes, and that leaves by the entry's interface where there is one. taken is
// false where there is no such packet; routed, where none of them leaves there.
func (l *line) witness(other *line) (f ipsec.Flow, taken, routed bool) {
	spd := ipsec.NewSPD(l.entry.policy())
	for i, try := range l.flows(spd.Entries(), other) {
		if i > maxWitnesses {
			break
		}
		x, ok := spd.Lookup(try)
		if !ok || x.Tag != l.entry.tag() || x.Line != uint32(l.index) {
			continue
		}
		if _, ok := l.entry.leaves(try); ok {
			return try, true, true
		}
		if !taken {
			f, taken = try, true
		}
	}
	return f, taken, false
}

// leaves says whether a packet leaves by an interface that the entry's map is on,
// or would be on.
func (e *entry) leaves(f ipsec.Flow) (name string, ok bool) {
	name, ok = e.gateway.routeTo(f.Dst)
	return name, ok && e.gateway.holds(f.Dst) == nil && (slices.Contains(e.interfaces(), name) || len(e.interfaces()) == 0)
}

// flows are packets of a line to try, likely ones first. A packet that no other
// line takes has each of its coordinates at the start of the line's own, or right
// behind the end of another line's: so none is missed.
func (l *line) flows(spd []ipsec.PolicyEntry, other *line) (all []ipsec.Flow) {
	s := l.selector()
	src, dst := points(s.LocalNet), points(s.RemoteNet)
	if other != nil {
		dst = append(within(interfaceAddresses(other.entry.gateway), s.RemoteNet), dst...)
		dst = append(dst, within(points(other.selector().LocalNet), s.RemoteNet)...)
		src = append(src, within(points(other.selector().RemoteNet), s.LocalNet)...)
	}
	src = append(within(interfaceAddresses(l.entry.gateway), s.LocalNet), src...)
	protocols, srcPorts, dstPorts := []uint8{s.Protocol}, portPoints(s.LocalPort), portPoints(s.RemotePort)
	if s.Protocol == 0 {
		protocols = []uint8{protoUDP, protoICMP, protoTCP, 253} // 253 is for experiments: RFC 3692
	}
	for _, e := range spd {
		x := e.Selector
		if !x.Overlaps(s) {
			continue
		}
		src = append(src, within([]netip.Addr{x.LocalNet.Hi.Next()}, s.LocalNet)...)
		dst = append(dst, within([]netip.Addr{x.RemoteNet.Hi.Next()}, s.RemoteNet)...)
		srcPorts = append(srcPorts, portAfter(x.LocalPort, s.LocalPort)...)
		dstPorts = append(dstPorts, portAfter(x.RemotePort, s.RemotePort)...)
	}
	src, dst = unique(src), unique(dst)
	for _, protocol := range protocols {
		sp, dp := []uint16{0}, []uint16{0}
		if hasPorts(protocol) {
			sp, dp = unique(srcPorts), unique(dstPorts)
		}
		for _, d := range dst {
			for _, a := range src {
				for _, y := range dp {
					for _, x := range sp {
						all = append(all, ipsec.Flow{Src: a, Dst: d, Protocol: protocol, SrcPort: x, DstPort: y})
						if len(all) > maxWitnesses {
							return all
						}
					}
				}
			}
		}
	}
	return all
}

// IP protocol numbers.
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

func hasPorts(protocol uint8) bool { return protocol == protoTCP || protocol == protoUDP }

// points are addresses of a range: hosts rather than its ends.
func points(r ipsec.Range) []netip.Addr {
	return within([]netip.Addr{r.Lo.Next(), r.Hi.Prev(), r.Lo, r.Hi}, r)
}

func within(list []netip.Addr, r ipsec.Range) (all []netip.Addr) {
	for _, a := range list {
		if a.IsValid() && r.Contains(a) {
			all = append(all, a)
		}
	}
	return all
}

// somePort is one that nobody listens at: discard.
const somePort = 9

func portPoints(r ipsec.PortRange) []uint16 {
	if r.Any() {
		return []uint16{somePort, 1}
	}
	return []uint16{r.Lo}
}

func portAfter(r, in ipsec.PortRange) []uint16 {
	if r.Any() || r.Hi == 65535 || !in.Contains(r.Hi+1) {
		return nil
	}
	return []uint16{r.Hi + 1}
}

func unique[T comparable](list []T) (all []T) {
	seen := make(map[T]bool)
	for _, x := range list {
		if !seen[x] {
			seen[x] = true
			all = append(all, x)
		}
	}
	return all
}

func interfaceAddresses(g *Gateway) (all []netip.Addr) {
	for _, p := range g.ports() {
		if !p.of.Shutdown {
			all = append(all, p.addr)
		}
	}
	return all
}
