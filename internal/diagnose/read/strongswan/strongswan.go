// Package strongswan reads what charon prints, strongSwan's daemon: its log in a
// file or in syslog, what `swanctl --initiate` and `ipsec up` show of it, and
// the tables of `swanctl --list-sas` and `ipsec statusall`. Gateways that are
// charon underneath print the same: VyOS, pfSense and OPNsense, and the VPN
// gateways of Alibaba Cloud among them.
//
// A line belongs to an SA by the number in its prefix ("<peer|3>"); where the log
// has none, by the thread that wrote it, which handles one packet at a time.
// IKEv2 is read as far as its faults are those of IKEv1.
//
// It must know no file and no clock. The files: strongswan.go (lines and SAs),
// phrases.go, message.go (the messages of the exchanges), proposal.go (what two
// proposals differ in), config.go, keys.go and status.go.
package strongswan

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is strongSwan's charon.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "strongSwan",
		Marks:   []string{"charon", "strongswan", "swanctl", "[IKE]", "[NET]", "[ENC]", "[CFG]", "[KNL]", "[CHD]", "[MGR]", "[DMN]", "[IKE1]", "[NET1]", "[ENC1]", "[CFG1]", "[KNL1]", "ipsec_starter"},
		Phrases: read.Join(exchanges, loaded, phase1, implied, proposals, keys, phase2, life, local, remoteAccess, certificates, status, quiet),
		New:     func() any { return &memory{threads: make(map[string]string)} },
		Begin:   begin,
		Rest:    rest,
		End:     end,
	}
}

// memory is what is remembered of a log.
type memory struct {
	threads map[string]string // a thread -> the key of the session that it handles
	thread  string            // of the line
	named   bool              // the line's prefix names the SA
	peer    netip.Addr        // of the last packet
	local   netip.Addr
	restart int // how often the daemon was started
	// resent is a session whose message was sent again: what gives up later
	// without saying whom is that one.
	resent  string
	notify  string                             // the error that the last message told, of no known session
	awaited func(*read.Context, *read.Session) // waits for the packet that says whose it is
	packets bool                               // the log has lines of packets
	lists   []string                           // lists of proposals that stand on lines of their own
	table   *row
	rows    int  // tunnels of tables
	limited bool // the kernel has no memory
	// noAddress says that a client was given none.
	noAddress         bool
	xauth, aggressive bool   // a connection that was loaded has it
	seeks             string // the ends of the message that a connection is looked for
	seeksV2           bool   // and that it is of IKEv2
	otherVersion      bool   // there is one of the other version
	group             bool   // the last offer for phase 2 had a group
	method            int    // the line that said that the peer's method is another one
	side              string // the next line is a network of this end, or of the other
}

// maxThreads bounds the memory of threads; charon has some dozens.
const maxThreads = 256

func of(x *read.Context) *memory { return x.Memory.(*memory) }

// sa is what is remembered of an SA beyond what every session has.
type sa struct {
	name           string // the session's key
	v2, aggressive bool
	floated        bool
	notify         string // the error that the last message told
	undecryptable  bool   // told for the message at hand
	inClear        bool   // the message at hand came in clear, and is not taken
	unproved       bool   // this end has nothing to prove itself with
	received       string // lists of proposals
	configured     string
	offer          diagnose.Evidence
	pair           string // of the quick mode at hand
	quick          int    // messages of it
	quickSent      bool   // the last of them was ours
	group          bool   // the offer of it had a group
	key            *diagnose.Observation
	keyAt          int               // messages until then
	deleting       bool              // the peer has deleted it
	last           diagnose.Evidence // the last message
	wanted         string            // the identity that a connection is looked for by
	near           string            // the network that this end asks for
	parsed         bool              // the log has the messages of phase 1
	asks           bool              // this end has asked for an address
	homeless       bool              // and has got none
	taken          bool              // the peer takes its tunnel down
	matches        int               // networks of the quick mode at hand that fit
}

func stateOf(s *read.Session) *sa {
	if s.Memory == nil {
		s.Memory = &sa{}
	}
	return s.Memory.(*sa)
}

// begin reads the prefix "13[IKE] <peer|3>".
func begin(x *read.Context) {
	m := of(x)
	x.Block = false
	thread, id := prefix(x.Text)
	m.named = id != ""
	if m.awaited != nil && !m.packets && !bytes.Contains(x.Text, []byte("sending packet:")) {
		m.resolve(x)
	}
	if thread != "" && len(m.threads) > maxThreads {
		clear(m.threads)
	}
	m.thread = thread
	if m.named {
		key := m.number(id)
		m.use(x, key)
		return
	}
	if thread == "" {
		return // the last session goes on
	}
	if key, ok := m.threads[thread]; ok {
		if s := x.Known(key); s != nil {
			x.Session = s
		}
	}
}

// use makes the session with a key the one of the line and of its thread.
func (m *memory) use(x *read.Context, key string) *read.Session {
	s := x.Use(key)
	m.bind(s, key)
	return s
}

// fresh is use with a session that has no past.
func (m *memory) fresh(x *read.Context, key string) *read.Session {
	s := x.Fresh(key)
	m.bind(s, key)
	return s
}

func (m *memory) bind(s *read.Session, key string) {
	stateOf(s).name = key
	if m.thread != "" {
		m.threads[m.thread] = key
	}
}

// number is the key of the SA with a number: the numbers begin anew with the
// daemon.
func (m *memory) number(id string) string { return strconv.Itoa(m.restart) + "/" + id }

// prefix finds the thread and the number of the SA that a line bears.
func prefix(text []byte) (thread, id string) {
	at, end := 0, 0
	for {
		open := bytes.IndexByte(text[at:], '[')
		if open < 0 {
			return "", ""
		}
		at += open
		if end = at + 4; len(text) > end+1 && isDigit(text[end]) {
			end++ // with log_level = yes, the level
		}
		if len(text) > end && text[end] == ']' && isGroup(text[at+1:at+4]) {
			break
		}
		at++
	}
	if at >= 2 && isDigit(text[at-1]) && isDigit(text[at-2]) {
		thread = string(text[at-2 : at])
	}
	rest := bytes.TrimLeft(text[end+1:], " ")
	if len(rest) == 0 || rest[0] != '<' {
		return thread, ""
	}
	end = bytes.IndexByte(rest, '>')
	if end < 0 {
		return thread, ""
	}
	name := rest[1:end]
	if bar := bytes.LastIndexByte(name, '|'); bar >= 0 {
		name = name[bar+1:]
	}
	if len(name) == 0 || len(name) > 10 {
		return thread, ""
	}
	for _, c := range name {
		if !isDigit(c) {
			return thread, ""
		}
	}
	return thread, string(name)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isGroup says whether a word is the name of one of charon's subsystems.
func isGroup(w []byte) bool {
	switch string(w) {
	case "IKE", "NET", "ENC", "CFG", "KNL", "CHD", "MGR", "DMN", "JOB", "LIB", "ASN", "TNC", "ESP", "TLS", "APP", "IMC", "IMV", "PTS":
		return true
	}
	return false
}

// unique reads the number behind a connection's name: "peer[3]".
func unique(name string) string {
	open := strings.LastIndexByte(name, '[')
	if open < 0 || !strings.HasSuffix(name, "]") {
		return ""
	}
	return name[open+1 : len(name)-1]
}

// started is the daemon's first line: it knows no SA.
func started(x *read.Context, _ *read.Match) {
	m := of(x)
	m.restart++
	clear(m.threads)
	m.resent, m.awaited, x.Session = "", nil, nil
	x.TellApart(diagnose.Observation{Kind: diagnose.Started})
}

// packet is "received packet: from A[500] to B[500]": the lines of this thread
// are about its sender from here on.
func packet(x *read.Context, hit *read.Match) {
	peer, local := hit.Addr("from"), hit.Addr("to")
	m := of(x)
	m.peer, m.local, m.packets = peer, local, true
	if !m.named {
		x.Session = nil
		if s := x.Find(func(s *read.Session) bool { return s.Peer == peer && peer.IsValid() }); s != nil {
			m.use(x, stateOf(s).name)
		} else if m.thread != "" {
			delete(m.threads, m.thread)
		}
	}
	if s := x.Session; s != nil {
		x.SetPeer(s, peer, local)
		stateOf(s).notify, stateOf(s).undecryptable = "", false
		if strings.HasSuffix(hit.Hole("to"), "[4500]") {
			floated(x, s)
		}
	}
}

// sending is "sending packet: from A[500] to B[500]".
func sending(x *read.Context, hit *read.Match) {
	local, peer := hit.Addr("from"), hit.Addr("to")
	m := of(x)
	m.packets = true
	s := x.Session
	if !m.named && (s == nil || s.Peer.IsValid() && peer.IsValid() && s.Peer != peer) {
		s = x.Find(func(s *read.Session) bool { return s.Peer == peer && peer.IsValid() })
		x.Session = s
	}
	if s != nil {
		x.SetPeer(s, peer, local)
		if strings.HasSuffix(hit.Hole("from"), "[4500]") || strings.HasSuffix(hit.Hole("to"), "[4500]") {
			floated(x, s)
		}
	}
	if told := m.awaited; told != nil {
		m.awaited = nil
		told(x, s)
	}
}

// resolve tells what has waited for the line of its packet, which does not come: it
// is of the negotiation that this end has begun last.
func (m *memory) resolve(x *read.Context) {
	told := m.awaited
	m.awaited = nil
	if m.packets {
		told(x, nil)
		return
	}
	told(x, x.Find(func(s *read.Session) bool { return s.Role == diagnose.Initiator && !s.Up }))
}

// floated is the first message on UDP 4500.
func floated(x *read.Context, s *read.Session) {
	if st := stateOf(s); !st.floated {
		st.floated = true
		x.Tell(diagnose.Observation{Kind: diagnose.PortsFloated, Phase: diagnose.Phase1})
	}
}

// end tells what was held back for what might have come.
func end(x *read.Context) {
	m := of(x)
	if m.awaited != nil {
		m.resolve(x)
	}
	m.finishTable(x)
	x.Find(func(s *read.Session) bool {
		unfinished(x, s)
		return false
	})
}

// unfinished tells that nothing more came of a negotiation, as far as the log
// goes.
func unfinished(x *read.Context, s *read.Session) {
	if s.Up {
		return
	}
	x.Session = s
	st := stateOf(s)
	if st.key != nil && st.keyAt == s.Sent+s.Received {
		missing(x) // no other search has found one
	}
	if s.Sent+s.Received < 2 {
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: s.Sent, Detail: diagnose.LogEnds, Evidence: st.last})
}
