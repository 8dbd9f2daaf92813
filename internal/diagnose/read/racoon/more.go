package racoon

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// life is about SAs that were up.
var life = []read.Phrase{
	{Text: "seems to be dead", Do: func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "ISAKMP-SA deleted {local}-{peer} spi:{rest}", Do: gone},
	{Text: "ISAKMP-SA expired {local}-{peer} spi:{rest}", Do: gone},
	{Text: "purging ISAKMP-SA spi={rest}", Quiet: true},
	{Text: "purged IPsec-SA {rest}", Quiet: true},
	{Text: "purged ISAKMP-SA {rest}", Quiet: true},
	{Text: "IPsec-SA expired: {rest}", Quiet: true},
	{Text: "received INITIAL-CONTACT", Tell: diagnose.Observation{Kind: diagnose.InitialContactSeen, Phase: diagnose.PhaseLife}},
	{Text: "message must be encrypted", Quiet: true},
	{Text: "{ignore|reject} the packet, expecting the packet encrypted", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.NotEncrypted, 0)) }},
	{Text: "unknown Informational exchange received", Quiet: true},
	{Text: "delete phase1 handle", Quiet: true},
	{Text: "delete phase 2 handler", Quiet: true},
	{Text: "unknown notify message, no phase2 handle found", Quiet: true},
	{Text: "ignore information because ISAKMP-SA has not been established yet", Quiet: true},
	{Text: "ignore information due to hash mismatch", Quiet: true},
}

func gone(x *read.Context, hit *read.Match) {
	if peer := hit.Addr("peer"); peer.IsValid() {
		of(x).use(x, peer)
	}
	s := x.Session
	if s == nil || !s.Up {
		return
	}
	s.Up = false
	stateOf(s).told = true
	tell(x, diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1})
}

// local is about this host.
var local = []read.Phrase{
	{Text: "sendto (Operation not permitted)", Do: refused("operation not permitted")},
	{Text: "sendto (Permission denied)", Do: refused("permission denied")},
	{Text: "sendto (Can't assign requested address)", Do: refused("the local address does not exist")},
	{Text: "sendto ({Network is unreachable|No route to host})", Do: func(x *read.Context, _ *read.Match) {
		o := diagnose.Observation{Kind: diagnose.NoRoute, Phase: diagnose.Phase1}
		if s := x.Session; s != nil {
			o.Detail = diagnose.ToPeer(s.Peer)
		} else {
			o.Detail = diagnose.ToPeer(of(x).peer)
		}
		tell(x, o)
	}},
	{Text: "sendto ({Host is down|Connection refused})", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.Unreachable, 0)) }},
	{Text: "sendto (Message too long)", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.FragmentLost, 0)) }},
	{Text: "sendfromto failed", Quiet: true},
	{Text: "failed to bind (Address already in use)", Do: refused("the port is in use")},
	{Text: "failed to bind to address {addr} (Address already in use)", Do: refused("the port is in use")},
	{Text: "failed to bind to address {addr} (Can't assign requested address)", Do: refused("the local address does not exist")},
	{Text: "pfkey {what} failed: {Invalid argument|No buffer space available|Cannot allocate memory}", Do: limit},
	{Text: "pfkey {what} failed: {Protocol not supported|Function not implemented|Operation not supported|No such file or directory}", Do: noSupport},
	{Text: "failed to regist any protocol", Do: noSupport},
	{Text: "libipsec failed pfkey open", Do: noSupport},
	{Text: "Legacy cipher {what} is NOT available", Do: noSupport},
	{Text: "Missing fragment #{n}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.FragmentLost, 0)) }},
	{Text: "unsupported PF_KEY message REGISTER", Do: harmless("a message of the kernel's that every start has")},
}

func refused(detail string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		o := p1(diagnose.SendRefused, 0)
		o.Detail = detail
		tell(x, o)
	}
}

func limit(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		stateOf(s).kernel = true
	}
	x.Tell(diagnose.Observation{Kind: diagnose.PlatformLimit, Phase: diagnose.Phase2, Detail: "the kernel, or its accelerator, refuses the keys of an IPsec SA"})
}

func noSupport(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel lacks IPsec or an algorithm"})
}

func harmless(why string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.Harmless, Detail: why})
	}
}

func config(kind diagnose.Kind, detail string) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.PhaseConfig, Detail: detail}
}

// remoteAccess is about users and addresses.
var remoteAccess = []read.Phrase{
	says("login failed for user {name}", config(diagnose.XauthRejected, "")),
	says("Xauth authentication failed", config(diagnose.XauthRejected, "")),
	says("Attempt to start phase {what} whereas Xauth failed", config(diagnose.XauthRejected, "")),
	says("is not a member of group {name}", config(diagnose.XauthRejected, "")),
	says("No password was found for login {name}", config(diagnose.XauthRejected, "")),
	says("XAUTH failed: user {name}", config(diagnose.XauthRejected, "")),
	says("hybrid auth is enabled, but peer is no Xauth compliant", config(diagnose.XauthUnexpected, "the peer is no client of XAUTH")),
	says("but peer did not declare itself as Xauth capable", config(diagnose.XauthUnexpected, "the peer is no client of XAUTH")),
	says("Hybrid auth negotiated but peer did not announced as Xauth capable", config(diagnose.XauthUnexpected, "the peer is no client of XAUTH")),
	says("Hybrid auth negotiated but peer did not succeed Xauth exchange", config(diagnose.XauthRejected, "")),
	says("invalid length of isakmp data, expected {n} actual {m}", config(diagnose.Malformed, "an answer of mode config that is too short")),
	says("No more addresses available", config(diagnose.PoolEmpty, "")),
	says("Port pool depleted", config(diagnose.PoolEmpty, "")),
	{Text: "login succeeded for user {name}", Quiet: true},
}

// certificates are about chains and their revocation. A list of revoked ones
// that is missing is warned of only.
var certificates = []read.Phrase{
	says("unable to get local issuer certificate", p1(diagnose.IssuerUnknown, 5)),
	says("unable to get issuer certificate", p1(diagnose.IssuerUnknown, 5)),
	says("self signed certificate", p1(diagnose.IssuerUnknown, 5)),
	says("self-signed certificate", p1(diagnose.IssuerUnknown, 5)),
	says("unable to verify the first certificate", p1(diagnose.IssuerUnknown, 5)),
	says("certificate has expired", p1(diagnose.CertificateExpired, 5)),
	says("certificate is not yet valid", p1(diagnose.CertificateEarly, 5)),
	says("certificate revoked(", p1(diagnose.CertificateRevoked, 5)),
	says("unable to get certificate CRL", p1(diagnose.CRLMissing, 5)),
	says("CRL has expired", p1(diagnose.CRLMissing, 5)),
	{Text: "the peer's certificate is not verified", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.CertificateRefused, 5)) }},
	{Text: "no peer's CERT payload found", Quiet: true},
}

// macos are the lines of Apple's racoon, which number the messages.
var macos = []read.Phrase{
	{Text: "IPSec connecting to server {peer}", Do: func(x *read.Context, hit *read.Match) {
		s := x.Fresh("server " + hit.Hole("peer"))
		s.Role = diagnose.Initiator
		x.SetPeer(s, hit.Addr("peer"), s.Local)
	}},
	{Text: "IKE Packet: transmit success. ({Phase1|Phase 1} Retransmit)", Do: func(x *read.Context, _ *read.Match) {
		o := p1(diagnose.Retransmitted, 1)
		if s := x.Session; s != nil {
			o.Message = max(1, s.Sent)
			s.Sent = o.Message
		}
		tell(x, o)
	}},
	{Text: "IKE Packet: transmit success. ({role}, {mode}-Mode message {message})", Do: packet(true)},
	{Text: "IKE Packet: receive success. ({role}, {mode}-Mode message {message})", Do: packet(false)},
	{Text: "IKE Packet: {receive|transmit} failed. ({rest}", Quiet: true},
	{Text: "IKEv1 {Phase1|Phase 1}: maximum retransmits", Do: macGaveUp},
	{Text: "IPSec disconnecting from server {rest}", Do: macGaveUp},
	{Text: "IKEv1 {Phase1|Phase 1} AUTH: failed", Do: func(x *read.Context, _ *read.Match) { told(x); tell(x, p1(diagnose.HashMismatch, 0)) }},
	{Text: "IKEv1 Dead-Peer-Detection: maximum retransmits", Do: func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "IPSec {Phase1|Phase 1} established", Do: func(x *read.Context, _ *read.Match) { macUp(x) }},
	{Text: "IKEv1 {Phase1|Phase 1} {role}: success", Do: func(x *read.Context, _ *read.Match) { macUp(x) }},
	{Text: "IPSec {Phase2|Phase 2} established", Do: ipsecUp},
	{Text: "IKEv1 {Phase2|Phase 2} {role}: success", Do: ipsecUp},
	{Text: "IKEv1 XAUTH: failed", Do: func(x *read.Context, _ *read.Match) { tell(x, config(diagnose.XauthRejected, "")) }},
	{Text: "IPSec Controller: {rest}", Quiet: true},
}

// macGaveUp is the end of what is not up.
func macGaveUp(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || s.Up || s.Sent == 0 {
		return
	}
	tell(x, p1(diagnose.GaveUp, s.Sent))
	s.Sent = 0 // once
}

func macUp(x *read.Context) {
	if s := x.Session; s != nil {
		if s.Up {
			return
		}
		s.Up = true
	}
	tell(x, p1(diagnose.Phase1Up, 0))
}

func packet(sent bool) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		s := x.Session
		n := int(hit.Number("message"))
		mode := strings.ToLower(hit.Hole("mode"))
		if n == 0 || n > 6 {
			return
		}
		if s == nil {
			s = x.Fresh("server")
		}
		if strings.HasPrefix(strings.ToLower(hit.Hole("role")), "init") {
			s.Role = diagnose.Initiator
		} else {
			s.Role = diagnose.Responder
		}
		if mode == "quick" {
			stateOf(s).quick = true
			kind := diagnose.MessageReceived
			if sent {
				kind = diagnose.MessageSent
			}
			tell(x, p2(kind, n, s.Role))
			return
		}
		if sent {
			step(x, n, n-1)
		} else {
			step(x, n-1, n)
		}
	}
}

// quiet is what every healthy log has.
var quiet = read.Known(
	"used as isakmp port", "used for NAT-T", "Hashing {addr} with algo", "Adding xauth VID payload", "unsupported attribute type", "Ignored attribute", "Reading configuration from",
)
