package diagnose

import (
	"cmp"
	"net/netip"
	"slices"
)

// Judge names what is wrong, the most important first. Nothing is wrong where
// the report has no finding.
func Judge(all []Observation) Report {
	var r Report
	for _, c := range Cases(all) {
		r.Findings = append(r.Findings, judgeCase(c)...)
		r.Notes = append(r.Notes, notesOf(c)...)
	}
	sortFindings(r.Findings)
	return r
}

// Add puts findings from elsewhere, such as a comparison of configurations, among
// the others. One with a cause that is there already makes that one as sure as it
// is itself, and adds its evidence.
func (r *Report) Add(more ...Finding) {
	for _, f := range more {
		f.weight = seen
		i := slices.IndexFunc(r.Findings, func(k Finding) bool { return k.Cause == f.Cause })
		if i < 0 {
			r.Findings = append(r.Findings, f)
			continue
		}
		k := &r.Findings[i]
		k.Certainty = max(k.Certainty, f.Certainty)
		k.Evidence = append(k.Evidence, f.Evidence...)
		if len(k.Fix) == 0 {
			k.Fix = f.Fix
		}
	}
	sortFindings(r.Findings)
}

func judgeCase(c *Case) []Finding {
	found := weigh(candidates(c))
	for i := range found {
		found[i].Fix = fixesOf(c, &found[i])
	}
	return found
}

// candidates are what the rules say, each for itself.
func candidates(c *Case) []Finding {
	var all []Finding
	for i := range rules {
		r := &rules[i]
		if !c.All.Has(r.needs...) {
			continue
		}
		f := r.judge(c)
		if f == nil {
			continue
		}
		f.rule, f.weight, f.Peer, f.Name, f.Local, f.idle = r.name, r.weight, c.Peer, c.Name, c.local(), !c.Dealings
		if c.OnPath && f.about != nil && f.about.Peer.IsValid() {
			f.Peer, f.Local, f.onPath = f.about.Peer, f.about.Local, true
		}
		f.Certainty = min(f.Certainty, r.atMost)
		if r.weight == inferred && c.Attempt != nil && c.Attempt.Cut {
			f.Certainty = Possible
		}
		all = append(all, *f)
	}
	return all
}

// weigh leaves out what another finding explains, and of two about one cause
// the weaker.
func weigh(all []Finding) []Finding {
	sortFindings(all)
	var kept []Finding
	for _, f := range all {
		if slices.ContainsFunc(kept, func(k Finding) bool { return k.Cause == f.Cause || k.explains(f) }) {
			continue
		}
		f.Alternatives = without(f.Alternatives, f.Cause)
		if f.Certainty == Certain {
			f.Alternatives, f.Tell = nil, ""
		}
		kept = append(kept, f)
	}
	return kept
}

// explains says whether f's being so is reason enough for what g stands on.
//
// What was seen at this end explains what the peer told and what did not come;
// what the peer told explains the latter. A negotiation that fails explains
// that no data passes, but not the reverse.
func (f Finding) explains(g Finding) bool {
	if f.weight <= g.weight || g.weight == seen {
		return false
	}
	return f.stage() <= g.stage()
}

// stage orders the phases as one waits for another.
func (f Finding) stage() int {
	switch f.Phase {
	case PhaseNone, Phase1:
		return 1
	case PhaseConfig, Phase2:
		return 2
	case PhaseLife:
		return 3
	}
	return 4
}

func without(list []Cause, x Cause) []Cause {
	var out []Cause
	for _, c := range list {
		if c != x && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// sortFindings puts what is about peers with whom something happened before what
// is about others, and of these the surest first, of equals what was seen before
// what was told or inferred, then the earlier phase, then the later time.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(boolCompare(a.idle, b.idle), cmp.Compare(b.Certainty, a.Certainty), cmp.Compare(b.weight, a.weight),
			cmp.Compare(a.stage(), b.stage()), b.Time.Compare(a.Time))
	})
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func notesOf(c *Case) []Note {
	var all []Note
	for i := range noteRules {
		r := &noteRules[i]
		if !c.All.Has(r.needs...) {
			continue
		}
		if n := r.judge(c); n != nil {
			n.Peer = c.Peer
			all = append(all, *n)
		}
	}
	return all
}

// Of is what concerns one peer.
func (r Report) Of(peer netip.Addr) Report {
	return Report{
		Findings: slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Peer != peer }),
		Notes:    slices.DeleteFunc(slices.Clone(r.Notes), func(n Note) bool { return n.Peer != peer }),
	}
}

// Last is what concerns the peer with which something went wrong last; what is
// so at any time, such as a missing route, counts as present.
func (r Report) Last() Report {
	if len(r.Findings) == 0 {
		return Report{}
	}
	last := slices.MaxFunc(r.Findings, func(a, b Finding) int { return a.Time.Compare(b.Time) })
	return r.Of(last.Peer)
}
