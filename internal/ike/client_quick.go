package ike

import (
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// Quick mode with clients differs in little from that with others.

// maxClientLife is the lifetime that Cisco's clients offer, in seconds.
const maxClientLife = 2147483

// livesOf are the lifetimes of a responder's pair. A client's own in seconds holds
// though it be longer, as IOS has it: its clients do not renew.
func (s *sa) livesOf(conn *Connection, o policy.ESPOffer) policy.Lives {
	l := conn.Lives.Shorter(o)
	if s.login() != nil && o.Seconds > uint64(l.Seconds) {
		l.Seconds = uint32(min(o.Seconds, maxClientLife))
	}
	return l
}

// offeredSets are the transform sets that an offer has. The successor of a
// client's pair is offered with what the pair has, and nothing else: vpnc takes no
// other, and no choice.
func (n *node) offeredSets() []policy.TransformSet {
	all := n.transformSets(n.conn)
	if n.rekeys == nil || n.s.login() == nil {
		return all
	}
	has := n.rekeys.suite
	same := slices.IndexFunc(all, func(ts policy.TransformSet) bool {
		return ts.Cipher == has.Transform && ts.KeyBits == has.KeyBits && ts.Auth == has.Auth && ts.Transport == policy.IsTransport(has.Encap)
	})
	if same < 0 {
		return all
	}
	return all[same : same+1]
}

// clientsOrder is the order of attributes in the offers of Cisco's clients; that
// of a lifetime's kind and duration stays.
var clientsOrder = []isakmp.AttributeType{isakmp.IPsecAttrAuth, isakmp.IPsecAttrKeyLength, isakmp.IPsecAttrEncapsulation, isakmp.IPsecAttrGroup}

func inClientsOrder(list []isakmp.Attribute) []isakmp.Attribute {
	rank := func(a isakmp.Attribute) int {
		if i := slices.Index(clientsOrder, a.Type); i >= 0 {
			return i
		}
		return len(clientsOrder)
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b isakmp.Attribute) int { return rank(a) - rank(b) })
	return sorted
}
