//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The configuration changes below a running transfer: by the file and SIGHUP,
// and by the console's writing of it. What the change is not about loses
// nothing and keeps its SAs.
func TestConfigurationChangesBelowTraffic(t *testing.T) {
	binary := network(t)
	text, err := os.ReadFile("../../examples/site-to-site/hub.cfg")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hub.cfg")
	text = []byte(strings.TrimSuffix(string(text), "end\n"))
	write := func(more string) {
		if err := os.WriteFile(file, []byte(string(text)+more), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	hub, spoke := serveFile(t, binary, "hub", file), serveIn(t, binary, "spoke")
	sh(t, "ip netns exec qgw-ls ping -n -c 2 -i 0.2 -W 2 192.168.2.10")
	spis := func() string {
		return hub.ask(t, 0, "show", "crypto", "ipsec", "sa", "|", "include", "current outbound spi: 0x[^0]")
	}
	before := spis()

	// From a second before the changes to a second after them.
	traffic := begin(t, "ls", "ping", "-n", "-c", "60", "-i", "0.05", "-W", "2", "192.168.2.10")
	eventually(t, "traffic", func() bool { return strings.Contains(traffic.out.String(), "icmp_seq=10 ") })
	acl := "ip route 192.168.77.0 255.255.255.0 192.1.1.42\naccess-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.77.0 0.0.0.255\n"
	write("hostname centre\n" + acl)
	hub.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the file", func() bool { return strings.Contains(hub.logged(t), "hub.cfg was read anew") })
	write("crypto isakmp policy none\n")
	hub.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the refusal", func() bool { return strings.Contains(hub.logged(t), "was not read anew, and the old one runs on") })
	if err := traffic.wait(t); err != nil || !strings.Contains(traffic.out.String(), " 60 received, 0% packet loss") {
		t.Errorf("ping: %v\n%s", err, &traffic.out)
	}
	if after := spis(); after != before || before == "" {
		t.Errorf("SAs were %q and are %q", before, after)
	}
	if routes := sh(t, "ip -n qgw-hub route"); !strings.Contains(routes, "192.168.77.0/24 via 192.1.1.42") {
		t.Errorf("the new route is not there:\n%s", routes)
	}

	hub.ask(t, 0, "write", "memory")
	written, err := os.ReadFile(file)
	info, err2 := os.Stat(file)
	if err != nil || err2 != nil || info.Mode() != 0o600 || !strings.Contains(string(written), "hostname centre\n") {
		t.Errorf("%v %v %v\n%s", err, err2, info.Mode(), written)
	}
	hub.ask(t, 0, "reload")
	if after := spis(); after != before {
		t.Errorf("what was written differs from what runs: SAs were %q and are %q", before, after)
	}

	write("")
	if out := hub.ask(t, 0, "reload"); !strings.Contains(out, "% crypto map SITES 10: the access list changed: its SAs are cleared\n") {
		t.Errorf("reload says:\n%s", out)
	}
	eventually(t, "no SAs at the spoke", func() bool {
		return !strings.Contains(spoke.ask(t, 0, "show", "crypto", "session"), "Active SAs: 2")
	})
	if routes := sh(t, "ip -n qgw-hub route"); strings.Contains(routes, "192.168.77.0/24") {
		t.Errorf("the route stays:\n%s", routes)
	}
}

func (g *gatewayProcess) logged(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(g.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
