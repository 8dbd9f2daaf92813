package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/console"
)

// start makes a lab of configurations.
func start(t *testing.T, texts ...string) (*lab, *bytes.Buffer) {
	t.Helper()
	var configs []gatewayConfig
	for i, text := range texts {
		c, err := loadGateway(fmt.Sprintf("r%d.cfg", i+1), []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, c)
	}
	var out bytes.Buffer
	l, err := newLab(configs, Options{Seed: 1, Version: testVersion}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return l, &out
}

func iface(name, address string) string {
	return "interface " + name + "\n ip address " + address + " 255.255.255.0\n"
}

// marks pings and returns IOS's characters.
func marks(t *testing.T, h *host, target string, source string) string {
	t.Helper()
	line := "ping " + target
	if source != "" {
		line += " source " + source
	}
	r := h.session.Feed(line)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.JSON.(console.Ping).Marks
}

// A router between two others forwards by the longest prefix and, of equal
// prefixes, by the lowest distance; next hops may be found over other routes.
func TestRouting(t *testing.T) {
	l, _ := start(t,
		iface("Ethernet0/0", "10.0.1.1")+"ip route 10.0.0.0 255.0.0.0 10.0.1.2\n",
		iface("Ethernet0/0", "10.0.1.2")+iface("Ethernet0/1", "10.0.2.2")+iface("Loopback0", "10.9.9.9")+
			"ip route 10.5.0.0 255.255.0.0 10.0.1.77\n"+
			"ip route 10.5.5.0 255.255.255.0 10.0.1.78 200\nip route 10.5.5.0 255.255.255.0 10.6.6.6\n"+
			"ip route 10.6.6.0 255.255.255.0 10.0.2.3\n",
		iface("Ethernet0/0", "10.0.2.3")+iface("Ethernet0/1", "10.5.5.3")+"interface Ethernet0/2\n ip address 10.7.7.7 255.255.255.0\n shutdown\n"+
			"ip route 10.0.1.0 255.255.255.0 Ethernet0/0\n"+"ip route 10.0.1.0 255.255.255.0 10.0.2.2 5\n")
	r1, r3 := l.host("r1"), l.host("r3")
	for target, want := range map[string]string{
		"10.0.1.1":  "!!!!!", // itself
		"10.0.1.2":  "!!!!!", // connected
		"10.9.9.9":  "!!!!!", // a loopback, which is on no link
		"10.0.0.1":  "U.U.U", // r2 has no route
		"10.7.7.7":  "U.U.U", // a shut interface has no address
		"10.5.6.1":  ".....", // nobody has the next hop
		"10.0.1.99": ".....", // nobody has the address
		"11.0.0.1":  ".....", // no route here
	} {
		if got := marks(t, r1, target, ""); got != want {
			t.Errorf("ping %s: %s, want %s", target, got, want)
		}
		l.run(unreachableInterval, never)
	}
	if out, hop, ok := l.host("r2").lookup(netip.MustParseAddr("10.5.5.3")); !ok || out.name != "Ethernet0/1" || hop.String() != "10.0.2.3" {
		t.Errorf("10.5.5.3 is reached by %v over %v", out, hop)
	}
	if _, hop, ok := r3.lookup(netip.MustParseAddr("10.0.1.1")); !ok || hop.String() != "10.0.1.1" {
		t.Errorf("10.0.1.1 is reached over %v, want the route with the lower distance", hop)
	}
	if _, _, ok := r3.lookup(netip.MustParseAddr("10.7.7.8")); ok {
		t.Error("a shut interface has a route")
	}
}

func TestPingRefusesASourceThatIsNotOurs(t *testing.T) {
	l, _ := start(t, iface("Ethernet0/0", "10.0.1.1"), iface("Ethernet0/0", "10.0.1.2"))
	r := l.host("r1").session.Feed("ping 10.0.1.2 source 10.0.1.2")
	if r.Err == nil || !strings.Contains(r.Err.Error(), "Invalid source address") {
		t.Errorf("error %v", r.Err)
	}
}

func TestLatencyLossPartition(t *testing.T) {
	l, _ := start(t, iface("Ethernet0/0", "10.0.1.1"), iface("Ethernet0/0", "10.0.1.2"))
	r1 := l.host("r1")
	l.mustRun(t, "latency 10.0.1.0/24 25ms")
	r := r1.session.Feed("ping 10.0.1.2").JSON.(console.Ping)
	if r.MinMicroseconds != 50000 || r.MaxMicroseconds != 50000 {
		t.Errorf("round trip %d to %d microseconds, want 50000", r.MinMicroseconds, r.MaxMicroseconds)
	}
	for _, tt := range []struct{ line, want string }{
		{"loss 100%", "....."}, {"loss 0 on 10.0.1.0/24", "!!!!!"},
		{"partition r2", "....."}, {"heal r2", "!!!!!"},
		{"partition r1", "....."}, {"heal r1", "!!!!!"},
	} {
		l.mustRun(t, tt.line)
		if got := marks(t, r1, "10.0.1.2", ""); got != tt.want {
			t.Errorf("%s: ping %s, want %s", tt.line, got, tt.want)
		}
	}
	began := l.clock.now
	l.mustRun(t, "tick 90m")
	if got := l.clock.now.Sub(began); got != 90*time.Minute {
		t.Errorf("tick 90m took %v", got)
	}
}

// mustRun runs lines of a script.
func (l *lab) mustRun(t *testing.T, lines ...string) {
	t.Helper()
	if err := l.script("test", strings.Join(lines, "\n")); err != nil {
		t.Fatal(err)
	}
}

// The translation of one flow is the same both ways, a new flow has another
// port, and what comes uncalled goes to the port that it names.
func TestNATTranslates(t *testing.T) {
	inside, outside := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.9")
	peer, other := netip.MustParseAddrPort("10.0.1.2:500"), netip.MustParseAddrPort("10.0.1.3:500")
	n := newNAT(&link{}, inside, outside)
	out := func(port uint16, to netip.AddrPort) netip.AddrPort {
		p := newUDP(netip.AddrPortFrom(inside, port), to, []byte("x"))
		if !n.outbound(p) || !p.valid() || checksum(p[:ipLen]) != 0 {
			t.Fatalf("a packet from port %d does not pass", port)
		}
		from, _, _, _ := p.udp()
		return from
	}
	in := func(from, to netip.AddrPort) netip.AddrPort {
		p := newUDP(from, to, []byte("x"))
		if !n.inbound(p) || checksum(p[:ipLen]) != 0 {
			t.Fatalf("a packet to %v does not pass", to)
		}
		_, dst, _, _ := p.udp()
		return dst
	}
	first := out(500, peer)
	if first.Addr() != outside || first.Port() == 500 || out(500, peer) != first {
		t.Errorf("500 becomes %v", first)
	}
	if back := in(peer, first); back != netip.AddrPortFrom(inside, 500) {
		t.Errorf("the answer goes to %v", back)
	}
	if out(4500, peer).Port() == first.Port() || out(500, other).Port() == first.Port() {
		t.Error("two flows share a port")
	}
	uncalled := netip.MustParseAddrPort("10.0.1.4:500")
	if to := in(uncalled, netip.AddrPortFrom(outside, 500)); to != netip.AddrPortFrom(inside, 500) {
		t.Errorf("uncalled goes to %v", to)
	}
	if from := out(500, uncalled); from.Port() != 500 {
		t.Errorf("its answer comes from port %d, want 500", from.Port())
	}
	n.forget()
	if again := out(500, peer); again == first {
		t.Error("a NAT that forgot gives the same port")
	}
	if n.outbound(newESP(inside, peer.Addr(), make([]byte, 32))) {
		t.Error("ESP passes")
	}
}

// sites is the tunnel with kilobyte lifetimes of the least size.
func sites(me, peer, net, far, extra string) string {
	return "crypto isakmp policy 1\n encr aes\n authentication pre-share\n group 5\n" +
		"crypto isakmp key an-example-key address " + peer + "\n" +
		"crypto ipsec security-association lifetime kilobytes 2560\n" +
		"crypto ipsec transform-set SET esp-aes esp-sha-hmac\n" +
		"crypto map SITES 10 ipsec-isakmp\n set peer " + peer + "\n set transform-set SET\n match address 101\n" +
		iface("Ethernet0/0", me) + " crypto map SITES\n" + iface("Ethernet0/1", net+".1") +
		"ip route " + far + ".0 255.255.255.0 " + peer + "\n" +
		"access-list 101 permit ip " + net + ".0 0.0.0.255 " + far + ".0 0.0.0.255\n" + extra
}

func twoSites(t *testing.T) (l *lab, near, far *host, out *bytes.Buffer) {
	l, out = start(t, sites("192.1.1.1", "192.1.1.2", "10.0.1", "10.0.2", ""), sites("192.1.1.2", "192.1.1.1", "10.0.2", "10.0.1", ""))
	return l, l.host("r1"), l.host("r2"), out
}

func TestKilobyteLifetimeEndsThePairAndTheNextPacketMakesAnother(t *testing.T) {
	_, near, far, _ := twoSites(t)
	request := console.PingRequest{Target: netip.MustParseAddr("10.0.2.1"), Source: netip.MustParseAddr("10.0.1.1"),
		Count: 200, Size: 15000, Timeout: time.Second}
	result, err := gateway{near.router, near}.Ping(request)
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for _, p := range result.Probes {
		if p.Outcome == console.PingReply {
			answered++
		}
	}
	if answered < 190 {
		t.Errorf("%d of 200 answered", answered)
	}
	for _, h := range []*host{near, far} {
		if n := h.router.Statistics().Phase2Up; n < 2 {
			t.Errorf("%s: %d pairs in all, want a second after 2560 kilobytes", h.name, n)
		}
		if sas := h.router.IPsecSAs(); len(sas) == 0 || len(h.plane.pairs) != len(sas) {
			t.Errorf("%s: %d pairs in the engine and %d in the data plane", h.name, len(sas), len(h.plane.pairs))
		}
	}
}

// What no SA protects yet waits, within a bound, and is dropped when the
// negotiation fails.
func TestQueueIsBoundedAndEndsWithTheRequest(t *testing.T) {
	l, near, _, _ := twoSites(t)
	l.mustRun(t, "block udp 500")
	for range 100 {
		near.originate(newEcho(netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.2.1"), 1, 1, 100))
	}
	if n := near.waitingPackets(); n != queueLimit {
		t.Errorf("%d packets wait, want %d", n, queueLimit)
	}
	l.run(2*time.Minute, never)
	if n := near.waitingPackets(); n != 0 {
		t.Errorf("%d packets wait after the negotiation failed", n)
	}
}

func (h *host) waitingPackets() int {
	n := 0
	for _, q := range h.plane.queues {
		n += len(q.packets)
	}
	return n
}

// Nothing that the access lists protect is ever seen in clear on the link
// between the gateways, whatever happens to them.
func TestNoProtectedPacketInClear(t *testing.T) {
	l, near, far, _ := twoSites(t)
	outer := l.net.link(netip.MustParsePrefix("192.1.1.0/24"))
	seen := 0
	outer.tap = func(p packet) {
		seen++
		if p.protocol() == protoICMP {
			t.Errorf("%v to %v in clear", p.src(), p.dst())
		}
	}
	l.mustRun(t, "r1# ping 10.0.2.1 source 10.0.1.1", "restart r2", "r1# ping 10.0.2.1 source 10.0.1.1",
		"r2# ping 10.0.1.1 source 10.0.2.1", "r1# clear crypto sa", "r1# clear crypto isakmp", "block udp 500",
		"r1# ping 10.0.2.1 source 10.0.1.1", "tick 2m", "r2# ping 10.0.1.1 source 10.0.2.1", "unblock", "tick 2h",
		"restart r1 graceful", "r1# ping 10.0.2.1 source 10.0.1.1")
	if seen == 0 || len(near.router.IPsecSAs()) == 0 || len(far.router.IPsecSAs()) == 0 {
		t.Errorf("%d packets seen, and no tunnel at the end", seen)
	}
}

// A clear packet that should have come under ESP is dropped.
func TestClearTextOfProtectedTrafficIsDropped(t *testing.T) {
	l, near, far, _ := twoSites(t)
	var answers int
	l.net.link(netip.MustParsePrefix("192.1.1.0/24")).tap = func(packet) { answers++ }
	in := far.ports[slices.IndexFunc(far.ports, func(p *port) bool { return p.name == "Ethernet0/0" })]
	far.receive(in, newEcho(netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.2.1"), 1, 1, 100))
	l.run(time.Second, never)
	if answers != 0 || near.router.Statistics().DatagramsIn != 0 {
		t.Errorf("a clear packet was answered")
	}
}
