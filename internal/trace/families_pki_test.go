package trace

// pkiAuthenticate is the first half of a book's Example 19-6: a CA's and its
// RA's certificates come. Host, URL, lengths and names are the book's.
func pkiAuthenticate() []Record {
	const tp, op = "caserver", "GetCACert"
	name := "CN = caserverRA, O = Cisco System, C = US"
	s := newScript()
	s.ctx = Context{}
	s.add(&PKIRequestSent{tp, op, "/certsrv/mscep/mscep.dll/pkiclient.exe?operation=GetCACert&message=caserver"})
	s.add(&PKIConnectionOpened{tp})
	s.add(&PKIResponseReceived{tp, op, 2693, "HTTP/1.1 200 OK\nServer: Microsoft-IIS/5.0\nDate: Fri, 17 Apr 2005 19:50:59 GMT\n" +
		"Content-Length: 2693\nContent-Type: application/x-x509-ca-ra-cert", true})
	s.add(&PKIChainIncomplete{tp, name}, &PKIChainIncomplete{tp, name}, &PKICertificateNamed{tp, name}, &PKICertificateNamed{tp, name})
	s.add(&PKITransactionCompleted{tp, op}, &PKIAuthorityReceived{tp})
	return s.records
}

// pkiEnroll is the second half: a certificate is granted.
func pkiEnroll() []Record {
	const tp = "caserver"
	s := newScript()
	s.ctx = Context{}
	s.add(&PKITransactionCompleted{tp, "PKCSReq"}, &PKIRequestSent{tp, "PKIOperation", "/"}, &PKIConnectionOpened{tp})
	s.add(&PKIResponseReceived{tp, "PKIOperation", 1924, "HTTP/1.1 200 OK\nServer: Microsoft-IIS/5.0\nDate: Fri, 17 Apr 2005 19:51:28 GMT\n" +
		"Content-Length: 1778\nContent-Type: application/x-pki-message", false})
	s.add(&PKISignedAttribute{tp, "pki-message-type", []byte("\x13\x013")}, &PKISignedAttribute{tp, "pki-status", []byte("\x13\x010")},
		&PKISignedAttribute{tp, "pki-recipient-nonce", []byte("\x04\x10\xB4\xC8\x2A\x12\x9C\x8A\x2A\x4A\xE1\xE5\x15\xDE\x22\xC2\xB4\xFD")},
		&PKISignedAttribute{tp, "pki-transaction-id", []byte("\x13\x204EEADB638C3BBEDE9F48D3E693E3C7E9")})
	s.add(&PKIStatusReceived{tp, PKIGranted, ""}, &PKIEnrollmentEnded{tp, PKIReceived, ""})
	return s.records
}

// pkiTroubles has what goes wrong with certificates.
func pkiTroubles() []Record {
	const tp = "caserver"
	s := newScript()
	s.ctx = Context{}
	s.add(&PKIMessage{tp, true, []byte("0\x82\x01")}, &PKIMessage{tp, false, []byte("0\x80")})
	s.add(&PKIStatusReceived{tp, PKIPending, ""}, &PKIEnrollmentEnded{tp, PKIWaiting, ""})
	s.add(&PKIStatusReceived{tp, PKIRejected, "badRequest (2)"}, &PKIEnrollmentEnded{tp, PKIRefused, "badRequest (2)"})
	s.add(&PKIUnanswered{tp, "GetCACert", "there was no answer in time", 0}, &PKIUnanswered{tp, "PKIOperation", "its nonce differs", 60},
		&PKIEnrollmentEnded{tp, PKIFailed, "its nonce differs"})
	s.add(&PKIRequestSent{tp, "CRL", "http://ca.example.com/lab.crl"}, &PKIUnanswered{tp, "CRL", "the server refuses the connection", 300},
		&PKIRequestSent{tp, "OCSP", "http://ocsp.example.com/"}, &PKITransactionCompleted{tp, "OCSP"})
	for _, left := range []uint32{30 * 24 * 60 * 60, 6*24*60*60 + 23*60*60 + 59*60 + 58, 0} {
		s.add(&PKIExpiry{tp, left == 0, "cn=caserver,o=Lab", "cn=r1,o=Lab", "3E", "00:51:51 UTC Feb 23 2026", left, left > 0})
	}
	for _, reason := range []string{"expired", "not-yet-valid", "revoked", "unknown-ca"} {
		s.add(&PKIVerdict{tp, "cn=r1,o=Lab", "3E", reason, "00:51:51 UTC Feb 23 2026", "19:50:59 UTC Apr 17 2005",
			"the certificate of cn=r1,o=Lab (serial 3E) is " + reason})
	}
	return s.records
}
