package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"sort"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
	"qmidle/internal/console"
)

// lab is gateways, the network between them and the time that they share.
type lab struct {
	clock   clock
	net     network
	hosts   []*host // by name
	out     io.Writer
	prefix  bool // put the gateway's name before its debug lines
	version console.VersionInfo
	dns     dns
	radius  radiusWorld
	refused []error // what data planes would not install
	watch   Watcher
	wrong   error // what a console refused last
	seed    uint64
	engines int // of each gateway

	web       map[string][]byte // what web servers have, by URL
	webSilent bool
}

// gatewayConfig is a gateway's name and configuration.
type gatewayConfig struct {
	name string
	cfg  *config.Config
	keys keys // nil for none

	supposed bool // see suppose.go
}

// newLab starts the gateways at the beginning of virtual time.
func newLab(configs []gatewayConfig, o Options, out io.Writer) (*lab, error) {
	return newWatchedLab(configs, o, blind{}, out)
}

func newWatchedLab(configs []gatewayConfig, o Options, w Watcher, out io.Writer) (*lab, error) {
	l := &lab{clock: clock{now: epoch}, out: out, prefix: o.Prefix, version: o.Version, watch: w, seed: o.Seed, engines: o.Engines}
	l.net.clock, l.net.watch, l.net.apart = &l.clock, w, o.apart
	l.dns.names = make(map[string][]netip.Addr)
	l.radius = radiusWorld{make(map[netip.Addr]*radiusServer), make(map[string]*radiusUser)}
	l.net.faults = faults{rand: rand.New(stream(o.Seed, "faults")), cut: make(map[*host]bool)}
	for _, c := range configs {
		h := &host{lab: l, name: c.name, startup: c.cfg, keys: c.keys, supposed: c.supposed, given: make(map[string]netip.Prefix), leases: make(map[string]map[netip.Addr]aaa.Lease),
			nats: make(map[netip.Addr]*nat), rand: stream(o.Seed, "gateway "+c.name)}
		if l.host(h.name) != nil {
			return nil, fmt.Errorf("two configurations have the hostname %s", h.name)
		}
		if err := h.plug(c.cfg); err != nil {
			return nil, err
		}
		l.hosts = append(l.hosts, h)
	}
	sort.Slice(l.hosts, func(i, j int) bool { return l.hosts[i].name < l.hosts[j].name })
	for _, h := range l.hosts {
		if err := h.start(); err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
	}
	return l, nil
}

// stream is the random numbers that a seed gives to a purpose.
func stream(seed uint64, purpose string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), purpose...)))
}

// host returns the gateway of a name, or nil.
func (l *lab) host(name string) *host {
	for _, h := range l.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// holder returns the gateway that answers for an address, its own or one that
// it has behind a NAT.
func (l *lab) holder(a netip.Addr) *host {
	for _, link := range l.net.links {
		if p := link.holder(a); p != nil {
			return p.host
		}
	}
	for _, h := range l.hosts {
		if h.own(a) {
			return h
		}
	}
	return nil
}

// run lets time pass until done says so, but no longer than d.
func (l *lab) run(d time.Duration, done func() bool) {
	end := l.clock.now.Add(d)
	for !done() {
		h, at, ok := l.next()
		if !ok || at.After(end) {
			l.clock.now = end
			return
		}
		if h == nil {
			l.clock.take()()
			l.watch.Stepped()
			continue
		}
		if at.After(l.clock.now) {
			l.clock.now = at
		}
		h.timeout()
		l.watch.Stepped()
	}
}

// next finds what happens next: an event, or a deadline of the host that is
// returned. Of things at one time events come first, then hosts by name.
func (l *lab) next() (*host, time.Time, bool) {
	at, ok := l.clock.next()
	var who *host
	for _, h := range l.hosts {
		if due, has := h.due(); has && (!ok || due.Before(at)) {
			who, at, ok = h, due, true
		}
	}
	return who, at, ok
}

// debug prints lines of a gateway's debug as they happen.
func (l *lab) debug(name string, text []byte) {
	if !l.prefix {
		l.write(text)
		return
	}
	for line := range bytes.Lines(text) {
		l.write(append([]byte(name+": "), line...))
	}
}

func (l *lab) write(text []byte) {
	// A reader that is gone cannot be told; the exit status is Run's.
	_, _ = l.out.Write(text)
}

// typing is how long an operator takes for a line: what a command sends is
// there before the next line is typed at another gateway.
const typing = 100 * time.Millisecond

// command types a line at a gateway's console, as a transcript shows it.
func (l *lab) command(h *host, line string) console.Result {
	h.still = time.Time{} // who types has not waited in vain
	if h.session.Closed() {
		h.session = console.NewSession(gateway{h.router, h})
	}
	prompt := h.session.Prompt()
	shown := line
	if _, hidden := h.session.Asking(); hidden {
		shown = ""
	}
	l.write([]byte(prompt + shown + "\n"))
	r := l.note(h.session.Feed(line))
	l.write([]byte(r.Output + console.ErrorText(prompt, r.Err)))
	l.run(typing, never)
	return r
}
