package ike

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// elsewhere are states to which messages lead that a login may follow, or for which
// the server has two uses.
var elsewhere = map[string][]trace.State{
	"aggressive mode 3":       {trace.StateXAUTHRequestSent},
	"main mode 6, signed":     {trace.StateP1Complete},
	"aggressive mode 2":       {trace.StateIAM1}, // while a signature is looked at
	"XAUTH acknowledgement":   {trace.StateConfigAAAAwait},
	"XAUTH request, or a set": {trace.StateP1Complete},
}

// Every row runs in a tunnel's life, and leads where it says.
func TestEveryRowIsReachedAndLeadsWhereItSays(t *testing.T) {
	reached := make([]bool, len(rows))
	saved := slices.Clone(rows)
	t.Cleanup(func() { copy(rows, saved) })
	for i := range rows {
		do := rows[i].do
		rows[i].do = func(m *message) {
			reached[i] = true
			do(m)
			got := m.s.state
			if rows[i].exchange == isakmp.ExchangeQuick {
				got = m.n.state
			}
			if got != rows[i].next && !slices.Contains(elsewhere[rows[i].name], got) {
				t.Errorf("%s leads to %s, the row says %s", rows[i].name, got, rows[i].next)
			}
		}
	}
	for _, mode := range []func(hub, spoke *Config){withPFS, withAggressive} {
		p := upWith(t, mode)
		p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
		p.settle()
	}
	newSignedPair(t, isakmp.AuthRSASig, "rsa", nil).connect()
	newSignedPair(t, isakmp.AuthRSASig, "rsa", aggressively).connect()
	nonces := newPair(t, withNonces)
	nonces.connect()
	nonces.advance(time.Second)
	newRemote(t, nil).connect()
	newRemote(t, func(hub, _ *Config) { hub.Connections[0].Clients = &Clients{Authentication: "USERS", Initiate: true} }).connect()
	for i, r := range rows {
		if !reached[i] {
			t.Errorf("%s is never reached", r.name)
		}
	}
}

// No two rows expect the same message in the same place.
func TestRowsAreUnambiguous(t *testing.T) {
	for i, a := range rows {
		for _, b := range rows[i+1:] {
			if a.exchange == b.exchange && a.role == b.role && a.state == b.state && a.auth == b.auth {
				t.Errorf("%s and %s are alike", a.name, b.name)
			}
		}
		for _, x := range a.need {
			if slices.Contains(a.may, x) {
				t.Errorf("%s both must and may have %s", a.name, x)
			}
		}
	}
}

// fingerprint is all of an engine that a dropped message must leave alone.
func (e *Engine) fingerprint() string {
	var b strings.Builder
	for _, s := range e.sorted() {
		fmt.Fprintf(&b, "SA %d %s %s iv=%x in=%x dead=%v attempts=%d retry=%v life=%v from %v to %v natt=%v\n", s.id, s.state, s.show, s.iv.Bytes(),
			s.lastIn, s.dead, s.attempts, s.retry.at, s.life.at, s.local, s.remote, s.natt)
		for _, n := range s.sortedNodes() {
			fmt.Fprintf(&b, " node %x %s iv=%x in=%x done=%v attempts=%d\n", n.id, n.state, n.iv.Bytes(), n.lastIn, n.done, n.attempts)
		}
	}
	for _, c := range e.sortedChildren() {
		fmt.Fprintf(&b, "IPsec %08x %08x ready=%v\n", c.in.spi, c.out.spi, c.ready)
	}
	fmt.Fprintf(&b, "%d timers, %d half-open, %d peers, %d questions", e.timers.count, e.halfOpen.count, len(e.peers), len(e.questions))
	return b.String()
}

// dropsAll is the number of datagrams that a side has dropped.
func (s *side) dropsAll() (n uint64) {
	stats := s.engine.Statistics()
	for _, x := range stats.Dropped {
		n += x
	}
	return n
}

// frozen is a pair after n datagrams of its tunnel.
func frozen(t testing.TB, n int) *pair { return frozenIn(t, withPFS, n) }

func frozenIn(t testing.TB, change func(hub, spoke *Config), n int) *pair {
	p := newPair(t, change)
	p.lose = func(i int, _ Datagram) bool { return i > n }
	p.connect()
	p.lose = nil
	return p
}

// capture is the datagrams of one tunnel.
func capture(t testing.TB) []Datagram { return captureOf(t, withPFS) }

func captureOf(t testing.TB, change func(hub, spoke *Config)) []Datagram {
	var all []Datagram
	p := newPair(t, change)
	p.spoke = newSide("spoke", p.spoke.engine.cfg, 99)
	p.lose = func(_ int, d Datagram) bool {
		all = append(all, copied(d))
		return false
	}
	p.connect()
	return all
}

var everyExchange = []isakmp.ExchangeType{isakmp.ExchangeNone, isakmp.ExchangeBase, isakmp.ExchangeIdentity, isakmp.ExchangeAuthOnly,
	isakmp.ExchangeAggressive, isakmp.ExchangeInformational, isakmp.ExchangeTransaction, isakmp.ExchangeQuick, isakmp.ExchangeNewGroup, 200}

// In every state of both roles, every message of every exchange that no row
// expects is dropped, counted once, and changes nothing.
func TestWhatNoRowExpectsIsDropped(t *testing.T) {
	whatNoRowExpects(t, withPFS, capture(t), tunnelDatagrams)
}

func TestWhatNoRowOfAggressiveModeExpectsIsDropped(t *testing.T) {
	whatNoRowExpects(t, aggressivePFS, capture(t), aggressiveDatagrams)
}

func whatNoRowExpects(t *testing.T, change func(hub, spoke *Config), foreign []Datagram, datagrams int) {
	for n := 0; n <= datagrams; n++ {
		p := frozenIn(t, change, n)
		for _, s := range []*side{p.hub, p.spoke} {
			if len(s.engine.sorted()) == 0 {
				continue
			}
			for _, d := range foreign {
				for _, x := range everyExchange {
					for _, encrypted := range []bool{false, true} {
						for _, id := range []uint32{0, 0x01020304} {
							p.offer(s, n, d, x, encrypted, id)
						}
					}
				}
			}
		}
	}
}

// offer hands a side another tunnel's message as one of its newest SA's, unless
// that is what a row expects in clear.
func (p *pair) offer(s *side, after int, d Datagram, x isakmp.ExchangeType, encrypted bool, id uint32) {
	p.t.Helper()
	sa := s.newest()
	data := slices.Clone(d.Data)
	copy(data, sa.cookieI[:])
	copy(data[8:], sa.cookieR[:])
	data[18], data[19] = byte(x), 0
	if encrypted {
		data[19] = isakmp.FlagEncryption
	}
	binary.BigEndian.PutUint32(data[20:], id)
	expected := rowFor(x, sa.role, sa.suite.Auth, sa.state)
	if expected != nil && id == 0 && (expected.encrypted == eitherWay || expected.encrypted == plain && !encrypted) {
		return
	}
	if sa.cookieR.IsZero() && x == isakmp.ExchangeIdentity && !encrypted && id == 0 {
		return // it opens an SA of its own
	}
	before, drops, out := s.engine.fingerprint(), s.dropsAll(), s.engine.Statistics().DatagramsOut
	p.do(s, func(e *Engine, fx *Effects) { e.Datagram(p.now, sa.local, sa.remote, data, fx) })
	name := fmt.Sprintf("%s after message %d (%s): %s encrypted=%v id=%x", s.name, after, sa.state, x, encrypted, id)
	if got := s.engine.fingerprint(); got != before {
		p.t.Fatalf("%s changes\n%s\nto\n%s", name, before, got)
	}
	if got := s.dropsAll() - drops; got != 1 {
		p.t.Fatalf("%s is counted %d times", name, got)
	}
	if got := s.engine.Statistics().DatagramsOut - out; got != 0 {
		p.t.Fatalf("%s is answered", name)
	}
}

func TestExchangesAreDocumented(t *testing.T) {
	const file = "../../docs/exchanges.md"
	got := exchangesDocument()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current; run go test ./internal/ike -update (-file +rows):\n%s", file, diff)
	}
}

func exchangesDocument() string {
	var b strings.Builder
	b.WriteString(`# Exchanges

These are the messages that the engine understands. The table is made of the rows that drive it (` + "`internal/ike/table.go`" + `);
` + "`go test ./internal/ike -update`" + ` writes it anew. A message that no row expects in its SA's state is dropped with a counted
reason, and changes nothing; so is one with a payload that its row does not list, or without one that it must have. Payloads
of types that are not known are ignored.

| Message | Receiver | Expected in | Encrypted | Must have | May have | Leads to |
|---|---|---|---|---|---|---|
`)
	for _, r := range rows {
		role := map[trace.Role]string{trace.RoleInitiator: "initiator", trace.RoleResponder: "responder"}[r.role]
		if r.exchange == isakmp.ExchangeInformational {
			role = "both"
		}
		name := r.name
		if r.auth != 0 && !signs(r.auth) {
			name += ", " + r.auth.String()
		}
		encryption := map[cover]string{plain: "no", sealed: "yes", eitherWay: "either way"}[r.encrypted]
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | %s | `%s` |\n", name, role, r.state, encryption, payloadList(r.need), payloadList(r.may), r.next)
	}
	return b.String()
}

func payloadList(list []isakmp.PayloadType) string {
	var names []string
	for _, t := range list {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}
