//go:build interop && bench

package interop

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	sizeTunnels = flag.Int("tunnels", 10000, "tunnels of the measurement of size")
	sizeHold    = flag.Duration("hold", 200*time.Second, "how long they are kept up")
	sizeCurve   = flag.String("curve", "100,1000,5000,10000,20000,50000", "tunnels of the curve")
	sizeSVG     = flag.String("svg", "", "file for the curve")
)

// sizeLife is the lifetime of the IPsec SAs, in seconds: the least that IOS takes,
// so that many renewals fall into a measurement.
const sizeLife = 120

// keptConfig is fieldConfig with dead peer detection from the hub's side too.
func (q *qmidle) keptConfig() string {
	return strings.Replace(q.fieldConfig(groups[6]), "crypto isakmp policy 1\n", "crypto isakmp keepalive 30 periodic\ncrypto isakmp policy 1\n", 1)
}

// moment is what was seen in one second of a run.
type moment struct {
	crowd standing
	rss   float64
	cpu   float64 // seconds of the gateway, since it began
	files float64 // its descriptors
}

// TestBenchSize has many tunnels up, with dead peer detection from both ends and
// renewals, asks for the list of SAs, and kills the gateway and starts it again.
func TestBenchSize(t *testing.T) {
	l := newField(t)
	q := unpinnedGateway(t, l)
	n := *sizeTunnels
	c := startCrowd(t, l, "-sites", strconv.Itoa(n), "-group", "19", "-window", "64", "-retransmit", "5s", "-dpd", "30s", "-phase2", strconv.Itoa(sizeLife), "-interval", "1s")
	c.waitUp(t, n, 5*time.Minute)
	t.Logf("%d tunnels up: %.1f MB, %.1f s of CPU", n, residentMB(t, q.process), processorTime(t, q.process))
	var shows []float64
	moments := q.watch(t, c, *sizeHold, func() { shows = append(shows, q.timeOf(t, "show crypto isakmp sa")) })
	reportSize(t, moments, shows)

	q.stop(t, syscall.SIGKILL)
	up := c.last()
	q.serveBy(t)
	began := time.Now()
	eventually(t, "all tunnels after a restart", 10*time.Minute, func() (bool, string) {
		s := c.last()
		return s.Lost >= up.Lost+uint64(n) && s.Up == n, fmt.Sprintf("%+v", s)
	})
	t.Logf("after SIGKILL and a new start all %d tunnels are back in %.0f s: %.1f s of CPU, %.1f MB", n, time.Since(began).Seconds(),
		processorTime(t, q.process), residentMB(t, q.process))
}

func unpinnedGateway(t *testing.T, l *lab) *qmidle {
	t.Helper()
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.write(t, q.keptConfig())
	q.serveBy(t)
	return q
}

// watch looks at a gateway and its crowd each second. ask is called now and then.
func (q *qmidle) watch(t *testing.T, c *crowd, hold time.Duration, ask func()) (all []moment) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(hold); time.Now().Before(end); <-tick.C {
		all = append(all, moment{c.last(), residentMB(t, q.process), processorTime(t, q.process), openFiles(t, q.process)})
		if len(all)%10 == 0 {
			ask()
		}
	}
	return all
}

// timeOf is how long a command takes, with the process that asks, in milliseconds.
func (q *qmidle) timeOf(t *testing.T, line string) float64 {
	t.Helper()
	began := time.Now()
	q.do(t, line)
	return float64(time.Since(began).Microseconds()) / 1000
}

func reportSize(t *testing.T, moments []moment, shows []float64) {
	t.Helper()
	var rss, renewals []float64
	for i, m := range moments {
		rss = append(rss, m.rss)
		if i > 0 {
			renewals = append(renewals, float64(m.crowd.Renewed-moments[i-1].crowd.Renewed))
		}
	}
	first, last := moments[0], moments[len(moments)-1]
	seconds := float64(len(moments) - 1)
	slices.Sort(rss)
	slices.Sort(renewals)
	slices.Sort(shows)
	t.Logf("held for %.0f s: RSS %.1f MB (%.1f to %.1f), %.1f %% of a core", seconds, rss[len(rss)/2], rss[0], rss[len(rss)-1], 100*(last.cpu-first.cpu)/seconds)
	t.Logf("%d renewals, at most %.0f in a second; %d lost, %d failed; the sites sent %d R-U-THERE and got %d", last.crowd.Renewed-first.crowd.Renewed,
		renewals[len(renewals)-1], last.crowd.Lost, last.crowd.Failed, last.crowd.DPDSent, last.crowd.DPDHeard)
	t.Logf("show crypto isakmp sa: %.0f ms (%.0f to %.0f)", shows[len(shows)/2], shows[0], shows[len(shows)-1])
}
