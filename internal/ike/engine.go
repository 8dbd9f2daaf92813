package ike

import (
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Engine is the IKEv1 engine of one gateway. It is not safe for concurrent
// use; every method that takes the time must be given times that do not go
// back by more than a clock step would.
type Engine struct {
	cfg       Config
	conns     index
	instances instances
	now       time.Time
	fx        *Effects
	timers    timers
	stats     Statistics
	// established counts the ISAKMP SAs that are up.
	established int
	rec         trace.Record // reused for every event
	in          trace.PacketReceived
	out         trace.PacketSent // reused likewise

	byCookies map[cookiePair]*sa
	byInitial map[initialKey]*sa // responder SAs by the peer's first message
	byAddrs   map[addrPair][]*sa // oldest first
	halfOpen  backlog
	unproven  backlog
	pressure  pressure
	strays    strays
	peers     map[peerKey]*peer
	children  map[uint32]*child // by our inbound SPI
	byEnds    map[addrPair][]*child

	questions map[uint64]*question

	groupQuestions map[groupName]*groupQuestion
	provenGroups   map[groupName]bool // a client has had their key

	logins     map[uint64]*login       // of clients, by session
	leased     map[netip.Addr]*login   // by the client's address
	configured map[uint32]ClientConfig // what servers gave to connections of ours, by tag
	dhNumbers  dhNumbers

	pairs       map[isakmp.Group]*sharedPair // of aggressive mode's responder
	decoySecret secret.Secret                // empty until it is needed

	preferred map[uint32]netip.Addr // the peer that a connection's next request tries first, by tag

	assembling []*sa                  // with a message that lacks fragments, the oldest first
	firstParts map[firstKey]*assembly // first messages that lack some

	invalidSPI  map[addrPair]*instant // when ESP of a connection's peer for no SA was last told
	strangerSPI instant               // likewise, of all others

	serials *serials
	place   place
	order   uint64 // counts SAs as they begin and as they come up
}

type cookiePair struct{ i, r isakmp.Cookie }

// addrPair is our address and a peer's, whatever the ports.
type addrPair struct{ local, remote netip.Addr }

// initialKey finds the SA that a retransmitted first message opened.
type initialKey struct {
	cookie isakmp.Cookie
	remote netip.AddrPort
}

// New returns an engine without any SA.
func New(cfg Config) *Engine {
	return newEngine(cfg, indexOf(cfg.Connections), &serials{}, place{0, 1, 1})
}

func newEngine(cfg Config, conns index, shared *serials, at place) *Engine {
	return &Engine{
		cfg:        cfg,
		conns:      conns,
		serials:    shared,
		place:      at,
		instances:  newInstances(),
		byCookies:  make(map[cookiePair]*sa),
		byInitial:  make(map[initialKey]*sa),
		byAddrs:    make(map[addrPair][]*sa),
		byEnds:     make(map[addrPair][]*child),
		peers:      make(map[peerKey]*peer),
		children:   make(map[uint32]*child),
		preferred:  make(map[uint32]netip.Addr),
		invalidSPI: make(map[addrPair]*instant),
		questions:  make(map[uint64]*question),

		groupQuestions: make(map[groupName]*groupQuestion),
		provenGroups:   make(map[groupName]bool),

		pairs:      make(map[isakmp.Group]*sharedPair),
		logins:     make(map[uint64]*login),
		leased:     make(map[netip.Addr]*login),
		configured: make(map[uint32]ClientConfig),
		halfOpen:   backlog{stage: halfOpen},
		unproven:   backlog{stage: unproven},
	}
}

// next returns the next place in the order of events.
func (e *Engine) next() uint64 {
	e.order++
	return e.order
}

// begin notes the time and where effects go, for the length of one input.
func (e *Engine) begin(now time.Time, fx *Effects) {
	e.now, e.fx = now, fx
	if e.timers.origin.IsZero() {
		e.timers.origin = now
	}
}

// NextDeadline returns when Timeout must be called, which may do nothing yet; ok is
// false when nothing waits.
func (e *Engine) NextDeadline() (at time.Time, ok bool) {
	return e.timers.nextDeadline()
}

// Timeout does what is due at now.
func (e *Engine) Timeout(now time.Time, fx *Effects) {
	e.begin(now, fx)
	for t := e.timers.expired(now); t != nil; t = e.timers.expired(now) {
		t.owner.due(t, now)
	}
}

// Statistics returns the counters.
func (e *Engine) Statistics() Statistics { return e.stats }

// CountOn goes on with the counters of an earlier engine.
func (e *Engine) CountOn(s Statistics) { e.stats = s }

// emit tells an event in a context.
func (e *Engine) emit(ctx *trace.Context, ev trace.Event) {
	if e.cfg.Events == nil {
		return
	}
	e.rec = trace.Record{Time: e.now, Context: *ctx, Event: ev}
	e.cfg.Events.Record(&e.rec)
	e.rec.Event = nil
}

// drop counts a datagram that is not used and tells why.
func (e *Engine) drop(ctx *trace.Context, ev *trace.PacketDropped) {
	e.stats.Dropped[ev.Reason]++
	e.emit(ctx, ev)
}

func (e *Engine) keepCookie(c isakmp.Cookie) {
	if e.cfg.Cookies != nil {
		e.cfg.Cookies.Keep(c)
	}
}

func (e *Engine) forgetCookie(c isakmp.Cookie) {
	if e.cfg.Cookies != nil {
		e.cfg.Cookies.Forget(c)
	}
}

// sendRaw gives a datagram to the network.
func (e *Engine) sendRaw(local, remote netip.AddrPort, data []byte) {
	e.stats.DatagramsOut++
	e.fx.Send = append(e.fx.Send, Datagram{Local: local, Remote: remote, Data: data})
}

// random fills b from the configured reader. A reader that fails leaves zeros,
// which the callers treat as a failure.
func (e *Engine) random(b []byte) bool {
	for n := 0; n < len(b); {
		k, err := e.cfg.Rand.Read(b[n:])
		if err != nil || k == 0 {
			clear(b)
			return false
		}
		n += k
	}
	return true
}
