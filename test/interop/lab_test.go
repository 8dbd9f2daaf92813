//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lab is five network namespaces:
//
//	host 192.168.2.10 - .1 hub 192.1.1.40 - wan - 192.1.1.42 spoke .1 - 192.168.3.10 host
//
// wan is a bridge, where the capture runs. Each gateway's default route leads
// to the other, so that a packet that escapes encryption is seen and answered.
//
// A gateway may be behind a NAT, which is one namespace more: it is 10.1.0.2
// then, and seen as 192.1.1.43.
type lab struct {
	prefix     string
	dir        string // configurations, sockets and logs; short, for the sockets' sake
	hub, spoke *site
	behind     *site // the one behind a NAT, or nil
}

// site is a gateway with the host behind it.
type site struct {
	name, ns, hostNS       string
	outside, host, inside  string
	nextHop                string // towards the other site
	network                string
	remoteGateway          string // where the other gateway is seen
	remoteIdentity         string // what it calls itself
	remoteNet, remoteInner string // the other site's network, and its host
}

const prefix = "qmi"

var labs atomic.Int32

// newLab makes the namespaces and removes them when the test ends.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := planLab(t)
	l.make(t)
	return l
}

// planLab is a lab without its namespaces.
func planLab(t *testing.T) *lab {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{prefix: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), labs.Add(1)), dir: dir}
	l.hub = &site{name: "hub", outside: "192.1.1.40", inside: "192.168.2.1", host: "192.168.2.10", network: "192.168.2.0",
		remoteGateway: "192.1.1.42", remoteNet: "192.168.3.0", remoteInner: "192.168.3.10"}
	l.spoke = &site{name: "spoke", outside: "192.1.1.42", inside: "192.168.3.1", host: "192.168.3.10", network: "192.168.3.0",
		remoteGateway: "192.1.1.40", remoteNet: "192.168.2.0", remoteInner: "192.168.2.10"}
	t.Cleanup(func() {
		if t.Failed() {
			l.logKernel(t)
		}
		if err := removeNamespaces(l.prefix + "-"); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	for _, s := range []*site{l.hub, l.spoke} {
		s.ns, s.hostNS = l.prefix+"-"+s.name, l.prefix+"-"+s.name+"-host"
		s.nextHop, s.remoteIdentity = s.remoteGateway, s.remoteGateway
	}
	return l
}

// wan is the namespace of the bridge.
func (l *lab) wan() string { return l.prefix + "-wan" }

func (l *lab) make(t *testing.T) {
	t.Helper()
	wan := l.wan()
	command(t, "ip", "netns", "add", wan)
	quiet(t, wan)
	command(t, "ip", "-n", wan, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	command(t, "ip", "-n", wan, "link", "set", "br0", "up")
	for _, s := range []*site{l.hub, l.spoke} {
		l.addSite(t, s)
	}
}

// logKernel shows what the kernel counted, to find lost packets by.
func (l *lab) logKernel(t *testing.T) {
	for _, s := range []*site{l.hub, l.spoke} {
		for _, ns := range []string{s.ns, s.hostNS} {
			links, _ := exec.Command("ip", "-n", ns, "-s", "link").CombinedOutput()
			counters, _ := exec.Command("ip", "netns", "exec", ns, "grep", "-E", "^(Ip|Icmp|Udp):", "/proc/net/snmp").CombinedOutput()
			t.Logf("the kernel in %s:\n%s%s", ns, links, counters)
		}
	}
}

func (l *lab) addSite(t *testing.T, s *site) {
	t.Helper()
	command(t, "ip", "netns", "add", s.ns)
	command(t, "ip", "netns", "add", s.hostNS)
	quiet(t, s.ns)
	quiet(t, s.hostNS)
	ip := func(ns string, args ...string) { command(t, "ip", append([]string{"-n", ns}, args...)...) }
	if s == l.behind {
		l.addNAT(t, s)
	} else {
		ip(s.ns, "link", "add", "wan0", "type", "veth", "peer", "name", s.name, "netns", l.wan())
		ip(l.wan(), "link", "set", s.name, "master", "br0", "up")
	}
	ip(s.ns, "link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "netns", s.hostNS)
	ip(s.ns, "addr", "add", s.outside+"/24", "dev", "wan0")
	ip(s.ns, "addr", "add", s.inside+"/24", "dev", "lan0")
	ip(s.hostNS, "addr", "add", s.host+"/24", "dev", "eth0")
	for _, name := range []string{"lo", "wan0", "lan0"} {
		ip(s.ns, "link", "set", name, "up")
	}
	ip(s.hostNS, "link", "set", "eth0", "up")
	ip(s.hostNS, "route", "add", "default", "via", s.inside)
	ip(s.ns, "route", "add", "default", "via", s.nextHop)
	forward(t, s.ns)
}

func forward(t *testing.T, ns string) {
	t.Helper()
	command(t, "ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
}

// quiet keeps IPv6's own chatter off the wire.
func quiet(t *testing.T, ns string) {
	t.Helper()
	command(t, "ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
}

// command runs a program that must succeed and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// eventually waits until cond holds; detail says what was seen last.
func eventually(t *testing.T, what string, limit time.Duration, cond func() (ok bool, detail string)) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; <-tick.C {
		ok, detail := cond()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v; last seen:\n%s", what, limit, detail)
		}
	}
}

func tempDir() (string, error) { return os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid())) }

// sweep removes what a run left that was killed before it could clean up.
func sweep() error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !leftover(name) {
			continue
		}
		if err := removeNamespaces(name); err != nil {
			return err
		}
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, dir := range dirs {
		if leftover(filepath.Base(dir)) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// leftover says whether a name is one of ours and its process has ended.
func leftover(name string) bool {
	rest, ours := strings.CutPrefix(name, prefix)
	pid, _, dashed := strings.Cut(rest, "-")
	if _, err := strconv.Atoi(pid); !ours || !dashed || err != nil {
		return false
	}
	_, err := os.Stat(filepath.Join("/proc", pid))
	return errors.Is(err, os.ErrNotExist) || pid == strconv.Itoa(os.Getpid())
}

func namespaces() ([]string, error) {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 0 {
			names = append(names, fields[0])
		}
	}
	return names, nil
}

// removeNamespaces deletes those whose name begins so, and ends what still
// runs in them.
func removeNamespaces(start string) error {
	names, err := namespaces()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, start) {
			continue
		}
		pids, _ := exec.Command("ip", "netns", "pids", name).Output()
		for _, pid := range strings.Fields(string(pids)) {
			if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() {
				if p, err := os.FindProcess(n); err == nil {
					p.Kill()
				}
			}
		}
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			return fmt.Errorf("ip netns del %s: %v: %s", name, err, out)
		}
	}
	return nil
}
