//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/leak"
	"qmidle/test/printed"
)

// namespaces are two gateways, each with a host behind it.
//
//	lh 192.168.2.10 - .1 hub 192.1.1.40 === 192.1.1.42 spoke .1 - 192.168.3.10 ls
const namespaces = `
for n in hub spoke lh ls; do ip netns add qgw-$n; ip -n qgw-$n link set lo up
  ip netns exec qgw-$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
ip -n qgw-hub link add wan0 type veth peer name wan0 netns qgw-spoke
ip -n qgw-hub link add lan0 type veth peer name eth0 netns qgw-lh
ip -n qgw-spoke link add lan0 type veth peer name eth0 netns qgw-ls
ip -n qgw-hub addr add 192.1.1.40/24 dev wan0; ip -n qgw-hub addr add 192.168.2.1/24 dev lan0
ip -n qgw-spoke addr add 192.1.1.42/24 dev wan0; ip -n qgw-spoke addr add 192.168.3.1/24 dev lan0
ip -n qgw-lh addr add 192.168.2.10/24 dev eth0; ip -n qgw-ls addr add 192.168.3.10/24 dev eth0
for n in hub spoke; do ip -n qgw-$n link set wan0 up; ip -n qgw-$n link set lan0 up
  ip netns exec qgw-$n sysctl -qw net.ipv4.ip_forward=1; done
ip -n qgw-lh link set eth0 up; ip -n qgw-lh route add default via 192.168.2.1
ip -n qgw-ls link set eth0 up; ip -n qgw-ls route add default via 192.168.3.1
`

// network makes the namespaces and the program, whose path it returns.
func network(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests make network namespaces and need root")
	}
	remove := func() {
		for _, n := range []string{"hub", "spoke", "lh", "ls"} {
			exec.Command("ip", "netns", "del", "qgw-"+n).Run()
		}
	}
	remove()
	t.Cleanup(remove)
	sh(t, namespaces)
	binary := filepath.Join(t.TempDir(), "qmidle")
	sh(t, "go build -o "+binary+" .")
	return binary
}

func sh(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.Command("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return string(out)
}

// running is a process in a namespace.
type running struct {
	cmd   *exec.Cmd
	out   printed.Output
	ended chan error
}

func begin(t *testing.T, ns string, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command("ip", append([]string{"netns", "exec", "qgw-" + ns}, args...)...), ended: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		if t.Failed() {
			text := r.out.String()
			t.Logf("%s in %s printed:\n%s", args[0], ns, text[max(0, len(text)-8000):])
		}
	})
	return r
}

// end sends a signal and returns how the process ended.
func (r *running) end(t *testing.T, s syscall.Signal) error {
	t.Helper()
	r.cmd.Process.Signal(s)
	return r.wait(t)
}

func (r *running) wait(t *testing.T) error {
	t.Helper()
	return r.waitFor(t, 10*time.Second)
}

func (r *running) waitFor(t *testing.T, patience time.Duration) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the process does not end")
		return nil
	}
}

// gatewayProcess is a daemon with its client.
type gatewayProcess struct {
	*running
	binary, ns, socket, log string
	args                    []string
}

// serveIn starts the daemon of an example in its namespace.
func serveIn(t *testing.T, binary, ns string) *gatewayProcess {
	t.Helper()
	return serveFile(t, binary, ns, "../../examples/site-to-site/"+ns+".cfg")
}

// serveFile starts it with a configuration, a state directory of its own, and more
// flags.
func serveFile(t *testing.T, binary, ns, file string, more ...string) *gatewayProcess {
	t.Helper()
	dir := t.TempDir()
	g := &gatewayProcess{binary: binary, ns: ns, socket: filepath.Join(dir, "run", "sock"), log: filepath.Join(dir, "log")}
	g.args = append([]string{binary, "run", "-c", file, "-s", g.socket, "--log", g.log}, more...)
	if !slices.Contains(more, "--state") {
		g.args = append(g.args, "--state", filepath.Join(dir, "state"))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tellsNoKey(t, g, leak.Keys(string(text)))
		if t.Failed() {
			t.Logf("the log in %s:\n%s", ns, g.logged(t))
		}
	})
	return g.again(t)
}

// again starts a daemon that has ended.
func (g *gatewayProcess) again(t *testing.T, more ...string) *gatewayProcess {
	t.Helper()
	next := *g
	next.running = begin(t, g.ns, append(g.args, more...)...)
	g.running = next.running // what is printed from now on is searched, too
	eventually(t, "the daemon", func() bool { return strings.Contains(next.out.String(), " is ready: ") })
	return &next
}

// state is its state directory.
func (g *gatewayProcess) state() string { return g.args[slices.Index(g.args, "--state")+1] }

// tellsNoKey looks for keys in what a daemon has printed and logged.
func tellsNoKey(t *testing.T, g *gatewayProcess, keys []string) {
	t.Helper()
	if len(keys) == 0 {
		t.Errorf("%s has no key to look for", g.ns)
	}
	logged, err := os.ReadFile(g.log)
	if err != nil {
		t.Error(err)
	}
	for _, found := range leak.Find(g.out.String()+string(logged), keys) {
		t.Errorf("%s: %s", g.ns, found)
	}
}

// ask runs a command; its exit status must be code.
func (g *gatewayProcess) ask(t *testing.T, code int, words ...string) string {
	t.Helper()
	cmd := exec.Command(g.binary, append([]string{"-s", g.socket}, words...)...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%v at %s: status %d, want %d\n%s", words, g.ns, got, code, out)
	}
	return string(out)
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// kernelState is what of a namespace's routing a gateway may change.
func kernelState(t *testing.T, ns string) string {
	return sh(t, "ip -n qgw-"+ns+" rule; ip -n qgw-"+ns+" route show table all; ip -n qgw-"+ns+" -br addr")
}
