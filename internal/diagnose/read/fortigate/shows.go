package fortigate

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// shows are the tables of `diagnose vpn ike gateway list` and `diagnose vpn tunnel
// list`, and what `diagnose debug flow` says of packets for a tunnel.
var shows = []read.Phrase{
	{Text: ":500 -> {peer}:500", Do: func(x *read.Context, hit *read.Match) { of(x).row = row{peer: hit.Addr("peer")} }},
	{Text: ":4500 -> {peer}:4500", Do: func(x *read.Context, hit *read.Match) { of(x).row = row{peer: hit.Addr("peer"), udp: true} }},
	{Text: "id/spi: {n} {cookies}", Do: func(x *read.Context, hit *read.Match) {
		_, theirs, ok := strings.Cut(hit.Hole("cookies"), "/")
		of(x).row.silent = ok && strings.Trim(theirs, "0") == ""
	}},
	{Text: "direction: initiator", Do: func(x *read.Context, _ *read.Match) { of(x).row.role = diagnose.Initiator }},
	{Text: "direction: responder", Do: func(x *read.Context, _ *read.Match) { of(x).row.role = diagnose.Responder }},
	{Text: "status: connecting, state {n}", Do: connecting},
	{Text: "status: established {rest}", Do: func(x *read.Context, _ *read.Match) { of(x).row.tell(x, "QM_IDLE") }},
	{Text: " serial={n} {local}->{peer} ", Do: func(x *read.Context, hit *read.Match) { of(x).row = row{peer: hit.Addr("peer")} }},
	{Text: "stat: rxp={rx} txp={tx} rxb=", Do: counters},
	{Text: "No matching IPsec selector, drop", Do: func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.NoMatch, Count: 1, Place: "the tunnel's interface"})
	}},
}

// row is a gateway or a tunnel of a table, as far as it was read.
type row struct {
	peer   netip.Addr
	role   diagnose.Role
	silent bool // the peer's cookie is zero
	udp    bool
}

func (r *row) tell(x *read.Context, state string) {
	x.TellApart(diagnose.Observation{Kind: diagnose.StateSeen, Phase: diagnose.Phase1, Peer: r.peer, Role: r.role, Detail: state, Standing: true})
}

// connecting is a negotiation that stands in the table: one that this end has begun,
// and whose answer has not come, tells how far it is.
func connecting(x *read.Context, _ *read.Match) {
	if r := &of(x).row; r.silent && r.role == diagnose.Initiator {
		r.tell(x, "MM_NO_STATE")
	}
}

func counters(x *read.Context, hit *read.Match) {
	m := of(x)
	m.rows++
	o := diagnose.Observation{Phase: diagnose.PhaseData, Peer: m.row.peer, Standing: true, Session: m.rows << 32}
	o.Kind, o.Count = diagnose.Encapsulated, hit.Number("tx")
	in := hit.Number("rx")
	if o.Count+in == 0 {
		return // it may not be up
	}
	x.TellApart(o)
	o.Kind, o.Count = diagnose.Decapsulated, in
	x.TellApart(o)
}
