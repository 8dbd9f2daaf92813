package racoon

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase1 is how negotiations go, and the offers.
var phase1 = []read.Phrase{
	{Text: "initiate new phase 1 negotiation: {local}<=>{peer}", Do: begins(diagnose.Initiator)},
	{Text: "respond new phase 1 negotiation: {local}<=>{peer}", Do: begins(diagnose.Responder)},
	{Text: "initiate new phase 1 ({mode}): {local}<=>{peer}", Do: begins(diagnose.Initiator)},
	{Text: "respond new phase 1 ({mode}): {local}<=>{peer}", Do: begins(diagnose.Responder)},
	{Text: "begin Aggressive mode", Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			stateOf(s).aggressive, s.Aggressive = true, true
		}
	}},
	{Text: "begin Identity Protection mode", Quiet: true},
	{Text: "received Vendor ID: {rest}", Do: heard},
	{Text: "received broken Microsoft ID: {rest}", Do: heard},
	{Text: "received unknown Vendor ID", Do: heard},
	{Text: "Selected NAT-T version: {rest}", Do: heard},
	{Text: "Adding remote and local NAT-D payloads", Do: keyExchange},
	{Text: "NAT-D payload #{n} {doesn't match|verified}", Do: natPayload},
	{Text: "NAT detected: {rest}", Do: natFound},
	{Text: "NAT not detected", Do: proved},
	{Text: "KA list add: {rest}", Do: floated},
	{Text: "NAT-T: ports changed to: {rest}", Do: floated},
	{Text: "ISAKMP-SA established {local}-{peer} spi:{rest}", Do: isakmpUp},
	{Text: "the packet is retransmitted by {peer}", Do: repeated},
	{Text: "phase1 negotiation failed due to time up. {rest}", Do: timeUp},
	{Text: "phase1 negotiation failed due to time up", Do: timeUp},
	{Text: "phase1 negotiation failed due to send error", Do: sendError},
	{Text: "phase1 negotiation failed", Quiet: true},
	{Text: "no suitable proposal found", Do: noProposal},
	{Text: "failed to get valid proposal", Do: func(x *read.Context, _ *read.Match) { verdict(x, false) }},
	{Text: "failed to get proposal for responder", Do: func(x *read.Context, _ *read.Match) { verdict(x, true) }},
	{Text: "no proposal chosen", Do: func(x *read.Context, _ *read.Match) { verdict(x, true) }},
	{Text: "failed to pre-process ph1 packet", Do: firstRefused},
	{Text: "failed to pre-process ph2 packet", Do: quickFailed},
	{Text: "failed to process ph1 packet", Quiet: true},
	{Text: "failed to process ph2 packet", Do: quickFailed},
	{Text: "failed to pre-process packet", Quiet: true},
	{Text: "rejected enctype: DB({a}):Peer({b}) = {wanted}:{rest}", Do: rejected(diagnose.AttrEncryption)},
	{Text: "rejected hashtype: DB({a}):Peer({b}) = {wanted}:{rest}", Do: rejected(diagnose.AttrHash)},
	{Text: "rejected dh_group: DB({a}):Peer({b}) = {wanted}:{rest}", Do: rejected(diagnose.AttrGroup)},
	{Text: "invalid DH group {offered}", Tell: diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrGroup, Role: diagnose.Responder}},
	{Text: "rejected authmethod: DB({a}):Peer({b}) = {wanted}:{rest}", Do: rejected(diagnose.AttrAuth)},
	{Text: "exchange {detail} not allowed in any applicable rmconf", Do: wrongMode},
	{Text: "not acceptable {detail} mode", Do: wrongMode},
	{Text: "Invalid exchange type {n} from {peer}", Do: wrongMode},
	{Text: "no configuration found for {peer}", Do: noConfiguration},
	{Text: "couldn't find configuration", Do: noConfiguration},
	{Text: "peer not compatible", Do: incompatible},
	{Text: "invalid major version {n}", Tell: diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1}},
}

func begins(role diagnose.Role) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		peer, local := hit.Addr("peer"), hit.Addr("local")
		s := x.Fresh(hit.Hole("local") + " " + hit.Hole("peer"))
		s.Role = role
		x.SetPeer(s, peer, local)
		stateOf(s).aggressive = strings.Contains(strings.ToLower(hit.Hole("mode")), "aggressive")
		s.Aggressive = stateOf(s).aggressive
		if role == diagnose.Initiator {
			step(x, 1, 0)
		} else {
			step(x, 0, 1)
		}
	}
}

// heard is something that the peer's message says: an initiator has its answer.
func heard(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || s.Up {
		return
	}
	if s.Role == diagnose.Initiator && s.Sent == 1 {
		step(x, 0, 2)
	}
}

// keyExchange is NAT discovery being sent with the public value.
func keyExchange(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || s.Up || stateOf(s).aggressive {
		return
	}
	if s.Role == diagnose.Initiator {
		step(x, 3, 2)
	} else {
		step(x, 4, 3)
	}
}

// natPayload is the peer's public value.
func natPayload(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || s.Up || stateOf(s).aggressive {
		return
	}
	if s.Role == diagnose.Initiator {
		step(x, 5, 4)
	} else {
		step(x, 2, 3)
	}
}

func proved(x *read.Context, hit *read.Match) { natPayload(x, hit) }

func natFound(x *read.Context, hit *read.Match) {
	natPayload(x, hit)
	text := hit.Hole("rest")
	who := "peer"
	switch {
	case strings.Contains(text, "ME") && strings.Contains(text, "PEER"):
		who = "both"
	case strings.Contains(text, "ME"):
		who = "here"
	}
	o := p1(diagnose.NATFound, 0)
	o.Detail = who
	tell(x, o)
}

func floated(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil && !s.Up {
		tell(x, p1(diagnose.PortsFloated, 0))
	}
}

func isakmpUp(x *read.Context, hit *read.Match) {
	peer := hit.Addr("peer")
	if peer.IsValid() {
		of(x).use(x, peer)
	}
	if s := x.Session; s != nil {
		x.SetPeer(s, peer, hit.Addr("local"))
		s.Up = true
	}
	tell(x, p1(diagnose.Phase1Up, 0))
}

func repeated(x *read.Context, hit *read.Match) {
	if peer := hit.Addr("peer"); peer.IsValid() {
		of(x).use(x, peer)
	}
	s := x.Session
	o := p1(diagnose.DuplicateSeen, 1)
	if s != nil {
		o.Message = max(1, s.Received)
		if s.Up {
			o.Phase, o.Message = diagnose.Phase2, 1
		}
	}
	tell(x, o)
}

// timeUp is a negotiation that came to nothing. Its cookies say whether the peer
// has answered at all: that of the responder is zero before.
func timeUp(x *read.Context, hit *read.Match) {
	text := hit.Hole("rest")
	if text == "" {
		_, text, _ = strings.Cut(string(x.Text), "time up")
	}
	if left, right, ok := strings.Cut(text, "<=>"); ok { // RouterOS names the ends
		f := strings.Fields(right)
		if peer := read.Addr(first(f)); peer.IsValid() {
			of(x).use(x, peer)
			x.SetPeer(x.Session, peer, read.Addr(strings.TrimSpace(left)))
		}
		text = strings.Join(f[min(1, len(f)):], " ")
	}
	s := x.Session
	if s == nil || s.Up {
		s = x.Fresh("?")
	}
	if s.Role == diagnose.RoleUnknown {
		s.Role = diagnose.Initiator
	}
	_, cookie, known := strings.Cut(text, ":")
	zero := strings.Trim(first(strings.Fields(cookie)), "0") == ""
	switch {
	case s.Role == diagnose.Responder:
		step(x, 2, 1)
	case known && zero, s.Sent == 0 && !known:
		step(x, 1, 0)
	case known && s.Received == 0:
		step(x, 5, 4) // it answers, and what failed is the proof as a rule
	default:
		step(x, max(1, s.Received+1), s.Received)
	}
	stateOf(s).told = true
	tell(x, p1(diagnose.GaveUp, s.Sent))
}

func first(f []string) string {
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

func sendError(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SendRefused, 1)) }

// noProposal is said of both phases: the next lines say of which.
func noProposal(x *read.Context, _ *read.Match) {
	q := x.Quote()
	of(x).verdict = &q
}

func verdict(x *read.Context, phase2 bool) {
	m := of(x)
	if m.verdict == nil {
		q := x.Quote()
		m.verdict = &q
	}
	settle(x, phase2)
}

func settle(x *read.Context, phase2 bool) {
	m := of(x)
	if m.verdict == nil {
		return
	}
	o := p1(diagnose.AllOffersRefused, 1)
	if phase2 {
		o = p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder)
	}
	o.Evidence = *m.verdict
	m.verdict = nil
	if s := x.Session; s != nil {
		stateOf(s).told = true
		if !phase2 && s.Role == diagnose.RoleUnknown {
			o.Role = diagnose.Responder
		}
	}
	tell(x, o)
}

// firstRefused is a message of phase 1 that cannot be used: when it is the first
// and nothing else was said, its offer, as a rule.
func firstRefused(x *read.Context, _ *read.Match) {
	m := of(x)
	text := string(x.Text)
	first := strings.Contains(text, "(side: 1, status 1)") || strings.Contains(text, "(side: 1, status: 1)")
	if s := x.Session; m.verdict == nil && first && (s == nil || !stateOf(s).told) {
		q := x.Quote()
		m.verdict = &q
	}
	settle(x, false)
}

// rejected compares one of this end's proposals with one of the peer's.
func rejected(attr string) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		o := p1(diagnose.OfferRefused, 1)
		o.Attr, o.Wanted, o.Offered = attr, words(hit.Hole("wanted")), words(hit.Hole("rest"))
		if s := x.Session; s == nil || s.Role == diagnose.RoleUnknown {
			o.Role = diagnose.Responder
		}
		tell(x, o)
	}
}

// words are racoon's names in IOS's.
func words(s string) string {
	s = strings.TrimSpace(s)
	switch strings.ToUpper(s) {
	case "AES-CBC":
		return "aes"
	case "3DES-CBC":
		return "3des"
	case "DES-CBC":
		return "des"
	case "MD5":
		return "md5"
	case "SHA":
		return "sha"
	case "SHA256", "SHA2-256":
		return "sha256"
	case "SHA512", "SHA2-512":
		return "sha512"
	}
	for bits, group := range map[string]string{"768-bit": "1", "1024-bit": "2", "1536-bit": "5", "2048-bit": "14", "3072-bit": "15", "4096-bit": "16"} {
		if strings.HasPrefix(s, bits) {
			return group
		}
	}
	return s
}

func wrongMode(x *read.Context, hit *read.Match) {
	if peer := hit.Addr("peer"); peer.IsValid() {
		of(x).use(x, peer)
	}
	o := p1(diagnose.AggressiveMode, 1)
	o.Attr, o.Detail = diagnose.AttrMode, strings.ToLower(hit.Hole("detail"))+" mode is not allowed for this peer"
	if hit.Hole("detail") == "" {
		o.Detail = "exchange type " + hit.Hole("n")
	}
	tell(x, o)
}

func noConfiguration(x *read.Context, hit *read.Match) {
	o := p1(diagnose.NoConnection, 1)
	if peer := hit.Addr("peer"); peer.IsValid() {
		if s := x.Find(func(s *read.Session) bool { return s.Peer == peer }); s == nil {
			x.SetPeer(x.Fresh("with "+peer.String()), peer, netip.Addr{})
		} else {
			x.Session = s
		}
	}
	tell(x, o)
}

// incompatible is RouterOS's word for a first message that no configured peer is
// for: they have another exchange, method or version.
func incompatible(x *read.Context, _ *read.Match) {
	o := p1(diagnose.NoConnection, 1)
	o.Detail, o.Role = "no peer that is configured here takes such a message", diagnose.Responder
	tell(x, o)
}

// keys are about secrets, proofs and what the peer tells.
var keys = append([]read.Phrase{
	{Text: "couldn't find the proper pskey, try to get one by the peer's address", Quiet: true},
	{Text: "couldn't find the pskey for {rest}", Do: noKey},
	{Text: "couldn't find the pskey", Do: noKey},
	{Text: "identity not found for peer: {rest}", Do: noKey},
	{Text: "identity not found for server:{rest}", Do: noKey},
	{Text: "identity not found for responder:{rest}", Do: noOwnName},
	{Text: "can't find identity for peer: {rest}", Do: noKey},
	{Text: "{failed to get my CERT|failed to get private key|no ID nor CERT found|no cert defined}", Do: noCertificate},
	{Text: "{Public|Private} RSA key not found for {rest}", Do: noCertificate},
	{Text: "invalid length of payload", Do: unreadable},
	{Text: "ignore the packet, received unexpecting payload type", Do: unreadable},
	{Text: "possible cause: wrong password", Do: unreadable},
	{Text: "invalied padding len={n}", Do: unreadable},
	{Text: "HASH mismatched", Do: func(x *read.Context, _ *read.Match) { told(x); tell(x, p1(diagnose.HashMismatch, 0)) }},
	{Text: "ID mismatched", Do: wrongIdentity},
	{Text: "ID type mismatched. ID: {offered} CERT: {wanted}.", Do: wrongIdentity},
	{Text: "Expecting IP address type in main mode, but {offered}.", Do: wrongIdentity},
	{Text: "peer's ID does not match {rest}", Do: wrongIdentity},
	{Text: "ID value mismatched", Do: wrongIdentity},
	{Text: "no SIG payload was passed", Quiet: true},
	{Text: "Invalid SIG", Do: func(x *read.Context, _ *read.Match) { told(x); tell(x, p1(diagnose.SignatureInvalid, 5)) }},
}, notifies...)

func told(x *read.Context) {
	if s := x.Session; s != nil {
		stateOf(s).told = true
	}
}

func noKey(x *read.Context, hit *read.Match) {
	told(x)
	o := p1(diagnose.KeyMissing, 3)
	if o.Offered = strings.TrimRight(hit.Hole("rest"), ". "); o.Offered == "" {
		o.Offered = "the peer"
	}
	tell(x, o)
}

// noOwnName is a peer that calls this end, or itself, by a name that no identity
// here has.
func noOwnName(x *read.Context, hit *read.Match) {
	told(x)
	o := p1(diagnose.IdentityRefused, 5)
	o.Role = diagnose.Responder
	if _, peer, ok := strings.Cut(hit.Hole("rest"), "peer: "); ok {
		_, o.Offered, _ = strings.Cut(peer, ":")
		o.Offered = strings.TrimSpace(o.Offered)
	}
	tell(x, o)
}

// unreadable is an encrypted message that makes no sense.
func unreadable(x *read.Context, hit *read.Match) {
	s := x.Session
	sure := strings.Contains(hit.Text, "wrong password")
	if s == nil {
		if sure {
			tell(x, p1(diagnose.Undecryptable, 5))
		}
		return
	}
	st := stateOf(s)
	if st.unread && !s.Up {
		return
	}
	switch {
	case s.Up:
		tell(x, p2(diagnose.Malformed, 0, diagnose.RoleUnknown))
	case s.Role == diagnose.Initiator && s.Sent >= 5:
		st.unread, st.told = true, true
		o := p1(diagnose.RefusedUnread, 5)
		o.Detail = "cannot be decrypted"
		tell(x, o)
	case sure, s.Role == diagnose.Responder && s.Received >= 3:
		st.unread, st.told = true, true
		tell(x, p1(diagnose.Undecryptable, 5))
	case s.Role == diagnose.Responder && !st.aggressive:
		// without NAT discovery the log does not show the messages before
		st.unread, st.told = true, true
		tell(x, p1(diagnose.Undecryptable, 5))
	default:
		tell(x, p1(diagnose.Malformed, 0))
	}
}

// noCertificate is an end that has nothing to prove itself with.
func noCertificate(x *read.Context, _ *read.Match) {
	told(x)
	tell(x, p1(diagnose.ProofMissing, 5))
}

func wrongIdentity(x *read.Context, hit *read.Match) {
	told(x)
	o := x.Fill(hit)
	o.Kind, o.Phase, o.Message = diagnose.IdentityRefused, diagnose.Phase1, 5
	tell(x, o)
}

// errors are the notifies that refuse something.
var errors = []string{
	"NO-PROPOSAL-CHOSEN", "INVALID-ID-INFORMATION", "AUTHENTICATION-FAILED", "INVALID-KEY-INFORMATION", "INVALID-HASH-INFORMATION", "PAYLOAD-MALFORMED",
	"INVALID-PAYLOAD-TYPE", "UNEQUAL-PAYLOAD-LENGTHS", "INVALID-SIGNATURE", "INVALID-EXCHANGE-TYPE", "UNSUPPORTED-EXCHANGE-TYPE", "INVALID-MAJOR-VERSION",
	"ATTRIBUTES-NOT-SUPPORTED", "BAD-PROPOSAL-SYNTAX", "INVALID-TRANSFORM-ID", "INVALID-CERTIFICATE", "INVALID-CERT-AUTHORITY", "INVALID-COOKIE", "INVALID-SPI",
}

var notifies = func() (all []read.Phrase) {
	for _, name := range errors {
		do := func(x *read.Context, hit *read.Match) { notified(x, name, hit) }
		under := strings.ReplaceAll(name, "-", "_")
		for _, text := range []string{
			"notification {" + name + "} received in", "notification message {n}:" + name, "fatal " + name + " notify mes", "notify: " + name, "got fatal error: " + under, "error: " + under,
		} {
			all = append(all, read.Phrase{Text: strings.ReplaceAll(text, "{"+name+"}", name), Do: do})
		}
	}
	return all
}()

// notified is an error that the peer tells.
func notified(x *read.Context, name string, hit *read.Match) {
	s := x.Session
	text := string(x.Text)
	if s != nil && stateOf(s).told && !s.Up && !strings.Contains(text, "fatal") {
		// the same error in other words
		if strings.Contains(text, "received in") {
			return
		}
	}
	o := p1(diagnose.NotifyReceived, 0)
	o.Detail = name
	if m := of(x); strings.Contains(hit.Text, "fatal") && (s == nil || s.Sent+s.Received == 0 && !s.Up && !stateOf(s).quick) {
		o.Evidence = x.Quote()
		m.fatal = &o // the next line may say of which phase
		return
	} else if strings.Contains(hit.Text, "notification message") {
		m.fatal = nil
	}
	switch {
	case name == "INVALID-COOKIE" || name == "INVALID-SPI":
		o.Kind, o.Phase = diagnose.InvalidSPITold, diagnose.PhaseLife
	case strings.Contains(text, "proto_id=3") || strings.Contains(text, "proto_id=ESP"), s != nil && (s.Up || stateOf(s).quick):
		o.Phase, o.Authentic, o.Role = diagnose.Phase2, true, diagnose.Initiator
	case s != nil:
		o.Message = s.Sent
		stateOf(s).told = true
	}
	tell(x, o)
}
