package strongswan

import (
	"strings"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase2 is about quick modes.
var phase2 = []read.Phrase{
	{Text: "looking for a child config for {pair} === {remote}", Do: asked},
	{Text: "no matching CHILD_SA config found for {pair} === {remote}", Do: noChild},
	{Text: "no matching CHILD_SA config found", Do: noChild},
	{Text: "no acceptable traffic selectors found", Do: noChild},
	{Text: "traffic selectors {pair} === {remote} {unacceptable|inacceptable}", Do: noChild},
	{Text: "peer selected invalid traffic selectors: {rest}", Tell: diagnose.Observation{Kind: diagnose.ProxyRefused, Phase: diagnose.Phase2, Message: 2, Role: diagnose.Initiator}},
	{Text: "proposing traffic selectors for {who}:", Do: selectors},
	{Text: "CHILD_SA {name} established with SPIs {spis} and TS {pair} === {remote}", Do: childUp},
	{Text: "CHILD_SA {name} established with SPIs", Do: childUp},
	{Text: "connection '{name}' established successfully", Quiet: true},
	{Text: "establishing connection '{name}' failed", Quiet: true},
	{Text: "establishing CHILD_SA '{name}' failed", Quiet: true},
	{Text: "initiate failed: {rest}", Quiet: true},
	{Text: "initiate completed successfully", Quiet: true},
	{Text: "unable to install {what}IPsec SA (SAD) in kernel", Do: notInstalled},
	{Text: "unable to install IPsec policies (SPD) in kernel", Do: policyRefused},
	{Text: "failed to establish CHILD_SA, keeping IKE_SA", Do: quickFailed},
	{Text: "{DH|KE} payload missing", Quiet: true},
	{Text: "creating acquire job for policy {rest}", Do: func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.Asked, Phase: diagnose.Phase2})
	}},
	{Text: "received {n}s lifetime, configured {m}s", Tell: diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.Phase2}},
	{Text: "received lifetime {n}s does not match configured lifetime {m}s", Tell: diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.Phase1}},
	{Text: "received quick mode request for unestablished IKE_SA, ignored", Do: stray},
	{Text: "ignoring {what} request while phase 1 is incomplete", Do: stray},
	{Text: "detected rekeying of CHILD_SA {name}", Quiet: true},
	{Text: "not using transport mode, not host-to-host", Tell: diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Attr: diagnose.AttrMode}},
	{Text: "{what} mode requested by responder is unacceptable", Tell: diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Attr: diagnose.AttrMode, Role: diagnose.Initiator}},
}

func pairOf(hit *read.Match) string {
	local, remote := selector(hit.Hole("pair")), selector(hit.Hole("remote"))
	if local == "" || remote == "" {
		return ""
	}
	return local + " - " + remote
}

// selector is one end of a pair: what charon prints behind a bar is a protocol
// that says nothing.
func selector(s string) string { return strings.TrimSuffix(strings.TrimSpace(s), "|/0") }

func asked(x *read.Context, hit *read.Match) {
	if s := x.Session; s != nil {
		stateOf(s).matches = 0
		stateOf(s).pair = pairOf(hit)
	}
}

func noChild(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.ProxyRefused, Phase: diagnose.Phase2, Message: 1, Pair: pairOf(hit)}
	if s := x.Session; s != nil {
		st := stateOf(s)
		if o.Pair == "" {
			o.Pair = st.pair
		}
		o.Role = diagnose.Responder
		if st.quickSent {
			o.Role, o.Message = diagnose.Initiator, 2
		} else if st.matches >= 2 { // both networks fit: what does not is the mode
			o.Kind, o.Attr = diagnose.TransformRefused, diagnose.AttrMode
		}
	}
	x.Tell(o)
}

func childUp(x *read.Context, hit *read.Match) {
	pair := pairOf(hit)
	if s := x.Session; s != nil {
		st := stateOf(s)
		if pair == "" {
			pair = st.pair
		}
		st.pair, st.quick = pair, 3
	}
	x.Tell(diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2, Pair: pair})
}

func quickFailed(x *read.Context, _ *read.Match) {
	if of(x).noAddress {
		return // the lines before say why
	}
	o := diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2}
	if s := x.Session; s != nil {
		o.Pair = stateOf(s).pair
	}
	x.Tell(o)
}

func stray(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.StrayQuickMode, Phase: diagnose.PhaseLife})
}

func notInstalled(x *read.Context, _ *read.Match) {
	if m := of(x); m.limited {
		return // the line before says why
	}
	x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel refuses an IPsec SA"})
}

func policyRefused(x *read.Context, _ *read.Match) {
	if m := of(x); m.limited || m.noAddress {
		m.limited = false
		return // the lines before say why
	}
	x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel refuses a policy"})
}

// selectors begins the list of what this end asks for: a network on the next
// line.
func selectors(x *read.Context, hit *read.Match) {
	m := of(x)
	m.side = hit.Hole("who")
	x.Block = true
}

// life is about SAs that were up.
var life = []read.Phrase{
	{Text: "received DELETE for IKE_SA {name}", Do: func(x *read.Context, hit *read.Match) {
		rename(x, hit.Hole("name"))
		if s := x.Session; s != nil {
			stateOf(s).deleting = true
		}
		x.Tell(diagnose.Observation{Kind: diagnose.DeleteReceived, Phase: diagnose.Phase1})
	}},
	{Text: "sending DELETE for IKE_SA {name}", Quiet: true},
	{Text: "deleting IKE_SA {name} between {local}...{peer}]", Do: deleted},
	{Text: "received DELETE for {proto} CHILD_SA with SPI {spi}", Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			stateOf(s).taken = stateOf(s).homeless
		}
	}},
	{Text: "sending DELETE for {proto} CHILD_SA with SPI {spi}", Quiet: true},
	{Text: "closing CHILD_SA {name} with SPIs {spis} and TS {pair} === {remote}", Do: func(x *read.Context, hit *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase2, Pair: pairOf(hit)})
		if s := x.Session; s != nil && stateOf(s).taken {
			stateOf(s).taken = false
			o := noAddressGiven
			o.Detail += ", and it takes down the tunnel that was made without one"
			x.Tell(o)
		}
	}},
	{Text: "sending DPD request", Quiet: true},
	{Text: "DPD check timed out, enforcing DPD action", Tell: diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}},
	{Text: "peer did not initiate expected exchange, reestablishing IKE_SA", Quiet: true},
	{Text: "received INITIAL_CONTACT", Tell: diagnose.Observation{Kind: diagnose.InitialContactSeen, Phase: diagnose.PhaseLife}},
	{Text: "destroying duplicate IKE_SA for peer {rest}", Tell: diagnose.Observation{Kind: diagnose.InitialContactSeen, Phase: diagnose.PhaseLife}},
	{Text: "proper IKE_SA delete failed, peer not responding", Quiet: true},
	{Text: "rekeying IKE_SA failed, peer not responding", Tell: diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}},
	{Text: "reauthentication failed, trying to reestablish IKE_SA", Quiet: true},
	{Text: "received unencrypted informational: from {peer} to {local}", Quiet: true},
	{Text: "CHILD_SA {name} not found for {delete|rekey|update}", Quiet: true},
	{Text: "ESP decryption or ICV verification failed", Tell: diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "authentication failed", Count: 1}},
	{Text: "ESP sequence number verification failed", Tell: diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}},
	{Text: "discarding inbound IP packet {rest}", Tell: diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "selector mismatch", Count: 1}},
}

// noAddressGiven is an end that asked for an address and has none: its tunnel is of
// no use to the peer, which takes it down.
var noAddressGiven = diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig, Role: diagnose.Initiator, Attr: diagnose.AttrUnknown, Detail: "the peer's answer has no address"}

func deleted(x *read.Context, hit *read.Match) {
	rename(x, hit.Hole("name"))
	o := diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1}
	peer, _ := ends(hit.Hole("peer"))
	if s := x.Session; s != nil {
		x.SetPeer(s, read.Addr(peer), s.Local)
		if stateOf(s).deleting {
			o.Detail = diagnose.DeletedByPeer
		}
		s.Up = false
	}
	x.Tell(o)
}

// local is about this host.
var local = []read.Phrase{
	{Text: "error writing to socket: Network is unreachable", Do: noRoute},
	{Text: "error writing to socket: No route to host", Tell: diagnose.Observation{Kind: diagnose.Unreachable, Phase: diagnose.Phase1, Detail: "no route to host"}},
	{Text: "error writing to socket: {Operation not permitted|Permission denied}", Tell: diagnose.Observation{Kind: diagnose.SendRefused, Phase: diagnose.Phase1, Detail: "operation not permitted"}},
	{Text: "error writing to socket: {Connection refused}", Tell: diagnose.Observation{Kind: diagnose.Unreachable, Phase: diagnose.Phase1, Detail: "port unreachable"}},
	{Text: "error writing to socket: {Invalid argument|Cannot assign requested address}", Tell: diagnose.Observation{Kind: diagnose.SendRefused, Phase: diagnose.Phase1, Detail: "the local address does not exist"}},
	{Text: "unable to add SAD entry with SPI {spi}", Do: notInstalled},
	{Text: "unable to allocate {SPI|SPIs} from kernel", Do: notInstalled},
	{Text: "received netlink error: {Cannot allocate memory|No buffer space available}", Do: func(x *read.Context, _ *read.Match) {
		of(x).limited = true
		x.Tell(diagnose.Observation{Kind: diagnose.PlatformLimit, Phase: diagnose.Phase2, Detail: "the kernel has no memory for an IPsec SA"})
	}},
	{Text: "can't install route for {rest}", Do: func(x *read.Context, hit *read.Match) {
		if strings.Contains(hit.Hole("rest"), "conflicts with IKE traffic") {
			if of(x).limited = true; of(x).noAddress {
				return // without an address a client's networks are its own address
			}
			x.Tell(diagnose.Observation{Kind: diagnose.Quirk, Phase: diagnose.Phase2, Detail: "the networks of the tunnel include the peer's own address, which charon's own ESP cannot lead around it"})
		}
	}},
	{Text: "plugin 'kernel-{netlink|pfkey}': failed to load", Tell: lacking("the plugin for the kernel's IPsec does not load")},
	{Text: "no kernel interface to {rest}", Tell: lacking("no plugin speaks to a kernel's IPsec")},
	{Text: "unable to add policy {rest}", Tell: diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel refuses a policy"}},
	{Text: "algorithm {detail} not supported by kernel!", Do: func(x *read.Context, hit *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel has no " + hit.Hole("detail")})
	}},
	{Text: "received netlink error: {Function not implemented|Protocol not supported|Address family not supported by protocol|Protocol not available}", Tell: diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "the kernel lacks IPsec or an algorithm"}},
	{Text: "received netlink error: {rest}", Quiet: true},
	{Text: "failed to create TUN device", Tell: diagnose.Observation{Kind: diagnose.SupportMissing, Detail: "there is no TUN device"}},
	{Text: "unable to set UDP_ENCAP: {detail}", Do: func(x *read.Context, hit *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.Harmless, Detail: "UDP encapsulation could not be set on a socket, which matters where this host is behind a NAT only"})
	}},
	{Text: "failed to add SAD entry: only UDP encapsulation is supported", Tell: diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase2, Detail: "charon's own ESP goes in UDP only"}},
	{Text: "could not open socket: {rest}", Tell: diagnose.Observation{Kind: diagnose.SendRefused, Detail: "a socket could not be opened"}},
	{Text: "in critical plugin '{what}' has unmet dependency: {detail}", Do: func(x *read.Context, hit *read.Match) {
		x.TellApart(lacking("no plugin gives " + hit.Hole("detail")))
	}},
	{Text: "failed to load {n} critical plugin {feature|features}", Quiet: true},
	{Text: "initialization failed - aborting charon", Tell: lacking("charon could not start")},
	{Text: "no socket implementation registered, {sending|receiving} failed", Tell: lacking("no plugin opens sockets")},
	{Text: "could not create any sockets", Tell: lacking("no socket could be opened")},
	{Text: "unable to create netlink socket: {rest}", Tell: lacking("the kernel has no netlink for IPsec")},
	{Text: "unable to bind netlink socket: {rest}", Tell: lacking("the kernel has no netlink for IPsec")},
	{Text: "unable to set IPSEC_POLICY on socket: {rest}", Tell: lacking("the kernel has no policies of IPsec")},
	{Text: "unable to bind socket: {detail}", Do: func(x *read.Context, hit *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.SendRefused, Phase: diagnose.Phase1, Detail: "the port is in use: " + hit.Hole("detail")})
	}},
	{Text: "no files found matching {rest}", Do: func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.Harmless, Detail: "an include that finds no file"})
	}},
	{Text: "no config named '{detail}'", Quiet: true},
	{Text: "no child config named '{detail}'", Quiet: true},
}

// lacking is what this host has not.
func lacking(what string) diagnose.Observation {
	return diagnose.Observation{Kind: diagnose.SupportMissing, Phase: diagnose.Phase1, Detail: what}
}

// lacks is an algorithm that no plugin has.
func lacks(what string) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		x.Tell(lacking("no plugin has the " + what + " " + hit.Hole("detail")))
	}
}

// noRoute is this host's own refusal: it knows no way to the peer.
func noRoute(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.NoRoute, Detail: diagnose.ToPeer(of(x).peer)})
}

// remoteAccess is about users and addresses.
var remoteAccess = []read.Phrase{
	{Text: "XAuth authentication of '{user}' (myself) failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Role: diagnose.Initiator}},
	{Text: "XAuth authentication of '{user}' failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Role: diagnose.Responder}},
	{Text: "XAuth authentication of '{user}' (myself) successful", Quiet: true},
	{Text: "XAuth authentication of '{user}' successful", Quiet: true},
	{Text: "destroying IKE_SA after failed XAuth authentication", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "no XAuth {secret|pass|password|PIN} found for {rest}", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "no RADIUS {secret|server} defined", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Detail: "no RADIUS server is configured"}},
	{Text: "none of {n} found XAuth secrets for {rest}", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "XAuth pam_authenticate for '{user}' failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "XAuth pam_acct_mgmt for '{user}' failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "RADIUS authentication of '{user}' failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "RADIUS {what} timed out after {n} attempts", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Detail: "RADIUS does not answer"}},
	{Text: "EAP method {what} failed for peer {user}", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}},
	{Text: "received {EAP_FAILURE|EAP/FAIL}, EAP authentication failed", Tell: diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Role: diagnose.Initiator}},
	{Text: "peer requested EAP, config {unacceptable|inacceptable}", Do: otherMethod("EAP")},
	{Text: "peer requested virtual IP, config {unacceptable|inacceptable}", Quiet: true},
	{Text: "configured EAP-only authentication, but peer does not support it", Do: otherMethod("its own method")},
	{Text: "peer did not respond to our XAuth request", Tell: diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig}},
	{Text: "peer did not respond to our XAuth {what} request", Tell: diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig}},
	{Text: "configuration payload missing in XAuth {request|response}", Tell: diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig}},
	{Text: "no XAuth method found", Tell: diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "no XAUTH plugin is loaded here"}},
	{Text: "no XAuth authentication round found", Tell: diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig}},
	{Text: "pool '{detail}' is full, unable to assign address", Tell: diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig}},
	{Text: "no virtual IP found for {what} requested by {rest}", Do: func(x *read.Context, _ *read.Match) {
		of(x).noAddress = true
		x.Tell(diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig})
	}},
	{Text: "no virtual IP found, sending {rest}", Do: func(x *read.Context, _ *read.Match) {
		of(x).noAddress = true
		x.Tell(diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig})
	}},
	{Text: "configuration payload negotiation failed, no CHILD_SA built", Quiet: true},
	{Text: "no available address found in pool {rest}", Tell: diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig}},
	{Text: "assigning virtual IP {addr} to peer '{user}'", Quiet: true},
	{Text: "installing new virtual IP {addr}", Quiet: true},
}

// otherMethod is a peer that proves itself by another method than is wanted here.
func otherMethod(offered string) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		of(x).method = x.Number
		o := diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 5, Attr: diagnose.AttrAuth, Offered: offered, Wanted: "another"}
		x.Tell(o)
		o.Kind = diagnose.AllOffersRefused
		x.Tell(o)
	}
}

// certificates are about chains and their revocation.
var certificates = []read.Phrase{
	{Text: "{subject|issuer|peer} certificate invalid (valid from {from} to {to})", Do: invalidCertificate},
	{Text: "no issuer certificate found for {rest}", Tell: diagnose.Observation{Kind: diagnose.IssuerUnknown, Phase: diagnose.Phase1, Message: 5}},
	{Text: "self-signed certificate {rest}", Do: func(x *read.Context, hit *read.Match) {
		if strings.Contains(hit.Hole("rest"), "is not trusted") {
			x.Tell(diagnose.Observation{Kind: diagnose.IssuerUnknown, Phase: diagnose.Phase1, Message: 5})
		}
	}},
	{Text: "certificate was revoked on {when}, reason: {why}", Tell: diagnose.Observation{Kind: diagnose.CertificateRevoked, Phase: diagnose.Phase1, Message: 5}},
	{Text: "{crl|ocsp} fetching failed", Quiet: true},
	{Text: "certificate status is not available", Quiet: true},
	{Text: "certificate status is good", Quiet: true},
	{Text: "certificate status is unknown, crl is stale", Quiet: true},
	{Text: "constraint check failed: {policy|certificate} {rest}", Quiet: true},
	{Text: "constraint check failed: CERT_VALIDATION {rest}", Quiet: true},
	{Text: "constraint check failed: RULE_CRL_VALIDATION is {rest}", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.CRLMissing, Phase: diagnose.Phase1, Message: 5})
	}},
	{Text: "constraint check failed: RULE_OCSP_VALIDATION is {rest}", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.CRLMissing, Phase: diagnose.Phase1, Message: 5})
	}},
	{Text: "signature validation failed, looking for another key", Tell: diagnose.Observation{Kind: diagnose.SignatureInvalid, Phase: diagnose.Phase1, Message: 5}},
	{Text: "no trusted {RSA|ECDSA|ED25519|PUBKEY} public key found for '{offered}'", Tell: diagnose.Observation{Kind: diagnose.CertificateRefused, Phase: diagnose.Phase1, Message: 5}},
	{Text: "no trusted public key found for '{offered}'", Tell: diagnose.Observation{Kind: diagnose.CertificateRefused, Phase: diagnose.Phase1, Message: 5}},
	{Text: "maximum path length of {n} exceeded", Tell: diagnose.Observation{Kind: diagnose.IssuerUnknown, Phase: diagnose.Phase1, Message: 5}},
}

// invalidCertificate is one that is not valid now. Which end of its time it lies
// beyond is told by the line's own time, where that has a year.
func invalidCertificate(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.CertificateExpired, Phase: diagnose.Phase1, Message: 5}
	if early(moment(hit.Hole("from")), moment(hit.Hole("to")), x.Time()) {
		o.Kind = diagnose.CertificateEarly
	}
	x.Tell(o)
}

// soon is how long before its time a certificate of today may be.
const soon = 30 * 24 * time.Hour

// early says whether a certificate that is not valid is so by its beginning. Without
// a year it is when its beginning is near, and nearer than its end is past.
func early(from, to, now time.Time) bool {
	if from.IsZero() || now.IsZero() {
		return false
	}
	if now.Year() > 1900 {
		return now.Before(from)
	}
	const year = 365 * 24 * time.Hour
	ahead := from.Sub(now.AddDate(from.Year()-now.Year(), 0, 0))
	past := now.AddDate(to.Year()-now.Year(), 0, 0).Sub(to)
	if ahead < 0 {
		ahead += year
	}
	if past < 0 {
		past += year
	}
	return ahead < soon && ahead < past
}

// moment reads a time such as "Jan 01 00:00:00 2026"; zero for none.
func moment(s string) time.Time {
	t, err := time.Parse("Jan 02 15:04:05 2006", strings.Join(strings.Fields(s), " "))
	if err != nil {
		return time.Time{}
	}
	return t
}

// quiet is what every healthy log has.
var quiet = read.Known(
	"queueing {what} task", "activating new tasks", "reinitiating already active tasks", "nothing to initiate", "scheduling {rekeying|reauthentication} in {n}",
	"maximum IKE_SA lifetime {n}", "sending keep alive to {addr}",
)
