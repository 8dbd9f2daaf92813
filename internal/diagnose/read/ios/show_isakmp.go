package ios

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// showISAKMP are the rows of `show crypto isakmp sa`.
var showISAKMP = []read.Phrase{
	does("dst src state {conn-id|connid}", func(x *read.Context, _ *read.Match) {
		t := &remember(x).tables
		t.isakmp(x)
		t.headed = x.Quote()
	}),
	does("Crypto ISAKMP SA", func(x *read.Context, _ *read.Match) { remember(x).tables.isakmp(x) }),
	does("MM_NO_STATE {}", isakmpRow), does("MM_SA_SETUP {}", isakmpRow), does("MM_KEY_EXCH {}", isakmpRow), does("MM_KEY_AUTH {}", isakmpRow),
	does("AG_NO_STATE {}", isakmpRow), does("AG_INIT_EXCH {}", isakmpRow), does("AG_AUTH {}", isakmpRow), does("QM_IDLE {}", isakmpRow),
	does("CONF_XAUTH {}", isakmpRow), does("OAK_QM {}", isakmpRow),
	does("crypto {isakmp|ike} {policy|key|enable}", func(x *read.Context, _ *read.Match) {}),
}

// isakmpRow is a row; a debug line has the words of a state too.
func isakmpRow(x *read.Context, _ *read.Match) {
	f := strings.Fields(string(x.Text))
	if len(f) > 0 && (f[0] == "-" || strings.TrimRight(f[0], "0123456789.") == "" && !strings.Contains(strings.TrimRight(f[0], "."), ".")) {
		f = f[1:] // the mark or the number of a list
	}
	if len(f) < 4 {
		return
	}
	dst, src := read.Addr(f[0]), read.Addr(f[1])
	if _, err := strconv.Atoi(f[3]); err != nil || !dst.IsValid() && !standIn(f[0]) || !src.IsValid() && !standIn(f[1]) {
		return
	}
	t := &remember(x).tables
	if len(t.rows) == maxRows+maxRows/4 {
		t.rows = slices.Delete(t.rows, 0, maxRows/4)
	}
	t.rows = append(t.rows, row{dst: dst, src: src, state: f[2], conn: f[3], dead: strings.Contains(string(x.Text), "(deleted)"), at: x.Quote(), look: t.looks})
}

// standIn says whether a word is what people put in the place of an address.
func standIn(s string) bool {
	return strings.ContainsAny(s, ".") && !strings.ContainsAny(s, "=:(){}") || strings.EqualFold(s, "peer") || strings.EqualFold(s, "local")
}

// row is an ISAKMP SA in a table.
type row struct {
	dst, src netip.Addr
	state    string
	conn     string
	dead     bool
	at       diagnose.Evidence
	look     int // the table that it is of
}

// maxRows are the rows that are kept of all tables, at least.
const maxRows = 512

func (t *tables) isakmp(x *read.Context) { t.looks++ }

// keyed is what the numbers of SAs with keys lie above: one without has 0. What is
// deleted stands as MM_NO_STATE in a table, however far it came.
const keyed = 1000

// tell says what the rows show, when all that tells which end is this one was
// read.
func (r *row) tell(x *read.Context, m *memory, rows []row) {
	peer, local, role := r.dst, r.src, diagnose.Initiator
	if m.isHere(r.dst, r.src, rows) {
		peer, local, role = r.src, r.dst, diagnose.Responder
	}
	state := r.state
	if n, _ := strconv.Atoi(r.conn); r.dead && state == "MM_NO_STATE" && n > keyed {
		state = diagnose.DeletedWithKeys
	}
	o := diagnose.Observation{Kind: diagnose.StateSeen, Peer: peer, Local: local, Role: role, Phase: diagnose.Phase1, Detail: state, Evidence: r.at,
		Session: x.Fresh("row/" + strconv.Itoa(r.at.Line)).ID()}
	if r.dead {
		o.Attr = "deleted"
	}
	x.TellApart(o)
	if state == "QM_IDLE" && !r.dead {
		o.Kind, o.Detail = diagnose.Phase1Up, ""
		x.TellApart(o)
	}
}

// replaced says whether an SA between the two ends of a row that is deleted is up in the
// same table: it has taken the other's place.
func (t *tables) replaced(dead *row) bool {
	return slices.ContainsFunc(t.rows, func(r row) bool {
		return r.state == "QM_IDLE" && !r.dead && r.look == dead.look && (r.dst == dead.dst && r.src == dead.src || r.dst == dead.src && r.src == dead.dst)
	})
}

// isHere says whether the responder of a row is this router: its address is
// known as one of it, or the initiator's as one of a peer, or it is in all rows.
func (m *memory) isHere(dst, src netip.Addr, rows []row) bool {
	switch {
	case m.here[dst] != m.here[src]:
		return m.here[dst]
	case m.there[dst] != m.there[src]:
		return m.there[src]
	}
	inAll := func(a netip.Addr) bool {
		for _, r := range rows {
			if r.dst != a && r.src != a {
				return false
			}
		}
		return true
	}
	return inAll(dst) && !inAll(src)
}
