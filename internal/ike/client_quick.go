package ike

import (
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Quick mode with clients differs in little from that with others.

// forgetful are the clients that call themselves so: Cisco's, and vpnc.
const forgetful = "Cisco Systems VPN Client"

// endsLogin ends a client's login in the place of its last pair, and says whether
// it did. The client would open another one: vpnc does when the old one is deleted,
// and then passes no packet.
func (c *child) endsLogin(reason trace.Reason) bool {
	l := c.e.logins[uint64(c.session)]
	if l == nil || c.superseder != nil || c.e.children[c.in.spi] != c || slices.ContainsFunc(l.children(), func(o *child) bool { return o != c && o.superseder == nil }) {
		return false
	}
	l.end(reason)
	return true
}

// replaced begins a successor for a client's pair that an operator wants to end,
// and says whether it did.
func (c *child) replaced() bool {
	e := c.e
	conn := e.connection(c.conn)
	if e.logins[uint64(c.session)] == nil || c.superseder != nil || !c.sends() || c.owner() == nil || conn == nil {
		return false
	}
	c.unwanted, c.exhausted = true, true
	if r, peer, ok := e.successorOf(c, conn); ok && !e.underWay(conn, r) {
		e.pursue(conn, peer, r)
	}
	return true
}

// maxClientLife is the lifetime that Cisco's clients offer, in seconds.
const maxClientLife = 2147483

// livesOf are the lifetimes of a responder's pair. A client's own in seconds holds
// though it be longer, as IOS has it, where the operator has chosen none: its
// clients do not renew.
func (s *sa) livesOf(conn *Connection, o policy.ESPOffer) policy.Lives {
	l := conn.Lives.Shorter(o)
	if s.login() != nil && !conn.Timed && o.Seconds > uint64(l.Seconds) {
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

// pfsGroup is the group of perfect forward secrecy that we offer: of a client's
// successor what its predecessor has, which the client has chosen. Of a client of
// ours whose server wants it, the group of phase 1.
func (s *sa) pfsGroup(r request, conn *Connection) isakmp.Group {
	switch {
	case r.rekeys != nil && r.rekeys.session != 0:
		return r.rekeys.pfs
	case conn.PFS == isakmp.GroupNone && s.e.configured[conn.Tag].PFS:
		return s.suite.Group
	}
	return conn.PFS
}

// offeredLives are the lifetimes that an offer has: a client's successor has those
// of its predecessor.
func (n *node) offeredLives() policy.Lives {
	if n.rekeys != nil && n.s.login() != nil && !n.conn.Timed {
		return n.rekeys.lives
	}
	return n.conn.Lives
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
