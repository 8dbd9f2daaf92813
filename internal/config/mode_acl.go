package config

import (
	"cmp"
	"slices"
	"strconv"
)

// numberedACL follows `access-list`. Standard lists are not for VPN; what stands
// in them is not looked at.
var numberedACL = []*node{
	{Kind: Number, Lo: 1, Hi: 99, Arg: "standard", Help: "IP standard access list", Do: standardACL, No: ignore, Next: anything, Part: "LINE"},
	{Kind: Number, Lo: 1300, Hi: 1999, Arg: "standard", Help: "IP standard access list (expanded range)", Do: standardACL, No: ignore, Next: anything, Part: "LINE"},
	{Kind: Number, Lo: 100, Hi: 199, Arg: "list", Help: "IP extended access list", No: noACL, Next: numberedEntry, Part: "ENTRY"},
	{Kind: Number, Lo: 2000, Hi: 2699, Arg: "list", Help: "IP extended access list (expanded range)", No: noACL, Next: numberedEntry, Part: "ENTRY"},
	{Kind: Number, Lo: 200, Hi: 1299, Help: "Lists of other protocols", Foreign: true},
	{Kind: Number, Lo: 2700, Hi: 2799, Help: "Lists of other protocols", Foreign: true},
	{Text: "compiled", Foreign: true},
	{Text: "dynamic-extended", Foreign: true},
	{Text: "rate-limit", Foreign: true},
}

var anything = []*node{{Kind: Rest, Text: "LINE", Do: standardACL}}

var namedACL = []*node{
	{Text: "extended", Help: "Extended Access List", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "list", Help: "Access-list name or number <100-199> <2000-2699>", Do: enterACL, No: noACL},
	}},
	{Text: "log-update", Foreign: true},
	{Text: "logging", Foreign: true},
	{Text: "resequence", Help: "Resequence Access List", Foreign: true},
	{Text: "role-based", Foreign: true, Block: true},
	{Text: "standard", Help: "Standard Access List", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "standard", Help: "Standard IP access-list name or number", Do: enterStandardACL, No: ignore},
	}},
}

var standardMode = mode{name: "Standard access list", prompt: "config-std-nacl", nodes: []*node{
	{Text: "deny", Foreign: true},
	{Text: "permit", Foreign: true},
	{Text: "remark", Foreign: true},
	{Kind: Number, Lo: 1, Hi: 2147483647, Foreign: true},
}}

var extendedMode = mode{name: "Extended access list", prompt: "config-ext-nacl", nodes: slices.Concat(aclEntry(true), []*node{
	{Text: "dynamic", Help: "Specify a DYNAMIC list of PERMITs or DENYs", Unsupported: "a dynamic access list entry", Scope: ScopeACL},
	{Text: "evaluate", Help: "Evaluate an access list", Unsupported: "a reflexive access list", Scope: ScopeACL},
	{Kind: Number, Lo: 1, Hi: 2147483647, Arg: "seq", Help: "Sequence Number", No: noSequence, Next: aclEntry(false), Part: "ENTRY"},
})}

var numberedEntry = slices.Concat(aclEntry(true), []*node{
	{Text: "dynamic", Help: "Specify a DYNAMIC list of PERMITs or DENYs", Unsupported: "a dynamic access list entry", Scope: ScopeACL},
})

// aclEntry is permit and deny, and remark where it may stand.
func aclEntry(remark bool) []*node {
	nodes := []*node{
		{Text: "deny", Arg: "deny", Help: "Specify packets to reject", Next: aclProtocols, Part: "PACKETS", No: noEntry},
		{Text: "permit", Arg: "permit", Help: "Specify packets to forward", Next: aclProtocols, Part: "PACKETS", No: noEntry},
	}
	if remark {
		nodes = append(nodes, &node{Text: "remark", Help: "Access list entry comment", No: noRemark, Next: []*node{
			{Kind: Rest, Text: "LINE", Arg: "remark", Help: "Comment up to 100 characters", Do: addRemark},
		}})
	}
	return nodes
}

// aclProtocols is what follows permit and deny.
var aclProtocols = protocolNodes()

func protocolNodes() []*node {
	plain := aclAddress("src", aclAddress("dst", endOptions()))
	var nodes []*node
	for _, p := range protocols {
		next := plain
		switch p.text {
		case "tcp":
			next = aclAddress("src", aclPort("srcport", tcpPorts, aclAddress("dst", aclPort("dstport", tcpPorts, endOptions(established)))))
		case "udp":
			next = aclAddress("src", aclPort("srcport", udpPorts, aclAddress("dst", aclPort("dstport", udpPorts, endOptions()))))
		case "icmp":
			next = aclAddress("src", aclAddress("dst", slices.Concat(icmpNodes(), endOptions())))
		}
		nodes = append(nodes, &node{Text: p.text, Lo: p.value, Arg: "protocol", Help: p.help, Next: next})
	}
	return append(nodes,
		&node{Kind: Number, Lo: 0, Hi: 255, Arg: "protocol", Help: "An IP protocol number", Next: plain},
		&node{Text: "object-group", Help: "Service object group", Unsupported: "an object group", Scope: ScopeACL})
}

// aclAddress is a source or a destination and what follows it.
func aclAddress(name string, next []*node) []*node {
	return []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: name, Help: "Address", Next: []*node{
			{Kind: Address, Text: "A.B.C.D", Arg: name + "-wildcard", Help: "Wildcard bits", Next: next, Do: endOf(next)},
		}},
		{Text: "any", Arg: name + "-any", Help: "Any host", Next: next, Do: endOf(next)},
		{Text: "host", Help: "A single host", Next: []*node{
			{Kind: Address, Text: "A.B.C.D", Arg: name, Help: "Host address", Next: next, Do: endOf(next)},
		}},
		{Text: "object-group", Help: "Network object group", Unsupported: "an object group", Scope: ScopeACL},
		{Text: "interface", Help: "Interface's address", Unsupported: "an interface as an address", Scope: ScopeACL},
	}
}

// endOf says whether a line may end before next: it may where only options
// follow.
func endOf(next []*node) Action[*Editor] {
	for _, n := range next {
		if n.Text == "any" {
			return nil
		}
	}
	return addEntry
}

// aclPort is a comparison of ports, which may be left out.
func aclPort(name string, names []namedValue, next []*node) []*node {
	value := func(arg string, next []*node, do Action[*Editor]) []*node {
		nodes := []*node{{Kind: Number, Lo: 0, Hi: 65535, Arg: arg, Help: "Port number", Next: next, Do: do}}
		for _, p := range names {
			nodes = append(nodes, &node{Text: p.text, Lo: p.value, Arg: arg, Help: p.help, Next: next, Do: do})
		}
		return nodes
	}
	end := endOf(next)
	more := value("more", nil, nil)
	for _, n := range more {
		n.Unsupported, n.Scope = "several ports after one `eq`", ScopeACL
	}
	one := value(name, next, end)
	several := value(name, slices.Concat(more, next), end)
	nodes := []*node{
		{Text: "eq", Lo: uint64(PortEq), Arg: name + "-op", Help: "Match only packets on a given port number", Next: several},
		{Text: "gt", Lo: uint64(PortGt), Arg: name + "-op", Help: "Match only packets with a greater port number", Next: one},
		{Text: "lt", Lo: uint64(PortLt), Arg: name + "-op", Help: "Match only packets with a lower port number", Next: one},
		{Text: "neq", Lo: uint64(PortNeq), Arg: name + "-op", Help: "Match only packets not on a given port number", Next: several},
		{Text: "range", Lo: uint64(PortRange), Arg: name + "-op", Help: "Match only packets in the range of port numbers", Next: value(name, value(name+"-to", next, end), nil)},
	}
	return slices.Concat(nodes, next)
}

// icmpNodes are an ICMP message by name, or by type and code.
func icmpNodes() []*node {
	options := endOptions()
	nodes := []*node{{Kind: Number, Lo: 0, Hi: 255, Arg: "icmp-type", Help: "ICMP message type", Do: addEntry, Next: slices.Concat([]*node{
		{Kind: Number, Lo: 0, Hi: 255, Arg: "icmp-code", Help: "ICMP message code", Do: addEntry, Next: options},
	}, options)}}
	for _, m := range icmpMessages {
		value, arg := uint64(m.typ), "icmp-type"
		if m.code >= 0 {
			value, arg = uint64(m.typ)<<8|uint64(m.code), "icmp-message"
		}
		nodes = append(nodes, &node{Text: m.text, Lo: value, Arg: arg, Help: "ICMP message", Do: addEntry, Next: options})
	}
	return nodes
}

var established = node{Text: "established", Arg: "established", Help: "Match established connections", Do: addEntry}

// endOptions are the words that may end an entry, in any order.
func endOptions(more ...node) []*node {
	nodes := []*node{
		{Text: "log", Arg: "log", Help: "Log matches against this entry", Do: addEntry},
	}
	for _, n := range more {
		nodes = append(nodes, &n)
	}
	for _, text := range []string{"dscp", "fragments", "log-input", "option", "precedence", "reflect", "time-range", "tos", "ttl", "ack", "fin", "psh", "rst", "syn", "urg", "match-all", "match-any"} {
		nodes = append(nodes, &node{Text: text, Help: "Not supported yet", Unsupported: "`" + text + "` in an access list", Scope: ScopeACL})
	}
	return loop(nodes)
}

func ignore(*Editor, Args) *Problem { return nil }

func standardACL(e *Editor, a Args) *Problem {
	e.standard[a.Text("standard")] = true
	e.foreign++
	return nil
}

func enterStandardACL(e *Editor, a Args) *Problem {
	e.enter(&standardMode)
	return standardACL(e, a)
}

func aclMark(name string) string { return "access-list " + name }

func aclEntryMark(name string, seq int) string { return aclMark(name) + " " + strconv.Itoa(seq) }

// enterACL reads `ip access-list extended`.
func enterACL(e *Editor, a Args) *Problem {
	name := a.Text("list")
	if n, err := strconv.Atoi(name); err == nil && !extendedNumber(n) {
		return &Problem{Code: CodeValue, Arg: "list", Message: "% Invalid access list name.", Hint: "an extended list has a name or a number <100-199> <2000-2699>"}
	}
	e.enter(&extendedMode)
	e.list = e.openACL(a)
	return nil
}

func extendedNumber(n int) bool { return n >= 100 && n <= 199 || n >= 2000 && n <= 2699 }

// openACL finds or makes the access list of a line.
func (e *Editor) openACL(a Args) *AccessList {
	name := a.Text("list")
	l := e.lists[name]
	if l == nil {
		l = &AccessList{Name: name}
		e.lists[name] = l
		e.cfg.AccessLists = append(e.cfg.AccessLists, l)
		e.remember(aclMark(name), a, "list")
	}
	return l
}

// ofLine is the list of the current line: the mode's, or a numbered one, whose
// lines are global commands and whose pending remarks are kept in it.
func (e *Editor) ofLine(a Args) *AccessList {
	if a.Has("list") {
		return e.openACL(a)
	}
	return e.list
}

func noACL(e *Editor, a Args) *Problem {
	l := e.lists[a.Text("list")]
	if l == nil {
		return &Problem{Code: CodeReference, Arg: "list", Message: "there is no such access list"}
	}
	delete(e.lists, l.Name)
	e.cfg.AccessLists = slices.DeleteFunc(e.cfg.AccessLists, func(o *AccessList) bool { return o == l })
	e.list = nil
	e.enter(nil)
	return nil
}

func addRemark(e *Editor, a Args) *Problem {
	l := e.ofLine(a)
	l.Remarks = append(l.Remarks, a.Text("remark"))
	return nil
}

func noRemark(e *Editor, a Args) *Problem {
	l := e.ofLine(a)
	is := func(r string) bool { return r == a.Text("remark") }
	l.Remarks = slices.DeleteFunc(l.Remarks, is)
	for _, entry := range l.Entries {
		entry.Remarks = slices.DeleteFunc(entry.Remarks, is)
	}
	return nil
}

// addEntry reads a permit or deny. The remarks before it go with it. Without a
// sequence number it comes last, ten above the one before.
func addEntry(e *Editor, a Args) *Problem {
	entry, p := aclEntryOf(a)
	if p != nil {
		return p
	}
	l := e.ofLine(a)
	if entry.Seq == 0 {
		entry.Seq = 10
		if n := len(l.Entries); n > 0 {
			entry.Seq = l.Entries[n-1].Seq/10*10 + 10
		}
	}
	i, taken := slices.BinarySearchFunc(l.Entries, entry.Seq, func(o *ACLEntry, seq int) int { return cmp.Compare(o.Seq, seq) })
	if taken {
		return &Problem{Code: CodeValue, Arg: "seq", Message: "% Duplicate sequence number"}
	}
	if !e.fresh(l, entry.packetMatch()) {
		return nil
	}
	entry.Remarks, l.Remarks = l.Remarks, nil
	l.Entries = slices.Insert(l.Entries, i, entry)
	e.remember(aclEntryMark(l.Name, entry.Seq), a, "protocol")
	return nil
}

// packetMatch is what two entries share that match the same packets: IOS keeps
// the first of them.
type packetMatch struct {
	permit, established bool
	protocol            uint8
	src, dst            AddrMatch
	srcPort, dstPort    PortMatch
	icmp                ICMPMatch
}

func (x *ACLEntry) packetMatch() packetMatch {
	return packetMatch{x.Permit, x.Established, x.Protocol, x.Src, x.Dst, x.SrcPort, x.DstPort, x.ICMP}
}

// fresh says whether no entry of the list matches these packets yet, and takes
// them for known from here on.
func (e *Editor) fresh(l *AccessList, m packetMatch) bool {
	if e.matched == nil {
		e.matched = map[*AccessList]map[packetMatch]bool{}
	}
	known := e.matched[l]
	if known == nil {
		known = map[packetMatch]bool{}
		for _, x := range l.Entries {
			known[x.packetMatch()] = true
		}
		e.matched[l] = known
	}
	if known[m] {
		return false
	}
	known[m] = true
	return true
}

func aclEntryOf(a Args) (*ACLEntry, *Problem) {
	entry := &ACLEntry{
		Seq:         int(a.Number("seq")),
		Permit:      a.Has("permit"),
		Protocol:    uint8(a.Number("protocol")),
		Src:         addrMatch(a, "src"),
		Dst:         addrMatch(a, "dst"),
		Established: a.Has("established"),
		Log:         a.Has("log"),
		ICMP:        icmpMatch(a),
	}
	var p *Problem
	if entry.SrcPort, p = portMatch(a, "srcport"); p != nil {
		return nil, p
	}
	entry.DstPort, p = portMatch(a, "dstport")
	return entry, p
}

// addrMatch reads `any`, `host A` or `A WILDCARD`. As in IOS, address bits that
// the wildcard covers are dropped.
func addrMatch(a Args, name string) AddrMatch {
	if a.Has(name + "-any") {
		return AddrMatch{addr4(0), addr4(0xffffffff)}
	}
	if !a.Has(name + "-wildcard") {
		return AddrMatch{a.Addr(name), addr4(0)}
	}
	wildcard := a.Addr(name + "-wildcard")
	return AddrMatch{addr4(uint4(a.Addr(name)) &^ uint4(wildcard)), wildcard}
}

func portMatch(a Args, name string) (PortMatch, *Problem) {
	m := PortMatch{Op: PortOp(a.Number(name + "-op")), Lo: uint16(a.Number(name)), Hi: uint16(a.Number(name + "-to"))}
	if m.Op == PortRange && m.Lo > m.Hi {
		m.Lo, m.Hi = m.Hi, m.Lo
	}
	switch {
	case m.Op == PortGt && m.Lo == 65535, m.Op == PortLt && m.Lo == 0:
		return m, &Problem{Code: CodeValue, Arg: name, Message: "no port can match"}
	}
	return m, nil
}

func icmpMatch(a Args) ICMPMatch {
	if a.Has("icmp-message") {
		v := a.Number("icmp-message")
		return ICMPMatch{HasType: true, HasCode: true, Type: uint8(v >> 8), Code: uint8(v)}
	}
	return ICMPMatch{HasType: a.Has("icmp-type"), Type: uint8(a.Number("icmp-type")), HasCode: a.Has("icmp-code"), Code: uint8(a.Number("icmp-code"))}
}

// noEntry removes the entry that matches the same packets.
func noEntry(e *Editor, a Args) *Problem {
	entry, p := aclEntryOf(a)
	if p != nil {
		return p
	}
	l := e.lists[a.Text("list")]
	if !a.Has("list") {
		l = e.list
	} else if l != nil {
		// IOS deletes a numbered list as a whole, whatever entry is named.
		return noACL(e, a)
	}
	return e.deleteEntry(l, func(o *ACLEntry) bool { return o.packetMatch() == entry.packetMatch() })
}

func noSequence(e *Editor, a Args) *Problem {
	return e.deleteEntry(e.list, func(o *ACLEntry) bool { return o.Seq == int(a.Number("seq")) })
}

func (e *Editor) deleteEntry(l *AccessList, is func(*ACLEntry) bool) *Problem {
	if l == nil || !slices.ContainsFunc(l.Entries, is) {
		return &Problem{Code: CodeReference, Message: "there is no such entry"}
	}
	l.Entries = slices.DeleteFunc(l.Entries, is)
	delete(e.matched, l)
	return nil
}
