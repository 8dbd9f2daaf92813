package ike

import (
	"bytes"
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// A pair gets its successor ahead of its end. Packets go out by the newest pair
// as soon as its outbound SA is there, and come in by both; the old pair is
// deleted when nothing can be on its way in it any more.
const (
	// overlap is how long an old pair still receives after its successor sends.
	overlap = 30 * time.Second
	// patience is how much longer the end that leaves the decision to its peer
	// waits for it.
	patience = 60 * time.Second
	// drain lies between our delete of an old pair and its end here: the peer
	// may have sent on it until it had the delete.
	drain = 5 * time.Second
	// renewalInterval is how often an end looks again whether it has to renew.
	renewalInterval = 15 * time.Second
	// leastUse is how soon a pair is renewed because of its volume: a peer may
	// tell one that a packet uses up.
	leastUse = 100 * time.Millisecond
)

// margin is how long before the end of a lifetime its successor is negotiated.
// The end that leads does it first, so that the other finds it done; spread,
// 0 to 255, moves the time so that SAs made together are not renewed together.
func margin(life time.Duration, leads bool, spread uint8) time.Duration {
	base := min(max(life/20, 30*time.Second), 5*time.Minute, life/4)
	shift := base / 4 * time.Duration(spread) / 256
	if leads {
		return base + base/4 + 2*shift
	}
	return base - shift
}

// startRenewal arms the timer of a pair that is ready.
func (c *child) startRenewal() {
	if c.superseder != nil {
		return
	}
	if c.exhausted {
		c.renewForVolume()
		return
	}
	if c.lives.Seconds == 0 {
		return
	}
	life := time.Duration(c.lives.Seconds) * time.Second
	c.e.timers.set(&c.renewal, c.e.timers.time(c.life.at).Add(-margin(life, c.initiator, uint8(c.in.spi))))
}

// renewalDue completes a pair that has settled, negotiates its successor, or
// ends it when it has one.
func (c *child) renewalDue(now time.Time) {
	switch {
	case c.settles():
		c.e.installOut(c)
	case c.deleted:
		c.e.removeChild(c, trace.ReasonReplaced)
	case c.superseder != nil:
		c.retire()
	default:
		c.e.timers.set(&c.renewal, now.Add(renewalInterval))
		c.renew()
	}
}

// retire tells the peer that a pair with a successor ends, and takes what it has
// sent by it until it knows.
func (c *child) retire() {
	c.tellEnd()
	c.deleted = true
	c.e.timers.set(&c.renewal, c.e.now.Add(drain))
}

// renew asks for a successor. A pair that has carried nothing gets none, as in
// IOS: its traffic will ask when it comes. A client's does not ask.
func (c *child) renew() {
	e := c.e
	conn := e.connection(c.conn)
	if conn == nil || !c.used() && c.session == 0 {
		return
	}
	if r, peer, ok := e.successorOf(c, conn); ok && !e.underWay(conn, r) {
		e.pursue(conn, peer, r)
	}
}

// used says whether the pair has carried packets, or so many that its volume
// nears its end.
func (c *child) used() bool {
	if c.exhausted {
		return true
	}
	if c.e.cfg.Traffic == nil {
		return false
	}
	in, out := c.e.cfg.Traffic.LastPackets(c.in.spi)
	return !in.IsZero() || !out.IsZero()
}

// VolumeLow asks for the successor of the pair with an inbound SPI, whose
// kilobytes or sequence numbers run out. Both ends count the same packets: the
// initiator goes first.
func (e *Engine) VolumeLow(now time.Time, inboundSPI uint32, fx *Effects) {
	e.begin(now, fx)
	c := e.children[inboundSPI]
	if c == nil || c.exhausted {
		return
	}
	c.exhausted = true
	if c.sends() {
		c.startRenewal()
	}
}

// renewForVolume has an exhausted pair renewed, by its initiator first.
func (c *child) renewForVolume() {
	at := later(c.e.now, c.e.timers.time(c.created).Add(leastUse))
	if !c.initiator {
		at = at.Add(100*time.Millisecond + time.Duration(uint8(c.in.spi))*time.Millisecond)
	}
	c.e.timers.set(&c.renewal, at)
}

// VolumeUsedUp ends the pair with an inbound SPI, one of whose SAs has carried its
// kilobytes or sequence numbers. Where there is a successor it is the peer that
// still sends by the old pair: it is told. One that is being negotiated is waited
// for: deletes in between make strongSwan forget the negotiation. Without any the
// older pairs end too, to which not every peer returns.
func (e *Engine) VolumeUsedUp(now time.Time, inboundSPI uint32, fx *Effects) {
	e.begin(now, fx)
	c := e.children[inboundSPI]
	switch {
	case c == nil || c.deleted:
	case c.superseder != nil:
		c.retire()
	case c.settles() || c.renewing():
	case c.exhausted && c.e.timers.time(c.renewal.at).Sub(now) < renewalInterval/2: // we have let the peer go first
		c.renewalDue(now)
	default:
		for _, o := range slices.Clone(e.byEnds[c.pair()]) {
			if o.superseder == c {
				e.expireChild(o, trace.ReasonReplaced)
			}
		}
		e.expireChild(c, trace.ReasonLifetime)
	}
}

// renewing says whether c's successor is being negotiated.
func (c *child) renewing() bool {
	conn := c.e.connection(c.conn)
	if conn == nil {
		return false
	}
	r, _, ok := c.e.successorOf(c, conn)
	return ok && c.e.underWay(conn, r)
}

// supersede retires the older pairs of the same traffic: packets go out by c.
//
// Where both ends have negotiated at once, each may hold another pair for the
// newest. So one end decides, and the other follows its deletes.
func (c *child) supersede() {
	first := true
	for _, o := range c.kin() {
		if o.sends() && o.superseder == nil && (o.rivals(c) || c.replaces(o)) {
			c.succeed(o, first)
			o.supersededBy(c)
			first = false
		}
	}
}

// sends says whether the outbound SA is in the data plane: one that settles is
// newer than all that are there.
func (c *child) sends() bool { return c.ready && !c.settles() }

// rivals says whether c and o are pairs with one peer for the same traffic.
func (c *child) rivals(o *child) bool {
	return c != o && c.sameAs(o) && c.conn == o.conn && c.sameTraffic(o)
}

func (c *child) sameTraffic(o *child) bool {
	return policy.SameProxy(c.localProxy, o.localProxy) && policy.SameProxy(c.remoteProxy, o.remoteProxy)
}

func (c *child) supersededBy(newer *child) {
	c.superseder = newer
	wait := overlap
	if c.remote == newer.remote && !decidesBetween(c, newer) {
		wait += patience
	}
	if c.exhausted { // there may be many of them
		wait /= 6
	}
	c.e.timers.set(&c.renewal, c.e.now.Add(wait))
}

// reinstate gives the traffic of a pair that is gone back to the newest that it
// had superseded.
func (c *child) reinstate() {
	var older []*child
	for _, o := range c.kin() {
		if o.superseder == c {
			older = append(older, o)
		}
	}
	heir := c.superseder
	for _, o := range older {
		if c.superseder == nil && !o.deleted && (heir == nil || o.order > heir.order) {
			heir = o
		}
	}
	for _, o := range older {
		o.superseder = heir
	}
	if heir != nil && heir != c.superseder {
		heir.superseder = nil
		heir.startRenewal()
		heir.startIdle()
	}
}

// decidesBetween says whether we are the end that chose the greatest of the
// pairs' SPIs.
func decidesBetween(a, b *child) bool {
	return max(a.in.spi, b.in.spi) > max(a.out.spi, b.out.spi)
}

// startRenewal arms the timer of an ISAKMP SA that came up, and lets the older
// ones with its peer go.
func (s *sa) startRenewal() {
	at := s.renewalAt()
	if len(s.rivals()) > 0 {
		at = earlier(at, s.e.now.Add(overlap))
	}
	if s.retry.isSet() && len(s.waiting) > 0 { // for its first quick mode
		at = earlier(at, s.e.timers.time(s.retry.at))
	}
	s.e.timers.set(&s.retry, at)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// renewalDue settles several ISAKMP SAs with one peer to the newest, and opens
// a phase 1 ahead of its end where there are IPsec SAs to look after.
func (s *sa) renewalDue(now time.Time) {
	e := s.e
	e.timers.set(&s.retry, now.Add(renewalInterval))
	if s.newestWith() != s {
		return
	}
	for _, o := range s.rivals() {
		if s.peerGateway && decidesOn(s, o) && o.unfinished() == 0 {
			o.sendDeleteISAKMP()
			o.deleteSA(trace.ReasonReplaced)
		}
	}
	due := s.renewalAt()
	if now.Before(due) {
		if len(s.rivals()) == 0 {
			e.timers.set(&s.retry, due)
		}
		return
	}
	if s.shorter && !s.renews() && s.guards() && !s.awaitsRenewal() {
		s.tellLifetime() // nothing has answered the first time, and the end is near
	}
	if s.renews() && s.guards() && e.budding(s.pair()) == nil && !e.moved(s.pair()) {
		e.startPhase1(s.local, s.remote, s.successorProfile(), nil)
	}
}

// nowGuards renews an ISAKMP SA at once that was due before it had IPsec SAs to look
// after: it may end before it would look again.
func (s *sa) nowGuards() {
	if now := s.e.now; !now.Before(s.renewalAt()) && now.Before(s.e.timers.time(s.retry.at)) {
		s.e.timers.set(&s.retry, now)
	}
}

// renews says whether s's successor may begin here. A key that goes by the identity
// is of use to the end that presents it, and a user is at one end only.
func (s *sa) renews() bool { return s.role == trace.RoleInitiator || !s.aggressive && !s.xauth }

// others are the other ISAKMP SAs that are up with s's peer.
func (s *sa) others() (list []*sa) {
	for _, o := range s.e.byAddrs[s.pair()] {
		if o != s && o.up() && o.sameAs(s) {
			list = append(list, o)
		}
	}
	return list
}

// renewalAt is when the successor is due.
func (s *sa) renewalAt() time.Time {
	life := time.Duration(s.suite.Lifetime) * time.Second
	return s.e.timers.time(s.expires).Add(-margin(life, s.role == trace.RoleInitiator, s.ownCookie()[0]))
}

// leaveToOthers has the newest of the other ISAKMP SAs with the peer see whether
// it is due: while s was there it left that to s.
func (s *sa) leaveToOthers() {
	if rivals := s.rivals(); len(rivals) > 0 {
		o := rivals[0].newestWith()
		s.e.timers.set(&o.retry, earlier(s.e.timers.time(o.retry.at), o.renewalAt()))
	}
}

// rivals are the others of s's profile. Those of another serve other
// connections.
func (s *sa) rivals() []*sa {
	return slices.DeleteFunc(s.others(), func(o *sa) bool { return o.profile != s.profile })
}

// newestWith is the ISAKMP SA with s's peer that came up last.
func (s *sa) newestWith() *sa {
	newest := s
	for _, o := range s.rivals() {
		if o.order > newest.order {
			newest = o
		}
	}
	return newest
}

// guards says whether there are IPsec SAs with s's peer, of connections that it
// serves.
func (s *sa) guards() bool {
	for _, c := range s.e.byEnds[s.pair()] {
		conn := s.e.connection(c.conn)
		if s.peerOf(c) && (conn == nil || s.serves(conn)) {
			return true
		}
	}
	return false
}

func (s *sa) ownCookie() isakmp.Cookie {
	if s.role == trace.RoleInitiator {
		return s.cookieI
	}
	return s.cookieR
}

func (s *sa) peerCookie() isakmp.Cookie {
	if s.role == trace.RoleInitiator {
		return s.cookieR
	}
	return s.cookieI
}

// decidesOn says whether we are the end that chose the greatest cookie of two
// ISAKMP SAs. Each end may hold another one for the newest.
func decidesOn(a, b *sa) bool {
	return bytes.Compare(greater(a.ownCookie(), b.ownCookie()), greater(a.peerCookie(), b.peerCookie())) > 0
}

func greater(a, b isakmp.Cookie) []byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		return a[:]
	}
	return b[:]
}
