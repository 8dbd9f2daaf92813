package size

import (
	"runtime"
	"testing"
	"time"
)

// TestListingsGrowWithTheTunnels: what a listing allocates grows as the tunnels do, and
// not with their square, so that a gateway with many stands still for none.
func TestListingsGrowWithTheTunnels(t *testing.T) {
	const few, times = 100, 8
	lines := []string{"show crypto isakmp sa", "show crypto isakmp sa detail", "show crypto isakmp peers", "show crypto ipsec sa", "show crypto ipsec sa detail",
		"show crypto session", "show crypto session detail", "show crypto session brief", "show crypto engine connections active", "show crypto map",
		"show crypto isakmp history", "show crypto isakmp ladder", "show logging", "show crypto isakmp statistics", "show crypto call admission statistics", "explain"}
	a, b := listings(t, few, lines), listings(t, few*times, lines)
	for i, line := range lines {
		ratio := float64(b[i]) / float64(a[i])
		t.Logf("%s: %d and %d octets, %.1f times", line, a[i], b[i], ratio)
		if ratio > 2*times {
			t.Errorf("%s allocates %.0f times as much for %d times the tunnels", line, ratio, times)
		}
	}
}

// listings returns the octets that each command allocates where so many tunnels are up.
func listings(t *testing.T, tunnels int, lines []string) (allocated []uint64) {
	t.Helper()
	h := newHub(t)
	h.begin(tunnels)
	h.run(10*time.Minute, func() bool { return h.sites.Stats().Up == tunnels })
	var before, after runtime.MemStats
	for _, line := range lines {
		runtime.ReadMemStats(&before)
		if h.world.Show("hub", line) == "" {
			t.Fatalf("%s shows nothing", line)
		}
		runtime.ReadMemStats(&after)
		allocated = append(allocated, after.TotalAlloc-before.TotalAlloc)
	}
	return allocated
}
