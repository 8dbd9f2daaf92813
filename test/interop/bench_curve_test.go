//go:build interop && bench

package interop

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"qmidle/test/chart"
)

// curveSettle is how long tunnels are kept before memory and CPU are looked at, and
// curveHold for how long then.
const (
	curveSettle = 20 * time.Second
	curveHold   = 20 * time.Second
)

// curvePoint is what one number of tunnels comes to.
type curvePoint struct {
	tunnels   int
	establish float64 // ms of CPU for a tunnel
	keep      float64 // % of a core for all that are kept up
	rss       float64 // MB
}

// TestBenchCurve measures CPU and memory against the number of tunnels, which have
// dead peer detection from both ends, and draws them.
func TestBenchCurve(t *testing.T) {
	var points []curvePoint
	for _, n := range numbers(t, *sizeCurve) {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			p := measurePoint(t, n)
			points = append(points, p)
			t.Logf("%+v", p)
		})
	}
	if *sizeSVG != "" && len(points) > 1 {
		if err := os.WriteFile(*sizeSVG, []byte(drawCurve(points)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func measurePoint(t *testing.T, n int) curvePoint {
	l := newField(t)
	q := unpinnedGateway(t, l)
	before := processorTime(t, q.process)
	c := startCrowd(t, l, "-sites", strconv.Itoa(n), "-group", "19", "-retransmit", "5s", "-dpd", "30s", "-interval", "1s")
	c.waitUp(t, n, 10*time.Minute)
	p := curvePoint{tunnels: n, establish: 1000 * (processorTime(t, q.process) - before) / float64(n)}
	q.watch(t, c, curveSettle, func() {})
	moments := q.watch(t, c, curveHold, func() {})
	first, last := moments[0], moments[len(moments)-1]
	p.rss, p.keep = last.rss, 100*(last.cpu-first.cpu)/float64(len(moments)-1)
	if s := last.crowd; s.Up != n || s.Lost > 0 {
		t.Errorf("tunnels were lost: %+v", s)
	}
	q.stop(t, syscall.SIGKILL)
	return p
}

// drawCurve is an SVG with memory, and with the CPU of a core, against the tunnels.
func drawCurve(points []curvePoint) string {
	memory, processor := chart.Panel{Title: "resident memory, MB"}, chart.Panel{Title: "% of a core to keep them up"}
	var tunnels []int
	for _, p := range points {
		tunnels = append(tunnels, p.tunnels)
		memory.Values, processor.Values = append(memory.Values, p.rss), append(processor.Values, p.keep)
	}
	return chart.LogLog("tunnels", tunnels, memory, processor)
}
