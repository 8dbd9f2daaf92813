package racoon

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase2 is about quick modes.
var phase2 = []read.Phrase{
	{Text: "initiate new phase 2 negotiation: {local}<=>{peer}", Do: quickBegins(diagnose.Initiator)},
	{Text: "respond new phase 2 negotiation: {local}<=>{peer}", Do: quickBegins(diagnose.Responder)},
	{Text: "IPsec-SA established: {proto} {from}->{to} spi={rest}", Do: ipsecUp},
	{Text: "IPsec-SA request for {peer} queued due to no phase1 found", Do: queued},
	{Text: "request for establishing IPsec-SA was queued due to no phase1 found", Do: queued},
	{Text: "phase2 negotiation failed due to time up waiting for phase1. {proto} {peer}->{local}", Do: waited},
	{Text: "phase2 negotiation failed due to time up waiting for phase1", Do: waited},
	{Text: "phase2 negotiation failed due to time up", Do: quickTimeUp},
	{Text: "give up to get IPsec-SA due to time up to wait", Do: quickTimeUp},
	{Text: "phase2 negotiation failed due to send error", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SendRefused, 0)) }},
	{Text: "phase2 negotiation failed", Do: quickFailed},
	{Text: "failed to get sainfo", Do: noSainfo},
	{Text: "no policy found: {rest}", Do: noPolicy},
	{Text: "no policy found, try to generate the policy", Quiet: true},
	{Text: "no template matches", Do: noSainfo},
	{Text: "no policy found/generated", Do: noSainfo},
	{Text: "mismatched {IDci|IDcr|ID} was returned", Do: func(x *read.Context, _ *read.Match) { tell(x, p2(diagnose.ProxyRefused, 2, diagnose.Initiator)) }},
	{Text: "PFS is specified, but peer doesn't sends KE", Do: pfs},
	{Text: "no PFS is specified, but peer sends KE", Do: pfs},
	{Text: "pfs group mismatched: my:{wanted} peer:{offered}", Do: pfs},
	{Text: "pfs_group mismatch. mine:{wanted} peer:{offered}", Do: pfs},
	{Text: "trns_id mismatched: my:{wanted} peer:{offered}", Do: transform(diagnose.AttrTransform)},
	{Text: "trns_id mismatched", Do: transform(diagnose.AttrTransform)},
	{Text: "authtype mismatched: my:{wanted} peer:{offered}", Do: transform(diagnose.AttrIntegrity)},
	{Text: "authtype mismatched", Do: transform(diagnose.AttrIntegrity)},
	{Text: "encmode mismatched: my:{wanted} peer:{offered}", Do: transform(diagnose.AttrMode)},
	{Text: "encmode mismatched", Do: transform(diagnose.AttrMode)},
	{Text: "key length mismatched, mine:{wanted} peer:{offered}", Do: transform(diagnose.AttrKeyLength)},
	{Text: "low key length proposed, mine:{wanted} peer:{offered}", Do: transform(diagnose.AttrKeyLength)},
	{Text: "proto_id mismatched: my:{wanted} peer:{offered}", Do: transform(diagnose.AttrProtocol)},
	{Text: "proto_id mismatched", Do: transform(diagnose.AttrProtocol)},
	{Text: "no compatible transform found for {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder)) }},
	{Text: "no suitable policy found", Do: func(x *read.Context, _ *read.Match) { tell(x, p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder)) }},
	{Text: "{IDci|IDcr} prefix/ulproto does not match proposal", Do: func(x *read.Context, _ *read.Match) { tell(x, p2(diagnose.ProxyRefused, 2, diagnose.Initiator)) }},
	{Text: "can't start the quick mode, there is no {ISAKMP-SA|valid ISAKMP-SA}", Do: stray},
	{Text: "the negotiation is stopped, because there is no suitable ISAKMP-SA", Do: stray},
	{Text: "lifetime mismatched: my:{a} peer:{b}", Tell: diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.Phase2}},
	{Text: "RESPONDER-LIFETIME: lifetime mismatch", Tell: diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.Phase2}},
	{Text: "attribute has been modified", Quiet: true},
}

func quickBegins(role diagnose.Role) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		peer := hit.Addr("peer")
		if peer.IsValid() {
			of(x).use(x, peer)
		}
		s := x.Session
		if s == nil {
			return
		}
		s.Up = true // a quick mode needs it
		st := stateOf(s)
		st.quick, st.told, st.unread, st.kernel, st.pair = true, false, false, false, ""
		if role == diagnose.Initiator {
			tell(x, p2(diagnose.MessageSent, 1, role))
		} else {
			tell(x, p2(diagnose.MessageReceived, 1, role))
		}
	}
}

func ipsecUp(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		st := stateOf(s)
		if st.told = true; st.kernel {
			return // one direction alone is no tunnel
		}
	}
	tell(x, p2(diagnose.Phase2Up, 0, diagnose.RoleUnknown))
}

func queued(x *read.Context, hit *read.Match) {
	o := p2(diagnose.Asked, 0, diagnose.Initiator)
	if peer := hit.Addr("peer"); peer.IsValid() {
		o.Peer = peer
	}
	x.TellApart(o)
}

// waited is traffic that has waited for phase 1 in vain.
func waited(x *read.Context, hit *read.Match) {
	if peer := hit.Addr("peer"); peer.IsValid() {
		of(x).use(x, peer)
	}
	s := x.Session
	if s == nil || s.Up || s.Role == diagnose.Responder || stateOf(s).told {
		return
	}
	s.Role = diagnose.Initiator
	step(x, max(1, s.Sent), s.Received)
	tell(x, p1(diagnose.GaveUp, s.Sent))
}

func quickTimeUp(x *read.Context, _ *read.Match) {
	tell(x, p2(diagnose.GaveUp, 1, diagnose.Initiator))
}

func quickFailed(x *read.Context, _ *read.Match) {
	if of(x).verdict != nil {
		settle(x, true)
		return
	}
	if s := x.Session; s != nil && stateOf(s).told {
		return
	}
	tell(x, p2(diagnose.QuickFailed, 0, diagnose.RoleUnknown))
}

func noSainfo(x *read.Context, _ *read.Match) {
	told(x)
	role := diagnose.Responder
	tell(x, p2(diagnose.ProxyRefused, 1, role))
}

// noPolicy is "no policy found: 10.2.0.0/24[0] 10.1.0.0/24[0] proto=any dir=in":
// the peer's network first.
func noPolicy(x *read.Context, hit *read.Match) {
	told(x)
	o := p2(diagnose.ProxyRefused, 1, diagnose.Responder)
	if f := strings.Fields(hit.Hole("rest")); len(f) > 1 {
		remote, _, _ := strings.Cut(f[0], "[")
		local, _, _ := strings.Cut(f[1], "[")
		o.Pair = local + " - " + remote
	}
	tell(x, o)
}

func pfs(x *read.Context, hit *read.Match) {
	told(x)
	o := p2(diagnose.PFSRefused, 1, diagnose.Responder)
	o.Attr, o.Wanted, o.Offered = diagnose.AttrGroup, number(hit.Hole("wanted")), number(hit.Hole("offered"))
	tell(x, o)
}

// number is a group; none is 0.
func number(s string) string {
	if s = strings.TrimRight(s, "."); s == "0" {
		return ""
	}
	return s
}

func transform(attr string) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		told(x)
		o := p2(diagnose.TransformRefused, 1, diagnose.Responder)
		o.Attr, o.Wanted, o.Offered = attr, strings.TrimRight(hit.Hole("wanted"), "."), strings.TrimRight(hit.Hole("offered"), ".")
		tell(x, o)
	}
}

func stray(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.StrayQuickMode, Phase: diagnose.PhaseLife})
}
