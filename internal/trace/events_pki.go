package trace

// PKIRequestSent is a question to a CA over HTTP. Path is what stands in its
// request line, or where a list or an OCSP responder is.
type PKIRequestSent struct {
	Trustpoint string
	Operation  string // GetCACert, PKIOperation and so on; CRL, OCSP
	Path       string
}

// PKIConnectionOpened is that a CA's web server has answered at all.
type PKIConnectionOpened struct{ Trustpoint string }

// PKIResponseReceived is an answer of a CA's web server: the octets that came,
// and the header, its lines apart by newlines.
type PKIResponseReceived struct {
	Trustpoint string
	Operation  string
	Octets     uint32
	Header     string
	CAAndRA    bool // the content type says that an RA's certificates came too
}

// PKIChainIncomplete is that a certificate that came with the CA's leads to no
// CA that is trusted yet.
type PKIChainIncomplete struct {
	Trustpoint string
	Name       string
}

// PKICertificateNamed is a certificate that came with the CA's.
type PKICertificateNamed struct {
	Trustpoint string
	Name       string // CN = caserverRA, O = Cisco System
}

// PKITransactionCompleted is that an operation has what it needs: an answer,
// or for an enrolment the message that is to be sent.
type PKITransactionCompleted struct {
	Trustpoint string
	Operation  string
}

// PKIAuthorityReceived is that the CA's certificate is there, and is shown to the
// operator.
type PKIAuthorityReceived struct{ Trustpoint string }

// PKISignedAttribute is a signed attribute of a CA's reply, in DER.
type PKISignedAttribute struct {
	Trustpoint string
	Name       string // pki-status
	Value      []byte
}

// PKIStatusReceived is a CA's decision on an enrolment.
type PKIStatusReceived struct {
	Trustpoint string
	Status     PKIStatus
	Reason     string // of a refusal
}

// PKIEnrollmentEnded is that an enrolment is over or has to wait: its
// certificate came, was refused, or nothing came. Problem is the operator's
// sentence for the last.
type PKIEnrollmentEnded struct {
	Trustpoint string
	Outcome    PKIOutcome
	Problem    string
}

// PKIUnanswered is that a CA's server gave no answer that counts.
type PKIUnanswered struct {
	Trustpoint   string
	Operation    string
	Problem      string
	RetrySeconds uint32 // until the next try; 0 for none
}

// PKIVerdict is what was found of a certificate. Reason is a verdict's stable
// name, such as expired.
type PKIVerdict struct {
	Trustpoint string
	Subject    string
	Serial     string
	Reason     string
	Limit      string // the date that has passed, or is to come
	Clock      string // this gateway's
	Text       string // a sentence
}

// PKIExpiry is that a certificate ends soon, or has ended: told 30 days, 7 days
// and a day before, and at its end.
type PKIExpiry struct {
	Trustpoint  string
	Authority   bool // it is the CA's
	Issuer      string
	Subject     string
	Serial      string
	End         string // the date
	LeftSeconds uint32 // 0: it has ended
	AutoEnroll  bool   // it is renewed by itself
}

// PKIMessage is a message to or from a CA as it was on the way.
type PKIMessage struct {
	Trustpoint string
	Sent       bool
	Octets     []byte
}

func (*PKIRequestSent) Code() Code          { return CodePKIRequestSent }
func (*PKIConnectionOpened) Code() Code     { return CodePKIConnectionOpened }
func (*PKIResponseReceived) Code() Code     { return CodePKIResponseReceived }
func (*PKIChainIncomplete) Code() Code      { return CodePKIChainIncomplete }
func (*PKICertificateNamed) Code() Code     { return CodePKICertificateNamed }
func (*PKITransactionCompleted) Code() Code { return CodePKITransactionCompleted }
func (*PKIAuthorityReceived) Code() Code    { return CodePKIAuthorityReceived }
func (*PKISignedAttribute) Code() Code      { return CodePKISignedAttribute }
func (*PKIStatusReceived) Code() Code       { return CodePKIStatusReceived }
func (*PKIEnrollmentEnded) Code() Code      { return CodePKIEnrollmentEnded }
func (*PKIUnanswered) Code() Code           { return CodePKIUnanswered }
func (*PKIVerdict) Code() Code              { return CodePKIVerdict }
func (*PKIExpiry) Code() Code               { return CodePKIExpiry }
func (*PKIMessage) Code() Code              { return CodePKIMessage }

func (e *PKIRequestSent) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("operation", &e.Operation)
	f.Str("path", &e.Path)
}
func (e *PKIConnectionOpened) Fields(f *Fields) { f.Str("trustpoint", &e.Trustpoint) }
func (e *PKIResponseReceived) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("operation", &e.Operation)
	f.U32("octets", &e.Octets)
	f.Str("header", &e.Header)
	f.Bool("ca_and_ra", &e.CAAndRA)
}
func (e *PKIChainIncomplete) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("name", &e.Name)
}
func (e *PKICertificateNamed) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("name", &e.Name)
}
func (e *PKITransactionCompleted) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("operation", &e.Operation)
}
func (e *PKIAuthorityReceived) Fields(f *Fields) { f.Str("trustpoint", &e.Trustpoint) }
func (e *PKISignedAttribute) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("name", &e.Name)
	f.Bytes("value", &e.Value)
}
func (e *PKIStatusReceived) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	Enum(f, "status", &e.Status)
	f.Str("reason", &e.Reason)
}
func (e *PKIEnrollmentEnded) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	Enum(f, "outcome", &e.Outcome)
	f.Str("problem", &e.Problem)
}
func (e *PKIUnanswered) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("operation", &e.Operation)
	f.Str("problem", &e.Problem)
	f.U32("retry_seconds", &e.RetrySeconds)
}
func (e *PKIVerdict) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Str("subject", &e.Subject)
	f.Str("serial", &e.Serial)
	f.Str("reason", &e.Reason)
	f.Str("limit", &e.Limit)
	f.Str("clock", &e.Clock)
	f.Str("text", &e.Text)
}
func (e *PKIExpiry) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Bool("authority", &e.Authority)
	f.Str("issuer", &e.Issuer)
	f.Str("subject", &e.Subject)
	f.Str("serial", &e.Serial)
	f.Str("end", &e.End)
	f.U32("left_seconds", &e.LeftSeconds)
	f.Bool("auto_enroll", &e.AutoEnroll)
}
func (e *PKIMessage) Fields(f *Fields) {
	f.Str("trustpoint", &e.Trustpoint)
	f.Bool("sent", &e.Sent)
	f.Bytes("octets", &e.Octets)
}
