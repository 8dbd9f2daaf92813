package ike

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

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
	// maxInstances bounds the instances of one crypto map, maxInstancesPerPeer those of one peer.
	maxInstances        = 65536
	maxInstancesPerPeer = 64
)

// AddedInstance is an instance that the data plane has to know.
type AddedInstance struct {
	Tag, Template uint32 // Connection.Tag
	Selector      ipsec.Selector
}

// proxyPair is what a pair of IPsec SAs or an instance protects. It is not changed:
// an instance shares it with its pairs.
type proxyPair struct{ localProxy, remoteProxy policy.Proxy }

// instance is one, in few octets: what its connection says beside is the template's.
type instance struct {
	*proxyPair
	tag       uint32
	seq       int32
	local     netip.Addr
	remote    netip.AddrPort
	localPort uint16
	made      *Connection // the template of which it was made
	template  *Connection // the same as it was configured last
	next      *instance   // with the same hash of proxies; nil for none
}

// connection is what an instance is to a negotiation, until its peer moves or its
// template changes.
func (x *instance) connection() *Connection {
	parts := &struct {
		Connection
		peers [1]netip.Addr
		acl   [1]policy.ACLEntry
	}{Connection: Connection{Tag: x.tag, Map: x.made.Map, Seq: int(x.seq), Interface: x.made.Interface, LocalInterface: x.made.LocalInterface, Local: x.local,
		Template: x.made.Tag, Remote: x.remote, LocalPort: x.localPort}}
	c := &parts.Connection
	parts.peers[0], parts.acl[0] = x.remote.Addr(), x.line()
	c.Peers, c.ACL = parts.peers[:], parts.acl[:]
	c.follow(x.template)
	return c
}

// line is the access list that an instance has.
func (x *instance) line() policy.ACLEntry {
	return policy.ACLEntry{Permit: true, Local: x.localProxy, Remote: x.remoteProxy}
}

func (x *instance) ends() addrPair { return addrPair{x.local, x.remote.Addr()} }

// protects says whether an instance is for these proxies, whatever their types.
func (x *instance) protects(local, remote policy.Proxy) bool {
	return policy.SameProxy(x.localProxy, local) && policy.SameProxy(x.remoteProxy, remote)
}

// instances are those that live.
type instances struct {
	byTag     map[uint32]*instance
	byEnds    map[addrPair][]*instance
	byProxies map[uint64]*instance // the first of those with a hash
	seed      maphash.Seed
}

func newInstances() instances {
	return instances{make(map[uint32]*instance), make(map[addrPair][]*instance), make(map[uint64]*instance), maphash.MakeSeed()}
}

// hash is of proxies, whatever their types.
func (x *instances) hash(p *proxyPair) uint64 {
	key := *p
	key.localProxy.Type, key.remoteProxy.Type = 0, 0
	return maphash.Comparable(x.seed, key)
}

func (x *instances) add(c *instance) {
	x.byTag[c.tag] = c
	x.byEnds[c.ends()] = append(x.byEnds[c.ends()], c)
	key := x.hash(c.proxyPair)
	c.next, x.byProxies[key] = x.byProxies[key], c
}

func (x *instances) remove(c *instance) {
	delete(x.byTag, c.tag)
	if list := without(x.byEnds[c.ends()], c); len(list) > 0 {
		x.byEnds[c.ends()] = list
	} else {
		delete(x.byEnds, c.ends())
	}
	key := x.hash(c.proxyPair)
	if x.byProxies[key] == c {
		x.byProxies[key] = c.next
	}
	if x.byProxies[key] == nil {
		delete(x.byProxies, key)
		return
	}
	for before := x.byProxies[key]; before != nil; before = before.next {
		if before.next == c {
			before.next = c.next
		}
	}
}

// of returns the instances with the proxies of one, which may be one of them.
func (x *instances) of(c *instance) (all []*instance) {
	for other := x.byProxies[x.hash(c.proxyPair)]; other != nil; other = other.next {
		if other.protects(c.localProxy, c.remoteProxy) {
			all = append(all, other)
		}
	}
	return all
}

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
	if c == nil || e.conns.byTag[c.made.Tag] == nil {
		return nil
	}
	return c.connection()
}

// Instances lists the instances, in the order in which they began.
func (e *Engine) Instances() []*Connection {
	list := make([]*Connection, 0, len(e.instances.byTag))
	for _, c := range e.instances.byTag {
		list = append(list, c.connection())
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
	n.conn, n.line = c.connection(), 0
	return true
}

// instanceOf returns the instance of a template that is there for s's peer.
func (s *sa) instanceOf(template *Connection, local, remote policy.Proxy) *instance {
	for _, c := range s.e.instances.byEnds[s.pair()] {
		if c.made.Tag == template.Tag && c.remote == s.remote && c.protects(local, remote) {
			return c
		}
	}
	return nil
}

func (s *sa) newInstance(template *Connection, local, remote policy.Proxy) *instance {
	e := s.e
	own := 0
	for _, c := range e.instances.byEnds[s.pair()] {
		if c.remote == s.remote {
			own++
		}
	}
	number, ok := 0, own < maxInstancesPerPeer
	if ok {
		number, ok = e.serials.entriesOf(template.Map).take()
	}
	if !ok {
		s.emit(&trace.DynamicEntryRefused{Map: template.Map, DynamicMap: template.DynamicMap, Count: uint32(own)})
		return nil
	}
	c := &instance{proxyPair: &proxyPair{local, remote}, local: s.local.Addr(), remote: s.remote, localPort: s.local.Port(), made: template, template: template}
	c.tag, c.seq = firstInstanceTag+e.serials.instance.Add(1), firstInstanceSeq+int32(number)
	e.instances.add(c)
	line := c.line()
	e.fx.Added = append(e.fx.Added, AddedInstance{c.tag, template.Tag, line.Selector()})
	s.emit(&trace.DynamicEntryCreated{Map: template.Map, Number: uint32(c.seq), DynamicMap: template.DynamicMap, DynamicNumber: uint32(template.DynamicSeq),
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
	e.supplantFor(c)
	if e.place.n > 1 {
		e.fx.taken = append(e.fx.taken, takenProxies{e, c})
	}
}

// supplantFor ends what other peers have for an instance's proxies.
func (e *Engine) supplantFor(c *instance) {
	for _, other := range e.instances.of(c) {
		if other.local != c.local || other.remote == c.remote {
			continue
		}
		for _, x := range slices.Clone(e.byEnds[other.ends()]) {
			if x.conn == other.tag {
				e.expireChild(x, trace.ReasonReplaced)
			}
		}
	}
}

// takenProxies tell the engines beside one that an instance's pair is up.
type takenProxies struct {
	by *Engine
	c  *instance
}

// supplant does so in the other engines, in the order in which pairs came up. An
// instance that has lost its proxies since takes none.
func (x *Engines) supplant(now time.Time, fx *Effects) {
	for _, t := range fx.taken {
		if t.by.instances.byTag[t.c.tag] != t.c {
			continue
		}
		for _, e := range x.list {
			if e != t.by {
				e.begin(now, fx)
				e.supplantFor(t.c)
			}
		}
	}
	fx.taken = fx.taken[:0]
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
	e.serials.entriesOf(c.made.Map).give(int(c.seq) - firstInstanceSeq)
	e.fx.Gone = append(e.fx.Gone, tag)
	ctx := trace.Context{Local: netip.AddrPortFrom(c.local, c.localPort), Remote: c.remote}
	e.emit(&ctx, &trace.DynamicEntryDeleted{Map: c.made.Map, Number: uint32(c.seq), DynamicMap: c.template.DynamicMap, DynamicNumber: uint32(c.template.DynamicSeq)})
}

// needs says whether an instance has a pair of SAs, or one is negotiated for it.
func (e *Engine) needs(c *instance) bool {
	for _, x := range e.byEnds[c.ends()] {
		if x.conn == c.tag {
			return true
		}
	}
	for _, s := range e.byAddrs[c.ends()] {
		for _, w := range s.waiting {
			if w.Connection == c.tag {
				return true
			}
		}
		for _, n := range s.nodes {
			if !n.done && n.conn != nil && n.conn.Tag == c.tag {
				return true
			}
		}
	}
	return false
}

// refreshInstances shows the instances what their templates now say.
func (e *Engine) refreshInstances() {
	for _, c := range e.instances.byTag {
		if template := e.conns.byTag[c.made.Tag]; template != nil {
			c.template = template
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
