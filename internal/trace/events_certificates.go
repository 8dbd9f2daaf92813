package trace

import "qmidle/internal/isakmp"

// CertRequestReceived is a certificate request payload of the peer. Authority is
// the name of the CA that it wants, empty for any.
type CertRequestReceived struct {
	Encoding  uint8
	Authority string
}

// TrustpointChosen is the trustpoint whose certificate we show. Unasked says that
// the peer asks for certificates of other CAs only. Limit is a date of the
// certificate that this gateway's clock is beyond, or not at yet; empty for none.
type TrustpointChosen struct {
	Name    string
	Unasked bool
	Subject string // of the certificate
	Issuer  string
	Early   bool // Limit is to come
	Limit   string
	Clock   string
}

// CertificateMissing says that no trustpoint has a certificate and a key for an
// authentication method that was agreed or is configured.
type CertificateMissing struct{ Method isakmp.AuthMethod }

// OwnIdentityReplaced says that our certificate does not have the identity that is
// configured, and which kind is presented in its place.
type OwnIdentityReplaced struct{ Configured, Used isakmp.IDType }

// CertificateSending is a certificate of ours that goes to the peer.
type CertificateSending struct{ Subject string }

// SignatureMade says that our proof is signed, with the key of a trustpoint.
type SignatureMade struct{ Trustpoint string }

// CertificateReceived is a certificate payload of the peer.
type CertificateReceived struct {
	Encoding uint8
	Octets   uint16
}

// SignatureRefused says why the peer's signature proves nothing. Subject is that of
// the certificate whose key was tried, empty for none.
type SignatureRefused struct {
	Method  isakmp.AuthMethod
	Problem SignatureProblem
	Subject string
}

// CertificateJudged is what was found of the peer's certificate, whose key has
// made the signature. Reason is a verdict's stable name, such as expired.
type CertificateJudged struct {
	Trustpoint string // whose CA it is of; empty for none
	Subject    string // of the certificate at fault, else of the peer's
	Issuer     string
	Serial     string
	Reason     string
	Limit      string // the date that has passed, or is to come
	Clock      string // this gateway's
	IDType     isakmp.IDType
	ID         string // that the peer presents
	Names      string // of its kind that the certificate has, apart by blanks
	Text       string // a sentence
}

func (*CertRequestReceived) Code() Code { return CodeCertRequestReceived }
func (*TrustpointChosen) Code() Code    { return CodeTrustpointChosen }
func (*CertificateMissing) Code() Code  { return CodeCertificateMissing }
func (*OwnIdentityReplaced) Code() Code { return CodeOwnIdentityReplaced }
func (*CertificateSending) Code() Code  { return CodeCertificateSending }
func (*SignatureMade) Code() Code       { return CodeSignatureMade }
func (*CertificateReceived) Code() Code { return CodeCertificateReceived }
func (*SignatureRefused) Code() Code    { return CodeSignatureRefused }
func (*CertificateJudged) Code() Code   { return CodeCertificateJudged }

func (e *CertRequestReceived) Fields(f *Fields) {
	f.U8("encoding", &e.Encoding)
	f.Str("authority", &e.Authority)
}
func (e *TrustpointChosen) Fields(f *Fields) {
	f.Str("trustpoint", &e.Name)
	f.Bool("unasked", &e.Unasked)
	f.Str("subject", &e.Subject)
	f.Str("issuer", &e.Issuer)
	f.Bool("early", &e.Early)
	f.Str("limit", &e.Limit)
	f.Str("clock", &e.Clock)
}
func (e *CertificateMissing) Fields(f *Fields) { Enum(f, "method", &e.Method) }
func (e *OwnIdentityReplaced) Fields(f *Fields) {
	Enum(f, "configured", &e.Configured)
	Enum(f, "used", &e.Used)
}
func (e *CertificateSending) Fields(f *Fields) { f.Str("subject", &e.Subject) }
func (e *SignatureMade) Fields(f *Fields)      { f.Str("trustpoint", &e.Trustpoint) }
func (e *CertificateReceived) Fields(f *Fields) {
	f.U8("encoding", &e.Encoding)
	f.U16("octets", &e.Octets)
}
func (e *SignatureRefused) Fields(f *Fields) {
	Enum(f, "method", &e.Method)
	Enum(f, "problem", &e.Problem)
	f.Str("subject", &e.Subject)
}
func (e *CertificateJudged) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("subject", &e.Subject)
	f.Str("issuer", &e.Issuer)
	f.Str("serial", &e.Serial)
	f.Str("reason", &e.Reason)
	f.Str("limit", &e.Limit)
	f.Str("clock", &e.Clock)
	Enum(f, "id_type", &e.IDType)
	f.Str("id", &e.ID)
	f.Str("names", &e.Names)
	f.Str("text", &e.Text)
}
