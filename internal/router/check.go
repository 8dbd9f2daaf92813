package router

import "qmidle/internal/ike"

// Check holds the engine's tables against each other. An error is a fault of
// the engine; tests and simulations call it.
func (r *Router) Check() error { return r.engines.Check() }

// Holdings counts what the engine keeps.
func (r *Router) Holdings() ike.Holdings { return r.engines.Holdings() }
