package lab

import (
	"net/netip"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/router"
	"qmidle/internal/trustpoint"
)

// Gateways that are slow, that stand still, whose clock is wrong, and what they keep
// over a restart.

// later gives the router an input that something slow has found out, unless the
// gateway has restarted since.
func (h *host) later(input func(now time.Time) router.Output) {
	if h.slow == 0 {
		h.do(input)
		return
	}
	asking := h.router
	h.lab.clock.after(h.slow, func() {
		h.awake(func() {
			if h.router == asking {
				h.do(input)
			}
		})
	})
}

// stands says whether a gateway stands still.
func (h *host) stands() bool { return h.still.After(h.lab.clock.now) }

// awake has something done as soon as a gateway no longer stands still.
func (h *host) awake(do func()) {
	if h.stands() {
		h.lab.clock.after(h.still.Sub(h.lab.clock.now), func() { h.awake(do) })
		return
	}
	do()
}

// due is when a gateway has to be told the time.
func (h *host) due() (at time.Time, ok bool) {
	at, ok = h.deadline()
	if ok && h.still.After(at) {
		return h.still, true
	}
	return at, ok
}

// wall is the time that a gateway's clock shows.
func (h *host) wall() time.Time { return h.lab.clock.now.Add(h.skew) }

// setClock puts a gateway's clock wrong, or right. Its trustpoints begin anew: their
// timers go by a clock that cannot be set, which this lab has not beside that.
func (h *host) setClock(by time.Duration) {
	h.skew = by
	h.beginTrustpoints()
}

func (h *host) beginTrustpoints() {
	h.agent = trustpoint.New(trustpoint.Options{Config: h.cfg, Events: h.router, Rand: h.rand})
}

// keep notes the addresses that a gateway would store.
func (h *host) keep(changes []aaa.LeaseChange) {
	for _, c := range changes {
		pool := h.leases[c.Pool]
		if pool == nil {
			pool = make(map[netip.Addr]aaa.Lease)
			h.leases[c.Pool] = pool
		}
		pool[c.Lease.Addr] = c.Lease
	}
}

// kept are the addresses that a gateway has stored.
func (h *host) kept() map[string][]aaa.Lease {
	all := make(map[string][]aaa.Lease)
	for name, pool := range h.leases {
		for _, l := range pool {
			all[name] = append(all[name], l)
		}
	}
	return all
}

// gatewayVerb makes the parser of `NAME GATEWAY DURATION`, where a duration may be a
// word instead.
func gatewayVerb(word string, do func(*host, time.Duration)) func(*lab, []string) (func() error, error) {
	return func(l *lab, words []string) (func() error, error) {
		if len(words) != 2 {
			return nil, errForm
		}
		h, err := l.gateway(words[0])
		if err != nil {
			return nil, err
		}
		var d time.Duration
		if words[1] != word || word == "" {
			if d, err = signedDuration(words[1]); err != nil {
				return nil, err
			}
		}
		return func() error { do(h, d); return nil }, nil
	}
}

// parseWeb reads what becomes of all web servers.
func (l *lab) parseWeb(words []string) (func() error, error) {
	if len(words) != 1 || words[0] != "silent" && words[0] != "answers" {
		return nil, errForm
	}
	return func() error { l.webSilent = words[0] == "silent"; return nil }, nil
}
