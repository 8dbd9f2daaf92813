//go:build guest

package guest

import (
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// sas counts the states that are more than a request for one.
func (l *lab) sas(t *testing.T, role string) int {
	t.Helper()
	return count(l.states(t, role))
}

var spi = regexp.MustCompile(`spi 0x0*[1-9a-f]\w*`)

func count(states string) int { return len(spi.FindAllString(states, -1)) }

// spis are those of the states; requests for one have none.
func spis(states string) string { return strings.Join(spi.FindAllString(states, -1), " ") }

// counts are the packets that a gateway shows.
func counts(t *testing.T, d *daemon) (received, sent int) {
	t.Helper()
	s := d.ask(t, "show crypto ipsec sa")
	number := func(name string) int {
		m := regexp.MustCompile("#pkts " + name + ": (\\d+),").FindStringSubmatch(s)
		if m == nil {
			t.Fatalf("%s shows no %s:\n%s", d.name, name, s)
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return number("decaps"), number("encaps")
}

// plane is what a gateway is told to do ESP with.
type plane string

const (
	automatic plane = ""
	userSpace plane = "qmidle data-plane user-space"
)

// hasStates says whether a gateway's kernel has the SAs.
func (p plane) hasStates() bool { return p != userSpace }

// few is what makes the kilobytes of an SA run out soon: half of them by that many large
// echoes, and then a successor is wanted.
const (
	few       = " set security-association lifetime kilobytes 2560"
	large     = 8000
	halfOfFew = 2560*1024/2/large + 5
)

// renewed has a host behind the hub use up what an SA carries before it wants a successor,
// and waits until a gateway has one: small echoes go on meanwhile, and none may be lost.
func (l *lab) renewed(t *testing.T, gateway, to string) {
	t.Helper()
	before := spis(l.states(t, gateway))
	l.wantEchoes(t, "lh", echo{to: to, count: halfOfFew, size: large}, halfOfFew)
	eventually(t, "the SAs are renewed", func() bool {
		l.wantEchoes(t, "lh", echo{to: to, count: 5}, 5)
		return spis(l.states(t, gateway)) != before
	})
}

func TestKernelToKernel(t *testing.T)    { direct(t, automatic) }
func TestKernelToUserSpace(t *testing.T) { direct(t, userSpace) }

// direct has the hub's kernel do raw ESP with a spoke: both ways, over a renewal, after
// a delete by either end, and over a crash.
func direct(t *testing.T, other plane) {
	t.Parallel()
	l := network(t)
	hub, spoke := l.gateway(t, "hub", config("hub", "", few)), l.gateway(t, "spoke", config("spoke", string(other), few))
	wire := l.listen(t)
	l.connect(t, "lh", "192.168.3.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 5}, 5)
	for _, d := range []*daemon{hub, spoke} {
		if n := l.sas(t, d.name); n != 2 && (d == hub || other.hasStates()) || n != 0 && d == spoke && !other.hasStates() {
			t.Errorf("%s has %d states:\n%s", d.name, n, l.states(t, d.name))
		}
	}
	in, out := counts(t, hub)
	if there, back := counts(t, spoke); in != back || out != there || in < 11 || out < 11 {
		t.Errorf("the hub has received %d and sent %d packets, the spoke %d and %d", in, out, there, back)
	}
	// With whatever does ESP the console shows the same.
	number := regexp.MustCompile(`0x[0-9A-F]+|\d+`)
	shown := func(d *daemon) string { return number.ReplaceAllString(d.ask(t, "show crypto ipsec sa"), "N") }
	if a, b := shown(hub), shown(spoke); a != b {
		t.Errorf("the hub shows\n%s\nand the spoke\n%s", a, b)
	}
	if s := wire.look(); s.clear != 0 || s.udp != 0 || s.esp < 22 {
		t.Errorf("on the wire: %+v", s)
	}

	// The kernel tells that the kilobytes run out.
	l.renewed(t, "hub", "192.168.3.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)

	// Either end deletes, and the other begins anew.
	for _, x := range []struct {
		by       *daemon
		from, to string
	}{{hub, "ls", "192.168.2.10"}, {spoke, "lh", "192.168.3.10"}} {
		x.by.ask(t, "clear crypto sa")
		eventually(t, "the SAs are gone", func() bool {
			return l.sas(t, "hub") == 0 && strings.Count(spoke.ask(t, "show crypto ipsec sa"), "\n      spi: 0x") == 0
		})
		l.connect(t, x.from, x.to)
	}
	if s := wire.look(); s.clear != 0 || s.udp != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}

// TestKernelThroughNAT and TestMoreThroughNATToUserSpace have the hub's kernel do ESP
// in UDP with a spoke behind a NAT, which then changes its ports.
func TestKernelThroughNAT(t *testing.T)          { throughNAT(t, automatic) }
func TestMoreThroughNATToUserSpace(t *testing.T) { throughNAT(t, userSpace) }

func throughNAT(t *testing.T, other plane) {
	t.Parallel()
	l := translated(t)
	hub, spoke := l.gateway(t, "hub", config("hub", "", "")), l.gateway(t, "spoke", config("inside", string(other), ""))
	wire := l.listen(t)
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	if s := wire.look(); s.clear != 0 || s.esp != 0 || s.udp < 12 {
		t.Errorf("on the wire: %+v", s)
	}
	l.translate(t, "192.1.1.42:30000-39999")
	eventually(t, "the hub follows the spoke", func() bool {
		l.echo(t, "ls", echo{to: "192.168.2.10", count: 1, wait: unanswered})
		s := l.states(t, "hub")
		return strings.Contains(s, "encap type espinudp sport 4500 dport 3") && strings.Contains(s, "encap type espinudp sport 3")
	})
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)
	if s := hub.ask(t, "show crypto ipsec sa"); !strings.Contains(s, "current_peer 192.1.1.42 port 3") {
		t.Errorf("the hub shows:\n%s", s)
	}
	there, sent := counts(t, spoke)
	if in, out := counts(t, hub); in != sent || out < there || there < 9 {
		t.Errorf("the spoke has sent %d and received %d packets, the hub received %d and sent %d", sent, there, in, out)
	}
	hub.ask(t, "clear crypto sa")
	l.connect(t, "ls", "192.168.2.10")
	if s := wire.look(); s.clear != 0 || s.esp != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}

// TestKernelOutlives kills a gateway, and ends it, beside a state and a policy of
// somebody else.
func TestKernelOutlives(t *testing.T) {
	t.Parallel()
	l := network(t)
	l.ip(t, "hub", `xfrm state add src 192.1.1.40 dst 192.1.1.99 proto esp spi 0x1234 reqid 7 mode tunnel enc cbc(aes) 0x00112233445566778899aabbccddeeff auth-trunc hmac(sha1) 0x000102030405060708090a0b0c0d0e0f10111213 96
xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 dir out priority 5 tmpl src 192.1.1.40 dst 192.1.1.99 proto esp reqid 7 mode tunnel`)
	foreign := l.show(t, "hub", "xfrm", "state", "list", "reqid", "7") + l.policies(t, "hub")
	hub := l.gateway(t, "hub", config("hub", "", ""))
	l.gateway(t, "spoke", config("spoke", "", ""))
	wire := l.listen(t)
	l.connect(t, "lh", "192.168.3.10")
	l.ip(t, "lh", "addr add 192.168.3.77/32 dev eth0")
	l.wantEchoes(t, "lh", echo{to: "192.168.2.1", from: "192.168.3.77", count: 2}, 0)
	eventually(t, "the hub tells of clear text", func() bool { return strings.Contains(hub.out.String(), "RECVD_PKT_NOT_IPSEC") })
	hub.end(t, syscall.SIGKILL)
	if n, p := l.sas(t, "hub"), l.policies(t, "hub"); n != 3 || strings.Count(p, "dir ") != 4 {
		t.Errorf("after the kill the hub has %d states and the policies\n%s", n, p)
	}
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)

	hub = l.gateway(t, "hub", config("hub", "", ""))
	if n := l.sas(t, "hub"); n != 1 {
		t.Errorf("a new gateway leaves %d states:\n%s", n, l.states(t, "hub"))
	}
	eventually(t, "the hub tells of the spoke's old SA", func() bool {
		l.echo(t, "ls", echo{to: "192.168.2.10", count: 1, wait: unanswered})
		return strings.Contains(hub.out.String(), "which no SA here has")
	})
	l.connect(t, "lh", "192.168.3.10")
	hub.end(t, syscall.SIGTERM)
	if now := l.show(t, "hub", "xfrm", "state", "list", "reqid", "7") + l.policies(t, "hub"); now != foreign {
		t.Errorf("before:\n%s\nafter:\n%s", foreign, now)
	}
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 2}, 0)
	hub = l.gateway(t, "hub", config("hub", "", ""))
	hub.end(t, syscall.SIGKILL)
	l.command(t, "hub", "/qmidle", "release")
	if now := l.policies(t, "hub"); strings.Count(now, "dir ") != 1 {
		t.Errorf("a release leaves:\n%s", now)
	}
	if s := wire.look(); s.clear != 0 {
		t.Errorf("on the wire: %+v", s)
	}
	l.ip(t, "hub", "route add 192.168.3.0/24 via 192.1.1.42") // the gateway's own has gone with it
	eventually(t, "a release lets clear text pass", func() bool {
		l.echo(t, "lh", echo{to: "192.168.3.10", count: 1, wait: unanswered})
		return wire.look().clear > 0
	})
}
