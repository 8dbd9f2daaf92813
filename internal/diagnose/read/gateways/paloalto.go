package gateways

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// paloAlto is PAN-OS, in its system log and ikemgr.log.
func paloAlto() *read.Vendor {
	return table("Palo Alto", []string{"ikemgr", "IKE phase-1", "IKE phase-2", "ike-nego-p", "ike-recv-"}, read.Join([]read.Phrase{
		says("IKE phase-1 negotiation is failed. no suitable proposal found in peer's SA payload", offersRefused),
		says("IKE phase-1 negotiation is failed. Couldn't find configuration for IKE phase-1 request for peer IP {peer}", noConnection),
		says("Couldn't find configuration for IKE phase-1 request", noConnection),
		says("When pre-shared key is used, peer-ID must be type IP address", wrongIdentity),
		says("peer identifier {rest} does not match", wrongIdentity),
		says("likely pre-shared key mismatch", keyDiffers),
		says("likely due to pre-shared key mismatch", keyDiffers),
		says("possibly wrong pre-shared key", keyDiffers),
		{Text: "IKE phase-1 negotiation is failed as {role}, {mode} mode. Failed SA: {local}-{peer} cookie:{i}:{r}. Due to {rest}", Do: failed},
		{Text: "IKE phase-1 negotiation is failed as {role}, {mode} mode. Failed SA: {local}-{peer} cookie:{i}:{r} due to {rest}", Do: failed},
		{Text: "IKE phase-1 negotiation is failed as {role}, {mode} mode. Failed SA: {local}-{peer} cookie:{i}:{r}. due to {rest}", Do: failed},
		{Text: "IKE phase-1 negotiation is failed", Quiet: true},
		says("IKE phase-1 negotiation is succeeded", phase1Up),
		says("cannot find matching phase-2 tunnel for received proxy ID", proxiesRefused),
		says("IKE phase-2 negotiation failed when processing proxy ID", proxiesRefused),
		says("IKE phase-2 negotiation failed when processing SA payload. no suitable proposal found", offer2Refused),
		unanswered2("IKE phase-2 negotiation is failed as {role}, quick mode. Failed SA: {rest}"),
		says("IKE phase-2 negotiation is succeeded", phase2Up),
		says("pfs group mismatched: my:{wanted} peer: {offered}", pfsRefused),
		says("pfs group mismatched: my: {wanted} peer: {offered}", pfsRefused),
		says("IKE phase-1 SA is down determined by DPD", peerDead),
		says("unknown ikev2 peer", noConnection),
		says("IKEv2 IKE SA negotiation is failed", p1(diagnose.ExchangeFailed, 0)),
		says("IKEv2 IKE SA negotiation is failed{}no suitable proposal found", offersRefused),
		says("IKEv2 child SA negotiation {is failed|failed}", p2(diagnose.QuickFailed, 1)),
		says("IKEv2 child SA negotiation {is failed|failed}{}no suitable proposal found", offer2Refused),
		says("for received traffic selector", proxiesRefused),
		{Text: "ikev2-nego-child-start", Quiet: true},
		says("exchange {Identity Protection|Aggressive} not allowed in any applicable rmconf", otherMode),
	}, notifies("IKE protocol notification message received: NAME", "notification message {n}:NAME", "received notify type NAME", "unauthenticated notify payload (NAME", "unauthenticated NAME")), "]-", "peer IP ", "peer ")
}

// failed is a negotiation of phase 1 that timed out: the cookies say whether the
// peer has answered.
func failed(x *read.Context, hit *read.Match) {
	peer := hit.Addr("peer")
	s := x.With(peer)
	x.SetPeer(s, peer, hit.Addr("local"))
	if !strings.Contains(hit.Hole("rest"), "timeout") {
		x.Tell(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: hit.Hole("rest")})
		return
	}
	role := diagnose.Initiator
	if hit.Hole("role") == "responder" {
		role = diagnose.Responder
	}
	if s != nil {
		s.Role = role
	}
	sent, received := 1, 0
	switch {
	case role == diagnose.Responder:
		sent, received = 2, 1
	case strings.Trim(hit.Hole("r"), "0") != "":
		sent, received = 5, 4 // what fails behind an answer is the proof, as a rule
	}
	if received > 0 {
		x.Tell(p1(diagnose.MessageReceived, received))
	}
	x.Tell(p1(diagnose.MessageSent, sent))
	x.Tell(p1(diagnose.GaveUp, sent))
}
