package ios

import (
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// showRun are the lines of a configuration that stands beside a log: crypto maps,
// where they are applied, access lists, and the NAT that comes before them.
var showRun = []read.Phrase{
	does("crypto map {name} {seq} ipsec-isakmp", func(x *read.Context, match *read.Match) {
		remember(x).config.entry(match.Hole("name"), match.Hole("seq"), x.Quote())
	}),
	does("crypto map {name} {seq} match address {acl}", asaEntry), does("crypto map {name} {seq} set peer {peer}", asaEntry),
	does("crypto map {name} interface {v}", func(x *read.Context, match *read.Match) { remember(x).config.apply(match.Hole("name")) }),
	does("crypto map {name}", func(x *read.Context, match *read.Match) {
		c := &remember(x).config
		if f := strings.Fields(string(x.Text)); c.inInterface && len(f) == 3 && f[0] == "crypto" {
			c.apply(f[2])
		}
	}),
	does("set peer {peer}", func(x *read.Context, match *read.Match) {
		if e := remember(x).config.now; e != nil {
			e.peer, e.hasPeer = match.Addr("peer"), true
			remember(x).ends(netip.Addr{}, e.peer)
		}
	}),
	does("match address {acl}", func(x *read.Context, match *read.Match) {
		if e := remember(x).config.now; e != nil {
			e.acl = match.Hole("acl")
		}
	}),
	does("interface {name}", func(x *read.Context, match *read.Match) {
		if c := &remember(x).config; strings.HasPrefix(strings.TrimSpace(string(x.Text)), "interface ") {
			c.inInterface, c.now, c.list = true, nil, ""
		}
	}),
	does("ip address {v} {mask}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		if a := match.Addr("v"); m.config.inInterface && a.IsValid() && strings.HasPrefix(strings.TrimSpace(string(x.Text)), "ip address ") {
			m.config.interfaces++
			m.ends(a, netip.Addr{})
		}
	}),
	does("ip access-list {extended|standard} {acl}", func(x *read.Context, match *read.Match) {
		c := &remember(x).config
		c.list, c.inInterface, c.now = match.Hole("acl"), false, nil
		x.Block = true
	}),
	does("access-list {acl} permit {rest}", standardLine(true)),
	does("access-list {acl} deny {rest}", standardLine(false)),
	does("access-list {acl} permit ip {rest}", func(x *read.Context, match *read.Match) {
		remember(x).config.line(match.Hole("acl"), true, match.Hole("rest"), x)
	}),
	does("access-list {acl} deny ip {rest}", func(x *read.Context, match *read.Match) {
		remember(x).config.line(match.Hole("acl"), false, match.Hole("rest"), x)
	}),
	does("permit ip {rest}", func(x *read.Context, match *read.Match) { remember(x).config.line("", true, match.Hole("rest"), x) }),
	does("deny ip {rest}", func(x *read.Context, match *read.Match) { remember(x).config.line("", false, match.Hole("rest"), x) }),
	does("ip nat inside source list {acl}", func(x *read.Context, match *read.Match) {
		remember(x).config.translate(natRule{acl: match.Hole("acl"), at: x.Quote()})
	}),
	does("ip nat inside source route-map {name}", func(x *read.Context, match *read.Match) {
		remember(x).config.translate(natRule{routeMap: match.Hole("name"), at: x.Quote()})
	}),
	does("route-map {name} permit {seq}", func(x *read.Context, match *read.Match) {
		c := &remember(x).config
		c.routeMap, c.list, c.inInterface, c.now = match.Hole("name"), "", false, nil
	}),
	does("match ip address {acl}", func(x *read.Context, match *read.Match) {
		c := &remember(x).config
		if c.routeMaps == nil {
			c.routeMaps = make(map[string]string)
		}
		if c.routeMap != "" && len(c.routeMaps) < maxEntries {
			c.routeMaps[c.routeMap] = match.Hole("acl")
		}
	}),
	does("tunnel protection ipsec profile", func(x *read.Context, _ *read.Match) {}),
}

// configuration is what was seen of one.
type configuration struct {
	entries     []*entry
	now         *entry
	applied     map[string]bool
	interfaces  int // with an address
	inInterface bool
	list        string // the access list that the lines belong to
	lists       map[string][]aclLine
	nat         []natRule
	routeMap    string            // that the lines belong to
	routeMaps   map[string]string // the access lists that they match
}

type entry struct {
	name, seq string
	peer      netip.Addr
	hasPeer   bool
	acl       string
	at        diagnose.Evidence
}

type aclLine struct {
	permit   bool
	src, dst netip.Prefix
	at       diagnose.Evidence
}

// natRule is a NAT of what an access list permits, be it by way of a route map.
type natRule struct {
	acl, routeMap string
	at            diagnose.Evidence
}

// Bounds of what is remembered of a configuration: at the end every line of an
// entry's list is held against every line of a NAT's.
const (
	maxEntries = 64
	maxLines   = 256 // of a list
	maxNAT     = 8
)

func (c *configuration) entry(name, seq string, at diagnose.Evidence) {
	c.inInterface, c.list = false, ""
	for _, e := range c.entries {
		if e.name == name && e.seq == seq {
			c.now = e
			return
		}
	}
	c.now = &entry{name: name, seq: seq, at: at}
	if len(c.entries) < maxEntries {
		c.entries = append(c.entries, c.now)
	}
}

// asaEntry is a line of an ASA's entry, which names the entry each time.
func asaEntry(x *read.Context, match *read.Match) {
	c := &remember(x).config
	c.entry(match.Hole("name"), match.Hole("seq"), x.Quote())
	if a := match.Hole("acl"); a != "" {
		c.now.acl = a
	}
	if p := match.Hole("peer"); p != "" {
		c.now.peer, c.now.hasPeer = match.Addr("peer"), true
	}
	c.now = nil
}

func (c *configuration) apply(name string) {
	if c.applied == nil {
		c.applied = make(map[string]bool)
	}
	if len(c.applied) < maxEntries {
		c.applied[name] = true
	}
}

func (c *configuration) translate(n natRule) {
	same := func(other natRule) bool { return other.acl == n.acl && other.routeMap == n.routeMap }
	if len(c.nat) < maxNAT && !slices.ContainsFunc(c.nat, same) {
		c.nat = append(c.nat, n)
	}
}

// standardLine is a line of a list that has sources only.
func standardLine(permit bool) func(*read.Context, *read.Match) {
	return func(x *read.Context, match *read.Match) {
		remember(x).config.sources(match.Hole("acl"), permit, match.Hole("rest"), x)
	}
}

// standardRow is one whose list was named before.
func (c *configuration) standardRow(x *read.Context, text string) bool {
	permitted, permit := strings.CutPrefix(text, "permit ")
	denied, deny := strings.CutPrefix(text, "deny ")
	switch {
	case permit:
		c.sources(c.list, true, permitted, x)
	case deny:
		c.sources(c.list, false, denied, x)
	}
	return permit || deny
}

func (c *configuration) sources(list string, permit bool, rest string, x *read.Context) {
	f := strings.Fields(rest)
	if len(f) == 0 || list == "" || strings.ContainsAny(list, " ,") {
		return
	}
	if _, err := netip.ParseAddr(f[0]); err == nil && len(f) == 1 {
		f = []string{"host", f[0]}
	}
	if src, _, ok := network(f); ok {
		c.add(list, aclLine{permit, src, netip.PrefixFrom(netip.IPv4Unspecified(), 0), x.Quote()})
	}
}

func (c *configuration) add(list string, l aclLine) {
	if c.lists == nil {
		c.lists = make(map[string][]aclLine)
	}
	if len(c.lists) < maxEntries && len(c.lists[list]) < maxLines {
		c.lists[list] = append(c.lists[list], l)
	}
}

// line is one of an access list: of the one that it names, or else of the one
// whose lines these are.
func (c *configuration) line(list string, permit bool, rest string, x *read.Context) {
	if list == "" {
		list = c.list
	}
	if list == "" || strings.ContainsAny(list, " ,") {
		return
	}
	f := strings.Fields(rest)
	src, f, ok := network(f)
	if !ok {
		return
	}
	dst, _, ok := network(f)
	if !ok {
		return
	}
	c.add(list, aclLine{permit, src, dst, x.Quote()})
}

// network reads "any", "host A", "A wildcard" or an ASA's "A mask", and returns
// what follows.
func network(f []string) (netip.Prefix, []string, bool) {
	none := netip.Prefix{}
	switch {
	case len(f) > 0 && (f[0] == "any" || f[0] == "any4"):
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), f[1:], true
	case len(f) > 1 && f[0] == "host":
		a, err := netip.ParseAddr(f[1])
		if err != nil {
			return none, nil, false
		}
		return netip.PrefixFrom(a, a.BitLen()), f[2:], true
	case len(f) > 1:
		a, err := netip.ParseAddr(f[0])
		mask, err2 := netip.ParseAddr(f[1])
		if err != nil || err2 != nil || !a.Is4() || !mask.Is4() {
			return none, nil, false
		}
		b := mask.As4()
		if b[0] == 0 && b != [4]byte{} { // a wildcard
			for i := range b {
				b[i] = ^b[i]
			}
		} else if b == [4]byte{} {
			b = [4]byte{255, 255, 255, 255}
		}
		bits := maskBits(netip.AddrFrom4(b).String())
		if bits < 0 {
			return none, nil, false
		}
		return netip.PrefixFrom(a, bits).Masked(), f[2:], true
	}
	return none, nil, false
}

// end tells what the configuration shows.
func (c *configuration) end(x *read.Context) {
	told := make(map[string]bool)
	for _, e := range c.entries {
		if c.interfaces > 0 && !c.applied[e.name] && len(c.applied) == 0 && !told[e.name] {
			told[e.name] = true
			x.TellApart(diagnose.Observation{Kind: diagnose.MapNotApplied, Peer: e.peer, Place: "crypto map " + e.name, Evidence: e.at})
		}
		for _, l := range c.lists[e.acl] {
			if !l.permit {
				continue
			}
			pair := words(l.src) + " - " + words(l.dst)
			x.TellApart(diagnose.Observation{Kind: diagnose.FlowListed, Peer: e.peer, Pair: pair, Place: "crypto map " + e.name, Evidence: l.at})
			c.translated(x, e, l, pair)
		}
	}
}

func words(p netip.Prefix) string {
	if p.Bits() == p.Addr().BitLen() {
		return p.Addr().String()
	}
	return p.String()
}

// translated tells of traffic for the tunnel that a NAT takes first: the first
// line of its list that has to do with the traffic permits it.
func (c *configuration) translated(x *read.Context, e *entry, l aclLine, pair string) {
	for _, n := range c.nat {
		acl := n.acl
		if n.routeMap != "" {
			acl = c.routeMaps[n.routeMap]
		}
		for _, r := range c.lists[acl] {
			if !r.src.Overlaps(l.src) || !r.dst.Overlaps(l.dst) {
				continue
			}
			if r.permit {
				x.TellApart(diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData, Peer: e.peer, Pair: pair, Evidence: n.at})
			}
			break
		}
	}
}
