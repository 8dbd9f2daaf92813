//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What the NAT has outside: an address, and the ports of its mappings before
// they change and after.
const (
	natOutside              = "192.1.1.43"
	firstPorts, secondPorts = "20000-20999", "30000-30999"
	natEchoes               = 160
)

// newNATLab is a lab with one gateway behind a NAT.
func newNATLab(t *testing.T, pick func(*lab) *site) *lab {
	t.Helper()
	l := planLab(t)
	l.behind = pick(l)
	inner, other := l.behind, l.hub
	if other == inner {
		other = l.spoke
	}
	inner.outside, inner.nextHop = "10.1.0.2", "10.1.0.1"
	other.remoteGateway, other.nextHop, other.remoteIdentity = natOutside, natOutside, inner.outside
	l.make(t)
	return l
}

func (l *lab) nat() string { return l.prefix + "-nat" }

// addNAT connects a site by a namespace that masquerades. Its default route, as
// the gateways', would lead a packet in clear to the other side.
func (l *lab) addNAT(t *testing.T, s *site) {
	t.Helper()
	ns := l.nat()
	command(t, "ip", "netns", "add", ns)
	quiet(t, ns)
	ip := func(ns string, args ...string) { command(t, "ip", append([]string{"-n", ns}, args...)...) }
	ip(s.ns, "link", "add", "wan0", "type", "veth", "peer", "name", "in0", "netns", ns)
	ip(ns, "link", "add", "out0", "type", "veth", "peer", "name", "nat", "netns", l.wan())
	ip(l.wan(), "link", "set", "nat", "master", "br0", "up")
	ip(ns, "addr", "add", s.nextHop+"/24", "dev", "in0")
	ip(ns, "addr", "add", natOutside+"/24", "dev", "out0")
	for _, name := range []string{"lo", "in0", "out0"} {
		ip(ns, "link", "set", name, "up")
	}
	ip(ns, "route", "add", "default", "via", s.remoteGateway)
	forward(t, ns)
	l.mapPorts(t, firstPorts)
}

// mapPorts gives all connections from inside new ports outside, those that are
// open too. What comes from outside without one is dropped, as NATs do.
func (l *lab) mapPorts(t *testing.T, ports string) {
	t.Helper()
	nft := exec.Command("ip", "netns", "exec", l.nat(), "nft", "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(`table ip nat
delete table ip nat
table ip nat {
	chain input {
		type filter hook input priority filter
		iifname out0 ip protocol udp drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname out0 meta l4proto udp masquerade to :%s
		oifname out0 masquerade
	}
}
`, ports))
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	command(t, "ip", "netns", "exec", l.nat(), "conntrack", "-F")
}

// TestNAT has either gateway behind a NAT: it initiates, keeps the mapping open,
// and gets another one under traffic both ways.
func TestNAT(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		behind func(*lab) *site
		bound  int // echo requests that may be lost, of those each tenth of a second
	}{
		// charon follows IKE only: our dead peer detection has to ask first.
		{"qmidle behind", func(l *lab) *site { return l.hub }, 130},
		{"charon behind", func(l *lab) *site { return l.spoke }, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			x := usual
			x.ios = "crypto isakmp nat keepalive 5\ncrypto isakmp keepalive 10 2 periodic\n"
			x.daemon = "  keep_alive = 2s\n"
			l := newNATLab(t, test.behind)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, raceDetector)
			if l.behind == l.spoke {
				c.initiate(t)
			}
			wake(t, l.hub)
			wantPing(t, l.hub, 5)
			wantPing(t, l.spoke, 5)
			q.waitSAs(t, 1, 1)
			wantMapped(t, l, q, c, firstPorts)
			eventually(t, "keepalives of the one behind the NAT", 20*time.Second, func() (bool, string) {
				s := capture.read(t)
				return s.keepalives >= 1, fmt.Sprintf("%+v", s)
			})

			running := map[*site]*echoes{}
			for _, s := range []*site{l.hub, l.spoke} {
				e, err := startEchoes(s, natEchoes, 100*time.Millisecond, 3*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				running[s] = e
			}
			eventually(t, "traffic both ways", 10*time.Second, func() (bool, string) {
				return running[l.hub].sent.Load() > 20 && running[l.spoke].sent.Load() > 20, ""
			})
			l.mapPorts(t, secondPorts)
			for s, e := range running {
				lost, err := e.lost()
				if err != nil {
					t.Error(err)
				}
				t.Logf("the mapping changed: from the host behind the %s %d of %d echo requests were lost: %v", s.name, len(lost), natEchoes, lost)
				if len(lost) > test.bound {
					t.Errorf("more than %d", test.bound)
				}
			}
			wantMapped(t, l, q, c, secondPorts)
			wantPing(t, l.hub, 3)
			wantPing(t, l.spoke, 3)
			q.waitSAs(t, 1, 1)
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			capture.end(t).wantProtected(t, 26)
			c.wantNoComplaint(t)
		})
	}
}

var charonRemote = regexp.MustCompile(`remote '[^']*' @ ` + regexp.QuoteMeta(natOutside) + `\[(\d+)\]`)

// wantMapped fails unless the end outside sees the other, in both phases where it
// tells, at a port of the range. charon tells of one.
func wantMapped(t *testing.T, l *lab, q *qmidle, c *charon, ports string) {
	t.Helper()
	var first, last int
	fmt.Sscanf(ports, "%d-%d", &first, &last)
	for _, seen := range outsideViews(t, l, q, c) {
		at, err := netip.ParseAddrPort(seen)
		if err != nil || at.Addr().String() != natOutside || int(at.Port()) < first || int(at.Port()) > last {
			t.Errorf("the peer is seen at %s, want %s with a port of %s", seen, natOutside, ports)
		}
	}
}

// outsideViews are where the end outside of the NAT sees the one behind it.
func outsideViews(t *testing.T, l *lab, q *qmidle, c *charon) (seen []string) {
	t.Helper()
	if l.behind == q.site {
		list := c.swanctl(t, "--list-sas")
		m := charonRemote.FindStringSubmatch(list)
		if m == nil {
			t.Fatalf("charon sees no peer at %s:\n%s", natOutside, list)
		}
		return []string{natOutside + ":" + m[1]}
	}
	var phase1 struct {
		SAs []struct {
			Remote string
			NATT   bool `json:"nat_traversal"`
		} `json:"isakmp_sas"`
	}
	q.ask(t, "show crypto isakmp sa detail", &phase1)
	for _, sa := range phase1.SAs {
		if seen = append(seen, sa.Remote); !sa.NATT {
			t.Errorf("an ISAKMP SA without NAT traversal: %+v", sa)
		}
	}
	phase2 := q.ident(t)
	return append(seen, fmt.Sprintf("%s:%d", phase2.Peer, phase2.PeerPort))
}
