// Package simulate runs the lab on networks that misbehave. From a seed it draws
// gateways with matching configurations, traffic between them, faults of the
// network and an operator's commands; it runs them on the lab's virtual clock
// and holds what happens against what must hold for any of them: the invariants,
// a file each.
//
// The same seed is the same run. The drawn plan is the lab's own language:
// configurations and lines of a script, so that a run that fails can be told,
// cut down and turned into a scenario.
//
// It knows no more of a gateway than its console, its router's snapshots and the
// packets that it sends: what is right it works out itself, from the plan.
package simulate
