package ike

import (
	"errors"
	"fmt"
	"reflect"

	"qmidle/internal/trace"
)

// Holdings count what an engine keeps in memory. All are 0 once every SA has
// ended and been purged: what is left then has leaked.
type Holdings struct {
	SAs         int // ISAKMP SAs, dead ones included
	Negotiating int // of them
	HalfOpen    int
	Unproven    int
	Peers       int
	Waiting     int // requests
	Nodes       int // quick modes, those that are over and kept included
	Children    int // pairs of IPsec SAs
	Questions   int
	Assemblies  int // messages that lack fragments
	KeyPairs    int // Diffie-Hellman, of what is negotiated
	Instances   int // of dynamic crypto maps
	Logins      int // of clients
	Stubs       int // first messages that were answered under pressure
	Timers      int
}

// Holdings returns what the engine keeps.
func (e *Engine) Holdings() Holdings {
	h := Holdings{HalfOpen: e.halfOpen.count, Unproven: e.unproven.count, Peers: len(e.peers), Children: len(e.children), Questions: len(e.questions),
		Assemblies: len(e.assembling) + len(e.firstParts), KeyPairs: e.dhNumbers.count(), Instances: len(e.instances.byTag), Logins: len(e.logins), Stubs: e.pressure.stubs.count, Timers: e.timers.count}
	for _, list := range e.byAddrs {
		for _, s := range list {
			h.SAs++
			h.Waiting += len(s.waiting)
			h.Nodes += len(s.nodes)
			if !s.dead && !s.up() {
				h.Negotiating++
			}
		}
	}
	return h
}

func (h *Holdings) add(o Holdings) {
	h.SAs += o.SAs
	h.Negotiating += o.Negotiating
	h.HalfOpen += o.HalfOpen
	h.Unproven += o.Unproven
	h.Peers += o.Peers
	h.Waiting += o.Waiting
	h.Nodes += o.Nodes
	h.Children += o.Children
	h.Questions += o.Questions
	h.Assemblies += o.Assemblies
	h.KeyPairs += o.KeyPairs
	h.Instances += o.Instances
	h.Logins += o.Logins
	h.Stubs += o.Stubs
	h.Timers += o.Timers
}

// Check holds the engine's tables against each other: whatever one of them
// knows the others must know, nothing may wait without a timer, and no timer
// may be left of what has gone. An error is a fault of this package. Tests and
// simulations call it between inputs; it walks everything.
func (e *Engine) Check() error {
	a := audit{e: e, timers: make(map[*timer]bool), keyPairs: make(map[uint32]bool), logins: make(map[*login]int)}
	a.sas()
	a.peers()
	a.children()
	a.instances()
	a.clients()
	a.counts()
	a.queue()
	return errors.Join(a.faults...)
}

// audit is one walk over an engine's tables.
type audit struct {
	e      *Engine
	timers map[*timer]bool // of all that is there, whether set or not
	faults []error

	numSAs, responders, assemblies, busy int
	established                          int
	sharing                              int // have a key pair of aggressive mode
	stages                               [unproven + 1]int
	keyPairs                             map[uint32]bool // by number
	logins                               map[*login]int  // ISAKMP SAs that have them
}

func (a *audit) must(ok bool, format string, args ...any) {
	if !ok {
		a.faults = append(a.faults, fmt.Errorf(format, args...))
	}
}

// set notes a timer and says whether it is set.
func (a *audit) set(t *timer) bool {
	a.timers[t] = true
	return t.isSet()
}

func (a *audit) sas() {
	for pair, list := range a.e.byAddrs {
		a.must(len(list) > 0, "an empty list of SAs with %s", pair.remote)
		var before uint64
		for _, s := range list {
			a.must(s.pair() == pair, "SA %d with %s is listed under %s", s.id, s.remote, pair.remote)
			a.must(s.begun > before, "the SAs with %s are not listed by age", pair.remote)
			before = s.begun
			a.sa(s)
		}
	}
}

func (a *audit) sa(s *sa) {
	e := a.e
	a.numSAs++
	a.must(e.byCookies[cookiePair{s.cookieI, s.cookieR}] == s, "SA %d is not found by its cookies", s.id)
	if s.role == trace.RoleResponder {
		a.responders++
		a.must(e.byInitial[initialKey{s.cookieI, s.opened()}] == s, "SA %d is not found by its first message", s.id)
	}
	a.stages[s.stage]++
	if s.assembly != nil {
		a.assemblies++
		a.must(a.set(&s.assembly.end), "SA %d waits for fragments without an end", s.id)
	}
	a.must(len(s.finished.ids) <= maxRecent && len(s.informed.ids) <= maxRecent, "SA %d remembers too many messages", s.id)
	replies := s.handshake != nil && s.handshake.nonces != nil && a.set(&s.handshake.nonces.reply)
	retry, life, keepalive, dpd := a.set(&s.retry), a.set(&s.life), a.set(&s.keepalive), a.set(&s.dpd.timer)
	a.must(s.complete() || !life && !keepalive && !dpd, "SA %d is not up and has timers of one that is", s.id)
	switch {
	case s.dead:
		a.must(retry, "dead SA %d is never purged", s.id)
		a.must(s.cipher == nil && len(s.waiting) == 0 && s.assembly == nil, "dead SA %d keeps something", s.id)
	case s.complete():
		a.established++
		a.must(retry && life, "SA %d has no end", s.id)
		a.must(s.handshake == nil && s.cipher != nil && s.skeyid != nil, "SA %d is up and not complete", s.id)
		a.must((len(s.waiting) == 0 || !s.up() || s.waitsToSettle()) && s.stage == proven, "SA %d is up and something waits", s.id)
		a.access(s)
		a.must(dpd || s.liveness() == nil || !s.peerDPD, "SA %d has no dead peer detection", s.id)
	default:
		a.must(s.handshake != nil && (retry || replies || s.handshake.busy), "SA %d waits forever in %v", s.id, s.state)
		if s.handshake != nil && s.handshake.busy {
			a.busy++
		}
	}
	if s.handshake != nil {
		a.keyPair(s.handshake.dhNumber)
		if s.handshake.shared != nil {
			a.sharing++
		}
	}
	a.nodes(s)
}

// access checks remote access under an SA that is complete.
func (a *audit) access(s *sa) {
	a.must(s.passed() || s.access != nil, "SA %d waits for a user whom nobody asks for", s.id)
	x := s.access
	if x == nil {
		a.must(s.state == trace.StateP1Complete, "SA %d is in %v without remote access", s.id, s.state)
		return
	}
	a.set(&x.answer)
	waits := a.set(&x.patience) || x.withdraw != nil || x.node != nil && a.set(&x.node.retry)
	a.must(waits || s.up() || s.state == trace.StateP1Complete && !s.dead && s.passed(), "SA %d waits for nothing in %v", s.id, s.state)
	if x.login != nil {
		a.logins[x.login]++
	}
}

// clients checks the logins and the questions.
func (a *audit) clients() {
	e := a.e
	for _, q := range e.questions {
		a.set(&q.silent)
	}
	for session, l := range e.logins {
		a.must(l.Session == session && l.sas == a.logins[l] && l.sas > 0, "login %d of %d SAs, %d have it", session, l.sas, a.logins[l])
		a.must(!l.address.IsValid() || e.leased[l.address] == l, "login %d has an address that is not its own", session)
		a.set(&l.life)
		a.set(&l.interim)
		a.set(&l.idle)
	}
	a.must(len(a.logins) == len(e.logins), "%d logins, and SAs of %d", len(e.logins), len(a.logins))
	for address, l := range e.leased {
		a.must(e.logins[l.Session] == l && l.address == address, "address %s is of a login that is gone", address)
	}
	for _, c := range e.children {
		a.must(c.session == 0 || e.logins[uint64(c.session)] != nil, "pair %#x is of a login that is gone", c.in.spi)
	}
}

// keyPair notes the number of a key pair; 0 is none.
func (a *audit) keyPair(number uint32) {
	if number == 0 {
		return
	}
	a.must(!a.keyPairs[number], "key pair %d is there twice", number)
	a.keyPairs[number] = true
}

func (a *audit) nodes(s *sa) {
	begunByPeer := 0
	for id, n := range s.nodes {
		if n.role == trace.RoleResponder && !n.done {
			begunByPeer++
		}
		a.keyPair(n.dhNumber)
		retry := a.set(&n.retry)
		a.must(n.key() == id && n.s == s, "quick mode %#x is listed as %#x", n.id, id)
		a.must(retry || n.busy && !n.done, "quick mode %#x waits forever in %v", n.id, n.state)
		a.must(n.done || !s.dead, "quick mode %#x goes on under dead SA %d", n.id, s.id)
		a.must(n.done || n.conn == nil || a.negotiates(n.conn), "quick mode %#x is of a connection that is gone", n.id)
		a.must(n.done == (n.negotiation == &concluded), "quick mode %#x: done %v, and what it negotiates is kept", n.id, n.done)
		if n.busy {
			a.busy++
		}
	}
	a.must(begunByPeer <= maxUnfinished, "SA %d has %d quick modes of its peer under way", s.id, begunByPeer)
}

func (a *audit) peers() {
	refs := make(map[*peer]int)
	for _, list := range a.e.byAddrs {
		for _, s := range list {
			if s.peer != nil && !s.unlocked {
				refs[s.peer]++
			}
		}
	}
	a.must(len(refs) == len(a.e.peers), "%d peers, and SAs with %d", len(a.e.peers), len(refs))
	for key, p := range a.e.peers {
		a.must(p.key == key && int(p.ikeRefs) == refs[p], "peer %s has %d references, want %d", key.remote, p.ikeRefs, refs[p])
	}
}

func (a *audit) children() {
	e, listed := a.e, 0
	for pair, list := range e.byEnds {
		a.must(len(list) > 0, "an empty list of pairs with %s", pair.remote)
		for _, c := range list {
			listed++
			a.must(c.pair() == pair, "pair %#x with %s is listed under %s", c.in.spi, c.remote, pair.remote)
			a.must(e.children[c.in.spi] == c, "pair %#x is not found by its SPI", c.in.spi)
		}
	}
	a.must(listed == len(e.children), "%d pairs, of which %d are listed by their ends", len(e.children), listed)
	for _, c := range e.children {
		a.child(c)
	}
}

func (a *audit) child(c *child) {
	e, spi := a.e, c.in.spi
	life, renewal, idle := a.set(&c.life), a.set(&c.renewal), a.set(&c.idle)
	a.must(c.installed && c.in.params == nil, "pair %#x is not installed", spi)
	a.must(e.connection(c.conn) != nil, "pair %#x is of a connection that is gone", spi)
	a.must(life == (c.lives.Seconds != 0), "pair %#x: lifetime of %d s, timer %v", spi, c.lives.Seconds, life)
	if conn := e.connection(c.conn); conn != nil && c.sends() && c.superseder == nil {
		a.must(idle == (conn.IdleTime != 0 && e.cfg.Traffic != nil), "pair %#x: idle time of %v, timer %v", spi, conn.IdleTime, idle)
	}
	switch {
	case !c.ready:
		a.must(!renewal && c.superseder == nil, "pair %#x is not ready and is renewed", spi)
	case c.settles(), c.superseder != nil, c.lives.Seconds != 0:
		a.must(renewal, "pair %#x waits forever", spi)
	}
	seen := map[*child]bool{c: true}
	for s := c.superseder; s != nil; s = s.superseder {
		a.must(e.children[s.in.spi] == s && s.sends(), "pair %#x is superseded by one that does not send", spi)
		if seen[s] {
			a.must(false, "pair %#x supersedes itself", spi)
			return
		}
		seen[s] = true
	}
}

func (a *audit) instances() {
	x := &a.e.instances
	ends, proxies := 0, 0
	for pair, list := range x.byEnds {
		ends += len(list)
		for _, c := range list {
			a.must(c.ends() == pair && x.byTag[c.tag] == c, "instance %d with %s is listed under %s", c.seq, c.remote, pair.remote)
		}
	}
	for key, c := range x.byProxies {
		for ; c != nil; c = c.next {
			proxies++
			a.must(x.hash(c.proxyPair) == key, "instance %d is listed under other proxies", c.seq)
		}
	}
	n := len(x.byTag)
	a.must(ends == n && proxies == n, "%d instances, %d by their ends, %d by their proxies", n, ends, proxies)
	if a.e.place.n == 1 {
		numbers := a.e.serials.countEntries()
		a.must(numbers == n, "%d instances, %d numbers of theirs", n, numbers)
	}
	for _, c := range x.byTag {
		a.must(a.e.conns.byTag[c.made.Tag] == c.template, "instance %d has lost its template", c.seq)
		a.must(a.e.needs(c), "nothing needs instance %d", c.seq)
	}
}

// negotiates says whether a connection that a quick mode is for is there as it is.
func (a *audit) negotiates(c *Connection) bool {
	x := a.e.instances.byTag[c.Tag]
	if x == nil {
		return a.e.connection(c.Tag) == c
	}
	return x.remote == c.Remote && x.protects(c.ACL[0].Local, c.ACL[0].Remote) && a.e.connection(c.Tag) != nil
}

// counts compares tables and counters whose entries were met on the way.
func (a *audit) counts() {
	e := a.e
	a.must(reflect.ValueOf(concluded).IsZero(), "what is concluded was written to")
	a.must(len(e.byCookies) == a.numSAs, "%d cookies of %d SAs", len(e.byCookies), a.numSAs)
	a.must(len(e.byInitial) == a.responders, "%d first messages of %d responders", len(e.byInitial), a.responders)
	a.must(len(e.assembling) == a.assemblies && a.assemblies <= maxAssemblies, "%d assemblies counted, %d there", len(e.assembling), a.assemblies)
	p := &e.pressure.stubs
	a.must(a.set(&p.end) == (p.first != nil), "%d stubs wait without an end", p.count)
	a.must(len(p.byCookies) <= p.count && p.count <= maxStubs && p.octets <= maxStubOctets, "%d stubs of %d octets", p.count, p.octets)
	a.must(len(e.firstParts) <= maxFirst, "%d first messages lack fragments", len(e.firstParts))
	for _, x := range e.firstParts {
		a.must(a.set(&x.end), "a first message waits for fragments without an end")
	}
	a.must(e.dhNumbers.count() == len(a.keyPairs), "%d key pairs counted, %d there", e.dhNumbers.count(), len(a.keyPairs))
	awaited := 0
	for g, p := range e.pairs {
		a.must(p.users > 0 && (p.keys == nil) == (len(p.waiting) > 0) && p.users >= len(p.waiting), "a key pair of group %d for nobody", g)
		awaited += max(len(p.waiting)-1, 0)
		a.sharing -= p.users - len(p.waiting)
	}
	for name, q := range e.groupQuestions {
		awaited += max(len(q.waiting)-1, 0)
		for s := range q.waiting {
			a.must(!s.dead && s.handshake != nil && s.handshake.group == q, "SA %d waits for the key of group %q, and has gone on", s.id, name.group)
		}
	}
	a.must(len(e.groupQuestions) <= len(e.questions), "%d groups are asked for by %d questions", len(e.groupQuestions), len(e.questions))
	a.must(a.sharing >= 0, "key pairs are shared by %d more than there are", -a.sharing)
	a.must(len(e.questions)+awaited >= a.busy, "%d questions open, %d waited for", len(e.questions), a.busy)
	a.must(e.established == a.established, "%d SAs are counted as up, %d are", e.established, a.established)
	a.backlog(&e.halfOpen, e.maxHalfOpen(), "half-open")
	a.backlog(&e.unproven, e.maxUnproven(), "unproven")
	for tag := range e.preferred {
		a.must(e.conns.byTag[tag] != nil, "a preferred peer of connection %d, which is gone", tag)
	}
	for pair := range e.invalidSPI {
		a.must(len(e.conns.byEnds[pair]) > 0, "a limit for %s, which is no connection's peer", pair.remote)
	}
}

func (a *audit) backlog(b *backlog, limit int, what string) {
	there := a.stages[b.stage]
	a.must(b.count == there && there <= limit, "%d %s SAs counted, %d there", b.count, what, there)
	queued := 0
	for _, s := range b.queue {
		if s.stage == b.stage {
			queued++
		}
	}
	a.must(queued == there, "%d %s SAs are queued, %d there", queued, what, there)
}

// queue checks the deadlines: that each is where its time has it, and of something that
// is there.
func (a *audit) queue() {
	there := 0
	q := &a.e.timers
	for level := range q.wheels {
		for slot, ring := range q.wheels[level].rings {
			a.must((ring != nil) == (q.wheels[level].taken>>slot&1 == 1), "slot %d of wheel %d is not marked as it is", slot, level)
			for t := range ring.all() {
				there++
				key, ok := q.key(t.at)
				l, s := q.place(key)
				a.must(ok && l == level && s == slot, "a timer is in the slot of another time")
				a.must(a.timers[t], "a timer is of something that is gone")
			}
		}
	}
	for t := range q.overdue.all() {
		there++
		_, ok := q.key(t.at)
		a.must(!ok && (t == q.overdue || t.at >= t.prev.at), "an overdue timer is out of order")
		a.must(a.timers[t], "a timer is of something that is gone")
	}
	set := 0
	for t := range a.timers {
		if t.isSet() {
			set++
		}
	}
	a.must(there == q.count && there == set, "%d timers counted, %d there, %d set", q.count, there, set)
}
