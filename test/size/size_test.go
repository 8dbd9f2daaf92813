package size

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"qmidle/test/chart"
)

// curve names the environment variable that has the file for the SVG.
const curve = "QMIDLE_CURVE"

// Every tunnel of a small hub is kept up and renewed, and costs what it may.
func TestTunnels(t *testing.T) {
	c := measure(t, 200)
	most, seconds := spread(c.renewals)
	t.Logf("%.0f octets a tunnel, at most %d renewals in a second, in %d seconds", c.heap, most, seconds)
	if c.heap > 16*1024 {
		t.Errorf("a tunnel costs %.0f octets, want 16384 at most", c.heap)
	}
	if seconds < 8 {
		t.Errorf("all are renewed within %d seconds", seconds)
	}
}

// BenchmarkTunnels is a hub with tunnels that come up, are kept by dead peer detection
// from both ends for a minute, and are renewed. Processor time is the hub's, with the
// lab's network and the collection of the sites' garbage too.
func BenchmarkTunnels(b *testing.B) {
	var tunnels []int
	heap, keep := chart.Panel{Title: "live heap, MB"}, chart.Panel{Title: "% of a core to keep them up"}
	for _, n := range []int{100, 1000, 5000, 10000, 50000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var c came
			for b.Loop() {
				c = measure(b, n)
			}
			c.report(b)
			tunnels = append(tunnels, n)
			heap.Values, keep.Values = append(heap.Values, c.heap*float64(n)/1e6), append(keep.Values, c.keep)
		})
	}
	file := os.Getenv(curve)
	if file == "" || len(tunnels) < 2 {
		return
	}
	if err := os.WriteFile(file, []byte(chart.LogLog("tunnels", tunnels, heap, keep)), 0o644); err != nil {
		b.Fatal(err)
	}
}

func (c came) report(b *testing.B) {
	most, seconds := spread(c.renewals)
	slices.Sort(c.show)
	b.ReportMetric(0, "ns/op") // of virtual time much, of real time nothing
	b.ReportMetric(c.establish, "ms/tunnel")
	b.ReportMetric(c.keep, "%core")
	b.ReportMetric(c.heap, "octets/tunnel")
	b.ReportMetric(float64(c.show[len(c.show)/2])/float64(time.Millisecond), "show-ms")
	b.ReportMetric(float64(most), "renewals/s")
	b.ReportMetric(float64(seconds), "renewal-s")
}

// spread is the most renewals in a second, and in how many seconds there were some.
func spread(renewals []int) (most, seconds int) {
	for _, n := range renewals {
		most = max(most, n)
		if n > 0 {
			seconds++
		}
	}
	return most, seconds
}
