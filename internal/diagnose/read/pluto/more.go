package pluto

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// life is about SAs that were up.
var life = []read.Phrase{
	{Text: "Starting Pluto {rest}", Do: started},
	{Text: "Pluto is shutting down", Do: func(x *read.Context, _ *read.Match) { of(x).closing = true }},
	{Text: "listening for IKE messages", Quiet: true},
	{Text: "terminating SAs using this connection", Do: func(x *read.Context, _ *read.Match) { of(x).ended = of(x).name }},
	says("DPD: No response from peer - declaring peer dead", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("No response from peer - declaring peer dead", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("IKEv1 DPD action - {rest}", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	{Text: "received Delete SA payload: deleting ISAKMP State", Do: deletedByPeer},
	{Text: "received Delete SA payload: self-deleting ISAKMP State", Do: deletedByPeer},
	{Text: "received Delete SA({spi}) payload: deleting IPSEC State", Quiet: true},
	{Text: "Informational Exchange is for an unknown (expired?) SA", Quiet: true},
	{Text: "Informational Exchange message must be encrypted", Quiet: true},
	says("Mode Config message is for a non-existent (expired?) ISAKMP SA", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}),
	{Text: "encrypted Informational Exchange message is invalid because no key is known", Do: unknownKey},
	says("packet rejected: should have been encrypted", p1(diagnose.NotEncrypted, 0)),
	says("discarding encrypted message for an unknown ISAKMP SA", diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife}),
	{Text: "discarding encrypted message because we haven't yet negotiated keying material", Quiet: true},
	{Text: "new NAT mapping for #{n}, was {a}, now {b}", Quiet: true},
}

// unknownKey is a notify that nothing here can decrypt: of an SA that was lost, or
// in answer to a negotiation that has no keys yet.
func unknownKey(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil && !s.Up && s.Sent > 0 {
		tell(x, p1(diagnose.RefusedUnread, s.Sent))
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife})
}

func deletedByPeer(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || !s.Up {
		return
	}
	s.Up = false
	tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: diagnose.DeletedByPeer})
}

// local is about this host and the way to the peer.
var local = []read.Phrase{
	{Text: "asynchronous network error report on {place} for message to {peer} port {port}, complainant {who}: {detail} [errno", Do: networkError},
	{Text: "asynchronous network error report on {place} for message to {peer}", Do: networkError},
	{Text: "asynchronous network error report on {place}, complainant {who}: {detail} [errno", Do: networkError},
	{Text: "failed in {where}. Errno {n}: {detail}", Do: sendFailed},
	{Text: "could not route", Quiet: true},
	{Text: "cannot route -- route already in use for {rest}", Quiet: true},
	{Text: "included errno {n}: {Protocol not supported|Function not implemented|No such file or directory|Operation not supported}", Do: noSupport},
	{Text: "netlink response for Add SA {sa}: {Protocol not supported|Function not implemented|No such file or directory|Operation not supported} (errno", Do: noSupport},
	{Text: "setup_half_ipsec_sa() hit fail", Do: noSupport},
	{Text: "failed to setup {incoming|outgoing} SA", Do: noSupport},
	{Text: "No Kernel XFRM/NETKEY interface detected", Do: noSupport},
	{Text: "{kernel does not support IPsec|no kernel IPsec support|No KLIPS support found while requested}", Do: noSupport},
	{Text: "Checking for IPsec support in kernel [FAILED]", Do: noSupport},
	{Text: "FATAL: Module {af_key|xfrm_user|esp4|ah4|xfrm4_tunnel|ipsec} not found", Do: noSupport},
	{Text: "bind() for {place} in {where}. Errno {n}: {detail}", Do: sendFailed},
	{Text: "No Kernel KLIPS interface detected", Quiet: true},
	{Text: "No XFRM kernel support detected", Do: noSupport},
	{Text: "no kernel support for {rest}", Do: noSupport},
	{Text: "can not initiate: no acceptable kernel algorithms loaded", Do: noSupport},
	{Text: "Diffie Hellman group {what} is not available", Do: noAlgorithm},
	{Text: "ike alg: {crypter|hasher|dh group} {what} not present", Do: noAlgorithm},
	{Text: "empty IPSEC SA proposal to send", Do: noAlgorithm},
	{Text: "cannot initiate connection without knowing peer IP address", Quiet: true},
	{Text: "can not initiate: no remote address available", Do: noAddress},
	{Text: "cannot initiate connection without resolved dynamic peer IP address", Do: noAddress},
	{Text: "failed to convert '{detail}' at load time", Do: noAddress},
	{Text: "has been rejected with ECONNREFUSED", Do: func(x *read.Context, _ *read.Match) {
		o := p1(diagnose.Unreachable, 0)
		o.Detail = "port unreachable"
		tell(x, o)
	}},
	says("system too busy", p1(diagnose.AdmissionLimit, 1)),
	{Text: "too many malformed payloads", Quiet: true},
}

// noAddress is a peer, or its connection, whose name has no address.
func noAddress(x *read.Context, hit *read.Match) {
	o := p1(diagnose.NameUnknown, 0)
	if o.Detail = hit.Hole("detail"); o.Detail == "" {
		o.Detail = of(x).name
	}
	tell(x, o)
}

func networkError(x *read.Context, hit *read.Match) {
	peer := hit.Addr("peer")
	if s := x.Session; s != nil {
		x.SetPeer(s, peer, s.Local)
	}
	detail := hit.Hole("detail")
	o := p1(diagnose.Unreachable, 0)
	o.Peer, o.Detail = peer, strings.ToLower(detail)
	switch {
	case strings.Contains(detail, "refused"):
		o.Detail = "port unreachable"
	case strings.Contains(string(x.Text), "Message too long"):
		o.Kind, o.Detail = diagnose.TooBig, ""
	}
	tell(x, o)
}

func sendFailed(x *read.Context, hit *read.Match) {
	detail := hit.Hole("rest") + string(x.Text)
	o := p1(diagnose.SendRefused, 0)
	switch {
	case strings.Contains(detail, "Network is unreachable"):
		o.Kind = diagnose.NoRoute
		if s := x.Session; s != nil {
			o.Detail = diagnose.ToPeer(s.Peer)
		} else {
			o.Detail = diagnose.ToPeer(of(x).from)
		}
	case strings.Contains(detail, "No route to host"):
		o.Kind, o.Detail = diagnose.Unreachable, "no route to host"
	}
	tell(x, o)
}

func noSupport(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel lacks IPsec or an algorithm"})
}

// noAlgorithm is a connection that asks for what this daemon has not.
func noAlgorithm(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase1, Detail: "this daemon, or the kernel, lacks an algorithm of the connection"})
}

// remoteAccess is about users and addresses.
var remoteAccess = []read.Phrase{
	says("Authentication Failed: Incorrect Username or Password", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("Authentication Failed (Retried {n} times)", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("Authentication Failed (retry {n})", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("received FAIL status in XAUTH reply", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("xauth user credentials not found", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("Received Cisco XAUTH status: FAIL", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("encountered fatal error in state STATE_XAUTH_{state}", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("XAUTH: Bad Message: {rest}", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("received MODECFG message when in state {state}, and we aren't xauth client", diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the peer asks for a user, and the connection here is no client of XAUTH"}),
	says("Username{/| or }password request was received, but XAUTH client mode not enabled", diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the peer asks for a user, and the connection here is no client of XAUTH"}),
	says("XAUTH: No username{/| or }password request was received", diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "this end expects to be asked for a user, and is not"}),
	says("modecfg: Sending IP request", diagnose.Observation{Kind: diagnose.ConfigAsked, Phase: diagnose.PhaseConfig}),
	says("leasing IPv4 address failed: {rest}", diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig}),
	says("no free address in addresspool", diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig}),
	{Text: "Authentication Successful", Quiet: true},
	{Text: "XAUTH: Successfully Authenticated", Quiet: true},
}

// certificates are about chains and their revocation.
var certificates = []read.Phrase{
	{Text: "SEC_ERROR_EXPIRED_CERTIFICATE{rest}", Do: outOfTime},
	says("SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", p1(diagnose.CertificateExpired, 5)),
	says("SEC_ERROR_REVOKED_CERTIFICATE", p1(diagnose.CertificateRevoked, 5)),
	says("SEC_ERROR_UNKNOWN_ISSUER", p1(diagnose.IssuerUnknown, 5)),
	says("SEC_ERROR_UNTRUSTED_ISSUER", p1(diagnose.IssuerUnknown, 5)),
	says("SEC_ERROR_CA_CERT_INVALID", p1(diagnose.IssuerUnknown, 5)),
	says("SEC_ERROR_BAD_SIGNATURE", p1(diagnose.SignatureInvalid, 5)),
	says("certificate '{}' is expired or not yet valid", p1(diagnose.CertificateExpired, 1)),
	says("certificate '{}' not found in the NSS database", p1(diagnose.ProofMissing, 1)),
	says("find the private key matching the NSS CKAID", p1(diagnose.ProofMissing, 5)),
	says("unable to locate my private key for signature", p1(diagnose.ProofMissing, 5)),
	says("find the private key from the NSS CERT", p1(diagnose.ProofMissing, 5)),
	says("unable to locate my private key for {what} Signature", p1(diagnose.ProofMissing, 5)),
	says("Certificate Revocation List (CRL) is expired or missing", p1(diagnose.CRLMissing, 5)),
	says("issuer cacert not found", p1(diagnose.IssuerUnknown, 5)),
	says("no root CA in NSS DB", p1(diagnose.IssuerUnknown, 5)),
	says("no Certificate Authority in NSS Certificate DB", p1(diagnose.IssuerUnknown, 5)),
	says("certificate has expired", p1(diagnose.CertificateExpired, 5)),
	says("certificate is not valid after", p1(diagnose.CertificateExpired, 5)),
	says("certificate was revoked", p1(diagnose.CertificateRevoked, 5)),
	says("certificate revoked on", p1(diagnose.CertificateRevoked, 5)),
	says("certificate is not valid before", p1(diagnose.CertificateEarly, 5)),
	says("certificate is not valid yet", p1(diagnose.CertificateEarly, 5)),
	says("certificate is invalid (valid from {rest}", p1(diagnose.CertificateExpired, 5)),
	says("certificate invalid (valid from {rest}", p1(diagnose.CertificateExpired, 5)),
	{Text: "certificate '{}' is not yet valid", Do: func(x *read.Context, _ *read.Match) {
		of(x).early = true
		tell(x, p1(diagnose.CertificateEarly, 5))
	}},
	says("certificate '{}' has expired", p1(diagnose.CertificateExpired, 5)),
	says("SEC_ERROR_CERT_NOT_YET_VALID", p1(diagnose.CertificateEarly, 5)),
	says("SEC_ERROR_OCSP_{}", p1(diagnose.CRLMissing, 5)),
	says("SEC_ERROR_CRL_EXPIRED", p1(diagnose.CRLMissing, 5)),
	says("found (strict=yes)", p1(diagnose.CRLMissing, 5)),
	says("self-signed cacert rejected", p1(diagnose.IssuerUnknown, 5)),
	says("intermediate cacert rejected", p1(diagnose.IssuerUnknown, 5)),
	says("end certificate with identical subject and issuer not accepted", p1(diagnose.IssuerUnknown, 5)),
	says("RSA Signature FAILED verification", p1(diagnose.SignatureInvalid, 5)),
	{Text: "X.509 certificate rejected", Quiet: true},
	says("X509: {certificate|certificate payload} rejected for this connection", p1(diagnose.CertificateRefused, 5)),
	says("X509: CERT payload bogus or revoked", p1(diagnose.CertificateRefused, 5)),
	{Text: "crl not found", Quiet: true},
	{Text: "certificate status unknown", Quiet: true},
}

// outOfTime is NSS's word for a certificate before its time too, which pluto has told
// when it loaded one such.
func outOfTime(x *read.Context, _ *read.Match) {
	if of(x).early {
		tell(x, p1(diagnose.CertificateEarly, 5))
		return
	}
	tell(x, p1(diagnose.CertificateExpired, 5))
}

// status are rows of `ipsec auto --status` and of `ipsec trafficstatus`.
var status = []read.Phrase{
	{Text: "STATE_{state} (sent {what}, expecting {next})", Do: statusState},
	{Text: "STATE_{state} (sent {what}, ISAKMP SA established)", Do: statusState},
	{Text: "STATE_{state} (ISAKMP SA established)", Do: statusState},
	{Text: "STATE_{state} (sent {what}, IPsec SA established)", Do: statusTunnel},
	{Text: "STATE_{state} (IPsec SA established)", Do: statusTunnel},
	{Text: "Traffic: ESPin={in} ESPout={out} ", Do: traffic},
	{Text: "type=ESP, add_time={when}, inBytes={in}, outBytes={out}", Do: traffic},
	{Text: "; unrouted; eroute owner: #0", Do: connection},
	{Text: "; erouted; eroute owner: #{n}", Do: connection},
	{Text: "; prospective erouted; eroute owner: #0", Do: connection},
}

// connection is a row with the two ends of a connection: it names the peer.
func connection(x *read.Context, _ *read.Match) {
	text := string(x.Text)
	_, body, ok := strings.Cut(text, `": `)
	if !ok {
		return
	}
	left, right, ok := strings.Cut(body, "...")
	if !ok {
		return
	}
	host := func(end string) string {
		for part := range strings.SplitSeq(end, "===") {
			if cut := strings.IndexAny(part, "<[;"); cut > 0 {
				part = part[:cut]
			}
			if read.Addr(part).IsValid() {
				return part
			}
		}
		return ""
	}
	_ = left
	m := of(x)
	if peer := read.Addr(host(right)); peer.IsValid() && m.name != "" {
		m.learn(x, m.name, peer)
	}
}

var states = map[string]string{
	"MAIN_I1": "MM_NO_STATE", "MAIN_I2": "MM_SA_SETUP", "MAIN_I3": "MM_KEY_EXCH", "MAIN_R1": "MM_SA_SETUP", "MAIN_R2": "MM_KEY_EXCH",
	"MAIN_I4": "QM_IDLE", "MAIN_R3": "QM_IDLE", "AGGR_I2": "QM_IDLE", "AGGR_R2": "QM_IDLE",
}

// statusState is a state that stands in the table.
func statusState(x *read.Context, hit *read.Match) {
	name := stateName(hit)
	if n, ok := quickSteps[name]; ok {
		tell(x, diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase2, Message: max(1, n), Role: quickRole(name)})
		return
	}
	s := x.Session
	if s != nil {
		s.Role = steps[name].role
	}
	if detail := states[name]; detail != "" {
		tell(x, diagnose.Observation{Kind: diagnose.StateSeen, Phase: diagnose.Phase1, Detail: detail, Standing: true})
	}
}

func statusTunnel(x *read.Context, _ *read.Match) {}

func traffic(x *read.Context, hit *read.Match) {
	in, out := octets(hit.Hole("in")), octets(hit.Hole("out"))
	m := of(x)
	m.rows++
	o := diagnose.Observation{Phase: diagnose.PhaseData, Standing: true, Session: m.rows << 32} // a look is a look
	o.Kind, o.Count = diagnose.Encapsulated, packets(out)
	tell(x, o)
	o.Kind, o.Count = diagnose.Decapsulated, packets(in)
	tell(x, o)
}

// packets guesses their number from their bytes.
func packets(bytes uint64) uint64 { return (bytes + 83) / 84 }

func octets(s string) uint64 {
	n := read.Number(s)
	switch {
	case strings.Contains(s, "KB"):
		n *= 1 << 10
	case strings.Contains(s, "MB"):
		n *= 1 << 20
	}
	return n
}

// quiet is what every healthy log has.
var quiet = read.Known(
	"received Vendor ID payload [{what}]", "ignoring Vendor ID payload [{what}]", "ignoring unknown Vendor ID payload", "Dead Peer Detection (RFC 3706): enabled",
	"enabling possible NAT-traversal with method", "added connection description",
)
