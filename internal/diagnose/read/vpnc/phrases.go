package vpnc

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// stages are those of --debug 2.
var stages = []read.Phrase{
	{Text: "vpnc version {rest}", Do: func(x *read.Context, _ *read.Match) { fresh(x) }},
	{Text: "S4.3 AM packet_1", Do: at(1, 0)},
	{Text: "S4.4 AM_packet2", Do: at(1, 0)},
	{Text: "IKE SA selected {rest}", Do: at(1, 2)},
	{Text: "NAT status: this end behind NAT? {here} -- remote end behind NAT? {there}", Do: nat},
	{Text: "NAT status: NAT-T VID seen, no NAT device detected", Quiet: true},
	{Text: "NAT status: no NAT-T VID seen", Quiet: true},
	{Text: "S4.5 AM_packet3", Do: at(3, 2)},
	{Text: "S5.1 xauth_request", Do: func(x *read.Context, _ *read.Match) {
		step(x, 3, 2)
		of(x).user = true
	}},
	{Text: "S5.5 do xauth reply", Do: up},
	{Text: "S5.6 process xauth set", Do: up},
	{Text: "S5.8 xauth done", Do: up},
	{Text: "S6.1 phase2_config send modecfg", Do: up},
	{Text: "got address {addr}", Do: up},
	{Text: "S7.1 QM_packet1", Do: func(x *read.Context, hit *read.Match) {
		up(x, hit)
		of(x).quick = true
		x.Tell(diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase2, Message: 1})
	}},
	{Text: "IPSEC SA selected {rest}", Do: tunnelUp},
	{Text: "S7.9 main loop", Do: tunnelUp},
	{Text: "VPNC started in {rest}", Do: tunnelUp},
	{Text: "n.type: {value} (ISAKMP_N_{name})", Do: dumped},
}

func nat(x *read.Context, hit *read.Match) {
	step(x, 1, 2)
	here, there := strings.HasPrefix(hit.Hole("here"), "YES"), strings.HasPrefix(hit.Hole("there"), "YES")
	if !here && !there {
		return
	}
	of(x).nat = true
	o := diagnose.Observation{Kind: diagnose.NATFound, Phase: diagnose.Phase1, Detail: "here"}
	switch {
	case here && there:
		o.Detail = "both"
	case there:
		o.Detail = "peer"
	}
	x.Tell(o)
}

func tunnelUp(x *read.Context, hit *read.Match) {
	m := of(x)
	up(x, hit)
	if !m.done {
		m.done = true
		x.Tell(diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2})
	}
}

// failures are the lines that end a run.
var failures = []read.Phrase{
	{Text: "vpnc: no response from target", Do: silent},
	{Text: "no response from target", Do: silent},
	{Text: "response was invalid [{n}]: {rest}", Do: invalid},
	{Text: "hash comparison failed: {rest}", Do: hashDiffers},
	{Text: "check group password!", Do: hashDiffers},
	{Text: "expected-hash-value differ", Do: signature},
	{Text: "expected hash-value differ", Do: signature},
	{Text: "authentication unsuccessful", Do: wrongUser},
	{Text: "authentication failed (requires interactive mode)", Do: wrongUser},
	{Text: "noninteractive can't reuse password", Do: wrongUser},
	{Text: "xauth SET message rejected: {rest}", Do: func(x *read.Context, hit *read.Match) {
		if strings.Contains(hit.Hole("rest"), "AUTHENTICATION_FAILED") {
			refused(diagnose.PhaseConfig)(x, hit)
			return
		}
		x.Tell(diagnose.Observation{Kind: diagnose.Quirk, Phase: diagnose.PhaseConfig, Detail: "vpnc does not take how the gateway ends XAUTH"})
	}},
	{Text: "expected xauth packet; rejected: {rest}", Do: notice},
	{Text: "xauth packet unsupported: {rest}", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the gateway asks for what vpnc does not know"})
	}},
	{Text: "configuration response rejected: {rest}", Do: func(x *read.Context, hit *read.Match) {
		up(x, hit)
		x.Tell(diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig, Attr: diagnose.AttrUnknown, Detail: "the gateway gives no address: " + name(string(x.Text))})
	}},
	{Text: "quick mode response rejected: {rest}", Do: refused(diagnose.Phase2)},
	{Text: "quick mode response rejected [2]: {rest}", Do: refused(diagnose.Phase2)},
	{Text: "received notice of type {rest}", Do: notice},
	{Text: "unknown host `{detail}'", Do: func(x *read.Context, hit *read.Match) {
		o := x.Fill(hit)
		o.Kind, o.Phase = diagnose.NameUnknown, diagnose.Phase1
		x.Tell(o)
	}},
	{Text: "Failed to bind to {addr}", Do: sendRefused("the local port is in use: try --local-port 0")},
	{Text: "Couldn't open socket of ESP", Do: sendRefused("something else has the socket of ESP")},
	{Text: "can't send packet: {Network is unreachable|No route to host}", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.NoRoute, Detail: "the peer (vpnc does not print its address)"})
	}},
	{Text: "can't send packet: {Operation not permitted|Permission denied}", Do: sendRefused("operation not permitted")},
	{Text: "receiving packet: Connection refused", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.Unreachable, Phase: diagnose.Phase1, Detail: "port unreachable"})
	}},
	{Text: "can't initialise tunnel interface", Do: noSupport("there is no TUN device")},
	{Text: "vpnc is compiled without a TLS library", Do: noSupport("this vpnc was built without certificates")},
	{Text: "vpnc was built without openssl", Do: noSupport("this vpnc was built without certificates")},
	{Text: "received a cert payload but vpnc is compiled without", Do: noSupport("this vpnc was built without certificates")},
	{Text: "failed to verify against {issuer|CA list}", Do: certificate(diagnose.IssuerUnknown)},
	{Text: "certificate signer not {found|a CA}", Do: certificate(diagnose.IssuerUnknown)},
	{Text: "certificate activation in the future", Do: certificate(diagnose.CertificateEarly)},
	{Text: "certificate expired", Do: certificate(diagnose.CertificateExpired)},
	{Text: "unable to get local issuer certificate", Do: certificate(diagnose.IssuerUnknown)},
	{Text: "could not load CA {rest}", Do: certificate(diagnose.IssuerUnknown)},
	{Text: "This algorithm is considered too weak today", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 2, Attr: diagnose.AttrEncryption})
	}},
}

func wrongUser(x *read.Context, hit *read.Match) {
	up(x, hit)
	x.Tell(diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig})
}

func signature(x *read.Context, _ *read.Match) {
	step(x, 1, 2)
	x.Tell(diagnose.Observation{Kind: diagnose.SignatureInvalid, Phase: diagnose.Phase1, Message: 2})
}

func certificate(kind diagnose.Kind) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		step(x, 1, 2)
		x.Tell(diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: 2})
	}
}

func sendRefused(detail string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.SendRefused, Phase: diagnose.Phase1, Detail: detail})
	}
}

func noSupport(detail string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Detail: detail})
	}
}

// tunnel is what comes once the tunnel is up.
var tunnel = []read.Phrase{
	{Text: "connection terminated by dead peer detection", Do: func(x *read.Context, hit *read.Match) {
		up(x, hit)
		x.Tell(diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "dead peer detected, terminating", Do: func(x *read.Context, hit *read.Match) {
		up(x, hit)
		x.Tell(diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "connection terminated by peer", Do: func(x *read.Context, hit *read.Match) {
		up(x, hit) // packets have passed, or it would say something else
		x.Session.Up = false
		x.Tell(diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2})
		x.Tell(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: diagnose.DeletedByPeer})
	}},
	{Text: "HMAC mismatch in ESP mode", Tell: diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "authentication failed", Count: 1}},
	{Text: "Discarding {replayed|ancient} ESP packet", Tell: diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}},
	{Text: "unknown spi {spi} from peer", Tell: diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}},
}

// quiet is what every healthy log has.
var quiet = read.Known("S1 init_sockaddr", "S2 make_socket", "S3 setup_tunnel", "S4 do_phase1_am", "S5 do_phase2_xauth", "S6 do_phase2_config", "S7 setup_link", "S4.6 cleanup",
	"NAT-T mode: {n}", "S5.7 send xauth ack", "S5.2 notice_check", "S7.2 QM_packet2 send_receive", "S8 close_tunnel", "S9 cleanup")
