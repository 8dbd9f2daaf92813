package router

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

func TestClearTextIsToldToItsPeersHistoryOnceAMinute(t *testing.T) {
	cfg := load(t, plainACL, "")
	now := time.Date(2005, time.March, 1, 5, 0, 0, 0, time.UTC)
	var text strings.Builder
	r, err := New(Options{Config: cfg, Now: now, Rand: strings.NewReader(strings.Repeat("x", 1024)),
		Text: func(b []byte) { text.Write(b) }, Limits: trace.DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	peer := r.Connections()[0].Peers[0]
	flow := ipsec.Flow{Src: netip.MustParseAddr("192.168.3.10"), Dst: netip.MustParseAddr("192.168.2.1"), Protocol: 47}
	// Nobody protects this one: the policy has changed since.
	foreign := flow
	foreign.Src = netip.MustParseAddr("203.0.113.1")
	const line = "%CRYPTO-4-RECVD_PKT_NOT_IPSEC: Rec'd packet not an IPSEC packet. (ip) vrf/dest_addr= /192.168.2.1, src_addr= 192.168.3.10, prot= 47\n"
	for _, step := range []struct {
		after time.Duration
		flow  ipsec.Flow
		lines int
	}{{0, foreign, 0}, {0, flow, 1}, {0, flow, 1}, {59 * time.Second, flow, 1}, {60 * time.Second, flow, 2}} {
		out := r.ClearTextDropped(now.Add(step.after), step.flow)
		if len(out.Send)+len(out.Questions) > 0 {
			t.Errorf("after %v: %+v", step.after, out)
		}
		if n := strings.Count(text.String(), line); n != step.lines || strings.Count(text.String(), "NOT_IPSEC") != n {
			t.Errorf("after %v: %d lines, want %d:\n%s", step.after, n, step.lines, text.String())
		}
	}
	if n := len(r.History(peer)); n != 2 {
		t.Errorf("%d events of the peer", n)
	}
	if r.History(flow.Src) != nil {
		t.Error("the forged source has a history")
	}
}
