package router

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/trace"
)

// A flood of datagrams that are dropped prints ten lines in a second, and says how
// many of those that were told of it did not print; each is in the statistics.
func TestAFloodDoesNotFillTheLog(t *testing.T) {
	var text strings.Builder
	r := newRouter(t, load(t, plainACL, ""), func(b []byte) { text.Write(b) })
	now := time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
	local, remote := netip.MustParseAddrPort("192.1.1.40:500"), netip.MustParseAddrPort("203.0.113.9:500")
	data := make([]byte, 28)
	data[0], data[8], data[16], data[17], data[18], data[27] = 1, 1, 1, 0x10, 2, 28 // cookies of no SA
	flood := func(n int) {
		for range n {
			r.Datagram(now, local, remote, data)
		}
	}
	lines := func() (shown, told int) {
		return strings.Count(text.String(), "%CRYPTO-4-IKMP_NO_SA"), strings.Count(text.String(), "%SYS-3-LOGGER_DROPPED: System dropped 90 messages")
	}
	flood(1000)
	if shown, told := lines(); shown != messageBurst || told != 0 {
		t.Errorf("%d lines and %d about those that are not there:\n%s", shown, told, text.String())
	}
	now = now.Add(messageInterval)
	flood(3)
	if shown, told := lines(); shown != messageBurst+3 || told != 1 {
		t.Errorf("a second later: %d lines and %d about those that are not there", shown, told)
	}
	if s := r.Statistics(); s.Dropped[trace.DropNoSA] != 1003 || s.Floods.Strays != 900 {
		t.Errorf("%d are counted, %d of a flood", s.Dropped[trace.DropNoSA], s.Floods.Strays)
	}
}
