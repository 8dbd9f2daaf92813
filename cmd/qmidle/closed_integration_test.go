//go:build integration

package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// clearOnWire begins to capture what passes between the two protected networks
// outside of ESP, at the spoke, and returns how to ask for it.
func clearOnWire(t *testing.T) func() string {
	t.Helper()
	capture := begin(t, "spoke", "tcpdump", "-l", "-n", "-i", "wan0", "ip src net 192.168.0.0/16 and dst net 192.168.0.0/16")
	eventually(t, "tcpdump", func() bool { return strings.Contains(capture.out.String(), "listening on") })
	return func() string {
		var packets []string
		for line := range strings.Lines(capture.out.String()) {
			if strings.Contains(line, " IP ") {
				packets = append(packets, line)
			}
		}
		return strings.Join(packets, "")
	}
}

func qmidle(t *testing.T, binary, ns string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", "qgw-" + ns, binary}, args...)...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func pingHost(t *testing.T, ns, args string) string {
	t.Helper()
	out, _ := exec.Command("sh", "-c", "ip netns exec qgw-"+ns+" ping -n -i 0.1 "+args).CombinedOutput()
	return string(out)
}

func TestForgedClearTextIsDroppedAndTold(t *testing.T) {
	binary := network(t)
	sh(t, "ip netns exec qgw-hub sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan0.rp_filter=0; ip -n qgw-spoke route add 192.168.2.0/24 via 192.1.1.40")
	hub := serveIn(t, binary, "hub")
	// To a host, to the gateway's own address, and again.
	for _, to := range []string{"192.168.2.10", "192.168.2.1", "192.168.2.1"} {
		if out := pingHost(t, "ls", "-c 2 -W 1 "+to); !strings.Contains(out, "100% packet loss") {
			t.Errorf("in clear:\n%s", out)
		}
	}
	const message = "%CRYPTO-4-RECVD_PKT_NOT_IPSEC: Rec'd packet not an IPSEC packet. (ip) vrf/dest_addr= /192.168.2.10, src_addr= 192.168.3.10, prot= 1\n"
	eventually(t, "the message", func() bool {
		log, err := os.ReadFile(hub.log)
		return err == nil && strings.Count(string(log), message) == 1
	})
	if log, _ := os.ReadFile(hub.log); strings.Count(string(log), "RECVD_PKT_NOT_IPSEC") != 1 {
		t.Errorf("told more than once a minute:\n%s", log)
	}
	if counter := sh(t, "ip netns exec qgw-hub nft list counter inet qmidle clear-in"); !strings.Contains(counter, "packets 6 ") {
		t.Errorf("counter:\n%s", counter)
	}
}

func TestNothingInClearAfterTheEnd(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42; ip -n qgw-spoke route add default via 192.1.1.40")
	if out := pingHost(t, "lh", "-c 1 -W 2 192.168.3.10"); !strings.Contains(out, " 1 received") {
		t.Fatalf("the networks do not reach each other in clear:\n%s", out)
	}
	onWire := clearOnWire(t)
	hub, spoke := serveIn(t, binary, "hub"), serveIn(t, binary, "spoke")
	args := []string{binary, "run", "-c", "../../examples/site-to-site/hub.cfg", "-s", hub.socket, "--log", hub.log, "--state", hub.state()}
	restart := func(more ...string) *running {
		r := begin(t, "hub", append(args, more...)...)
		eventually(t, "the daemon", func() bool { return strings.Contains(r.out.String(), " is ready: ") })
		return r
	}

	// Under traffic all the time, of hosts and of the gateway itself.
	flood := begin(t, "lh", "ping", "-n", "-i", "0.01", "192.168.3.10")
	own := begin(t, "hub", "ping", "-n", "-i", "0.01", "-I", "192.168.2.1", "192.168.3.10")
	eventually(t, "the tunnel", func() bool { return strings.Contains(flood.out.String(), "bytes from") })
	if out, code := qmidle(t, binary, "hub", "release"); code != 1 || !strings.Contains(out, "qmidle: a gateway runs on this host\n  hint: stop it first") {
		t.Errorf("release beside a gateway: %d\n%s", code, out)
	}
	hub.end(t, syscall.SIGKILL)
	blocked := pingHost(t, "lh", "-c 5 -W 1 192.168.3.10")
	if !strings.Contains(blocked, "100% packet loss") {
		t.Errorf("after kill -9:\n%s", blocked)
	}
	// Somebody tidies up what looks like rubbish of a dead daemon.
	sh(t, "ip -n qgw-hub rule flush protocol 171; ip -n qgw-hub route flush table 1701; ip -n qgw-hub route flush table 1702")
	blocked = pingHost(t, "lh", "-c 5 -W 1 192.168.3.10")
	if !strings.Contains(blocked, "100% packet loss") {
		t.Errorf("after kill -9 and without the rules:\n%s", blocked)
	}
	again := restart()
	if out := pingHost(t, "lh", "-c 3 -W 5 192.168.3.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("after the restart:\n%s", out)
	}
	if err := again.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if out := again.out.String(); !strings.HasSuffix(out, "qmidle: what the crypto maps protect stays blocked\n  hint: `qmidle release` lets it pass in clear\n") {
		t.Errorf("the end says:\n%s", out)
	}
	blocked = pingHost(t, "lh", "-c 5 -W 1 192.168.3.10")
	if !strings.Contains(blocked, "100% packet loss") {
		t.Errorf("after SIGTERM:\n%s", blocked)
	}
	last := restart("--release")
	if out := pingHost(t, "lh", "-c 3 -W 5 192.168.3.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("with --release:\n%s", out)
	}
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
	if err := last.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	flood.end(t, syscall.SIGTERM)
	own.end(t, syscall.SIGTERM)
	if err := spoke.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if out, code := qmidle(t, binary, "spoke", "release"); code != 0 || out != "" {
		t.Errorf("release: %d\n%s", code, out)
	}
	if out := pingHost(t, "lh", "-c 1 -W 2 192.168.3.10"); !strings.Contains(out, " 1 received") {
		t.Errorf("after the release of both:\n%s", out)
	}
	if left := sh(t, "for n in hub spoke; do ip netns exec qgw-$n nft list tables; done"); left != "" {
		t.Errorf("tables left:\n%s", left)
	}
}
