package ios

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// block is a flow of `show crypto ipsec sa`.
type block struct {
	open                      bool
	here, there               string
	peer, local               netip.Addr
	encaps, decaps            uint64
	counted                   bool
	sendErrors, receiveErrors uint64
	spi                       uint64
	spiKnown                  bool
	at, out, in, errors, end  diagnose.Evidence
	replays                   uint64
}

// showIPsec are the lines of `show crypto ipsec sa`.
var showIPsec = read.Join([]read.Phrase{
	does("local ident (addr/mask/prot/port): ({v})", func(x *read.Context, match *read.Match) {
		t := &remember(x).tables
		t.flush(x)
		t.block = block{open: true, here: proxy(match.Hole("v")), at: x.Quote(), local: t.localAddr}
	}),
	does("remote ident (addr/mask/prot/port): ({v})", inBlock(func(b *block, x *read.Context, match *read.Match) { b.there = proxy(match.Hole("v")); b.at = x.Quote() })),
	does("{current_peer|current_peer:} {peer}", inBlock(func(b *block, x *read.Context, match *read.Match) { b.peer = match.Addr("peer") })),
	does("#pkts encaps: {count}, #pkts encrypt: {n}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		b.encaps, b.counted, b.out = match.Number("count"), true, x.Quote()
	})),
	does("#pkts decaps: {count}, #pkts decrypt: {n}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		b.decaps, b.in = match.Number("count"), x.Quote()
	})),
	does("#send errors {count}, #recv errors {n}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		b.sendErrors, b.receiveErrors, b.errors = match.Number("count"), match.Number("n"), x.Quote()
	})),
	does("#send errors: {count}, #recv errors: {n}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		b.sendErrors, b.receiveErrors, b.errors = match.Number("count"), match.Number("n"), x.Quote()
	})),
	does("#pkts replay failed (rcv): {count}", inBlock(func(b *block, x *read.Context, match *read.Match) { b.replays = match.Number("count") })),
	does("local crypto endpt.: {local}, remote crypto endpt.: {peer}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		b.local = match.Addr("local")
		if !b.peer.IsValid() {
			b.peer = match.Addr("peer")
		}
	})),
	does("current outbound spi: {v}", inBlock(func(b *block, x *read.Context, match *read.Match) {
		v := match.Hole("v")
		b.spi, b.spiKnown, b.end = read.Number(v), true, x.Quote()
		if !strings.HasPrefix(v, "0x") {
			b.spi = read.Number("0x" + v)
		}
	})),
	does("Crypto map tag: {place}, {local addr|local addr.} {local}", func(x *read.Context, match *read.Match) {
		m := remember(x)
		m.tables.flush(x)
		m.tables.localAddr = match.Addr("local")
		m.ends(m.tables.localAddr, netip.Addr{})
	}),
}, read.Known("inbound esp sas", "outbound esp sas", "inbound ah sas", "outbound ah sas", "inbound pcp sas", "outbound pcp sas", "in use settings =", "sa timing: remaining key lifetime",
	"replay detection support", "#pkts compressed", "#pkts not compressed", "#pkts not decompressed", "path mtu {}, ip mtu", "PERMIT, flags=", "DENY, flags=", "PFS (Y/N):",
	"protected vrf:", "flow_id:", "IV size:", "Status: ACTIVE"))

// inBlock is a line of a flow, which may lack its beginning.
func inBlock(do func(*block, *read.Context, *read.Match)) func(*read.Context, *read.Match) {
	return func(x *read.Context, match *read.Match) {
		b := &remember(x).tables.block
		if !b.open {
			*b = block{open: true, at: x.Quote(), local: remember(x).tables.localAddr}
		}
		do(b, x, match)
	}
}

// flush tells what the flow's lines said.
func (t *tables) flush(x *read.Context) {
	b := t.block
	t.block = block{}
	if !b.open || !b.counted && !b.spiKnown {
		return
	}
	m := remember(x)
	m.ends(b.local, b.peer)
	before := x.Session
	x.Session = nil
	defer func() { x.Session = before }()
	o := diagnose.Observation{Peer: b.peer, Local: b.local, Phase: diagnose.PhaseData, Session: x.Fresh("flow/" + b.here + b.there + b.peer.String()).ID()}
	x.Session = nil
	if b.here != "" && b.there != "" {
		o.Pair = b.here + " - " + b.there
	}
	tell := func(kind diagnose.Kind, n uint64, e diagnose.Evidence, detail string) {
		p := o
		p.Kind, p.Count, p.Evidence, p.Detail = kind, n, e, detail
		x.TellApart(p)
	}
	if b.spiKnown && b.spi == 0 {
		e := b.errors
		if e.Text == "" || b.sendErrors == 0 {
			e = b.end
		}
		tell(diagnose.FlowDown, b.sendErrors, e, "")
		if b.there != "" {
			tell(diagnose.FlowListed, 0, b.at, "")
		}
		return
	}
	tell(diagnose.Encapsulated, b.encaps, b.out, "")
	tell(diagnose.Decapsulated, b.decaps, b.in, "")
	if b.replays > 0 {
		tell(diagnose.ReplaySeen, b.replays, b.errors, "")
	}
	if b.receiveErrors > 0 {
		tell(diagnose.DataDropped, b.receiveErrors, b.errors, "receive errors")
	}
	if b.sendErrors > 0 {
		tell(diagnose.DataDropped, b.sendErrors, b.errors, "send errors")
	}
}
