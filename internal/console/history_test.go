package console

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/trace"
)

// manyHistories has events of some peers, as many of each.
func manyHistories(peers, each int) *fakeRouter {
	f := &fakeRouter{cfg: &config.Config{}}
	for p := range peers {
		for i := range each {
			f.records = append(f.records, trace.Record{Time: now.Add(time.Duration(i) * time.Second),
				Context: trace.Context{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(p + 1)}), 500)},
				Event:   &trace.ISAKMPOnOff{On: true}})
		}
	}
	return f
}

func TestHistoryOfManyLeavesOutWhoWasSilentLongest(t *testing.T) {
	f := manyHistories(4, historyMost/2)
	for _, line := range []string{"show crypto isakmp history", "show crypto isakmp ladder"} {
		r := run(t, f, line)
		if !strings.HasSuffix(r.Output, "\n2 peers that were silent longer are left out: ask for one by `peer A.B.C.D`\n") {
			t.Errorf("%s ends with %q", line, r.Output[max(0, len(r.Output)-120):])
		}
	}
	view := run(t, f, "show crypto isakmp history").JSON.(History)
	if len(view.Events) != historyMost || view.Omitted != 2 || len(view.Peers) != 4 {
		t.Errorf("%d events, %d of %d peers left out", len(view.Events), view.Omitted, len(view.Peers))
	}
	for i, rec := range view.Events[1:] {
		if rec.Time.Before(view.Events[i].Time) {
			t.Fatalf("event %d is older than the one before it", i+1)
		}
	}
	if view := run(t, f, "show crypto isakmp history peer 10.0.0.4").JSON.(History); len(view.Events) != historyMost/2 || view.Omitted != 0 {
		t.Errorf("of one peer: %d events, %d left out", len(view.Events), view.Omitted)
	}
}

// patientRouter counts how often the gateway goes on, and ends after some.
type patientRouter struct {
	*liveRouter
	times, end int
}

func (p *patientRouter) Aside(f func() error) error {
	p.times++
	if p.times == p.end {
		return errors.New("it has ended")
	}
	return f()
}

func TestTheGatewayGoesOnWhileHistoriesAreRead(t *testing.T) {
	l := &liveRouter{fakeRouter: manyHistories(4*historiesAtOnce, 1)}
	for _, line := range []string{"show logging", "explain"} {
		p := &patientRouter{liveRouter: l}
		if r := New(p).Run(line); r.Err != nil || p.times != 4 {
			t.Errorf("%s: the gateway goes on %d times: %v", line, p.times, r.Err)
		}
		p = &patientRouter{liveRouter: l, end: 2}
		if r := New(p).Run(line); r.Err != nil || p.times != 2 {
			t.Errorf("%s of a gateway that ends: it is asked %d times: %v", line, p.times, r.Err)
		}
	}
}
