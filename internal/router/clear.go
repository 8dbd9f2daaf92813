package router

import (
	"slices"
	"time"

	"qmidle/internal/ike"
)

// ClearISAKMP deletes ISAKMP SAs: one by its conn-id, or all for 0. It returns
// how many there were.
func (r *Router) ClearISAKMP(now time.Time, conn uint32) (Output, int) {
	n := r.engines.ClearISAKMP(now, conn, r.begin(now))
	return r.finish(), n
}

// ClearIPsec deletes the IPsec SAs that a filter chooses, and returns how many
// pairs there were.
func (r *Router) ClearIPsec(now time.Time, f ike.IPsecFilter) (Output, int) {
	n := r.engines.ClearIPsec(now, f, r.begin(now))
	return r.finish(), n
}

// ClearSession deletes the SAs of both phases that a filter chooses, and returns
// how many ISAKMP SAs and pairs there were.
func (r *Router) ClearSession(now time.Time, f ike.SessionFilter) (Output, int) {
	a, b := r.engines.ClearSession(now, f, r.begin(now))
	return r.finish(), a + b
}

// ClearCounters makes the counters of all SAs and lines begin at zero.
func (r *Router) ClearCounters() {
	for _, x := range r.engines.IPsecSAs() {
		r.tally.sas[x.InSPI] = tallyOf(r.opts.DataPlane.Counters(x.InSPI, x.OutSPI))
	}
	r.tally.lines = r.totals()
}

// ClearAdmission makes the counters of call admission begin at zero.
func (r *Router) ClearAdmission() { r.engines.ResetAdmissions() }

// ClearMatches makes the matches of some connections' lines begin at zero.
func (r *Router) ClearMatches(tags []uint32) {
	for key, c := range r.totals() {
		if slices.Contains(tags, key.tag) {
			r.tally.matches[key] = c
		}
	}
}

// ClearLog takes what was recorded so far out of the log.
func (r *Router) ClearLog(now time.Time) { r.cleared = now }

// LogCleared is when that was last done.
func (r *Router) LogCleared() time.Time { return r.cleared }
