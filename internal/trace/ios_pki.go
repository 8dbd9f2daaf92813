package trace

import (
	"fmt"
	"strings"
)

// writePKITransactions prints what `debug crypto pki transactions` has for an
// event. The lines are those of a book's Example 19-6, whose typesetting has
// lost the blanks behind colons; the one behind CRYPTO_PKI: is recalled.
func (w *iosWriter) writePKITransactions(event Event) {
	switch e := event.(type) {
	case *PKIRequestSent:
		w.pkiRequest(e)
	case *PKIConnectionOpened:
		w.module("CRYPTO_PKI: http connection opened")
	case *PKIResponseReceived:
		w.pkiResponse(e)
	case *PKIChainIncomplete:
		w.module("CRYPTO_PKI: WARNING: A certificate chain could not be constructed while selecting certificate status")
	case *PKICertificateNamed:
		w.module("CRYPTO_PKI: Name: %s", printable([]byte(e.Name)))
	case *PKITransactionCompleted:
		w.module("CRYPTO_PKI: transaction %s completed", printable([]byte(e.Operation)))
		if e.Operation == "PKCSReq" || e.Operation == "RenewalReq" {
			w.module("CRYPTO_PKI: status:")
		}
	case *PKIAuthorityReceived:
		w.module("CRYPTO_PKI: CA certificate received.")
	case *PKISignedAttribute:
		w.module("CRYPTO_PKI: signed attr: %s:", printable([]byte(e.Name)))
		w.pkiOctets(e.Value)
	case *PKIStatusReceived:
		w.module("CRYPTO_PKI: status = %d: %s", pkiStatusNumber+int(e.Status), e.Status)
	case *PKIEnrollmentEnded:
		switch e.Outcome {
		case PKIReceived:
			w.module("CRYPTO_PKI: All enrollment requests completed.")
		case PKIRefused, PKIFailed: // our own words
			w.module("CRYPTO_PKI: enrollment %s: %s", e.Outcome, printable([]byte(e.Problem)))
		}
	case *PKIUnanswered: // our own words
		again := ""
		if e.RetrySeconds > 0 {
			again = fmt.Sprintf("; next try in %d s", e.RetrySeconds)
		}
		w.module("CRYPTO_PKI: %s: %s%s", printable([]byte(e.Operation)), printable([]byte(e.Problem)), again)
	case *PKIVerdict: // our own words: both clocks are what to look for
		w.module("CRYPTO_PKI: %s", printable([]byte(e.Text)))
	}
}

// pkiStatusNumber is what IOS adds to a status: 100 is granted. The other two
// are recalled.
const pkiStatusNumber = 100

// pkiRequest prints the request line below its heading. IOS names only that of
// GetCACert, and of other transactions nothing.
func (w *iosWriter) pkiRequest(e *PKIRequestSent) {
	switch e.Operation {
	case "GetCACert":
		w.module("CRYPTO_PKI: Sending CA Certificate Request: ")
		w.more("GET %s HTTP/1.0", printable([]byte(e.Path)))
	case "CRL", "OCSP": // our own words
		w.module("CRYPTO_PKI: Sending %s request to %s", e.Operation, printable([]byte(e.Path)))
	}
}

func (w *iosWriter) pkiResponse(e *PKIResponseReceived) {
	if e.Operation != "GetCACert" {
		w.module("CRYPTO_PKI: received msg of %d bytes", e.Octets)
	}
	w.module("CRYPTO_PKI: HTTP response header:")
	for line := range strings.SplitSeq(e.Header, "\n") {
		w.more(" %s", printable([]byte(line)))
	}
	if e.CAAndRA {
		w.more(" Content-Type indicates we have received CA and RA certificates.")
	}
}

// pkiOctets prints octets, twenty on a line.
func (w *iosWriter) pkiOctets(b []byte) {
	const onALine = 20
	for len(b) > 0 {
		n := min(onALine, len(b))
		w.module("% X", b[:n])
		b = b[n:]
	}
}

// writePKIMessages prints what `debug crypto pki messages` has. The book calls
// it of use to Cisco's own people only, and shows nothing of it: the words are
// ours.
func (w *iosWriter) writePKIMessages(event Event) {
	e, ok := event.(*PKIMessage)
	if !ok {
		return
	}
	direction := "received"
	if e.Sent {
		direction = "sent"
	}
	w.module("CRYPTO_PKI: message %s:", direction)
	w.pkiOctets(e.Octets)
}

// writePKIValidation prints what `debug crypto pki validation` has. The words
// are ours.
func (w *iosWriter) writePKIValidation(event Event) {
	if e, ok := event.(*PKIVerdict); ok {
		w.module("CRYPTO_PKI: Certificate validation: trustpoint %s, serial %s, %s: %s", printable([]byte(e.Trustpoint)),
			printable([]byte(e.Serial)), printable([]byte(e.Subject)), printable([]byte(e.Reason)))
	}
}

// pkiMessage prints the system messages about certificates.
func (w *iosWriter) pkiMessage(event Event) {
	switch e := event.(type) {
	case *PKIEnrollmentEnded:
		w.pkiEnded(e)
	case *PKIUnanswered:
		if e.Operation == "CRL" {
			w.system("%%PKI-3-CRL_FETCH_FAIL: CRL fetch for trustpoint %s failed", printable([]byte(e.Trustpoint)))
			w.more("                     Reason : %s", printable([]byte(e.Problem)))
			return
		}
		w.system("%%PKI-3-SOCKETSEND: Failed to send out message to CA server.")
	case *PKIVerdict:
		w.pkiVerdict(e)
	case *PKIExpiry:
		w.pkiExpiry(e)
	}
}

// pkiEnded prints what became of an enrolment. All but the first are recalled.
func (w *iosWriter) pkiEnded(e *PKIEnrollmentEnded) {
	switch e.Outcome {
	case PKIReceived:
		w.system("%%CRYPTO-6-CERTRET: Certificate received from Certificate Authority")
	case PKIRefused:
		w.system("%%CRYPTO-6-CERTREJ: Certificate enrollment request was rejected by Certificate Authority")
	case PKIWaiting:
		w.system("%%CRYPTO-6-CERTPENDING: Certificate enrollment request is pending")
	case PKIFailed:
		w.system("%%CRYPTO-6-CERTFAIL: Certificate enrollment failed.")
	}
}

func (w *iosWriter) pkiVerdict(e *PKIVerdict) {
	serial, limit := printable([]byte(e.Serial)), printable([]byte(e.Limit))
	switch e.Reason {
	case "expired":
		w.system("%%PKI-3-CERTIFICATE_INVALID_EXPIRED: Certificate chain validation has failed.  The certificate (SN: %s) has expired.    Validity period ended on %s", serial, limit)
	case "not-yet-valid":
		w.system("%%PKI-3-CERTIFICATE_INVALID_NOT_YET_VALID: Certificate chain validation has failed.  The certificate (SN: %s) is not yet valid   Validity period starts on %s", serial, limit)
	case "revoked": // recalled
		w.system("%%PKI-3-CERTIFICATE_REVOKED: Certificate chain validation has failed.  The certificate (SN: %s) is revoked", serial)
	}
}

// pkiExpiry prints that a certificate ends. IOS warns from 60 days on and more
// often, which its manual says; its words are recalled, and those of the end are
// our own.
func (w *iosWriter) pkiExpiry(e *PKIExpiry) {
	kind, renewal := "ID", "Not Enabled"
	if e.Authority {
		kind = "CA"
	}
	if e.AutoEnroll {
		renewal = "Enabled"
	}
	name := printable([]byte(e.Trustpoint))
	const minute, hour, day, week = 60, 60 * 60, 24 * 60 * 60, 7 * 24 * 60 * 60
	left := e.LeftSeconds
	switch {
	case left == 0:
		w.system("%%PKI-1-CERT_EXPIRED: %s Certificate belonging to trustpoint %s expired on %s.", kind, name, printable([]byte(e.End)))
	case left > week:
		w.system("%%PKI-4-CERT_EXPIRY_WARNING: %s Certificate belonging to trustpoint %s will expire in %d Days %d hours %d mins %d secs.",
			kind, name, left/day, left%day/hour, left%hour/minute, left%minute)
	default:
		w.system("%%PKI-1-CERT_EXPIRY_ALERT: %s Certificate belonging to trustpoint %s will expire in %d Days %d hours %d mins %d secs.",
			kind, name, left/day, left%day/hour, left%hour/minute, left%minute)
	}
	w.more(" Issuer-name     : %s", printable([]byte(e.Issuer)))
	w.more(" Subject-name    : %s", printable([]byte(e.Subject)))
	w.more(" Serial-number   : %s", printable([]byte(e.Serial)))
	w.more(" Auto-Renewal    : %s", renewal)
}
