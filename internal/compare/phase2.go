package compare

import (
	"fmt"

	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// compareTunnel judges a tunnel in each direction.
func (p *Pair) compareTunnel(t *Tunnel) {
	p.compareProxies(t)
	for end := range 2 {
		p.compareData(t, end)
		if t.Ways[end] == nil {
			continue
		}
		answers, ok := p.answer(t, end)
		if !ok {
			answers = t.meeting.entries[1-end]
		}
		p.compareSets(t, end, answers)
		p.comparePFS(t, end, answers)
		p.compareLives(t, end, answers)
	}
	p.luckOfTunnel(t)
}

// answer is the entry by which the other end answers a line that an end begins:
// the first of its map, in order, for this peer and profile whose access list
// allows it. ok is false where none does.
func (p *Pair) answer(t *Tunnel, end int) (*entry, bool) {
	m, l := t.meeting, t.lines[end]
	a := m.entries[1-end]
	found := ike.ProfileFor(a.gateway.plan.Profiles, a.conn.Local, m.presented(end, m.demanded(end), true))
	for _, e := range a.gateway.entries {
		if e.conn.Tag == 0 || e.conn.Local != a.conn.Local || !e.admits(m.seen(end)) || !e.allows(l.acl.Remote, l.acl.Local) {
			continue
		}
		if want := e.profile(); want == "" || want == profileName(found) {
			return e, true
		}
	}
	return nil, false
}

// compareProxies holds the line that one end asks for against those of the other.
func (p *Pair) compareProxies(t *Tunnel) {
	var stops [2]bool
	for end := range 2 {
		l := t.lines[end]
		if l == nil || t.Ways[end] == nil || p.allowed(t, end) {
			continue
		}
		stops[end] = true
	}
	a, b := t.lines[0], t.lines[1]
	if a != nil && b != nil && mirrored(a, b) {
		p.denied(t, stops)
		return
	}
	if stops == [2]bool{} && (a == nil || b == nil) {
		return // a template takes it
	}
	f := Finding{Cause: diagnose.ProxyIdentityMismatch, Stops: stops, order: orderProxy}
	names := [2]string{p.Ends[0].Name, p.Ends[1].Name}
	for end := range 2 {
		if t.lines[end] == nil {
			f.Lines = append(f.Lines, p.listQuote(t, end))
		} else {
			f.Lines = append(f.Lines, t.lines[end].quote(""))
		}
	}
	switch {
	case a == nil || b == nil:
		end := 0
		if a == nil {
			end = 1
		}
		f.Summary = fmt.Sprintf("%s protects %s, and no line of %s is for that", names[end], traffic(t.lines[end].selector()), names[1-end])
		f.Fix = p.mirrorFixes(t, end)
		if entry := t.meeting.entries[1-end]; entry.dynamic() && t.Ways[1-end] == nil && t.Ways[end] != nil && t.lines[1-end] == nil {
			f.Summary = fmt.Sprintf("%s protects %s, and the access list of %s of %s does not allow that", names[end], traffic(t.lines[end].selector()), entry.name(), names[1-end])
		}
	default:
		f.Summary = fmt.Sprintf("the access lists do not mirror each other: %s has %s and %s has %s; %s",
			names[0], traffic(a.selector()), names[1], traffic(b.selector()), relationWords(relate(a, b), names))
		for end := range 2 {
			if relate(a, b) != copied || !t.lines[1-end].fromHere() {
				f.Fix = append(f.Fix, p.mirrorFixes(t, end)...)
			}
		}
	}
	p.add(f, t)
}

// allowed says whether some entry of the other end would allow a line, be it in
// use or not.
func (p *Pair) allowed(t *Tunnel, end int) bool {
	if _, ok := p.answer(t, end); ok {
		return true
	}
	e, l := t.meeting.entries[1-end], t.lines[end]
	return e.allows(l.acl.Remote, l.acl.Local)
}

func relationWords(r relation, names [2]string) string {
	switch r {
	case narrower:
		return fmt.Sprintf("%s's is within %s's, so only %s can begin", names[0], names[1], names[0])
	case wider:
		return fmt.Sprintf("%s's is within %s's, so only %s can begin", names[1], names[0], names[1])
	case overlaps:
		return "they share a part only, so neither end can begin"
	case otherPorts:
		return "the protocol or the ports differ"
	case copied:
		return "they are the same line, and each end has its own network first"
	case halfway:
		return "one of the two networks differs"
	}
	return "they have nothing in common"
}

// mirrorFixes write the mirror of an end's line at the other end.
func (p *Pair) mirrorFixes(t *Tunnel, end int) []Fix {
	l := t.lines[end]
	e := t.meeting.entries[1-end]
	if l == nil || e.written.ACL == "" {
		return nil
	}
	commands := aclCommands(e.written.ACL)
	if other := t.lines[1-end]; other != nil && t.Ways[0] != nil && t.Ways[1] != nil { // it is no other tunnel's
		commands = append(commands, " no"+aclLine(other.selector()))
	}
	return []Fix{{p.Ends[1-end].Name, "the mirror of " + p.Ends[end].Name + "'s line", append(commands, aclLine(flip(l.selector())))}}
}

// fromHere says whether a line has a network of its own end first.
func (l *line) fromHere() bool {
	return len(within(interfaceAddresses(l.entry.gateway), l.selector().LocalNet)) > 0
}

func aclCommands(name string) []string { return []string{"ip access-list extended " + name} }

// listQuote is the line that names the access list of an end.
func (p *Pair) listQuote(t *Tunnel, end int) Quote {
	e := t.meeting.entries[end]
	if e.written.ACL == "" {
		return e.quote("", "no `match address`")
	}
	return e.quote("list", "")
}

// denied tells of a line that has its mirror, and that an earlier line of the
// other end denies.
func (p *Pair) denied(t *Tunnel, stops [2]bool) {
	for end := range 2 {
		if !stops[end] {
			continue
		}
		e := t.meeting.entries[1-end]
		lines := []Quote{t.lines[end].quote(""), t.lines[1-end].quote("")}
		fix := aclCommands(e.written.ACL)
		for i, x := range e.conn.ACL {
			if i < t.lines[1-end].index && !x.Permit && policy.Contains(x.Local, t.lines[end].acl.Remote) && policy.Contains(x.Remote, t.lines[end].acl.Local) {
				lines = append(lines, e.gateway.File.quote(e.gateway.File.source.ACL(e.written.ACL, e.written.AccessList.Entries[i].Seq), "takes it first"))
				fix = append(fix, " no "+e.written.AccessList.Entries[i].String())
			}
		}
		p.add(Finding{Cause: diagnose.ProxyIdentityMismatch, Stops: begunBy(end), order: orderProxy, Lines: lines, Fix: []Fix{{e.gateway.Name, "", fix}},
			Summary: fmt.Sprintf("%s denies in a line before it what its line for %s permits", p.Ends[1-end].Name, traffic(t.lines[1-end].selector()))}, t)
	}
}

// compareSets looks for a transform set of the answering entry that is one of
// those offered, as they hold for the tunnel's packets.
func (p *Pair) compareSets(t *Tunnel, end int, answers *entry) {
	entries := ordered(end, t.meeting.entries[end], answers)
	offered := p.inForce(t, end, t.meeting.entries[end], end)
	var sets [2]policy.TransformSet // of the ends in order
	nearest := 4
	for _, a := range offered {
		for _, b := range policy.Answers(p.inForce(t, 1-end, answers, end)) {
			n := len(setParts(a, b))
			if n == 0 {
				return
			}
			if n < nearest {
				sets, nearest = ordered(end, a, b), n
			}
		}
	}
	if nearest == 4 {
		return // an entry is not complete
	}
	f := Finding{Cause: diagnose.Phase2TransformMismatch, Stops: begunBy(end), order: orderTransform}
	f.Summary = fmt.Sprintf("no transform set of one end is one of the other's; the nearest are %s (%s) at %s and %s (%s) at %s",
		sets[0].Name, setWords(sets[0]), p.Ends[0].Name, sets[1].Name, setWords(sets[1]), p.Ends[1].Name)
	for i := range 2 {
		for _, part := range setParts(sets[0], sets[1]) {
			if q := p.setQuote(entries[i], sets[i], part); len(f.Lines) == 0 || f.Lines[len(f.Lines)-1] != q {
				f.Lines = append(f.Lines, q)
			}
		}
		f.Lines = append(f.Lines, entries[i].quote("set "+sets[i].Name, ""))
		f.Fix = append(f.Fix, Fix{p.Ends[i].Name, "", setCommands(sets[i].Name, sets[1-i])})
	}
	p.add(f, t)
}

// inForce is an entry's transform sets as its end takes them for the line that
// the end asks began with.
func (p *Pair) inForce(t *Tunnel, end int, e *entry, asks int) []policy.TransformSet {
	m, l := t.meeting, t.lines[asks].acl
	local, remote := l.Local, l.Remote
	if end != asks {
		local, remote = remote, local
	}
	return policy.InForce(e.conn.TransformSets, policy.End{Addr: e.conn.Local, NAT: p.Ends[end].NAT.IsValid()},
		policy.End{Addr: m.seen(1 - end), NAT: p.Ends[1-end].NAT.IsValid()}, local, remote)
}

// setParts are what two transform sets differ in.
func setParts(a, b policy.TransformSet) (parts []string) {
	if a.Cipher != b.Cipher || a.KeyBits != b.KeyBits {
		parts = append(parts, "cipher")
	}
	if a.Auth != b.Auth {
		parts = append(parts, "auth")
	}
	if a.Transport != b.Transport {
		parts = append(parts, "mode")
	}
	return parts
}

func (p *Pair) setQuote(e *entry, t policy.TransformSet, part string) Quote {
	f := e.gateway.File
	note := ""
	if part == "mode" && f.source.TransformSet(t.Name, part) == f.source.TransformSet(t.Name, "") {
		note = "by default: mode tunnel"
	}
	return f.quote(f.source.TransformSet(t.Name, part), note)
}

func setCommands(name string, t policy.TransformSet) []string {
	return []string{"crypto ipsec transform-set " + name + " " + transforms(t), " mode " + modeWord(t.Transport)}
}

// comparePFS holds the group that is offered against the one that the answering
// entry wants. One that wants none takes any.
func (p *Pair) comparePFS(t *Tunnel, end int, answers *entry) {
	offered, wanted := t.meeting.entries[end].conn.PFS, answers.conn.PFS
	if offered == wanted {
		return
	}
	entries := ordered(end, t.meeting.entries[end], answers)
	f := Finding{Cause: diagnose.PFSMismatch, order: orderPFS,
		Summary: fmt.Sprintf("perfect forward secrecy differs: %s at %s, %s at %s", groupWord(entries[0].conn.PFS), p.Ends[0].Name, groupWord(entries[1].conn.PFS), p.Ends[1].Name)}
	if wanted != isakmp.GroupNone {
		f.Stops = begunBy(end)
	}
	switch {
	case entries[0].conn.PFS == isakmp.GroupNone:
		f.Summary += fmt.Sprintf("; it works only if %s begins, and renewal by the other fails", p.Ends[1].Name)
	case entries[1].conn.PFS == isakmp.GroupNone:
		f.Summary += fmt.Sprintf("; it works only if %s begins, and renewal by the other fails", p.Ends[0].Name)
	}
	for i, e := range entries {
		note := ""
		if e.conn.PFS == isakmp.GroupNone {
			note = "no `set pfs`"
		}
		f.Lines = append(f.Lines, e.quote("pfs", note))
		fix := Fix{p.Ends[i].Name, "", e.commands(pfsCommand(entries[1-i].conn.PFS))}
		if e.conn.PFS == isakmp.GroupNone { // rather on than off
			f.Fix = append([]Fix{fix}, f.Fix...)
		} else {
			f.Fix = append(f.Fix, fix)
		}
	}
	p.add(f, t)
}

func pfsCommand(g isakmp.Group) string {
	if g == isakmp.GroupNone {
		return " no set pfs"
	}
	return " set pfs group" + itoa(int(g))
}

// compareLives holds the lifetimes of IPsec SAs against each other. The shorter
// is used.
func (p *Pair) compareLives(t *Tunnel, end int, answers *entry) {
	entries := ordered(end, t.meeting.entries[end], answers)
	a, b := entries[0].conn.Lives, entries[1].conn.Lives
	if a.Seconds != b.Seconds {
		f := Finding{Cause: diagnose.LifetimeMismatch, order: orderLife,
			Summary: fmt.Sprintf("IPsec SAs live %s at %s and %s at %s; the shorter life is used, which is harmless with most peers",
				seconds(a.Seconds), p.Ends[0].Name, seconds(b.Seconds), p.Ends[1].Name)}
		for i, e := range entries {
			f.Lines = append(f.Lines, e.lifetime("seconds", "by default: "+seconds(e.conn.Lives.Seconds)))
			f.Fix = append(f.Fix, Fix{p.Ends[i].Name, "", e.commands(" set security-association lifetime seconds " + itoa(int(entries[1-i].conn.Lives.Seconds)))})
		}
		p.add(f, t)
	}
	if a.Kilobytes != b.Kilobytes {
		f := Finding{Cause: diagnose.LifetimeMismatch, order: orderLife,
			Summary: fmt.Sprintf("IPsec SAs carry %s at %s and %s at %s; the lower limit is used, which is harmless with most peers",
				kilobytes(a.Kilobytes), p.Ends[0].Name, kilobytes(b.Kilobytes), p.Ends[1].Name)}
		for i, e := range entries {
			f.Lines = append(f.Lines, e.lifetime("kilobytes", "by default: "+kilobytes(e.conn.Lives.Kilobytes)))
			word := "disable"
			if n := entries[1-i].conn.Lives.Kilobytes; n != 0 {
				word = itoa(int(n))
			}
			f.Fix = append(f.Fix, Fix{p.Ends[i].Name, "", e.commands(" set security-association lifetime kilobytes " + word)})
		}
		p.add(f, t)
	}
}
