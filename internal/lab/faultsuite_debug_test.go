package lab

import (
	"bytes"
	"slices"
	"testing"

	"qmidle/internal/explain"
	"qmidle/internal/trace"
)

// debugLeast is how many faults of the suite are named first, or among the
// alternatives, from the debugs of one end alone.
const debugLeast = 160

// recorded are all events of a host's flight recorder, the oldest first.
func recorded(h *host) (all []trace.Record) {
	for _, peer := range h.router.PeersWithHistory() {
		all = append(all, h.router.History(peer)...)
	}
	slices.SortStableFunc(all, func(a, b trace.Record) int { return a.Time.Compare(b.Time) })
	return all
}

// What our own gateway prints is a log like any other: the debugs of one end name
// the suite's faults, and what they call certain is so.
func TestFaultsFromDebugs(t *testing.T) {
	named, total := 0, 0
	for i := range faultSuite {
		f := &faultSuite[i]
		l := f.run(t, blind{})
		for _, end := range []string{"spoke", "hub"} {
			h := l.host(end)
			ios := trace.IOS{ISAKMP: true, IPsec: true}
			var text []byte
			for _, rec := range recorded(h) {
				text = ios.Append(text, &rec)
			}
			if len(text) == 0 {
				continue
			}
			s, err := explain.Log(f.name, bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			e := explain.Explain([]*explain.Source{s})
			total++
			said := "nothing"
			if len(e.Findings) > 0 {
				top := &e.Findings[0]
				said = string(top.Cause) + " (" + top.Certainty.String() + ")"
				for _, c := range append(top.Alternatives[:len(top.Alternatives):len(top.Alternatives)], top.Cause) {
					if f.right(c) {
						named++
						break
					}
				}
				if !f.right(top.Cause) && top.Certainty.String() == "certain" {
					t.Errorf("%s, %s: %s for certain, and it is %s:\n%s", f.name, end, top.Cause, f.truth, text)
				}
			}
			if testing.Verbose() {
				t.Logf("%-60s %-6s %-34s %s", f.name, end, f.truth, said)
			}
		}
	}
	t.Logf("%d of %d named", named, total)
	if named < debugLeast {
		t.Errorf("only %d of %d are named", named, total)
	}
}
