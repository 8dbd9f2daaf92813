package ike

import (
	"net/netip"
	"slices"

	"qmidle/internal/ipsec"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// A connection that is Dynamic is a template: it answers peers whose key is
// known, and asks nobody. What a quick mode with one of them agrees on becomes
// an instance, which is a connection for this peer and these proxies. It lives
// as long as a pair of IPsec SAs, or a negotiation for one, needs it. None is
// made before a quick mode is authentic.

const (
	// firstInstanceTag begins the tags that the engine gives itself.
	firstInstanceTag = 1 << 31
	// firstInstanceSeq is where IOS begins to number such entries of a crypto map.
	firstInstanceSeq = 65536
	// maxInstances bounds all instances, maxInstancesPerPeer those of one peer.
	maxInstances        = 16384
	maxInstancesPerPeer = 64
)

// AddedInstance is an instance that the data plane has to know.
type AddedInstance struct {
	Tag, Template uint32 // Connection.Tag
	Selector      ipsec.Selector
}

// proxyPair is what an instance protects, whatever the types of its proxies.
type proxyPair struct{ local, remote policy.Proxy }

func proxiesOf(c *Connection) proxyPair {
	p := proxyPair{c.ACL[0].Local, c.ACL[0].Remote}
	p.local.Type, p.remote.Type = 0, 0
	return p
}

// instances are those that live.
type instances struct {
	byTag     map[uint32]*Connection
	byEnds    map[addrPair][]*Connection
	byProxies map[proxyPair][]*Connection
	numbers   map[string]map[int]bool // in use, by crypto map
	last      uint32                  // tag
}

func newInstances() instances {
	return instances{make(map[uint32]*Connection), make(map[addrPair][]*Connection), make(map[proxyPair][]*Connection),
		make(map[string]map[int]bool), firstInstanceTag}
}

func (x *instances) add(c *Connection) {
	x.last++
	c.Tag = x.last
	used := x.numbers[c.Map]
	if used == nil {
		used = make(map[int]bool)
		x.numbers[c.Map] = used
	}
	for c.Seq = firstInstanceSeq; used[c.Seq]; {
		c.Seq++
	}
	used[c.Seq] = true
	x.byTag[c.Tag] = c
	x.byEnds[c.ends()] = append(x.byEnds[c.ends()], c)
	x.byProxies[proxiesOf(c)] = append(x.byProxies[proxiesOf(c)], c)
}

func (x *instances) remove(c *Connection) {
	delete(x.numbers[c.Map], c.Seq)
	delete(x.byTag, c.Tag)
	shrink(x.byEnds, c.ends(), c)
	shrink(x.byProxies, proxiesOf(c), c)
}

// shrink takes a connection from a list of a map, and the list when it is empty.
func shrink[K comparable](m map[K][]*Connection, key K, c *Connection) {
	if m[key] = without(m[key], c); len(m[key]) == 0 {
		delete(m, key)
	}
}

// ends are an instance's.
func (c *Connection) ends() addrPair { return addrPair{c.Local, c.Remote.Addr()} }

// Admits says whether a template answers a peer. One that names peers answers
// no others.
func (c *Connection) Admits(peer netip.Addr) bool {
	return c.Dynamic && (len(c.Peers) == 0 || slices.Contains(c.Peers, peer))
}

// allowing finds the line of the access list that allows a pair of proxies. A
// template without one allows all.
func (c *Connection) allowing(local, remote policy.Proxy) (line int, ok bool) {
	if !c.Dynamic || len(c.ACL) > 0 {
		return policy.AllowingLine(c.ACL, local, remote)
	}
	oneProtocol := local.Protocol == remote.Protocol || local.Protocol == 0 || remote.Protocol == 0
	return 0, local.Lo.Is4() && remote.Lo.Is4() && oneProtocol
}

// connection returns the connection of a tag, an instance too unless its
// template is gone; nil for none.
func (e *Engine) connection(tag uint32) *Connection {
	if c := e.conns.byTag[tag]; c != nil {
		return c
	}
	c := e.instances.byTag[tag]
	if c == nil || e.conns.byTag[c.Template] == nil {
		return nil
	}
	return c
}

// Instances lists the instances, in the order in which they began.
func (e *Engine) Instances() []*Connection {
	list := make([]*Connection, 0, len(e.instances.byTag))
	for _, c := range e.instances.byTag {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Connection) int { return int(a.Tag) - int(b.Tag) })
	return list
}

// becomeInstance puts the instance for its peer and proxies in the place of a
// responder's template. It is false where there are too many.
func (n *node) becomeInstance() bool {
	if !n.conn.Dynamic {
		return true
	}
	c := n.s.instanceOf(n.conn, n.localProxy, n.remoteProxy)
	if c == nil {
		c = n.s.newInstance(n.conn, n.localProxy, n.remoteProxy)
	}
	if c == nil {
		return false
	}
	n.conn, n.line = c, 0
	return true
}

// instanceOf returns the instance of a template that is there for s's peer.
func (s *sa) instanceOf(template *Connection, local, remote policy.Proxy) *Connection {
	for _, c := range s.e.instances.byEnds[s.pair()] {
		if c.Template == template.Tag && c.Remote == s.remote &&
			policy.SameProxy(c.ACL[0].Local, local) && policy.SameProxy(c.ACL[0].Remote, remote) {
			return c
		}
	}
	return nil
}

func (s *sa) newInstance(template *Connection, local, remote policy.Proxy) *Connection {
	e := s.e
	own := 0
	for _, c := range e.instances.byEnds[s.pair()] {
		if c.Remote == s.remote {
			own++
		}
	}
	if own >= maxInstancesPerPeer || len(e.instances.byTag) >= maxInstances {
		s.emit(&trace.DynamicEntryRefused{Map: template.Map, DynamicMap: template.DynamicMap, Count: uint32(own)})
		return nil
	}
	c := &Connection{Map: template.Map, Interface: template.Interface, LocalInterface: template.LocalInterface, Local: s.local.Addr(), Peers: []netip.Addr{s.remote.Addr()},
		ACL: []policy.ACLEntry{{Permit: true, Local: local, Remote: remote}}, Template: template.Tag, Remote: s.remote, LocalPort: s.local.Port()}
	c.follow(template)
	e.instances.add(c)
	e.fx.Added = append(e.fx.Added, AddedInstance{c.Tag, c.Template, c.ACL[0].Selector()})
	s.emit(&trace.DynamicEntryCreated{Map: c.Map, Number: uint32(c.Seq), DynamicMap: c.DynamicMap, DynamicNumber: uint32(c.DynamicSeq),
		LocalProxy: local, RemoteProxy: remote})
	return c
}

// follow takes over what a template says about SAs to come.
func (c *Connection) follow(template *Connection) {
	c.DynamicMap, c.DynamicSeq = template.DynamicMap, template.DynamicSeq
	c.TransformSets, c.PFS, c.Lives, c.Timed = template.TransformSets, template.PFS, template.Lives, template.Timed
	c.ReplayWindow, c.IdleTime, c.IdleToDefault = template.ReplayWindow, template.IdleTime, template.IdleToDefault
	c.Profile, c.MoreInterfaces = template.Profile, template.MoreInterfaces
}

// supplant ends what other peers have for the proxies of an instance whose pair
// is up: a peer that comes back from another address is known by them alone.
func (e *Engine) supplant(by *child) {
	c := e.instances.byTag[by.conn]
	if c == nil {
		return
	}
	for _, other := range slices.Clone(e.instances.byProxies[proxiesOf(c)]) {
		if other.Local != c.Local || other.Remote == c.Remote {
			continue
		}
		for _, x := range slices.Clone(e.byEnds[other.ends()]) {
			if x.conn == other.Tag {
				e.expireChild(x, trace.ReasonReplaced)
			}
		}
	}
}

// EndInstance ends an instance that the data plane has refused, with its pairs
// and negotiations.
func (e *Engine) EndInstance(tag uint32, fx *Effects) {
	e.fx = fx
	c := e.instances.byTag[tag]
	if c == nil {
		return
	}
	for _, s := range slices.Clone(e.byAddrs[c.ends()]) {
		for _, n := range s.sortedNodes() {
			if n.conn != nil && n.conn.Tag == tag {
				s.endNode(n, true, trace.NodeDeleteLarval)
			}
		}
	}
	for _, x := range slices.Clone(e.byEnds[c.ends()]) {
		if x.conn == tag {
			e.expireChild(x, trace.ReasonInternal)
		}
	}
}

// reapInstance ends an instance, if the tag is one's, that nothing needs.
func (e *Engine) reapInstance(tag uint32) {
	c := e.instances.byTag[tag]
	if c == nil || e.needs(c) {
		return
	}
	e.instances.remove(c)
	e.fx.Gone = append(e.fx.Gone, tag)
	ctx := trace.Context{Local: netip.AddrPortFrom(c.Local, c.LocalPort), Remote: c.Remote}
	e.emit(&ctx, &trace.DynamicEntryDeleted{Map: c.Map, Number: uint32(c.Seq), DynamicMap: c.DynamicMap, DynamicNumber: uint32(c.DynamicSeq)})
}

// needs says whether an instance has a pair of SAs, or one is negotiated for it.
func (e *Engine) needs(c *Connection) bool {
	for _, x := range e.byEnds[c.ends()] {
		if x.conn == c.Tag {
			return true
		}
	}
	for _, s := range e.byAddrs[c.ends()] {
		for _, w := range s.waiting {
			if w.Connection == c.Tag {
				return true
			}
		}
		for _, n := range s.nodes {
			if !n.done && n.conn != nil && n.conn.Tag == c.Tag {
				return true
			}
		}
	}
	return false
}

// refreshInstances shows the instances what their templates now say.
func (e *Engine) refreshInstances() {
	for _, c := range e.instances.byTag {
		if template := e.conns.byTag[c.Template]; template != nil {
			c.follow(template)
		}
	}
}

// endpoints are where a main mode with a connection's peer begins.
func (c *Connection) endpoints(peer netip.Addr) (local, remote netip.AddrPort) {
	if c.Remote.IsValid() {
		return netip.AddrPortFrom(c.Local, c.LocalPort), c.Remote
	}
	return toPort(c.Local), toPort(peer)
}
