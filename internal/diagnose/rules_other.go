package diagnose

import "slices"

// simple is a rule that needs no more than that something was observed and is
// not over.
func simple(name string, cause Cause, kind Kind, c Certainty, p Phase, summary, tell string, others ...Cause) rule {
	return rule{name, cause, []Kind{kind}, c, seen, func(k *Case) *Finding {
		on := k.All.After(Phase2Up).Of(kind)
		if len(on) == 0 {
			return nil
		}
		text := summary
		if d := on.Last().Detail; d != "" {
			text += ": " + d
		}
		return find(cause, c, on, text).in(p, on.Last().Message).or(tell, others...)
	}}
}

// remoteAccessRules are about users, groups, pools and certificates.
var remoteAccessRules = []rule{
	simple("xauth-rejected", XauthFailed, XauthRejected, Certain, PhaseConfig, "the user's name or password was refused", ""),
	simple("xauth-unanswered", XauthFailed, XauthUnanswered, Likely, PhaseConfig, "the peer does not answer the question for a user's name and password",
		"See whether the peer is a client that asks its user, or a gateway that knows nothing of XAUTH.", XauthNotExpected),
	simple("xauth-unexpected", XauthNotExpected, XauthUnexpected, Likely, PhaseConfig, "one end asks for a user's name, and the other does not expect that",
		"A key with `no-xauth` is for gateways.", XauthFailed),
	simple("no-such-group", GroupUnknown, GroupMissing, Certain, Phase1, "there is no such group here", ""),
	simple("pool-empty", PoolExhausted, PoolEmpty, Certain, PhaseConfig, "no address is left in the pool", ""),
	simple("certificate-expired", CertExpired, CertificateExpired, Likely, Phase1, "the peer's certificate has expired",
		"See whether the clock of this end is right.", CertNotYetValid),
	simple("certificate-early", CertNotYetValid, CertificateEarly, Likely, Phase1, "the peer's certificate is not valid yet: the clock of one end is wrong, or the certificate is new",
		"See whether the clock of this end is right.", CertExpired),
	simple("certificate-revoked", CertRevoked, CertificateRevoked, Certain, Phase1, "the peer's certificate was revoked", ""),
	simple("no-crl", CRLUnreachable, CRLMissing, Likely, Phase1, "no list of revoked certificates could be had", "Fetch the list by hand from this gateway.", CAUnknown),
	simple("issuer-unknown", CAUnknown, IssuerUnknown, Likely, Phase1, "the peer's certificate leads to no authority that is trusted here",
		"Compare the issuer of the peer's certificate with the trustpoints.", IdentityMismatch),
	simple("signature-invalid", MalformedOrCorrupt, SignatureInvalid, Likely, Phase1, "the peer's signature does not verify",
		"See whether the peer's private key belongs to its certificate.", IdentityMismatch, PeerQuirk),
	simple("enrolment-failed", SCEPFailed, EnrolmentFailed, Certain, PhaseNone, "the enrolment with the certificate authority failed", ""),
}

// nameUnknown is a peer whose name has no address now.
func nameUnknown(c *Case) *Finding {
	on := c.All.Of(NameUnknown).where(func(o *Observation) bool {
		return !slices.ContainsFunc(c.All.Of(NameKnown).About(o.Detail), func(k *Observation) bool { return k.Time.After(o.Time) })
	})
	if len(on) == 0 || c.TunnelUp {
		return nil
	}
	return find(PeerUnreachable, Likely, on, "the peer's name "+on.Last().Detail+" has no address").in(PhaseNone, 0).
		or("Ask the name server of this host for the name.", RoutingMissing)
}

// platformRules are about the host and what is no IKE.
var platformRules = []rule{
	{"name-unknown", PeerUnreachable, []Kind{NameUnknown}, Likely, seen, nameUnknown},
	simple("unreachable", PeerUnreachable, Unreachable, Likely, Phase1, "the network says that the peer cannot be reached",
		"`port unreachable` means that the host is there and no IKE daemon listens.", RoutingMissing, CryptoMapNotApplied),
	simple("send-refused", LocalFirewall, SendRefused, Likely, Phase1, "this host refuses to send to the peer",
		"See the host's own packet filter and its route to the peer.", RoutingMissing),
	simple("platform-limit", HardwareOrMemory, PlatformLimit, Likely, PhaseNone, "the hardware or the memory does not allow it", "", OSSupportMissing),
	simple("support-missing", OSSupportMissing, SupportMissing, Likely, PhaseNone, "the system lacks what is needed", "", HardwareOrMemory),
	simple("overlay", OverlayMisconfig, OverlayDown, Likely, PhaseData, "IPsec does its work, and what runs over it does not", "Compare tunnel keys, network IDs and modes of both ends.", RoutingMissing),
}

// noteRules say what is harmless.
var noteRules = []noteRule{
	{"lifetimes-differ", []Kind{LifetimeShorter}, func(c *Case) *Note {
		on := c.All.Of(LifetimeShorter)
		return &Note{Cause: LifetimeMismatch, Summary: "the lifetimes of the two ends differ, which does no harm: the shorter one is used", Evidence: quote(on[len(on)-1:])}
	}},
	{"duplicates", []Kind{DuplicateSeen}, func(c *Case) *Note {
		on := c.All.Of(DuplicateSeen)
		if !c.Up && !c.TunnelUp || len(on) > 2*enough {
			return nil
		}
		return &Note{Cause: DuplicateRetransmit, Summary: "messages came twice, which does no harm: the last answer is sent again", Evidence: quote(on)}
	}},
	{"peer-began-anew", []Kind{InitialContactSeen}, func(c *Case) *Note {
		if !c.Up && !c.TunnelUp {
			return nil
		}
		return &Note{Summary: "the peer said that it begins anew, as after a restart; what it had before was deleted", Evidence: quote(c.All.Of(InitialContactSeen))}
	}},
	{"other-version-beside", []Kind{OtherIKEVersion, AggressiveMode}, func(c *Case) *Note {
		if !c.Up {
			return nil
		}
		return &Note{Summary: "messages of another version or mode came beside a tunnel that is up: they were ignored", Evidence: quote(c.All.Of(OtherIKEVersion, AggressiveMode))}
	}},
	{"harmless", []Kind{Harmless}, func(c *Case) *Note {
		on := c.All.Of(Harmless)
		return &Note{Cause: NoFault, Summary: on.Last().Detail, Evidence: quote(on)}
	}},
}
