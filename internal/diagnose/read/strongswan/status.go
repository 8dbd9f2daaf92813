package strongswan

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// status are the rows of `ipsec statusall` and `swanctl --list-sas`. The counters
// of a tunnel stand before its networks in the one, and behind in the other, so
// that a tunnel is told when its last line has come.
var status = []read.Phrase{
	{Text: "Security Associations ({up} up, {connecting} connecting)", Do: associations},
	{Text: "]: ESTABLISHED {ago}, {local}...{peer}]", Do: rowUp},
	{Text: "]: CONNECTING, {local}...{peer}]", Do: rowConnecting},
	{Text: "}: INSTALLED, {rest}", Do: rowTunnel},
	{Text: "}: {alg}/{auth}, {in} bytes_i", Do: rowCounters},
	{Text: "}: {alg}, {in} bytes_i", Do: rowCounters},
	{Text: ": #{n}, ESTABLISHED, IKEv{version}, {spis}", Do: listUp},
	{Text: ": #{n}, CONNECTING, IKEv{version}, {spis}", Do: listConnecting},
	{Text: ": #{n}, reqid {reqid}, INSTALLED, {rest}", Do: listTunnel},
	{Text: "local '{id}' @ {addr}", Do: listEnd},
	{Text: "remote '{id}' @ {addr}", Do: listEnd},
	{Text: "in {spi}, {bytes} bytes, {packets} packets", Do: listIn},
	{Text: "out {spi}, {bytes} bytes, {packets} packets", Do: listOut},
	{Text: "Status of IKE charon daemon {rest}", Quiet: true},
}

// row is a tunnel of a table, as far as it was read.
type row struct {
	peer, local netip.Addr
	up          bool
	number      uint64
	connecting  string // the state, once the peer is known
	in, out     uint64
	counted     bool
	pair        string
	near        string
	udp         bool
	quote       diagnose.Evidence
}

func associations(x *read.Context, hit *read.Match) {
	if hit.Number("up") == 0 && hit.Number("connecting") == 0 {
		x.TellApart(diagnose.Observation{Kind: diagnose.NothingAsked, Standing: true})
	}
}

func state(x *read.Context, detail string, peer, local netip.Addr) {
	x.TellApart(diagnose.Observation{Kind: diagnose.StateSeen, Phase: diagnose.Phase1, Detail: detail, Peer: peer, Local: local, Standing: true})
}

func (m *memory) begin(x *read.Context, peer, local netip.Addr) {
	m.finishTable(x)
	m.rows++
	m.table = &row{peer: peer, local: local, number: uint64(m.rows)}
	x.Session = nil
}

func rowUp(x *read.Context, hit *read.Match) {
	peer, _ := ends(hit.Hole("peer"))
	local, _ := ends(hit.Hole("local"))
	of(x).begin(x, read.Addr(peer), read.Addr(local))
	state(x, "QM_IDLE", read.Addr(peer), read.Addr(local))
}

func rowConnecting(x *read.Context, hit *read.Match) {
	peer, _ := ends(hit.Hole("peer"))
	local, _ := ends(hit.Hole("local"))
	of(x).begin(x, read.Addr(peer), read.Addr(local))
	state(x, "MM_NO_STATE", read.Addr(peer), read.Addr(local))
}

func rowTunnel(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.table == nil {
		m.begin(x, netip.Addr{}, netip.Addr{})
	}
	if m.table.pair != "" || m.table.counted {
		m.begin(x, m.table.peer, m.table.local)
	}
	m.table.up = true
	m.table.udp = strings.Contains(hit.Hole("rest"), "in UDP")
}

func rowCounters(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.table == nil || !m.table.up {
		return
	}
	line := string(x.Text)
	_, tail, _ := strings.Cut(line, " bytes_i")
	middle, _, _ := strings.Cut(tail, " bytes_o")
	_, out, _ := strings.Cut(middle, ", ")
	if at := strings.LastIndex(middle, ", "); at >= 0 {
		out = middle[at+2:]
	}
	m.table.in = packets(hit.Number("in"), tail)
	_, behind, _ := strings.Cut(tail, " bytes_o")
	m.table.out = packets(read.Number(out), behind)
	m.table.counted, m.table.quote = true, x.Quote()
	x.Block = true
}

// packets reads "(12 pkts, 3s ago)" behind a number of bytes; where it does not
// stand there it is guessed from the bytes.
func packets(bytes uint64, behind string) uint64 {
	if open := strings.TrimLeft(behind, " "); strings.HasPrefix(open, "(") {
		count, _, _ := strings.Cut(open[1:], ")")
		if strings.Contains(count, "pkt") {
			return read.Number(count)
		}
	}
	return (bytes + 83) / 84
}

func listUp(x *read.Context, hit *read.Match) {
	of(x).begin(x, netip.Addr{}, netip.Addr{})
	of(x).table.connecting = "QM_IDLE"
}

func listConnecting(x *read.Context, hit *read.Match) {
	of(x).begin(x, netip.Addr{}, netip.Addr{})
	if strings.Contains(hit.Hole("spis"), "0000000000000000_r") || strings.Contains(string(x.Text), "0000000000000000_r") {
		of(x).table.connecting = "MM_NO_STATE"
	}
}

func listEnd(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.table == nil {
		return
	}
	addr := hit.Addr("addr")
	if strings.HasPrefix(strings.TrimSpace(string(x.Text)), "local") {
		m.table.local = addr
		return
	}
	m.table.peer = addr
	if m.table.connecting != "" {
		state(x, m.table.connecting, addr, m.table.local)
		m.table.connecting = ""
	}
}

func listTunnel(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.table == nil {
		m.begin(x, netip.Addr{}, netip.Addr{})
	}
	if m.table.counted {
		m.begin(x, m.table.peer, m.table.local)
	}
	m.table.up = true
	m.table.udp = strings.Contains(hit.Hole("rest"), "-in-UDP")
}

func listIn(x *read.Context, hit *read.Match) {
	if t := of(x).table; t != nil && t.up {
		t.in, t.counted, t.quote = hit.Number("packets"), true, x.Quote()
	}
}

func listOut(x *read.Context, hit *read.Match) {
	m := of(x)
	if t := m.table; t != nil && t.up {
		t.out, t.counted = hit.Number("packets"), true
		x.Block = true
	}
}

// rest reads the networks that stand on lines of their own.
func rest(x *read.Context) {
	m := of(x)
	fields := strings.Fields(string(x.Text))
	if m.side != "" {
		side := m.side
		m.side = ""
		if len(fields) > 0 {
			m.asking(x, side, strings.TrimSuffix(fields[len(fields)-1], "|/0"))
		}
		return
	}
	if m.table == nil || len(fields) < 2 {
		return
	}
	if at := strings.Index(string(x.Text), " === "); at >= 0 && m.table.up {
		m.table.pair = lastWord(string(x.Text[:at])) + " - " + strings.Fields(string(x.Text[at+5:]) + " ?")[0]
		m.finishTable(x)
		return
	}
	switch fields[0] {
	case "local":
		m.table.near = fields[1]
	case "remote":
		m.table.pair = m.table.near + " - " + fields[1]
		m.finishTable(x)
	}
}

// asking keeps a network that this end asks for.
func (m *memory) asking(x *read.Context, side, network string) {
	s := x.Session
	if s == nil || stateOf(s).quick > 0 && !stateOf(s).quickSent {
		return
	}
	st := stateOf(s)
	if side == "us" {
		st.near = network
	} else if st.near != "" {
		st.pair = st.near + " - " + network
		st.near = ""
	}
}

// finishTable tells the tunnel that was read.
func (m *memory) finishTable(x *read.Context) {
	t := m.table
	if t == nil || !t.up || !t.counted {
		return
	}
	m.table = &row{peer: t.peer, local: t.local, number: t.number}
	o := diagnose.Observation{
		Phase: diagnose.PhaseData, Peer: t.peer, Local: t.local, Pair: t.pair, Standing: true, Session: t.number << 32,
		Evidence: t.quote,
	}
	if t.udp {
		o.Detail = diagnose.OverUDP
	}
	out, in := o, o
	out.Kind, out.Count = diagnose.Encapsulated, t.out
	in.Kind, in.Count = diagnose.Decapsulated, t.in
	x.TellApart(out)
	x.TellApart(in)
}
