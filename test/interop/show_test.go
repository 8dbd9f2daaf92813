//go:build interop

package interop

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestShow compares what the console prints of a tunnel with charon, and what
// the debug text says of its negotiation, with golden files: once as the
// responder, once as the initiator.
func TestShow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		up   func(t *testing.T, q *qmidle, c *charon)
		sa   string
	}{
		{"responder", func(t *testing.T, _ *qmidle, c *charon) { c.initiate(t) },
			"192.1.1.40      192.1.1.42      QM_IDLE              1    0"},
		{"initiator", func(t *testing.T, q *qmidle, _ *charon) { wantPing(t, q.site, 1) },
			"192.1.1.42      192.1.1.40      QM_IDLE              1    0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c := startCharon(t, l, l.spoke, usual)
			q := startQmidle(t, l, l.hub, usual, raceDetector)
			q.do(t, "undebug crypto ipsec")
			test.up(t, q, c)
			q.waitSAs(t, 1, 1)
			sas := q.do(t, "show crypto isakmp sa")
			want := "dst             src             state          conn-id slot\n" + test.sa + "\n"
			if sas != want {
				t.Errorf("show crypto isakmp sa:\n%swant\n%s", sas, want)
			}
			if session := q.do(t, "show crypto session"); !strings.Contains(session, "Session status: UP-ACTIVE") {
				t.Errorf("show crypto session:\n%s", session)
			}
			q.do(t, "undebug all")
			eventually(t, "the end of quick mode in the debug text", 5*time.Second, func() (bool, string) {
				text := q.debug(t)
				return strings.Contains(text, "New State = IKE_QM_PHASE2_COMPLETE\n"), text
			})
			golden(t, test.name+"-debug.golden", normal(q.debug(t)))
			wantPing(t, l.hub, 4)
			golden(t, test.name+"-show.golden", normalShow(q.do(t, "show crypto session")+q.do(t, "show crypto ipsec sa")))
			q.end(t)
			c.end(t)
			c.wantNoComplaint(t)
		})
	}
}

var (
	shownSPI  = regexp.MustCompile(`0x[0-9A-F]+\(\d+\)`)
	shownLife = regexp.MustCompile(`(key lifetime \(k/sec\)): \(\d+/\d+\)`)
	shownConn = regexp.MustCompile(`conn id: \d+, flow_id: \S+`)
)

// normalShow replaces what differs from run to run.
func normalShow(text string) string {
	text = shownSPI.ReplaceAllString(text, "SPI")
	text = shownLife.ReplaceAllString(text, "$1: (K/S)")
	return shownConn.ReplaceAllString(text, "conn id: N, flow_id: F")
}
