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
		says("Main Mode Sent Notification to Peer: no proposal chosen", offersRefused),
		says("Main Mode Sent Notification to Peer: {payload malformed|invalid payload type|invalid hash information}", keyDiffers),
		says("Main Mode Sent Notification to Peer: invalid id information", wrongIdentity),
		says("Main Mode Received Notification from Peer: {payload malformed|invalid payload type}", keyDiffers),
		says("Quick Mode Sent Notification to Peer: no proposal chosen", offer2Refused),
		says("Quick Mode Sent Notification to Peer: invalid id information", proxiesRefused),
		says("Child SA exchange: Sent notification to peer: no proposal chosen", offer2Refused),
		says("Child SA exchange: Received notification from peer: no proposal chosen", told2("NO-PROPOSAL-CHOSEN")),
		says("Auth exchange: {Sent notification to|Received notification from} peer: authentication failed", p1(diagnose.HashMismatch, 5)),
		says("Initial exchange: Sent notification to peer: no proposal chosen", offersRefused),
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
		says("Payload processing failed", keyDiffers),
		says("Proposed IKE ID mismatch", wrongIdentity),
		says("No matching Phase 1 ID found for proposed remote network", wrongIdentity),
		says("No match for proposed remote network address", proxiesRefused),
		says("Peer's {local|destination} network does not match VPN policy's", proxiesRefused),
		says("Tunnel terminates on {where} but proposed local network is on", proxiesRefused),
		says("Tunnel terminates inside firewall but proposed local network is not inside firewall", proxiesRefused),
		says("Tunnel terminates outside firewall but proposed local network is not NAT public address", proxiesRefused),
		says("Default LAN gateway is not set but peer is proposing to use this SA as a default route", proxiesRefused),
		says("Default LAN gateway is set but peer is not proposing to use this SA as a default route", proxiesRefused),
		says("Mode {n} - not {Main|Aggressive} mode", otherMode),
		says("VPN policy not found", noConnection),
		says("VPN Policy for gateway address not found", noConnection),
		silent("Remote party timeout - Retransmitting IKE request"),
		silent("IKE negotiation aborted due to timeout"),
		silent("IKE Initiator: No response - remote party timeout"),
		{Text: "IKE Responder: No response - remote party timeout", Do: unheard},
		says("IKE Initiator: Main Mode complete (Phase 1)", phase1Up),
		says("IKE Responder: Main Mode complete (Phase 1)", phase1Up),
		says("Accepting IPSec proposal (Phase 2)", phase2Up),
		says("IKE negotiation complete. Adding IPSec SA", phase2Up),
		says("Authentication failed for user", userRefused),
		says("Illegal IPSec SPI", unknownSPI),
		says("Received notify{}INVALID_ID_INFO", told2("INVALID-ID-INFORMATION")),
	}, notifies("Received notify. NAME", "Received notify: NAME", "Received notify NAME")), "dst=", "dst:", "remote gateway: ", "peer=")
}

// unheard is a responder whose answer leads to nothing.
func unheard(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Role = diagnose.Responder
	}
	o := p1(diagnose.MessageReceived, 1)
	o.Role = diagnose.Responder
	x.Tell(o)
	o.Kind, o.Message = diagnose.MessageSent, 2
	x.Tell(o)
	o.Kind = diagnose.GaveUp
	x.Tell(o)
}

// watchGuard is Fireware's log.
func watchGuard() *read.Vendor {
	return table("WatchGuard", []string{"Gateway-Endpoint=", "iked", "WatchGuard"}, read.Join([]read.Phrase{
		says("Reason=Received unacceptable proposals", offersRefused),
		says("IKE phase-2 negotiation from {}Reason=Received unacceptable proposals", offer2Refused),
		says("Reason=No proposal chosen", told("NO-PROPOSAL-CHOSEN")),
		says("IKE phase-2 negotiation from {}Reason=No proposal chosen", told2("NO-PROPOSAL-CHOSEN")),
		says("Peer proposes phase one", offersRefused),
		says("Peer proposes phase two", offer2Refused),
		says("Mismatched DH group", refusal(offersRefused, diagnose.AttrGroup)),
		says("Mismatched AES key length", refusal(offersRefused, diagnose.AttrKeyLength)),
		silent("due to phase 1 retry timeout"),
		unanswered2("due to phase 2 retry timeout"),
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
	}, notifies("Received 'NAME' message from")), "to ", "remote=", "from ")
}

// zyxel is ZyWALL's log; routers of its make under other names print the same.
func zyxel() *read.Vendor {
	return table("ZyXEL", []string{"[SA] :", "IKE_LOG", "Recv:[", "Send:["}, read.Join([]read.Phrase{
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
		{Text: "Duplicate requests with the same cookie", Quiet: true},
		says("[COOKIE] Invalid cookie, no sa found", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}),
		says("PYLD_MALFORMED", keyDiffers),
		silent("!! IKE Packet Retransmit"),
		says("!! Active connection allowed exceeded", p1(diagnose.AdmissionLimit, 1)),
		says("Inbound packet {authentication|decryption} failed", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "authentication failed", Count: 3}),
		says("Cannot find Phase 2 SA", unknownSPI),
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
		says("due to notification type NO_PROPOSAL_CHOSEN", p1(diagnose.ExchangeFailed, 0)), // of either phase, for what was told before
		{Text: "due to notification type {INVALID_ID_INFORMATION|AUTHENTICATION_FAILED}", Quiet: true},
		says("isakmpd: phase 1 done", phase1Up),
		says("isakmpd: quick mode done", phase2Up),
		says("exchange_setup_p1: expected exchange type {wanted} got {offered}", otherMode),
		says("no \"Default\" tag in [Phase 1] section", noConnection),
		says("initiator_recv_HASH_SA_NONCE: disagreement on PFS", pfsRefused),
		says("initiator_recv_HASH_SA_NONCE: policy check failed", offer2Refused),
		says("message_recv: invalid cookie(s)", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}),
		says("message_recv: cleartext phase {n} message", p1(diagnose.NotEncrypted, 0)),
		says("message_recv: invalid version major", otherVersion),
		says("pf_key_v2_open: socket (PF_KEY, SOCK_RAW, PF_KEY_V2) failed", diagnose.Observation{Kind: diagnose.SupportMissing, Detail: "the kernel has no PF_KEY"}),
		says("x509_cert_validate: certificate has expired", p1(diagnose.CertificateExpired, 5)),
		says("x509_cert_validate: certificate is not yet valid", p1(diagnose.CertificateEarly, 5)),
		says("x509_cert_validate: certificate revoked", p1(diagnose.CertificateRevoked, 5)),
		says("x509_cert_validate: unable to get {local issuer|issuer} certificate", p1(diagnose.IssuerUnknown, 5)),
		says("x509_cert_validate: self signed certificate", p1(diagnose.IssuerUnknown, 5)),
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
	return table("Windows", []string{"ERROR_IPSEC_IKE", "Failure Reason:", "SESSION_ID :", "An IPsec main mode negotiation failed", "An IPsec quick mode negotiation failed", "RasClient", "The L2TP connection attempt failed"}, []read.Phrase{
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
		{Text: "error code returned on failure is {code}", Do: dialCode},
		{Text: "encountered a processing error during initial negotiations with the remote computer", Do: dialCode789},
		says("security layer could not negotiate compatible parameters", offersRefused),
		says("security layer could not authenticate the remote computer", keyDiffers),
		says("there is no valid machine certificate on your computer", p1(diagnose.ProofMissing, 5)),
		says("certificate validation on the remote computer failed", p1(diagnose.IssuerUnknown, 5)),
		says("because security policy for the connection was not found", noConnection),
		silent("because security negotiation timed out"),
		silent("could not be established because the remote server is not responding"),
		silent("the attempted VPN tunnels failed. The VPN server might be unreachable"),
		silent("Unable to establish the VPN connection. The VPN server may be unreachable"),
		says("the user name and password combination you provided is not recognized", userRefused),
		says("the username and/or password was invalid on the domain", userRefused),
		says("the name of the remote access server did not resolve", p1(diagnose.NameUnknown, 0)),
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
