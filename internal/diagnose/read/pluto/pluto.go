// Package pluto reads what the pluto daemons print: those of FreeS/WAN, Openswan,
// libreswan and strongSwan 4, in syslog, in a file of their own, as `whack` and
// `ipsec auto --up` show it, and the rows of `ipsec auto --status`. Gateways that
// are pluto underneath print the same, VyOS's first releases and the VPN gateways
// of Oracle Cloud among them.
//
// A line belongs to a state by its number ("#3"): one of phase 1, or a quick mode
// under one. The name of the connection stands in for the peer until a line
// names its address.
//
// It must know no file and no clock. The files: pluto.go (lines and states),
// phase1.go, keys.go, phase2.go, more.go and status.go.
package pluto

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is pluto, whosever.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "pluto",
		Marks:   []string{"pluto", "libreswan", "openswan", "VPN-IPSEC:", "STATE_MAIN_", "STATE_QUICK_", "STATE_AGGR_", "ISAKMP_v2_", "v2N_", "computed hash does not match"},
		Phrases: read.Join(exchange, offers, keys, notifies, quick, life, local, remoteAccess, certificates, status, quiet),
		New:     func() any { return &memory{states: make(map[string]*state), peers: make(map[string]netip.Addr)} },
		Begin:   begin,
		End:     end,
	}
}

// memory is what is remembered of a log.
type memory struct {
	states  map[string]*state     // by number
	peers   map[string]netip.Addr // by the connection's name
	order   []string              // numbers, the oldest first
	restart int
	now     *state // that of the line; nil for none
	name    string // the connection of the line
	from    netip.Addr
	rows    uint64             // of tables
	noKey   int                // the line that said that a secret is missing
	v1, v2  int                // connections of IKEv1 and IKEv2 that were added
	wrong   bool               // the connection that would fit is for another version
	closing bool               // the daemon is being stopped
	ended   string             // the connection that an operator takes down
	early   bool               // a certificate that was loaded is not valid yet
	refused *diagnose.Evidence // the last transform of quick mode that was refused
}

// state is one of pluto's: its number is the same as long as the daemon runs.
type state struct {
	number, name string
	session      string // key of the session
	quick        bool   // a quick mode, which is under another state
	message      int    // of quick mode
	pair         string
	up           bool
	aggressive   bool
	xauth        bool
	last         diagnose.Evidence
	unread       bool // a message of it could not be decrypted
	signs        bool // certificates prove the ends
	read         bool // the identity could be read
}

// maxStates bounds what is remembered.
const maxStates = 512

func of(x *read.Context) *memory { return x.Memory.(*memory) }

// begin reads the prefix `"name"[2] 192.0.2.1 #3:` or "packet from 192.0.2.1:500:".
func begin(x *read.Context) {
	m := of(x)
	p := prefix(x.Text)
	m.now, m.from = nil, netip.Addr{}
	if p.name != "" {
		m.name = p.name
		if !p.addr.IsValid() {
			p.addr = m.peers[p.name]
		}
		if !p.addr.IsValid() {
			p.addr = addressIn(p.name)
		}
	}
	switch {
	case p.number != "":
		st := m.state(p.number, p.name)
		m.now = st
		s := x.Use(st.session)
		x.Session = s
		x.SetPeer(s, p.addr, netip.Addr{})
		if p.name != "" && s.Peer.IsValid() {
			m.learn(x, p.name, s.Peer)
		}
	case p.packet:
		m.from = p.addr
		x.Session = nil
		m.now = nil
	case p.name != "":
		x.Session = nil
	}
}

// learn keeps the address of a connection's peer.
func (m *memory) learn(x *read.Context, name string, peer netip.Addr) {
	if m.peers[name] == peer || len(m.peers) >= maxStates {
		return
	}
	m.peers[name] = peer
	for _, st := range m.states {
		if st.name == name {
			x.SetPeer(x.Known(st.session), peer, netip.Addr{})
		}
	}
}

func (m *memory) state(number, name string) *state {
	st := m.states[number]
	if st != nil {
		return st
	}
	if len(m.order) >= maxStates {
		delete(m.states, m.order[0])
		m.order = m.order[1:]
	}
	st = &state{number: number, name: name, session: strconv.Itoa(m.restart) + "#" + number}
	m.states[number] = st
	m.order = append(m.order, number)
	return st
}

// under makes a state a quick mode of a session.
func (m *memory) under(x *read.Context, st *state, parent string) {
	st.quick = true
	key := strconv.Itoa(m.restart) + "#" + parent
	if parent == "" {
		key = m.parentOf(st)
	}
	if key == "" || key == st.session {
		return
	}
	st.session = key
	x.Use(key)
}

// parentOf is the session of the last state of phase 1 of the same connection.
func (m *memory) parentOf(st *state) string {
	for i := len(m.order) - 1; i >= 0; i-- {
		p := m.states[m.order[i]]
		if p != st && !p.quick && (p.name == st.name || st.name == "") {
			return p.session
		}
	}
	for i := len(m.order) - 1; i >= 0; i-- { // the connection was switched
		if p := m.states[m.order[i]]; p != st && !p.quick && p.up {
			return p.session
		}
	}
	return ""
}

// head is what a line's prefix says.
type head struct {
	name, number string
	addr         netip.Addr
	packet       bool
}

func prefix(text []byte) (h head) {
	if at := bytes.Index(text, []byte("packet from ")); at >= 0 {
		word, _, _ := bytes.Cut(text[at+len("packet from "):], []byte(" "))
		if addr := read.Addr(strings.TrimSuffix(string(word), ":")); addr.IsValid() {
			return head{addr: addr, packet: true}
		}
	}
	open := bytes.IndexByte(text, '"')
	if open < 0 {
		return bare(text)
	}
	end := bytes.IndexByte(text[open+1:], '"')
	if end < 0 || end > 100 {
		return h
	}
	rest := text[open+1+end+1:]
	before := bytes.TrimRight(text[:open], " ")
	if n := len(before); n > 0 && before[n-1] == ':' { // `#1: "name"` of a status
		h.number = numberBefore(before[:n-1])
	}
	h.name = string(text[open+1 : open+1+end])
	words := bytes.Fields(rest[:min(len(rest), 160)])
	for _, w := range words {
		switch {
		case w[0] == '[' && bytes.HasSuffix(w, []byte("]")), bytes.Equal(w, []byte("...")):
		case w[0] == '#':
			n := bytes.TrimSuffix(w[1:], []byte(":"))
			if isNumber(n) {
				h.number = string(n)
			}
			return h
		default:
			if !h.addr.IsValid() {
				h.addr = read.Addr(strings.TrimPrefix(strings.TrimSuffix(string(w), ":"), "..."))
			}
			if !h.addr.IsValid() || bytes.HasSuffix(w, []byte(":")) {
				if bytes.HasPrefix(rest, []byte(":")) || !h.addr.IsValid() {
					return h
				}
			}
		}
	}
	return h
}

// bare is a line that lacks the name, as where it was cut away: "#3: text".
func bare(text []byte) (h head) {
	at := bytes.IndexByte(text, '#')
	if at < 0 {
		return h
	}
	n, _, ok := bytes.Cut(text[at+1:], []byte(":"))
	if ok && isNumber(n) {
		h.number = string(n)
	}
	return h
}

func numberBefore(b []byte) string {
	at := bytes.LastIndexByte(b, '#')
	if at < 0 || !isNumber(b[at+1:]) {
		return ""
	}
	return string(b[at+1:])
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0 && len(b) < 10
}

// addressIn finds the peer's address in the name of a connection, where a
// program has named it after that: "peer-192.0.2.1-tunnel-1".
func addressIn(name string) netip.Addr {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }) {
		if a, err := netip.ParseAddr(word); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// peer says whom a line without a prefix of its own is about.
func (m *memory) peer(x *read.Context, o *diagnose.Observation) {
	if x.Session == nil && m.from.IsValid() {
		o.Peer = m.from
	}
}

// tell adds what is about the line's state or, where it has none, the sender of
// its packet.
func tell(x *read.Context, o diagnose.Observation) {
	m := of(x)
	if m.closing {
		return // what this end's own end brings says nothing
	}
	m.peer(x, &o)
	if o.Name = m.name; m.now != nil && m.now.name != "" {
		o.Name = m.now.name
	}
	if st := m.now; st != nil {
		st.last = x.Quote()
		if o.Phase == diagnose.Phase2 && o.Pair == "" {
			o.Pair = st.pair
		}
	}
	if o.Peer.IsValid() || x.Session != nil && x.Session.Peer.IsValid() {
		o.Name = ""
	}
	x.Tell(o)
}

// says is a phrase that tells by tell.
func says(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, hit *read.Match) { tell(x, x.Fill(hit)) }}
}

// started is the daemon's start: its numbers begin anew.
func started(x *read.Context, _ *read.Match) {
	m := of(x)
	m.restart++
	clear(m.states)
	m.order, m.now, m.closing = nil, nil, false
	x.TellApart(diagnose.Observation{Kind: diagnose.Started})
}

// end tells of the negotiations behind which the log ends.
func end(x *read.Context) {
	m := of(x)
	m.closing = false
	for _, n := range m.order {
		st := m.states[n]
		if st.quick || st.up {
			continue
		}
		s := x.Known(st.session)
		if s == nil || s.Up || s.Sent+s.Received < 2 {
			continue
		}
		x.Session, m.now = s, st
		tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: s.Sent, Detail: diagnose.LogEnds, Evidence: st.last})
	}
}
