//go:build interop

package interop

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRekey has charon replace the IPsec SAs, then the ISAKMP SA, while echo
// requests go both ways.
func TestRekey(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	capture := startCapture(t, l)
	c := startCharon(t, l, l.spoke, usual)
	q := startQmidle(t, l, l.hub, usual, raceDetector)
	wantPing(t, l.hub, 1)
	lost := make(chan error, 2)
	for _, s := range []*site{l.hub, l.spoke} {
		go func() {
			n, err := ping(s, 40)
			if n != 40 {
				err = fmt.Errorf("%d of 40 echo requests from the host behind the %s were answered: %v", n, s.name, err)
			}
			lost <- err
		}()
	}
	c.swanctl(t, "--rekey", "--child", "net")
	c.waitLog(t, "CHILD_SA net{2} established")
	c.waitSAs(t, 1, 1)
	q.waitSAs(t, 1, 1)
	c.swanctl(t, "--rekey", "--ike", "peer")
	c.waitLog(t, "IKE_SA peer[2] established")
	c.waitSAs(t, 1, 1)
	q.waitSAs(t, 2, 1) // charon lets its old one expire, hours later
	for range 2 {
		if err := <-lost; err != nil {
			t.Error(err)
		}
	}
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 20)
	// charon knows its new ISAKMP SA a moment after it has sent message 1, and
	// misses an answer that is faster.
	c.wantNoComplaint(t, "sending retransmit 1 of request message ID 0, seq 1")
}

// TestDeadPeerDetection sees both ends ask and answer, then kills each in turn
// and waits for the other to notice.
func TestDeadPeerDetection(t *testing.T) {
	t.Parallel()
	x := usual
	x.ios = "crypto isakmp keepalive 10 2 periodic\n"
	x.connection = "    dpd_delay = 1s\n    dpd_timeout = 4s\n"
	x.child = "        dpd_action = clear\n"
	l := newLab(t)
	c := startCharon(t, l, l.spoke, x)
	q := startQmidle(t, l, l.hub, x, raceDetector)
	wantPing(t, l.hub, 1)
	c.waitLog(t, "[ HASH N(DPD_ACK) ]")
	eventually(t, "our own R_U_THERE answered", 20*time.Second, func() (bool, string) {
		text := q.debug(t)
		return strings.Contains(text, "R_U_THERE_ACK"), text
	})
	c.wantNoComplaint(t)
	q.stop(t, syscall.SIGKILL)
	c.waitSAs(t, 0, 0)
	q.run(t, q.config(x))
	wantPing(t, l.hub, 1)
	c.stop(t, syscall.SIGKILL)
	eventually(t, "the end of the dead peer's SAs", 40*time.Second, func() (bool, string) {
		list := q.do(t, "show crypto isakmp sa") + q.do(t, "show crypto ipsec sa")
		return !strings.Contains(list, "QM_IDLE") && !strings.Contains(list, "esp sas:\n      spi:"), list
	})
	q.end(t)
}

// waitLog waits until charon has logged a line with all of the words.
func (c *charon) waitLog(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%q in charon's log", words), 20*time.Second, func() (bool, string) {
		text := c.log(t)
		for line := range strings.Lines(text) {
			if containsAll(line, words) {
				return true, ""
			}
		}
		return false, text
	})
}

func containsAll(s string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}
