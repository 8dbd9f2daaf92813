package asa

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase1 are the messages of phase 1, its offers, keys and identities.
var phase1 = read.Join([]read.Phrase{
	does("IKE Initiator: New Phase 1, Intf {place}, IKE Peer {peer} local Proxy Address {here}, remote Proxy Address {there}, {rest}", initiates),
	does("IKE Initiator: Rekeying Phase 1, Intf {place}, IKE Peer {peer}", func(x *read.Context, match *read.Match) {
		use(x, match.Addr("peer"))
		anew(x, diagnose.Initiator)
	}),
	does("IKE_DECODE {RECEIVED|RECEIVED} Message (msgid={id}) with payloads : {rest}", func(x *read.Context, match *read.Match) { decoded(x, match, diagnose.MessageReceived) }),
	does("IKE_DECODE {SENDING|RESENDING} Message (msgid={id}) with payloads : {rest}", func(x *read.Context, match *read.Match) { decoded(x, match, diagnose.MessageSent) }),
	does("IKE {MM|AM} {Initiator|Responder} FSM error history {rest}", history),
	does("{Duplicate Phase 1 packet detected|Duplicate first packet detected}", func(x *read.Context, _ *read.Match) {
		n := 1
		if x.Session != nil && x.Session.Received > 0 {
			n = x.Session.Received
		}
		tell(x, diagnose.Observation{Kind: diagnose.DuplicateSeen, Phase: diagnose.Phase1, Message: n})
	}),
	does("P1 Retransmit msg dispatched to {} FSM", func(x *read.Context, _ *read.Match) {
		if x.Session != nil && x.Session.Sent > 0 {
			tell(x, diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: x.Session.Sent})
		}
	}),
	does("PHASE 1 COMPLETED", up),
	does("Automatic NAT Detection Status: Remote end {rest}", nat),

	does("All SA proposals found unacceptable", refused),
	does("All IKE SA proposals found unacceptable", refused),
	does("IKE SA proposals found unacceptable", refused),
	does("Error processing payload: Payload ID: 1", refused),
	does("Phase 1 failure: Mismatched attribute types for class {class}: Rcv'd: {offered} Cfg'd: {wanted}", mismatched),
	does("Mismatched attribute types for class {class}: Rcv'd: {offered} Cfg'd: {wanted}", mismatched),
	does("SA proposal{}does not match any configured", refused),
	says("IKE SA Proposal{}acceptable", diagnose.OfferAccepted, diagnose.Phase1, 1),
	does("no valid {ISAKMP|IKE} polic", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NoUsablePolicy, Phase: diagnose.Phase1})
	}),

	noGroup("Can't find a valid tunnel group", 3),
	noGroup("Unable to find {a|valid|a valid} tunnel group", 3),
	noGroup("No tunnel group {found|matched|for}", 3),
	noGroup("{No preshared key|No pre-shared key} {configured|found|for}", 3),
	noGroup("No valid authentication type found for the tunnel group", 3),
	noGroup("Failed to find {a preshared|pre-shared|preshared} key", 3),
	noGroup("No Group found matching {} for Pre-shared key peer", 3),
	noGroup("not found and BASE GROUP default preshared key not configured", 3),
	noGroup("IKE Peer address not configured for destination", 1),
	says("No Group found by matching OU(s) from ID payload", diagnose.GroupMissing, diagnose.Phase1, 5),
	says("Unsupported Oakley group", diagnose.AllOffersRefused, diagnose.Phase1, 1),
	says("PHASE 1 FAILED", diagnose.ExchangeFailed, diagnose.Phase1, 0),
	says("SA negotiation failed", diagnose.ExchangeFailed, diagnose.Phase1, 0),
	says("IKE Remote Peer did not negotiate the following", diagnose.ExchangeFailed, diagnose.Phase1, 0),
	says("P1 Authentication algorithm in the crypto map entry different from negotiated", diagnose.OfferRefused, diagnose.Phase1, 1),
	says("Client IKE Auth mode differs from the group's configured Auth mode", diagnose.AllOffersRefused, diagnose.Phase1, 1),
	says("Maximum concurrent IKE negotiations exceeded", diagnose.AdmissionLimit, diagnose.Phase1, 1),
	says("in-negotiation context limit of", diagnose.AdmissionLimit, diagnose.Phase1, 1),
	says("Aborting: No identity cert specified", diagnose.NoUsablePolicy, diagnose.Phase1, 1),
	says("no trust-point defined in tunnel-group", diagnose.NoUsablePolicy, diagnose.Phase1, 1),
	says("Received packet with missing payload", diagnose.Malformed, diagnose.Phase1, 0),
	says("Unknown Domain of Interpretation", diagnose.Malformed, diagnose.Phase1, 1),
	noGroup("Tunnel Rejected: Unknown {peer|group}", 1),
	does("had problems decrypting packet, probably due to mismatched pre-shared key", undecryptable),
	does("Received encrypted Oakley {Main|Aggressive|Informational} Mode packet with invalid payloads", undecryptable),
	does("Received encrypted packet with {invalid|no matching} payloads", undecryptable),
	does("Received unencrypted packet in crypto active state", nil2),
	says("{Hash verification failed|failed hash verification|Hash values don't match|invalid hash}", diagnose.HashMismatch, diagnose.Phase1, 5),
	says("may be configured with invalid group password", diagnose.HashMismatch, diagnose.Phase1, 5),
	says("{Pre-shared key|Preshared key} {mismatch|authentication failed|invalid}", diagnose.HashMismatch, diagnose.Phase1, 5),
	says("peer's ID {does not match|mismatch}", diagnose.IdentityRefused, diagnose.Phase1, 5),
	says("ID_IPV4_ADDR{}does not match peer", diagnose.IdentityRefused, diagnose.Phase1, 5),
	says("{Peer ID check failed|Peer identity {}does not match|Unable to compare IKE ID against peer cert}", diagnose.IdentityRefused, diagnose.Phase1, 5),
	says("Aggressive Mode connections disabled", diagnose.AggressiveMode, diagnose.Phase1, 1),
	says("ISAKMP Aggressive Mode{}{disabled|not allowed}", diagnose.AggressiveMode, diagnose.Phase1, 1),
	does("Received ISAKMP Aggressive Mode message 1 with unknown tunnel group name {detail}", func(x *read.Context, match *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.GroupMissing, Phase: diagnose.Phase1, Message: 1, Detail: strings.Trim(match.Hole("detail"), "'\".")})
	}),
	says("unknown tunnel group name", diagnose.GroupMissing, diagnose.Phase1, 1),
	does("No crypto map bound to interface", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NotEnabled, Phase: diagnose.Phase1, Message: 1})
	}),
	does("{IKE|ISAKMP} {is|} not enabled on interface {place}", func(x *read.Context, match *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NotEnabled, Phase: diagnose.Phase1, Message: 1})
	}),
	does("Received an un-encrypted {detail} notify message, dropping", notifiedInClear),
	does("Received a un-encrypted {detail} notify message, dropping", notifiedInClear),
	does("Received non-routine Notify message: {rest}", notified),
	does("Received encrypted packet with no matching SA", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife})
	}),
	does("Header invalid, missing SA payload", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife})
	}),
	does("Removing peer from peer table failed, no match", failed1),
	does("Unable to remove PeerTblEntry", failed1),
	does("Information Exchange processing failed", failed1),
	does("All configured IKE versions failed to establish the tunnel", failed1),
	does("was unsuccessful at setting up a tunnel", failed1),
	does("Received unexpected event EV_", nil2),
	does("Received packet with {unsupported|invalid} IKE version", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1, Message: 1})
	}),
}, read.Known("processing SA payload", "processing ke payload", "processing ISA_KE payload", "processing nonce payload", "processing VID payload", "processing ID payload",
	"processing hash payload", "processing notify payload", "constructing ISAKMP SA payload", "constructing ke payload", "constructing nonce payload",
	"constructing VID payload", "constructing ID payload", "constructing hash payload", "constructing Fragmentation VID", "constructing NAT-Traversal VID",
	"constructing Cisco Unity VID", "constructing xauth V6 VID", "Send IOS VID", "Received Cisco Unity client VID", "Received DPD VID", "Received xauth V6 VID",
	"Received NAT-Traversal", "Received Fragmentation VID", "Oakley proposal is acceptable", "Generating keys for", "Computing hash for ISAKMP",
	"Connection landed on tunnel_group", "Starting phase 1 rekey timer", "Peer supports", "IKE Peer included IKE fragmentation capability", "processing IKE SA payload",
	"sending delete/delete with reason message", "ID_IPV4_ADDR ID received", "Processing IOS/PIX Vendor ID payload", "Freeing previously allocated memory",
	"Queuing KEY-ACQUIRE messages", "IKE Receiver: Packet received on", "Send Altiga/Cisco VPN3000", "computing NAT Discovery hash", "processing NAT-Discovery payload",
	"Keep-alives configured on but peer does not support keep-alives", "Keep-alive type for this connection"))

func nil2(*read.Context, *read.Match) {}

func use(x *read.Context, peer netip.Addr) {
	if peer.IsValid() {
		s := x.Use(peer.String())
		x.SetPeer(s, peer, netip.Addr{})
	}
}

// initiates is traffic that asks for a tunnel.
func initiates(x *read.Context, match *read.Match) {
	use(x, match.Addr("peer"))
	anew(x, diagnose.Initiator)
	if x.Session != nil {
		x.Session.Sent = 1
	}
	tell(x, diagnose.Observation{Kind: diagnose.Asked, Phase: diagnose.Phase2, Place: match.Hole("place")})
	tell(x, diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase1, Message: 1})
}

// decoded is a packet with the names of its payloads.
func decoded(x *read.Context, match *read.Match, kind diagnose.Kind) {
	payloads := match.Hole("rest")
	if id := match.Hole("id"); strings.Trim(id, "0x") != "" {
		quick(x, kind, payloads)
		return
	}
	again := strings.Contains(string(x.Text), "RESENDING")
	n := 0
	switch {
	case strings.Contains(payloads, "NOTIFY") && !strings.Contains(payloads, "HASH"):
		return
	case strings.Contains(payloads, "KE (4)") && strings.Contains(payloads, "SA (1)"), strings.Contains(payloads, "SA (1)"):
		n = 1
	case strings.Contains(payloads, "KE (4)"):
		n = 3
	case strings.Contains(payloads, "HASH (8)"), strings.Contains(payloads, "SIG (9)"):
		n = 5
	default:
		return
	}
	s := x.Session
	if s == nil {
		s = x.Use("?")
	}
	sending := kind == diagnose.MessageSent
	if n == 1 && !again {
		answer := sending && s.Received == 1 || !sending && s.Sent == 1
		if !answer || s.Up || saOf(s).over {
			r := diagnose.Responder
			if sending {
				r = diagnose.Initiator
			}
			anew(x, r)
			s = x.Session
		}
	}
	if sending == (s.Role == diagnose.Responder) && s.Role != diagnose.RoleUnknown {
		n++
	}
	if again {
		tell(x, diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: n})
		return
	}
	if sending {
		s.Sent = max(s.Sent, n)
	} else {
		s.Received = max(s.Received, n)
	}
	tell(x, diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: n})
}

// waits are the states in which a negotiation is stuck: who waits, for which
// message.
var waits = []struct {
	state string
	role  diagnose.Role
}{
	{"MM_WAIT_MSG2", diagnose.Initiator}, {"MM_WAIT_MSG3", diagnose.Responder}, {"MM_WAIT_MSG4", diagnose.Initiator},
	{"MM_WAIT_MSG5", diagnose.Responder}, {"MM_WAIT_MSG6", diagnose.Initiator}, {"AM_WAIT_MSG2", diagnose.Initiator}, {"AM_WAIT_MSG3", diagnose.Responder},
}

// history is the way of a negotiation that failed, the latest state first. An
// error before a message was waited for names the message that was refused.
func history(x *read.Context, match *read.Match) {
	way := match.Hole("rest")
	first := len(way)
	var state string
	var r diagnose.Role
	for _, w := range waits {
		for _, event := range []string{", EV_TIMEOUT", ", EV_RETRY", ", NullEvent"} {
			if at := strings.Index(way, w.state+event); at >= 0 && at < first {
				first, state, r = at, w.state, w.role
			}
		}
	}
	if state == "" {
		return
	}
	tell(x, diagnose.Observation{Kind: diagnose.StateSeen, Phase: diagnose.Phase1, Role: r, Detail: state, Attr: "deleted"})
}

func up(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil {
		s = x.Use("?")
	}
	s.Up = true
	tell(x, diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1})
}

func nat(x *read.Context, match *read.Match) {
	there := strings.HasPrefix(match.Hole("rest"), "IS behind") || strings.HasPrefix(match.Hole("rest"), "is behind")
	here := strings.Contains(strings.ToLower(match.Hole("rest")), "this end is behind")
	if !there && !here {
		return
	}
	where := "peer"
	if here && there {
		where = "both"
	} else if here {
		where = "here"
	}
	tell(x, diagnose.Observation{Kind: diagnose.NATFound, Phase: diagnose.Phase1, Detail: where})
}

func refused(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Responder})
}

// classes are the attributes that a mismatch names.
var classes = []struct{ word, attr string }{
	{"group", diagnose.AttrGroup}, {"encr", diagnose.AttrEncryption}, {"hash", diagnose.AttrHash}, {"auth", diagnose.AttrAuth}, {"key length", diagnose.AttrKeyLength},
}

func mismatched(x *read.Context, match *read.Match) {
	class, offered := strings.ToLower(match.Hole("class")), match.Hole("offered")
	wanted := match.Hole("wanted")
	if _, rest, ok := strings.Cut(string(x.Text), "Cfg'd: "); ok {
		wanted = strings.TrimSpace(strings.TrimRight(rest, ". "))
	}
	attr := diagnose.AttrUnknown
	for _, c := range classes {
		if strings.Contains(class, c.word) {
			attr = c.attr
			break
		}
	}
	tell(x, diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: attr, Offered: value(offered), Wanted: value(wanted)})
}

func value(s string) string {
	return strings.TrimSpace(strings.TrimPrefix(s, "Group "))
}

func undecryptable(x *read.Context, _ *read.Match) {
	if x.Session != nil && x.Session.Up {
		return
	}
	o := diagnose.Observation{Kind: diagnose.Undecryptable, Phase: diagnose.Phase1, Message: 5}
	if s := x.Session; s != nil {
		o.Peer, o.Local, o.Session = s.Peer, s.Local, s.ID()
	}
	x.TellApart(o)
}

// names are the RFC's names of notifies, by number (RFC 2408, 3.14.1).
var names = map[uint64]string{1: "INVALID-PAYLOAD-TYPE", 4: "INVALID-COOKIE", 5: "INVALID-MAJOR-VERSION", 7: "INVALID-EXCHANGE-TYPE", 9: "INVALID-MESSAGE-ID", 11: "INVALID-SPI",
	14: "NO-PROPOSAL-CHOSEN", 15: "BAD-PROPOSAL-SYNTAX", 16: "PAYLOAD-MALFORMED", 17: "INVALID-KEY-INFORMATION", 18: "INVALID-ID-INFORMATION", 23: "INVALID-HASH-INFORMATION",
	24: "AUTHENTICATION-FAILED", 29: "UNSUPPORTED-EXCHANGE-TYPE"}

// notified is a notify under protection, by its words and its number.
func notified(x *read.Context, match *read.Match) {
	text := match.Hole("rest")
	name := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(text), " ", "-"))
	if _, rest, ok := strings.Cut(text, "("); ok {
		if n := names[read.Number(rest)]; n != "" {
			name = n
		}
	}
	tellNotify(x, name, true)
}

func notifiedInClear(x *read.Context, match *read.Match) {
	tellNotify(x, strings.ReplaceAll(match.Hole("detail"), "_", "-"), false)
}

func tellNotify(x *read.Context, name string, authentic bool) {
	if strings.HasSuffix(name, "-INFO") {
		name += "RMATION"
	}
	phase := diagnose.Phase1
	if s := x.Session; s != nil && (s.Up || saOf(s).quick) || authentic && (name == "NO-PROPOSAL-CHOSEN" || name == "INVALID-ID-INFORMATION") {
		phase = diagnose.Phase2
	}
	switch name {
	case "INVALID-SPI":
		tell(x, diagnose.Observation{Kind: diagnose.InvalidSPITold, Phase: diagnose.PhaseLife, Authentic: authentic, Detail: name})
		return
	case "INVALID-COOKIE":
		if s := x.Session; s != nil && !s.Up && s.Sent > 0 {
			return // the peer has forgotten a negotiation that stops: at what, the messages tell
		}
		tell(x, diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife, Detail: name})
		return
	}
	tell(x, diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: phase, Detail: name, Authentic: authentic, Message: 1})
}

func failed1(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil && (s.Up || saOf(s).quick) {
		return
	}
	tell(x, diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1})
}

// noGroup is a peer for whom there is no tunnel group, and so no key.
// noGroup is a search for what is configured for a peer. A peer that calls a group by
// name is a client.
func noGroup(text string, message int) read.Phrase {
	return read.Phrase{Text: text, Do: func(x *read.Context, _ *read.Match) {
		if group := calledGroup(string(x.Text)); group != "" {
			tell(x, diagnose.Observation{Kind: diagnose.GroupMissing, Phase: diagnose.Phase1, Message: 1, Detail: group})
			return
		}
		tell(x, diagnose.Observation{Kind: diagnose.KeyMissing, Phase: diagnose.Phase1, Message: message, Attr: diagnose.AttrUnknown})
	}}
}

// calledGroup is the name in "Group = NAME, IP = ...", where it is a client's own.
func calledGroup(text string) string {
	_, rest, ok := strings.Cut(text, "Group = ")
	name, _, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 || strings.HasPrefix(name, "Default") || read.Addr(name).IsValid() || strings.Count(name, ".") == 3 {
		return ""
	}
	return strings.TrimSpace(name)
}
