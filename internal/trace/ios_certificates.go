package trace

import "qmidle/internal/isakmp"

// certificateWords are IOS's names of encodings. All but that of signatures are
// recalled.
var certificateWords = map[uint8]string{
	isakmp.CertPKCS7: "CT_PKCS7_WRAPPED_X509", isakmp.CertPGP: "CT_PGP", isakmp.CertDNSKey: "CT_DNS_SIGNED_KEY",
	isakmp.CertX509Signature: "CT_X509_SIGNATURE", isakmp.CertX509KE: "CT_X509_KEYEXCHANGE", isakmp.CertKerberos: "CT_KERBEROS_TOKENS",
	isakmp.CertCRL: "CT_CRL", isakmp.CertARL: "CT_ARL", isakmp.CertSPKI: "CT_SPKI", isakmp.CertX509Attribute: "CT_X509_ATTRIBUTE",
}

func certificateWord(encoding uint8) string {
	if word := certificateWords[encoding]; word != "" {
		return word
	}
	return "CT_UNKNOWN"
}

// writeCertificates prints certificates and signatures of phase 1. All of these
// lines are recalled. It is false for an event of another kind.
func (w *iosWriter) writeCertificates(event Event) bool {
	switch e := event.(type) {
	case *CertRequestReceived:
		w.sa(" peer wants a %s cert", certificateWord(e.Encoding))
		if e.Authority != "" {
			w.sa(" peer wants cert issued by %s", printable([]byte(e.Authority)))
		}
	case *TrustpointChosen:
		w.more(" Choosing trustpoint %s as issuer", printable([]byte(e.Name)))
	case *OwnIdentityReplaced:
		w.sa("My ID configured as %s, but %s not in Cert!", identityWord(e.Configured), shortIdentityWord(e.Configured))
		w.sa("Using %s as My ID", identityWord(e.Used))
	case *CertificateSending:
		w.packet("constructing CERT payload for %s", printable([]byte(e.Subject)))
	case *SignatureMade:
		w.sa(" using the %s trustpoint's keypair to sign", printable([]byte(e.Trustpoint)))
	case *CertificateReceived:
		w.sa(" processing a %s cert", certificateWord(e.Encoding))
		if e.Encoding == isakmp.CertX509Signature {
			w.sa(" peer's pubkey isn't cached")
		}
	case *SignatureRefused:
		w.sa(" Unable to verify signature: %s", e.Problem) // what is behind the colon is ours
	default:
		return false
	}
	return true
}

// identityWord is how IOS names a kind of identity of its own.
func identityWord(t isakmp.IDType) string {
	switch t {
	case isakmp.IDIPv4Addr, isakmp.IDIPv6Addr:
		return "IPv4 Addr"
	case isakmp.IDFQDN:
		return "FQDN"
	case isakmp.IDUserFQDN:
		return "USER FQDN"
	case isakmp.IDDERASN1DN:
		return "DN"
	}
	return t.String()
}

func shortIdentityWord(t isakmp.IDType) string {
	if t == isakmp.IDIPv4Addr || t == isakmp.IDIPv6Addr {
		return "Addr"
	}
	return identityWord(t)
}

// certificateVerdict prints the system message of a peer's certificate that is
// refused. The words behind "is bad" are recalled. IOS warns of an identity that is
// not in the certificate, and takes it.
func (w *iosWriter) certificateVerdict(e *CertificateJudged) {
	switch e.Reason {
	case "valid":
	case "identity-not-in-certificate":
		kind, name := "ADDR", "addr"
		switch e.IDType {
		case isakmp.IDFQDN:
			kind, name = "FQDN", "fqdn"
		case isakmp.IDUserFQDN:
			kind, name = "USER_FQDN", "user fqdn"
		case isakmp.IDDERASN1DN:
			kind, name = "DN", "DN"
		}
		w.system("%%CRYPTO-6-IKMP_NO_ID_CERT_%s_MATCH: ID of %s (type %d) and certificate %s with %s", kind, printable([]byte(e.ID)), e.IDType, name, printable([]byte(e.Names)))
	case "unknown-ca":
		w.system("%%CRYPTO-5-IKMP_INVAL_CERT: Certificate received from %s is bad: CA request failed!", w.remote())
	default:
		w.system("%%CRYPTO-5-IKMP_INVAL_CERT: Certificate received from %s is bad: certificate invalid", w.remote())
	}
}
