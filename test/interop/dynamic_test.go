//go:build interop

package interop

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// dynamicConfig is the usual configuration for a peer whose address, network and
// way are not known.
func (q *qmidle) dynamicConfig(x setup) string {
	s := q.site
	return strings.NewReplacer(
		" address "+s.remoteGateway+"\n", " address 0.0.0.0 0.0.0.0\n",
		"crypto map CMAP 10 ipsec-isakmp\n set peer "+s.remoteGateway+"\n", "crypto dynamic-map DYN 10\n reverse-route\n",
		" match address 101\n", "crypto map CMAP 10 ipsec-isakmp dynamic DYN\n",
		"ip route "+s.remoteNet+" 255.255.255.0 "+s.nextHop+"\n", "",
	).Replace(q.config(x))
}

// TestDynamic has charon come to a dynamic crypto map, from its address and from
// behind a NAT; renew its SAs; go, and come again after it was killed.
func TestDynamic(t *testing.T) {
	t.Parallel()
	for name, lab := range map[string]func(*testing.T) *lab{
		"plain": newLab,
		"NAT":   func(t *testing.T) *lab { return newNATLab(t, func(l *lab) *site { return l.spoke }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab(t)
			x := usual
			x.child = "        rekey_time = 0\n"
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := newQmidle(t, l, l.hub, raceDetector)
			q.run(t, q.dynamicConfig(x))
			wantRoute := func(there bool) {
				t.Helper()
				want := ""
				if there {
					want = l.hub.remoteNet + "/24 via " + l.hub.remoteGateway + " dev wan0 \n"
				}
				eventually(t, "the reverse route: "+want, 10*time.Second, func() (bool, string) {
					routes := command(t, "ip", "-n", l.hub.ns, "route", "show", "table", "main", "proto", "171")
					return routes == want, routes
				})
			}
			wantRoute(false)

			for range 2 {
				c.initiate(t)
				wantPing(t, l.spoke, 3)
				wantPing(t, l.hub, 3)
				q.waitSAs(t, 1, 1)
				wantRoute(true)
				c.swanctl(t, "--rekey", "--child", "net")
				q.waitSAs(t, 1, 1)
				c.waitSAs(t, 1, 1)
				wantPing(t, l.hub, 3)
				wantRoute(true)
				c.terminate(t, "--ike", "peer")
				q.waitSAs(t, 0, 0)
				wantRoute(false)
			}
			if list := q.do(t, "show crypto map"); strings.Contains(list, "65536") {
				t.Errorf("an entry stays:\n%s", list)
			}

			c.initiate(t)
			c.wantNoComplaint(t)
			c.stop(t, syscall.SIGKILL)
			c = startCharon(t, l, l.spoke, x)
			c.initiate(t)
			wantPing(t, l.hub, 3)
			q.waitSAs(t, 2, 1) // charon does not say INITIAL-CONTACT, unless it is told to
			wantRoute(true)
			q.do(t, "clear crypto sa")
			c.waitSAs(t, 1, 0)
			wantRoute(false)
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			capture.end(t).wantProtected(t, 30)
			// The killed one left its rules, and its SA is deleted with the other.
			c.wantNoComplaint(t, "routing table rule", "CHILD_SA not found, ignored")
		})
	}
}
