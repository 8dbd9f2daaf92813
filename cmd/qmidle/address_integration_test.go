//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// detour is a second way between the gateways, and their default route.
const detour = `
ip -n qgw-hub link add alt0 type veth peer name alt0 netns qgw-spoke
ip -n qgw-hub addr add 172.31.0.1/30 dev alt0; ip -n qgw-spoke addr add 172.31.0.2/30 dev alt0
ip -n qgw-hub link set alt0 up; ip -n qgw-spoke link set alt0 up
ip -n qgw-hub route add default via 172.31.0.2; ip -n qgw-spoke route add default via 172.31.0.1
for n in hub spoke; do ip netns exec qgw-$n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
  for i in wan0 alt0; do ip netns exec qgw-$n sysctl -qw net.ipv4.conf.$i.rp_filter=0; done; done
`

// leakCount counts what leaves the spoke in clear by any way, behind everything
// else that may drop it, from now on.
const leakCount = `
ip netns exec qgw-spoke nft -f - <<'END'
table ip leak
delete table ip leak
table ip leak {
	chain out {
		type filter hook postrouting priority 1000;
		ip saddr 192.168.0.0/16 ip daddr 192.168.0.0/16 oifname { "wan0", "alt0" } counter
	}
}
END
`

// leaked says whether something has left the spoke in clear.
func leaked(t *testing.T) bool {
	return !strings.Contains(sh(t, "ip netns exec qgw-spoke nft list chain ip leak out"), "counter packets 0 ")
}

// adapt writes a variant of an example's configuration.
func adapt(t *testing.T, ns string, pairs ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/site-to-site/" + ns + ".cfg")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), ns+".cfg")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The spoke's address changes, its interface goes away and comes back, and is
// set down and up, all the time under traffic and with a default route that
// leads past it. The tunnel comes back each time; nothing leaves in clear.
func TestAddressesAreFollowed(t *testing.T) {
	binary := network(t)
	sh(t, detour+leakCount)
	if out := pingHost(t, "ls", "-c 1 -W 2 192.168.2.10"); !strings.Contains(out, " 1 received") || !leaked(t) {
		t.Fatalf("the networks do not reach each other in clear, or the count misses it:\n%s", out)
	}
	sh(t, leakCount)
	hub := serveFile(t, binary, "hub", adapt(t, "hub",
		" set peer 192.1.1.42", " set peer 192.1.1.42\n set peer 192.1.1.43",
		"crypto isakmp key example-key-change-me address 192.1.1.42", "crypto isakmp key example-key-change-me address 192.1.1.0 255.255.255.0",
		"ip route 192.168.3.0 255.255.255.0 192.1.1.42", "ip route 192.168.3.0 255.255.255.0 172.31.0.2"))
	spoke := serveFile(t, binary, "spoke", adapt(t, "spoke",
		"interface Ethernet0/0", "interface wan0", "ip address 192.1.1.42 255.255.255.0", "ip address dhcp"))
	flood := begin(t, "ls", "ping", "-n", "-i", "0.02", "192.168.2.10")
	own := begin(t, "spoke", "ping", "-n", "-i", "0.02", "-I", "192.168.3.1", "192.168.2.10")
	from := func(what, local string) {
		t.Helper()
		eventually(t, what, func() bool {
			out := pingHost(t, "ls", "-c 2 -W 1 192.168.2.10")
			sessions := spoke.ask(t, 0, "show", "crypto", "session")
			return strings.Contains(out, " 2 received") && strings.Contains(sessions, "local "+local+"/500")
		})
	}
	from("the tunnel", "192.1.1.42")

	sh(t, "ip -n qgw-spoke addr del 192.1.1.42/24 dev wan0; ip -n qgw-spoke addr add 192.1.1.43/24 dev wan0")
	from("the tunnel from another address", "192.1.1.43")
	if out := hub.ask(t, 0, "show", "crypto", "isakmp", "history", "peer", "192.1.1.42"); !strings.Contains(out, `sa_deleting reason="Deleted by the peer"`) {
		t.Errorf("the hub was not told that the old address is gone:\n%s", out)
	}
	if out := spoke.ask(t, 0, "show", "crypto", "isakmp", "history"); !strings.Contains(out, `sa_deleting reason="Local address changed"`) ||
		!strings.Contains(out, "local_address_changed interface=wan0 from=192.1.1.42 to=192.1.1.43") {
		t.Errorf("the history does not tell why:\n%s", out)
	}

	sh(t, "ip -n qgw-spoke link del wan0") // and the hub's with it
	eventually(t, "the loss to be noticed", func() bool {
		return strings.Contains(spoke.logged(t), "its address 192.1.1.43 is gone") && strings.Contains(hub.logged(t), "its address 192.1.1.40 is gone")
	})
	if out := pingHost(t, "ls", "-c 5 -W 1 192.168.2.10"); !strings.Contains(out, "100% packet loss") {
		t.Errorf("without the interface:\n%s", out)
	}
	sh(t, "ip -n qgw-hub link add wan0 type veth peer name wan0 netns qgw-spoke\n"+
		"ip -n qgw-hub link set wan0 up; ip -n qgw-spoke link set wan0 up\n"+
		"ip -n qgw-hub addr add 192.1.1.40/24 dev wan0; ip -n qgw-spoke addr add 192.1.1.42/24 dev wan0")
	from("the tunnel over the new interface", "192.1.1.42")
	if routes := sh(t, "ip -n qgw-spoke route"); !strings.Contains(routes, "192.168.2.0/24 via 192.1.1.40 dev wan0 proto 171") {
		t.Errorf("the configured route is not there again:\n%s", routes)
	}

	spis := func() string {
		return spoke.ask(t, 0, "show", "crypto", "ipsec", "sa", "|", "include", "current outbound spi: 0x[^0]")
	}
	before := spis()
	sh(t, "ip -n qgw-spoke link set wan0 down")
	if routes := sh(t, "ip -n qgw-spoke route"); strings.Contains(routes, "wan0") {
		t.Errorf("routes of an interface that is down:\n%s", routes)
	}
	pingHost(t, "ls", "-c 5 -W 1 192.168.2.10")
	sh(t, "ip -n qgw-spoke link set wan0 up")
	from("the tunnel after the link was down", "192.1.1.42")
	if after := spis(); after != before || before == "" {
		t.Errorf("SAs were %q and are %q: a link that was down for a moment ends none", before, after)
	}
	eventually(t, "the configured route", func() bool {
		return strings.Contains(sh(t, "ip -n qgw-spoke route"), "192.168.2.0/24 via 192.1.1.40 dev wan0 proto 171")
	})

	if leaked(t) {
		t.Errorf("in clear:\n%s", sh(t, "ip netns exec qgw-spoke nft list ruleset"))
	}
	flood.end(t, syscall.SIGTERM)
	own.end(t, syscall.SIGTERM)
	for _, g := range []*gatewayProcess{hub, spoke} {
		if err := g.end(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}
