package ios

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// showRoute are the lines of `show ip route`, and pings.
var showRoute = []read.Phrase{
	does("Gateway of last resort is not set", func(x *read.Context, _ *read.Match) {
		t := &remember(x).tables
		t.routes, t.listed, t.routesAt = nil, true, x.Quote()
		x.Block = true
	}),
	does("Gateway of last resort is {v} to network", func(x *read.Context, _ *read.Match) {
		t := &remember(x).tables
		t.routes, t.listed = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, false
		x.Block = true
	}),
	does("Interfaces using crypto map {v}:", func(x *read.Context, match *read.Match) {
		t := &remember(x).tables
		t.mapName, t.mapAt, x.Block = match.Hole("v"), x.Quote(), true
	}),
	does("Current peer: {peer}", func(x *read.Context, match *read.Match) {
		remember(x).tables.mapPeer = match.Addr("peer")
		remember(x).ends(netip.Addr{}, match.Addr("peer"))
	}),
	does("is directly connected, {v}", func(x *read.Context, _ *read.Match) { remember(x).tables.route(x) }),
	does("is variably subnetted", func(x *read.Context, _ *read.Match) { x.Block = true }),
	does("Packet sent with a source address of {local}", func(x *read.Context, match *read.Match) {
		remember(x).tables.pingFrom = match.Addr("local")
	}),
	does("ICMP Echos to {v}, timeout is", func(x *read.Context, match *read.Match) {
		t := &remember(x).tables
		t.pingTo, t.pingFrom = match.Addr("v"), netip.Addr{}
	}),
	does("Success rate is {count} percent", func(x *read.Context, match *read.Match) {
		t := &remember(x).tables
		if match.Number("count") == 0 && t.pingTo.IsValid() {
			x.TellApart(diagnose.Observation{Kind: diagnose.PingFailed, Detail: t.pingTo.String()})
		}
		t.pingTo = netip.Addr{}
	}),
}

// tables are what shows say, kept until it can be judged.
type tables struct {
	block     block
	session   sessionBlock
	rows      []row
	looks     int
	headed    diagnose.Evidence // the head of a table of SAs
	localAddr netip.Addr
	routes    []netip.Prefix
	listed    bool // routes were listed, and there is no default one
	routesAt  diagnose.Evidence
	pingTo    netip.Addr
	pingFrom  netip.Addr
	off       diagnose.Evidence // ISAKMP is off
	dmvpn     bool              // rows of `show dmvpn` follow
	mapName   string            // whose interfaces follow
	mapPeer   netip.Addr
	mapAt     diagnose.Evidence
}

func newTables() tables { return tables{} }

// maxRoutes bounds the routes that are remembered.
const maxRoutes = 4096

// route reads a route of the table: "C  10.1.0.0/24 is directly connected".
func (t *tables) route(x *read.Context) {
	for _, w := range strings.Fields(string(x.Text)) {
		if p, err := netip.ParsePrefix(w); err == nil {
			if len(t.routes) < maxRoutes {
				t.routes = append(t.routes, p.Masked())
			}
			return
		}
	}
}

// row is a line of a table that has no phrase. It says whether the table goes
// on.
func (t *tables) row(x *read.Context, m *memory) bool {
	text := strings.TrimSpace(string(x.Text))
	if t.mapName != "" {
		return t.interfaces(x, text)
	}
	if text == "" {
		return true
	}
	if m.config.list != "" && m.config.standardRow(x, text) {
		return true
	}
	if t.dmvpn {
		t.dmvpn = dmvpnRow(x, text)
		return t.dmvpn
	}
	if !strings.Contains(text, "via ") && !strings.Contains(text, "/") {
		return false
	}
	t.route(x)
	return true
}

// end tells what the tables say, when everything was read.
func (t *tables) end(x *read.Context, m *memory) {
	if t.mapName != "" {
		t.interfaces(x, "")
	}
	t.flush(x)
	t.endSession(x)
	if t.headed.Text != "" && len(t.rows)+len(m.there) == 0 && x.Find(func(*read.Session) bool { return true }) == nil {
		x.TellApart(diagnose.Observation{Kind: diagnose.NothingAsked, Evidence: t.headed})
	}
	for i := range t.rows {
		if t.rows[i].dead && t.replaced(&t.rows[i]) {
			continue
		}
		t.rows[i].tell(x, m, t.rows)
		x.Session = nil
	}
	if t.off.Text != "" {
		x.TellApart(diagnose.Observation{Kind: diagnose.NotEnabled, Detail: "ISAKMP is off", Evidence: t.off})
	}
	if t.listed {
		x.TellApart(diagnose.Observation{Kind: diagnose.RoutesListed, Detail: t.words(), Evidence: t.routesAt})
	}
}

// words are the routes that are there, for a rule to hold networks against.
func (t *tables) words() string {
	var b strings.Builder
	for i, p := range t.routes {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// dmvpnRow is a peer of `show dmvpn`: its address, that in the tunnel, and how
// far it came.
func dmvpnRow(x *read.Context, text string) bool {
	f := strings.Fields(text)
	if strings.HasPrefix(text, "-") {
		return true // the rule below the titles
	}
	if len(f) < 4 || !read.Addr(f[1]).IsValid() {
		return false
	}
	o := diagnose.Observation{Peer: read.Addr(f[1])}
	switch f[3] {
	case "NHRP":
		o.Kind, o.Phase, o.Detail, o.Standing = diagnose.OverlayDown, diagnose.PhaseData, "NHRP does not get an answer of the peer", true
	case "UP":
		o.Kind, o.Phase = diagnose.Phase2Up, diagnose.Phase2
	case "IPSEC":
		o.Kind, o.Phase, o.Message = diagnose.QuickFailed, diagnose.Phase2, 1
	case "IKE":
		o.Kind, o.Phase = diagnose.ExchangeFailed, diagnose.Phase1
	default:
		return true
	}
	x.TellApart(o)
	return true
}

// interfaces is the line behind "Interfaces using crypto map": an interface, or
// nothing.
func (t *tables) interfaces(x *read.Context, text string) bool {
	name := t.mapName
	t.mapName = ""
	if text == "" || strings.ContainsAny(text, "#>") || strings.HasPrefix(text, "Crypto Map") {
		x.TellApart(diagnose.Observation{Kind: diagnose.MapNotApplied, Peer: t.mapPeer, Place: "crypto map " + name, Evidence: t.mapAt})
	}
	return false
}
