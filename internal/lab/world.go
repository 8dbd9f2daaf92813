package lab

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"qmidle/internal/console"
	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/router"
)

// World is a lab that a program runs, rather than a script: event by event,
// with eyes everywhere.
type World struct{ l *lab }

// Gateway is the name of a gateway and the text of its configuration.
type Gateway struct {
	Name, Config string
	PEM          []byte // its certificates and private keys, as in a file NAME.pem; nil for none
}

// NewWorld starts gateways as Run does. The Watcher is called from the first
// gateway's start on, nil for none; transcript takes what Run writes to stdout.
func NewWorld(gateways []Gateway, o Options, w Watcher, transcript io.Writer) (*World, error) {
	var configs []gatewayConfig
	for _, g := range gateways {
		c, err := loadGateway(g.Name+".cfg", []byte(g.Config), o.Diagnostics)
		if err != nil {
			return nil, err
		}
		if err := c.give(g.PEM); err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	if w == nil {
		w = blind{}
	}
	l, err := newWatchedLab(configs, o, w, transcript)
	if err != nil {
		return nil, err
	}
	return &World{l}, nil
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.l.clock.now }

// Run lets time pass until a time, or until done says so.
func (w *World) Run(until time.Time, done func() bool) {
	w.l.run(until.Sub(w.l.clock.now), done)
}

// After has something done in d.
func (w *World) After(d time.Duration, do func()) { w.l.clock.after(d, do) }

// Do runs a line of a script. A command at a gateway that its console refuses
// is an error here.
func (w *World) Do(line string) error {
	s, err := w.l.parseLine(line)
	if err != nil {
		return err
	}
	if s.echo != "" {
		w.l.write([]byte("! " + s.echo + "\n"))
	}
	w.l.wrong = nil
	if err := s.run(); err != nil {
		return err
	}
	return w.l.wrong
}

// Serve puts something at a URL, for all gateways.
func (w *World) Serve(url string, body []byte) {
	if w.l.web == nil {
		w.l.web = make(map[string][]byte)
	}
	w.l.web[url] = body
}

// Say writes a line of comment into the transcript.
func (w *World) Say(format string, args ...any) {
	w.l.write(fmt.Appendf(nil, "! "+format+"\n", args...))
}

// Router is a gateway's, until it restarts.
func (w *World) Router(gateway string) *router.Router { return w.l.host(gateway).router }

// Owns says whether an address is one of a gateway's that are up.
func (w *World) Owns(gateway string, a netip.Addr) bool { return w.l.host(gateway).own(a) }

// Ping sends one echo request from an address of a gateway, and waits for
// nothing. Size is that of the IP packet in octets.
func (w *World) Ping(gateway string, source, target netip.Addr, id, seq uint16, size int) {
	if h := w.l.host(gateway); !h.stands() {
		h.originate(newEcho(source, target, id, seq, size))
	}
}

// ClientAddress is what a VPN server has given to a gateway in client mode; invalid
// for nothing.
func (w *World) ClientAddress(gateway string) netip.Addr {
	for _, c := range w.l.host(gateway).plane.clients {
		return c.Address
	}
	return netip.Addr{}
}

// Queued is how many packets of a gateway wait for SAs.
func (w *World) Queued(gateway string) (n int) {
	for _, q := range w.l.host(gateway).plane.queues {
		n += len(q.packets)
	}
	return n
}

// StandsStill says whether a gateway does, or goes on at just this time.
func (w *World) StandsStill(gateway string) bool {
	h := w.l.host(gateway)
	return !h.still.Before(w.l.clock.now)
}

// Reaches says whether what a gateway sends between two ends, as it knows them, comes
// to a port of IKE of another, through the NATs before both.
func (w *World) Reaches(from, to string, local, remote netip.AddrPort) bool {
	p := newUDP(local, remote, nil)
	if n := w.l.host(from).nats[local.Addr()]; n != nil {
		port, known := n.out[natFlow{local.Port(), remote}]
		if !known {
			return true // what it will be is not known
		}
		p.setSrc(n.outside)
		p.setSrcPort(port)
	}
	src, dst, _, ok := p.udp()
	for _, n := range w.l.host(to).nats {
		inside, known := n.in[natFlow{dst.Port(), src}]
		if !known {
			inside = dst.Port()
		}
		return ok && (inside == isakmp.PortIKE || inside == isakmp.PortNATT)
	}
	return true
}

// Causes are the labels of what two gateways together find wrong between them, the
// surest first.
func (w *World) Causes(one, other string) (list []string) {
	for _, f := range diagnose.Both(observe(w.l.host(one)), observe(w.l.host(other))).Findings {
		list = append(list, string(f.Cause))
	}
	return list
}

// Refused returns what data planes would not install.
func (w *World) Refused() []error { return w.l.refused }

// Check holds each gateway's engine, and its data plane, against itself and
// each other.
func (w *World) Check() error {
	for _, h := range w.l.hosts {
		if err := h.check(); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
	}
	return nil
}

// note keeps what a console refused, for Do.
func (l *lab) note(r console.Result) console.Result {
	if r.Err != nil {
		l.wrong = r.Err
	}
	return r
}
