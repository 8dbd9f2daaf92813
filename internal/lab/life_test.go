package lab

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/ike"
)

// answered pings across the two sites and counts the answers.
func answered(t *testing.T, near *host, count, size int) (n int) {
	t.Helper()
	request := console.PingRequest{Target: netip.MustParseAddr("10.0.2.1"), Source: netip.MustParseAddr("10.0.1.1"),
		Count: count, Size: size, Timeout: time.Second}
	result, err := gateway{near.router, near}.Ping(request)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range result.Probes {
		if p.Outcome == console.PingReply {
			n++
		}
	}
	return n
}

// A pair that nears its end in kilobytes gets its successor in time: five
// pairs of 2560 kilobytes, half of which is used, carry six megabytes without a loss.
func TestNothingIsLostWhenKilobytesRunOut(t *testing.T) {
	_, near, far, _ := twoSites(t)
	if n := answered(t, near, 1200, 5000); n != 1200 {
		t.Errorf("%d of 1200 answered", n)
	}
	for _, h := range []*host{near, far} {
		if n := h.router.Statistics().Phase2Up; n != 5 {
			t.Errorf("%s: %d pairs in all, want 5", h.name, n)
		}
	}
}

// The operator's zero is of what is shown: the SAs count on, and what has ended
// since is in the sum of its line once.
func TestCountersBeginAnew(t *testing.T) {
	l, near, _, _ := twoSites(t)
	encaps := func() (sa, line uint64) {
		for _, x := range near.router.IPsecSAs() {
			sa += near.router.SACounters(x.InSPI, x.OutSPI).EncapsPackets
		}
		return sa, near.router.PolicyCounters(near.router.Connections()[0].Tag, 0).EncapsPackets
	}
	answered(t, near, 5, 100)
	near.router.ClearCounters()
	if sa, line := encaps(); sa != 0 || line != 0 {
		t.Errorf("after the command: %d and %d packets, want none", sa, line)
	}
	answered(t, near, 3, 100)
	if sa, line := encaps(); sa != 3 || line != 3 {
		t.Errorf("%d and %d packets, want 3", sa, line)
	}
	gateway{near.router, near}.ClearIPsec(ike.IPsecFilter{})
	l.run(time.Second, never)
	answered(t, near, 2, 100)
	if sa, line := encaps(); sa != 2 || line != 5 {
		t.Errorf("after the pair's end: %d and %d packets, want 2 and 5", sa, line)
	}
}
