package strongswan

import (
	"bytes"
	"cmp"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase1 is about negotiations of phase 1 as such.
var phase1 = []read.Phrase{
	{Text: "Starting {IKE charon|strongSwan|charon-systemd|IKEv2 charon} {rest}", Do: started},
	{Text: "received packet: from {from} to {to} (", Do: packet},
	{Text: "sending packet: from {from} to {to} (", Do: sending},
	{Text: "initiating {Main|Aggressive} Mode IKE_SA {name} to {addr}", Do: initiating},
	{Text: "initiating IKE_SA {name} to {addr}", Do: initiating2},
	{Text: "{addr} is initiating {a Main|a Aggressive|an Aggressive} Mode IKE_SA", Do: initiated1},
	{Text: "{addr} is initiating an IKE_SA", Do: initiated2},
	{Text: "IKE_SA {name} established between {local}...{peer}]", Do: established},
	{Text: "IKE_SA {name} state change: {rest}", Quiet: true},
	{Text: "sending retransmit {n} of {kind} message ID {id}, seq {seq}", Do: retransmit},
	{Text: "retransmit {n} of request with message ID {id}", Do: retransmit2},
	{Text: "giving up after {n} retransmits", Do: gaveUp},
	{Text: "peer not responding, trying again ({n}/{of})", Do: gaveUp},
	{Text: "establishing IKE_SA failed, peer not responding", Do: gaveUp},
	{Text: "received retransmit of {request|response} with ID {id}", Do: repeated},
	{Text: "deleting half open IKE_SA {name} with {addr} after timeout", Do: halfOpen},
	{Text: "deleting half open IKE_SA with {addr} after timeout", Do: halfOpen},
	{Text: "deleting half open IKE_SA after timeout", Do: halfOpen},
	{Text: "no IKE config found for {local}...{peer}, sending {rest}", Do: noConfig},
	{Text: "Aggressive Mode PSK disabled for security reasons", Tell: diagnose.Observation{Kind: diagnose.AggressiveMode, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrMode, Detail: "aggressive mode with a pre-shared key is disabled here"}},
	{Text: "received {name} error notify", Do: notify},
	{Text: "received {name} notify error", Do: notify},
	{Text: "received {name} notify, no CHILD_SA built", Do: notify},
	{Text: "received {name} notify", Quiet: true},
	{Text: "received unsupported IKE version {rest}", Tell: diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1}},
	{Text: "ignoring IKE_SA setup from {peer}, {detail} reached", Tell: diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1, Message: 1}},
	{Text: "ignoring IKE_SA setup from {peer}, job load {rest}", Tell: diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1, Message: 1}},
	{Text: "abort IKE_SA initiation, {half open|job load} {rest}", Tell: diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1, Message: 1}},
	{Text: "hitting IKE_SA limit", Tell: diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1, Message: 1}},
	{Text: "invalid {what} payload length, decryption failed?", Quiet: true},
	{Text: "could not decrypt payloads", Do: undecryptable},
	{Text: "message parsing failed", Do: undecryptable},
	{Text: "integrity check failed", Do: corrupt},
	{Text: "verifying encrypted {rest}", Quiet: true},
	{Text: "{what} payload verification failed", Do: corrupt},
	{Text: "payload type {what} could not be parsed", Do: corrupt},
	{Text: "payload type {what} was not encrypted", Do: corrupt},
	{Text: "received invalid IKE header from {peer} - ignored", Tell: diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1, Detail: "the header of a message"}},
	{Text: "message verification failed", Do: corrupt},
	{Text: "found encrypted {message|payload}, but no {what}", Tell: diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}},
	{Text: "ignoring unprotected INFORMATIONAL from {addr}", Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			stateOf(s).inClear = true
		}
	}},
	{Text: "calculated HASH does not match HASH payload", Do: hashDiffers},
	{Text: "received HASH payload does not match", Do: hashDiffers},
	{Text: "{SA|KE|NONCE|IDii|IDir|IDi|IDr|HASH|SIG} payload missing", Do: corrupt},
	{Text: "SA payload invalid", Do: corrupt},
	{Text: "unable to apply received KE value", Do: corrupt},
	{Text: "DH group selection failed", Tell: diagnose.Observation{Kind: diagnose.NoUsablePolicy, Phase: diagnose.Phase1, Message: 1}},
	{Text: "negotiated DH group {rest}", Tell: lacking("the group that was negotiated")},
	{Text: "configured DH group {detail} not supported", Do: lacks("DH group")},
	{Text: "DH group {detail} not supported", Do: lacks("DH group")},
	{Text: "{ENCRYPTION_ALGORITHM|PSEUDO_RANDOM_FUNCTION|INTEGRITY_ALGORITHM} {detail} (key size {n}) not supported!", Do: lacks("algorithm")},
	{Text: "{ENCRYPTION_ALGORITHM|PSEUDO_RANDOM_FUNCTION|INTEGRITY_ALGORITHM} {detail} not supported!", Do: lacks("algorithm")},
	{Text: "no nonce generator found to create nonce", Tell: lacking("no plugin makes nonces")},
	{Text: "no hasher available to build NAT-D payload", Tell: lacking("no plugin makes SHA-1 hashes")},
	{Text: "no RNG found, unable to create IKE_SA", Tell: lacking("no plugin makes random numbers")},
	{Text: "unable to resolve {detail}, initiate aborted", Tell: diagnose.Observation{Kind: diagnose.NameUnknown, Phase: diagnose.Phase1}},
	{Text: "unable to resolve {detail}, retrying in {n}", Tell: diagnose.Observation{Kind: diagnose.NameUnknown, Phase: diagnose.Phase1}},
	{Text: "IKE version {n} not supported", Tell: diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1, Attr: diagnose.AttrProtocol, Detail: "this charon was built without that version of IKE"}},
}

func initiating(x *read.Context, hit *read.Match) {
	m := of(x)
	name := hit.Hole("name")
	key := "to " + hit.Hole("addr")
	if id := unique(name); id != "" {
		key = m.number(id)
	}
	s := x.Known(key)
	if !m.named || s == nil || s.Sent > 0 {
		s = m.fresh(x, key)
	}
	s.Role, s.Aggressive = diagnose.Initiator, bytes.Contains(x.Text, []byte("Aggressive Mode"))
	x.SetPeer(s, hit.Addr("addr"), s.Local)
}

// initiated1 is a first message of IKEv1, which the log may not have shown.
func initiated1(x *read.Context, hit *read.Match) {
	initiated(x, hit)
	if s := x.Session; s != nil && s.Role == diagnose.Responder {
		s.Aggressive = s.Aggressive || bytes.Contains(x.Text, []byte("Aggressive Mode"))
		imply(x, 0, 1)
	}
}

// initiating2 and initiated2 are those of IKEv2.
func initiating2(x *read.Context, hit *read.Match) {
	initiating(x, hit)
	stateOf(x.Session).v2 = true
}

func initiated2(x *read.Context, hit *read.Match) {
	initiated(x, hit)
	if s := x.Session; s != nil {
		stateOf(s).v2 = true
	}
}

// initiated says who begins; the message itself was told when it was parsed.
func initiated(x *read.Context, hit *read.Match) {
	m := of(x)
	peer := read.Addr(lastWord(hit.Hole("addr")))
	s := x.Session
	if s == nil || s.Up || s.Role == diagnose.Initiator {
		if m.named && s != nil {
			return
		}
		s = m.fresh(x, "from "+peer.String())
	}
	s.Role = diagnose.Responder
	x.SetPeer(s, peer, m.local)
}

// rename gives the session the number that a line tells.
func rename(x *read.Context, name string) {
	m, s := of(x), x.Session
	id := unique(name)
	if id == "" {
		return
	}
	key := m.number(id)
	switch {
	case s == nil:
		m.use(x, key)
	case stateOf(s).name != key && x.Known(key) == nil:
		x.Rename(s, key)
		m.bind(s, key)
	case stateOf(s).name != key:
		m.use(x, key)
	}
}

// lastWord is that of a hole that begins with the line.
func lastWord(s string) string {
	f := strings.Fields(s)
	if len(f) == 0 {
		return ""
	}
	return f[len(f)-1]
}

// ends reads "10.0.0.1[id]".
func ends(s string) (addr, id string) {
	addr, id, _ = strings.Cut(s, "[")
	return addr, strings.TrimSuffix(id, "]")
}

func established(x *read.Context, hit *read.Match) {
	rename(x, hit.Hole("name"))
	s := x.Session
	peer, _ := ends(hit.Hole("peer"))
	local, _ := ends(hit.Hole("local"))
	if s == nil {
		s = of(x).fresh(x, "with "+peer)
	}
	x.SetPeer(s, read.Addr(peer), read.Addr(local))
	s.Up = true
	stateOf(s).key = nil
	x.Tell(diagnose.Observation{Kind: diagnose.Phase1Up, Phase: diagnose.Phase1})
}

// retransmit is IKEv1's: the sequence counts this end's messages.
func retransmit(x *read.Context, hit *read.Match) {
	seq, id := int(min(hit.Number("seq"), 9)), hit.Hole("id")
	resend(x, func(x *read.Context, s *read.Session) {
		o := diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: max(1, 2*seq-1), Role: diagnose.Initiator}
		if hit.Hole("kind") == "response" {
			o.Role, o.Message = diagnose.Responder, 2
		}
		switch {
		case s == nil || id != "0":
		case s.Sent > 0:
			o.Message, o.Role = s.Sent, s.Role
		case o.Message > 1 && o.Role == diagnose.Initiator: // the log begins behind the answer
			s.Sent, s.Received = o.Message, o.Message-1
			x.Tell(diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase1, Message: s.Received, Role: o.Role})
		}
		if id != "0" {
			o.Phase, o.Message = diagnose.Phase2, 1
			if s != nil {
				o.Pair = stateOf(s).pair
				if st := stateOf(s); st.quick > 0 {
					o.Message = st.quick
				}
			}
		}
		x.Tell(o)
	})
}

// retransmit2 is IKEv2's: the first two messages are the negotiation.
func retransmit2(x *read.Context, hit *read.Match) {
	id := hit.Number("id")
	resend(x, func(x *read.Context, s *read.Session) {
		o := diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Initiator}
		switch {
		case s != nil && s.Up:
			o.Kind, o.Phase, o.Message, o.Role = diagnose.DPDUnanswered, diagnose.PhaseLife, 0, diagnose.RoleUnknown
		case id > 0:
			o.Message = 5
		}
		x.Tell(o)
	})
}

// resend waits for the line that says whom the message goes to, where this one
// does not say whose it is.
func resend(x *read.Context, told func(*read.Context, *read.Session)) {
	m := of(x)
	number, text := x.Number, string(x.Text)
	m.awaited = func(x *read.Context, s *read.Session) {
		was, line := x.Text, x.Number
		x.Text, x.Number = []byte(text), number
		keep := x.Session
		x.Session = s
		told(x, s)
		x.Text, x.Number, x.Session = was, line, keep
		if s != nil {
			m.resent = stateOf(s).name
		}
	}
	if m.named || m.thread == "" && x.Session != nil {
		wait := m.awaited
		m.awaited = nil
		wait(x, x.Session)
	}
}

func gaveUp(x *read.Context, _ *read.Match) {
	m := of(x)
	if !m.named && m.resent != "" {
		if s := x.Known(m.resent); s != nil {
			x.Session = s
		}
	}
	o := diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Initiator}
	if x.Session == nil { // the first message, as a rule
		m.fresh(x, "unnamed").Role = diagnose.Initiator
		x.Tell(diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase1, Message: 1})
	}
	if s := x.Session; s != nil {
		st := stateOf(s)
		o.Message, o.Role = max(1, s.Sent), s.Role
		switch {
		case s.Up && st.quick > 0 && st.quickSent && st.quick < 3:
			o.Phase, o.Message, o.Pair, o.Role = diagnose.Phase2, st.quick, st.pair, diagnose.RoleUnknown
		case s.Up:
			o.Kind, o.Phase, o.Message, o.Role = diagnose.PeerDead, diagnose.PhaseLife, 0, diagnose.RoleUnknown
		}
	}
	x.Tell(o)
}

// repeated is a message that came again: the peer lacks the answer.
func repeated(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil {
		return
	}
	st := stateOf(s)
	if s.Role == diagnose.Responder && s.Received > 0 {
		imply(x, s.Received+1, 0)
	}
	o := diagnose.Observation{Kind: diagnose.DuplicateSeen, Phase: diagnose.Phase1, Message: s.Received}
	if s.Up && st.quick > 0 {
		o.Phase, o.Message, o.Pair = diagnose.Phase2, st.quick, st.pair
		if st.quickSent {
			o.Message = st.quick - 1
		}
	}
	x.Tell(o)
}

// halfOpen is a responder's SA that led to nothing.
func halfOpen(x *read.Context, hit *read.Match) {
	if name := hit.Hole("name"); name != "" {
		rename(x, name)
	}
	s := x.Session
	if s == nil {
		s = of(x).fresh(x, "from "+hit.Addr("addr").String())
	}
	x.SetPeer(s, hit.Addr("addr"), s.Local)
	if s.Sent+s.Received == 0 { // the log begins behind its messages
		s.Role, s.Received, s.Sent = diagnose.Responder, 1, 2
		x.Tell(diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase1, Message: 1})
		x.Tell(diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase1, Message: 2})
	}
	x.Tell(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: "half open"})
}

// noConfig is a first message for whose addresses nothing is configured. That of
// IKEv2 may find a connection that is for IKEv1.
func noConfig(x *read.Context, hit *read.Match) {
	if o, ok := of(x).versionDiffers(); ok {
		x.Tell(o)
		return
	}
	o := x.Fill(hit)
	o.Kind, o.Phase, o.Message, o.Role = diagnose.NoConnection, diagnose.Phase1, 1, diagnose.Responder
	if s := x.Session; s != nil && stateOf(s).v2 {
		o.Kind, o.Attr, o.Detail = diagnose.OtherIKEVersion, diagnose.AttrUnknown, "the peer speaks IKEv2, and no connection here takes that from it"
	}
	x.Tell(o)
}

// version1 is the name in IKEv1 of a notify, which charon may name by IKEv2's.
func version1(name string, v2 bool) string {
	switch {
	case name == "INVALID-KE-PAYLOAD":
		return "INVALID-KEY-INFORMATION"
	case v2:
		return name
	case name == "UNSUPPORTED-CRITICAL-PAYLOAD":
		return "INVALID-PAYLOAD-TYPE"
	case name == "INVALID-SYNTAX":
		return "INVALID-EXCHANGE-TYPE"
	}
	return name
}

// notify is an error that the peer tells. The message's payloads have told it
// already, where they were logged.
func notify(x *read.Context, hit *read.Match) {
	name := strings.ReplaceAll(hit.Hole("name"), "_", "-")
	name = cmp.Or(numbered[name], name)
	m, s := of(x), x.Session
	name = version1(name, s != nil && stateOf(s).v2)
	if s != nil && stateOf(s).notify == name || s == nil && m.notify == name {
		m.notify = ""
		return
	}
	// Behind the key exchange charon takes none in clear; the log may lack the message.
	// Who refuses an identity of phase 1 in clear is not heard, so that of a log that
	// has nothing else it is the networks'.
	tellNotify(x, name, s != nil && !stateOf(s).parsed && s.Received >= 4 || s == nil && name == "INVALID-ID-INFORMATION", "")
}

// undecryptable is a message that makes no sense after decryption. An initiator
// that has sent its proof gets such when the peer could not read that.
func undecryptable(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil {
		x.Tell(diagnose.Observation{Kind: diagnose.Undecryptable, Phase: diagnose.Phase1, Message: 5})
		return
	}
	st := stateOf(s)
	if st.undecryptable {
		return
	}
	st.undecryptable = true
	switch {
	case s.Up:
		x.Tell(diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase2, Detail: "a message that cannot be decrypted"})
	case st.v2:
		x.Tell(diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1, Message: 5, Detail: "a message that cannot be decrypted"})
	case s.Role == diagnose.Initiator && (s.Sent >= 5 || !st.parsed): // or its messages are not logged
		x.Tell(diagnose.Observation{Kind: diagnose.RefusedUnread, Phase: diagnose.Phase1, Message: 5, Detail: "cannot be decrypted"})
	default:
		x.Tell(diagnose.Observation{Kind: diagnose.Undecryptable, Phase: diagnose.Phase1, Message: 5})
	}
}

// corrupt is a message that breaks the rules; one that could not be decrypted
// has been told.
func corrupt(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1, Detail: lastWord(hit.Hole("what"))}
	if s := x.Session; s != nil {
		st := stateOf(s)
		if st.undecryptable || st.inClear {
			st.inClear = false
			return
		}
		if !st.parsed && !s.Up && strings.Contains(hit.Text, "verification") {
			x.Tell(o) // it could be read
			return
		}
		if !s.Up && !st.v2 && s.Received+s.Sent >= 7 || s.Sent >= 5 && !s.Up && !st.v2 {
			undecryptable(x, hit) // behind encryption only wrong keys do this
			return
		}
		if s.Up {
			o.Phase = diagnose.Phase2
		}
		o.Message = s.Received
	}
	x.Tell(o)
}

func hashDiffers(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.HashMismatch, Phase: diagnose.Phase1})
}
