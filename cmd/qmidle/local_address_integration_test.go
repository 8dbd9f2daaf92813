//go:build integration

package main

import (
	"strings"
	"syscall"
	"testing"
)

// loops gives both gateways a loopback address, and a route to the other's over
// the first way; the configurations have one over the second.
const loops = `
ip -n qgw-hub addr add 10.255.0.40/32 dev lo; ip -n qgw-spoke addr add 10.255.0.42/32 dev lo
`

// loopback is an example's configuration with its loopback address for the end
// of the tunnel and its crypto map on both ways.
func loopback(t *testing.T, ns, own, far, peer, peerWay, net string) string {
	return adapt(t, ns,
		"crypto isakmp key example-key-change-me address "+peer, "crypto isakmp key example-key-change-me address "+far,
		"crypto map SITES 10 ipsec-isakmp\n", "crypto map SITES local-address Loopback0\ncrypto map SITES 10 ipsec-isakmp\n",
		" set peer "+peer, " set peer "+far,
		"ip route "+net+" 255.255.255.0 "+peer, "interface alt0\n crypto map SITES\n"+
			"interface Loopback0\n ip address "+own+" 255.255.255.255\n"+
			"ip route "+far+" 255.255.255.255 "+peer+"\nip route "+far+" 255.255.255.255 "+peerWay+" 250\n"+
			"ip route "+net+" 255.255.255.0 "+peer+"\nip route "+net+" 255.255.255.0 "+peerWay+" 250")
}

// A crypto map on two interfaces has the loopback address for its end: when the
// first way fails, the same SAs carry on over the second.
func TestLocalAddressOutlivesAWay(t *testing.T) {
	binary := network(t)
	sh(t, detour+loops+leakCount)
	hub := serveFile(t, binary, "hub", loopback(t, "hub", "10.255.0.40", "10.255.0.42", "192.1.1.42", "172.31.0.2", "192.168.3.0"))
	spoke := serveFile(t, binary, "spoke", loopback(t, "spoke", "10.255.0.42", "10.255.0.40", "192.1.1.40", "172.31.0.1", "192.168.2.0"))
	if !strings.Contains(hub.out.String(), "1 crypto map entry on Ethernet0/0 (wan0, 10.255.0.40), alt0 (alt0, 10.255.0.40)") {
		t.Errorf("the hub says:\n%s", &hub.out)
	}
	if out := pingHost(t, "ls", "-c 5 -W 2 192.168.2.10"); !strings.Contains(out, " 5 received") {
		t.Fatalf("no tunnel:\n%s", out)
	}
	spis := func() string {
		return spoke.ask(t, 0, "show", "crypto", "ipsec", "sa", "|", "include", "local crypto endpt|current outbound spi: 0x[^0]")
	}
	before := spis()
	if !strings.Contains(before, "local crypto endpt.: 10.255.0.42, remote crypto endpt.: 10.255.0.40") {
		t.Errorf("the ends are:\n%s", before)
	}
	sh(t, "ip -n qgw-hub link set wan0 down; ip -n qgw-spoke link set wan0 down")
	eventually(t, "the tunnel over the other way", func() bool {
		return strings.Contains(pingHost(t, "ls", "-c 5 -W 1 192.168.2.10"), " 5 received")
	})
	if after := spis(); after != before {
		t.Errorf("SAs were\n%s and are\n%s", before, after)
	}
	if leaked(t) {
		t.Errorf("in clear:\n%s", sh(t, "ip netns exec qgw-spoke nft list ruleset"))
	}
	// Both ends may begin over the second way too.
	for _, g := range []*gatewayProcess{hub, spoke} {
		g.ask(t, 0, "clear", "crypto", "session")
		if out := pingHost(t, map[string]string{"hub": "lh", "spoke": "ls"}[g.ns], "-c 5 -W 2 "+map[string]string{"hub": "192.168.3.10", "spoke": "192.168.2.10"}[g.ns]); !strings.Contains(out, " 5 received") {
			t.Errorf("%s begins over the second way:\n%s", g.ns, out)
		}
	}
	for _, g := range []*gatewayProcess{hub, spoke} {
		if err := g.end(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}
