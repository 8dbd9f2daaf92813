package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
	"qmidle/test/printed"
)

func up(s *site) func() bool { return func() bool { return len(s.plane.SAs()) == 2 } }

func down(s *site) func() bool { return func() bool { return len(s.plane.SAs()) == 0 } }

func TestTrafficBringsATunnelUpAndTheEndTakesItDown(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	one.do(t, "debug crypto isakmp")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	for _, s := range []*site{one, two} {
		out := s.do(t, "show crypto isakmp sa")
		if !strings.Contains(out, "127.0.0.2       127.0.0.1       QM_IDLE") {
			t.Errorf("show crypto isakmp sa:\n%s", out)
		}
	}
	if !strings.Contains(one.Summary(), "one is ready: 1 crypto map entry on Ethernet0/0 (lo, 127.0.0.1); commands at "+one.socket) {
		t.Errorf("summary %q", one.Summary())
	}
	one.stop(t)
	waitFor(t, "the delete at two", down(two))
	if !one.plane.closed || len(one.plane.SAs()) != 0 {
		t.Error("the data plane is left open, or with SAs")
	}
	if _, err := os.Stat(one.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("control socket after the end: %v", err)
	}
	if !strings.Contains(one.log.String(), "New State = IKE_P1_COMPLETE") {
		t.Errorf("debug text:\n%s", one.log)
	}
}

func TestOnlyReleaseOpensAtTheEnd(t *testing.T) {
	one, two := twoSites(t, "")
	one.opts.Release = true
	for _, s := range []*site{one, two} {
		s.plane.events.Device("qmidle0", nil)
		waitFor(t, "the notice", func() bool { return strings.Contains(s.log.String(), "the device qmidle0 was removed or set down") })
		s.stop(t)
	}
	if one.plane.released != 1 || one.Blocked() != "" {
		t.Errorf("with Release: %d times, %q", one.plane.released, one.Blocked())
	}
	if two.plane.released != 0 || !strings.Contains(two.Blocked(), "stays blocked") {
		t.Errorf("without: %d times, %q", two.plane.released, two.Blocked())
	}
}

func TestBothEndsNegotiateAtOnce(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	for range 20 {
		one.acquire()
		two.acquire()
	}
	waitFor(t, "SAs at one", func() bool { return len(one.plane.SAs()) >= 2 })
	waitFor(t, "SAs at two", func() bool { return len(two.plane.SAs()) >= 2 })
}

func TestClearEndsTheTunnelAtBothEnds(t *testing.T) {
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	if out := two.do(t, "clear crypto sa"); out != "" {
		t.Errorf("clear crypto sa says %q", out)
	}
	waitFor(t, "no SAs at one", down(one))
	one.do(t, "clear crypto isakmp 1")
	waitFor(t, "no ISAKMP SA at two", func() bool { return !strings.Contains(two.do(t, "show crypto isakmp sa"), "QM_IDLE") })
	p, err := Ask(one.socket, Request{Line: "clear crypto isakmp 77"})
	if err != nil || p.OK || p.Error != "% no ISAKMP SA with connection id 77" {
		t.Errorf("clear of an unknown SA: %+v, %v", p, err)
	}
}

func TestVolumeRenewsThePair(t *testing.T) {
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	for _, s := range one.plane.SAs() {
		if s.Params.Direction == ipsec.Outbound {
			one.plane.events.SoftLimit(s.Params)
		}
	}
	waitFor(t, "a second pair at one", func() bool { return len(one.plane.SAs()) == 4 })
	waitFor(t, "a second pair at two", func() bool { return len(two.plane.SAs()) == 4 })
}

func TestVolumeThatIsUsedUpEndsThePair(t *testing.T) {
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	for _, s := range one.plane.SAs() {
		if s.Params.Direction == ipsec.Outbound {
			one.plane.events.UsedUp(s.Params)
		}
	}
	waitFor(t, "no SAs at one", func() bool { return len(one.plane.SAs()) == 0 })
	waitFor(t, "no SAs at two", func() bool { return len(two.plane.SAs()) == 0 })
}

// Whether a peer may move is the engine's to judge; here both SAs must follow.
func TestBothSAsFollowAPeerThatMoved(t *testing.T) {
	one, _ := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs", up(one))
	to := netip.MustParseAddrPort("127.0.0.2:61000")
	var in, out ipsec.SAParams
	for _, s := range one.plane.SAs() {
		if s.Params.Direction == ipsec.Inbound {
			in = s.Params
		} else {
			out = s.Params
		}
	}
	if err := (&adapter{plane: one.plane}).MovePeer(in.SPI, out.SPI, in.Remote, to); err != nil {
		t.Fatal(err)
	}
	one.plane.mu.Lock()
	defer one.plane.mu.Unlock()
	if len(one.plane.moved) != 2 || one.plane.moved[0] != to || one.plane.moved[1] != to {
		t.Errorf("moved %v, want both SAs to %v", one.plane.moved, to)
	}
}

func TestAFaultInOneInputDoesNotEndTheDaemon(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	one.plane.mu.Lock()
	one.plane.refuse = func() error { panic("broken on purpose") }
	one.plane.mu.Unlock()
	one.acquire()
	waitFor(t, "the notice", func() bool { return strings.Contains(one.log.String(), "internal error 1 while handling") })
	if n := strings.Count(one.log.String(), "internal error"); n != 1 || !strings.Contains(one.log.String(), "broken on purpose at qmidle/internal/gateway.TestAFaultInOneInputDoesNotEndTheDaemon.") {
		t.Errorf("%d notices of the fault:\n%s", n, one.log)
	}
	two.do(t, "clear crypto isakmp")
	one.do(t, "clear crypto isakmp")
	waitFor(t, "SAs after the fault", func() bool {
		one.acquire() // as packets do that keep coming
		return len(one.plane.SAs()) >= 2
	})
}

// Whatever a fault hands to the log, the keys in it do not show; newSite's end
// looks for them.
func TestAFaultTellsNoKey(t *testing.T) {
	wantNoLeak(t)
	one, _ := twoSites(t, "")
	one.plane.mu.Lock()
	one.plane.refuse = func() error { panic([]any{*one.opts.Config, one.opts.Config.ISAKMP.Keys}) }
	one.plane.mu.Unlock()
	one.acquire()
	waitFor(t, "the notice", func() bool { return strings.Contains(one.log.String(), "internal error 1 while handling") })
	if log := one.log.String(); !strings.Contains(log, "<secret>") || strings.Contains(log, "example-key") {
		t.Errorf("the fault is told as\n%s", log)
	}
}

func TestTheOperatorIsToldWhatTheDataPlaneRefuses(t *testing.T) {
	one, _ := twoSites(t, "")
	one.plane.mu.Lock()
	one.plane.refuse = func() error { return errors.New("no room") }
	one.plane.mu.Unlock()
	one.acquire()
	waitFor(t, "the notice", func() bool {
		return strings.Contains(one.log.String(), "qmidle: the data plane refused an SA: no room\n")
	})
}

func TestTheOperatorIsToldOfDroppedESP(t *testing.T) {
	one, _ := twoSites(t, "")
	from, to := netip.MustParseAddrPort("127.0.0.2:0"), netip.MustParseAddrPort("127.0.0.1:0")
	sel := one.plane.policies[0].Selector
	clear := ipsec.Flow{Src: sel.RemoteNet.Lo, Dst: sel.LocalNet.Lo, Protocol: 1}
	for range 5 {
		one.plane.events.UnknownSPI(0xabcdef01, from, to)
		one.plane.events.Dropped(ipsec.DropReplayOld, 0x1234, ipsec.Flow{})
		one.plane.events.Dropped(ipsec.DropLeavesClear, 0, clear.Reverse())
		one.plane.events.Dropped(ipsec.DropClearTextRequired, 0, clear)
	}
	waitFor(t, "the notices", func() bool {
		return strings.Count(one.log.String(), "qmidle: ") == 3 && strings.Contains(one.log.String(), "%CRYPTO-4-RECVD_PKT_NOT_IPSEC")
	})
	for _, want := range []string{
		"ESP from 127.0.0.2 to 127.0.0.1 has SPI 0xABCDEF01, which no SA here has",
		"packets of the SA with SPI 0x00001234 are dropped: replay: too old",
		"packets from " + clear.Dst.String() + " to " + clear.Src.String() + " are dropped: would leave in clear where IPsec is required",
		"%CRYPTO-4-RECVD_PKT_NOT_IPSEC: Rec'd packet not an IPSEC packet. (ip) vrf/dest_addr= /" + clear.Dst.String() + ", src_addr= " +
			clear.Src.String() + ", prot= 1\n",
	} {
		if !strings.Contains(one.log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, one.log)
		}
	}
}

// Few ESP packets of no SA are a peer that does not know; many are a flood.
func TestAFloodOfESPIsTold(t *testing.T) {
	one, two := twoSites(t, "")
	one.plane.unknown.Store(espFlood)
	two.plane.unknown.Store(5000)
	waitFor(t, "the notice", func() bool {
		return strings.Contains(two.log.String(), "qmidle: a flood: 5000 ESP packets of no SA, since it was told last; `explain crypto` says more\n")
	})
	if strings.Contains(one.log.String(), "a flood") {
		t.Errorf("a peer is taken for a flood:\n%s", one.log)
	}
}

func TestRubbishOnThePortsIsCounted(t *testing.T) {
	one, two := twoSites(t, "")
	large := make([]byte, 40000)
	for _, d := range [][]byte{{}, {1}, make([]byte, 28), large} {
		if err := two.sockets.at(netip.AddrPortFrom(addrTwo, 500)).Send(one.world.ports.toWire(netip.AddrPortFrom(addrOne, 500)), d); err != nil {
			t.Fatal(err)
		}
	}
	var stats struct {
		In      int `json:"datagrams_in"`
		Dropped map[string]int
	}
	waitFor(t, "four datagrams", func() bool {
		p, err := Ask(one.socket, Request{Line: "show crypto isakmp statistics", JSON: true})
		if err != nil || json.Unmarshal(p.JSON, &stats) != nil {
			t.Fatalf("%v %+v", err, p)
		}
		return stats.In == 4
	})
	sum := 0
	for _, n := range stats.Dropped {
		sum += n
	}
	if sum != 4 {
		t.Errorf("dropped: %v", stats.Dropped)
	}
}

func TestStartFailsInWordsForTheOperator(t *testing.T) {
	listen, p := loopback(t)
	good := fmt.Sprintf(siteConfig, "one", addrOne, addrTwo, "10.1.0.0", "10.2.0.0", "")
	for name, x := range map[string]struct {
		text  string
		world func(*world)
		want  string
	}{
		"address":   {strings.Replace(good, "127.0.0.1 255", "10.9.9.9 255", 1), func(*world) {}, "no interface of this host has the address 10.9.9.9\n  hint: give it to the host (`ip address add 10.9.9.9/8 dev "},
		"port":      {good, func(w *world) { w.listen = failing(syscall.EADDRINUSE) }, "cannot listen on UDP 127.0.0.1:500: address already in use\n  hint: another IKE daemon"},
		"rights":    {good, func(w *world) { w.listen = failing(syscall.EPERM) }, "hint: `qmidle run` needs root"},
		"no device": {good, func(w *world) { w.openPlane = noPlane(syscall.ENOENT) }, "hint: the TUN device needs /dev/net/tun"},
		"busy":      {good, func(w *world) { w.openPlane = noPlane(syscall.EBUSY) }, "hint: another qmidle runs here"},
	} {
		wantNoLeak(t)
		w := testWorld(&fakePlane{}, listen, p)
		x.world(&w)
		socket := t.TempDir() + "/s"
		_, err := open(Options{Config: loadText(t, x.text), Socket: socket, Log: &printed.Output{}}, w)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
		if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the control socket stays: %v", name, err)
		}
		listen, p = loopback(t)
	}
}

func failing(n syscall.Errno) func(netip.AddrPort) (udpSocket, error) {
	return func(netip.AddrPort) (udpSocket, error) { return nil, os.NewSyscallError("bind", n) }
}

func noPlane(n syscall.Errno) func(planeKind, dataplane.SendUDP, dataplane.Events) (plane, error) {
	return func(planeKind, dataplane.SendUDP, dataplane.Events) (plane, error) {
		return nil, os.NewSyscallError("open", n)
	}
}

func TestRoutesThatTheHostRefusesAreWarnings(t *testing.T) {
	listen, p := loopback(t)
	fake := &fakePlane{routeErr: errors.Join(
		fmt.Errorf("add route to 0.0.0.0/0: %w", syscall.EEXIST), fmt.Errorf("add route to 10.0.0.0/8: %w", syscall.ENETUNREACH))}
	w := testWorld(fake, listen, p)
	w.forwards = func() bool { return false }
	text := fmt.Sprintf(siteConfig, "one", addrOne, addrTwo, "10.1.0.0", "10.2.0.0",
		"ip route 0.0.0.0 0.0.0.0 127.0.0.9\nip route 10.0.0.0 255.0.0.0 127.0.0.9 5\nip route 10.4.0.0 255.255.0.0 Serial0/0\n")
	g, err := open(Options{Config: loadText(t, text), Socket: t.TempDir() + "/s", Log: &printed.Output{}}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.closeAll(); err != nil {
			t.Error(err)
		}
	}()
	all := strings.Join(g.Warnings(), "\n")
	for _, want := range []string{"ip route 10.4.0.0/16 by Serial0/0: not installed", "add route to 0.0.0.0/0: file exists: the host has a route of its own",
		"add route to 10.0.0.0/8: network is unreachable: not installed", "this host does not forward packets"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning %q among:\n%s", want, all)
		}
	}
	if len(fake.routes) != 2 || fake.routes[0].Metric != 0 || fake.routes[1].Metric != 5 {
		t.Errorf("routes %+v", fake.routes)
	}
}

func TestIdleGatewayWaits(t *testing.T) {
	one, _ := twoSites(t, "")
	one.do(t, "show version")
	if got := one.wait(); got < time.Minute {
		t.Errorf("wakes after %v with nothing to do", got)
	}
}
