//go:build integration

package dataplane

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"qmidle/internal/ipsec"
)

// kernelState is what bears our protocol number.
func kernelState(t testing.TB, ns string) string {
	return run(t, "ip -d -n "+ns+" rule show | grep 'proto 171' || true; ip -n "+ns+" route show table all proto 171")
}

// onHub runs f with the hub's Host.
func onHub(t *testing.T, f func(h *Host) error) {
	t.Helper()
	inside(t, nsHub, func() error {
		h, err := OpenHost()
		if err != nil {
			return err
		}
		defer h.Close()
		return f(h)
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	lab(t)
	before := run(t, "ip -4 -n qdp-hub rule; ip -4 -n qdp-hub route show table all; ip -4 -n qdp-hub addr show dev wan0")
	g := openGateway(t, nsHub, hub, nil)
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.4.0/24"))
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.3.0/24"))
	if err := g.host.SetStaticRoutes([]StaticRoute{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: spoke}}); err != nil {
		t.Fatal(err)
	}
	state := kernelState(t, nsHub)
	if n := strings.Count(state, "192.168.2.0/24"); n != 2 || !strings.Contains(state, "198.51.100.0/24") {
		t.Errorf("rules of one policy and a route, with the network %d times:\n%s", n, state)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if state := kernelState(t, nsHub); strings.Count(state, "\n") != 1 || !strings.Contains(state, "198.51.100.0/24") {
		t.Errorf("only the static route should be there:\n%s", state)
	}
	if err := g.host.Close(); err != nil {
		t.Fatal(err)
	}
	if after := run(t, "ip -4 -n qdp-hub rule; ip -4 -n qdp-hub route show table all; ip -4 -n qdp-hub addr show dev wan0"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// With the last address of a client's the kernel takes the routes into the device,
// which others go by: they are back before anybody can miss them.
func TestRoutesOutliveAClientsAddress(t *testing.T) {
	lab(t)
	g := openGateway(t, nsHub, hub, nil)
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.3.0/24"))
	into := func() string { return run(t, "ip -n qdp-hub route show table 1701 type unicast") }
	before := into()
	if !strings.HasPrefix(before, "default dev ") {
		t.Fatalf("no route into the device:\n%s", before)
	}
	client := ClientNetwork{Address: netip.MustParseAddr("10.55.0.10")}
	for _, clients := range [][]ClientNetwork{{client}, nil} {
		if err := g.SetClients(clients); err != nil {
			t.Fatal(err)
		}
		if after := into(); after != before {
			t.Errorf("with %d clients:\n%s", len(clients), after)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyClientsAreLed where the kernel's policies find all else that is protected.
func TestOnlyClientsAreLed(t *testing.T) {
	lab(t)
	onHub(t, func(h *Host) error {
		h.leaveToKernel(false)
		link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "qdp-tun"}, Mode: netlink.TUNTAP_MODE_TUN}
		if err := h.netlink.LinkAdd(link); err != nil {
			return err
		}
		if err := h.raise("qdp-tun"); err != nil {
			return err
		}
		site, own := permit("192.168.2.0/24", "192.168.3.0/24"), permit("10.55.0.10/32", "192.168.4.0/24")
		client := ClientNetwork{Address: netip.MustParseAddr("10.55.0.10"), Inside: []netip.Prefix{netip.MustParsePrefix("192.168.2.0/24")}, Remote: []ipsec.Range{own.Selector.RemoteNet}}
		for _, x := range []struct {
			clients []ClientNetwork
			policy  []ipsec.PolicyEntry
			led     bool
		}{{nil, []ipsec.PolicyEntry{site}, false}, {[]ClientNetwork{client}, []ipsec.PolicyEntry{site, own}, true}, {nil, []ipsec.PolicyEntry{site}, false}} {
			if err := errors.Join(h.SetClients("qdp-tun", x.clients), h.SetRules("qdp-tun", x.policy), h.Renew("qdp-tun")); err != nil {
				return err
			}
			state := kernelState(t, nsHub)
			for _, part := range []string{"from 192.168.2.0/24 to 192.168.4.0/24", "from 10.55.0.10 to 192.168.4.0/24", "192.168.4.0/24 dev qdp-tun table 1702 scope link src 10.55.0.10", "table 1701"} {
				if strings.Contains(state, part) != x.led {
					t.Errorf("with %d clients %q is there or not:\n%s", len(x.clients), part, state)
				}
			}
			if strings.Contains(state, "192.168.3.0/24") || !x.led && strings.TrimSpace(state) != "" {
				t.Errorf("with %d clients:\n%s", len(x.clients), state)
			}
		}
		return h.Release()
	})
}

// TestStartAfterACrash leaves rules and routes as a killed process does.
func TestStartAfterACrash(t *testing.T) {
	lab(t)
	inside(t, nsHub, func() error {
		h, err := OpenHost()
		if err != nil {
			return err
		}
		link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "qdp-tun"}, Mode: netlink.TUNTAP_MODE_TUN}
		if err := h.netlink.LinkAdd(link); err != nil {
			return err
		}
		if err := h.AddTUNRoutes("qdp-tun"); err != nil {
			return err
		}
		if err := h.SetRules("qdp-tun", []ipsec.PolicyEntry{permit("192.168.2.0/24", "192.168.3.0/24")}); err != nil {
			return err
		}
		if err := h.netlink.LinkDel(link); err != nil {
			return err
		}
		h.netlink.Close()
		return nil
	})
	count := clearText(t)
	wantPing(t, nsHubHost, "-c 1 -W 1 192.168.3.10", "100% packet loss")
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear after the crash", n)
	}
	onHub(t, func(h *Host) error {
		if state := kernelState(t, nsHub); strings.TrimSpace(state) != "" {
			t.Errorf("left from before the crash:\n%s", state)
		}
		return nil
	})
}

func TestPoliciesThatTheKernelRefusesChangeNothing(t *testing.T) {
	lab(t)
	g := openGateway(t, nsHub, hub, nil)
	good := permit("192.168.2.0/24", "192.168.3.0/24")
	setPolicies(t, g, good)
	before := kernelState(t, nsHub)
	// A rule cannot have a range of ports that is upside down.
	bad := permit("192.168.2.0/24", "192.168.5.0/24")
	bad.Selector.Protocol, bad.Selector.RemotePort = 6, ipsec.PortRange{Lo: 90, Hi: 80}
	if err := g.SetPolicies([]ipsec.PolicyEntry{bad}); err == nil {
		t.Fatal("taken")
	}
	if after := kernelState(t, nsHub); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if got := g.processor.Policies(); len(got) != 1 || got[0] != good {
		t.Errorf("policies %+v", got)
	}
}

func TestInstallIsAllOrNothing(t *testing.T) {
	lab(t)
	g := openGateway(t, nsHub, hub, nil)
	out := oneWay(0x1001, hub, spoke, permit("192.168.2.0/24", "192.168.3.0/24").Selector, true, false)
	in := received(out)
	bad := out
	bad.KeyBits = 1
	if err := g.Install(in, bad); err == nil || len(g.SAs()) != 0 {
		t.Errorf("%v, %d SAs", err, len(g.SAs()))
	}
	if err := g.Install(in, out); err != nil {
		t.Fatal(err)
	}
	if err := g.Remove(ipsec.Outbound, 0x1001, hub); err != ErrNoSA {
		t.Errorf("another peer's: %v", err)
	}
	if err := g.Remove(ipsec.Outbound, 0x1001, spoke); err != nil {
		t.Error(err)
	}
	if err := g.Remove(ipsec.Inbound, in.SPI, netip.Addr{}); err != nil || len(g.SAs()) != 0 {
		t.Errorf("%v, %d SAs", err, len(g.SAs()))
	}
	if err := g.MovePeer(ipsec.Outbound, 0x1001, spoke, netip.AddrPort{}); err != ErrNoSA {
		t.Errorf("%v", err)
	}
}

func TestStaticRoutes(t *testing.T) {
	lab(t)
	onHub(t, func(h *Host) error {
		a := StaticRoute{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: spoke}
		b := StaticRoute{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Interface: "wan0", Metric: 5}
		show := func() string { return run(t, "ip -n qdp-hub route show proto 171") }
		if err := h.SetStaticRoutes([]StaticRoute{a, b}); err != nil {
			return err
		}
		if s := show(); !strings.Contains(s, "198.51.100.0/24 via 192.1.1.42 dev wan0") || !strings.Contains(s, "203.0.113.0/24 dev wan0 scope link metric 5") {
			t.Errorf("routes:\n%s", s)
		}
		if err := h.SetStaticRoutes([]StaticRoute{b}); err != nil {
			return err
		}
		if s := show(); strings.Contains(s, "198.51") || !strings.Contains(s, "203.0.113") {
			t.Errorf("routes:\n%s", s)
		}
		if err := h.SetStaticRoutes([]StaticRoute{{Prefix: a.Prefix, NextHop: netip.MustParseAddr("10.9.9.9")}, b}); err != nil {
			t.Logf("refused as it should: %v", err)
		} else {
			t.Error("a next hop that is not reachable was taken")
		}
		return nil
	})
}
