package ike

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Mode config at the end that has the addresses (draft-dukes-ike-mode-cfg-02
// sections 3.4 and 4), with the attributes of Cisco's Unity clients.

// maxWanted bounds the attributes that a client may ask for.
const maxWanted = 64

// configRequest asks AAA what the client gets. Its user has logged in, if one has
// to: rowFor finds no row for it before.
func (m *message) configRequest() {
	s, n := m.s, m.n
	if !s.passed() {
		m.drop(trace.DropUserUnknown)
		return
	}
	a, ok := m.takeConfig(isakmp.ConfigRequest)
	if !ok {
		return
	}
	if c := s.clients(); c == nil || !c.Respond {
		m.drop(trace.DropNoClients)
		return
	}
	if hasXAUTH(a.Attributes) || len(a.Attributes) > maxWanted {
		m.badAttributes()
		return
	}
	m.take(a)
	x := s.remoteAccess()
	x.node, x.configID = n, a.Identifier
	s.emit(&trace.ConfigChecked{})
	for _, one := range a.Attributes {
		x.want(one.Type)
		if one.Type == isakmp.ConfigApplication && strings.HasPrefix(string(one.Value), forgetful) {
			x.forgetful = true
		}
		s.emit(&trace.ConfigAttributeSeen{Attr: trace.ConfigAttr(one.Type)})
	}
	n.busy = true
	s.authorize()
	s.move(trace.FromPeer, trace.InputConfigRequest, trace.StateConfigAAAAwait)
}

// want notes an attribute that the client gets, if there is one, once.
func (x *access) want(t isakmp.AttributeType) {
	if !slices.Contains(x.wanted, t) {
		x.wanted = append(x.wanted, t)
	}
}

// authorize asks for the attributes of the client's group.
func (s *sa) authorize() {
	x := s.access
	if x.login == nil {
		s.identify("")
	}
	list := ""
	if c := s.clients(); c != nil {
		list = c.Authorization
	}
	s.emit(&trace.GroupRequested{Group: x.login.Group, User: x.login.User})
	s.question(AuthorizeClient{Client: x.login.Client, List: list}, s.authorized)
}

// authorized takes them, and asks for an address if the client wants one.
func (s *sa) authorized(a Answer) {
	x := s.access
	if s.dead || s.state != trace.StateConfigAAAAwait {
		return
	}
	r, ok := a.(Authorized)
	if !ok {
		r = Authorized{Refusal: refusalOf(a)}
	}
	if r.Refusal != trace.RefusalNone {
		reason := trace.ReasonClientRefused
		if r.Refusal == trace.RefusalSilence {
			reason = trace.ReasonAAASilent
		}
		s.refuseFor(r.Refusal, reason)
		return
	}
	l := x.login
	if !l.merged {
		l.policy, l.merged = r.Policy.over(l.policy), true
	}
	l.startTimes()
	l.forgetful = l.forgetful || x.forgetful
	if !slices.Contains(x.wanted, isakmp.ConfigIP4Address) || l.address.IsValid() {
		s.giveConfig()
		return
	}
	s.question(AllocateAddress{Client: l.Client, Pool: l.policy.Pool, Wanted: l.policy.Address}, s.allocated)
}

// allocated takes the address.
func (s *sa) allocated(a Answer) {
	l := s.access.login
	r, ok := a.(Allocated)
	if !ok {
		r = Allocated{Refusal: refusalOf(a)}
	}
	if r.Refusal == trace.RefusalNone {
		// The same user may come again from elsewhere, and be given what he had.
		if o := s.e.leased[r.Address]; o != nil && o.User == l.User && o.Group == l.Group {
			o.end(trace.ReasonReplaced)
		}
		if !r.Address.Is4() || s.e.leased[r.Address] != nil {
			r.Refusal = trace.RefusalInternal // an address that another client has
		}
	}
	if r.Refusal != trace.RefusalNone {
		reason := trace.ReasonNoClientAddress
		if r.Refusal == trace.RefusalSilence {
			reason = trace.ReasonAAASilent
		}
		s.refuseFor(r.Refusal, reason)
		return
	}
	l.address = r.Address
	s.e.leased[r.Address] = l
	s.emit(&trace.AddressAllocated{Address: r.Address})
	s.giveConfig()
}

// refuseFor ends a client for which AAA has nothing.
func (s *sa) refuseFor(why trace.Refusal, reason trace.Reason) {
	l := s.access.login
	s.emit(&trace.ClientRefused{Group: l.Group, User: l.User, Refusal: why})
	s.refuseClient(reason)
}

// giveConfig sends the client what it gets: in reply to its request, or unasked.
func (s *sa) giveConfig() {
	x := s.access
	x.login.ownUDP = ownUDP{}
	a := isakmp.Attributes{Type: isakmp.ConfigReply, Identifier: x.configID, Attributes: s.configFor(x.login, x.wanted)}
	s.show = trace.ConfAddr
	if x.withoutDemand {
		a.Type = isakmp.ConfigSet
		s.begunTransaction().sendConfig(a)
		s.move(trace.FromAAA, trace.InputAAAGroup, trace.StateConfigSetSent)
		return
	}
	n := x.node
	n.busy, x.node = false, nil
	x.forget()
	n.sendConfig(a)
	s.endNode(n, false, trace.NodeNoError)
	s.move(trace.FromAAA, trace.InputAAAGroup, trace.StateP1Complete)
	x.login.begin()
	s.show = trace.QMIdle
	s.startWaiting()
	s.same(trace.Internal, trace.InputPhase1Complete)
}

// setsConfig says whether the client is given its address unasked. One of Cisco's
// asks; so do all where the configuration has both.
func (s *sa) setsConfig() bool {
	c := s.clients()
	if c == nil || !c.Initiate || c.Respond || !s.xauth && !s.guest() {
		return false
	}
	l := s.access
	return l == nil || l.login == nil || !l.login.address.IsValid()
}

// guest says whether a peer for which no user logs in is a client all the same:
// it has named a group.
func (s *sa) guest() bool { return s.group() != "" }

// unasked is what a client gets that does not ask.
var unasked = []isakmp.AttributeType{isakmp.ConfigIP4Address, isakmp.ConfigIP4Netmask, isakmp.ConfigIP4DNS, isakmp.ConfigIP4NBNS,
	isakmp.UnityDefaultDomain, isakmp.UnitySplitInclude, isakmp.UnitySplitDNS}

// initiateConfig gives the client its address unasked.
func (s *sa) initiateConfig() {
	x := s.remoteAccess()
	var id [2]byte
	s.e.random(id[:])
	x.configID, x.withoutDemand, x.wanted = binary.BigEndian.Uint16(id[:]), true, slices.Clone(unasked)
	s.authorize()
	s.move(trace.Internal, trace.InputPhase1Complete, trace.StateConfigAAAAwait)
}

// configAck ends mode config that we began. A client need not take all of it, but
// the address.
func (m *message) configAck() {
	s, x := m.s, m.s.access
	a, ok := m.takeConfig(isakmp.ConfigAck)
	if !ok {
		return
	}
	m.take(a)
	x.node, x.withoutDemand = nil, false
	x.forget()
	s.endNode(m.n, false, trace.NodeTransactionDone)
	s.move(trace.FromPeer, trace.InputConfigAck, trace.StateP1Complete)
	if !slices.ContainsFunc(a.Attributes, func(one isakmp.Attribute) bool { return one.Type == isakmp.ConfigIP4Address }) {
		s.refuseClient(trace.ReasonConfigUnanswered)
		return
	}
	x.login.begin()
	s.show = trace.QMIdle
	s.startWaiting()
	s.same(trace.Internal, trace.InputPhase1Complete)
}

// mayProtect says whether s's peer may have SAs for a proxy of its own: a client
// for the address that it got and no other, and nobody for another's.
func (s *sa) mayProtect(remote policy.Proxy) bool {
	host := remote.Lo == remote.Hi
	if l := s.login(); l != nil && l.address.IsValid() {
		return host && remote.Lo == l.address
	}
	return !host || s.e.leased[remote.Lo] == nil
}

// login is that of s's client; nil for none.
func (s *sa) login() *login {
	if s.access == nil {
		return nil
	}
	return s.access.login
}

// needsAddress says whether a client may have nothing but its own address, and has
// none: it lacks its configuration, or needs a crypto map entry that names what it
// may protect.
func (s *sa) needsAddress(conn *Connection) bool {
	c := s.clients()
	if s.role != trace.RoleResponder || c == nil || !c.Respond && !c.Initiate || !s.xauth && s.login() == nil {
		return false
	}
	l := s.login()
	return (l == nil || !l.address.IsValid()) && conn.Dynamic && len(conn.ACL) == 0
}

// mask is a prefix length as an address.
func mask(bits int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], ^uint32(0)<<(32-bits))
	return netip.AddrFrom4(b)
}
