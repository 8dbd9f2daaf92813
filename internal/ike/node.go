package ike

import (
	"encoding/binary"
	"net/netip"
	"sort"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// node is one quick mode or transaction, under its message ID. IOS calls it so.
type node struct {
	*negotiation
	id         uint32
	tag        uint32              // Connection.Tag, once it is done
	exchange   isakmp.ExchangeType // quick mode or transaction
	role       trace.Role
	identifier uint16 // of a transaction's messages
	s          *sa
	state      trace.State
	iv         keymat.IV // the exchange's own chain
	lastIn     digest
	lastOut    []byte
	sentAt     int64
	attempts   int32
	replays    int32
	done, busy bool
	failed     bool
	retry      timer
}

// negotiation is what a node needs until it is done.
type negotiation struct {
	rekeys         *child // initiator: the pair whose successor it makes
	tried          int    // initiator: peers that failed before
	conn           *Connection
	line           int
	localProxy     policy.Proxy
	remoteProxy    policy.Proxy
	idI, idR       []byte // bodies as sent; nil when the peer sent none
	nonceI, nonceR []byte
	keys           *keymat.KeyPair
	dhNumber       uint32 // of keys; 0 for none
	peerPublic     []byte
	pfs            isakmp.Group
	chosen         isakmp.Proposal // responder: what the reply carries
	inSPI, outSPI  uint32
	suite          policy.TransformSet
	encap          isakmp.Encapsulation
	lives          policy.Lives
	shorter        policy.Lives // responder: those that are shorter than the offer's
	child          *child
	answered       time.Duration // initiator: how long message 2 took
	wanted         bool          // responder: a request of ours is one with it
}

// concluded is what all nodes have of their negotiation that are done; none writes to it.
var concluded negotiation

// maxUnfinished bounds the quick modes of one SA at a time, maxNodes those and
// the ones whose last reply is kept.
const (
	maxUnfinished = 64
	maxNodes      = 1024
)

func (s *sa) unfinished() (n int) {
	for _, x := range s.nodes {
		if !x.done {
			n++
		}
	}
	return n
}

// newNode makes a node that is not yet among its SA's.
func (s *sa) newNode(id uint32, role trace.Role) *node {
	n := &node{negotiation: &negotiation{line: -1}, id: id, s: s, role: role, state: trace.StateQMReady, exchange: isakmp.ExchangeQuick,
		iv: s.iv.ForMessage(s.suite.Hash, id, s.cipher.BlockSize())}
	n.retry.owner = n
	return n
}

// confirmedByTraffic completes a responder's pair whose message 3 was lost or
// is late, when packets of the initiator have come in it: the keys hold our
// nonce, so that they are proof that it is there and no replay.
func (n *node) confirmedByTraffic() bool {
	if n.child == nil || n.child.ready || n.s.e.cfg.Traffic == nil {
		return false
	}
	if in, _ := n.s.e.cfg.Traffic.LastPackets(n.child.in.spi); in.IsZero() {
		return false
	}
	n.s.e.installOutbound(n.child, 0)
	return true
}

// awaitsConfirmation says whether a responder's quick mode may soon be over. A
// message 1 can be replayed, so that it holds a request back only until our
// answer has gone three times.
func (n *node) awaitsConfirmation() bool { return n.attempts < 2 }

// nodeKey is where an exchange is listed: transactions apart from quick modes, for
// vpnc's message IDs have one octet, and one may come again in the other kind.
// Their payloads differ, so that neither can be replayed as the other.
func nodeKey(x isakmp.ExchangeType, id uint32) uint32 {
	if x == isakmp.ExchangeTransaction {
		return ^id
	}
	return id
}

func (n *node) key() uint32 { return nodeKey(n.exchange, n.id) }

func (s *sa) addNode(n *node) {
	if s.nodes == nil {
		s.nodes = make(map[uint32]*node)
	}
	s.nodes[n.key()] = n
}

func (s *sa) sortedNodes() []*node {
	list := make([]*node, 0, len(s.nodes))
	for _, n := range s.nodes {
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}

func (n *node) move(source trace.Source, input trace.Input, to trace.State) {
	from := n.state
	n.state = to
	n.s.emit(&trace.Transition{Node: n.id, Source: source, Input: input, From: from, To: to})
}

// endNode tells a node's end. Its last reply is kept for purgeDelay, so that a
// retransmission of the peer is still answered.
func (s *sa) endNode(n *node, failed bool, reason trace.NodeReason) {
	if n.done {
		return
	}
	s.emit(&trace.NodeDeleted{Node: n.id, Error: failed, Reason: reason})
	n.done, n.failed = true, failed
	s.finished.add(n.key())
	if !failed {
		s.clearDH(&n.dhNumber)
	}
	n.forget()
	if c := n.child; c != nil && !c.installed {
		c.in.forget()
		c.out.forget()
	}
	if failed && n.exchange == isakmp.ExchangeQuick {
		s.e.stats.Phase2Failed++
	}
	if failed || reason == trace.NodeIKEDeleted {
		s.failNode(n, reason)
	}
	if n.wanted && (n.child == nil || !n.child.ready) {
		s.e.unmet(n.request())
	}
	if n.conn != nil {
		n.tag = n.conn.Tag
		s.e.reapInstance(n.tag)
	}
	n.negotiation = &concluded
	if s.dead {
		s.e.timers.clear(&n.retry)
		delete(s.nodes, n.key())
		return
	}
	s.e.timers.set(&n.retry, s.e.now.Add(purgeDelay))
}

// forget drops what only the negotiation needed. An open question may be at
// work with the key pair on another goroutine.
func (n *node) forget() {
	if n.keys != nil && !n.busy {
		n.keys.Clear()
	}
	n.s.e.dhNumbers.free(n.dhNumber)
	n.dhNumber = 0
	n.keys, n.nonceI, n.nonceR = nil, nil, nil
}

// failNode takes back what a failed quick mode had begun. The peer is told,
// since it may send on the SA already: only its message 3 is missing.
func (s *sa) failNode(n *node, reason trace.NodeReason) {
	if n.child != nil && !n.child.ready && (reason == trace.NodeIKEDeleted || !n.child.endsLogin(trace.ReasonUnconfirmed)) {
		s.sendDeleteESP(n.child.in.spi)
		s.e.removeChild(n.child, trace.ReasonUnconfirmed)
	}
	if n.role != trace.RoleInitiator || n.conn == nil {
		return
	}
	if n.rekeys != nil && n.rekeys.unwanted {
		s.e.expireChild(n.rekeys, trace.ReasonUserCommand)
	}
	if reason == trace.NodeRetransmission {
		s.e.failover(n.request(), s.remote.Addr())
		return
	}
	s.e.failed(n.request().Acquire)
}

func (n *node) due(_ *timer, now time.Time) { n.retryDue(now) }

// retryDue is a node's timer: a retransmission, its end, or its purge.
func (n *node) retryDue(now time.Time) {
	s := n.s
	if n.done {
		s.emit(&trace.NodePurged{Node: n.id})
		delete(s.nodes, n.key())
		if len(s.nodes) == 0 {
			s.nodes = nil // an empty map is not small
		}
		return
	}
	limit := s.e.cfg.tries()
	if n.over(now) {
		// Without message 3 a pair may still be proven by its traffic.
		if n.child != nil && n.child.ready {
			s.endNode(n, false, trace.NodeQMDone)
			return
		}
		s.endNode(n, true, trace.NodeRetransmission)
		if n.exchange == isakmp.ExchangeTransaction {
			n.configUnanswered()
			return
		}
		s.unanswered(n, now)
		return
	}
	n.attempts = min(n.attempts+1, int32(limit))
	s.e.stats.Retransmits++
	s.emit(&trace.Retransmitting{Node: n.id, Attempt: uint8(n.attempts), Max: uint8(limit)})
	s.emit(&trace.ErrorCounted{What: trace.ErrorRetransmitPhase2, Node: n.id, Attempt: uint8(n.attempts), Max: uint8(limit)})
	if !s.skips(n.id, n.sentAt) {
		n.repeat()
	}
	s.e.timers.set(&n.retry, n.next())
}

// next is when a message that has no answer goes again.
func (n *node) next() time.Time {
	if n.exchange == isakmp.ExchangeTransaction {
		return n.nextConfig()
	}
	return n.s.e.now.Add(n.interval())
}

// interval is the time to the next retransmission. A pair whose volume runs out
// does not wait as long as the usual one: that its packets fill the path to the
// peer may be why the message was lost.
func (n *node) interval() time.Duration {
	usual := n.s.e.cfg.interval()
	if n.rekeys == nil || !n.rekeys.exhausted {
		return usual
	}
	return min(usual, time.Second<<n.attempts)
}

// unanswered gives an SA up whose peer has said nothing during a whole quick
// mode of ours: it may have lost it, and a new main mode will tell.
func (s *sa) unanswered(n *node, now time.Time) {
	c := &s.e.cfg
	began := now.Add(-c.interval() * timesTries(c))
	if n.role == trace.RoleInitiator && !s.e.timers.time(s.heard).After(began) {
		s.deleteSA(trace.ReasonUnanswered)
	}
}

// duplicate answers a retransmission within a node from its last reply.
func (n *node) duplicate(from netip.AddrPort) {
	s := n.s
	s.e.stats.Dropped[trace.DropDuplicate]++
	s.emit(&trace.DuplicateReceived{Node: n.id})
	if n.lastOut == nil || n.replays >= maxReplays || s.skips(n.id, n.sentAt) {
		return
	}
	n.replays++
	s.answerTo(from, n.repeat)
}

// send sends a message that a duplicate of the peer's last one asks for again,
// and that a retransmission repeats.
func (n *node) send(o outgoing) {
	n.lastOut, n.sentAt = o.data, n.s.e.now.UnixNano()
	n.s.send(o)
}

// repeat sends the last message again.
func (n *node) repeat() {
	n.sentAt = n.s.e.now.UnixNano()
	n.s.sendAgain(n.lastOut)
}

// newMessageID draws a message ID; it is not 0.
func (e *Engine) newMessageID() uint32 {
	for range 8 {
		var b [4]byte
		e.random(b[:])
		if id := binary.BigEndian.Uint32(b[:]); id != 0 {
			return id
		}
	}
	return 1
}

// newSPI draws an inbound SPI that no SA of ours has (RFC 4303 section 2.1
// reserves those below 256).
func (e *Engine) newSPI() (uint32, bool) {
	for range 64 {
		var b [4]byte
		e.random(b[:])
		spi := e.place.own(binary.BigEndian.Uint32(b[:]))
		if _, taken := e.children[spi]; spi >= 256 && !taken {
			return spi, true
		}
	}
	return 0, false
}

// protected ends a message that begins with a HASH payload of zeros: hash
// makes the hash from what follows it; then the message is encrypted.
func (s *sa) protected(b *isakmp.Builder, iv *keymat.IV, hash func(rest []byte) []byte) outgoing {
	s.works(trace.CryptoHMACContext)
	size := keymat.HashSize(s.suite.Hash)
	all := b.Payloads()
	copy(all[4:4+size], hash(all[4+size:]))
	return s.seal(b.Bytes(s.cipher.BlockSize()), iv)
}

// startProtected starts such a message.
func (s *sa) startProtected(x isakmp.ExchangeType, id uint32) *isakmp.Builder {
	b := s.builder(x, id, isakmp.FlagEncryption)
	b.Add(isakmp.PayloadHash, make([]byte, keymat.HashSize(s.suite.Hash)))
	return b
}

// covered is what HASH(1) and HASH(2) cover of a received message: all behind
// the HASH payload, which must come first, without padding.
func (m *message) covered() (hash, rest []byte, ok bool) {
	if len(m.payloads) == 0 || m.payloads[0].Type != isakmp.PayloadHash {
		return nil, nil, false
	}
	m.s.works(trace.CryptoHMACContext)
	return m.payloads[0].Body, m.body[len(m.payloads[0].Raw):m.used], true
}

func spiOctets(spi uint32) []byte { return binary.BigEndian.AppendUint32(nil, spi) }

func hostProxy(a netip.Addr) policy.Proxy {
	return policy.ProxyFromPrefix(netip.PrefixFrom(a, a.BitLen()), 0, 0)
}
