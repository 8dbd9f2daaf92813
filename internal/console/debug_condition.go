package console

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/config"
)

// DebugConditioner is what a Router may have besides: a condition that its
// debug lines obey.
type DebugConditioner interface {
	// DebugCondition returns the condition, which the console sets.
	DebugCondition() *DebugCondition
}

// DebugCondition says whose debug lines are shown. The zero value shows all.
type DebugCondition struct {
	Peers []netip.Addr // none: every peer
}

// Shows says whether lines about a peer are shown. Lines of no peer are shown
// as long as there is no condition.
func (c *DebugCondition) Shows(peer netip.Addr) bool {
	return len(c.Peers) == 0 || slices.Contains(c.Peers, peer)
}

// DebugConditions is debug crypto condition and show crypto debug-condition:
// what is set, afterwards.
type DebugConditions struct {
	Peers []netip.Addr `json:"peers"`

	quiet bool
}

// changeCondition makes the action of a command that changes the condition.
func changeCondition(change func(*DebugCondition, netip.Addr)) config.Action[*call] {
	return do(func(r Router, a config.Args) (View, error) {
		c, ok := r.(DebugConditioner)
		if !ok {
			return nil, fmt.Errorf("debug crypto condition is not available here")
		}
		condition := c.DebugCondition()
		change(condition, a.Addr("peer"))
		return DebugConditions{Peers: append([]netip.Addr{}, condition.Peers...), quiet: true}, nil
	})
}

func addCondition(c *DebugCondition, peer netip.Addr) {
	if !slices.Contains(c.Peers, peer) {
		c.Peers = append(c.Peers, peer)
	}
}

func dropCondition(c *DebugCondition, peer netip.Addr) {
	c.Peers = slices.DeleteFunc(c.Peers, func(a netip.Addr) bool { return a == peer })
}

func resetCondition(c *DebugCondition, _ netip.Addr) { c.Peers = nil }

func debugConditions(r Router) DebugConditions {
	view := DebugConditions{Peers: []netip.Addr{}}
	if c, ok := r.(DebugConditioner); ok {
		view.Peers = append(view.Peers, c.DebugCondition().Peers...)
	}
	return view
}

// debugFilter says whose debug lines a router shows.
func debugFilter(r Router) func(netip.Addr) bool {
	if c, ok := r.(DebugConditioner); ok {
		return c.DebugCondition().Shows
	}
	return func(netip.Addr) bool { return true }
}

// Text is IOS's listing, which is recalled; a command that sets a condition
// prints nothing.
func (v DebugConditions) Text() string {
	if v.quiet {
		return ""
	}
	if len(v.Peers) == 0 {
		return "Crypto conditional debug currently is turned OFF\n"
	}
	var b strings.Builder
	b.WriteString("Crypto conditional debug currently is turned ON\n\nIKE peer IP address filters:\n")
	for _, p := range v.Peers {
		fmt.Fprintf(&b, "%s\n", p)
	}
	return b.String()
}

// conditionNodes follow debug crypto condition and its no form.
func conditionNodes(change func(*DebugCondition, netip.Addr), reset bool) []*node {
	nodes := []*node{{Text: "peer", Help: "IKE peer", Next: []*node{
		{Text: "ipv4", Help: "IPv4 address of the peer", Next: []*node{
			{Kind: config.Address, Text: "A.B.C.D", Arg: "peer", Help: "Peer address", Do: changeCondition(change)},
		}},
	}}}
	if reset {
		nodes = append(nodes, &node{Text: "reset", Help: "Delete all conditions", Do: changeCondition(resetCondition)})
	}
	return nodes
}
