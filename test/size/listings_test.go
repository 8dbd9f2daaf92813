package size

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestListingsGrowWithTheTunnels: what a listing allocates grows as the tunnels do, and
// not with their square, so that a gateway with many stands still for none.
func TestListingsGrowWithTheTunnels(t *testing.T) {
	const few, times = 100, 8
	lines := []string{"show crypto isakmp sa", "show crypto isakmp sa detail", "show crypto isakmp peers", "show crypto ipsec sa", "show crypto ipsec sa detail",
		"show crypto session", "show crypto session detail", "show crypto session brief", "show crypto engine connections active", "show crypto map",
		"show crypto isakmp history", "show crypto isakmp ladder", "show logging", "show crypto isakmp statistics", "show crypto call admission statistics",
		"show running-config", "explain"}
	for name, c := range map[string]struct {
		text func(tunnels int) string
		more []string
	}{
		"one dynamic entry": {func(int) string { return configuration }, nil},
		"an entry for each": {staticConfiguration, []string{"show access-lists", "explain packet 192.168.2.5 11.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			lines := append(lines, c.more...)
			a, b := listings(t, c.text(few), few, lines), listings(t, c.text(few*times), few*times, lines)
			for i, line := range lines {
				ratio := float64(b[i]) / float64(a[i])
				t.Logf("%s: %d and %d octets, %.1f times", line, a[i], b[i], ratio)
				if ratio > 2*times {
					t.Errorf("%s allocates %.0f times as much for %d times the tunnels", line, ratio, times)
				}
			}
		})
	}
}

// listings returns the octets that each command allocates where so many tunnels are up.
func listings(t *testing.T, text string, tunnels int, lines []string) (allocated []uint64) {
	t.Helper()
	h := newHubOf(t, text)
	h.begin(tunnels)
	h.run(10*time.Minute, func() bool { return h.sites.Stats().Up == tunnels })
	if up := h.sites.Stats().Up; up != tunnels {
		t.Fatalf("%d of %d tunnels are up", up, tunnels)
	}
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

// staticConfiguration is configuration with an entry for each site in the place of the
// one for all.
func staticConfiguration(sites int) string {
	const dynamic = "crypto dynamic-map SITES 10\n set transform-set TSET\ncrypto map CMAP 10 ipsec-isakmp dynamic SITES\n"
	var b strings.Builder
	site := netip.MustParseAddr("10.0.0.1")
	for i := range sites {
		inner := netip.AddrFrom4([4]byte{11, byte(i >> 11), byte(i >> 3), byte(i << 5)})
		fmt.Fprintf(&b, "ip access-list extended SITE-%d\n permit ip 192.168.2.0 0.0.0.255 %v 0.0.0.15\n"+
			"crypto map CMAP %d ipsec-isakmp\n set peer %v\n set transform-set TSET\n match address SITE-%d\n", i, inner, i+1, site, i)
		site = site.Next()
	}
	return strings.Replace(configuration, dynamic, b.String(), 1)
}
