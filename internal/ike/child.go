package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// child is a pair of IPsec SAs. It outlives the ISAKMP SA that made it, as in
// IOS.
type child struct {
	e             *Engine
	local, remote netip.AddrPort // ports matter with NAT traversal only
	conn          uint32         // Connection.Tag
	line          int
	*proxyPair
	suite      trace.IPsecSuite
	pfs        isakmp.Group
	lives      policy.Lives
	in, out    half
	inConn     uint32
	outConn    uint32
	created    instant
	carries    instant // since when the outbound SA is there
	order      uint64  // place in Engine.order
	life       timer   // its end; not set without a lifetime in seconds
	renewal    timer   // of what comes next: the outbound SA's settling, the successor, the end behind that
	idle       timer
	idleSince  instant // where no packet is later
	window     int32   // of replay
	session    uint32  // of the client; 0 for none
	superseder *child  // the newer pair that carries the traffic; nil for none
	party      party

	initiator bool
	installed bool // inbound
	ready     bool // outbound too
	exhausted bool // its volume is nearly used up
	deleted   bool // the peer was told of its end
	unwanted  bool // it ends with the quick mode for its successor, whatever comes of that
}

// half is one IPsec SA of a pair.
type half struct {
	spi, id uint32
	params  *ipsec.SAParams // with its keys; nil once it is installed
}

func newHalf(p ipsec.SAParams) half { return half{p.SPI, p.ID, &p} }

// forget overwrites the keys of an SA that is not installed.
func (h *half) forget() {
	if h.params == nil {
		return
	}
	h.params.EncKey.Clear()
	h.params.AuthKey.Clear()
	h.params = nil
}

// install hands the SA to the data plane, whose driver overwrites the keys.
func (e *Engine) install(h *half) {
	e.fx.Install = append(e.fx.Install, *h.params)
	h.params = nil
}

func (c *child) due(t *timer, now time.Time) {
	switch t {
	case &c.life:
		c.lifeDue(now)
	case &c.renewal:
		c.renewalDue(now)
	default:
		c.idleDue(now)
	}
}

func (c *child) pair() addrPair { return addrPair{c.local.Addr(), c.remote.Addr()} }

// firstIPsecConn is where IOS begins to number IPsec SAs.
const firstIPsecConn = 2001

// makeChild derives the keys of both SAs (RFC 2409 section 5.5) and tells them.
func (n *node) makeChild(shared []byte) {
	s, e := n.s, n.s.e
	conn := firstIPsecConn + e.serials.ipsecConn.Add(2) - 2
	c := &child{e: e, local: s.local, remote: s.remote, party: s.party(), session: uint32(s.session()), conn: n.conn.Tag, line: n.line,
		proxyPair: n.proxies(), suite: n.eventSuite(), pfs: n.pfs, lives: n.lives,
		inConn: conn, outConn: conn + 1,
		created: e.timers.instant(e.now), order: e.next(), initiator: n.role == trace.RoleInitiator}
	c.life.owner, c.renewal.owner, c.idle.owner = c, c, c
	c.idleSince, c.window = c.created, int32(n.conn.ReplayWindow)
	c.in = newHalf(n.saParams(ipsec.Inbound, n.inSPI, shared))
	c.out = newHalf(n.saParams(ipsec.Outbound, n.outSPI, shared))
	clear(shared)
	if c.in.params.UDPEncap && !policy.IsUDP(c.suite.Encap) {
		c.suite.Encap = isakmp.EncapUDPTunnel
	}
	n.child = c
	// Without conn-ids: 12.3(14)T tells the SAs before IPsec has numbered them.
	s.emit(&trace.IPsecSAsCreated{InboundSPI: n.inSPI, OutboundSPI: n.outSPI, LocalProxy: c.localProxy, RemoteProxy: c.remoteProxy,
		LifeSeconds: c.lives.Seconds, LifeKilobyte: c.lives.Kilobytes, PFS: c.pfs})
	s.emit(&trace.KeyEngineEvent{Messages: 2})
}

// proxies are a quick mode's. Its instance, or the pair that it renews, has the same.
func (n *node) proxies() *proxyPair {
	p := proxyPair{n.localProxy, n.remoteProxy}
	if x := n.s.e.instances.byTag[n.conn.Tag]; x != nil && *x.proxyPair == p {
		return x.proxyPair
	}
	if n.rekeys != nil && *n.rekeys.proxyPair == p {
		return n.rekeys.proxyPair
	}
	return &p
}

// saParams makes one direction's SA. Each direction's keys come from the SPI
// that its receiver chose.
func (n *node) saParams(d ipsec.Direction, spi uint32, shared []byte) ipsec.SAParams {
	s := n.s
	enc, auth, _ := keymat.ESPKeyLens(n.suite.Cipher, n.suite.KeyBits, n.suite.Auth)
	keys := keymat.KEYMAT(s.suite.Hash, s.skeyid.D, shared, isakmp.ProtocolESP, [4]byte(spiOctets(spi)), n.nonceI, n.nonceR, enc+auth)
	p := ipsec.SAParams{
		SPI: spi, Direction: d, Local: s.local.Addr(), Remote: s.remote.Addr(),
		UDPEncap: policy.IsUDP(n.encap), LocalPort: s.local.Port(), RemotePort: s.remote.Port(),
		Transform: n.suite.Cipher, KeyBits: n.suite.KeyBits, Auth: n.suite.Auth,
		EncKey: secret.New(keys[:enc]), AuthKey: secret.New(keys[enc:]),
		Selector: policy.Selector(n.localProxy, n.remoteProxy), ReplayWindow: n.conn.ReplayWindow,
		LifeSeconds: n.lives.Seconds, LifeKilobytes: n.lives.Kilobytes, Tag: n.conn.Tag, ID: s.e.serials.ipsecID.Add(1),
	}
	if n.suite.Transport {
		p.Mode = ipsec.Transport
	}
	s.encapsulateAsCisco(&p)
	clear(keys)
	return p
}

func (e *Engine) installInbound(c *child) {
	if c == nil || c.installed {
		return
	}
	c.installed = true
	c.emit(&trace.CryptoOperation{Op: trace.CryptoAllocateFlow})
	e.children[c.in.spi] = c
	e.byEnds[c.pair()] = append(e.byEnds[c.pair()], c)
	e.install(&c.in)
	c.emit(&trace.IPsecSACreated{Inbound: true, Destination: c.local.Addr(), SPI: c.in.spi, Suite: c.suite, Conn: c.inConn,
		LifeSeconds: c.lives.Seconds, LifeKB: c.lives.Kilobytes, Local: c.localProxy, Remote: c.remoteProxy})
	if c.lives.Seconds != 0 {
		e.timers.set(&c.life, e.now.Add(time.Duration(c.lives.Seconds)*time.Second))
	}
}

// installOutbound completes the pair. Its outbound SA goes to the data plane when
// the peer has had time to settle.
func (e *Engine) installOutbound(c *child, settle time.Duration) {
	if c == nil || c.ready || e.children[c.in.spi] != c { // the last: deleted before message 3
		return
	}
	wasUp := e.inSession(c)
	c.ready = true
	e.stats.Phase2Up++
	e.peerWorked(e.connection(c.conn), c.remote.Addr())
	e.supplant(c)
	if settle > 0 {
		e.timers.set(&c.renewal, e.now.Add(settle))
	} else {
		e.installOut(c)
	}
	c.emit(&trace.IPsecSACreated{Destination: c.remote.Addr(), SPI: c.out.spi, Suite: c.suite, Conn: c.outConn,
		LifeSeconds: c.lives.Seconds, LifeKB: c.lives.Kilobytes, Local: c.localProxy, Remote: c.remoteProxy})
	if !wasUp {
		c.tellSession(true)
	}
	if s := c.owner(); s != nil {
		s.nowGuards()
	}
}

// inSession says whether any pair of IPsec SAs with c's peer is ready.
func (e *Engine) inSession(c *child) bool {
	for _, o := range e.byEnds[c.pair()] {
		if o.ready && o.remote == c.remote {
			return true
		}
	}
	return false
}

// tellSession tells that the tunnel with c's peer is up, or is no more.
func (c *child) tellSession(up bool) {
	if c.e.cfg.Events == nil {
		return
	}
	who := ""
	for _, s := range c.e.byAddrs[c.pair()] {
		if s.remote == c.remote && s.peerID.Data != "" {
			who = s.peerID.String()
		}
	}
	if who == c.remote.Addr().String() {
		who = ""
	}
	c.emit(&trace.SessionChanged{Up: up, Identity: who})
}

// removeChild takes both SAs out of the data plane.
func (e *Engine) removeChild(c *child, reason trace.Reason) {
	if e.children[c.in.spi] != c {
		return
	}
	e.timers.clear(&c.life)
	e.timers.clear(&c.renewal)
	e.timers.clear(&c.idle)
	delete(e.children, c.in.spi)
	c.reinstate()
	e.byEnds[c.pair()] = without(e.byEnds[c.pair()], c)
	if len(e.byEnds[c.pair()]) == 0 {
		delete(e.byEnds, c.pair())
	}
	e.fx.Remove = append(e.fx.Remove, c.removed(ipsec.Inbound, c.in, c.out))
	c.emit(&trace.IPsecSADeleted{Inbound: true, Destination: c.local.Addr(), SPI: c.in.spi, Suite: c.suite, Conn: c.inConn, Reason: reason})
	defer e.reapInstance(c.conn)
	if !c.ready {
		c.out.forget()
		return
	}
	if c.out.params == nil {
		e.fx.Remove = append(e.fx.Remove, c.removed(ipsec.Outbound, c.out, c.in))
	} else {
		e.unmet(request{Acquire: Acquire{c.conn, c.line}, localProxy: c.localProxy, remoteProxy: c.remoteProxy})
	}
	c.out.forget()
	c.emit(&trace.IPsecSADeleted{Destination: c.remote.Addr(), SPI: c.out.spi, Suite: c.suite, Conn: c.outConn, Reason: reason})
	if !e.inSession(c) {
		c.tellSession(false)
	}
}

func (c *child) removed(d ipsec.Direction, h, other half) RemovedSA {
	return RemovedSA{Direction: d, SPI: h.spi, Local: c.local.Addr(), Remote: c.remote.Addr(), ID: h.id, Session: uint64(c.session),
		PairSPI: other.spi, Connection: c.conn, Line: c.line}
}

func (c *child) emit(ev trace.Event) {
	if c.e.cfg.Events == nil {
		return
	}
	ctx := trace.Context{Local: c.local, Remote: c.remote}
	if s := c.owner(); s != nil {
		ctx = s.context()
	}
	c.e.emit(&ctx, ev)
}

// maxSettle bounds how long an initiator's outbound SA waits.
const maxSettle = time.Second

// settleTime is how long the outbound SA of an initiator waits. A responder that
// installs its SAs at message 3 is then as far and as busy as it was at message 2.
// It may have left PFS's exponentiation for now, which takes long with the
// greatest groups.
func (n *node) settleTime() time.Duration {
	least := n.s.e.cfg.SettleTime
	if least == 0 || n.s.login() != nil && n.s.login().forgetful {
		return 0
	}
	switch n.pfs {
	case isakmp.GroupMODP3072:
		least *= 3
	case isakmp.GroupMODP4096:
		least *= 6
	}
	return max(least, min(n.answered, maxSettle))
}

// settles says whether the outbound SA still waits.
func (c *child) settles() bool { return c.ready && c.out.params != nil }

// installOut hands the outbound SA to the data plane, which sends by the newest.
func (e *Engine) installOut(c *child) {
	e.install(&c.out)
	c.carries = e.timers.instant(e.now)
	c.supersede()
	c.startRenewal()
	c.startIdle()
}

// lifeDue ends the pair when its time is over, and tells the peer.
func (c *child) lifeDue(time.Time) { c.e.expireChild(c, trace.ReasonLifetime) }

func (e *Engine) expireChild(c *child, reason trace.Reason) {
	if c.endsLogin(reason) {
		return
	}
	c.tellEnd()
	e.removeChild(c, reason)
}

// tellEnd tells the peer once that the pair ends.
func (c *child) tellEnd() {
	if s := c.owner(); s != nil && !c.deleted {
		c.deleted = true
		s.sendDeleteESP(c.in.spi)
	}
}

// owner returns the newest ISAKMP SA that is up with c's peer, which one NAT
// may hide with others.
func (c *child) owner() *sa {
	list := c.e.byAddrs[c.pair()]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].up() && list[i].peerOf(c) {
			return list[i]
		}
	}
	return nil
}
