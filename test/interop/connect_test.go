//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clientGuide is a block of the guide, whose addresses are the lab's.
func clientGuide(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/getting-started/vpn-client.md")
	if err != nil {
		t.Fatal(err)
	}
	return block(t, string(text), language)
}

// profileOfAlice is vpnc's configuration of the user that usersConfig knows.
func profileOfAlice(t *testing.T) string {
	t.Helper()
	return clientGuide(t, "vpnc")
}

// connection is `qmidle connect` at the spoke.
type connection struct {
	*process
	lab    *lab
	path   string
	dir    string
	before string // how the host was
}

// ownResolver gives a site an /etc/resolv.conf of its own, as `ip netns exec` has
// it: the machine's is nothing for a test.
func ownResolver(t *testing.T, s *site) {
	t.Helper()
	dir := filepath.Join("/etc/netns", s.ns)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver 192.0.2.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newConnection is a client that has not begun.
func newConnection(t *testing.T, l *lab) *connection {
	t.Helper()
	path, err := raceDetector()
	if err != nil {
		t.Fatal(err)
	}
	c := &connection{lab: l, path: path, dir: filepath.Join(l.dir, "connect")}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ownResolver(t, l.spoke)
	c.before = c.host(t)
	return c
}

// connect begins.
func (c *connection) connect(t *testing.T, profile string) {
	t.Helper()
	file := filepath.Join(c.dir, "profile.conf")
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	c.process = start(t, "qmidle connect", c.lab.spoke.ns, []string{raceOptions}, c.path, "connect", file,
		"-s", filepath.Join(c.dir, "sock"), "--state", filepath.Join(c.dir, "state"), "--log", filepath.Join(c.dir, "log"))
}

// host is what of the host a client changes.
func (c *connection) host(t *testing.T) string {
	t.Helper()
	ns := c.lab.spoke.ns
	return command(t, "ip", "-n", ns, "-br", "addr") + command(t, "ip", "-n", ns, "rule") + command(t, "ip", "-n", ns, "route", "show", "table", "all") +
		command(t, "ip", "netns", "exec", ns, "nft", "list", "ruleset") + c.resolver(t)
}

func (c *connection) resolver(t *testing.T) string {
	t.Helper()
	return command(t, "ip", "netns", "exec", c.lab.spoke.ns, "cat", "/etc/resolv.conf")
}

// wantRestored waits until the host is as it was.
func (c *connection) wantRestored(t *testing.T, after string) {
	t.Helper()
	eventually(t, "the host as it was, after "+after, 15*time.Second, func() (bool, string) {
		now := c.host(t)
		return now == c.before, "before:\n" + c.before + "now:\n" + now
	})
}

// client is the process behind the one that was started.
func (c *connection) client(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(command(t, "pgrep", "-P", strings.TrimSpace(command(t, "pgrep", "-f", c.dir+"/profile.conf", "-o"))))
}

// pingFrom sends three requests from a namespace.
func pingFrom(t *testing.T, ns, to string) {
	t.Helper()
	if out, err := exec.Command("ip", "netns", "exec", ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", to).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// asHost is a site whose gateway is the host: that of a client.
func asHost(s *site, address string) *site {
	x := *s
	x.hostNS, x.host = s.ns, address
	return &x
}

const connected = "connected to 192.1.1.40: address 10.55.0.10, tunnel for 192.168.2.0/24, names by 192.168.2.53"

// TestConnect: `qmidle connect` logs in at a gateway of its own kind, carries
// packets both ways, leaves the host as it was, also when it is killed, and comes
// back when the server has died.
func TestConnect(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, usersConfig)
	c := newConnection(t, l)

	c.connect(t, profileOfAlice(t))
	c.printed(t, connected)
	pingFrom(t, l.spoke.ns, l.hub.host)
	// CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW.
	if status := command(t, "cat", "/proc/"+c.client(t)+"/status"); !strings.Contains(status, "CapBnd:\t0000000000003400\n") || !strings.Contains(status, "CapEff:\t0000000000003400\n") {
		t.Errorf("the client can do more than it has to:\n%s", status)
	}
	if now := c.resolver(t); !strings.Contains(now, "nameserver 192.168.2.53") || !strings.Contains(now, "search corp.example") {
		t.Errorf("resolv.conf:\n%s", now)
	}
	client := asHost(l.spoke, "10.55.0.10")
	up, down := transfer(t, client, l.hub, 50<<20, 5*time.Minute), transfer(t, l.hub, client, 50<<20, 5*time.Minute)
	t.Logf("%.0f Mbit/s to the server, %.0f back", up, down)
	if err := c.stop(t, syscall.SIGINT); err != nil {
		t.Errorf("it ends with %v", err)
	}
	c.wantRestored(t, "its end")
	q.waitSAs(t, 0, 0)

	c.connect(t, profileOfAlice(t))
	c.printed(t, connected)
	command(t, "kill", "-KILL", c.client(t))
	c.printed(t, "the client was killed (signal: killed): the host is restored")
	c.wantRestored(t, "a kill")

	// The server forgets the client, which it does not find dead for a while.
	q.do(t, "clear crypto session")
	c.connect(t, profileOfAlice(t))
	c.printed(t, connected)
	q.cmd.Process.Kill()
	<-q.ended
	q.gone = true
	eventually(t, "the loss", 90*time.Second, func() (bool, string) {
		return strings.Contains(c.output.String(), "no tunnel to 192.1.1.40 since"), c.output.String()
	})
	q.run(t, usersConfig)
	eventually(t, "the tunnel anew", 90*time.Second, func() (bool, string) { return strings.Count(c.output.String(), connected) == 2, c.output.String() })
	pingFrom(t, l.spoke.ns, l.hub.host)
	if err := c.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("it ends with %v", err)
	}
	c.wantRestored(t, "a signal")
	q.end(t)
	logged, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil || !strings.Contains(string(logged), "EZVPN_CONNECTION_UP") {
		t.Errorf("the log: %v\n%s", err, logged)
	}
	for _, secret := range []string{"group-secret-7", "alice-password"} {
		if strings.Contains(string(logged)+c.output.String(), secret) {
			t.Errorf("%s stands in the log or on the screen", secret)
		}
	}
}

// TestConnectIsRefused: a client that does not get in says why, and leaves nothing.
func TestConnectIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ setting, by, says string }{
		"password": {"alice-password", "guess", "there is nobody to answer"},
		"key":      {"group-secret-7", "another-secret", "psk-mismatch"},
		"group":    {"ID clients", "ID nobody", "psk-mismatch"},
		"policy":   {"IPSec ID", "IKE DH Group dh5\nIPSec ID", "phase1-policy-mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			q := newQmidle(t, l, l.hub, raceDetector)
			q.run(t, usersConfig)
			x := newConnection(t, l)
			x.connect(t, strings.Replace(profileOfAlice(t), c.setting, c.by, 1))
			eventually(t, "its end", 90*time.Second, func() (bool, string) { return x.exited(), x.output.String() })
			if out := x.output.String(); !strings.Contains(out, c.says) {
				t.Errorf("it says\n%s", out)
			}
			x.wantRestored(t, "a refusal")
			q.end(t)
		})
	}
}

// TestEasyVPNGateway: a gateway is the client. In client mode its network is seen
// under the address from the server; with network extension under its own.
func TestEasyVPNGateway(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	hub, branch := newQmidle(t, l, l.hub, raceDetector), newQmidle(t, l, l.spoke, raceDetector)
	ownResolver(t, l.spoke)
	hub.run(t, usersConfig)
	branchConfig := strings.Replace(clientGuide(t, "ios"), " peer 192.1.1.40\n", " peer 192.1.1.40\n username alice password alice-password\n xauth userid mode local\n", 1)
	branch.run(t, branchConfig)
	if out := branch.do(t, "show crypto ipsec client ezvpn"); !strings.Contains(out, "Current State: CONNECT_REQUIRED") {
		t.Errorf("before `connect`:\n%s", out)
	}
	branch.do(t, "crypto ipsec client ezvpn connect")
	branch.waitSAs(t, 1, 1)
	if out := branch.do(t, "show crypto ipsec client ezvpn"); !strings.Contains(out, "Current State: IPSEC_ACTIVE\nLast Event: SOCKET_UP\nAddress: 10.55.0.10 \n") {
		t.Errorf("connected:\n%s", out)
	}
	pingFrom(t, l.spoke.hostNS, l.hub.host)
	pingFrom(t, l.spoke.ns, l.hub.host)
	transfer(t, l.spoke, l.hub, 10<<20, time.Minute)
	var sessions struct {
		Sessions []struct{ Encaps int }
	}
	hub.ask(t, "show crypto session", &sessions)
	branch.do(t, "clear crypto ipsec client ezvpn office")
	hub.waitSAs(t, 0, 0)
	if out := command(t, "ip", "-n", l.spoke.ns, "-br", "addr"); strings.Contains(out, "10.55.0.10") {
		t.Errorf("the address stays:\n%s", out)
	}

	// Network extension needs a list of what clients may have.
	hub.write(t, strings.Replace(usersConfig, "crypto dynamic-map DYN 10\n", "crypto dynamic-map DYN 10\n match address 151\n", 1)+
		"access-list 151 permit ip any 192.168.3.0 0.0.0.255\n")
	hub.do(t, "reload")
	branch.write(t, strings.NewReplacer("mode client\n", "mode network-extension\n", "connect manual", "connect auto").Replace(branchConfig))
	branch.do(t, "reload")
	branch.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 3)
	wantPing(t, l.hub, 3)
	branch.end(t)
	hub.waitSAs(t, 0, 0)
	hub.end(t)
}
