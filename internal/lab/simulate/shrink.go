package simulate

import (
	"io"
	"slices"
)

// Shrink returns the plan without the steps that it does not need to fail as it
// does: the same invariant must not hold.
func (p *Plan) Shrink(f *Failure) *Plan {
	return p.shrink(func(less *Plan) bool {
		_, failure := less.Run(io.Discard, false)
		return failure != nil && failure.Invariant == f.Invariant
	})
}

// shrink leaves out one step after the other for as long as the rest still
// fails.
func (p *Plan) shrink(fails func(*Plan) bool) *Plan {
	least := *p
	for again := true; again; {
		again = false
		for i := 0; i < len(least.Steps); {
			less := least
			less.Steps = slices.Delete(slices.Clone(least.Steps), i, i+1)
			if !fails(&less) {
				i++
				continue
			}
			least, again = less, true
		}
	}
	return &least
}
