package strongswan

import (
	"cmp"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// exchanges are the lines of the parser and the generator: one a message, with
// its payloads.
var exchanges = func() (all []read.Phrase) {
	for _, name := range []string{"ID_PROT", "AGGRESSIVE", "QUICK_MODE", "TRANSACTION", "INFORMATIONAL_V1", "IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA", "INFORMATIONAL"} {
		for _, verb := range []string{"parsed", "generating"} {
			sent := verb == "generating"
			all = append(all, read.Phrase{Text: verb + " " + name + " {kind} {id} [{rest}", Do: func(x *read.Context, hit *read.Match) {
				message{
					exchange: name, sent: sent, request: hit.Hole("kind") == "request",
					payloads: strings.Fields(strings.Trim(hit.Hole("rest"), "[] ")),
				}.take(x)
			}})
		}
	}
	return append(all,
		read.Phrase{Text: "{ID_PROT|AGGRESSIVE} {kind} with message ID {id} processing failed", Quiet: true},
		read.Phrase{Text: "{QUICK_MODE|TRANSACTION|INFORMATIONAL_V1|IKE_SA_INIT|IKE_AUTH|CREATE_CHILD_SA|INFORMATIONAL} {kind} with message ID {id} processing failed", Quiet: true},
	)
}()

// message is one of an exchange.
type message struct {
	exchange      string
	sent, request bool
	payloads      []string
}

func (m message) has(payload string) bool {
	for _, p := range m.payloads {
		if p == payload {
			return true
		}
	}
	return false
}

func (m message) hasPrefix(prefix string) bool {
	return slices.ContainsFunc(m.payloads, func(p string) bool { return strings.HasPrefix(p, prefix) })
}

// phase1Number is the message's number in main or aggressive mode; that of
// IKEv2's messages is the one of main mode that does the same.
func (m message) phase1Number() int {
	response := 0
	if !m.request {
		response = 1
	}
	switch m.exchange {
	case "ID_PROT", "AGGRESSIVE":
		switch {
		case m.has("SA"):
			return 1 + response
		case m.exchange == "AGGRESSIVE":
			return 3
		case m.has("KE"):
			return 3 + response
		case m.has("ID"):
			return 5 + response
		}
	case "IKE_SA_INIT":
		switch {
		case !m.has("SA"):
			return 0
		case m.request && m.sent:
			return 1
		case m.request:
			return 3
		}
		return 4
	case "IKE_AUTH":
		return 5 + response
	}
	return 0
}

// take is a message that was sent or received.
func (m message) take(x *read.Context) {
	switch m.exchange {
	case "ID_PROT", "AGGRESSIVE", "IKE_SA_INIT", "IKE_AUTH":
		m.takePhase1(x)
	case "QUICK_MODE", "CREATE_CHILD_SA":
		if m.sent && m.request && m.has("SA") {
			m.keepGroup(x)
		}
		m.takePhase2(x)
	case "TRANSACTION":
		m.takeAddress(x)
	case "INFORMATIONAL_V1":
		m.takeQuestion(x)
	}
	if !m.sent {
		m.takeNotify(x)
		return
	}
	if x.Session != nil {
		if told := stateOf(x.Session).key; told != nil && m.has("N(INVAL_KE)") {
			missing(x)
		}
	}
}

func (m message) takePhase1(x *read.Context) {
	number := m.phase1Number()
	if number == 0 {
		return
	}
	s := m.sessionOf(x, number)
	st := stateOf(s)
	st.v2, st.parsed = strings.HasPrefix(m.exchange, "IKE_"), true
	st.aggressive = m.exchange == "AGGRESSIVE"
	s.Aggressive = st.aggressive
	if m.request == m.sent {
		s.Role = diagnose.Initiator
	} else {
		s.Role = diagnose.Responder
	}
	if st.key != nil && m.sent {
		st.key = nil // another key was found
	}
	st.last = x.Quote()
	o := diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase1, Message: number}
	if st.aggressive {
		o.Detail = diagnose.InAggressiveMode
	}
	if m.sent {
		o.Kind = diagnose.MessageSent
		s.Sent = max(s.Sent, number)
	} else {
		s.Received = max(s.Received, number)
	}
	x.Tell(o)
}

// sessionOf finds or makes the SA of a message of phase 1. A first message that
// comes begins another negotiation.
func (m message) sessionOf(x *read.Context, number int) *read.Session {
	mem := of(x)
	s := x.Session
	first := m.request && !m.sent && (number == 1 || m.exchange == "IKE_SA_INIT")
	switch {
	case s != nil && (mem.named || !first):
		return s
	case s != nil && !s.Up && s.Role != diagnose.Initiator && s.Sent+s.Received == 0:
		return s
	}
	s = mem.fresh(x, "from "+mem.peer.String())
	x.SetPeer(s, mem.peer, mem.local)
	return s
}

func (m message) takePhase2(x *read.Context) {
	s := x.Session
	if s == nil || len(m.payloads) == 0 {
		return
	}
	st := stateOf(s)
	number := 3
	switch {
	case m.exchange == "CREATE_CHILD_SA" && (!m.has("TSi") || strings.HasPrefix(strings.Join(m.payloads, " "), "N(")):
		return
	case m.has("SA") && m.request:
		number = 1
	case m.has("SA"):
		number = 2
	case m.has("HASH") && len(m.payloads) > 1:
		return
	}
	if number == 1 {
		st.pair = ""
	}
	st.quick, st.quickSent = number, m.sent
	o := diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase2, Message: number, Pair: st.pair, Role: quickRole(m)}
	if m.sent {
		o.Kind = diagnose.MessageSent
	}
	x.Tell(o)
}

// takeQuestion is dead peer detection, asked and answered.
func (m message) takeQuestion(x *read.Context) {
	s := x.Session
	switch {
	case s == nil || !s.Up:
	case m.sent && m.has("N(DPD)"):
		x.Tell(diagnose.Observation{Kind: diagnose.DPDUnanswered, Phase: diagnose.PhaseLife})
	case !m.sent && m.has("N(DPD_ACK)"):
		x.Tell(diagnose.Observation{Kind: diagnose.DPDAnswered, Phase: diagnose.PhaseLife})
	}
}

// keepGroup remembers whether this end's offer for phase 2 has a group.
func (m message) keepGroup(x *read.Context) {
	of(x).group = m.has("KE")
	if s := x.Session; s != nil {
		stateOf(s).group = of(x).group
	}
}

// offersGroup says whether the last offer did that a refusal may be about.
func offersGroup(x *read.Context) bool {
	if s := x.Session; s != nil && stateOf(s).quick > 0 {
		return stateOf(s).group
	}
	return of(x).group
}

// quickRole is the part that this end plays in a quick mode: either end may
// begin one.
func quickRole(m message) diagnose.Role {
	if m.request == m.sent {
		return diagnose.Initiator
	}
	return diagnose.Responder
}

// notifies are charon's short names of errors.
var notifies = map[string]string{
	"NO_PROP": "NO-PROPOSAL-CHOSEN", "AUTH_FAILED": "AUTHENTICATION-FAILED", "INVAL_ID": "INVALID-ID-INFORMATION",
	"INVAL_KE": "INVALID-KEY-INFORMATION", "INVAL_HASH": "INVALID-HASH-INFORMATION", "PLD_MAL": "PAYLOAD-MALFORMED",
	"INVAL_MAJOR": "INVALID-MAJOR-VERSION", "ATTR_UNSUP": "ATTRIBUTES-NOT-SUPPORTED", "INVAL_SPI": "INVALID-SPI",
	"INVAL_IKE_SPI": "INVALID-COOKIE", "INVAL_CERT": "INVALID-CERTIFICATE", "INVAL_CA": "INVALID-CERT-AUTHORITY",
	"INVAL_CERTEN": "INVALID-CERT-ENCODING", "CERT_UNSUP": "CERT-TYPE-UNSUPPORTED", "TS_UNACCEPT": "TS-UNACCEPTABLE",
	"INVAL_SYN": "INVALID-SYNTAX", "INT_ADDR_FAIL": "INTERNAL-ADDRESS-FAILURE", "FAIL_CP_REQ": "FAILED-CP-REQUIRED", "INVAL_MID": "INVALID-MESSAGE-ID",
	"SINGLE_PAIR": "SINGLE-PAIR-REQUIRED", "NO_ADD_SAS": "NO-ADDITIONAL-SAS", "INVAL_EXCH": "INVALID-EXCHANGE-TYPE", "CRIT": "UNSUPPORTED-CRITICAL-PAYLOAD",
}

// numbered are the errors of RFC 2408 that charon has no name for and prints as
// "(29)".
var numbered = map[string]string{
	"(1)": "INVALID-PAYLOAD-TYPE", "(6)": "INVALID-MINOR-VERSION", "(10)": "INVALID-PROTOCOL-ID", "(12)": "INVALID-TRANSFORM-ID", "(15)": "BAD-PROPOSAL-SYNTAX",
	"(25)": "INVALID-SIGNATURE", "(28)": "CERTIFICATE-UNAVAILABLE", "(29)": "UNSUPPORTED-EXCHANGE-TYPE", "(30)": "UNEQUAL-PAYLOAD-LENGTHS",
}

// takeNotify tells an error that a message bears.
func (m message) takeNotify(x *read.Context) {
	for _, p := range m.payloads {
		short, ok := strings.CutPrefix(strings.TrimSuffix(p, ")"), "N(")
		name := cmp.Or(notifies[short], numbered[short])
		if !ok || name == "" {
			continue
		}
		if m.exchange == "IKE_SA_INIT" && short == "INVAL_KE" {
			continue // asks for another group, which charon then offers
		}
		name = version1(name, m.exchange != "INFORMATIONAL_V1")
		encrypted := m.has("HASH") || m.exchange == "IKE_AUTH" || m.exchange == "CREATE_CHILD_SA"
		if x.Session == nil {
			mem := of(x)
			if mem.peer.IsValid() {
				s := mem.use(x, "from "+mem.peer.String())
				x.SetPeer(s, mem.peer, mem.local)
			}
		}
		if x.Session != nil {
			stateOf(x.Session).notify = name
		} else {
			of(x).notify = name
		}
		tellNotify(x, name, encrypted, m.exchange)
		return
	}
}

// tellNotify tells an error of the peer's, which is about quick mode once phase 1
// is up.
func tellNotify(x *read.Context, name string, encrypted bool, exchange string) {
	o := diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: diagnose.Phase1, Detail: name, Authentic: encrypted}
	s := x.Session
	up, asked := false, false
	unknown := s == nil // the log begins behind phase 1
	if s != nil {
		st := stateOf(s)
		unknown = exchange == "INFORMATIONAL_V1" && s.Sent+s.Received == 0
		up, asked = s.Up, st.quick > 0
		o.Pair = st.pair
	}
	if name == "NO-PROPOSAL-CHOSEN" && (exchange == "IKE_SA_INIT" || exchange == "" && s != nil && stateOf(s).v2 && s.Sent < 5) {
		o.Attr = diagnose.AttrProtocol
	}
	if name == "AUTHENTICATION-FAILED" && (exchange == "IKE_AUTH" || exchange == "" && s != nil && stateOf(s).v2) {
		o.Attr = diagnose.AttrProtocol // IKEv2's keys say nothing of the pre-shared one
	}
	switch {
	case name == "INVALID-SPI" || name == "INVALID-COOKIE":
		o.Kind, o.Phase = diagnose.InvalidSPITold, diagnose.PhaseLife
	case name == "TS-UNACCEPTABLE" || name == "SINGLE-PAIR-REQUIRED":
		o.Phase, o.Detail = diagnose.Phase2, "INVALID-ID-INFORMATION"
	case name == "INTERNAL-ADDRESS-FAILURE" || name == "FAILED-CP-REQUIRED":
		o.Kind, o.Phase, o.Detail = diagnose.PoolEmpty, diagnose.PhaseConfig, "the peer says "+strings.ReplaceAll(name, "-", "_")
	case up || asked, unknown && encrypted && name != "AUTHENTICATION-FAILED", exchange == "CREATE_CHILD_SA":
		o.Phase = diagnose.Phase2
	case exchange == "IKE_AUTH" && name == "NO-PROPOSAL-CHOSEN":
		o.Phase = diagnose.Phase2 // IKEv2 makes the first tunnel by the same message
	}
	if o.Phase == diagnose.Phase2 && o.Detail == "NO-PROPOSAL-CHOSEN" && offersGroup(x) {
		o.Attr = diagnose.AttrGroup
	}
	if o.Phase == diagnose.Phase1 {
		o.Pair = ""
		if s != nil {
			o.Message = s.Sent
		}
	} else {
		o.Role = diagnose.Initiator
	}
	x.Tell(o)
}
