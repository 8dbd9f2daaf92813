package gateways

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// shrew is the log of Shrew Soft's daemon, and what its client tells the user.
func shrew() *read.Vendor {
	return table("Shrew Soft", []string{"ii : ", "!! : ", "<A> : ", "DB : ", "-> : ", "gateway is not responding"}, read.Join([]read.Phrase{
		silent("resend limit exceeded for phase1 exchange"),
		silent("negotiation timout occurred"),
		unanswered2("resend limit exceeded for phase2 exchange"),
		says("resend limit exceeded for config exchange", diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig}),
		says("user authentication error", userRefused),
		says("gateway authentication error", p1(diagnose.HashMismatch, 2)),
		says("peer violates RFC, transform number mismatch", diagnose.Observation{Kind: diagnose.Quirk, Phase: diagnose.Phase1, Detail: "the peer numbers its transforms anew"}),
		{Text: "phase1 sa established", Do: shrewUp},
		{Text: "phase2 sa established", Tell: phase2Up},
		says("unable to locate inbound policy for init phase2", proxiesRefused),
		says("unable to locate responder ID for peer", wrongIdentity),
		says("DPD timeout occurred, peer is presumed dead", peerDead),
		says("session terminated by gateway", diagnose.Observation{Kind: diagnose.DeleteReceived, Phase: diagnose.Phase1}),
	}, notifies("received peer NAME notification", "received peer NAME notify", "peer NAME notification")), "peer ", "<-> ")
}

func shrewUp(x *read.Context, hit *read.Match) { tell(x, phase1Up) }

// draytek is the syslog of Vigor routers. Its IKE has grown from pluto, whose words
// it mostly has; these are its own.
func draytek() *read.Vendor {
	return table("DrayTek", []string{"[IPSEC][", "IKE ==>", "IKE <==", "IKE_RELEASE VPN"}, []read.Phrase{
		silent("IKE link timeout: state linking"),
		says("initiating IKE Main Mode to {peer}", p1(diagnose.MessageSent, 1)),
		says("initiating IKE Aggressive Mode to {peer}", p1(diagnose.MessageSent, 1)),
		says("IKE_ESTABLISHED VPN", phase1Up),
		says("IPsec SA established with {peer}", phase2Up),
		says("find no matching local ID in profile", wrongIdentity),
		says("maybe Pre-Shared Key mismatch", keyDiffers),
		says("matching phase 1 profile not found", noConnection),
	}, "[@", "to ")
}
