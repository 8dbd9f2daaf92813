package router

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// lookupPatience is how long a request waits for an answer where the last one is
// known. Where none is, there is nobody to ask for an SA before.
const lookupPatience = time.Second

// parked is a request that waits for the address of its peer.
type parked struct {
	ike.Acquire
	until time.Time // zero: until an answer comes
}

// Resolved takes the answer to a lookup.
func (r *Router) Resolved(now time.Time, x Resolution) Output {
	r.begin(now)
	h, changed := r.names.answer(x, now)
	if h == nil {
		return r.finish()
	}
	if h.problem != "" {
		r.Record(&trace.Record{Time: now, Event: &trace.NameNotResolved{Name: h.name, Unknown: x.Problem == "", Problem: x.Problem,
			RetrySeconds: uint32(h.due.Sub(now) / time.Second)}})
	}
	if changed && len(h.addrs) > 0 {
		r.tellResolved(h)
	}
	r.rename(now)
	r.unpark(now)
	return r.finish()
}

func (r *Router) tellResolved(h *hostName) {
	var words []string
	for _, a := range h.addrs {
		words = append(words, a.String())
	}
	rec := trace.Record{Time: r.now, Event: &trace.NameResolved{Name: h.name, Addresses: strings.Join(words, " ")}}
	rec.Remote = netip.AddrPortFrom(h.addrs[0], 0)
	r.Record(&rec)
}

// rename shows the engine where the peers are now.
func (r *Router) rename(now time.Time) {
	conns, err := connections(r.cfg, r.opts.Local, r.names)
	if err != nil {
		r.errors = append(r.errors, err)
		return
	}
	changed, before := false, byEntry(r.conns)
	for _, x := range conns {
		old := before.find(x)
		if old == nil {
			return // the interfaces are about to change
		}
		x.Tag, x.Local, x.Former = old.Tag, old.Local, r.former(old, x)
		changed = changed || !slices.Equal(old.Peers, x.Peers) || old.Preferred != x.Preferred || !slices.Equal(old.Former, x.Former)
	}
	if changed {
		r.conns, r.peers = conns, newPeering(r.cfg, r.opts.Local, r.names)
		for _, x := range r.clients {
			x.conn = tagged(conns, x.conn.Tag)
		}
		r.engines.Reconfigure(now, r.engineConfig(), trace.ReasonPeerMoved, &r.fx)
	}
}

// former are the addresses that a connection's peers have had and that SAs are
// still up with.
func (r *Router) former(old, x *ike.Connection) (all []netip.Addr) {
	for _, a := range slices.Concat(old.Former, old.Peers) {
		if !slices.Contains(x.Peers, a) && !slices.Contains(all, a) && r.upWith(old, a) {
			all = append(all, a)
		}
	}
	return all
}

func (r *Router) upWith(c *ike.Connection, peer netip.Addr) bool {
	return slices.ContainsFunc(r.engines.IPsecSAs(), func(s ike.IPsecSA) bool { return s.Connection == c.Tag && s.Remote.Addr() == peer }) ||
		slices.ContainsFunc(r.engines.ISAKMPSAs(), func(s ike.ISAKMPSA) bool {
			return !s.Dead && s.Show == trace.QMIdle && s.Local.Addr() == c.Local && s.Remote.Addr() == peer
		})
}

// park lets a request wait whose peer's name is to be looked up first.
func (r *Router) park(now time.Time, a ike.Acquire) bool {
	c := tagged(r.conns, a.Connection)
	if c == nil || r.engines.Connected(a.Connection) {
		return false
	}
	peers := entryPeers(r.cfg, c)
	r.lookups = append(r.lookups, r.names.demand(peers, now)...)
	if !r.names.waits(peers, now) {
		return false
	}
	p := parked{Acquire: a}
	if len(c.Peers) > 0 {
		p.until = now.Add(lookupPatience)
	}
	if !slices.ContainsFunc(r.parked, func(x parked) bool { return x.Acquire == a }) {
		r.parked = append(r.parked, p)
	}
	return true
}

// unpark gives the engine those requests that need to wait no longer.
func (r *Router) unpark(now time.Time) {
	waiting := r.parked
	r.parked = nil
	for _, p := range waiting {
		c := tagged(r.conns, p.Connection)
		if c != nil && (p.until.IsZero() || now.Before(p.until)) && r.names.waits(entryPeers(r.cfg, c), now) {
			r.parked = append(r.parked, p)
			continue
		}
		r.engines.Acquire(now, p.Acquire, &r.fx)
	}
}

// entryPeers are the `set peer` lines that a connection was made of.
func entryPeers(cfg *config.Config, c *ike.Connection) []config.Peer {
	if v := clientOf(cfg, c); v != nil {
		return v.Peers
	}
	if e := cfg.CryptoMap(c.Map).Entry(c.Seq); e != nil {
		return e.Peers
	}
	return nil
}

// resolveDue asks for what is due, and lets go what has waited long enough.
func (r *Router) resolveDue(now time.Time) {
	r.lookups = append(r.lookups, r.names.due(now)...)
	r.unpark(now)
}

// resolveDeadline is when that is to happen next.
func (r *Router) resolveDeadline() (at time.Time, ok bool) {
	at, ok = r.names.deadline()
	for _, p := range r.parked {
		if !p.until.IsZero() && (!ok || p.until.Before(at)) {
			at, ok = p.until, true
		}
	}
	return at, ok
}

// doubt has names looked up that an event speaks against.
func (r *Router) doubt(rec *trace.Record) {
	if r.names == nil || len(r.names.byName) == 0 {
		return
	}
	switch e := rec.Event.(type) {
	case *trace.SADeleting:
		switch e.Reason {
		case trace.ReasonRetransmission, trace.ReasonPeerDead, trace.ReasonUnanswered, trace.ReasonPeerDeleted, trace.ReasonInvalidSPI:
			r.names.suspect(rec.Remote.Addr(), rec.Time)
		}
	case *trace.KeyLookup:
		if !e.Found {
			r.names.suspectAll(rec.Time)
		}
	case *trace.Phase2PolicyRefused:
		r.names.suspectAll(rec.Time)
	}
}

// HostNames implements console.Resolver.
func (r *Router) HostNames() []console.HostName { return r.names.list() }

// HostAddresses implements console.Resolver.
func (r *Router) HostAddresses(name string) []netip.Addr { return r.names.addresses(name) }
