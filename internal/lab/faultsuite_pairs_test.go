package lab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

// fits says whether a text has all that edits replace, one after the other.
func fits(text string, edits []string) bool {
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			return false
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	return true
}

// together is two faults at once; nil where they do not go together.
func together(a, b *fault) *fault {
	if a.before != nil || b.before != nil || a.inject != nil || b.inject != nil || a.script != b.script || a.truth == "" || b.truth == "" || a.truth == b.truth {
		return nil // two of a kind, or an oddity, may mend the other
	}
	both := &fault{name: a.name + ", and " + b.name, script: a.script, truth: a.truth,
		others: slices.Concat(a.others, b.others, []diagnose.Cause{b.truth}),
		hub:    slices.Concat(a.hub, b.hub), spoke: slices.Concat(a.spoke, b.spoke),
		hubPEM: slices.Concat(a.hubPEM, b.hubPEM), spokePEM: slices.Concat(a.spokePEM, b.spokePEM)}
	if !fits(suiteHub, both.hub) || !fits(suiteSpoke, both.spoke) {
		return nil
	}
	return both
}

// Two faults at once never make a diagnosis certain of a third, and both ends
// together name one of the two first, or leave it.
func TestFaultsInPairs(t *testing.T) {
	n, played := 0, 0
	for i := range faultSuite {
		for j := range i {
			if n++; n%3 != 0 {
				continue // all of them take some seconds
			}
			f := together(&faultSuite[j], &faultSuite[i])
			if f == nil {
				continue
			}
			p := f.play(t)
			played++
			for _, x := range []struct {
				who string
				got diagnose.Report
			}{{"the initiator", p.initiator}, {"the responder", p.responder}} {
				if why := f.verdict("", x.got); why != "" {
					t.Errorf("%s: %s: %s\n%s", f.name, x.who, why, x.got.Text())
				}
			}
			if why := f.verdict(among, p.both); why != "" {
				t.Errorf("%s: both: %s\n%s", f.name, why, p.both.Text())
			}
		}
	}
	if played < 100 {
		t.Errorf("only %d pairs", played)
	}
}

// What is lost, damaged or doubled on the way is never taken for a mistake in a
// configuration for certain, and what came up in the end is no fault.
func TestNoiseIsNotCertain(t *testing.T) {
	for _, verb := range []string{"corrupt main-mode", "corrupt quick-mode", "corrupt message", "drop main-mode", "drop quick-mode", "duplicate message"} {
		for seed := range uint64(25) {
			r := rand.New(rand.NewPCG(seed, 1))
			first := 1 + r.IntN(9)
			script := fmt.Sprintf("%s %d-%d\n%stick %ds\n", verb, first, first+r.IntN(4), callHub, 5+r.IntN(60))
			for _, x := range []struct {
				script string
				view   view
			}{{script, ""}, {script + "tick 3m\n" + callHub + callHub, unseen}} {
				p := (&fault{name: "noise", script: x.script, seed: seed + 1}).play(t)
				for _, got := range []diagnose.Report{p.initiator, p.responder, p.both} {
					if why := p.fault.verdict(x.view, got); why != "" {
						t.Errorf("seed %d, %q: %s\n%s", seed+1, x.script, why, got.Text())
					}
				}
			}
		}
	}
}
