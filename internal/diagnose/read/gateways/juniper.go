package gateways

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// juniper is SRX's kmd and iked, and ScreenOS.
func juniper() *read.Vendor {
	return table("Juniper", []string{"kmd[", "KMD_", "iked[", "system-critical", "IKE<", "ike_st_"}, read.Join([]read.Phrase{
		says("Policy lookup for Phase-1 [responder] failed", noConnection),
		says("Unable to find phase-1 policy as remote peer:{peer} is not recognized", noConnection),
		says("IKE Phase-1: (Responder) Policy lookup failed", noConnection),
		says("Policy lookup for Phase-2 [responder] failed", proxiesRefused),
		says("Failed to match the peer proxy-ids", proxiesRefused),
		says("Failed to match the peer proxy ids", proxiesRefused),
		says("peer proposed traffic-selector local-ip: {local}", proxiesRefused),
		says("the peer sent a proxy ID that did not match the one in the SA config", proxiesRefused),
		says("IKE Phase-1 Failure: No proposal chosen", told("NO-PROPOSAL-CHOSEN")),
		says("KMD_VPN_PV_PHASE1: IKE Phase-1 Failure", p1(diagnose.ExchangeFailed, 0)),
		says("KMD_VPN_PV_PHASE2: IKE Phase-2 Failure", p2(diagnose.QuickFailed, 1)),
		says("KMD_VPN_TS_MISMATCH", proxiesRefused),
		says("KMD_DPD_PEER_DOWN", peerDead),
		says("DPD detected peer {peer} is down", peerDead),
		says("DPD detected peer as down", peerDead),
		says("reason: DPD {failover|timeout}", peerDead),
		says("IKE Phase-2 Failure: Quick mode - no proposal chosen", told2("NO-PROPOSAL-CHOSEN")),
		says("IKE Phase-2 Failure: No proposal chosen", told2("NO-PROPOSAL-CHOSEN")),
		says("IKE Phase-1 Failure: {Invalid syntax|Payload malformed|Invalid payload type|Authentication failed}", keyDiffers),
		silent("IKE Phase-1 Failure: Timeout"),
		silent("IKE negotiation failed with error: Timed out"),
		silent("IKE negotiation failed with error: Timeout"),
		says("IKE negotiation failed with error: No proposal chosen", told("NO-PROPOSAL-CHOSEN")),
		says("IKE negotiation failed with error: {Authentication failed|Invalid syntax}", keyDiffers),
		says("IKE negotiation failed with error: {IKE gateway configuration lookup failed|Peer's IKE-ID validation failed}", wrongIdentity),
		says("Peer's IKE-ID validation failed", wrongIdentity),
		says("IKE gateway configuration lookup failed during negotiation", noConnection),
		says("IKE negotiation successfully completed", phase2Up),
		says("because there were no acceptable Phase 1 proposals", offersRefused),
		says("because there were no acceptable Phase 2 proposals", offer2Refused),
		says("Rejected proposals from peer. Negotiations failed", offersRefused),
		says("Phase 2{}Rejected proposals from peer. Negotiations failed", offer2Refused),
		says("Phase 2: Rejected proposals from peer", offer2Refused),
		says("an initial Phase 1 packet arrived from an unrecognized peer gateway", noConnection),
		silent("Phase 1: Retransmission limit has been reached"),
		silent("Phase 1: Aborted negotiations because the time limit has elapsed"),
		unanswered2("Phase 2: Aborted negotiations because the time limit has elapsed"),
		unanswered2("Phase 2{}Retransmission limit has been reached"),
		says("Phase 1: Completed {mode} mode negotiations", phase1Up),
		says("Phase 1: IKE responder has detected NAT", with(p1(diagnose.NATFound, 0), "", "peer")),
		says("Phase 2: Completed negotiations with SPI", phase2Up),
		says("Phase 2 msg-id {id}: Completed negotiations", phase2Up),
		says("preshared keys might not match", keyDiffers),
		says("message ID before Phase 1 authentication was done", keyDiffers),
		says("No policy exists for the proxy ID received", proxiesRefused),
		says("Received incorrect ID payload", wrongIdentity),
		says("Heartbeats have been lost", peerDead),
		{Text: "VPN {name} from {peer} is down", Quiet: true},
	}, notifies("Received notify NAME", "Received a notification message for DOI {n} {m} NAME", "Received a notification message for DOI <{n}> <{m}> <NAME")), "Remote: ", "remote peer:", "dst_ip=", "src_ip=", "IKE<", "IKE ", "remote_ip=")
}

func told(name string) diagnose.Observation {
	o := p1(diagnose.NotifyReceived, 1)
	o.Detail = name
	return o
}

func told2(name string) diagnose.Observation {
	o := diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: diagnose.Phase2, Detail: name, Authentic: true, Role: diagnose.Initiator}
	return o
}
