package gateways

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// refusal is an offer that differs in something.
func refusal(o diagnose.Observation, attr string) diagnose.Observation {
	o.Kind, o.Attr = diagnose.TransformRefused, attr
	if o.Phase == diagnose.Phase1 {
		o.Kind = diagnose.OfferRefused
	}
	return o
}

// checkPoint is the log of Check Point's gateways.
func checkPoint() *read.Vendor {
	return table("Check Point", []string{"IKE:", "Main Mode", "Quick Mode", "encrypt:", "reject:"}, read.Join([]read.Phrase{
		{Text: "Main Mode Failed to match proposal: {rest}", Do: cpProposal},
		says("Quick Mode Failed to match proposal", offer2Refused),
		says("Main Mode Failed to match proposal", offersRefused),
		says("Main Mode completion", phase1Up),
		says("Quick Mode completion", phase2Up),
		silent("encryption failure: no response from peer"),
		silent("Main Mode Initial exchange: Exchange failed: timeout reached"),
		says("Traffic selectors unacceptable", told2("INVALID-ID-INFORMATION")),
		says("there is no valid SA", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
		says("Unknown SPI:", unknownSPI),
		says("Clear text packet should be encrypted", diagnose.Observation{Kind: diagnose.ClearTextSeen, Phase: diagnose.PhaseData, Count: 1}),
		says("Received a cleartext packet within an encrypted connection", diagnose.Observation{Kind: diagnose.ClearTextSeen, Phase: diagnose.PhaseData, Count: 1}),
		says("According to the policy the packet should not have been decrypted", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "selector mismatch", Count: 3}),
		says("Invalid certificate", p1(diagnose.IssuerUnknown, 5)),
		says("Could not validate certificate", p1(diagnose.IssuerUnknown, 5)),
	}, notifies("Received Notification from Peer: NAME")), "peer gateway: ", "peer: ", "dst: ")
}

func cpProposal(x *read.Context, _ *read.Match) {
	attrs := []struct{ words, attr string }{
		{"Encryption Algorithm", diagnose.AttrEncryption}, {"Hash Algorithm", diagnose.AttrHash}, {"Group Description", diagnose.AttrGroup},
		{"Diffie-Hellman", diagnose.AttrGroup}, {"Authentication Method", diagnose.AttrAuth}, {"Key Length", diagnose.AttrKeyLength},
	}
	text := string(x.Text)
	for _, a := range attrs {
		if strings.Contains(text, "Wrong value for: "+a.words) {
			x.Tell(refusal(offersRefused, a.attr))
		}
	}
	x.Tell(offersRefused)
}

// sonicWall is SonicOS's log.
func sonicWall() *read.Vendor {
	return table("SonicWall", []string{"SonicWall", "IKE Initiator:", "IKE Responder:", "fw_action"}, read.Join([]read.Phrase{
		says("IKE proposal does not match (Phase 1)", offersRefused),
		says("IKE Responder: IPSec proposal does not match (Phase 2)", offer2Refused),
		says("IPsec proposal does not match (Phase 2)", offer2Refused),
		says("IKE Responder: ESP encryption algorithm does not match", refusal(offer2Refused, diagnose.AttrTransform)),
		says("IKE Responder: ESP authentication algorithm does not match", refusal(offer2Refused, diagnose.AttrIntegrity)),
		says("IKE Responder: AH authentication algorithm does not match", refusal(offer2Refused, diagnose.AttrIntegrity)),
		says("ESP {encryption|authentication} key length does not match", refusal(offer2Refused, diagnose.AttrKeyLength)),
		says("Algorithms and/or keys do not match", offersRefused),
		says("IPSec protocol mismatch", refusal(offer2Refused, diagnose.AttrProtocol)),
		says("Perfect Forward Secrecy mismatch", pfsRefused),
		says("Possible pre-shared key mismatch", keyDiffers),
		says("Preshared key mismatch", keyDiffers),
		says("Proposed IKE ID mismatch", wrongIdentity),
		says("No matching Phase 1 ID found for proposed remote network", wrongIdentity),
		says("No match for proposed remote network address", proxiesRefused),
		says("destination network does not match VPN policy's", proxiesRefused),
		says("Tunnel terminates inside firewall but proposed local network is not inside firewall", proxiesRefused),
		says("Tunnel terminates outside firewall but proposed local network is not NAT public address", proxiesRefused),
		says("Default LAN gateway is set but peer is not proposing to use this SA as a default route", proxiesRefused),
		says("Mode {n} - not {Main|Aggressive} mode", otherMode),
		says("VPN policy not found", noConnection),
		says("VPN Policy for gateway address not found", noConnection),
		silent("Remote party timeout - Retransmitting IKE request"),
		silent("IKE negotiation aborted due to timeout"),
		says("IKE Initiator: Main Mode complete (Phase 1)", phase1Up),
		says("IKE Responder: Main Mode complete (Phase 1)", phase1Up),
		says("Accepting IPSec proposal (Phase 2)", phase2Up),
		says("IKE negotiation complete. Adding IPSec SA", phase2Up),
		says("Authentication failed for user", userRefused),
		says("Illegal IPSec SPI", unknownSPI),
		says("Received notify. INVALID_ID_INFO", told2("INVALID-ID-INFORMATION")),
	}, notifies("Received notify. NAME", "Received notify: NAME", "Received notify NAME")), "dst=", "dst:", "remote gateway: ", "peer=")
}

// watchGuard is Fireware's log.
func watchGuard() *read.Vendor {
	return table("WatchGuard", []string{"Gateway-Endpoint=", "iked", "WatchGuard"}, read.Join([]read.Phrase{
		says("Reason=Received unacceptable proposals", offersRefused),
		says("Reason=No proposal chosen", told("NO-PROPOSAL-CHOSEN")),
		says("mismatched shared secrets", keyDiffers),
		says("Reason=Pre-shared key mismatch", keyDiffers),
		says("Authentication failure due to mismatched ID or pre-shared-key", keyDiffers),
		says("mismatched ID setting", wrongIdentity),
		says("Received ID did not match", wrongIdentity),
		says("Mismatched ID settings", wrongIdentity),
		silent("Reason=Message retry timeout"),
		says("Reason=Matching phase 2 policy not found", proxiesRefused),
		says("mismatched traffic selector", proxiesRefused),
		says("expecting {Main|Aggressive} mode", otherMode),
		says("Reason=IKE version mismatch", otherVersion),
		says("PFS group mismatch", pfsRefused),
	}), "to ", "remote=", "from ")
}

// zyxel is ZyWALL's log; routers of its make under other names print the same.
func zyxel() *read.Vendor {
	return table("ZyXEL", []string{"[SA] :", "IKE_LOG", "!! ", "Recv:[", "Send:["}, read.Join([]read.Phrase{
		says("Send:[NOTIFY:NO_PROPOSAL_CHOSEN]", offersRefused),
		says("Send:[HASH][NOTIFY:NO_PROPOSAL_CHOSEN]", offer2Refused),
		says("Send:[HASH][NOTIFY:INVALID_ID_INFORMATION]", proxiesRefused),
		says("Recv:[NOTIFY:NO_PROPOSAL_CHOSEN]", told("NO-PROPOSAL-CHOSEN")),
		says("Recv:[HASH][NOTIFY:NO_PROPOSAL_CHOSEN]", told2("NO-PROPOSAL-CHOSEN")),
		says("Recv:[HASH][NOTIFY:INVALID_ID_INFORMATION]", told2("INVALID-ID-INFORMATION")),
		says("Recv:[NOTIFY:{PAYLOAD_MALFORMED|INVALID_PAYLOAD_TYPE}]", keyDiffers),
		says("Phase 1 proposal mismatch", offersRefused),
		says("Phase 1 {encryption algorithm|hash algorithm|DH group|authentication algorithm} mismatch", offersRefused),
		says("Phase 1 pre-shared key mismatch", keyDiffers),
		says("Phase 1 preshared key mismatch", keyDiffers),
		says("Phase 1 negotiation mode mismatch", otherMode),
		says("Phase 1 ID mismatch", wrongIdentity),
		says("Phase 1 {local|remote|peer} ID mismatch", wrongIdentity),
		says("Phase 2 proposal mismatch", offer2Refused),
		says("Phase 2 pfs {unsupported|mismatch}", pfsRefused),
		says("Phase 2 {local|remote} policy mismatch", proxiesRefused),
		says("Phase 2 {encapsulation|authentication algorithm|encryption algorithm} mismatch", offer2Refused),
		says("!! No proposal chosen", offersRefused),
		says("[SA] : No proposal chosen", offersRefused),
		says("Verifying {Remote|Local} ID failed", proxiesRefused),
		says("Phase 1 IKE SA process done", phase1Up),
		{Text: "Cannot find outbound SA for rule", Quiet: true},
		says("Discard REPLAY packet", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 3}),
		says("Receive IPSec packet, but no corresponding tunnel exists", unknownSPI),
	}), "dst=", "peer ")
}

// isakmpd is OpenBSD's.
func isakmpd() *read.Vendor {
	return table("isakmpd", []string{"isakmpd["}, read.Join([]read.Phrase{
		says("message_negotiate_sa: no compatible proposal found", offersRefused),
		{Text: "attribute_unacceptable: {attribute}: got {offered}, expected {wanted}", Do: unacceptable},
		says("responder_recv_HASH_SA_NONCE: peer proposed invalid phase 2 IDs", proxiesRefused),
		says("responder_recv_HASH_SA_NONCE: KEY_EXCH payload without a group desc", pfsRefused),
		says("ike_phase_1_recv_ID: received remote ID other than expected {wanted}", wrongIdentity),
		says("ike_auth_get_key: no key found for peer", noKey),
		says("no keystate found for", noKey),
		says("pre_shared_gen_skeyid: no key", noKey),
		says("rsa_sig_decode_hash: no public key found", p1(diagnose.IssuerUnknown, 5)),
		says("rsa_sig_decode_hash: received CERT can't be validated", p1(diagnose.CertificateRefused, 5)),
		says("rsa_sig_decode_hash: no CERT subject match the ID", wrongIdentity),
		says("rsa_sig_encode_hash: could not get private key", p1(diagnose.ProofMissing, 5)),
		says("check_policy: negotiated SA failed policy check", offer2Refused),
		{Text: "transport_send_messages: giving up on exchange {name}, no response from peer {peer}", Do: isakmpdSilent},
		{Text: "due to notification type {NO_PROPOSAL_CHOSEN|INVALID_ID_INFORMATION|AUTHENTICATION_FAILED}", Quiet: true},
		says("due to notification type {PAYLOAD_MALFORMED|INVALID_PAYLOAD_TYPE}", keyDiffers),
		says("message_parse_payloads: reserved field non-zero", keyDiffers),
		says("check passphrases, if applicable and in Phase 1", keyDiffers),
		says("message_parse_payloads: invalid next payload type", keyDiffers),
		says("due to notification type INVALID_EXCHANGE_TYPE", otherMode),
		says("due to notification type INVALID_MAJOR_VERSION", otherVersion),
		says("due to notification type INVALID_COOKIE", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}),
		says("pf_key_v2_set_spi: {what}: Invalid argument", diagnose.Observation{Kind: diagnose.PlatformLimit, Phase: diagnose.Phase2}),
		says("dpd_check_event: peer not responding", peerDead),
	}, notifies("got notification NAME", "recv_info: NAME")), "dropped message from ", "from peer ", "peer ")
}

func unacceptable(x *read.Context, hit *read.Match) {
	o := x.Fill(hit)
	o.Kind, o.Phase, o.Message, o.Role = diagnose.OfferRefused, diagnose.Phase1, 1, diagnose.Responder
	switch hit.Hole("attribute") {
	case "ENCRYPTION_ALGORITHM":
		o.Attr = diagnose.AttrEncryption
	case "HASH_ALGORITHM":
		o.Attr = diagnose.AttrHash
	case "GROUP_DESCRIPTION":
		o.Attr = diagnose.AttrGroup
	case "AUTHENTICATION_METHOD":
		o.Attr = diagnose.AttrAuth
	case "KEY_LENGTH":
		o.Attr = diagnose.AttrKeyLength
	default:
		return
	}
	x.Tell(o)
}

func isakmpdSilent(x *read.Context, hit *read.Match) {
	x.With(hit.Addr("peer"))
	o := p1(diagnose.MessageSent, 1)
	o.Role = diagnose.Initiator
	x.Tell(o)
	o.Kind = diagnose.GaveUp
	x.Tell(o)
}

// windows is the audit log and the errors of Windows, which Azure's gateways
// print too.
func windows() *read.Vendor {
	return table("Windows", []string{"ERROR_IPSEC_IKE", "Failure Reason:", "SESSION_ID :", "An IPsec main mode negotiation failed", "An IPsec quick mode negotiation failed"}, []read.Phrase{
		silent("Failure Reason: Negotiation timed out"),
		silent("ERROR_IPSEC_IKE_TIMED_OUT"),
		silent("Timeout due to no response"),
		says("IKE authentication credentials are unacceptable", keyDiffers),
		says("ERROR_IPSEC_IKE_AUTH_FAIL", keyDiffers),
		says("ERROR_IPSEC_IKE_POLICY_MATCH", offersRefused),
		says("Policy match error", offersRefused),
		says("IKE security attributes are unacceptable", offersRefused),
		says("ERROR_IPSEC_IKE_ATTRIB_FAIL", offersRefused),
		says("Failure Reason: No policy configured", noConnection),
		says("ERROR_IPSEC_IKE_NO_POLICY", noConnection),
		says("ERROR_IPSEC_IKE_NO_CERT", p1(diagnose.IssuerUnknown, 5)),
		says("IKE failed to find valid machine certificate", p1(diagnose.IssuerUnknown, 5)),
		says("ERROR_IPSEC_IKE_INVALID_ID", wrongIdentity),
		says("ERROR_IPSEC_IKE_PROCESS_ERR_ID", wrongIdentity),
		says("ERROR_IPSEC_IKE_PEER_CRL_FAILED", p1(diagnose.CRLMissing, 5)),
		says("ERROR_IPSEC_IKE_CRL_FAILED", p1(diagnose.CRLMissing, 5)),
		says("ERROR_IPSEC_IKE_CERT_CHAIN_POLICY_MISMATCH", p1(diagnose.IssuerUnknown, 5)),
		says("ERROR_IPSEC_IKE_NO_PRIVATE_KEY", noKey),
		says("The recipient cannot handle version of IKE specified in the header", otherVersion),
		says("traffic selectors {unacceptable|do not match}", proxiesRefused),
	}, "Remote ", "Network Address:	", "Remote Network Address:")
}

// aws is the log of Amazon's site-to-site VPN.
func aws() *read.Vendor {
	return table("Amazon VPN", []string{"AWS tunnel", "AWS_tunnel", "vpn_id", "\"details\""}, []read.Phrase{
		says("{Pre-shared key|pre-shared key|PSK} mismatch", keyDiffers),
		says("No Proposal Match Found by AWS", offersRefused),
		says("Received no proposal match notify", told("NO-PROPOSAL-CHOSEN")),
		says("AWS tunnel proposal mismatch", offersRefused),
		says("Proposal Mismatch Detected", offersRefused),
		says("Traffic Selector Mismatch", proxiesRefused),
		says("Peer is not responsive - Declaring peer dead", peerDead),
		says("AWS tunnel DPD timed out", peerDead),
		silent("Timeout while awaiting response from CGW"),
		silent("Peer did not respond to IKE negotiation"),
		says("Unexpected {IKEv1|IKEv2} negotiation", otherVersion),
		says("AWS tunnel Phase 1 established", phase1Up),
		says("AWS tunnel Phase 2 established", phase2Up),
	}, "CGW ", "cgw_ip\": \"", "peer ")
}
