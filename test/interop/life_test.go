//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRekey renews the SAs of both phases, again and again, while echo requests
// and a TCP connection go both ways: by charon's timers, at its command, and by
// our lifetimes.
func TestRekey(t *testing.T) {
	t.Parallel()
	const perSecond = 256 << 10 // octets each way
	for _, test := range []struct {
		name          string
		ios           string
		connection    string
		child         string
		interval      time.Duration // of the echo requests
		isakmp, ipsec int           // renewals at least
		during        func(t *testing.T, c *charon)
	}{
		{
			name:       "charon's timers",
			connection: "    rekey_time = 12s\n    over_time = 10s\n    rand_time = 0s\n",
			child:      "        rekey_time = 5s\n        life_time = 15s\n        rand_time = 0s\n",
			interval:   50 * time.Millisecond, isakmp: 2, ipsec: 5,
		},
		{
			name:     "charon's commands",
			interval: 10 * time.Millisecond, isakmp: 1, ipsec: 1,
			during: func(t *testing.T, c *charon) {
				c.swanctl(t, "--rekey", "--child", "net")
				c.waitLog(t, "CHILD_SA net{2} established")
				c.swanctl(t, "--rekey", "--ike", "peer")
				c.waitLog(t, "IKE_SA peer[2] established")
			},
		},
		{
			name: "qmidle's lifetimes",
			ios: "crypto isakmp policy 1\n lifetime 60\ncrypto ipsec security-association lifetime seconds 120\n" +
				"crypto ipsec security-association lifetime kilobytes 2560\n",
			interval: 100 * time.Millisecond, isakmp: 1, ipsec: 5,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			x := usual
			x.ios, x.connection, x.child = test.ios, test.connection, test.child
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, raceDetector)
			wake(t, l.hub)
			whole := 600 * test.interval
			size := int64(whole.Seconds() * perSecond)
			var echoing []*echoes
			var streams []*stream
			for _, ends := range [][2]*site{{l.hub, l.spoke}, {l.spoke, l.hub}} {
				e, err := startEchoes(ends[0], 600, test.interval, echoPatience)
				if err != nil {
					t.Fatal(err)
				}
				echoing = append(echoing, e)
				streams = append(streams, startStream(t, ends[0], ends[1], size, perSecond, 2*whole+time.Minute))
			}
			if test.during != nil {
				test.during(t, c)
			}
			lost := 0
			for i, e := range echoing {
				lost += e.tell(t)
				streams[i].wait(t)
			}
			log := c.log(t)
			isakmp, ipsec := strings.Count(log, "] established between")-1, established(log)-1
			t.Logf("renewed: the ISAKMP SA %d times, the IPsec SAs %d times", isakmp, ipsec)
			if isakmp < test.isakmp || ipsec < test.ipsec {
				t.Errorf("want %d and %d", test.isakmp, test.ipsec)
			}
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			s := capture.end(t)
			if leaks, late := s.charonsLeaks(t), overflows(t, l.spoke); lost > leaks+late {
				t.Errorf("%d echo requests were lost, charon let %d packets out in clear and did not take %d in time", lost, leaks, late)
			}
			s.wantProtected(t, 4*600)
			// charon knows its new ISAKMP SA a moment after it has sent message 1, and
			// misses an answer that is faster. And our deletes at the end may cross the
			// expiry, or its own timer for the next renewal.
			c.wantNoComplaint(t, "sending retransmit 1 of request message ID 0, seq 1", "not found for delete", "not found for rekey",
				"CHILD_SA not found, ignored")
		})
	}
}

var establishedPair = regexp.MustCompile(`CHILD_SA net\{\d+\} established`)

// established counts the pairs of IPsec SAs that charon has made.
func established(log string) int { return len(establishedPair.FindAllString(log, -1)) }

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
	wake(t, l.hub)
	c.waitLog(t, "[ HASH N(DPD_ACK) ]")
	eventually(t, "our own R_U_THERE answered", 20*time.Second, func() (bool, string) {
		text := q.debug(t)
		return strings.Contains(text, "R_U_THERE_ACK"), text
	})
	c.wantNoComplaint(t)
	q.stop(t, syscall.SIGKILL)
	c.waitSAs(t, 0, 0)
	q.run(t, q.config(x))
	wake(t, l.hub)
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
