package lab

import "qmidle/internal/diagnose"

// What turns the ends of the suite into ones that prove themselves by certificates.
const (
	byKey        = " authentication pre-share\n"
	bySigning    = " authentication rsa-sig\n"
	labTrust     = "crypto pki trustpoint LAB\n enrollment terminal\n revocation-check none\n rsakeypair LAB\n"
	labTrustCRLs = "crypto pki trustpoint LAB\n enrollment terminal\n crl query http://192.0.2.1/lab.crl\n rsakeypair LAB\n"
)

var (
	signedHub   = []string{byKey, bySigning, hubKey, labTrust}
	signedSpoke = []string{byKey, bySigning, spokeKey, labTrust}
)

func init() { faultSuite = append(faultSuite, certificateFaults...) }

// certified is a fault between ends with certificates, of which the spoke has the one
// of a file.
func certified(name, spoke string, truth diagnose.Cause, initiator, responder view, others ...diagnose.Cause) fault {
	return fault{family: "certificates", name: name, hub: signedHub, spoke: signedSpoke, hubPEM: []string{"ca.pem", "hub.pem"}, spokePEM: []string{"ca.pem", spoke},
		truth: truth, others: others, initiator: initiator, responder: responder, both: named}
}

// certificateFaults are those of certificates and their CAs. Whoever shows a
// certificate that does not do is told so by one notify for many reasons: it knows of
// its own what its clock says.
var certificateFaults = []fault{
	{family: "certificates", name: "none", hub: signedHub, spoke: signedSpoke, hubPEM: []string{"ca.pem", "hub.pem"}, spokePEM: []string{"ca.pem", "spoke.pem"},
		initiator: unseen, responder: unseen, both: unseen},
	certified("expired", "spoke-expired.pem", diagnose.CertExpired, named, named),
	certified("not yet valid", "spoke-early.pem", diagnose.CertNotYetValid, named, named),
	certified("of a CA that the responder does not trust", "spoke-other.pem", diagnose.CAUnknown, named, named),
	certified("for another purpose", "spoke-purpose.pem", diagnose.Other, among, named),
	certified("with a short key", "spoke-weak.pem", diagnose.Other, among, named),
	{family: "certificates", name: "of a CA that the initiator does not trust", hub: signedHub, spoke: signedSpoke, hubPEM: []string{"ca.pem", "other-ca.pem", "hub.pem"},
		spokePEM: []string{"other-ca.pem", "spoke-other.pem"}, truth: diagnose.CAUnknown, initiator: named, responder: named, both: named},
	{family: "certificates", name: "no list of revocations", hub: []string{byKey, bySigning, hubKey, labTrustCRLs}, spoke: signedSpoke,
		hubPEM: []string{"ca.pem", "hub.pem"}, spokePEM: []string{"ca.pem", "spoke.pem"}, truth: diagnose.CRLUnreachable, initiator: among, responder: named, both: named},
}
