package router

import (
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// Instances lists the connections that live peers have of dynamic crypto maps,
// in the order in which they began.
func (r *Router) Instances() []*ike.Connection { return r.engines.Instances() }

// addInstances tells the data plane of those that an input has begun. One that
// it refuses ends, with what was to be installed for it; their tags come back.
func (r *Router) addInstances() (refused map[uint32]bool) {
	for _, a := range r.fx.Added {
		err := r.opts.DataPlane.AddInstance(a.Template, ipsec.PolicyEntry{Tag: a.Tag, Permit: true, Selector: a.Selector})
		if err == nil {
			continue
		}
		r.errors = append(r.errors, err)
		r.engines.EndInstance(a.Tag, &r.fx)
		if refused == nil {
			refused = make(map[uint32]bool)
		}
		refused[a.Tag] = true
	}
	return refused
}

func (r *Router) removeInstances() {
	for _, tag := range r.fx.Gone {
		if err := r.opts.DataPlane.RemoveInstance(tag); err != nil {
			r.errors = append(r.errors, err)
		}
		r.tally.forget(tag)
	}
}

// policiesInOrder is the policy with every instance before its template, for a
// reader that asks seldom.
func (r *Router) policiesInOrder() []ipsec.PolicyEntry {
	of := make(map[uint32][]ipsec.PolicyEntry)
	for _, c := range r.engines.Instances() {
		of[c.Template] = append(of[c.Template], PolicyEntries([]*ike.Connection{c})...)
	}
	var all []ipsec.PolicyEntry
	for _, e := range r.Policies() {
		all = append(append(all, of[e.Tag]...), e)
		delete(of, e.Tag)
	}
	return all
}
