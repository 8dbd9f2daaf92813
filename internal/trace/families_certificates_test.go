package trace

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// signatures has what a phase 1 by signatures tells: a peer that is proven, and
// then what goes wrong.
func signatures() []Record {
	s := newScript()
	s.established(RoleResponder, MMSASetup)
	s.add(&PayloadProcessed{Payload: isakmp.PayloadCertRequest}, &CertRequestReceived{isakmp.CertX509Signature, "cn=Lab CA"},
		&CertRequestReceived{isakmp.CertPKCS7, ""})
	s.ctx.State = MMKeyExch
	s.add(&PayloadProcessed{Payload: isakmp.PayloadCert}, &CertificateReceived{isakmp.CertX509Signature, 801}, &CertificateReceived{77, 5},
		&PayloadProcessed{Payload: isakmp.PayloadSignature})
	judged := CertificateJudged{"LAB", "cn=spoke,o=Lab", "cn=Lab CA", "3E", "valid", "", "19:50:59 UTC Apr 17 2026", isakmp.IDFQDN, "spoke", "", "the certificate is valid"}
	s.add(&judged, &TrustpointChosen{Name: "LAB", Subject: "cn=hub,o=Lab", Issuer: "cn=Lab CA", Clock: "19:50:59 UTC Apr 17 2026"}, &OwnIdentityReplaced{isakmp.IDIPv4Addr, isakmp.IDFQDN},
		&OwnIdentityReplaced{isakmp.IDUserFQDN, isakmp.IDDERASN1DN}, &OwnIdentityReplaced{isakmp.IDKeyID, isakmp.IDDERASN1DN},
		&AuthenticatingAs{isakmp.AuthRSASig, isakmp.IDFQDN}, &CertificateSending{"cn=hub,o=Lab"}, &SignatureMade{"LAB"})
	for p := range SignatureInternal + 1 {
		s.add(&SignatureRefused{isakmp.AuthRSASig, p, "cn=spoke,o=Lab"})
	}
	s.add(&CertificateMissing{isakmp.AuthRSASig})
	for _, reason := range []string{"expired", "unknown-ca"} {
		x := judged
		x.Reason, x.Text = reason, "the certificate of cn=spoke,o=Lab (serial 3E) is "+reason
		s.add(&x)
	}
	for _, kind := range []isakmp.IDType{isakmp.IDIPv4Addr, isakmp.IDFQDN, isakmp.IDUserFQDN, isakmp.IDDERASN1DN} {
		x := judged
		x.Reason, x.IDType, x.Names = "identity-not-in-certificate", kind, "hub 192.0.2.1"
		s.add(&x)
	}
	s.add(&NonceDecrypted{true}, &NonceDecrypted{false}, &PeerKeyMissing{netip.MustParseAddr("192.0.2.9"), isakmp.IDFQDN, []byte("spoke")})
	s.add(&SADeleting{ReasonCertificate}, &SADeleting{ReasonNoCertificate}, &SADeleting{ReasonPeerRefuses})
	return s.records
}
