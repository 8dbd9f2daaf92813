//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestPingThroughTwoDaemons(t *testing.T) {
	binary := network(t)
	before := kernelState(t, "hub")
	hub, spoke := serveIn(t, binary, "hub"), serveIn(t, binary, "spoke")
	if out := hub.out.String(); strings.Count(out, "qmidle: ") != 1 ||
		!strings.Contains(out, "qmidle: hub is ready: 1 crypto map entry on Ethernet0/0 (wan0, 192.1.1.40); commands at "+hub.socket+"\n") ||
		!strings.Contains(out, "hub.cfg:13:8: warning: ") {
		t.Errorf("the hub begins with:\n%s", out)
	}
	capture := begin(t, "hub", "tcpdump", "-l", "-n", "-i", "wan0", "ip")
	eventually(t, "tcpdump", func() bool { return strings.Contains(capture.out.String(), "listening on") })
	hub.ask(t, 0, "debug", "crypto", "isakmp")

	out := sh(t, "ip netns exec qgw-ls ping -n -c 5 -i 0.2 -W 2 192.168.2.10")
	if !strings.Contains(out, " 5 received, 0% packet loss") {
		t.Errorf("ping from host to host:\n%s", out)
	}
	for _, g := range []*gatewayProcess{hub, spoke} {
		if out := g.ask(t, 0, "show", "crypto", "isakmp", "sa"); !strings.Contains(out, "192.1.1.40      192.1.1.42      QM_IDLE") {
			t.Errorf("show crypto isakmp sa at %s:\n%s", g.ns, out)
		}
		if out := g.ask(t, 0, "sh", "cry", "ips", "sa"); !strings.Contains(out, "#pkts encaps: 5, #pkts encrypt: 5") || !strings.Contains(out, "#pkts decaps: 5") {
			t.Errorf("show crypto ipsec sa at %s:\n%s", g.ns, out)
		}
	}
	for _, words := range []string{"ping 192.168.3.1 source 192.168.2.1", "ping 192.168.3.1", "ping 192.168.3.10 source Fa1/0"} {
		if out := hub.ask(t, 0, strings.Fields(words)...); !strings.Contains(out, "!!!!!\nSuccess rate is 100 percent (5/5)") {
			t.Errorf("%s:\n%s", words, out)
		}
	}
	eventually(t, "the capture of 20 echoes and their replies", func() bool { return strings.Count(capture.out.String(), ": ESP(") == 40 })
	capture.end(t, syscall.SIGTERM)
	known := regexp.MustCompile(`^\d\d:\S+ IP 192\.1\.1\.4[02](\.500)? > 192\.1\.1\.4[02](\.500)?: (ESP\(spi=|isakmp: phase )`)
	for line := range strings.Lines(capture.out.String()) {
		if strings.Contains(line, " IP ") && !known.MatchString(line) {
			t.Errorf("on the wire: %s", line)
		}
	}

	if err := hub.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("the hub ends with %v", err)
	}
	if after := kernelState(t, "hub"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	eventually(t, "the hub's delete at the spoke", func() bool {
		return !strings.Contains(spoke.ask(t, 0, "show", "crypto", "isakmp", "sa"), "QM_IDLE") &&
			!strings.Contains(spoke.ask(t, 0, "show", "crypto", "ipsec", "sa"), "\n      spi: 0x")
	})
	log, err := os.ReadFile(hub.log)
	if err != nil || !strings.Contains(string(log), "New State = IKE_P1_COMPLETE") {
		t.Errorf("%v; the hub's log:\n%s", err, log)
	}
	if info, err := os.Stat(hub.log); err != nil || info.Mode() != 0o600 {
		t.Errorf("the log's mode is %v, %v", info.Mode(), err)
	}
	hub.ask(t, 1, "show", "version")
}

func TestPingThatFailsSaysSo(t *testing.T) {
	hub := serveIn(t, network(t), "hub")
	if out := hub.ask(t, 1, "ping", "192.168.2.10", "source", "192.168.9.9"); !strings.Contains(out, "% Invalid source address- IP address not on any of our up interfaces") {
		t.Errorf("foreign source:\n%s", out)
	}
	if out := hub.ask(t, 1, "ping", "203.0.113.1"); !strings.Contains(out, ".....\nSuccess rate is 0 percent (0/5)") {
		t.Errorf("no route:\n%s", out)
	}
	if out := hub.ask(t, 0, "ping", "192.168.2.10"); !strings.Contains(out, "!!!!!") {
		t.Errorf("neighbour:\n%s", out)
	}
}

func TestStartAfterAKill(t *testing.T) {
	binary := network(t)
	before := kernelState(t, "hub")
	hub, spoke := serveIn(t, binary, "hub"), serveIn(t, binary, "spoke")
	sh(t, "ip netns exec qgw-ls ping -n -c 1 -W 2 192.168.2.10")
	hub.end(t, syscall.SIGKILL)
	if kernelState(t, "hub") == before {
		t.Error("the killed daemon left nothing: traffic passes in clear")
	}
	again := begin(t, "hub", binary, "run", "-c", "../../examples/site-to-site/hub.cfg", "-s", hub.socket, "--log", hub.log, "--state", hub.state())
	eventually(t, "the daemon on the socket of the killed one", func() bool { return strings.Contains(again.out.String(), " is ready: ") })
	// The hub's own traffic renews the tunnel; its INITIAL-CONTACT tells the
	// spoke that the old one is gone.
	if out := sh(t, "ip netns exec qgw-lh ping -n -c 2 -i 0.2 -W 3 192.168.3.10"); !strings.Contains(out, " 2 received") {
		t.Errorf("ping after the restart:\n%s", out)
	}
	if out := spoke.ask(t, 0, "show", "crypto", "ipsec", "sa"); strings.Count(out, "\n      spi: 0x") != 2 {
		t.Errorf("the spoke has:\n%s", out)
	}
	if err := again.end(t, syscall.SIGINT); err != nil {
		t.Errorf("SIGINT: %v", err)
	}
	if after := kernelState(t, "hub"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	binary := network(t)
	hub := serveIn(t, binary, "hub")
	state := kernelState(t, "hub")
	for socket, want := range map[string]string{
		hub.socket:                           "qmidle: another qmidle runs with the control socket " + hub.socket + "\n  hint: stop it",
		filepath.Join(t.TempDir(), "second"): "qmidle: cannot listen on UDP 192.1.1.40:500: address already in use\n  hint: another IKE daemon runs here",
	} {
		second := begin(t, "hub", binary, "run", "-c", "../../examples/site-to-site/hub.cfg", "-s", socket, "--state", t.TempDir())
		if err := second.wait(t); err == nil || !strings.Contains(second.out.String(), want) {
			t.Errorf("second daemon: %v\n%s\nwant %s", err, &second.out, want)
		}
	}
	if after := kernelState(t, "hub"); after != state {
		t.Errorf("the second daemon changed the first one's routes:\n%s\n%s", state, after)
	}
	hub.ask(t, 0, "show", "version")
}

func TestSocketIsForRootOnly(t *testing.T) {
	hub := serveIn(t, network(t), "hub")
	dir := filepath.Dir(hub.socket)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v", info.Mode(), err)
	}
	program := filepath.Join(openDir(t, hub.socket), "qmidle")
	sh(t, "install -m 755 "+hub.binary+" "+program)
	// Even a socket that anybody may open answers to root alone.
	for _, mode := range []os.FileMode{0o600, 0o666} {
		if err := os.Chmod(hub.socket, mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-s", hub.socket, "show", "running-config")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "nly root may give commands") || strings.Contains(string(out), "key") {
			t.Errorf("a user with a socket of mode %v: %v\n%s", mode, err, out)
		}
	}
}

// openDir lets everybody through to a path, and makes a directory for
// everybody.
func openDir(t *testing.T, path string) string {
	t.Helper()
	for dir := filepath.Dir(path); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Dir(filepath.Dir(path))
}

func TestInterfacesByName(t *testing.T) {
	binary := network(t)
	file := filepath.Join(t.TempDir(), "hub.cfg")
	text, err := os.ReadFile("../../examples/site-to-site/hub.cfg")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), " ip address 192.1.1.40 255.255.255.0\n", " ip address dhcp\n", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	lost := begin(t, "hub", binary, "run", "-c", file, "-s", socket, "--state", t.TempDir())
	if err := lost.wait(t); err == nil || !strings.Contains(lost.out.String(), "hint: name one: --interface Et0/0=") {
		t.Errorf("%v\n%s", err, &lost.out)
	}
	bound := begin(t, "hub", binary, "run", "-c", file, "-s", socket, "--state", t.TempDir(), "--interface", "Et0/0=wan0")
	eventually(t, "the daemon", func() bool { return strings.Contains(bound.out.String(), "on Ethernet0/0 (wan0, 192.1.1.40)") })
	if routes := sh(t, "ip -n qgw-hub route show proto 171"); routes != "192.168.3.0/24 via 192.1.1.42 dev wan0 \n" {
		t.Errorf("routes of our own:\n%s", routes)
	}
	if err := bound.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}
