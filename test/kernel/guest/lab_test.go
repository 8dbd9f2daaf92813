//go:build guest

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qmidle/test/netns"
)

// patience is how long the guest, which is slow, may take for one step.
const patience = 60 * time.Second

// lab is a test's own namespaces, so that tests can run side by side. A namespace is
// called by its role: hub, spoke, lh, ls, nat.
type lab struct{ number int32 }

var labs atomic.Int32

// ns is the name of the namespace of a role.
func (l *lab) ns(role string) string { return fmt.Sprintf("%s%d", role, l.number) }

// within runs f in the namespace of a role.
func (l *lab) within(role string, f func() error) error {
	return netns.Do(l.ns(role), f)
}

// run runs a program in a namespace and returns what it prints.
func (l *lab) run(role string, args ...string) (out string, err error) {
	err = l.within(role, func() error {
		b, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		out = string(b)
		return err
	})
	return out, err
}

// command is run where nothing else is to be seen than that it succeeds.
func (l *lab) command(t *testing.T, role string, args ...string) string {
	t.Helper()
	out, err := l.run(role, args...)
	if err != nil {
		t.Fatalf("%v in %s: %v\n%s", args, role, err, out)
	}
	return out
}

// ip runs commands of ip, one a line, in a namespace: processes are dear here.
func (l *lab) ip(t *testing.T, role, commands string) {
	t.Helper()
	l.batch(t, []string{"-n", l.ns(role)}, commands)
}

func (l *lab) batch(t *testing.T, options []string, commands string) {
	t.Helper()
	c := exec.Command("ip", append(options, "-b", "-")...)
	c.Stdin = strings.NewReader(commands)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
}

// set writes a setting of a namespace's network.
func (l *lab) set(t *testing.T, role, setting, value string) {
	t.Helper()
	if err := l.within(role, func() error { return os.WriteFile("/proc/sys/net/ipv4/"+setting, []byte(value), 0o644) }); err != nil {
		t.Fatal(err)
	}
}

// newLab makes the namespaces.
func newLab(t *testing.T, roles ...string) *lab {
	t.Helper()
	l := &lab{labs.Add(1)}
	commands := ""
	for _, role := range roles {
		commands += "netns add " + l.ns(role) + "\n"
	}
	l.batch(t, nil, commands)
	return l
}

// network makes a host behind each of two gateways.
//
//	lh 192.168.2.10 - .1 hub 192.1.1.40 === 192.1.1.42 spoke .1 - 192.168.3.10 ls
func network(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, "hub", "spoke", "lh", "ls")
	l.ip(t, "hub", "link add wan0 mtu 9000 type veth peer name wan0 mtu 9000 netns "+l.ns("spoke"))
	l.site(t, "hub", "lh", "192.1.1.40", "192.168.2")
	l.site(t, "spoke", "ls", "192.1.1.42", "192.168.3")
	return l
}

// site gives a gateway its addresses, and a host.
func (l *lab) site(t *testing.T, gateway, host, wan, lan string) {
	t.Helper()
	l.ip(t, gateway, `link set lo up
link add lan0 mtu 9000 type veth peer name eth0 mtu 9000 netns `+l.ns(host)+`
addr add `+wan+`/24 dev wan0
addr add `+lan+`.1/24 dev lan0
link set wan0 up
link set lan0 up
`)
	l.ip(t, host, `addr add `+lan+`.10/24 dev eth0
link set eth0 up
route add default via `+lan+`.1
`)
	l.set(t, gateway, "ip_forward", "1")
	l.set(t, gateway, "conf/all/rp_filter", "1")
}

// translated makes the namespaces with a NAT between the gateways, and more of them.
//
//	lh 192.168.2.10 - .1 hub 192.1.1.40 === 192.1.1.42 nat 10.0.0.1 === 10.0.0.2 spoke .1 - 192.168.3.10 ls
func translated(t *testing.T, more ...string) *lab {
	t.Helper()
	l := newLab(t, append(more, "hub", "spoke", "lh", "ls", "nat")...)
	l.ip(t, "hub", "link add wan0 mtu 9000 type veth peer name out mtu 9000 netns "+l.ns("nat"))
	l.ip(t, "nat", "addr add 192.1.1.42/24 dev out\nlink set out up\n")
	l.site(t, "hub", "lh", "192.1.1.40", "192.168.2")
	l.behind(t, "spoke", "10.0.0")
	l.site(t, "spoke", "ls", "10.0.0.2", "192.168.3")
	l.ip(t, "spoke", "route add default via 10.0.0.1")
	l.set(t, "nat", "ip_forward", "1")
	l.command(t, "nat", "nft", "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }")
	l.translate(t, "192.1.1.42:20000-29999")
	return l
}

// behind joins a namespace to the NAT, which has the first address of a network.
func (l *lab) behind(t *testing.T, role, network string) {
	t.Helper()
	inside := "in" + role
	l.ip(t, role, "link add wan0 mtu 9000 type veth peer name "+inside+" mtu 9000 netns "+l.ns("nat"))
	l.ip(t, "nat", "addr add "+network+".1/24 dev "+inside+"\nlink set "+inside+" up\n")
}

// translate gives what comes from behind the NAT an address and ports, from now on.
func (l *lab) translate(t *testing.T, to string) {
	t.Helper()
	l.command(t, "nat", "nft", "flush chain ip t c; add rule ip t c oifname out ip protocol udp snat to "+to)
	l.command(t, "nat", "conntrack", "-F")
}

// eventually asks until it is so. Between two questions it waits twice as long as one has
// taken, most of which are processes, so that what is waited for gets on meanwhile.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		asked := time.Now()
		if cond() {
			return
		}
		now := time.Now()
		if now.After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		<-time.After(max(2*now.Sub(asked), 20*time.Millisecond))
	}
}
