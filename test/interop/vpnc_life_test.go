//go:build interop

package interop

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// livingConfig is usersConfig with a route to each client, and more.
func livingConfig(more ...string) string {
	return strings.NewReplacer(" set transform-set A\n", " set transform-set A\n reverse-route\n", "crypto isakmp keepalive 10 3\n", "crypto isakmp keepalive 10 2 periodic\n").
		Replace(strings.Join(more, "\n") + "\n" + usersConfig)
}

// statistic is a counter of `show crypto isakmp statistics`.
func (q *qmidle) statistic(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(q.do(t, "show crypto isakmp statistics")) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("no %s in the statistics", name)
	return ""
}

// routed says whether the gateway has a route of its own to the client.
func routed(t *testing.T, l *lab) bool {
	t.Helper()
	return strings.Contains(command(t, "ip", "-n", l.hub.ns, "route", "show", "10.55.0.10"), "10.55.0.10")
}

// wantGone fails unless nothing is left of a client.
func (q *qmidle) wantGone(t *testing.T, l *lab) {
	t.Helper()
	q.waitSAs(t, 0, 0)
	if pool := q.leases(t); len(pool) != 0 {
		t.Errorf("the pool: %v", pool)
	}
	if routed(t, l) {
		t.Error("the route to the client is still there")
	}
	if out := q.do(t, "show crypto session"); strings.Contains(out, "status: UP") {
		t.Errorf("the sessions:\n%s", out)
	}
}

// TestVPNCIsRenewed has short lifetimes at the server alone: it renews the pairs,
// with and without the operator's command, and vpnc the ISAKMP SA, by a new socket
// where there is a NAT. A packet that crosses a change may be lost.
//
// vpnc renews the ISAKMP SA as it wakes behind four fifths of its life, and takes what
// is in its socket then for the answer. So nothing is on its way at that time, and
// the first echo request behind it is what wakes vpnc.
func TestVPNCIsRenewed(t *testing.T) {
	t.Parallel()
	const bound, due = 3, 50 * time.Second
	for name, c := range map[string]struct {
		setting  string
		renewals int    // of the ISAKMP SA: one, before the server's time for a pair comes, or two
		made     string // ISAKMP SAs, and pairs
	}{
		"NAT traversal": {"NAT Traversal Mode natt", 2, "3"}, "no NAT traversal": {"NAT Traversal Mode none", 1, "2"},
		"Cisco's encapsulation": {"NAT Traversal Mode cisco-udp", 1, "2"}, "PFS": {"Perfect Forward Secrecy dh5", 1, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := livingConfig("crypto ipsec security-association lifetime seconds 120")
			l, q, p := connectVPNC(t, strings.NewReplacer(" group 2\n", " group 2\n lifetime 60\n", " acl 150\n", " acl 150\n qmidle ipsec-udp-port 10000\n").Replace(text), c.setting)
			lost := 0
			for i := range c.renewals {
				began := time.Now()
				e := carry(t, l, 300)
				if i == 0 {
					eventually(t, "traffic", 10*time.Second, func() (bool, string) { return e.sent.Load() > 10, "" })
					q.do(t, "clear crypto sa")
				}
				lost += e.tell(t)
				eventually(t, "the time to renew", due, func() (bool, string) { return time.Since(began) > due, "" })
			}
			if lost += carry(t, l, 80).tell(t); lost > bound {
				t.Errorf("%d echo requests were lost, more than %d", lost, bound)
			}
			if phase1, phase2 := q.statistic(t, "phase 1 negotiations up"), q.statistic(t, "phase 2 negotiations up"); phase1 != c.made || phase2 != c.made {
				t.Errorf("%s ISAKMP SAs and %s pairs were made, want %s of each", phase1, phase2, c.made)
			}
			if !routed(t, l) || q.leases(t)["10.55.0.10"] != "alice" {
				t.Errorf("there is a route: %v, the pool: %v", routed(t, l), q.leases(t))
			}
			if err := p.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("vpnc ends with %v\n%s", err, p.output)
			}
			q.wantGone(t, l)
			q.end(t)
		})
	}
}

// carry has the client send echo requests, nine in a second.
func carry(t *testing.T, l *lab, count int) *echoes {
	t.Helper()
	e, err := startEchoes(client(l, l.spoke.ns, "10.55.0.10"), count, 110*time.Millisecond, echoPatience)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestIdleVPNCIsRenewed: what wakes a vpnc that carries nothing, it takes for the
// answer to its renewal of the ISAKMP SA. The server leaves it alone, though it asks
// by dead peer detection as often as it may.
func TestIdleVPNCIsRenewed(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"natt", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l, q, p := connectVPNC(t, strings.Replace(livingConfig(), " group 2\n", " group 2\n lifetime 60\n", 1), "NAT Traversal Mode "+mode, asksOften)
			eventually(t, "a renewal", 80*time.Second, func() (bool, string) {
				made := q.statistic(t, "phase 1 negotiations up")
				return made == "2" || p.exited(), made + " ISAKMP SAs; vpnc says\n" + p.output.String()
			})
			wantPing(t, client(l, l.spoke.ns, "10.55.0.10"), 3)
			if err := p.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("vpnc ends with %v\n%s", err, p.output)
			}
			q.wantGone(t, l)
			q.end(t)
		})
	}
}

// TestVPNCIsTold: what ends a session is told so that vpnc ends at once.
func TestVPNCIsTold(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"clear crypto session", "clear crypto isakmp", "end of the gateway"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			l, q, p := connectVPNC(t, livingConfig())
			wantPing(t, client(l, l.spoke.ns, "10.55.0.10"), 3)
			if !routed(t, l) {
				t.Error("there is no route to the client")
			}
			if line == "end of the gateway" {
				q.end(t)
			} else {
				q.do(t, line)
			}
			eventually(t, "the end of vpnc", 10*time.Second, func() (bool, string) { return p.exited(), p.output.String() })
			if !strings.Contains(p.output.String(), "connection terminated by peer") {
				t.Errorf("vpnc says\n%s", p.output)
			}
			if !q.exited() {
				q.wantGone(t, l)
				q.end(t)
			}
		})
	}
}

// TestVPNCDies kills vpnc: dead peer detection asks after 10 s, and five times every
// 2 s.
func TestVPNCDies(t *testing.T) {
	t.Parallel()
	l, q, p := connectVPNC(t, livingConfig())
	wantPing(t, client(l, l.spoke.ns, "10.55.0.10"), 3)
	p.stop(t, syscall.SIGKILL)
	eventually(t, "the end of the dead client's session", 40*time.Second, func() (bool, string) {
		out := q.do(t, "show crypto isakmp sa")
		return !strings.Contains(out, "QM_IDLE"), out
	})
	q.wantGone(t, l)
	q.end(t)
}

// TestVPNCReturns kills vpnc and dials again at once. The server asks the login that
// was there already, though dead peer detection is on demand and nothing is sent.
func TestVPNCReturns(t *testing.T) {
	t.Parallel()
	l, q, p := connectVPNC(t, usersConfig)
	p.stop(t, syscall.SIGKILL)
	p, connected := dialVPNC(t, l, "alice", "alice-password")
	waitConnected(t, p, connected)
	eventually(t, "the end of the old login", 30*time.Second, func() (bool, string) {
		pool := q.leases(t)
		return len(pool) == 1 && pool["10.55.0.11"] == "alice", fmt.Sprint(pool)
	})
	wantPing(t, client(l, l.spoke.ns, "10.55.0.11"), 3)
	if err := p.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("vpnc ends with %v\n%s", err, p.output)
	}
	q.wantGone(t, l)
	q.end(t)
}

// TestVPNCLosesItsServer: the server is cut off, or comes back and knows nothing.
// vpnc asks after 10 s, and six times every 5 s. Then it gets what it had.
func TestVPNCLosesItsServer(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, l *lab, q *qmidle) (back func()){
		"cut off": func(t *testing.T, l *lab, q *qmidle) func() {
			command(t, "ip", "-n", l.hub.ns, "link", "set", "wan0", "down")
			return func() {
				command(t, "ip", "-n", l.hub.ns, "link", "set", "wan0", "up")
				command(t, "ip", "-n", l.hub.ns, "route", "add", "default", "via", l.hub.nextHop)
			}
		},
		"restarted": func(t *testing.T, l *lab, q *qmidle) func() {
			q.stop(t, syscall.SIGKILL)
			q.run(t, livingConfig())
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, q, p := connectVPNC(t, livingConfig(), asksOften)
			wantPing(t, client(l, l.spoke.ns, "10.55.0.10"), 3)
			back := lose(t, l, q)
			eventually(t, "the end of vpnc", 70*time.Second, func() (bool, string) { return p.exited(), p.output.String() })
			if !strings.Contains(p.output.String(), "connection terminated by dead peer detection") {
				t.Errorf("vpnc says\n%s", p.output)
			}
			back()
			q.waitSAs(t, 0, 0)
			p, connected := dialVPNC(t, l, "alice", "alice-password", asksOften)
			waitConnected(t, p, connected)
			wantPing(t, client(l, l.spoke.ns, "10.55.0.10"), 3)
			if pool := q.leases(t); pool["10.55.0.10"] != "alice" {
				t.Errorf("the pool: %v", pool)
			}
			if err := p.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("vpnc ends with %v\n%s", err, p.output)
			}
			q.wantGone(t, l)
			q.end(t)
		})
	}
}
