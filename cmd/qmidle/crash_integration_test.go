//go:build integration

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// counted is what a gateway shows of what it has counted since the host's boot.
type counted struct {
	phase1         int // that came up
	encaps, decaps int
}

func (g *gatewayProcess) counted(t *testing.T) (c counted) {
	t.Helper()
	number := func(pattern string, words ...string) int {
		found := regexp.MustCompile(pattern).FindStringSubmatch(g.ask(t, 0, words...))
		if found == nil {
			t.Fatalf("no %s in %v", pattern, words)
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c.phase1 = number(`phase 1 negotiations up +(\d+)`, "show", "crypto", "isakmp", "statistics")
	c.encaps = number(`#pkts encaps: (\d+)`, "show", "crypto", "ipsec", "sa")
	c.decaps = number(`#pkts decaps: (\d+)`, "show", "crypto", "ipsec", "sa")
	return c
}

// kept is what stands in its state directory of that.
func (g *gatewayProcess) kept(t *testing.T) (c counted) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.state(), "counters.json"))
	if err != nil {
		return c
	}
	var file struct {
		Engine struct{ Phase1Up int }
		Lines  map[string]struct{ OutPackets, InPackets int }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("%v: half a file is there: %s", err, text)
	}
	c.phase1 = file.Engine.Phase1Up
	for _, l := range file.Lines {
		c.encaps, c.decaps = c.encaps+l.OutPackets, c.decaps+l.InPackets
	}
	return c
}

// spis are those of the pairs that are up.
func (g *gatewayProcess) spis(t *testing.T) []string {
	t.Helper()
	return regexp.MustCompile(`\n +spi: 0x\w+`).FindAllString(g.ask(t, 0, "show", "crypto", "ipsec", "sa"), -1)
}

func (c counted) reaches(o counted) bool {
	return c.phase1 >= o.phase1 && c.encaps >= o.encaps && c.decaps >= o.decaps
}

// kill -9 with a tunnel up, packets in both directions and `write memory` under way;
// then the gateway begins again, which is all that an operator has to do. The spoke,
// which keeps the old SAs, sends ESP that nobody knows: the hub begins anew (invalid
// SPI), and its INITIAL-CONTACT ends them. Counters go on where they were, and the
// configuration is a whole one.
func TestKillUnderLoad(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42; ip -n qgw-spoke route add default via 192.1.1.40")
	onWire := clearOnWire(t)
	file := adapt(t, "hub", "crypto isakmp keepalive 10 3", "crypto isakmp keepalive 10 3\ncrypto isakmp invalid-spi-recovery")
	hub, spoke := serveFile(t, binary, "hub", file), serveIn(t, binary, "spoke")
	there := begin(t, "ls", "ping", "-n", "-i", "0.01", "192.168.2.10")
	back := begin(t, "lh", "ping", "-n", "-i", "0.01", "192.168.3.10")
	eventually(t, "the tunnel", func() bool { return strings.Contains(back.out.String(), "bytes from") })
	before := hub.counted(t)
	if before.phase1 == 0 || before.encaps == 0 {
		t.Errorf("counted: %+v", before)
	}
	eventually(t, "the counters to be kept", func() bool { return hub.kept(t).reaches(before) })
	write := exec.Command("sh", "-c", "while "+binary+" -s "+hub.socket+" write memory; do :; done")
	if err := write.Start(); err != nil {
		t.Fatal(err)
	}
	sizes := make(map[int64]bool)
	eventually(t, "the file to be written", func() bool {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		sizes[info.Size()] = true
		return len(sizes) == 2
	})
	old := spoke.spis(t)
	hub.end(t, syscall.SIGKILL)
	_ = write.Wait() // it fails, since nobody answers any more

	again := hub.again(t)
	if now := again.counted(t); !now.reaches(before) {
		t.Errorf("the counters began anew: %+v, and were %+v", now, before)
	}
	answers := func(p *running) int { return strings.Count(p.out.String(), "bytes from") }
	here, away := answers(back), answers(there)
	eventually(t, "traffic in both directions", func() bool { return answers(back) > here+50 && answers(there) > away+50 })
	if now := again.counted(t); now.phase1 <= before.phase1 || now.encaps < before.encaps+50 {
		t.Errorf("the counters do not go on: %+v, and were %+v", now, before)
	}
	eventually(t, "the end of the old pairs at the spoke", func() bool {
		now := spoke.spis(t)
		return len(now) > 0 && !slices.ContainsFunc(now, func(spi string) bool { return slices.Contains(old, spi) })
	})
	there.end(t, syscall.SIGTERM)
	back.end(t, syscall.SIGTERM)
	if err := again.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	spoke.end(t, syscall.SIGTERM)
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
}

// descriptors limits the numbers of files that a process may open from now on; those
// that are open stay so.
func descriptors(t *testing.T, pid int, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
}

// Without file descriptors the tunnel goes on, and what cannot be done is said: the
// command line does not answer, and a TUN device that somebody removes then cannot be
// made anew; nothing passes in clear meanwhile. With descriptors all works again.
func TestNoFileDescriptors(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42; ip -n qgw-spoke route add default via 192.1.1.40")
	onWire := clearOnWire(t)
	hub, spoke := serveIn(t, binary, "hub"), serveIn(t, binary, "spoke")
	if out := pingHost(t, "ls", "-c 2 -W 2 192.168.2.10"); !strings.Contains(out, " 2 received") {
		t.Fatal(out)
	}
	pid := hub.cmd.Process.Pid
	descriptors(t, pid, 3)
	asked := exec.Command(binary, "-s", hub.socket, "show", "version")
	asked.Env = os.Environ()
	if err := asked.Start(); err != nil {
		t.Fatal(err)
	}
	if out := pingHost(t, "ls", "-c 3 -W 2 192.168.2.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("without descriptors:\n%s", out)
	}
	spoke.ask(t, 0, "clear", "crypto", "sa")
	spoke.ask(t, 0, "clear", "crypto", "isakmp")
	if out := pingHost(t, "ls", "-c 3 -W 2 192.168.2.10"); !strings.Contains(out, " 3 received") {
		t.Errorf("another tunnel without descriptors:\n%s", out)
	}
	sh(t, "ip -n qgw-hub addr add 192.1.1.99/32 dev wan0; ip -n qgw-hub link del "+tunDevice(t, "hub"))
	for _, want := range []string{"cannot list the host's interfaces: too many open files\n", "is gone and cannot be made anew: too many open files; protected traffic is blocked\n"} {
		eventually(t, want, func() bool { return strings.Contains(hub.logged(t), want) })
	}
	if out := pingHost(t, "lh", "-c 2 -W 1 192.168.3.10"); !strings.Contains(out, "100% packet loss") {
		t.Errorf("without the device:\n%s", out)
	}
	descriptors(t, pid, 1024)
	if err := asked.Wait(); err != nil {
		t.Errorf("the command that waited: %v", err)
	}
	eventually(t, "the device", func() bool {
		return strings.Contains(pingHost(t, "lh", "-c 1 -W 1 192.168.3.10"), " 1 received")
	})
	eventually(t, "the message", func() bool {
		return strings.Contains(hub.logged(t), "was removed or set down by somebody; it is up again\n")
	})
	for _, g := range []*gatewayProcess{hub, spoke} {
		if err := g.end(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
}

// A gateway that may open too few files says so and does not begin, and leaves nothing.
func TestTooFewFileDescriptors(t *testing.T) {
	binary := network(t)
	before := kernelState(t, "hub")
	for _, n := range []string{"6", "16", "63"} {
		r := begin(t, "hub", "sh", "-c", "ulimit -n "+n+"; exec "+binary+" run -c ../../examples/site-to-site/hub.cfg -s "+filepath.Join(t.TempDir(), "s")+" --state "+t.TempDir())
		if err := r.wait(t); err == nil || r.out.String() != "qmidle: it may open "+n+" files only, and needs 64 at least\n  hint: `ulimit -n`, or LimitNOFILE of the service; 1024 are enough\n" {
			t.Errorf("with %s descriptors: %v\n%s", n, err, &r.out)
		}
	}
	if after := kernelState(t, "hub"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// tunDevice is the name of the gateway's.
func tunDevice(t *testing.T, ns string) string {
	t.Helper()
	name, _, _ := strings.Cut(sh(t, "ip -n qgw-"+ns+" -br link show type tun"), " ")
	if name == "" {
		t.Fatal("no TUN device")
	}
	return name
}

// The TUN device vanishes under traffic: it is made anew, which is said, and nothing
// passes in clear meanwhile.
func TestVanishedDevice(t *testing.T) {
	binary := network(t)
	sh(t, "ip -n qgw-hub route add default via 192.1.1.42; ip -n qgw-spoke route add default via 192.1.1.40")
	onWire := clearOnWire(t)
	hub, spoke := serveIn(t, binary, "hub"), serveIn(t, binary, "spoke")
	traffic := begin(t, "lh", "ping", "-n", "-i", "0.01", "192.168.3.10")
	answers := func() int { return strings.Count(traffic.out.String(), "bytes from") }
	eventually(t, "the tunnel", func() bool { return answers() > 0 })
	spis := spoke.ask(t, 0, "show", "crypto", "ipsec", "sa", "|", "include", "current outbound spi")
	sh(t, "ip -n qgw-hub link del "+tunDevice(t, "hub"))
	before := answers()
	eventually(t, "traffic", func() bool { return answers() > before+50 })
	eventually(t, "the message", func() bool {
		return strings.Contains(hub.logged(t), "qmidle: the device "+tunDevice(t, "hub")+" was removed or set down by somebody; it is up again\n")
	})
	if now := spoke.ask(t, 0, "show", "crypto", "ipsec", "sa", "|", "include", "current outbound spi"); now != spis {
		t.Errorf("the tunnel is another: %s, and was %s", now, spis)
	}
	traffic.end(t, syscall.SIGTERM)
	for _, g := range []*gatewayProcess{hub, spoke} {
		if err := g.end(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	if packets := onWire(); packets != "" {
		t.Errorf("in clear:\n%s", packets)
	}
}
