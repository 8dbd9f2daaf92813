//go:build interop

package interop

import (
	"syscall"
	"testing"
	"time"
)

// TestPeerThatForgot kills charon, which comes back and knows of nothing, while
// packets go to it. Dead peer detection finds out: within its interval of 10 s and
// its five tries every 2 s, which is 20 s. That and a half is allowed here.
func TestPeerThatForgot(t *testing.T) {
	t.Parallel()
	const interval, count, bound = 100 * time.Millisecond, 400, 300
	x := usual
	x.ios = "crypto isakmp keepalive 10 2\n"
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, x)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	wake(t, l.hub)
	c.stop(t, syscall.SIGKILL)
	c = startCharon(t, l, l.spoke, x)
	e, err := startEchoes(l.hub, count, interval, echoPatience)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := e.lost()
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d echo requests were lost, which is %v", len(lost), count, time.Duration(len(lost))*interval)
	if len(lost) > bound {
		t.Errorf("more than %d", bound)
	}
	wantPing(t, l.hub, 3)
	wantPing(t, l.spoke, 3)
	c.waitSAs(t, 1, 1)
	c.waitLog(t, "N(INITIAL_CONTACT)")
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 12)
}

// TestInvalidSPIRecovery kills qmidle, which comes back and is sent ESP that it
// knows nothing of: it opens a main mode, and charon forgets the old SAs.
func TestInvalidSPIRecovery(t *testing.T) {
	t.Parallel()
	x := usual
	x.ios = "crypto isakmp invalid-spi-recovery\n"
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, x)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	wake(t, l.hub)
	q.stop(t, syscall.SIGKILL)
	q.run(t, q.config(x))
	c.forget(t)
	if n, _ := ping(l.spoke, 1); n != 0 {
		t.Error("ESP for an SA that is gone was answered")
	}
	c.waitLog(t, "N(INITIAL_CONTACT)")
	q.waitSAs(t, 1, 0)
	wake(t, l.hub)
	wantPing(t, l.hub, 3)
	wantPing(t, l.spoke, 3)
	c.waitSAs(t, 1, 1)
	q.waitSAs(t, 1, 1)
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 12)
}
