package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/dataplane"
	"qmidle/internal/hostdns"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// Options are what a gateway is made of.
type Options struct {
	Config *config.Config // loaded without errors
	// Interfaces binds interfaces of the configuration, by a name that IOS
	// takes, to Linux interfaces.
	Interfaces map[string]string
	// Socket is the path of the control socket.
	Socket string
	// Log takes debug text, system messages and the gateway's notices. It is
	// written to from one goroutine, which may wait; the gateway does not.
	Log     io.Writer
	Version console.VersionInfo
	// File is the startup configuration: what Reload reads and what `write
	// memory` replaces.
	File string
	// Release lets what the crypto maps protect pass in clear when the gateway
	// has ended. Otherwise it stays blocked, as it does when the gateway is
	// killed.
	Release bool
	// State is the directory of what outlives the gateway: the addresses that
	// clients had. "" keeps nothing.
	State string
	// Keys is the directory of RSA key pairs; "" keeps them until the end.
	Keys string
	// EasyVPN is told of each change of the Easy VPN clients, by the loop, which must
	// not wait; nil for nobody.
	EasyVPN       func([]console.EasyVPNClient)
	KeyPassphrase secret.Secret
	// Built is when the program was built; zero where that is not known. A clock
	// that is behind it is wrong.
	Built time.Time
	// Cores are what work is spread over; 0 for as many as Go runs goroutines at once.
	Cores int
}

// Lengths of the queues to the loop.
const (
	datagramQueue = 1024
	firstQueue    = 1024
	strayQueue    = 256
	eventQueue    = 1024
)

// Gateway is a running daemon.
type Gateway struct {
	opts     Options
	world    world
	kind     planeKind
	bindings bindings
	warnings []string

	// The loop's own.
	router  *router.Router
	adapter *adapter
	notices notices
	refused []uint64 // questions that found the pool full
	// unanswered are questions to an operator, of whom there is none.
	unanswered []uint64
	abandoned  []uint64 // passwords that found the pool full
	judged     []judged // certificates whose verdict waits to be handed on
	// routeWarnings were told last.
	routeWarnings []string
	marked        []byte // an IKE message behind its marker
	engines       int    // of the router
	crew          *crew
	batch         []ike.Input
	panics        int
	authorities   *authorities
	sampler       *time.Ticker
	flood         flood

	log       *textLog
	plane     plane
	pool      *pool
	hashes    *hashPool
	radius    *radiusClient
	leases    *leaseStore   // nil: none are kept
	counters  *counterStore // nil: they are not kept
	names     *nameServers
	clients   []console.EasyVPNClient // that Options.EasyVPN was told
	resolver  *resolver
	sockets   sockets
	control   *control
	monitors  monitors
	datagrams chan datagram
	firsts    chan datagram // messages without our cookie, which anybody can send: they fill no other's queue
	strays    chan datagram // messages with a cookie that is not ours, likewise
	cookies   cookies
	events    chan input
	commands  chan input
	lost      atomic.Uint64 // inputs that found their queue full
	overrun   atomic.Uint64 // likewise of firsts
	strayed   atomic.Uint64 // likewise of strays
	stopped   chan struct{} // closed when the loop has ended
	readers   sync.WaitGroup
}

// Open takes what the gateway needs of the host: the control socket, the UDP
// sockets, the data plane and the routes. Nothing is answered before Run. An
// error is for the operator, and leaves nothing behind.
func Open(o Options) (*Gateway, error) {
	if o.Cores == 0 {
		o.Cores = runtime.GOMAXPROCS(0)
	}
	return open(o, thisHost(o.Cores))
}

func open(o Options, w world) (*Gateway, error) {
	g := &Gateway{opts: o, world: w, datagrams: make(chan datagram, datagramQueue), firsts: make(chan datagram, firstQueue), strays: make(chan datagram, strayQueue), events: make(chan input, eventQueue), commands: make(chan input),
		stopped: make(chan struct{})}
	g.log = newTextLog(o.Log)
	g.notices = newNotices(g.log)
	g.resolver = newResolver()
	g.radius = newRADIUSClient()
	err := g.openAll()
	if err != nil {
		return nil, errors.Join(err, g.closeAll())
	}
	return g, nil
}

func (g *Gateway) openAll() error {
	if err := g.openAuthorities(); err != nil {
		return err
	}
	host, err := g.world.interfaces()
	if err != nil {
		return &OperatorError{"cannot list the host's interfaces: " + plainly(err), filesHint(err)}
	}
	if g.bindings, err = bind(g.opts.Config, g.opts.Interfaces, host); err != nil {
		return err
	}
	// What is wrong with the configuration is to be known before anything is
	// taken from the host.
	conns, err := router.Connections(g.opts.Config, g.bindings.local)
	if err != nil {
		return &OperatorError{Message: err.Error()}
	}
	if g.kind, err = g.choosePlane(g.opts.Config); err != nil {
		return err
	}
	if g.control, err = listenControl(g.opts.Socket); err != nil {
		return err
	}
	g.control.console = g.console
	if _, err := g.openSockets(g.opts.Config, conns); err != nil {
		return err
	}
	if g.plane, err = g.world.openPlane(g.kind, g.sendESP, g.planeEvents()); err != nil {
		return deviceError(err)
	}
	if err := g.openNameServers(); err != nil {
		g.warnings = append(g.warnings, fmt.Sprintf("the name servers that an earlier run has set are still there: %s", plainly(err)))
	}
	g.engines = min(max(1, g.world.workers), maxCrew)
	g.crew = newCrew(g.engines)
	g.pool = newPool(g.world.workers)
	g.hashes = newHashPool(g.world.workers)
	return g.openRouter()
}

func (g *Gateway) openRouter() error {
	g.adapter = newAdapter(g.plane)
	leases, err := g.openLeases()
	if err != nil {
		return err
	}
	g.router, err = router.New(router.Options{Config: g.opts.Config, DataPlane: g.adapter, Rand: g.world.rand, Now: time.Now(),
		Local: g.bindings.local, Text: g.text, DeferDH: true, Limits: trace.DefaultLimits, Cookies: &g.cookies, Leases: leases, Counted: g.openCounters(), Keys: router.KeysOf(g.authorities.keys.Key), Engines: g.engines})
	if err != nil {
		return &OperatorError{Message: err.Error()}
	}
	g.flood.told = g.router.Statistics().Floods // of an earlier run
	g.authorities.agent = trustpoint.New(trustpoint.Options{Config: g.opts.Config, Keys: g.authorities.keys, Events: g.router, Rand: g.world.rand, Serial: serialNumber()})
	if err := errors.Join(g.shapePackets(g.opts.Config), g.plane.SetPolicies(g.router.Policies())); err != nil {
		return deviceError(err)
	}
	g.warnings = append(append(g.warnings, g.warnMissing(nil)...), g.setRoutes()...)
	for _, err := range g.router.Errors() {
		g.warnings = append(g.warnings, refusal(err))
	}
	if len(g.router.Connections()) > 0 && !g.world.forwards() {
		g.warnings = append(g.warnings, "this host does not forward packets, so that only its own can pass the tunnels\n"+
			"  hint: `sysctl -w net.ipv4.ip_forward=1`")
	}
	return nil
}

// routeWarnings are those routes that the kernel refused. IOS keeps such
// routes, too, until they can be used.
func routeWarnings(err error) (all []string) {
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		if errors.Is(err, syscall.EEXIST) {
			all = append(all, fmt.Sprintf("ip route: %v: the host has a route of its own there, which stays", err))
			continue
		}
		all = append(all, fmt.Sprintf("ip route: %v: not installed", err))
	}
	return all
}

func socketError(local netip.AddrPort, err error) error {
	message := fmt.Sprintf("cannot listen on UDP %s: %s", local, plainly(err))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		who := "another IKE daemon"
		if local.Port() != isakmp.PortIKE && local.Port() != isakmp.PortNATT {
			who = "something else"
		}
		return &OperatorError{message, fmt.Sprintf("%s runs here (`ss -lunp sport = %d` shows which); stop it first", who, local.Port())}
	case errors.Is(err, os.ErrPermission):
		return &OperatorError{message, "`qmidle run` needs root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE"}
	}
	return &OperatorError{message, filesHint(err)}
}

// Warnings are what does not keep the gateway from running.
func (g *Gateway) Warnings() []string { return g.warnings }

// Summary says in one line what runs.
func (g *Gateway) Summary() string {
	conns := g.router.Connections()
	entries := "no crypto map entry is complete and applied"
	if !g.opts.Config.ISAKMP.Enabled {
		entries = "ISAKMP is disabled"
	} else if len(conns) > 0 {
		entries = whatRuns(conns)
		var on []string
		for _, c := range conns {
			for _, name := range c.Interfaces() {
				at := name
				if c.Local.IsValid() {
					at = fmt.Sprintf("%s (%s, %s)", name, g.bindings[name].linux, c.Local)
				}
				if !slices.Contains(on, at) {
					on = append(on, at)
				}
			}
		}
		entries += " on " + strings.Join(on, ", ")
	}
	if g.kind.kernel {
		entries += "; ESP by the kernel"
	}
	return fmt.Sprintf("%s is ready: %s; commands at %s", g.opts.Config.Hostname, entries, g.opts.Socket)
}

// whatRuns counts crypto map entries and Easy VPN clients.
func whatRuns(conns []*ike.Connection) string {
	counts := map[bool]int{}
	for _, c := range conns {
		counts[c.EasyVPN != nil]++
	}
	var words []string
	for _, x := range []struct {
		n         int
		one, many string
	}{{counts[false], "1 crypto map entry", "crypto map entries"}, {counts[true], "1 Easy VPN client", "Easy VPN clients"}} {
		switch x.n {
		case 0:
		case 1:
			words = append(words, x.one)
		default:
			words = append(words, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	return strings.Join(words, " and ")
}

// closeAll gives back what was opened. The loop must have ended.
func (g *Gateway) closeAll() error {
	var errs []error
	if g.control != nil {
		errs = append(errs, g.control.close())
	}
	for _, s := range g.sockets.all() {
		errs = append(errs, s.Close())
	}
	if g.names != nil {
		errs = append(errs, g.names.close())
	}
	errs = append(errs, g.closeCounters())
	if g.plane != nil {
		errs = append(errs, g.plane.Close())
	}
	g.resolver.close()
	g.radius.close()
	if g.leases != nil {
		errs = append(errs, g.leases.close())
	}
	if g.crew != nil {
		g.crew.close()
	}
	if g.pool != nil {
		g.pool.close()
	}
	if g.hashes != nil {
		g.hashes.close()
	}
	g.readers.Wait()
	g.log.close()
	return errors.Join(errs...)
}

// Run answers peers and commands until the context ends, then tells the peers
// that their SAs are gone, and gives back what Open took.
func (g *Gateway) Run(ctx context.Context) error {
	for local, s := range g.sockets.all() {
		g.readers.Go(func() { g.receive(local, s) })
	}
	g.readers.Go(func() { g.control.serve(g.command) })
	g.hostChanged() // since Open
	g.loop(ctx)
	close(g.stopped)
	err := g.closeAll()
	if g.opts.Release {
		err = errors.Join(err, g.world.release())
	}
	return err
}

// Release lets pass in clear what a gateway that has ended, or was killed,
// still blocks on this host, and restores the name servers that it kept aside in its
// state directory.
func Release(state string) error {
	err := dataplane.Release()
	if !errors.Is(err, dataplane.ErrRunning) {
		err = errors.Join(err, hostdns.New(state).RestoreLeft())
	}
	switch {
	case errors.Is(err, dataplane.ErrRunning):
		return &OperatorError{"a gateway runs on this host", "stop it first; `qmidle run --release` releases at its end"}
	case err != nil:
		return deviceError(err)
	}
	return nil
}

// Blocked says what is left behind at the end, for the operator; it is empty
// where nothing is.
func (g *Gateway) Blocked() string {
	held := func(c *ike.Connection) bool { return c.EasyVPN == nil || c.EasyVPN.Network }
	if g.opts.Release || !slices.ContainsFunc(g.router.Connections(), held) {
		return ""
	}
	return "what the crypto maps protect stays blocked\n  hint: `qmidle release` lets it pass in clear"
}

// planeEvents carry what the data plane tells to the loop.
func (g *Gateway) planeEvents() dataplane.Events {
	return dataplane.Events{Acquire: g.acquire, SoftLimit: g.softLimit, UsedUp: g.usedUp, PeerMoved: g.peerMoved,
		UnknownSPI: g.unknownSPI, Dropped: g.packetDropped, Device: g.deviceChanged, Contain: g.containESP, HostChanged: g.hostChanged}
}
