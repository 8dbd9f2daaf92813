//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The hub knows neither the addresses of its spokes nor the way to their
// networks. more goes into its template.
func dynamicHub(t *testing.T, more string) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/site-to-site/hub.cfg")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(
		"key-change-me address 192.1.1.42\n", "key-change-me address 0.0.0.0 0.0.0.0\n",
		"crypto map SITES 10 ipsec-isakmp\n set peer 192.1.1.42\n set transform-set AES-SHA\n match address 101\n",
		"crypto dynamic-map SPOKES 10\n set transform-set AES-SHA\n"+more+"!\ncrypto map SITES 10 ipsec-isakmp dynamic SPOKES\n",
		"ip route 192.168.3.0 255.255.255.0 192.1.1.42\n", "",
	).Replace(string(text))
	file := filepath.Join(t.TempDir(), "hub.cfg")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func routesOfOurOwn(t *testing.T) string {
	return strings.TrimSpace(sh(t, "ip -n qgw-hub route show table main proto 171"))
}

const toTheSpoke = "192.168.3.0/24 via 192.1.1.42 dev wan0"

func TestDynamicPeerComesAndGoes(t *testing.T) {
	binary := network(t)
	onWire := clearOnWire(t)
	asks := begin(t, "hub", "tcpdump", "-l", "-n", "-i", "wan0", "udp and src host 192.1.1.40")
	eventually(t, "tcpdump", func() bool { return strings.Contains(asks.out.String(), "listening on") })
	nobody := kernelState(t, "hub")
	hub, spoke := serveFile(t, binary, "hub", dynamicHub(t, " reverse-route\n")), serveIn(t, binary, "spoke")
	waiting := kernelState(t, "hub")

	// There is nobody whom the hub could ask.
	if out := pingHost(t, "lh", "-c 2 -W 1 192.168.3.10"); !strings.Contains(out, " 0 received") {
		t.Errorf("without a tunnel:\n%s", out)
	}
	if strings.Contains(asks.out.String(), " IP ") || routesOfOurOwn(t) != "" {
		t.Errorf("the hub asks, or has a route to nobody:\n%s\n%s", &asks.out, routesOfOurOwn(t))
	}

	if out := pingHost(t, "ls", "-c 3 -W 2 192.168.2.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("the spoke's ping:\n%s", out)
	}
	if got := routesOfOurOwn(t); got != toTheSpoke {
		t.Errorf("the way to the spoke's network is %q", got)
	}
	if out := pingHost(t, "lh", "-c 3 -W 2 192.168.3.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("the hub's ping:\n%s", out)
	}
	if out := hub.ask(t, 0, "show", "crypto", "map"); !strings.Contains(out, `Crypto Map "SITES" 65536 ipsec-isakmp`) {
		t.Errorf("show crypto map:\n%s", out)
	}
	if out := hub.ask(t, 0, "show", "crypto", "ipsec", "sa"); !strings.Contains(out, "#pkts encaps: 6, #pkts encrypt: 6") {
		t.Errorf("show crypto ipsec sa:\n%s", out)
	}

	spoke.end(t, syscall.SIGTERM)
	eventually(t, "the hub as it was without a peer", func() bool { return kernelState(t, "hub") == waiting })
	if out := hub.ask(t, 0, "show", "crypto", "map"); strings.Contains(out, "65536") {
		t.Errorf("the entry stays:\n%s", out)
	}

	// The spoke comes back from another address: after a good-bye, and without.
	sh(t, "ip -n qgw-spoke addr del 192.1.1.42/24 dev wan0; ip -n qgw-spoke addr add 192.1.1.77/24 dev wan0")
	text, err := os.ReadFile("../../examples/site-to-site/spoke.cfg")
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "spoke.cfg")
	if err := os.WriteFile(moved, []byte(strings.ReplaceAll(string(text), "192.1.1.42", "192.1.1.77")), 0o600); err != nil {
		t.Fatal(err)
	}
	again := serveFile(t, binary, "spoke", moved)
	if out := pingHost(t, "ls", "-c 3 -W 2 192.168.2.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("from another address:\n%s", out)
	}
	if got := routesOfOurOwn(t); got != strings.Replace(toTheSpoke, ".42", ".77", 1) {
		t.Errorf("the way to the spoke's network is %q", got)
	}
	again.end(t, syscall.SIGKILL)
	sh(t, "ip -n qgw-spoke addr del 192.1.1.77/24 dev wan0; ip -n qgw-spoke addr add 192.1.1.42/24 dev wan0")
	back := serveIn(t, binary, "spoke")
	if out := pingHost(t, "ls", "-c 3 -W 2 192.168.2.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("from the first address:\n%s", out)
	}
	if got := routesOfOurOwn(t); got != toTheSpoke {
		t.Errorf("the way to the spoke's network is %q", got)
	}

	if err := hub.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if after := kernelState(t, "hub"); after != nobody {
		t.Errorf("before:\n%s\nafter:\n%s", nobody, after)
	}
	back.end(t, syscall.SIGTERM)
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
}

func TestDynamicPeerSurvivesTheHub(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42; ip -n qgw-spoke route add default via 192.1.1.40")
	onWire := clearOnWire(t)
	nobody := kernelState(t, "hub")
	file := dynamicHub(t, " reverse-route\n")
	hub, spoke := serveFile(t, binary, "hub", file), serveIn(t, binary, "spoke")
	if out := pingHost(t, "ls", "-c 2 -W 2 192.168.2.10"); !strings.Contains(out, " 2 received") {
		t.Fatalf("the spoke's ping:\n%s", out)
	}
	hub.end(t, syscall.SIGKILL)
	if out := pingHost(t, "lh", "-c 3 -W 1 192.168.3.10"); !strings.Contains(out, " 0 received") {
		t.Errorf("after kill -9:\n%s", out)
	}
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}

	again := begin(t, "hub", binary, "run", "-c", file, "-s", hub.socket, "--log", hub.log, "--state", hub.state())
	eventually(t, "the hub", func() bool { return strings.Contains(again.out.String(), " is ready: ") })
	if got := routesOfOurOwn(t); got != "" {
		t.Errorf("a route to a peer that is not there: %q", got)
	}
	spoke.ask(t, 0, "clear", "crypto", "session")
	if out := pingHost(t, "ls", "-c 2 -W 2 192.168.2.10"); !strings.Contains(out, " 2 received") {
		t.Errorf("after the restart:\n%s", out)
	}
	if err := again.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if after := kernelState(t, "hub"); after != nobody {
		t.Errorf("before:\n%s\nafter:\n%s", nobody, after)
	}
	spoke.end(t, syscall.SIGTERM)
	qmidle(t, binary, "spoke", "release")
	if out := pingHost(t, "lh", "-c 3 -W 1 192.168.3.10"); !strings.Contains(out, " 0 received") {
		t.Errorf("after SIGTERM:\n%s", out)
	}
	qmidle(t, binary, "hub", "release")
	if out := pingHost(t, "lh", "-c 2 -W 1 192.168.3.10"); !strings.Contains(out, " 2 received") {
		t.Errorf("after the release:\n%s", out)
	}
}

// What the template lists is protected whether a peer is there or not, and its
// change by the file ends the peer's entry and nothing else.
func TestDynamicPeerOfAList(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42")
	onWire := clearOnWire(t)
	file := dynamicHub(t, " match address 101\n")
	hub, spoke := serveFile(t, binary, "hub", file), serveIn(t, binary, "spoke")
	blocked := func(when string) {
		t.Helper()
		if out := pingHost(t, "lh", "-c 3 -W 1 192.168.3.10"); !strings.Contains(out, " 0 received") {
			t.Errorf("%s:\n%s", when, out)
		}
	}
	blocked("before the peer")
	if out := pingHost(t, "ls", "-c 2 -W 2 192.168.2.10"); !strings.Contains(out, " 2 received") {
		t.Fatalf("the spoke's ping:\n%s", out)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(old, new string) string {
		text = []byte(strings.Replace(string(text), old, new, 1))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return hub.ask(t, 0, "reload")
	}
	traffic := begin(t, "lh", "ping", "-n", "-c", "40", "-i", "0.05", "-W", "2", "192.168.3.10")
	eventually(t, "traffic", func() bool { return strings.Contains(traffic.out.String(), "icmp_seq=10 ") })
	if out := write(" match address 101\n", " match address 101\n reverse-route\n"); strings.Contains(out, "% crypto") {
		t.Errorf("a route more:\n%s", out)
	}
	if got := routesOfOurOwn(t); got != toTheSpoke {
		t.Errorf("the way to the spoke's network is %q", got)
	}
	if out := write(" reverse-route\n", ""); strings.Contains(out, "% crypto") || routesOfOurOwn(t) != "" {
		t.Errorf("without the route: %q\n%s", routesOfOurOwn(t), out)
	}
	if err := traffic.wait(t); err != nil || !strings.Contains(traffic.out.String(), " 40 received, 0% packet loss") {
		t.Errorf("ping: %v\n%s", err, &traffic.out)
	}
	if out := write(" match address 101\n", " match address 101\n set pfs group2\n"); !strings.Contains(out, "% crypto dynamic-map SPOKES 10: ") {
		t.Errorf("with PFS:\n%s", out)
	}
	blocked("after the change")
	spoke.end(t, syscall.SIGTERM)
	blocked("after the peer")
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
}
