package pluto

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func p2(kind diagnose.Kind, message int, role diagnose.Role) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: message, Role: role}
}

// quick is about quick modes.
var quick = []read.Phrase{
	{Text: "initiating Quick Mode", Do: initiateQuick},
	{Text: "sent Quick Mode request", Do: func(x *read.Context, _ *read.Match) { quickAt(x, "QUICK_I1", 1) }},
	{Text: "responding to Quick Mode proposal", Do: respondQuick},
	{Text: "the peer proposed: {rest}", Do: proposed},
	{Text: "IPsec SA established", Do: ipsecUp},
	{Text: "cannot respond to IPsec SA request because no connection is known for {rest}", Do: noNetworks},
	{Text: "Quick Mode request rejected; connection has no remote client selector", Do: refuseProxies},
	{Text: "peer proposal was {rejected|reject} in a virtual connection policy", Do: refuseProxies},
	{Text: "ID payload in Quick I1, {what} unacceptable", Do: refuseProxies},
	{Text: "no IKEv2 connection found with compatible Traffic Selectors", Do: refuseProxies},
	{Text: "Child SA's Traffic Selector request {what} does not match {rest}", Do: refuseProxies},
	{Text: "Child SA's Traffic Selector response {what} does not fit the proposal", Do: answerDiffers},
	{Text: "subnet returned does not match my self-proposal", Do: answerDiffers},
	{Text: "Quick Mode request rejected, peer requested lease of {addr} but it is unavailable", Do: func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig, Role: diagnose.Responder})
	}},
	{Text: "client ID returned doesn't match my proposal", Do: answerDiffers},
	{Text: "client subnet returned doesn't match my proposal", Do: answerDiffers},
	{Text: "subnet returned does not match my proposal", Do: answerDiffers},
	{Text: "peer returned port doesn't match my proposal", Do: answerDiffers},
	{Text: "peer returned protocol id does not match my proposal", Do: answerDiffers},
	{Text: "IDci, IDcr payloads missing in message but default does not match proposal", Do: answerDiffers},
	{Text: "we require PFS but Quick I1 SA specifies no GROUP_DESCRIPTION", Do: noPFS},
	{Text: "GROUP_DESCRIPTION inconsistent with that of", Do: noPFS},
	{Text: "OAKLEY_GROUP {offered} not supported for PFS", Do: noPFS},
	{Text: "missing KE payload in {message} message", Do: noPFS},
	{Text: "no acceptable Proposal in IPsec SA", Do: noProposal},
	{Text: "IPsec Transform [{offered}] refused", Do: transformRefused},
	{Text: "{ESP|AH} IPsec Transform refused: {rest}", Do: transformRefused},
	{Text: "unsupported ESP Transform {offered} from", Do: transformRefused},
	{Text: "unsupported ESP auth alg {offered} from", Do: transformRefused},
	{Text: "kernel algorithm does not like: {rest}", Do: transformRefused},
	{Text: "IPsec encryption transform {offered} did not specify required KEY_LENGTH attribute", Do: transformRefused},
	{Text: "ENCAPSULATION_MODE_{what} must only be used if NAT-Traversal is {rest}", Do: encapsulation},
	{Text: "incompatible with TRANSPORT mode -- refusing", Do: encapsulation},
	{Text: "Transport mode disabled due to security concerns", Do: encapsulation},
	{Text: "Quick Mode message is for a non-existent (expired?) ISAKMP SA", Do: stray},
	{Text: "Quick Mode message is for a non-existent (expired or deleted?) ISAKMP SA", Do: stray},
	{Text: "Quick Mode message is unacceptable because it is for an incomplete ISAKMP SA", Do: stray},
	{Text: "initiate on demand from {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p2(diagnose.Asked, 0, diagnose.Initiator)) }},
	{Text: "Cannot do Quick Mode until XAUTH done", Do: xauthSkipped},
	{Text: "state transition function for STATE_QUICK_{state} had internal error", Do: notInstalled},
	{Text: "policy dictates Transport Mode, but peer requested Tunnel Mode", Do: otherEncapsulation},
	{Text: "policy dictates Tunnel Mode, but peer requested Transport Mode", Do: otherEncapsulation},
	{Text: "IKE_AUTH response rejected Child SA with {name}", Do: childRefused},
	{Text: "{CREATE_CHILD_SA|CREATE_CHILD_SA response} failed with error notification {name}", Do: childRefused},
	{Text: "dropping unexpected ISAKMP_v2_{IKE_AUTH|CREATE_CHILD_SA} message containing {name} notification", Do: childRefused},
	{Text: "responding to {IKE_AUTH|CREATE_CHILD_SA} message {id} from {addr} with encrypted notification {name}", Do: refuseChild},
	{Text: "response for Child SA {n} was rejected with {name}; initiating delete", Do: childRefused},
	{Text: "incomplete IKE_AUTH response contains the Child SA error notification {name}", Do: childRefused},
	{Text: "cannot install eroute -- it is in use for {rest}", Do: occupied},
	{Text: "cannot install route: peer is within its client", Do: around},
}

// quickAt tells that a quick mode came to a state.
func quickAt(x *read.Context, name string, message int) {
	m := of(x)
	st := m.now
	if st == nil {
		return
	}
	if !st.quick {
		m.under(x, st, "")
	}
	if message <= st.message {
		return
	}
	st.message = message
	kind := diagnose.MessageSent
	if name == "QUICK_R0" || name == "QUICK_R2" {
		kind = diagnose.MessageReceived
	}
	tell(x, p2(kind, max(1, message), quickRole(name)))
}

func initiateQuick(x *read.Context, _ *read.Match) {
	m := of(x)
	m.ended = ""
	text := string(x.Text)
	if st := m.now; st != nil {
		parent := ""
		if at := strings.Index(text, "isakmp#"); at >= 0 {
			rest := text[at+len("isakmp#"):]
			parent = rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
		}
		m.under(x, st, parent)
		if at := strings.Index(text, "==="); at > 0 {
			st.pair = pairOf(text[strings.LastIndexByte(text[:at], ' ')+1:])
		}
	}
	if s := x.Session; s != nil && !s.Up {
		s.Up = true // it has to be, though the log does not say so
	}
	quickAt(x, "QUICK_I1", 1)
}

func respondQuick(x *read.Context, _ *read.Match) {
	m := of(x)
	if st := m.now; st != nil {
		if !st.quick {
			m.under(x, st, "")
		}
		st.message = 1
	}
	tell(x, p2(diagnose.MessageReceived, 1, diagnose.Responder))
}

// proposed is "the peer proposed: 10.1.0.0/16:0/0 -> 10.2.0.0/16:0/0", this end's
// network first.
func proposed(x *read.Context, hit *read.Match) {
	if st := of(x).now; st != nil {
		st.pair = pairOf(hit.Hole("rest"))
	}
}

// pairOf reads the networks of two ends: "A===x...y===B", "A === B" or "A -> B".
func pairOf(text string) string {
	var local, remote string
	switch {
	case strings.Contains(text, "..."):
		left, right, _ := strings.Cut(text, "...")
		local, remote = network(left, true), network(right, false)
	case strings.Contains(text, "->"):
		l, r, _ := strings.Cut(text, "->")
		local, remote = network(l, true), network(r, true)
	case strings.Contains(text, "==="):
		l, r, _ := strings.Cut(text, "===")
		local, remote = network(l, true), network(r, true)
	}
	if local == "" || remote == "" {
		return ""
	}
	return local + " - " + remote
}

// network is the outermost part of one end: the first one, or the last.
func network(end string, first bool) string {
	parts := strings.Split(strings.TrimSpace(end), "===")
	at := parts[len(parts)-1]
	if first {
		at = parts[0]
	}
	f := strings.Fields(at)
	if len(f) == 0 {
		return ""
	}
	at = f[len(f)-1]
	if !first || len(parts) > 1 {
		at = f[0]
	}
	if cut := strings.IndexAny(at, "<["); cut > 0 {
		at = at[:cut]
	}
	if cut := strings.Index(at, ":"); cut > 0 && strings.Count(at, ":") == 1 {
		at = at[:cut]
	}
	at = strings.TrimRight(at, ".,;}")
	if at == "" || at[0] < '0' || at[0] > '9' {
		return ""
	}
	if !strings.Contains(at, "/") {
		at += "/32"
	}
	return at
}

func noNetworks(x *read.Context, hit *read.Match) {
	text := hit.Hole("rest")
	if _, right, ok := strings.Cut(text, "..."); ok {
		host, _, _ := strings.Cut(right, "===")
		if cut := strings.IndexAny(host, "<["); cut > 0 {
			host = host[:cut]
		}
		if s := x.Session; s != nil {
			x.SetPeer(s, read.Addr(host), s.Local)
		}
	}
	o := p2(diagnose.ProxyRefused, 1, diagnose.Responder)
	o.Pair = pairOf(text)
	tell(x, o)
}

func refuseProxies(x *read.Context, _ *read.Match) {
	tell(x, p2(diagnose.ProxyRefused, 1, diagnose.Responder))
}

func answerDiffers(x *read.Context, _ *read.Match) {
	tell(x, p2(diagnose.ProxyRefused, 2, diagnose.Initiator))
}

func noPFS(x *read.Context, hit *read.Match) {
	o := p2(diagnose.PFSRefused, 1, diagnose.Responder)
	o.Attr, o.Offered = diagnose.AttrGroup, hit.Hole("offered")
	if o.Offered != "" {
		o.Wanted = "another one"
	}
	tell(x, o)
}

// transformRefused keeps a refusal until the verdict: another transform may do.
func transformRefused(x *read.Context, _ *read.Match) {
	q := x.Quote()
	of(x).refused = &q
}

func noProposal(x *read.Context, _ *read.Match) {
	m := of(x)
	if m.refused != nil {
		o := p2(diagnose.TransformRefused, 1, diagnose.Responder)
		o.Attr, o.Evidence = diagnose.AttrTransform, *m.refused
		tell(x, o)
		m.refused = nil
	}
	tell(x, p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder))
}

func encapsulation(x *read.Context, _ *read.Match) {
	o := p2(diagnose.TransformRefused, 1, diagnose.Responder)
	o.Attr, o.Offered = diagnose.AttrMode, "UDP or not"
	tell(x, o)
}

// notInstalled is a quick mode that both ends agreed on, and that this host could not
// install: its kernel, or the script that sets the routes, failed.
func notInstalled(x *read.Context, _ *read.Match) {
	o := p2(diagnose.SupportMissing, 0, diagnose.RoleUnknown)
	o.Detail = "the IPsec SAs that were agreed on could not be installed"
	tell(x, o)
}

func otherEncapsulation(x *read.Context, _ *read.Match) {
	o := p2(diagnose.TransformRefused, 1, diagnose.RoleUnknown)
	o.Attr = diagnose.AttrMode
	tell(x, o)
}

// childRefused is IKEv2's answer to the offer of a tunnel.
func childRefused(x *read.Context, hit *read.Match) {
	o := p2(diagnose.NotifyReceived, 1, diagnose.Initiator)
	o.Authentic = true
	switch strings.TrimPrefix(hit.Hole("name"), "v2N_") {
	case "NO_PROPOSAL_CHOSEN":
		o.Detail = "NO-PROPOSAL-CHOSEN"
	case "TS_UNACCEPTABLE":
		o.Detail = "INVALID-ID-INFORMATION"
	case "INVALID_SYNTAX":
		o.Detail = "INVALID-SYNTAX"
	default:
		return
	}
	tell(x, o)
}

// refuseChild is this end's answer to such an offer.
func refuseChild(x *read.Context, hit *read.Match) {
	switch strings.TrimPrefix(strings.Trim(hit.Hole("name"), ". "), "v2N_") {
	case "NO_PROPOSAL_CHOSEN":
		tell(x, p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder))
	case "TS_UNACCEPTABLE":
		refuseProxies(x, hit)
	}
}

// occupied is a tunnel for networks that another connection has a tunnel for.
func occupied(x *read.Context, _ *read.Match) {
	o := p2(diagnose.Quirk, 0, diagnose.RoleUnknown)
	o.Detail = "another connection has a tunnel for the same networks, and this end keeps one only"
	tell(x, o)
}

// around is a tunnel for networks that the peer itself is in.
func around(x *read.Context, _ *read.Match) {
	o := p2(diagnose.Quirk, 0, diagnose.RoleUnknown)
	o.Detail = "the networks of the tunnel include the peer's own address, which this end cannot lead around it"
	tell(x, o)
}

func stray(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.StrayQuickMode, Phase: diagnose.PhaseLife})
}

func ipsecUp(x *read.Context, _ *read.Match) {
	m := of(x)
	if st := m.now; st != nil {
		if !st.quick {
			m.under(x, st, "")
		}
		if st.up {
			return
		}
		st.up, st.message = true, 3
	}
	m.refused = nil
	tell(x, p2(diagnose.Phase2Up, 0, diagnose.RoleUnknown))
}

func xauthSkipped(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "this end asks for a user, and the peer goes on without"})
}
