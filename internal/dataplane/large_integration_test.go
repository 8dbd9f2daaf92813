//go:build integration

package dataplane

import (
	"fmt"
	"testing"
	"time"

	"qmidle/internal/ipsec"
)

// TestLargePolicyFitsOneTransaction has as many lines as the routing rules of
// a policy may be.
func TestLargePolicyFitsOneTransaction(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	var entries []ipsec.PolicyEntry
	for i := range 4900 {
		e := permit("192.168.2.0/24", fmt.Sprintf("10.%d.%d.0/24", i/250, i%250))
		e.Tag, e.Line = uint32(1+i/100), uint32(i%100)
		entries = append(entries, e)
	}
	start := time.Now()
	for range 2 {
		if err := h.host.guard.set(DefaultDevice, entries, nil, shape{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%v for twice %d lines", time.Since(start), len(entries))
	run(t, "ip -n qdp-hub route add 10.19.0.0/16 via 192.1.1.42")
	wantPing(t, nsHubHost, "-c 1 -W 1 10.19.7.1", wantLost)
	if c := guarded(t, h); c.Out != 1 {
		t.Errorf("counters %+v", c)
	}
	if _, err := h.host.GuardCounters(); err != nil {
		t.Error(err)
	}
}
