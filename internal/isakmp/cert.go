package isakmp

// Certificate encodings (RFC 2408 section 3.9).
const (
	CertPKCS7         uint8 = 1 // X.509 certificates wrapped in PKCS #7
	CertPGP           uint8 = 2
	CertDNSKey        uint8 = 3
	CertX509Signature uint8 = 4
	CertX509KE        uint8 = 5
	CertKerberos      uint8 = 6
	CertCRL           uint8 = 7
	CertARL           uint8 = 8
	CertSPKI          uint8 = 9
	CertX509Attribute uint8 = 10
)

// Cert is the body of a certificate payload (RFC 2408 section 3.9).
type Cert struct {
	Encoding uint8
	Data     []byte
}

// CertRequest is the body of a certificate request payload (RFC 2408 section
// 3.10). Data is the DER name of the CA for the X.509 encodings; when it is
// empty any CA will do.
type CertRequest struct {
	Encoding uint8
	Data     []byte
}

// ParseCert reads a certificate payload; Data is a view and not empty. The
// error is an *Error.
func ParseCert(p Payload) (Cert, error) {
	if len(p.Body) < 2 {
		return Cert{}, truncated(p.Type, FieldCertificate, p.bodyOffset(), len(p.Body), 2)
	}
	return Cert{Encoding: p.Body[0], Data: p.Body[1:]}, nil
}

// AppendCert appends the body of a certificate payload to dst, without its
// generic header.
func AppendCert(dst []byte, c Cert) []byte {
	return append(append(dst, c.Encoding), c.Data...)
}

// ParseCertRequest reads a certificate request payload; Data is a view. The
// error is an *Error.
func ParseCertRequest(p Payload) (CertRequest, error) {
	if len(p.Body) < 1 {
		return CertRequest{}, truncated(p.Type, FieldBody, p.bodyOffset(), 0, 1)
	}
	return CertRequest{Encoding: p.Body[0], Data: p.Body[1:]}, nil
}

// AppendCertRequest appends the body of a certificate request payload to dst,
// without its generic header.
func AppendCertRequest(dst []byte, r CertRequest) []byte {
	return append(append(dst, r.Encoding), r.Data...)
}
