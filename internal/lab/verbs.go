package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/router"
)

// verb is one of the lab's own commands.
type verb struct {
	name  string
	forms []string // as the documentation shows them
	parse func(l *lab, words []string) (func() error, error)
}

// verbs are the lab's own commands.
var verbs = []verb{
	{"tick", []string{"tick DURATION"}, (*lab).parseTick},
	{"drop", []string{"drop WHAT N [from GATEWAY]"}, packetVerb(dropPacket)},
	{"duplicate", []string{"duplicate WHAT N [from GATEWAY]"}, packetVerb(duplicatePacket)},
	{"corrupt", []string{"corrupt WHAT N [from GATEWAY]"}, packetVerb(corruptPacket)},
	{"delay", []string{"delay WHAT N DURATION [from GATEWAY]"}, packetVerb(delayPacket)},
	{"block", []string{"block udp PORT [on SUBNET] [from GATEWAY]", "block esp [on SUBNET] [from GATEWAY]"}, (*lab).parseBlock},
	{"unblock", []string{"unblock"}, (*lab).parseUnblock},
	{"loss", []string{"loss PERCENT [on SUBNET]"}, percentVerb("loss", func(k *link) *int { return &k.loss })},
	{"repeat", []string{"repeat PERCENT [on SUBNET]"}, percentVerb("repeat", func(k *link) *int { return &k.noise.repeat })},
	{"noise", []string{"noise PERCENT [on SUBNET]"}, percentVerb("noise", func(k *link) *int { return &k.noise.flip })},
	{"latency", []string{"latency SUBNET DURATION"}, (*lab).parseLatency},
	{"jitter", []string{"jitter SUBNET DURATION"}, (*lab).parseJitter},
	{"address", []string{"address GATEWAY INTERFACE A.B.C.D/LENGTH", "address GATEWAY INTERFACE off", "address GATEWAY INTERFACE on"}, (*lab).parseAddress},
	{"dns", []string{"dns NAME ADDRESS [ADDRESS ...]", "dns NAME off", "dns silent", "dns answers"}, (*lab).parseDNS},
	{"radius", []string{"radius A.B.C.D key KEY", "radius A.B.C.D silent", "radius A.B.C.D answers", "radius A.B.C.D slow DURATION [NUMBER]", "radius user NAME PASSWORD [NAME=VALUE ...]"}, (*lab).parseRADIUS},
	{"slow", []string{"slow GATEWAY DURATION", "slow GATEWAY off"}, gatewayVerb("off", func(h *host, d time.Duration) { h.slow = max(0, d) })},
	{"stall", []string{"stall GATEWAY DURATION"}, gatewayVerb("", func(h *host, d time.Duration) { h.still = h.lab.clock.now.Add(d) })},
	{"clock", []string{"clock GATEWAY DURATION", "clock GATEWAY right"}, gatewayVerb("right", (*host).setClock)},
	{"web", []string{"web silent", "web answers"}, (*lab).parseWeb},
	{"nat", []string{"nat GATEWAY ADDRESS", "nat GATEWAY rebind", "nat GATEWAY off"}, (*lab).parseNAT},
	{"masquerade", []string{"masquerade GATEWAY", "masquerade GATEWAY off"}, (*lab).parseMasquerade},
	{"partition", []string{"partition GATEWAY"}, (*lab).parsePartition},
	{"heal", []string{"heal GATEWAY"}, (*lab).parseHeal},
	{"client", []string{"client GATEWAY SERVER GROUP KEY USER PASSWORD", "client GATEWAY off"}, (*lab).parseClient},
	{"restart", []string{"restart GATEWAY", "restart GATEWAY graceful", "restart GATEWAY blank"}, (*lab).parseRestart},
}

var errForm = errors.New("wrong number of words")

func (l *lab) parseTick(words []string) (func() error, error) {
	if len(words) != 1 {
		return nil, errForm
	}
	d, err := duration(words[0])
	if err != nil {
		return nil, err
	}
	return func() error { l.run(d, never); return nil }, nil
}

func never() bool { return false }

// duration reads a time that is longer than none.
func duration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no duration such as 30s, 5m or 200ms", word)
	}
	return d, nil
}

// signedDuration reads a time that may be before.
func signedDuration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 30s or -48h", word)
	}
	return d, nil
}

func number(word string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q is no number from %d to %d", word, lo, hi)
	}
	return n, nil
}

// place reads `[on SUBNET] [from GATEWAY]`.
func (l *lab) place(words []string) (on *link, from *host, err error) {
	for len(words) >= 2 && err == nil {
		switch {
		case words[0] == "on" && on == nil:
			on, err = l.subnet(words[1])
		case words[0] == "from" && from == nil:
			from, err = l.gateway(words[1])
		default:
			err = fmt.Errorf("unexpected %q", words[0])
		}
		words = words[2:]
	}
	if err == nil && len(words) > 0 {
		err = fmt.Errorf("unexpected %q", words[0])
	}
	return on, from, err
}

// subnet finds a link by its prefix.
func (l *lab) subnet(word string) (*link, error) {
	var names []string
	for _, k := range l.net.links {
		if k.prefix.String() == word {
			return k, nil
		}
		names = append(names, k.prefix.String())
	}
	return nil, fmt.Errorf("no link %q; there are %s", word, strings.Join(names, ", "))
}

func packetVerb(action packetAction) func(*lab, []string) (func() error, error) {
	return func(l *lab, words []string) (func() error, error) {
		if len(words) < 2 {
			return nil, errForm
		}
		fault := packetFault{action: action}
		var err error
		if fault.kind, err = kindNamed(words[0]); err != nil {
			return nil, err
		}
		if fault.pass, fault.times, err = span(words[1]); err != nil {
			return nil, err
		}
		words = words[2:]
		if action == delayPacket {
			if len(words) == 0 {
				return nil, errForm
			}
			if fault.delay, err = duration(words[0]); err != nil {
				return nil, err
			}
			words = words[1:]
		}
		on, from, err := l.place(words)
		if err != nil {
			return nil, err
		}
		if on != nil {
			return nil, errors.New("a message is not on one link")
		}
		fault.from = from
		return func() error {
			f := fault
			l.net.faults.packets = append(l.net.faults.packets, &f)
			return nil
		}, nil
	}
}

func kindNamed(word string) (packetKind, error) {
	if k, ok := packetKinds[word]; ok {
		return k, nil
	}
	names := slices.Sorted(maps.Keys(packetKinds))
	return 0, fmt.Errorf("unknown packets %q; there are %s", word, strings.Join(names, ", "))
}

// span reads `N` or `N-M`, counted from 1.
func span(word string) (pass, times int, err error) {
	const most = 1 << 20
	first, last, ranged := strings.Cut(word, "-")
	lo, err := number(first, 1, most)
	if err != nil || !ranged {
		return lo - 1, 1, err
	}
	hi, err := number(last, lo, most)
	return lo - 1, hi - lo + 1, err
}

func (l *lab) parseBlock(words []string) (func() error, error) {
	var b block
	switch {
	case len(words) >= 1 && words[0] == "esp":
		b.esp = true
		words = words[1:]
	case len(words) >= 2 && words[0] == "udp":
		port, err := number(words[1], 1, 65535)
		if err != nil {
			return nil, err
		}
		b.port = uint16(port)
		words = words[2:]
	default:
		return nil, errForm
	}
	var err error
	if b.on, b.from, err = l.place(words); err != nil {
		return nil, err
	}
	return func() error { l.net.faults.blocks = append(l.net.faults.blocks, b); return nil }, nil
}

func (l *lab) parseUnblock(words []string) (func() error, error) {
	if len(words) != 0 {
		return nil, errForm
	}
	return func() error { l.net.faults.blocks = nil; return nil }, nil
}

func (l *lab) parseLatency(words []string) (func() error, error) {
	if len(words) != 2 {
		return nil, errForm
	}
	on, err := l.subnet(words[0])
	if err != nil {
		return nil, err
	}
	d, err := duration(words[1])
	if err != nil {
		return nil, err
	}
	return func() error { on.latency = d; return nil }, nil
}

func (l *lab) parseNAT(words []string) (func() error, error) {
	if len(words) != 2 {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	switch words[1] {
	case "rebind":
		return func() error {
			for _, n := range h.nats {
				n.forget()
			}
			return nil
		}, nil
	case "off":
		return func() error {
			for _, p := range h.ports {
				p.nat = nil
			}
			clear(h.nats)
			return nil
		}, nil
	}
	outside, err := netip.ParseAddr(words[1])
	if err != nil || !outside.Is4() {
		return nil, fmt.Errorf("%q is no IPv4 address", words[1])
	}
	i := slices.IndexFunc(h.ports, func(p *port) bool { return p.link != nil && p.link.prefix.Contains(outside) })
	if i < 0 {
		return nil, fmt.Errorf("%s has no interface on a link with %s", h.name, outside)
	}
	p := h.ports[i]
	if p.link.holder(outside) != nil {
		return nil, fmt.Errorf("%s is taken", outside)
	}
	return func() error {
		p.nat = newNAT(p.link, p.addr, outside)
		h.nats[p.addr] = p.nat
		return nil
	}, nil
}

func (l *lab) parseMasquerade(words []string) (func() error, error) {
	off := len(words) == 2 && words[1] == "off"
	if len(words) != 1 && !off {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	return func() error { h.masquerades = !off; return nil }, nil
}

func (l *lab) parsePartition(words []string) (func() error, error) { return l.parseCut(words, true) }

func (l *lab) parseHeal(words []string) (func() error, error) { return l.parseCut(words, false) }

func (l *lab) parseCut(words []string, cut bool) (func() error, error) {
	if len(words) != 1 {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	return func() error { l.net.faults.cut[h] = cut; return nil }, nil
}

func (l *lab) parseRestart(words []string) (func() error, error) {
	graceful, blank := len(words) == 2 && words[1] == "graceful", len(words) == 2 && words[1] == "blank"
	if len(words) != 1 && !graceful && !blank {
		return nil, errForm
	}
	h, err := l.gateway(words[0])
	if err != nil {
		return nil, err
	}
	return func() error {
		if graceful {
			h.do(func(now time.Time) router.Output { return h.router.Shutdown(now) })
		}
		if blank {
			clear(h.leases)
		}
		return h.start()
	}, nil
}
