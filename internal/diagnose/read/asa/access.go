package asa

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// access are users, groups, addresses, certificates, and IKEv2.
var access = []read.Phrase{
	says("Remote peer has failed user authentication", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("User Authentication failed", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("AAA user authentication Rejected", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("Received authentication failure message", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("Headend security gateway has failed our user authentication", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("Xauth required but selected Proposal does not support xauth", diagnose.XauthUnexpected, diagnose.PhaseConfig, 0),
	says("User Authorization failed", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("not member of group {}group-lock check failed", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	says("CRL polling failed for trustpoint", diagnose.CRLMissing, diagnose.Phase1, 5),
	says("Failed to refresh CRL cache entry", diagnose.CRLMissing, diagnose.Phase1, 5),
	says("Certificate enrollment failed for trustpoint", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	says("Unable to process the received peer certificate", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("Failed to query CA certificate", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	says("Cannot obtain an IP address for remote peer", diagnose.PoolEmpty, diagnose.PhaseConfig, 0),
	says("No available addresses", diagnose.PoolEmpty, diagnose.PhaseConfig, 0),
	says("no address available", diagnose.PoolEmpty, diagnose.PhaseConfig, 0),
	says("Unable to get address from group-policy or tunnel-group local pools", diagnose.PoolEmpty, diagnose.PhaseConfig, 0),
	says("Certificate date is out-of-range", diagnose.CertificateExpired, diagnose.Phase1, 5),
	says("Certificate validation failed{}expired", diagnose.CertificateExpired, diagnose.Phase1, 5),
	says("Certificate is expired", diagnose.CertificateExpired, diagnose.Phase1, 5),
	says("Certificate validation failed{}not yet valid", diagnose.CertificateEarly, diagnose.Phase1, 5),
	says("Certificate is revoked", diagnose.CertificateRevoked, diagnose.Phase1, 5),
	says("Certificate validation failed{}revoked", diagnose.CertificateRevoked, diagnose.Phase1, 5),
	says("{CRL|Revocation status} {retrieval failed|check failed|could not be retrieved|polling failed}", diagnose.CRLMissing, diagnose.Phase1, 5),
	says("No suitable trustpoints found to validate certificate", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("Certificate chain failed validation", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("Peer certificate chain could not be validated", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("Certificate validation failed", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("Unable to find trustpoint", diagnose.IssuerUnknown, diagnose.Phase1, 5),
	says("{Enrollment|enrollment} {request failed|failed}", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	does("Remote:{peer}:{port} Username:{} IKEv2 Negotiation aborted due to ERROR: {rest}", ikev2),
	does("IKEv2 Negotiation aborted due to ERROR: {rest}", ikev2),
	does("Need to send an IKEv2 {} but {rest}", nil2),
	says("Maximum number of {VPN sessions|sessions} {reached|exceeded}", diagnose.PlatformLimit, diagnose.PhaseNone, 0),
	says("License{}exceeded for {VPN|IPSec|sessions}", diagnose.PlatformLimit, diagnose.PhaseNone, 0),
}

// ikev2 is the one sentence of an IKEv2 negotiation that failed.
func ikev2(x *read.Context, match *read.Match) {
	if a := match.Addr("peer"); a.IsValid() {
		use(x, a)
	}
	why := strings.ToLower(match.Hole("rest"))
	o := diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1}
	switch {
	case strings.Contains(why, "no ipsec policy found for received ts"), strings.Contains(why, "ts_unacceptable"), strings.Contains(why, "crypto map"):
		o.Kind, o.Phase = diagnose.ProxyRefused, diagnose.Phase2
	case strings.Contains(why, "policy"), strings.Contains(why, "proposal"):
		o.Kind, o.Message = diagnose.AllOffersRefused, 1
	case strings.Contains(why, "dh group"), strings.Contains(why, "ke payload"):
		o.Kind, o.Message = diagnose.AllOffersRefused, 1
	case strings.Contains(why, "locate an item in the database"), strings.Contains(why, "preshared"), strings.Contains(why, "pre-shared"):
		o.Kind, o.Message = diagnose.KeyMissing, 1
	case strings.Contains(why, "authenticat"), strings.Contains(why, "auth exchange failed"):
		o.Kind, o.Message = diagnose.HashMismatch, 5
	case strings.Contains(why, "maximum number of retransmissions"), strings.Contains(why, "timer expired"):
		o.Kind, o.Message, o.Role = diagnose.GaveUp, 1, diagnose.Initiator
	case strings.Contains(why, "unsupported"), strings.Contains(why, "version"):
		o.Kind, o.Message = diagnose.OtherIKEVersion, 1
	}
	x.Tell(o)
}
