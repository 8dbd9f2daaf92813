package ios

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func certificate(text string, kind diagnose.Kind) read.Phrase {
	return read.Says(text, kind, diagnose.Phase1, 5)
}

// pki are certificates and enrolment.
var pki = read.Join([]read.Phrase{
	certificate("certificate (SN: {}) has expired", diagnose.CertificateExpired),
	certificate("CERTIFICATE_INVALID_EXPIRED", diagnose.CertificateExpired),
	certificate("Validity period ended on", diagnose.CertificateExpired),
	certificate("certificate has expired", diagnose.CertificateExpired),
	certificate("certificate (SN: {}) is not yet valid", diagnose.CertificateEarly),
	certificate("CERTIFICATE_INVALID_NOT_YET_VALID", diagnose.CertificateEarly),
	certificate("Validity period starts on", diagnose.CertificateEarly),
	certificate("certificate is not yet valid", diagnose.CertificateEarly),
	certificate("certificate (SN: {}) is revoked", diagnose.CertificateRevoked),
	certificate("%PKI-3-CERTIFICATE_REVOKED", diagnose.CertificateRevoked),
	certificate("certificate {is|has been|was} revoked", diagnose.CertificateRevoked),
	certificate("CRL fetch for trustpoint {} failed", diagnose.CRLMissing),
	certificate("%PKI-3-CRL_FETCH_FAIL", diagnose.CRLMissing),
	certificate("Failed to {retrieve|get|fetch} {CRL|the CRL}", diagnose.CRLMissing),
	certificate("CRL {is|has} expired", diagnose.CRLMissing),
	certificate("revocation {check|status} {failed|unknown}", diagnose.CRLMissing),
	certificate("could not {retrieve|get} CRL", diagnose.CRLMissing),
	certificate("Certificate received from {peer} is bad", diagnose.CertificateRefused),
	certificate("certificate verification failed", diagnose.CertificateRefused),
	certificate("until an authoritative time source", diagnose.CertificateEarly),
	certificate("%PKI-2-NON_AUTHORITATIVE_CLOCK", diagnose.CertificateEarly),
	certificate("No suitable trustpoints found", diagnose.IssuerUnknown),
	certificate("unable to find a suitable trustpoint", diagnose.IssuerUnknown),
	certificate("Can't find signature CA cert", diagnose.IssuerUnknown),
	certificate("Invalid certificate chain", diagnose.IssuerUnknown),
	certificate("%PKI-3-ISSUER_NOT_FOUND", diagnose.IssuerUnknown),
	certificate("Unable to verify signature", diagnose.SignatureInvalid),
	certificate("signature verification failed", diagnose.SignatureInvalid),
	certificate("signature invalid", diagnose.SignatureInvalid),
	read.Says("Failed to send out message to CA server", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("%PKI-3-SOCKETSEND", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("%PKI-{2|6}-CERT_ENROLL_FAIL", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("Certificate enrollment failed", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("CERTREJECT", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("CERTFAIL", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("Certificate enrollment of trustpoint {} failed", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
	read.Says("could not get CA certificate", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
}, recalled, read.Known("Certificate chain validation has failed", "CRYPTO_PKI: status", "CRYPTO_PKI: http connection", "Certificate received from Certificate Authority"))

// recalled are words that are remembered, and were not seen in a source.
var recalled = []read.Phrase{
	certificate("Unable to validate cert", diagnose.CertificateRefused),
	certificate("CRYPTO_PKI: Certificate validation failed", diagnose.CertificateRefused),
	certificate("%PKI-3-CERTIFICATE_INVALID_UNAUTHORIZED", diagnose.CertificateRefused),
	certificate("%PKI-4-CERT_VALIDATION_FAILED", diagnose.CertificateRefused),
	certificate("E_NOT_YET_VALID", diagnose.CertificateEarly),
	certificate("E_EXPIRED", diagnose.CertificateExpired),
	certificate("Certificate expired", diagnose.CertificateExpired),
	certificate("CRYPTO_PKI: can not find {issuer|the issuer|a trustpoint}", diagnose.IssuerUnknown),
	certificate("no trustpoint for the issuer", diagnose.IssuerUnknown),
	certificate("no {CA|issuer|trusted CA} certificate {found|matching}", diagnose.IssuerUnknown),
	certificate("Cannot find {issuer|the issuer} cert", diagnose.IssuerUnknown),
	certificate("E_NO_ISSUER", diagnose.IssuerUnknown),
	certificate("certificate is expired", diagnose.CertificateExpired),
	read.Says("%PKI-3-GETCACERT", diagnose.EnrolmentFailed, diagnose.PhaseNone, 0),
}
