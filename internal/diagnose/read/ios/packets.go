package ios

import (
	"bytes"
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// packets are the messages as they go and come.
var packets = read.Join([]read.Phrase{
	does("sending packet to {peer} my_port {local} peer_port {port} ({role}) {rest}", sent),
	does("sending packet to {peer} ({role}) {rest}", sent),
	does("received packet from {peer} dport {dport} sport {sport} {vrf} ({role}) {rest}", received),
	does("received packet from {peer} ({role}) {rest}", received),
	does("beginning {Main|Aggressive} Mode exchange", beginning),
	does("retransmitting phase 1 {state}", retransmitting),
	does("phase 1 packet is a duplicate of a previous packet", duplicate),
	does("Old State = {old} New State = {new}", state),
	does("Created a peer struct for {peer}, peer port {port}", created),
	does("Unknown Input IKE_MESG_FROM_PEER, IKE_INFO_NOTIFY: state = {state}", unreadNotify),
	does("Notify has no hash. Rejected", unreadNotify),
	does("Detected port floating", floated),
	does("NAT found, {rest}", natFound),
	does("hash no match - this node inside NAT", natFound),
	does("crypto_isakmp_process_block: src {peer}, dest {local}", pixPacket),
	does("crypto_isakmp_process_block:src:{peer}, dest:{local} spt:", pixPacket),
}, read.Known(
	"Sending an IKE IPv{4|6} Packet", "Input = IKE_MESG_", "New peer created peer =", "Locking peer struct", "Unlocking peer struct",
	"local port 500, remote port 500", "set new node", "insert sa successfully", "Find a dup sa in the avl tree",
	"Can not start Aggressive mode, trying Main mode", "SA request profile is", "received ke message", "constructed NAT-T vendor",
	"processing vendor id payload", "vendor ID is", "vendor ID seems Unity/DPD", "speaking to another IOS box", "processing SA payload. message ID = 0",
	"processing KE payload", "processing NONCE payload", "processing ID payload", "processing HASH payload", "received payload type",
	"His hash no match - this node outside NAT", "No NAT Found for self or peer", "Send initial contact", "Total payload length",
	"SA is doing", "ID payload", "next-payload :", "Scanning profiles for xauth", "peer matches *none* of the profiles",
	"incrementing error counter on sa", "incrementing error counter on node", "retransmission skipped for phase",
	"retransmitting due to retransmit phase", "SA is still budding", "SKEYID state generated", "IKE_DPD is enabled",
	"purging node", "purging SA", "Trying to insert a peer", "and inserted successfully", "OAK_MM exchange", "OAK_QM exchange", "OAK_AG exchange",
	"return status is IKMP_NO_ERROR", "ISAKMP: Sending phase 1 responder lifetime", "deleting node", "Deleting peer node by peer_reap",
	"Setting UDP ENC peer struct", "Trying to find existing peer", "IKE deleted", "processing NOTIFY INITIAL_CONTACT", "Process initial contact"))

// pending is a message that came: a notify looks like one until it is looked at.
type pending struct {
	o       diagnose.Observation
	session *read.Session
	number  int
	left    int // lines within which it must show what it is
}

// stateMessages are the messages of an exchange by the state that a packet's line
// names: sent by the initiator, received by it, sent by the responder, received.
var stateMessages = map[string][4]int{
	"MM_NO_STATE": {1, 2, 0, 1}, "MM_SA_SETUP": {3, 4, 2, 3}, "MM_KEY_EXCH": {5, 6, 4, 5},
	"AG_NO_STATE": {1, 2, 0, 1}, "AG_INIT_EXCH": {1, 2, 2, 3},
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return strings.TrimRight(word, ".,;)")
}

func sent(x *read.Context, match *read.Match) {
	m := remember(x)
	r, state := role(match.Hole("role")), firstWord(match.Hole("rest"))
	fresh := r == diagnose.Initiator && state == "MM_NO_STATE" && m.half != nil && saOf(m.half).over
	s := m.packet(x, match.Addr("peer"), fresh)
	if s == nil {
		return
	}
	setRole(s, r)
	numbers, ok := stateMessages[state]
	if !ok {
		return
	}
	n := numbers[0]
	if s.Role == diagnose.Responder {
		n = numbers[2]
		if n == 4 && s.Received >= 5 {
			n = 6
		}
	} else if n == 1 && state == "AG_INIT_EXCH" && s.Received >= 2 {
		n = 3
	}
	if n == 0 {
		return
	}
	s.Sent = max(s.Sent, n)
	saOf(s).refused = false
	x.Tell(diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase1, Message: n})
	if match.Hole("port") == "4500" && n == 5 {
		x.Tell(diagnose.Observation{Kind: diagnose.PortsFloated, Phase: diagnose.Phase1, Message: n})
	}
}

func setRole(s *read.Session, r diagnose.Role) {
	if r != diagnose.RoleUnknown {
		s.Role = r
	}
}

func received(x *read.Context, match *read.Match) {
	m := remember(x)
	r, state := role(match.Hole("role")), strings.TrimSpace(match.Hole("rest"))
	isNew := strings.HasPrefix(state, "NEW SA")
	s := m.packet(x, match.Addr("peer"), isNew)
	if s == nil {
		return
	}
	setRole(s, r)
	n := 0
	if numbers, ok := stateMessages[firstWord(state)]; ok {
		if n = numbers[1]; s.Role == diagnose.Responder {
			n = numbers[3]
		}
	}
	if isNew {
		n = 1
	}
	if n > 0 {
		m.pending = &pending{session: s, number: n, left: 12, o: diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase1, Message: n,
			Time: x.Time(), Evidence: x.Quote()}}
	}
}

// unusual are words of the lines that follow a packet that is no step of the
// exchange.
var unusual = [][]byte{[]byte("duplicate of a previous"), []byte("Notify has no hash"), []byte("IKE_INFO_"), []byte("NOTIFY"), []byte("Information"), []byte("not zero on")}

// look decides what a message that came is by the line that follows it.
func (m *memory) look(x *read.Context) {
	p := m.pending
	if p == nil {
		return
	}
	for _, w := range unusual {
		if bytes.Contains(x.Text, w) {
			m.pending = nil
			if bytes.HasPrefix(w, []byte("dup")) {
				m.pending = p
			}
			return
		}
	}
	if bytes.Contains(x.Text, []byte("payload")) && !bytes.Contains(x.Text, []byte("vendor")) || bytes.Contains(x.Text, []byte("New State")) ||
		bytes.Contains(x.Text, []byte("IKE_MM_EXCH")) || bytes.Contains(x.Text, []byte("IKE_AM_EXCH")) || bytes.Contains(x.Text, []byte("sending packet")) ||
		bytes.Contains(x.Text, []byte("received packet")) {
		m.settle(x)
		return
	}
	if p.left--; p.left == 0 {
		m.settle(x)
	}
}

// settle tells of a message that came as what it seems to be.
func (m *memory) settle(x *read.Context) {
	p := m.pending
	if p == nil {
		return
	}
	m.pending = nil
	before := x.Session
	x.Session = p.session
	p.session.Received = max(p.session.Received, p.number)
	x.Tell(p.o)
	x.Session = before
}

func beginning(x *read.Context, _ *read.Match) {
	if x.Session == nil || x.Session.Received > 0 || saOf(x.Session).over {
		m := remember(x)
		m.half = x.Fresh("0/?")
	}
	setRole(x.Session, diagnose.Initiator)
}

// lastMessage is the one that is repeated in a state.
func lastMessage(s *read.Session, state string) int {
	numbers := stateMessages[state]
	if s != nil && s.Role == diagnose.Responder {
		return max(numbers[2], 2)
	}
	return max(numbers[0], 1)
}

func retransmitting(x *read.Context, match *read.Match) {
	state := firstWord(match.Hole("state"))
	if state == "MM_NO_STATE" && x.Session != nil && x.Session.Role == diagnose.RoleUnknown {
		x.Session.Role = diagnose.Initiator
	}
	if x.Session == nil {
		remember(x).half = x.Fresh("0/?")
	}
	dots := strings.HasSuffix(match.Hole("state"), "...")
	memory := saOf(x.Session)
	if memory.dots = memory.dots || dots; dots != memory.dots {
		return // IOS says it twice, before and after it counts
	}
	n := 0
	if _, ok := stateMessages[state]; ok {
		n = lastMessage(x.Session, state)
	} else {
		n = max(1, x.Session.Sent)
	}
	x.Tell(diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: n})
}

func duplicate(x *read.Context, _ *read.Match) {
	m := remember(x)
	n := 0
	if m.pending != nil {
		n, x.Session, m.pending = m.pending.number, m.pending.session, nil
	}
	if x.Session != nil && x.Session.Received > 0 {
		n = x.Session.Received // the state's next message is not the one that comes again
	}
	if n > 0 {
		x.Tell(diagnose.Observation{Kind: diagnose.DuplicateSeen, Phase: diagnose.Phase1, Message: n})
	}
}

// steps are the messages that a new state stands for, and which way they went.
var steps = map[string]struct {
	kind    diagnose.Kind
	message int
	role    diagnose.Role
}{
	"IKE_I_MM1": {diagnose.MessageSent, 1, diagnose.Initiator}, "IKE_I_MM2": {diagnose.MessageReceived, 2, diagnose.Initiator},
	"IKE_I_MM3": {diagnose.MessageSent, 3, diagnose.Initiator}, "IKE_I_MM4": {diagnose.MessageReceived, 4, diagnose.Initiator},
	"IKE_I_MM5": {diagnose.MessageSent, 5, diagnose.Initiator}, "IKE_I_MM6": {diagnose.MessageReceived, 6, diagnose.Initiator},
	"IKE_R_MM1": {diagnose.MessageReceived, 1, diagnose.Responder}, "IKE_R_MM2": {diagnose.MessageSent, 2, diagnose.Responder},
	"IKE_R_MM3": {diagnose.MessageReceived, 3, diagnose.Responder}, "IKE_R_MM4": {diagnose.MessageSent, 4, diagnose.Responder},
	"IKE_R_MM5": {diagnose.MessageReceived, 5, diagnose.Responder}, "IKE_I_AM1": {diagnose.MessageSent, 1, diagnose.Initiator},
	"IKE_R_AM2": {diagnose.MessageSent, 2, diagnose.Responder},
}

func state(x *read.Context, match *read.Match) {
	from, to := firstWord(match.Hole("old")), firstWord(match.Hole("new"))
	if x.Session == nil || from == to {
		return
	}
	s := x.Session
	if to == "IKE_P1_COMPLETE" && (strings.Contains(from, "_MM") || strings.Contains(from, "_AM")) {
		up(x)
		return
	}
	if to == "IKE_QM_PHASE2_COMPLETE" {
		installed(x, nil)
		return
	}
	step, ok := steps[to]
	if !ok {
		return
	}
	setRole(s, step.role)
	done := &s.Sent
	if step.kind == diagnose.MessageReceived {
		done = &s.Received
	}
	if *done >= step.message {
		return // the packet's line has told it
	}
	*done = step.message
	x.Tell(diagnose.Observation{Kind: step.kind, Phase: diagnose.Phase1, Message: step.message})
}

// up is an SA that came up, told once.
func up(x *read.Context) {
	if s := x.Session; s != nil && !s.Up {
		s.Up = true
		x.Tell(diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1})
	}
}

func created(x *read.Context, match *read.Match) {
	m := remember(x)
	peer := match.Addr("peer")
	m.ends(netip.Addr{}, peer)
	if m.half != nil && !m.half.Peer.IsValid() && !saOf(m.half).over {
		x.SetPeer(m.half, peer, netip.Addr{})
		x.Session = m.half
		return
	}
	key := "0/" + peer.String()
	if s := x.Known(key); s == nil || saOf(s).over {
		m.half = x.Fresh(key)
	} else {
		m.half = s
	}
	x.Session = m.half
	x.SetPeer(m.half, peer, netip.Addr{})
}

// unreadNotify is a notify in clear that IOS does not take. What it says is not
// in the debug.
func unreadNotify(x *read.Context, match *read.Match) {
	n := 0
	switch strings.Trim(match.Hole("state"), ".") {
	case "IKE_I_MM1", "IKE_I_AM1":
		n = 1
	case "IKE_I_MM3":
		n = 3
	case "IKE_I_MM5":
		n = 5
	default:
		if x.Session != nil && x.Session.Role != diagnose.Responder && !x.Session.Up {
			n = x.Session.Sent
		}
	}
	if n > 0 {
		x.Tell(diagnose.Observation{Kind: diagnose.RefusedUnread, Phase: diagnose.Phase1, Message: n})
	}
}

func floated(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.PortsFloated, Phase: diagnose.Phase1})
}

func natFound(x *read.Context, match *read.Match) {
	where := "here"
	if strings.Contains(match.Hole("rest"), "both") {
		where = "both"
	} else if strings.Contains(match.Hole("rest"), "peer") {
		where = "peer"
	}
	x.Tell(diagnose.Observation{Kind: diagnose.NATFound, Phase: diagnose.Phase1, Detail: where})
}

// pixPacket is what a PIX says of every packet.
func pixPacket(x *read.Context, match *read.Match) {
	remember(x).about(x, match.Addr("peer"), match.Addr("local"))
}
