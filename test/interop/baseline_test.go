//go:build interop

package interop

import (
	"slices"
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
	if s := capture.end(t); len(s.clear) != 1 || len(s.leaks) != 1 || s.esp != 0 {
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
	capture.end(t).wantProtected(t, 12) // after the tunnel, what the stream still has to say goes in clear
	hub.terminate(t, "--ike", "peer")
	spoke.waitSAs(t, 0, 0)
	hub.end(t)
	spoke.end(t)
	hub.wantNoComplaint(t)
	spoke.wantNoComplaint(t)
}

// TestComplaintsAreSeen shows that charon's log is judged: a wrong suite is a
// complaint.
func TestComplaintsAreSeen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	other := usual
	other.cipher = ciphers[1]
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
func wantListed(t *testing.T, list string, x setup) {
	t.Helper()
	for _, want := range x.listed() {
		if !strings.Contains(list, want) {
			t.Errorf("charon's SAs have no %q:\n%s", strings.TrimSpace(want), list)
		}
	}
}

// TestCharonHasTheAlgorithms asks charon for what the matrix needs of it, but
// for what it is known to lack.
func TestCharonHasTheAlgorithms(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := startCharon(t, l, l.hub, usual)
	has := map[string]bool{}
	for line := range strings.Lines(c.swanctl(t, "--list-algs")) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "[") // NAME[plugin]
		has[name] = true
	}
	for _, f := range factors {
		for _, v := range f.values {
			lacking := slices.ContainsFunc(v.needs, func(name string) bool { return !has[name] })
			if reason := charonLacks[v.proposal]; lacking != (reason != "") {
				t.Errorf("%s %s: charon lacks it: %v; known for it: %q", f.name, v.ios, lacking, reason)
			}
		}
	}
}

// TestTransportMode negotiates transport mode as far as charon's ESP in user space
// goes, which has only tunnel mode: to the keys. That is why the matrix has none.
func TestTransportMode(t *testing.T) {
	t.Parallel()
	x := usual
	x.transport = true
	l := newLab(t)
	c := startCharon(t, l, l.spoke, x)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "10"); err == nil {
		t.Errorf("charon can do transport mode: the matrix should have it\n%s", out)
	}
	const addresses = "[ HASH SA No ID ID NAT-OA NAT-OA" // RFC 3947 section 5.2
	c.waitLog(t, "parsed QUICK_MODE response", addresses)
	c.waitLog(t, "IPsec SA: unsupported mode")
	q.do(t, "clear crypto isakmp")
	ping := q.client("ping", c.site.outside, "source", q.site.outside)
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	c.waitLog(t, "parsed QUICK_MODE request", addresses)
	ping.Process.Kill() // it waits for its answers
	ping.Wait()
}
