//go:build integration

package dataplane

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ipsec"
)

// template is the tag of the tests' dynamic crypto map entry.
const template = 20

// openTemplate answers any peer for any networks.
func openTemplate() ipsec.PolicyEntry {
	all := netRange("0.0.0.0/0")
	return ipsec.PolicyEntry{Tag: template, Permit: true, Dynamic: true, Open: true, Selector: ipsec.Selector{LocalNet: all, RemoteNet: all}}
}

// instanceOf is the entry with the tag of the tests' SAs.
func instanceOf(local, remote string) ipsec.PolicyEntry { return permit(local, remote) }

func addInstance(t testing.TB, g *gateway, e ipsec.PolicyEntry) {
	t.Helper()
	if err := g.AddInstance(template, e); err != nil {
		t.Fatal(err)
	}
}

func guardTableText(t testing.TB) string {
	return run(t, "ip netns exec qdp-hub nft list table inet qmidle")
}

// TestInstanceOfAnOpenTemplate: what a peer has asked for is protected as long as
// its instance is there, and nothing else ever is.
func TestInstanceOfAnOpenTemplate(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, openTemplate())
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received") // there is no peer: in clear
	rules, table := eitherBank(kernelState(t, nsHub)), guardTableText(t)
	addInstance(t, h, instanceOf("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	count := clearText(t)
	wantPing(t, nsHubHost, "-c 1 -W 1 192.168.3.10", wantLost) // waits for its SA
	connect(t, h, s, true, false)
	wantPing(t, nsHubHost, "-c 3 192.168.3.10", " 3 received")
	wantPing(t, nsSpokeHost, "-c 3 192.168.2.10", " 3 received")
	wantPing(t, nsHub, "-c 1 192.168.3.10", " 1 received") // with a source in the network
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	// Other hosts are nobody's business, on either side.
	run(t, "ip -n qdp-lh addr add 172.16.0.9/32 dev eth0; ip -n qdp-hub route add 172.16.0.9 dev lan0; ip -n qdp-spoke route add 172.16.0.9 via 192.1.1.40")
	wantPing(t, nsHubHost, "-c 1 -I 172.16.0.9 192.168.3.10", "1 received")
	count()

	// Without its rules the guard alone is in the way; and in clear nothing comes in.
	if err := s.SetPolicies(nil); err != nil {
		t.Fatal(err)
	}
	if err := s.host.Release(); err != nil {
		t.Fatal(err)
	}
	before := guarded(t, h).In
	wantPing(t, nsSpokeHost, "-c 2 -W 1 192.168.2.10", wantLost)
	if c := guarded(t, h); c.In != before+2 {
		t.Errorf("counters %+v", c)
	}
	run(t, "ip -n qdp-hub rule show | sed -n 's/^\\(1[0-9]*\\|2[0-9]*\\):.*/\\1/p' | while read p; do ip -n qdp-hub rule del priority $p; done")
	count()
	wantPing(t, nsHubHost, "-c 2 -W 1 192.168.3.10", wantLost)
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear without rules", n)
	}

	// It goes, and all is as before.
	if err := h.SetPolicies([]ipsec.PolicyEntry{openTemplate()}); err != nil { // puts the rules back
		t.Fatal(err)
	}
	if err := h.RemoveInstance(crypto); err != nil {
		t.Fatal(err)
	}
	if now := eitherBank(kernelState(t, nsHub)); now != rules {
		t.Errorf("rules before:\n%s\nafter:\n%s", rules, now)
	}
	withoutCounts := func(s string) string {
		var kept []string
		for line := range strings.Lines(s) {
			if !strings.Contains(line, "packets") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	if now := guardTableText(t); withoutCounts(now) != withoutCounts(table) {
		t.Errorf("table before:\n%s\nafter:\n%s", table, now)
	}
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received")
}

// eitherBank is the kernel's state wherever the rules are: they move when the
// host's addresses change, and those of a new namespace settle late.
func eitherBank(state string) string { return strings.ReplaceAll(state, "2000", "1000") }

// TestInstanceOfAClosedTemplate: an access list is protected at all times, peer
// or not.
func TestInstanceOfAClosedTemplate(t *testing.T) {
	lab(t)
	asked := 0
	h, s := openGateway(t, nsHub, hub, func(ipsec.PolicyEntry) { asked++ }), openGateway(t, nsSpoke, spoke, nil)
	closed := permit("192.168.2.0/24", "192.168.3.0/24")
	closed.Tag, closed.Dynamic = template, true
	setPolicies(t, h, closed)
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	count := clearText(t)
	wantPing(t, nsHubHost, "-c 2 -W 1 192.168.3.10", wantLost)
	if asked != 0 {
		t.Error("SAs were asked for, of a peer that is not there")
	}
	if n := h.Stats().Drops[ipsec.DropNoSA]; n != 2 {
		t.Errorf("%d drops", n)
	}
	state := eitherBank(kernelState(t, nsHub))
	addInstance(t, h, instanceOf("192.168.2.0/24", "192.168.3.0/25"))
	connect(t, h, s, true, false)
	wantPing(t, nsHubHost, "-c 2 192.168.3.10", " 2 received")
	if now := eitherBank(kernelState(t, nsHub)); now != state {
		t.Errorf("the kernel was told of an instance that it protects already:\n%s", now)
	}
	if err := h.RemoveInstance(crypto); err != nil {
		t.Fatal(err)
	}
	wantPing(t, nsHubHost, "-c 2 -W 1 192.168.3.10", wantLost)
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// TestInstancesComeAndGoAroundOneThatStays changes others all the time while one
// carries packets, and measures what a change costs.
func TestInstancesComeAndGoAroundOneThatStays(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, openTemplate())
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	addInstance(t, h, instanceOf("192.168.2.0/24", "192.168.3.0/24"))
	connect(t, h, s, true, false)
	count := clearText(t)
	pings := make(chan string)
	go func() { pings <- ping(nsHubHost, "-i 0.01 -c 500 192.168.3.10") }()
	const others = 2000
	other := func(i int) ipsec.PolicyEntry {
		e := instanceOf("192.168.2.0/24", fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
		e.Tag = uint32(1000 + i)
		return e
	}
	began := time.Now()
	for i := range others {
		addInstance(t, h, other(i))
	}
	t.Logf("%d instances: %v each", others, time.Since(began)/others)
	// Overlapping ones, and some of other networks of this side.
	wide := instanceOf("192.168.2.0/24", "10.0.0.0/8")
	wide.Tag = 1
	addInstance(t, h, wide)
	for i := range 50 {
		e := instanceOf(fmt.Sprintf("172.20.%d.0/24", i), "10.7.0.0/16")
		e.Tag = uint32(100 + i)
		addInstance(t, h, e)
	}
	// A new policy and new addresses take them all along.
	setPolicies(t, h, openTemplate(), func() ipsec.PolicyEntry { e := permit("172.31.0.0/16", "172.30.0.0/16"); e.Tag = 2; return e }())
	if err := h.host.Renew(DefaultDevice); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := h.RemoveInstance(uint32(100 + i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.RemoveInstance(1); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	for i := range others {
		if err := h.RemoveInstance(other(i).Tag); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d instances: %v each to remove", others, time.Since(began)/others)
	if out := <-pings; !strings.Contains(out, " 0% packet loss") {
		t.Errorf("the one that stayed lost packets:\n%s", out)
	}
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	if table := guardTableText(t); strings.Count(table, "set peers-") != 1 || strings.Contains(table, "10.7.0.0") {
		t.Errorf("left in the guard:\n%s", table)
	}
	if state := kernelState(t, nsHub); strings.Contains(state, " 10.") || strings.Contains(state, "172.20.") {
		t.Errorf("left in the routes:\n%s", state)
	}
}

// TestInstanceWithPorts covers one port of UDP, in fragments too.
func TestInstanceWithPorts(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, openTemplate())
	line := instanceOf("192.168.2.0/24", "192.168.3.0/24")
	line.Selector.Protocol, line.Selector.RemotePort = 17, ipsec.PortRange{Lo: 9000, Hi: 9000}
	addInstance(t, h, line)
	back := permit("192.168.3.0/24", "192.168.2.0/24")
	back.Selector.Protocol, back.Selector.LocalPort = 17, ipsec.PortRange{Lo: 9000, Hi: 9000}
	setPolicies(t, s, back)
	there := oneWay(0x1001, hub, spoke, line.Selector, true, false)
	if err := h.Install(there); err != nil {
		t.Fatal(err)
	}
	if err := s.Install(received(there)); err != nil {
		t.Fatal(err)
	}
	count := clearText(t)
	for port, clear := range map[int]bool{9000: false, 9001: true} {
		if got := sendDatagram(t, port, 4000); got != 4000 {
			t.Errorf("port %d: %d octets came", port, got)
		}
		if n := count(); (n > 0) != clear {
			t.Errorf("port %d: %d packets in clear", port, n)
		}
	}
	if err := h.RemoveInstance(crypto); err != nil {
		t.Fatal(err)
	}
	if table := guardTableText(t); strings.Contains(table, "peers-") || strings.Contains(table, "ct state") {
		t.Errorf("left in the guard:\n%s", table)
	}
}

// TestInstancesOutliveTheDevice removes the device and the guard's table under
// an instance.
func TestInstancesOutliveTheDevice(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, openTemplate())
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	addInstance(t, h, instanceOf("192.168.2.0/24", "192.168.3.0/24"))
	connect(t, h, s, true, false)
	count := clearText(t)
	before := 0
	h.note(func() { before = h.devices })
	run(t, "ip -n qdp-hub link del qmidle0")
	eventually(t, "the device", func() (told bool) {
		h.note(func() { told = h.devices > before })
		return told
	})
	wantPing(t, nsHubHost, "-c 2 192.168.3.10", " 2 received")
	wantPing(t, nsHub, "-c 1 192.168.3.10", " 1 received")
	// Somebody flushes the tables: the next change makes ours anew.
	run(t, "ip netns exec qdp-hub nft flush ruleset")
	other := instanceOf("192.168.2.0/24", "10.9.0.0/16")
	other.Tag = 77
	addInstance(t, h, other)
	if table := guardTableText(t); !strings.Contains(table, "192.168.3.0 }") || !strings.Contains(table, "10.9.0.0 }") {
		t.Errorf("guard:\n%s", table)
	}
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	// It is killed: what was protected stays blocked.
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	wantPing(t, nsHubHost, "-c 1 -W 1 192.168.3.10", wantLost)
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear after the end", n)
	}
}

// A static route goes first, and what the configuration does with it leaves the
// reverse routes as they are; two peers may lead to one network, and by one way.
func TestReverseRoutesBesideOthers(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	setPolicies(t, h, openTemplate())
	run(t, "ip -n qdp-spoke addr add 192.1.1.43/24 dev wan0")
	const network = "10.3.0.0/16"
	const of42, of43 = network + " via 192.1.1.42 dev wan0 \n", network + " via 192.1.1.43 dev wan0 \n"
	by := func(hop string) ReverseRoute {
		return ReverseRoute{Prefix: netip.MustParsePrefix(network), Hop: netip.MustParseAddr(hop)}
	}
	static := func(hops ...string) (routes []StaticRoute) {
		for _, hop := range hops {
			routes = append(routes, StaticRoute{Prefix: netip.MustParsePrefix(network), NextHop: netip.MustParseAddr(hop)})
		}
		return routes
	}
	for i, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return h.host.AddRoute(by("192.1.1.42")) }, of42},
		{func() error { return h.host.SetStaticRoutes(nil) }, of42},
		// The peer comes back from another address before the old one is gone.
		{func() error { return h.host.AddRoute(by("192.1.1.43")) }, of42 + of43},
		{func() error { return h.host.RemoveRoute(by("192.1.1.42")) }, of43},
		{func() error { return h.host.SetStaticRoutes(static("192.1.1.42")) }, of42 + of43},
		{func() error { return h.host.SetStaticRoutes(nil) }, of43},
		// Behind the gateway's next hop all have one way.
		{func() error { return h.host.AddRoute(by("203.0.113.9")) }, of43 + of42},
		{func() error { return h.host.AddRoute(by("203.0.113.10")) }, of43 + of42},
		{func() error { return h.host.RemoveRoute(by("203.0.113.9")) }, of43 + of42},
		{h.host.RenewRoutes, of43 + of42},
		{func() error { run(t, "ip -n qdp-hub route flush root "+network); return h.host.RenewRoutes() }, ""},
		{func() error { return h.host.RemoveRoute(by("203.0.113.10")) }, of43},
		// The configuration has the very same route.
		{func() error { return h.host.SetStaticRoutes(static("192.1.1.43")) }, of43},
		{func() error { return h.host.RemoveRoute(by("192.1.1.43")) }, of43},
		{func() error { return h.host.AddRoute(by("192.1.1.43")) }, of43},
		{func() error { return h.host.SetStaticRoutes(nil) }, of43},
		{func() error { return h.host.RemoveRoute(by("192.1.1.43")) }, ""},
	} {
		if err := step.do(); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		got := run(t, "ip -n qdp-hub route show proto 171")
		if step.want == "" && i < 16 { // in any order
			if !strings.Contains(got, of42) || !strings.Contains(got, of43) {
				t.Errorf("step %d: routes\n%s", i, got)
			}
		} else if got != step.want {
			t.Errorf("step %d: routes\n%swant\n%s", i, got, step.want)
		}
	}
}

func TestReverseRoutes(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	setPolicies(t, h, openTemplate())
	show := func() string { return run(t, "ip -n qdp-hub route show proto 171") }
	prefix := netip.MustParsePrefix
	far := ReverseRoute{Prefix: prefix("10.3.0.0/16"), Hop: netip.MustParseAddr("203.0.113.9")}
	near := ReverseRoute{Prefix: prefix("10.4.0.0/16"), Hop: spoke, Metric: 20}
	for _, r := range []ReverseRoute{far, near} {
		if err := h.host.AddRoute(r); err != nil {
			t.Fatal(err)
		}
	}
	if s := show(); !strings.Contains(s, "10.3.0.0/16 via 192.1.1.42 dev wan0") || !strings.Contains(s, "10.4.0.0/16 via 192.1.1.42 dev wan0 metric 20") {
		t.Errorf("routes:\n%s", s)
	}
	// The host's own route stays.
	run(t, "ip -n qdp-hub route add 10.5.0.0/16 via 192.1.1.42")
	taken := ReverseRoute{Prefix: prefix("10.5.0.0/16"), Hop: spoke}
	if err := h.host.AddRoute(taken); err == nil {
		t.Error("a route of the host was replaced")
	}
	if err := h.host.AddRoute(ReverseRoute{Prefix: prefix("10.6.0.0/16"), Hop: hub}); err == nil {
		t.Error("a route by this host itself was taken")
	}
	if err := h.host.RemoveRoute(taken); err != nil || !strings.Contains(run(t, "ip -n qdp-hub route"), "10.5.0.0/16") {
		t.Errorf("the host's route went: %v", err)
	}
	// The way to the peers changes, and the link goes down and up.
	run(t, "ip -n qdp-spoke addr add 192.1.1.43/24 dev wan0; ip -n qdp-hub route replace default via 192.1.1.43")
	if err := h.host.RenewRoutes(); err != nil {
		t.Fatal(err)
	}
	if s := show(); !strings.Contains(s, "10.3.0.0/16 via 192.1.1.43") || !strings.Contains(s, "10.4.0.0/16 via 192.1.1.42") {
		t.Errorf("routes:\n%s", s)
	}
	run(t, "ip -n qdp-hub link set wan0 down; ip -n qdp-hub link set wan0 up; ip -n qdp-hub route replace default via 192.1.1.42")
	if err := h.host.RenewRoutes(); err != nil {
		t.Fatal(err)
	}
	if s := show(); strings.Count(s, "via 192.1.1.42") != 2 {
		t.Errorf("routes after the link was down:\n%s", s)
	}
	if err := h.host.RemoveRoute(near); err != nil {
		t.Fatal(err)
	}
	if s := show(); strings.Contains(s, "10.4.0.0") {
		t.Errorf("routes:\n%s", s)
	}
	if err := h.host.Close(); err != nil {
		t.Fatal(err)
	}
	if s := strings.TrimSpace(show()); s != "" {
		t.Errorf("left behind:\n%s", s)
	}
}
