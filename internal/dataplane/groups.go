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
// bound, and they come and go: so the kernel has two rules for each length of their
// peers' prefixes, with a set of the guard, and a routing table. What one more or one
// fewer costs does not grow with the others, which it would with a set of intervals.
type group struct {
	key     groupKey
	id      int // of the table and the sets
	members int
	peers   map[prefixKey]presence // networks of the instances' peers
	lengths [33]int                // how many of them have each length
	sets    [33]bool               // of the guard, by that length
	ruled   bool                   // the policy routing rules are there
	source  netip.Addr             // of this host's own packets; invalid for none
}

// prefixKey is an IPv4 prefix in a quarter of its memory.
type prefixKey struct {
	addr [4]byte
	bits uint8
}

func keyOfPrefix(p netip.Prefix) prefixKey { return prefixKey{p.Addr().As4(), uint8(p.Bits())} }

func (k prefixKey) prefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4(k.addr), int(k.bits))
}

// presence is how many instances have a prefix, and where the kernel has it.
type presence struct {
	instances       int32
	blocked, routed bool
}

func newGroup(key groupKey, id int) *group {
	return &group{key: key, id: id, peers: make(map[prefixKey]presence)}
}

func (g *group) table() int { return GroupTable + g.id }

// hasPorts says whether later fragments cannot be told.
func (g *group) hasPorts() bool { return !g.key.localPort.Any() || !g.key.remotePort.Any() }

// add counts an instance and returns its prefixes, which remove does too.
func (g *group) add(remote ipsec.Range) []netip.Prefix { return g.count(remote, 1) }

func (g *group) remove(remote ipsec.Range) []netip.Prefix { return g.count(remote, -1) }

func (g *group) count(remote ipsec.Range, n int32) []netip.Prefix {
	g.members += int(n)
	list := remote.Prefixes()
	for _, p := range list {
		x := g.peers[keyOfPrefix(p)]
		before := x.instances
		x.instances += n
		g.note(p, x)
		if before == 0 || x.instances == 0 {
			g.lengths[p.Bits()] += int(n)
		}
	}
	return list
}

// note keeps what is so of a prefix, as long as anything is.
func (g *group) note(p netip.Prefix, x presence) {
	if x == (presence{}) {
		delete(g.peers, keyOfPrefix(p))
		return
	}
	g.peers[keyOfPrefix(p)] = x
}

// all lists the prefixes in order.
func (g *group) all() []netip.Prefix {
	list := make([]netip.Prefix, 0, len(g.peers))
	for k := range g.peers {
		list = append(list, k.prefix())
	}
	slices.SortFunc(list, comparePrefixes)
	return list
}

// blocks says whether the guard has a set of the group.
func (g *group) blocks() bool { return slices.Contains(g.sets[:], true) }

// forgetBlocked notes that the guard has nothing of the group.
func (g *group) forgetBlocked() {
	g.sets = [33]bool{}
	for _, p := range g.all() {
		x := g.peers[keyOfPrefix(p)]
		x.blocked = false
		g.note(p, x)
	}
}
