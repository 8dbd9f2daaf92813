package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/router"
)

const (
	dnsLatency = 20 * time.Millisecond
	dnsTimeout = 5 * time.Second
)

// dns is the names that all gateways can ask for. It is everywhere, but for a
// gateway that is cut off, and while it is silent.
type dns struct {
	names  map[string][]netip.Addr // in lower case
	silent bool
}

// lookup4 answers a gateway's lookup, with what DNS has when the answer leaves.
func (h *host) lookup4(q router.Lookup) {
	l, asking := h.lab, h.router
	wait := dnsLatency
	if l.dns.silent || l.net.faults.cut[h] {
		wait = dnsTimeout
	}
	l.clock.after(wait, func() {
		if h.router != asking {
			return // restarted since
		}
		x := router.Resolution{Name: q.Name, Addrs: slices.Clone(l.dns.names[strings.ToLower(q.Name)])}
		switch {
		case wait == dnsTimeout:
			x.Addrs, x.Problem = nil, "no answer"
		case len(x.Addrs) == 0:
			x.Unknown = true
		}
		h.do(func(now time.Time) router.Output { return asking.Resolved(now, x) })
	})
}

// parseDNS reads `dns NAME ADDRESS ...`, `dns NAME off` and `dns silent`.
func (l *lab) parseDNS(words []string) (func() error, error) {
	switch {
	case len(words) == 1 && (words[0] == "silent" || words[0] == "answers"):
		return func() error { l.dns.silent = words[0] == "silent"; return nil }, nil
	case len(words) < 2:
		return nil, errForm
	}
	name := strings.ToLower(words[0])
	if len(words) == 2 && words[1] == "off" {
		return func() error { delete(l.dns.names, name); return nil }, nil
	}
	var addrs []netip.Addr
	for _, word := range words[1:] {
		a, err := netip.ParseAddr(word)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("%q is no IPv4 address", word)
		}
		addrs = append(addrs, a)
	}
	return func() error { l.dns.names[name] = addrs; return nil }, nil
}
