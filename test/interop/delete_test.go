//go:build interop

package interop

import (
	"strings"
	"syscall"
	"testing"
)

// TestDelete ends a tunnel from either side in each way that there is. The
// other side follows, and traffic from qmidle's host brings the tunnel back
// with no packet lost.
func TestDelete(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		do            func(t *testing.T, q *qmidle, c *charon)
		isakmp, ipsec int // what stays
	}{
		{"charon, IPsec SAs", func(t *testing.T, _ *qmidle, c *charon) { c.terminate(t, "--child", "net") }, 1, 0},
		{"charon, ISAKMP SA", func(t *testing.T, _ *qmidle, c *charon) { c.terminate(t, "--ike", "peer") }, 0, 0},
		{"qmidle, IPsec SAs", func(t *testing.T, q *qmidle, _ *charon) { q.do(t, "clear crypto sa") }, 1, 0},
		{"qmidle, ISAKMP SA by conn-id", func(t *testing.T, q *qmidle, c *charon) {
			q.do(t, "clear crypto isakmp "+connID(t, q))
			// As on IOS the IPsec SAs stay; charon's end with the ISAKMP SA.
			q.waitSAs(t, 0, 1)
			c.waitSAs(t, 0, 0)
			q.do(t, "clear crypto sa")
		}, 0, 0},
		{"qmidle, all", func(t *testing.T, q *qmidle, _ *charon) {
			q.do(t, "clear crypto sa")
			q.do(t, "clear crypto isakmp")
		}, 0, 0},
		{"qmidle restarts", func(t *testing.T, q *qmidle, c *charon) {
			q.end(t)
			c.waitSAs(t, 0, 0)
			q.run(t, q.config(usual))
		}, 0, 0},
		{"charon restarts", func(t *testing.T, q *qmidle, c *charon) {
			c.end(t)
			q.waitSAs(t, 0, 0)
		}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, usual)
			q := startQmidle(t, l, l.hub, usual, raceDetector)
			wake(t, l.hub)
			test.do(t, q, c)
			q.waitSAs(t, test.isakmp, test.ipsec)
			if c.exited() {
				c = startCharon(t, l, l.spoke, usual)
			}
			c.waitSAs(t, test.isakmp, test.ipsec)
			wake(t, l.hub)
			wantPing(t, l.hub, 3)
			wantPing(t, l.spoke, 3)
			q.waitSAs(t, 1, 1)
			c.waitSAs(t, 1, 1)
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			capture.end(t).wantProtected(t, 8)
			c.wantNoComplaint(t)
		})
	}
}

// connID is the conn-id of the only ISAKMP SA that is up.
func connID(t *testing.T, q *qmidle) string {
	t.Helper()
	for line := range strings.Lines(q.do(t, "show crypto isakmp sa")) {
		if f := strings.Fields(line); len(f) == 5 && f[2] == "QM_IDLE" {
			return f[3]
		}
	}
	t.Fatal("no ISAKMP SA is up")
	return ""
}

// TestKilled ends either daemon with no time to tell its peer. The one that
// comes back says INITIAL-CONTACT, or is believed when it negotiates anew.
func TestKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, usual)
	q := startQmidle(t, l, l.hub, usual, raceDetector)
	wake(t, l.hub)
	q.stop(t, syscall.SIGKILL)
	q.run(t, q.config(usual))
	wake(t, l.hub)
	wantPing(t, l.hub, 3)
	c.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 3)
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 8)
	c.wantNoComplaint(t)
}
