package asa

import (
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// show are `show crypto isakmp sa` and `show vpn-sessiondb`.
var show = []read.Phrase{
	does("IKE Peer: {peer}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		m.flush(x)
		m.peer = block{peer: match.Addr("peer"), at: x.Quote(), open: true}
	}),
	does("Role : {v}", func(x *read.Context, match *read.Match) {
		b := &remember(x).peer
		if b.role = diagnose.Responder; strings.HasPrefix(strings.ToLower(match.Hole("v")), "init") {
			b.role = diagnose.Initiator
		}
	}),
	does("State : {v}", func(x *read.Context, match *read.Match) {
		b := &remember(x).peer
		if !b.open {
			b.at = x.Quote()
		}
		b.open, b.state, b.at = true, match.Hole("v"), x.Quote()
		remember(x).flush(x)
	}),
	does("There are no {isakmp|IKEv1|IKE} {sas|SAs}", func(x *read.Context, _ *read.Match) { remember(x).none = x.Quote() }),
	does("There are no {ipsec|IKEv2} {sas|SAs}", func(x *read.Context, _ *read.Match) { remember(x).noTunnels = true }),
	does("MM_WAIT_MSG{n}", bareState), does("AM_WAIT_MSG{n}", bareState), does("MM_ACTIVE", bareState), does("AM_ACTIVE", bareState),
	does("Bytes Tx : {tx} Bytes Rx : {rx}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		o := diagnose.Observation{Kind: diagnose.Encapsulated, Phase: diagnose.PhaseData, Peer: m.vpn.peer, Count: match.Number("tx"), Detail: "bytes",
			Session: x.Fresh("vpn/" + strconv.Itoa(x.Number)).ID()}
		x.Session = nil
		x.TellApart(o)
		o.Kind, o.Count = diagnose.Decapsulated, match.Number("rx")
		x.TellApart(o)
	}),
	does("Connection : {v} Index", func(x *read.Context, match *read.Match) { remember(x).vpn.peer = match.Addr("v") }),
	does("Connection : {peer}", func(x *read.Context, match *read.Match) { remember(x).vpn.peer = match.Addr("peer") }),
	does("IP Addr : {peer}", func(x *read.Context, match *read.Match) {
		if a := match.Addr("peer"); a.IsValid() {
			remember(x).vpn.peer = a
		}
	}),
}

// traffic is a session of `show vpn-sessiondb`.
type traffic struct{ peer netip.Addr }

// block is an SA of `show crypto isakmp sa`.
type block struct {
	open  bool
	peer  netip.Addr
	role  diagnose.Role
	state string
	at    diagnose.Evidence
}

// bareState is a state outside of the table, such as in somebody's sentence.
func bareState(x *read.Context, match *read.Match) {
	m := remember(x)
	if strings.Contains(string(x.Text), "EV_") {
		return
	}
	for _, w := range strings.FieldsFunc(string(x.Text), func(r rune) bool { return r == ' ' || r == ',' || r == '.' || r == '\t' }) {
		if strings.HasPrefix(w, "MM_") || strings.HasPrefix(w, "AM_") {
			m.peer.open, m.peer.state, m.peer.at = true, w, x.Quote()
			m.flush(x)
			return
		}
	}
}

// flush tells of the SA that was shown.
func (m *memory) flush(x *read.Context) {
	b := m.peer
	m.peer = block{}
	if !b.open || b.state == "" {
		m.peer = block{}
		return
	}
	before := x.Session
	o := diagnose.Observation{Kind: diagnose.StateSeen, Phase: diagnose.Phase1, Peer: b.peer, Role: b.role, Detail: b.state, Evidence: b.at,
		Session: x.Fresh("shown/" + strconv.Itoa(b.at.Line)).ID()}
	x.Session = before
	for _, w := range waits {
		if w.state == b.state {
			o.Role = w.role
		}
	}
	if b.state == "MM_ACTIVE" || b.state == "AM_ACTIVE" {
		o.Kind, o.Detail = diagnose.Phase1Up, ""
	}
	x.TellApart(o)
}
