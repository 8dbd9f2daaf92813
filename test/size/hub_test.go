package size

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/lab"
	"qmidle/internal/secret"
	"qmidle/test/load"
)

// configuration is a hub that answers every site by one dynamic entry.
const configuration = `hostname hub
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 19
crypto isakmp key an-example-key address 0.0.0.0 0.0.0.0
crypto isakmp keepalive 30 periodic
crypto ipsec transform-set TSET esp-aes esp-sha-hmac
crypto dynamic-map SITES 10
 set transform-set TSET
crypto map CMAP 10 ipsec-isakmp dynamic SITES
interface Ethernet0/0
 ip address 10.255.255.254 255.0.0.0
 crypto map CMAP
interface Ethernet0/1
 ip address 192.168.2.1 255.255.255.0
`

var hubAddr = netip.MustParseAddr("10.255.255.254")

const (
	pairLife  = 120              // seconds: the least that IOS takes
	keepEvery = 30 * time.Second // of dead peer detection, at both ends
	window    = 64               // negotiations under way while the tunnels come up
)

// hub is the gateway with its sites. What the sites compute is counted apart.
type hub struct {
	testing.TB
	world *lab.World
	sites *load.Crowd // nil when they are gone
	spent time.Duration
	due   time.Time // when the sites are to be called; zero for never
}

func newHub(t testing.TB) *hub { return newHubOf(t, configuration) }

func newHubOf(t testing.TB, text string) *hub {
	w, err := lab.NewWorld([]lab.Gateway{{Name: "hub", Config: text}}, lab.Options{Seed: 1, Diagnostics: io.Discard}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{TB: t, world: w}
	w.Strangers(func(from, to netip.AddrPort, data []byte) {
		h.have(func(c *load.Crowd) []ike.Datagram { return c.Datagram(w.Now(), to, from, data) })
	})
	return h
}

// begin has the sites negotiate.
func (h *hub) begin(tunnels int) {
	h.sites = load.New(load.Config{Hub: hubAddr, Net: netip.MustParsePrefix("192.168.2.0/24"), First: netip.MustParseAddr("10.0.0.1"),
		Inner: netip.MustParseAddr("11.0.0.0"), Sites: tunnels, Key: secret.FromString("an-example-key"), Group: isakmp.GroupECP256, Window: window,
		Phase2Life: pairLife, Keepalive: &ike.Keepalive{Interval: keepEvery, Retry: 2 * time.Second, Periodic: true},
		Rand: rand.NewChaCha8([32]byte{2})}, h.world.Now())
	h.have(func(c *load.Crowd) []ike.Datagram { return c.Begin(h.world.Now()) })
}

// have has the sites do something and sends what comes of it.
func (h *hub) have(do func(*load.Crowd) []ike.Datagram) {
	if h.sites == nil {
		return
	}
	began := threadTime(h)
	list := do(h.sites)
	h.spent += threadTime(h) - began
	for _, d := range list {
		if d.Local.Port() != isakmp.PortIKE {
			h.Fatalf("a site sends from port %d, where no NAT is", d.Local.Port())
		}
		h.world.SendAsStranger(d.Local, d.Remote, d.Data)
	}
	h.arm()
}

// arm has the sites called when they want it.
func (h *hub) arm() {
	at, ok := h.sites.NextDeadline()
	if !ok || !h.due.IsZero() && !at.Before(h.due) {
		return
	}
	h.due = at
	h.world.After(at.Sub(h.world.Now()), func() {
		if h.sites == nil || h.due != at {
			return
		}
		h.due = time.Time{}
		h.have(func(c *load.Crowd) []ike.Datagram { return c.Timeout(h.world.Now()) })
	})
}

// run lets virtual time pass, or less of it.
func (h *hub) run(d time.Duration, done func() bool) { h.world.Run(h.world.Now().Add(d), done) }

func never() bool { return false }

// came is what many tunnels have come to.
type came struct {
	establish float64         // ms of processor of the hub for one tunnel
	keep      float64         // % of a core to keep all up
	heap      float64         // octets of live heap for one
	show      []time.Duration // that `show crypto isakmp sa` took
	renewals  []int           // in each second of virtual time
}

// measure brings tunnels up, keeps them for a minute, and renews all.
func measure(t testing.TB, tunnels int) came {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var c came
	h := newHub(t)
	before := liveHeap()
	spent := h.processorTime()
	h.begin(tunnels)
	h.run(10*time.Minute, func() bool { return h.sites.Stats().Up == tunnels })
	c.establish = float64((h.processorTime() - spent).Microseconds()) / 1000 / float64(tunnels)
	h.run(5*time.Second, never)
	for range 5 {
		c.show = append(c.show, h.show(tunnels))
	}
	spent = h.processorTime()
	h.run(2*keepEvery, never)
	c.keep = 100 * (h.processorTime() - spent).Seconds() / (2 * keepEvery).Seconds()
	for range 45 {
		renewed := h.sites.Stats().Renewed
		h.run(time.Second, never)
		c.renewals = append(c.renewals, int(h.sites.Stats().Renewed-renewed))
	}
	h.check(tunnels)
	h.sites = nil
	c.heap = float64(liveHeap()-before) / float64(tunnels)
	runtime.KeepAlive(h)
	return c
}

// check holds that every tunnel has lived through all of it.
func (h *hub) check(tunnels int) {
	s, router := h.sites.Stats(), h.world.Router("hub")
	if s.Up != tunnels || s.Lost != 0 || s.Failed != 0 || int(s.Renewed) < tunnels {
		h.Errorf("the sites of %d tunnels: %+v", tunnels, s)
	}
	if n := router.Statistics().Phase2Up; int(n) < 2*tunnels {
		h.Errorf("%d pairs came up at the hub for %d tunnels", n, tunnels)
	}
	if err := h.world.Check(); err != nil {
		h.Error(err)
	}
}

// show is how long the list of ISAKMP SAs takes, which has all of them.
func (h *hub) show(tunnels int) time.Duration {
	began := now(h)
	text := h.world.Show("hub", "show crypto isakmp sa")
	took := now(h) - began
	if n := strings.Count(text, "QM_IDLE"); n != tunnels {
		h.Fatalf("%d of %d ISAKMP SAs are shown", n, tunnels)
	}
	return took
}

// processorTime is the process's without what the sites have used.
func (h *hub) processorTime() time.Duration {
	return readClock(h, unix.CLOCK_PROCESS_CPUTIME_ID) - h.spent
}

func threadTime(t testing.TB) time.Duration { return readClock(t, unix.CLOCK_THREAD_CPUTIME_ID) }
func now(t testing.TB) time.Duration        { return readClock(t, unix.CLOCK_MONOTONIC) }

func readClock(t testing.TB, which int32) time.Duration {
	var x unix.Timespec
	if err := unix.ClockGettime(which, &x); err != nil {
		t.Fatal(fmt.Errorf("clock_gettime: %w", err))
	}
	return time.Duration(x.Nano())
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
