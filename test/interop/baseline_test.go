//go:build interop

package interop

import (
	"strings"
	"testing"
	"time"
)

// TestClearTextIsSeen shows that the capture finds what the other tests deny:
// without a gateway the hosts reach each other in clear.
func TestClearTextIsSeen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	capture := startCapture(t, l)
	wantPing(t, l.hub, 1)
	if s := capture.end(t); len(s.clear) != 2 || s.esp != 0 {
		t.Errorf("%+v, want an echo request and its reply in clear", s)
	}
}

// TestCharonWithCharon shows that the peer and its surroundings work, so that
// what fails in the other tests is ours.
func TestCharonWithCharon(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	capture := startCapture(t, l)
	hub, spoke := startCharon(t, l, l.hub, usual), startCharon(t, l, l.spoke, usual)
	spoke.initiate(t)
	wantListed(t, hub.waitSAs(t, 1, 1), usual) // before, its hosts' packets go in clear
	wantPing(t, l.hub, 3)
	wantPing(t, l.spoke, 3)
	t.Logf("%.0f Mbit/s", transfer(t, l.hub, l.spoke, 1<<20, 30*time.Second))
	hub.terminate(t, "--ike", "peer")
	spoke.waitSAs(t, 0, 0)
	hub.end(t)
	spoke.end(t)
	capture.end(t).wantProtected(t, 12)
	hub.wantNoComplaint(t)
	spoke.wantNoComplaint(t)
}

// TestComplaintsAreSeen shows that charon's log is judged: a wrong suite is a
// complaint.
func TestComplaintsAreSeen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	other := usual
	other.cipher = "3des"
	hub, spoke := startCharon(t, l, l.hub, usual), startCharon(t, l, l.spoke, other)
	if out, err := spoke.trySwanctl("--initiate", "--child", "net", "--timeout", "10"); err == nil {
		t.Errorf("two suites came together:\n%s", out)
	}
	for _, c := range []*charon{hub, spoke} {
		if !complaints.MatchString(c.log(t)) {
			t.Errorf("no complaint at the %s:\n%s", c.site.name, c.log(t))
		}
	}
}

// wantListed fails unless charon's list of SAs names the suite.
func wantListed(t *testing.T, list string, x suite) {
	t.Helper()
	for _, want := range x.listed() {
		if !strings.Contains(list, want) {
			t.Errorf("charon's SAs have no %q:\n%s", strings.TrimSpace(want), list)
		}
	}
}
