package ike

import (
	"crypto/sha256"
	"crypto/x509"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// sa is an ISAKMP SA, from its first message to the purge of its memory.
type sa struct {
	e             *Engine
	id, conn      uint32
	role          trace.Role
	state         trace.State
	show          trace.ShowState
	cookieI       isakmp.Cookie
	cookieR       isakmp.Cookie
	local, remote netip.AddrPort
	peer          *peer
	openedPort    uint16 // the peer's, of its first message

	// profile is the one that the connection names for which we began, then the
	// one that the peer's identity matches; nil for none, and before it is known.
	profile *Profile

	suite  policy.IKE     // holds once it is agreed
	skeyid *keymat.Skeyid // behind a pointer, which %+v does not follow
	cipher *keymat.Cipher
	iv     keymat.IV // phase 1's chain; its last block once phase 1 is over

	handshake *handshake // nil once phase 1 is over

	lastIn   digest // of the last datagram that moved phase 1 on
	lastOut  []byte // the last phase 1 datagram that we sent
	sentAt   int64
	replays  int32 // how often lastOut answered a duplicate
	errors   int32
	attempts int32
	dead     bool
	stage    stage // of a responder
	unlocked bool  // the reference to peer is given back
	agreed   bool
	retry    timer // retransmission, then the successor, then purge
	life     timer // end of the lifetime

	assembly *assembly // fragments of a message; nil for none
	access   *access   // remote access; nil for none

	nodes    map[uint32]*node
	finished recentIDs // quick modes
	informed recentIDs // informational messages of the peer, by fingerprint
	waiting  []request

	natt                 trace.NATTVersion
	localNAT, remoteNAT  bool
	peerDPD              bool
	contacted            bool // INITIAL-CONTACT was obeyed
	aggressive           bool // aggressive mode, not main mode
	xauth                bool // a user has to log in before anything else
	demanded             bool // the connection for which we began names profile
	dpd                  dpdState
	keepalive            timer
	peerID               policy.Identity   // as it has proven; zero before
	peerCertificate      *x509.Certificate // whose key it has; nil for none
	peerGateway          bool              // the peer is of this kind too
	peerFragments        bool              // it takes Cisco's fragments
	peerUnity            bool              // it is one of Cisco's clients, or speaks as they do
	shorter              bool              // our lifetime is, than the initiator offered
	reason               trace.Reason
	sentID               uint16 // of the last message that went in fragments
	established, expires instant
	begun, order         uint64  // places in Engine.order of its first message and of its completion
	invalidSPI           instant // when INVALID-SPI was last sent
	heard                instant // last authenticated message of the peer
}

// handshake is what only phase 1 needs; it is dropped when phase 1 is over.
type handshake struct {
	saiB        []byte // the SA payload's body as sent by the initiator
	nonceI      []byte
	nonceR      []byte
	keys        *keymat.KeyPair
	dhNumber    uint32 // of keys; 0 for none
	key         Key    // the pre-shared key that SKEYID was made of
	peerPublic  []byte
	idI, idR    []byte // bodies of the identity payloads
	vendorIDs   [][]byte
	natD        [][]byte
	initialSent bool
	initialGot  bool           // INITIAL-CONTACT in a message that HASH_I or HASH_R does not cover
	busy        bool           // a question is open
	withdraw    func()         // takes the question back that asks for a verdict; nil for none
	nonces      *nonceExchange // of encrypted nonces; nil for none
	wanted      [][]byte       // names of the CAs that the peer asks for, an empty one for any

	// Aggressive mode's.
	how      *Aggressive       // initiator
	method   isakmp.AuthMethod // initiator: the first that is offered
	haveKey  bool              // initiator: key is there
	identity policy.Identity   // that we present; zero is the profile's or the gateway's
	base     []byte            // SKEYID, until the other keys are made of it
	shared   *sharedPair       // responder: where keys is from
	claims   policy.Identity   // responder: what the initiator says that it is
	proof    []byte            // responder: HASH_I as it has to be
	decoy    bool              // responder: key is nobody's
	resends  int               // responder: how often message 2 may go unasked
	held     *message          // responder: what came behind message 3, while its keys are made
	group    *groupQuestion    // responder: that message 2 waits for; nil for none
	answer   []byte            // responder: the SA payload's body of message 2

	expectsProof bool // the HMAC context for the peer's HASH was told
}

// digest recognises a retransmission.
type digest [16]byte

func digestOf(datagram []byte) (d digest) {
	sum := sha256.Sum256(datagram)
	copy(d[:], sum[:])
	return d
}

// purgeDelay is how long a deleted SA or a finished node is kept, to answer
// retransmissions and to be shown.
const purgeDelay = 60 * time.Second

// maxReplays bounds how often one reply is sent again for duplicates.
const maxReplays = 10

func (e *Engine) newSA(role trace.Role, local, remote netip.AddrPort) *sa {
	s := &sa{e: e, id: e.serials.sa.Add(1), begun: e.next(), role: role, local: local, remote: remote, openedPort: remote.Port(),
		state: trace.StateReady, show: trace.MMNoState, handshake: &handshake{}}
	s.retry.owner, s.life.owner, s.keepalive.owner, s.dpd.timer.owner = s, s, s, s
	pair := s.pair()
	e.byAddrs[pair] = append(e.byAddrs[pair], s)
	return s
}

func (s *sa) due(t *timer, now time.Time) {
	switch t {
	case &s.retry:
		s.retryDue(now)
	case &s.life:
		s.lifeDue(now)
	case &s.keepalive:
		s.keepaliveDue(now)
	default:
		s.dpdDue(now)
	}
}

// opened is where the first message came from, or went to.
func (s *sa) opened() netip.AddrPort { return netip.AddrPortFrom(s.remote.Addr(), s.openedPort) }

func (s *sa) context() trace.Context {
	c := trace.Context{Local: s.local, Remote: s.remote, SA: s.id, Conn: s.conn, Role: s.role, State: s.show}
	if s.peer != nil {
		c.Peer = s.peer.id
	}
	return c
}

func (s *sa) emit(ev trace.Event) {
	if s.e.cfg.Events == nil {
		return
	}
	c := s.context()
	s.e.emit(&c, ev)
}

// move changes phase 1's state and tells it.
func (s *sa) move(source trace.Source, input trace.Input, to trace.State) {
	from := s.state
	s.state = to
	s.emit(&trace.Transition{Source: source, Input: input, From: from, To: to})
}

// same tells a step that leaves phase 1's state as it is.
func (s *sa) same(source trace.Source, input trace.Input) { s.move(source, input, s.state) }

func (s *sa) allocateConn() {
	if s.conn == 0 {
		s.conn = s.e.serials.conn.Add(1)
	}
}

// up says whether phase 1 is complete and the SA may carry phase 2: where a user has
// to log in, he has.
func (s *sa) up() bool { return s.state == trace.StateP1Complete && !s.dead && s.passed() }

func (s *sa) pair() addrPair { return addrPair{s.local.Addr(), s.remote.Addr()} }

// deleteSA ends s for a reason. Its IPsec SAs stay, as in IOS. It is kept for
// purgeDelay, dead, to be shown and to answer retransmissions.
func (s *sa) deleteSA(reason trace.Reason) {
	if s.dead {
		return
	}
	s.emit(&trace.NotParanoid{})
	s.emit(&trace.SADeleting{Reason: reason})
	s.dead, s.reason = true, reason
	wasUp := s.handshake == nil
	if wasUp {
		s.e.countUp(-1)
	}
	if wasUp || s.conn != 0 {
		s.move(trace.Internal, trace.InputPhase1Delete, trace.StateDestSA)
	}
	if !wasUp {
		s.e.stats.Phase1Failed++
	}
	e := s.e
	e.timers.clear(&s.life)
	e.timers.clear(&s.keepalive)
	e.timers.clear(&s.dpd.timer)
	s.withdrawQuestion()
	s.leaveGroupQuestion()
	s.withdrawJudgement()
	s.withdrawNonces()
	for _, n := range s.sortedNodes() {
		s.endNode(n, false, trace.NodeIKEDeleted)
	}
	s.failWaiting(reason)
	s.dropAssembly()
	s.endAccess()
	if s.skeyid != nil {
		s.skeyid.Clear()
	}
	s.cipher = nil
	s.abandonKeys()
	e.unlockPeer(s)
	e.timers.set(&s.retry, e.now.Add(purgeDelay))
	if wasUp {
		s.leaveToOthers()
	}
}

// abandonKeys clears the key pair of a phase 1 that failed.
func (s *sa) abandonKeys() {
	h := s.handshake
	if h == nil {
		return
	}
	// An open question may be at work with the key pair on another goroutine.
	if !h.busy {
		s.clearKeys()
	}
	s.e.dhNumbers.free(h.dhNumber)
	h.dhNumber = 0
}

// purge forgets a dead SA.
func (s *sa) purge() {
	e := s.e
	s.emit(&trace.SAPurged{})
	e.halfOpen.remove(s)
	e.unproven.remove(s)
	e.timers.clear(&s.retry)
	e.timers.clear(&s.life)
	for _, n := range s.nodes {
		e.timers.clear(&n.retry)
	}
	delete(e.byCookies, cookiePair{s.cookieI, s.cookieR})
	e.forgetCookie(s.ownCookie())
	if s.role == trace.RoleResponder {
		delete(e.byInitial, initialKey{s.cookieI, s.opened()})
	}
	e.byAddrs[s.pair()] = without(e.byAddrs[s.pair()], s)
	if len(e.byAddrs[s.pair()]) == 0 {
		delete(e.byAddrs, s.pair())
	}
}

// without returns list without x, in its order.
func without[T comparable](list []T, x T) []T {
	i := slices.Index(list, x)
	if i < 0 {
		return list
	}
	return slices.Delete(list, i, i+1)
}

// failWaiting takes what waited for s to the next peer, or tells the data plane
// that it will not come.
func (s *sa) failWaiting(reason trace.Reason) {
	waiting := s.waiting
	s.waiting = nil
	for _, r := range waiting {
		if lost(reason) {
			s.e.failover(r, s.remote.Addr())
			continue
		}
		s.e.failed(r.Acquire)
	}
}

// lifeDue ends an SA whose lifetime is over and tells the peer.
func (s *sa) lifeDue(time.Time) {
	s.sendDeleteISAKMP()
	s.deleteSA(trace.ReasonLifetime)
}
