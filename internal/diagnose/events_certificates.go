package diagnose

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// bySignature says whether the ends prove themselves by signatures.
func bySignature(m isakmp.AuthMethod) bool {
	switch m {
	case isakmp.AuthRSASig, isakmp.AuthXAUTHInitRSA, isakmp.AuthXAUTHRespRSA, isakmp.AuthECDSA256, isakmp.AuthECDSA384, isakmp.AuthECDSA521:
		return true
	}
	return false
}

// verdictKinds are what the verdicts on certificates, by their stable names, are
// observed as. What is not here is refused for its chain.
var verdictKinds = map[string]Kind{
	"expired": CertificateExpired, "not-yet-valid": CertificateEarly, "revoked": CertificateRevoked, "unknown-ca": IssuerUnknown,
	"revocation-stale": CRLMissing, "revocation-unreachable": CRLMissing, "revocation-invalid": CRLMissing,
	"identity-not-in-certificate": CertificateOfAnother, "weak-signature": CertificateWeak, "weak-key": CertificateWeak,
	"wrong-purpose": CertificateUnfit, "no-map-matches": CertificateUnfit, "malformed": CertificateUnfit, "critical-extension": CertificateUnfit,
}

// ofCertificates says whether a notify refuses a certificate or a signature. The one
// who has sent the last message of phase 1 gets it when phase 1 is up.
func ofCertificates(t isakmp.NotifyType) bool {
	switch t {
	case isakmp.NotifyInvalidCertEncoding, isakmp.NotifyInvalidCertificate, isakmp.NotifyCertTypeUnsupported, isakmp.NotifyInvalidCertAuthority,
		isakmp.NotifyInvalidSignature, isakmp.NotifyCertUnavailable:
		return true
	}
	return false
}

// readCertificates reads what is said of certificates and signatures. It is false for
// an event of another kind.
func (r *eventReader) readCertificates(event trace.Event) bool {
	switch e := event.(type) {
	case *trace.CertificateJudged:
		if e.Reason == "valid" {
			break
		}
		kind := verdictKinds[e.Reason]
		if kind == KindNone {
			kind = CertificateUntrusted
		}
		r.add(Observation{Kind: kind, Phase: Phase1, Message: r.lastSent() + 1, Detail: e.Text, Place: e.Trustpoint, Offered: e.ID, Wanted: e.Names, Attr: e.Issuer, Authentic: true})
	case *trace.SignatureRefused:
		detail := e.Problem.String()
		if e.Subject != "" {
			detail += " (" + e.Subject + ")"
		}
		r.add(Observation{Kind: SignatureInvalid, Phase: Phase1, Message: r.lastSent() + 1, Detail: detail})
	case *trace.CertificateMissing:
		r.add(Observation{Kind: CertificateMissing, Phase: Phase1, Message: 1, Offered: authWord(e.Method)})
	case *trace.TrustpointChosen:
		o := Observation{Kind: CertificateShown, Phase: Phase1, Place: e.Name, Offered: e.Subject, Wanted: e.Issuer, Count: 0}
		switch {
		case e.Limit == "":
		case e.Early:
			o.Attr, o.Detail = ownEarly, "it is valid from "+e.Limit+" on, and the clock here says "+e.Clock
		default:
			o.Attr, o.Detail = ownExpired, "it expired on "+e.Limit+", and the clock here says "+e.Clock
		}
		r.add(o)
	case *trace.CertRequestReceived:
		if e.Authority != "" {
			r.add(Observation{Kind: CertificateAsked, Phase: Phase1, Wanted: e.Authority})
		}
	default:
		return false
	}
	return true
}
