package diagnose

import "strings"

// certificateRules are about certificates and signatures. What a trustpoint here has
// judged is certain; a log names the kind of fault alone.
var certificateRules = []rule{
	verdict("certificate-expired", CertExpired, CertificateExpired, Likely, "the peer's certificate has expired",
		"See whether the clock of this end is right.", CertNotYetValid),
	verdict("certificate-early", CertNotYetValid, CertificateEarly, Likely, "the peer's certificate is not valid yet: the clock of one end is wrong, or the certificate is new",
		"See whether the clock of this end is right.", CertExpired),
	verdict("certificate-revoked", CertRevoked, CertificateRevoked, Certain, "the peer's certificate was revoked", ""),
	verdict("no-crl", CRLUnreachable, CRLMissing, Likely, "no list of revoked certificates could be had", "Fetch the list by hand from this gateway.", CAUnknown),
	verdict("issuer-unknown", CAUnknown, IssuerUnknown, Likely, "the peer's certificate leads to no authority that is trusted here",
		"Compare the issuer of the peer's certificate with the trustpoints.", IdentityMismatch),
	verdict("certificate-untrusted", CAUnknown, CertificateUntrusted, Likely, "the chain of the peer's certificate does not hold",
		"Compare the chain with the trustpoints.", MalformedOrCorrupt),
	verdict("certificate-of-another", IdentityMismatch, CertificateOfAnother, Likely, "the peer's identity is not in its certificate",
		"See which names the certificate has.", CAUnknown),
	verdict("certificate-weak", Other, CertificateWeak, Likely, "the peer's certificate is weaker than the trustpoint allows",
		"See the signature and the key of the certificate, and of those above it.", CAUnknown),
	verdict("certificate-unfit", Other, CertificateUnfit, Likely, "the peer's certificate is not one for IKE",
		"See the usages that the certificate names.", CAUnknown),
	{"certificate-refused", CAUnknown, []Kind{CertificateRefused}, Possible, seen, certificateRefused},
	simple("signature-invalid", MalformedOrCorrupt, SignatureInvalid, Likely, Phase1, "the peer's signature does not verify",
		"See whether the peer's private key belongs to its certificate.", IdentityMismatch, PeerQuirk),
	{"no-certificate-here", Other, []Kind{CertificateMissing}, Certain, seen, noCertificateHere},
	{"told-certificate", CAUnknown, []Kind{NotifyReceived}, Likely, told, toldCertificate},
}

// verdict is simple for a certificate that a trustpoint here has judged, where the
// Detail is the sentence that says all.
func verdict(name string, cause Cause, kind Kind, c Certainty, summary, tell string, others ...Cause) rule {
	log := simple(name, cause, kind, c, Phase1, summary, tell, others...)
	judge := log.judge
	log.atMost, log.judge = Certain, func(k *Case) *Finding {
		on := k.All.After(Phase2Up).Of(kind)
		if len(on) == 0 || !on.Last().Authentic {
			return judge(k)
		}
		f := find(cause, Certain, on, on.Last().Detail).in(Phase1, on.Last().Message).or(tell)
		f.about = on.Last()
		return f
	}
	return log
}

// certificateFaults are what may be wrong with a certificate.
var certificateFaults = []Kind{CertificateExpired, CertificateEarly, CertificateRevoked, CRLMissing, IssuerUnknown, CertificateOfAnother, CertificateWeak,
	CertificateUnfit, CertificateUntrusted}

// certificateRefused is a peer whose certificate does not do, where nothing says why.
func certificateRefused(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(CertificateRefused)
	if len(on) == 0 || c.All.Has(certificateFaults...) || c.All.Has(IdentityRefused) {
		return nil
	}
	return find(CAUnknown, Possible, on, "the peer's certificate is refused here").in(Phase1, 5).
		or("Debugging of certificates says what is wrong with it; else compare its issuer, its dates and its revocation.", CertExpired, CertRevoked, CRLUnreachable, CertNotYetValid, IdentityMismatch)
}

// noCertificateHere is a method that was agreed or offered, for which this end has
// nothing to show.
func noCertificateHere(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(CertificateMissing)
	if len(on) == 0 || c.signed() {
		return nil
	}
	f := find(Other, Certain, on, "the peer offers authentication by "+on.Last().Offered+", and no trustpoint here has a certificate with its key").in(Phase1, 1).or("")
	f.about = on.Last()
	return f
}

// toldCertificate is a peer that refuses the certificate of this end.
func toldCertificate(c *Case) *Finding {
	recent := c.All.After(Phase2Up)
	on := recent.Of(NotifyReceived).In(Phase1).About("INVALID-CERTIFICATE", "INVALID-CERT-AUTHORITY", "CERTIFICATE-UNAVAILABLE", "CERT-TYPE-UNSUPPORTED", "INVALID-CERT-ENCODING")
	if len(on) == 0 {
		return nil
	}
	own, message := recent.Of(CertificateShown).Last(), 5
	if on.Last().Role == Responder {
		message = 6
	}
	if own != nil {
		on = append(Part{own}, on...)
	}
	refuses := "the peer refuses this end's certificate (" + on.Last().Detail + ")"
	finding := func(cause Cause, certainty Certainty, why string) *Finding {
		f := find(cause, certainty, on, refuses+why).in(Phase1, message)
		f.about = own
		return f
	}
	switch {
	case own != nil && own.Attr == ownExpired:
		return finding(CertExpired, Likely, ": "+own.Detail).or("See whether the clocks of both ends are right.", CertNotYetValid)
	case own != nil && own.Attr == ownEarly:
		return finding(CertNotYetValid, Likely, ": "+own.Detail).or("See whether the clocks of both ends are right.", CertExpired)
	case on.Last().Detail == "INVALID-CERT-AUTHORITY":
		why := ": it does not trust the authority that has issued it"
		if own != nil {
			why += ", " + own.Wanted + asksFor(c)
		}
		return finding(CAUnknown, Likely, why).or("Ask for the peer's log: it names the issuer that it does not know.", CertRevoked)
	}
	return finding(CertExpired, Possible, ": it has expired or is not valid yet by the peer's clock, was revoked, or is not for IKE").
		or("Ask for the peer's log: it says what it does not accept.", CertNotYetValid, CertRevoked, CAUnknown, IdentityMismatch, Other)
}

// Attributes of a CertificateShown that is at fault by this end's own clock.
const (
	ownExpired = "expired"
	ownEarly   = "not yet valid"
)

// asksFor says which authorities the peer asks for certificates of.
func asksFor(c *Case) string {
	var names []string
	for _, o := range c.Phase1.Of(CertificateAsked) {
		if !strings.Contains(strings.Join(names, "; "), o.Wanted) && len(names) < maxNamed {
			names = append(names, o.Wanted)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; it asks for " + strings.Join(names, "; ")
}

// maxNamed bounds the authorities that are named.
const maxNamed = 3

// refusedSignature is a peer that refuses the proof of this end, which is a
// certificate and a signature, and whose reason was not read.
func refusedSignature(on Part, what string) *Finding {
	return find(CAUnknown, Possible, on, what+": it does not take this end's certificate, its identity or its signature").in(Phase1, on.Last().Message).
		or("Ask for the peer's log: it says what it does not accept.", CertExpired, CertNotYetValid, CertRevoked, CRLUnreachable, IdentityMismatch, Other)
}
