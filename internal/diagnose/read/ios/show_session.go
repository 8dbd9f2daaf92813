package ios

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// showSession are the lines of `show crypto session`.
var showSession = []read.Phrase{
	does("Session status: {v}", func(x *read.Context, match *read.Match) {
		t := &remember(x).tables
		t.endSession(x)
		t.session = sessionBlock{status: match.Hole("v"), at: x.Quote()}
	}),
	does("Peer: {peer} port {port}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		m.tables.session.peer = match.Addr("peer")
		m.ends(netip.Addr{}, match.Addr("peer"))
	}),
	does("{IKE|IKEv1} SA: local {local} remote {peer} {rest}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		s := &m.tables.session
		s.local, s.inactive = match.Addr("local"), strings.HasPrefix(strings.ToLower(match.Hole("rest")), "inactive")
		m.ends(match.Addr("local"), match.Addr("peer"))
	}),
	does("IPSEC FLOW: permit {rest}", func(x *read.Context, match *read.Match) {
		s := &remember(x).tables.session
		if len(s.flows) < 64 {
			s.flows = append(s.flows, flowLine{pair: flowPair(match.Hole("rest")), at: x.Quote()})
		}
	}),
	does("Active SAs: {count}, origin: {rest}", func(x *read.Context, match *read.Match) {}),
}

type flowLine struct {
	pair string
	at   diagnose.Evidence
}

// sessionBlock is a session of the table.
type sessionBlock struct {
	status      string
	peer, local netip.Addr
	inactive    bool
	flows       []flowLine
	at          diagnose.Evidence
}

// flowPair is the traffic of "ip 10.1.0.0/255.255.0.0 10.2.0.0/255.255.0.0" or "47
// host 192.0.2.1 host 198.51.100.2".
func flowPair(s string) string {
	f := strings.Fields(s)
	if len(f) < 3 {
		return ""
	}
	protocol := f[0]
	var sides []string
	for i := 1; i < len(f); i++ {
		if f[i] == "host" && i+1 < len(f) {
			i++
		}
		if p := proxy(f[i]); p != "" {
			if protocol != "ip" {
				p += protocolWords(protocol)
			}
			sides = append(sides, p)
		}
	}
	if len(sides) != 2 {
		return ""
	}
	return sides[0] + " - " + sides[1]
}

// endSession tells what the session's lines said.
func (t *tables) endSession(x *read.Context) {
	s := t.session
	t.session = sessionBlock{}
	if s.status == "" {
		return
	}
	o := diagnose.Observation{Peer: s.peer, Local: s.local, Evidence: s.at}
	switch {
	case strings.HasPrefix(s.status, "UP-ACTIVE"), strings.HasPrefix(s.status, "UP-NO-IKE"):
		o.Kind, o.Phase = diagnose.Phase2Up, diagnose.Phase2
	case strings.HasPrefix(s.status, "UP-IDLE"):
		o.Kind, o.Phase = diagnose.Phase1Up, diagnose.Phase1
	case strings.HasPrefix(s.status, "DOWN-NEG"):
		o.Kind, o.Phase, o.Detail = diagnose.StateSeen, diagnose.Phase1, "MM_NO_STATE"
		o.Session = x.Fresh("negotiating").ID()
		x.Session = nil
	default:
		o.Kind, o.Phase = diagnose.FlowDown, diagnose.PhaseData
	}
	x.TellApart(o)
	for _, f := range s.flows {
		if f.pair != "" {
			x.TellApart(diagnose.Observation{Kind: diagnose.FlowListed, Peer: s.peer, Local: s.local, Pair: f.pair, Evidence: f.at})
		}
	}
}
