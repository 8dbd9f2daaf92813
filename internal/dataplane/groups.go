package dataplane

import (
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/ipsec"
)

// Limits and numbers of what live peers have of dynamic crypto maps.
const (
	// GroupTable is the first of the routing tables of groups.
	GroupTable = 1710
	maxGroups  = 1024
)

// errTooManyGroups keeps the kernel's work for each packet in bounds.
var errTooManyGroups = fmt.Errorf("peers ask for more than %d different networks of this side", maxGroups)

// groupKey is all of an instance's selector but the network of its peer.
type groupKey struct {
	template              uint32 // Tag of the policy's line
	local                 ipsec.Range
	protocol              uint8
	localPort, remotePort ipsec.PortRange
}

func keyOfGroup(template uint32, s ipsec.Selector) groupKey {
	return groupKey{template, s.LocalNet, s.Protocol, s.LocalPort, s.RemotePort}
}

// group is the instances of an open line with one key. Their number is without
// bound, and they come and go: so the kernel has two rules for all of them, with
// a routing table and a set of the guard for the networks of their peers.
type group struct {
	key     groupKey
	id      int            // of the table and the set
	remotes []ipsec.Range  // one for each instance, sorted
	blocked []ipsec.Range  // what the guard's set holds, sorted; nil without a set
	routed  []netip.Prefix // what the table holds, sorted; nil without rules
	source  netip.Addr     // of this host's own packets; invalid for none
}

func (g *group) table() int { return GroupTable + g.id }

// hasPorts says whether later fragments cannot be told.
func (g *group) hasPorts() bool { return !g.key.localPort.Any() || !g.key.remotePort.Any() }

func compareRanges(a, b ipsec.Range) int {
	if c := a.Lo.Compare(b.Lo); c != 0 {
		return c
	}
	return a.Hi.Compare(b.Hi)
}

func (g *group) add(remote ipsec.Range) {
	i, _ := slices.BinarySearchFunc(g.remotes, remote, compareRanges)
	g.remotes = slices.Insert(g.remotes, i, remote)
}

func (g *group) remove(remote ipsec.Range) {
	if i, ok := slices.BinarySearchFunc(g.remotes, remote, compareRanges); ok {
		g.remotes = slices.Delete(g.remotes, i, i+1)
	}
}

// union is the addresses of all instances as the fewest ranges.
func (g *group) union() (all []ipsec.Range) {
	for _, r := range g.remotes {
		n := len(all)
		if n == 0 || all[n-1].Hi.Less(r.Lo) && all[n-1].Hi.Next() != r.Lo {
			all = append(all, r)
			continue
		}
		if all[n-1].Hi.Less(r.Hi) {
			all[n-1].Hi = r.Hi
		}
	}
	return all
}

// prefixes is the union for a routing table.
func (g *group) prefixes() (all []netip.Prefix) {
	for _, r := range g.union() {
		all = append(all, r.Prefixes()...)
	}
	return all
}

// missing returns what is in a and not in b, which is sorted.
func missing[T any](a, b []T, compare func(T, T) int) (out []T) {
	for _, x := range a {
		if _, ok := slices.BinarySearchFunc(b, x, compare); !ok {
			out = append(out, x)
		}
	}
	return out
}
