package compare

import (
	"net/netip"
	"slices"

	"qmidle/internal/diagnose"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// Pair is two gateways that are meant for each other.
type Pair struct {
	Ends        [2]*Gateway
	Tunnels     []*Tunnel
	Findings    []Finding
	NotCompared []Note

	meetings []*meeting
	alone    bool // nothing else was given

	elsewhere bool // an end may have a tunnel that is not compared
}

// Tunnel is a line of an access list at one end with what faces it at the other.
type Tunnel struct {
	Number  int       // from 1
	Protect string    // what the first end's line protects, or the second's from the first's side
	Entries [2]string // the entries, in the words of a configuration; "" for none
	Ways    [2]*Way   // that the ends begin; nil where an end has nothing to begin

	lines         [2]*line
	meeting       *meeting
	stopped, mute [2]bool
	beyond        [2]diagnose.Cause // what the lab knows nothing of
	causes        [2][]diagnose.Cause
}

// Way is a tunnel begun by one end.
type Way struct {
	From, To *Gateway
	Tag      uint32 // of the connection at From, 0 where it is not in use
	Line     int    // of its access list
	Flow     ipsec.Flow
	// Up and Passes are what the comparison predicts: that the SAs come up, and
	// that packets pass and their answers come back.
	Up, Passes bool
	// Known is false where something that is not compared may decide.
	Known bool
	// Cause is the first that stops it; "" for none. Beyond is one that the lab
	// knows nothing of.
	Cause, Beyond diagnose.Cause
	// Outcome is what the lab saw; nil where it was not tried.
	Outcome *Outcome
}

// Outcome is what became of a tunnel that was tried.
type Outcome struct {
	Up, Passes, Returns bool
	NAT                 bool
	Phase1              policy.IKE
	Transform           policy.TransformSet
	PFS                 isakmp.Group
	Lives               policy.Lives
	Diagnosis           diagnose.Report // of what both ends saw, where nothing else tells why it did not come up
}

// meeting is an entry of each end that are meant for each other.
type meeting struct {
	entries [2]*entry
	tunnels []*Tunnel
}

// seen is the address of an end as the other one sees it.
func (m *meeting) seen(end int) netip.Addr {
	e := m.entries[end]
	return e.gateway.seen(e.conn.Local)
}

// newPair compares two gateways. The others are known by their addresses.
func newPair(a, b *Gateway, all []*Gateway) *Pair {
	p := &Pair{Ends: [2]*Gateway{a, b}, alone: len(all) == 2}
	sides := [2][]*entry{p.facing(0, all), p.facing(1, all)}
	for end := range 2 {
		g, other := p.Ends[end], p.Ends[1-end]
		for _, e := range sides[end] {
			e.locate(other)
		}
		if len(sides[end]) == 0 && len(g.notByMap()) > 0 {
			p.note(Note{g.Name + " protects traffic without a crypto map for " + other.Name, quotes(g.File, g.notByMap())})
			p.elsewhere = true
		} else if len(sides[end]) == 0 {
			p.add(Finding{Cause: noEntryCause(g), Stops: [2]bool{true, true}, order: orderActive,
				Summary: "no crypto map entry of " + g.Name + " is for " + other.Name,
				Lines:   p.noEntryLines(end, sides[1-end])})
		}
	}
	if len(sides[0]) == 0 || len(sides[1]) == 0 {
		p.lonely(sides)
		return p
	}
	p.match(sides)
	for _, m := range p.meetings {
		p.compare(m)
	}
	for _, t := range p.Tunnels {
		p.compareTunnel(t)
	}
	p.besides()
	p.finish()
	return p
}

// finish draws the conclusions for each way.
func (p *Pair) finish() {
	p.sort()
	for _, t := range p.Tunnels {
		for i, w := range t.Ways {
			if w == nil {
				continue
			}
			w.Up, w.Beyond = !t.stopped[i], t.beyond[i]
			w.Passes = w.Up && !t.mute[i]
			for _, f := range p.Findings {
				if w.Cause == "" && (f.Stops[i] || f.Mute[i]) && slices.Contains(f.Tunnels, t.Number) && slices.Contains(t.causes[i], f.Cause) {
					w.Cause = f.Cause
				}
			}
		}
	}
}

// lonely makes the tunnels of an end that nothing faces.
func (p *Pair) lonely(sides [2][]*entry) {
	for end, list := range sides {
		for _, e := range list {
			for _, l := range e.lines() {
				if e.dynamic() {
					continue
				}
				t := p.tunnel(ordered(end, l, nil), ordered(end, e, nil))
				t.stopped = [2]bool{true, true}
				t.Ways[end].Known = !p.elsewhere
				for i := range p.Findings {
					p.Findings[i].Tunnels = append(p.Findings[i].Tunnels, t.Number)
					t.causes[end] = append(t.causes[end], p.Findings[i].Cause)
				}
			}
		}
	}
	p.besides()
	p.finish()
}

// facing are the entries of an end that are meant for the other: those that name
// an address of its, else those that name an address of nobody's and protect
// what it protects; and the templates that answer it.
func (p *Pair) facing(end int, all []*Gateway) (list []*entry) {
	g, other := p.Ends[end], p.Ends[1-end]
	var strange, templates []*entry
	for _, e := range g.entries {
		switch {
		case slices.ContainsFunc(e.peers(), other.known):
			list = append(list, e)
		case e.dynamic() && len(e.written.Peers) == 0:
			templates = append(templates, e)
		case !slices.ContainsFunc(e.peers(), func(a netip.Addr) bool { return anybodys(all, a) }):
			strange = append(strange, e)
		}
	}
	if !slices.ContainsFunc(list, func(e *entry) bool { return !e.dynamic() }) {
		like := copied
		if len(templates) > 0 {
			like = mirror
		}
		list = append(list, p.meant(strange, other, like)...)
	}
	return append(oneEach(list, other), oneEach(templates, other)...)
}

func anybodys(all []*Gateway, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(g *Gateway) bool { return g.known(a) })
}

// meant are the entries with a line that is so like one of the other end's, or all
// where there are only the two ends and no template.
func (p *Pair) meant(strange []*entry, other *Gateway, like relation) (list []*entry) {
	for _, e := range strange {
		if e.resembles(other, like) {
			list = append(list, e)
		}
	}
	if len(list) == 0 && p.alone && like < mirror {
		return strange
	}
	return list
}

func (e *entry) resembles(other *Gateway, like relation) bool {
	return slices.ContainsFunc(e.lines(), func(l *line) bool {
		return slices.ContainsFunc(other.entries, func(o *entry) bool {
			return slices.ContainsFunc(o.lines(), func(x *line) bool { return relate(l, x) >= like })
		})
	})
}

// oneEach keeps one of the connections that an entry makes on several interfaces:
// the one whose address the other end names.
func oneEach(list []*entry, other *Gateway) (all []*entry) {
	named := func(e *entry) bool {
		return slices.ContainsFunc(other.entries, func(o *entry) bool { return slices.Contains(o.peers(), e.gateway.seen(e.conn.Local)) })
	}
	for _, e := range list {
		i := slices.IndexFunc(all, func(o *entry) bool { return o.written == e.written && o.of == e.of })
		switch {
		case i < 0:
			all = append(all, e)
		case named(e) && !named(all[i]):
			all[i] = e
		}
	}
	return all
}

// locate gives an entry that is not in use the address that it would have: of the
// interface that its map is on, else of another map's, else of the interface by
// which its peer is reached, else the one that the other end names, else the
// first.
func (e *entry) locate(other *Gateway) {
	if e.conn.Local.IsValid() {
		return
	}
	g := e.gateway
	for _, i := range g.cfg.Interfaces {
		if i.CryptoMap != e.of.Name {
			continue
		}
		if at := g.cfg.Endpoint(i); at != nil && len(at.Addresses) > 0 {
			e.conn.Local = at.Addresses[0].Addr()
			return
		}
	}
	for _, o := range g.entries {
		if o.active() {
			e.conn.Local = o.conn.Local
			return
		}
	}
	ports := slices.DeleteFunc(g.ports(), func(p port) bool { return p.of.Shutdown || loopback(p.of.Name) })
	for _, a := range e.peers() {
		name, _ := g.routeTo(a)
		if i := slices.IndexFunc(ports, func(p port) bool { return p.of.Name == name }); i >= 0 {
			e.conn.Local = ports[i].addr
			return
		}
	}
	for _, o := range other.entries {
		for _, a := range o.peers() {
			if g.known(a) && g.NAT != a {
				e.conn.Local = a
				return
			}
		}
	}
	if len(ports) > 0 {
		e.conn.Local = ports[0].addr
	}
}

// match finds the line that faces each line: its mirror, else what resembles it
// most, else a template. A line that nothing resembles faces the first entry
// there is, to be compared with.
func (p *Pair) match(sides [2][]*entry) {
	var lines [2][]*line
	for end, list := range sides {
		for _, e := range list {
			if !e.dynamic() {
				lines[end] = append(lines[end], e.lines()...)
			}
		}
		lines[end] = lines[end][:min(len(lines[end]), maxLines)]
	}
	faced := p.matchMirrors(lines)
	for end := range 2 {
		for _, l := range lines[end] {
			if faced[l] {
				continue
			}
			faced[l] = true
			other, e := nearest(l, lines[1-end]), (*entry)(nil)
			if other != nil && faced[other] && relate(l, other) < overlaps {
				other = nil // it has its mirror
			}
			if other != nil {
				e = other.entry
				if !faced[other] && nearest(other, lines[end]) == l {
					faced[other] = true
					p.tunnel(ordered(end, l, other), ordered(end, l.entry, e))
					continue
				}
			}
			if t := answering(l, sides[1-end]); t != nil && (other == nil || relate(l, other) < narrower) {
				other, e = nil, t
			}
			if e == nil {
				e = sides[1-end][0]
			}
			t := p.tunnel(ordered(end, l, other), ordered(end, l.entry, e))
			t.Ways[1-end] = nil // it is another tunnel's
			t.show()
		}
	}
	if len(p.Tunnels) == 0 {
		p.meet(sides[0][0], sides[1][0])
	}
}

// maxLines bounds how many lines of an end are compared.
const maxLines = 1000

func ordered[T any](end int, here, there T) (both [2]T) {
	both[end], both[1-end] = here, there
	return both
}

// proxies name the traffic of a line whatever the types of its identities.
type proxies struct{ local, remote policy.Proxy }

func proxiesOf(local, remote policy.Proxy) proxies {
	local.Type, remote.Type = 0, 0
	return proxies{local, remote}
}

// matchMirrors pairs the lines that mirror each other.
func (p *Pair) matchMirrors(lines [2][]*line) (faced map[*line]bool) {
	faced = make(map[*line]bool)
	there := make(map[proxies][]*line)
	for _, l := range lines[1] {
		key := proxiesOf(l.acl.Remote, l.acl.Local)
		there[key] = append(there[key], l)
	}
	for _, l := range lines[0] {
		key := proxiesOf(l.acl.Local, l.acl.Remote)
		if len(there[key]) == 0 {
			continue
		}
		other := there[key][0]
		there[key] = there[key][1:]
		faced[l], faced[other] = true, true
		p.tunnel([2]*line{l, other}, [2]*entry{l.entry, other.entry})
	}
	return faced
}

func nearest(l *line, list []*line) (found *line) {
	best := unrelated
	for _, x := range list {
		if r := relate(l, x); r > best {
			found, best = x, r
		}
	}
	return found
}

// answering is the first template that would allow a line.
func answering(l *line, list []*entry) *entry {
	for _, e := range list {
		if e.dynamic() && e.allows(l.acl.Remote, l.acl.Local) {
			return e
		}
	}
	for _, e := range list {
		if e.dynamic() {
			return e
		}
	}
	return nil
}

// allows says whether the entry's access list allows a pair of proxies.
func (e *entry) allows(local, remote policy.Proxy) bool {
	if e.dynamic() && len(e.conn.ACL) == 0 {
		return local.Lo.Is4() && remote.Lo.Is4()
	}
	_, ok := policy.AllowingLine(e.conn.ACL, local, remote)
	return ok
}

// meet finds or makes the meeting of two entries.
func (p *Pair) meet(a, b *entry) *meeting {
	for _, m := range p.meetings {
		if m.entries == [2]*entry{a, b} {
			return m
		}
	}
	m := &meeting{entries: [2]*entry{a, b}}
	p.meetings = append(p.meetings, m)
	return m
}

// tunnel adds a tunnel, with the ways that it can be begun.
func (p *Pair) tunnel(lines [2]*line, entries [2]*entry) *Tunnel {
	t := &Tunnel{Number: len(p.Tunnels) + 1, lines: lines}
	if entries[0] != nil && entries[1] != nil {
		t.meeting = p.meet(entries[0], entries[1])
		t.meeting.tunnels = append(t.meeting.tunnels, t)
	}
	for end, e := range entries {
		if e == nil {
			continue
		}
		t.Entries[end] = e.name()
		if l := lines[end]; l != nil && !e.dynamic() {
			t.Ways[end] = &Way{From: p.Ends[end], To: p.Ends[1-end], Tag: e.conn.Tag, Line: l.index, Known: true}
		}
	}
	t.show()
	p.Tunnels = append(p.Tunnels, t)
	return t
}

// show says what a tunnel is for, seen from the first end: what that asks for,
// else what the second does.
func (t *Tunnel) show() {
	switch {
	case t.lines[0] == nil || t.Ways[0] == nil && t.lines[1] != nil:
		t.Protect = traffic(flip(t.lines[1].selector()))
	default:
		t.Protect = traffic(t.lines[0].selector())
	}
}
