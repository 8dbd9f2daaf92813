package router

import (
	"io"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// DataPlane is where IPsec SAs live and packets wait.
type DataPlane interface {
	ike.Traffic
	// Install adds one SA. The inbound one of a pair comes first. The keys are
	// overwritten when it returns.
	Install(ipsec.SAParams) error
	Remove(ike.RemovedSA)
	// AddInstance makes the dynamic lines of a connection lead to one more entry,
	// ahead of its SAs; RemoveInstance takes it back behind them.
	AddInstance(template uint32, entry ipsec.PolicyEntry) error
	RemoveInstance(tag uint32) error
	// AcquireFailed says that packets waiting for a connection's line can go.
	AcquireFailed(tag uint32, line int)
	// Counters are those of a pair of SAs that is installed.
	Counters(inSPI, outSPI uint32) console.Counters
	// Drops counts the packets that were dropped, whatever their SA.
	Drops() ipsec.DropCounts
}

// Options are what a driver gives a router.
type Options struct {
	Config    *config.Config
	DataPlane DataPlane
	Rand      io.Reader
	Now       time.Time
	Local     LocalAddress // nil: ConfiguredAddress
	Keys      Keys         // nil: there are none
	// Text takes debug lines and system messages as they happen.
	Text func([]byte)
	// JSON takes every record as a line of JSON; nil for none.
	JSON func([]byte)
	// Events takes every record; nil for none.
	Events  trace.Sink
	DeferDH bool
	// Engines is how many there are side by side, for Spread; 0 is one.
	Engines int
	// ClockMark is trace.IOS's: '*' for a clock that nothing has set.
	ClockMark byte
	Limits    trace.Limits
	// Cookies is told of the engine's; nil for nobody.
	Cookies ike.Cookies
	// Leases are the addresses that clients had in an earlier run, by pool.
	Leases map[string][]aaa.Lease
	// Counted is what an earlier run has counted, to go on with; nil for nothing.
	Counted *Counted
}

// Router is one gateway's control plane.
type Router struct {
	opts      Options
	cfg       *config.Config
	conns     []*ike.Connection
	peers     peering
	names     *names
	engines   *ike.Engines
	recorder  *trace.Recorder
	ios       trace.IOS
	debug     console.Debug
	condition console.DebugCondition // whose debug lines are shown
	started   time.Time
	now       time.Time
	fx        ike.Effects
	text      []byte
	tally     tally
	dropped   ipsec.DropCounts // by the data planes of earlier runs
	reverse   reverse
	cleared   time.Time // when the operator cleared the log
	lookups   []Lookup
	parked    []parked
	access    *access
	errors    []error
	lastTag   uint32 // of a connection

	clients       []*easyVPN
	networks      []ClientNetwork     // that the data plane has
	clientEntries []ipsec.PolicyEntry // that it has of clients
	ending        bool                // the router shuts down: nothing is begun

	clearText clearTextLimit
	messages  messageLimit
}

// New makes a router of a configuration that has loaded without errors. It
// fails for what the configuration asks and this cannot do.
func New(o Options) (*Router, error) {
	if o.Local == nil {
		o.Local = ConfiguredAddress
	}
	known := newNames(o.Config, nil)
	conns, err := connections(o.Config, o.Local, known)
	if err != nil {
		return nil, err
	}
	r := &Router{opts: o, cfg: o.Config, conns: conns, peers: newPeering(o.Config, o.Local, known), names: known, started: o.Now, now: o.Now,
		recorder: trace.NewRecorder(o.Limits), tally: newTally(), reverse: newReverse(), lastTag: uint32(len(conns))}
	if r.clients, err = newEasyVPNs(o.Config, conns, nil); err != nil {
		return nil, err
	}
	r.clientEntries = clientPolicies(r.clients)
	for _, x := range r.clients {
		x.next = o.Now
	}
	r.ios = trace.IOS{Started: o.Now, ClockMark: o.ClockMark}
	r.setLogging()
	r.access = newAccess(o, r)
	r.engines = ike.NewEngines(r.engineConfig(), o.Engines)
	r.countOn(o.Counted)
	if r.active() {
		r.Record(&trace.Record{Time: o.Now, Event: &trace.ISAKMPOnOff{On: true}})
	}
	r.askReverseRoutes()
	return r, nil
}

// active says whether a crypto map is applied and ISAKMP is on.
func (r *Router) active() bool { return r.cfg.ISAKMP.Enabled && len(r.conns) > 0 }

func (r *Router) setLogging() {
	r.ios.DebugTime = timestamps(r.cfg.TimestampsDebug)
	r.ios.LogTime = r.ios.DebugTime
	r.ios.Sessions = r.cfg.LogSessions
}

// settleTime is what a busy charon needs to install its SAs, with room to spare.
const settleTime = 50 * time.Millisecond

func (r *Router) engineConfig() ike.Config {
	i, points := r.cfg.ISAKMP, trustpoints(r.cfg, r.opts.Keys)
	e := ike.Config{
		Policies: ofCurves(IKEPolicies(r.cfg), points), DefaultPolicy: i.DefaultPolicy, Keys: r.peers.keys, Profiles: r.peers.profiles, Identity: identity(r.cfg),
		NATT: nattVersions(r.cfg.Version), NATKeepalive: i.NATKeepalive,
		RetransmitInterval: i.Retransmission.Interval, RetransmitTries: i.Retransmission.Tries,
		Rand: r.opts.Rand, Events: r, Traffic: r.opts.DataPlane, Cookies: r.opts.Cookies, DeferDH: r.opts.DeferDH, SettleTime: settleTime,
		InvalidSPIRecovery: i.SPIRecovery, NoAggressive: !i.AggressiveMode, Aggressive: r.peers.aggressive, Groups: r.peers.groups,
		XAuthTimeout: i.XauthTimeout, Application: application, UDPPorts: UDPPorts(r.cfg), Trustpoints: points,
		NonceKeys: nonceKeys(r.cfg, r.opts.Keys), MaxSAs: i.MaxSAs, MaxHalfOpen: i.MaxNegotiating, MaxUnproven: i.MaxNegotiating,
	}
	if i.Identity == config.IdentityDN {
		e.Identity = policy.Identity{Type: isakmp.IDDERASN1DN}
	}
	if i.Enabled {
		e.Connections = r.conns
	}
	if i.Fragmentation > 0 {
		e.Fragmentation = &ike.Fragmentation{MTU: i.Fragmentation}
	}
	if i.Keepalive != nil {
		e.Keepalive = &ike.Keepalive{Interval: i.Keepalive.Interval, Retry: i.Keepalive.Retry, Periodic: i.Keepalive.Periodic}
	}
	return e
}

// nattVersions are what a release offers, best first: IOS 12.3 knows no RFC
// 3947 yet.
func nattVersions(release string) []trace.NATTVersion {
	drafts := []trace.NATTVersion{trace.NATTDraft07, trace.NATTDraft03, trace.NATTDraft02n}
	if release == "12.3" || strings.HasPrefix(release, "12.3(") {
		return drafts
	}
	return append([]trace.NATTVersion{trace.NATTRFC3947}, drafts...)
}

// Policies is the SPD that the data plane needs. It holds with ISAKMP off too:
// what a crypto map protects must not leave in clear because nothing can
// negotiate for it.
func (r *Router) Policies() []ipsec.PolicyEntry {
	return append(policyEntries(r.conns, poolRanges(r.cfg)), clientPolicies(r.clients)...)
}

// Record implements trace.Sink: it feeds the flight recorder and, where a debug
// is on, prints.
func (r *Router) Record(rec *trace.Record) {
	r.recorder.Record(rec)
	r.doubt(rec)
	r.noteRejected(rec)
	shown := r.condition.Shows(rec.Remote.Addr())
	r.ios.ISAKMP, r.ios.IPsec, r.ios.Engine = r.debug.ISAKMP && shown, r.debug.IPsec && shown, r.debug.Engine && shown
	r.ios.AAAAuthentication, r.ios.AAAAuthorization, r.ios.RADIUS = r.debug.Authentication && shown, r.debug.Authorization && shown, r.debug.RADIUS && shown
	// Certificates are of no peer, and of every one.
	r.ios.PKIMessages, r.ios.PKITransactions, r.ios.PKIValidation = r.debug.PKIMessages, r.debug.PKITransactions, r.debug.PKIValidation
	if r.opts.Text != nil {
		r.print(rec)
	}
	if r.opts.Events != nil {
		r.opts.Events.Record(rec)
	}
	if r.opts.JSON != nil {
		r.opts.JSON(trace.AppendJSON(nil, rec))
	}
}

// Output is what an input makes the driver do. It holds until the next input.
type Output struct {
	Send      []ike.Datagram
	Questions []ike.Question
	Lookups   []Lookup
	RADIUS    []aaa.Datagram
	Work      []aaa.Work // its outcome goes to Worked
	Leases    []aaa.LeaseChange
}

func (r *Router) begin(now time.Time) *ike.Effects {
	r.now = now
	r.fx.Reset()
	r.lookups = r.lookups[:0]
	r.access.fx.Reset()
	return &r.fx
}

// finish carries effects to the data plane.
func (r *Router) finish() Output {
	r.takeConfigured()
	refused := r.addInstances()
	for _, p := range r.fx.Install {
		if refused[p.Tag] {
			continue
		}
		if err := r.opts.DataPlane.Install(p); err != nil {
			r.errors = append(r.errors, err)
		}
	}
	for _, p := range r.fx.Install { // what has the keys now has made its own of them
		p.EncKey.Clear()
		p.AuthKey.Clear()
	}
	for _, p := range r.fx.Install {
		if p.Direction == ipsec.Outbound && !refused[p.Tag] {
			r.addReverse(p)
		}
	}
	r.movePeers() // some of them may end by the same message
	for _, x := range r.fx.Remove {
		if x.Direction == ipsec.Outbound {
			r.removeReverse(x.ID)
		}
		if x.Direction == ipsec.Inbound {
			carried := r.opts.DataPlane.Counters(x.SPI, x.PairSPI)
			r.tally.gone(x, carried)
			r.access.gone(x, carried)
		}
		r.opts.DataPlane.Remove(x)
	}
	for _, f := range r.fx.Failed {
		r.opts.DataPlane.AcquireFailed(f.Connection, f.Line)
	}
	r.consult(r.now)
	r.removeInstances()
	r.followClients()
	x := &r.access.fx
	return Output{r.fx.Send, r.fx.Questions, r.lookups, x.Send, x.Work, x.Leases}
}

// Datagram handles an IKE message.
func (r *Router) Datagram(now time.Time, local, remote netip.AddrPort, data []byte) Output {
	r.engines.Datagram(now, local, remote, data, r.begin(now))
	return r.finish()
}

// Spread divides inputs among the engines, which may be driven at the same time, each
// by a goroutine of its own. When all shares are handled, Gather is to be called.
func (r *Router) Spread(now time.Time, inputs []ike.Input) []*ike.Share {
	r.begin(now)
	return r.engines.Spread(now, inputs)
}

// Gather ends what Spread has begun.
func (r *Router) Gather() Output {
	r.engines.Gather(r.now, &r.fx)
	return r.finish()
}

// Timeout does what is due.
func (r *Router) Timeout(now time.Time) Output {
	r.begin(now)
	r.resolveDue(now)
	r.answerAAA(now)
	r.access.aaa.Timeout(now, &r.access.fx)
	r.engines.Timeout(now, &r.fx)
	r.clientsDue(now)
	return r.finish()
}

// NextDeadline is when Timeout must be called.
func (r *Router) NextDeadline() (at time.Time, ok bool) {
	if len(r.access.answers) > 0 {
		return r.now, true
	}
	at, ok = r.engines.NextDeadline()
	for _, other := range []func() (time.Time, bool){r.resolveDeadline, r.clientsDeadline, r.access.aaa.NextDeadline} {
		if t, due := other(); due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Answer gives a question's result.
func (r *Router) Answer(now time.Time, id uint64, a ike.Answer) Output {
	r.engines.Answer(now, id, a, r.begin(now))
	return r.finish()
}

// Acquire asks for SAs for a connection's line.
func (r *Router) Acquire(now time.Time, tag uint32, line int) Output {
	r.begin(now)
	if a := (ike.Acquire{Connection: tag, Line: line}); !r.acquireClient(now, tag) && !r.park(now, a) {
		r.engines.Acquire(now, a, &r.fx)
	}
	return r.finish()
}

// Shutdown deletes everything and tells the peers.
func (r *Router) Shutdown(now time.Time) Output {
	r.ending = true
	r.engines.Shutdown(now, r.begin(now))
	return r.finish()
}

// Errors returns, once, what the data plane refused.
func (r *Router) Errors() []error {
	e := r.errors
	r.errors = nil
	return e
}

// HistoryLost is how many events of a peer the flight recorder has dropped.
func (r *Router) HistoryLost(peer netip.Addr) uint64 { return r.recorder.Lost(peer) }

// History returns the recorded events of a peer, or those of no peer for the invalid
// address, oldest first.
func (r *Router) History(peer netip.Addr) []trace.Record { return r.recorder.Records(peer) }
