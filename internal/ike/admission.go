package ike

import (
	"net/netip"

	"qmidle/internal/trace"
)

// Admissions count the requests for ISAKMP SAs, and what became of them.
type Admissions struct {
	In, Out                 uint64 // that were let in
	InRejected, OutRejected uint64 // for there were as many SAs as may be
}

func (a *Admissions) add(o Admissions) {
	a.In += o.In
	a.Out += o.Out
	a.InRejected += o.InRejected
	a.OutRejected += o.OutRejected
}

// admits says whether another ISAKMP SA may be negotiated. One with a peer that has
// one may always be: a renewal adds none for long.
func (e *Engine) admits(local, remote netip.AddrPort) bool {
	if e.cfg.MaxSAs == 0 || e.serials.up.Load() < int64(e.cfg.MaxSAs) {
		return true
	}
	for _, s := range e.byAddrs[addrPair{local.Addr(), remote.Addr()}] {
		if s.complete() {
			return true
		}
	}
	return false
}

// admitsOut is admits for a request of ours, which fails where it is refused.
func (e *Engine) admitsOut(local, remote netip.AddrPort, waiting []request) bool {
	if e.admits(local, remote) {
		e.stats.Admissions.Out++
		return true
	}
	e.stats.Admissions.OutRejected++
	c := trace.Context{Local: local, Remote: remote, Role: trace.RoleInitiator}
	e.emit(&c, &trace.RequestFailed{Reason: trace.ReasonTooMany})
	for _, r := range waiting {
		e.failed(r.Acquire)
	}
	return false
}

// countUp counts an ISAKMP SA that came up, or is up no more.
func (e *Engine) countUp(n int) {
	e.established += n
	e.serials.up.Add(int64(n))
}

// shrink throws out what is more than new bounds allow.
func (e *Engine) shrink() {
	for e.halfOpen.count > e.maxHalfOpen() {
		e.halfOpen.evictOldest()
	}
	for e.unproven.count > e.maxUnproven() {
		e.unproven.evictOldest()
	}
}

// ResetAdmissions begins the counters anew, those of floods too.
func (e *Engine) ResetAdmissions() { e.stats.Admissions, e.stats.Floods = Admissions{}, Floods{} }
