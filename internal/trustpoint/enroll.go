package trustpoint

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// Choices are what an enrolment asks an operator for, where the configuration
// does not say.
type Choices struct {
	Password secret.Secret
	Serial   bool // this gateway's in the subject
	Address  netip.Addr
}

// Status is how a trustpoint's last enrolment stands.
type Status struct {
	State        scep.State
	Fingerprints pki.Fingerprints // of the request
	Problem      string           // of the last message
	Retry        time.Time        // zero for none
	Began        time.Time
}

// enrolling is an enrolment with whom it concerns.
type enrolling struct {
	trustpoint string
	promote    string          // the label that a new key is to get with the certificate
	enrolment  *scep.Enrolment // nil while the CA's capabilities are asked for
	done       func(Status, error)
}

func (e *enrolling) due() (time.Time, bool) {
	if e.enrolment == nil {
		return time.Time{}, false
	}
	return e.enrolment.Due()
}

// Status is that of a trustpoint's last enrolment since the start.
func (a *Agent) Status(name string) (Status, bool) {
	s := a.status[name]
	if s == nil {
		return Status{}, false
	}
	return *s, true
}

// Request makes the request of a trustpoint: what its certificate is to say.
func (a *Agent) Request(t *config.Trustpoint, c Choices) (pki.Request, error) {
	r := pki.Request{Hash: requestHash(t.Hash), Challenge: c.Password.Reveal()}
	if t.Subject != "" {
		subject, err := pki.ParseName(t.Subject)
		if err != nil {
			return r, fail("subject-name: %v", err)
		}
		r.Subject = subject
	}
	switch {
	case t.NoFQDN:
	case t.FQDN != "":
		r.Host = t.FQDN
	default:
		r.Host = HostName(a.o.Config)
	}
	if c.Serial {
		r.Serial = a.o.Serial
	}
	r.Address = c.Address
	if len(r.FullSubject()) == 0 {
		return r, &Error{"The subject name is empty", "write `subject-name`, or remove `fqdn none`"}
	}
	return r, nil
}

func requestHash(h config.EnrollmentHash) crypto.Hash {
	return map[config.EnrollmentHash]crypto.Hash{config.EnrollSHA256: crypto.SHA256, config.EnrollSHA1: crypto.SHA1,
		config.EnrollSHA384: crypto.SHA384, config.EnrollSHA512: crypto.SHA512, config.EnrollMD5: crypto.MD5}[h]
}

func algorithms(t *config.Trustpoint) scep.Algorithms {
	return scep.Algorithms{Hash: requestHash(t.Hash), Legacy: t.Legacy, Cipher: map[config.EnrollmentCipher]scep.Cipher{
		config.EnrollAES: scep.AES128CBC, config.Enroll3DES: scep.TripleDESCBC, config.EnrollDES: scep.DESCBC}[t.Cipher]}
}

// Enroll asks a trustpoint's CA for a certificate: by the one that is there,
// where it is good and of the same key. done is told the state after each
// answer, and how it ended.
func (a *Agent) Enroll(now time.Time, name string, c Choices, done func(Status, error)) Output {
	a.begin(now)
	if err := a.enroll(name, c, a.renewable(name), done); err != nil {
		done(Status{State: scep.Abandoned}, err)
	}
	return a.finish()
}

func (a *Agent) enroll(name string, c Choices, renewed *x509.Certificate, done func(Status, error)) error {
	t, err := a.of(name)
	if err != nil {
		return err
	}
	set := a.ca(name)
	if set == nil {
		return &Error{"You must authenticate the Certificate Authority before\n  you can enroll with it.", "`crypto pki authenticate " + name + "`"}
	}
	if e := a.enrolments[name]; e != nil && (e.enrolment == nil || !e.enrolment.State().Done()) {
		return fail("Enrollment of %s is under way", name)
	}
	key, err := a.scepKey(t)
	if err != nil {
		return err
	}
	server, err := server(t)
	if err != nil {
		return err
	}
	request, err := a.Request(t, c)
	if err != nil {
		return err
	}
	p := scep.Params{Client: scep.Client{CA: set, Algorithms: algorithms(t), Key: key, Random: a.o.Rand}, Server: server, Type: scep.PKCSReq,
		Renewed: renewed, Retries: t.Retries, Period: time.Duration(t.Period) * time.Minute, Trust: trust(t)}
	e := &enrolling{trustpoint: name, done: done}
	if renewed != nil && t.Regenerate {
		a.withNextKey(e, t, key, func(next scep.Key) error { return a.begun(e, t, p, request, next) })
		return nil
	}
	return a.begun(e, t, p, request, key)
}

// scepKey is a trustpoint's key, which SCEP has to be able to use.
func (a *Agent) scepKey(t *config.Trustpoint) (scep.Key, error) {
	label := KeyLabel(a.o.Config, t)
	signer, ok := a.o.Keys.Key(label)
	if !ok {
		return nil, &Error{"There is no RSA key pair " + label, "`crypto key generate rsa label " + label + " modulus 2048`"}
	}
	key, ok := signer.(scep.Key)
	public, isRSA := signer.Public().(*rsa.PublicKey)
	if !ok || !isRSA {
		return nil, &Error{"SCEP enrolls RSA keys only, and " + label + " is an EC key", "`enrollment terminal` carries a request for it by hand"}
	}
	if public.N.BitLen() < pki.MinRSABits && !t.Legacy {
		return nil, &Error{"The key has too few bits to be certified", "make one of 2048 bits, or write `qmidle legacy` below the trustpoint"}
	}
	return key, nil
}

// begun makes the request for a key, and asks what the CA can do.
func (a *Agent) begun(e *enrolling, t *config.Trustpoint, p scep.Params, request pki.Request, certified scep.Key) error {
	p.Public, _ = certified.Public().(*rsa.PublicKey)
	if err := a.fill(&p, request, certified); err != nil {
		return err
	}
	a.enrolments[t.Name] = e
	a.status[t.Name] = &Status{Fingerprints: pki.Fingerprint(p.Request), Began: a.now}
	a.ask(Fetch{HTTP: p.Server.Get(scep.OpGetCACaps, t.Name), Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true},
		func(answer Answer) { a.capable(e, t, p, answer) })
	return nil
}

// renewable is a trustpoint's certificate if a request can be signed by it.
func (a *Agent) renewable(name string) *x509.Certificate {
	own, t := a.parse(name, config.OwnCertificate), a.o.Config.Trustpoint(name)
	if len(own) == 0 || t == nil || a.now.After(own[0].NotAfter) || a.now.Before(own[0].NotBefore) {
		return nil
	}
	if key, ok := a.o.Keys.Key(KeyLabel(a.o.Config, t)); !ok || !sameKey(key.Public(), own[0].PublicKey) {
		return nil
	}
	return own[0]
}

// selfSignedFor is how long the certificate lives by which a first request is
// signed: as long as a CA may let wait.
const selfSignedFor = 30 * 24 * time.Hour

// fill adds what is signed: the request, and by what its messages are.
func (a *Agent) fill(p *scep.Params, request pki.Request, certified scep.Key) (err error) {
	if p.Request, err = request.Sign(a.o.Rand, certified); err != nil {
		return fail("%v", err)
	}
	if p.Renewed != nil {
		p.Client.Signer = p.Renewed
		p.Subject, err = asn1.Marshal(request.FullSubject())
		return err
	}
	if p.Client.Signer, err = a.selfSigned(request, p.Client.Key, selfSignedFor); err != nil {
		return err
	}
	p.Subject = p.Client.Signer.RawSubject
	return nil
}

// capable takes what a CA says it can do. One that does not say so is believed
// to be old: it gets what the trustpoint is configured for, and nothing weaker.
func (a *Agent) capable(e *enrolling, t *config.Trustpoint, p scep.Params, answer Answer) {
	if answer.Err != nil {
		a.record(&trace.PKIUnanswered{Trustpoint: e.trustpoint, Operation: "GetCACaps", Problem: answer.Err.Error()})
		a.end(e, scep.Abandoned, answer.Err)
		return
	}
	var caps scep.Capabilities
	if answer.Status == 200 {
		caps = scep.ParseCapabilities(answer.Body)
	}
	p.POST = caps.POST
	if problem := tooOld(t, caps); problem != nil {
		a.end(e, scep.Abandoned, problem)
		return
	}
	if p.Renewed != nil && caps.Renewal {
		p.Type = scep.RenewalReq
	}
	enrolment, v, err := scep.NewEnrolment(a.now, p)
	switch {
	case err != nil:
		a.end(e, scep.Abandoned, err)
		return
	case !v.OK():
		a.judged(e.trustpoint, v)
		a.end(e, scep.Abandoned, errors.New("the CA is not to be relied upon: "+v.Text()))
		return
	}
	e.enrolment = enrolment
	a.record(&trace.PKITransactionCompleted{Trustpoint: e.trustpoint, Operation: p.Type.String()})
	a.send(e)
}

// tooOld says that a CA does not know what the trustpoint wants.
func tooOld(t *config.Trustpoint, c scep.Capabilities) error {
	switch {
	case t.Hash == config.EnrollSHA256 && !c.SHA256:
		return &Error{"The CA does not say that it knows SHA-256", "`hash sha1` below the trustpoint asks for less; signatures with SHA-1 can be forged"}
	case t.Cipher == config.EnrollAES && !c.AES:
		return &Error{"The CA does not say that it knows AES", "`qmidle scep-cipher 3des` below the trustpoint asks for less"}
	}
	return nil
}

// send sends the message that is due.
func (a *Agent) send(e *enrolling) {
	t := a.o.Config.Trustpoint(e.trustpoint)
	request, err := e.enrolment.Next()
	if t == nil || err != nil {
		a.end(e, scep.Abandoned, err)
		return
	}
	a.record(&trace.PKIRequestSent{Trustpoint: t.Name, Operation: request.Operation.String(), Path: request.Path})
	a.record(&trace.PKIMessage{Trustpoint: t.Name, Sent: true, Octets: request.Body})
	a.ask(Fetch{HTTP: request, Proxy: t.Proxy, MaxBytes: scep.MaxMessage, Configured: true}, func(answer Answer) { a.answered(e, answer) })
}

func (a *Agent) answered(e *enrolling, answer Answer) {
	name := e.trustpoint
	if a.enrolments[name] != e {
		return // the trustpoint is gone
	}
	if answer.Err == nil {
		a.record(&trace.PKIConnectionOpened{Trustpoint: name})
		a.record(&trace.PKIResponseReceived{Trustpoint: name, Operation: "PKIOperation", Octets: octets(answer), Header: strings.Join(answer.Header, "\n")})
		a.record(&trace.PKIMessage{Trustpoint: name, Octets: answer.Body})
	}
	o := e.enrolment.Answer(a.now, scep.Answer{Status: answer.Status, ContentType: answer.ContentType, Body: answer.Body, Err: answer.Err})
	s := a.status[name]
	s.State, s.Retry, s.Problem = o.State, o.Retry, ""
	if o.Reply != nil {
		a.replied(name, o.Reply)
	}
	switch o.State {
	case scep.Unheard:
		s.Problem = o.Problem.Error()
		a.record(&trace.PKIUnanswered{Trustpoint: name, Operation: "PKIOperation", Problem: s.Problem, RetrySeconds: uint32(o.Retry.Sub(a.now) / time.Second)})
		a.tell(e, nil)
	case scep.Polling:
		a.record(&trace.PKIEnrollmentEnded{Trustpoint: name, Outcome: trace.PKIWaiting})
		a.tell(e, nil)
	case scep.Granted:
		a.granted(e, o)
	case scep.Refused:
		a.end(e, o.State, errors.New("The CA refuses: "+refusal(o.Reply)))
	case scep.Abandoned:
		if o.Verdict.OK() {
			a.record(&trace.PKIUnanswered{Trustpoint: name, Operation: "PKIOperation", Problem: o.Problem.Error()})
		} else {
			a.judged(name, o.Verdict)
		}
		a.end(e, o.State, o.Problem)
	}
}

// octets is the length of an answer as it came: header and body.
func octets(answer Answer) uint32 {
	n := len(answer.Body) + 2
	for _, line := range answer.Header {
		n += len(line) + 2
	}
	return uint32(n)
}

func refusal(r *scep.Reply) string {
	if r.FailText != "" {
		return r.Fail.String() + " (" + r.FailText + ")"
	}
	return r.Fail.String()
}

func (a *Agent) replied(name string, r *scep.Reply) {
	for _, x := range []struct {
		name  string
		value []byte
	}{{"pki-message-type", r.Attributes.MessageType}, {"pki-status", r.Attributes.Status},
		{"pki-recipient-nonce", r.Attributes.RecipientNonce}, {"pki-transaction-id", r.Attributes.TransactionID}} {
		a.record(&trace.PKISignedAttribute{Trustpoint: name, Name: x.name, Value: x.value})
	}
	e := &trace.PKIStatusReceived{Trustpoint: name}
	switch r.Status {
	case scep.Failure:
		e.Status, e.Reason = trace.PKIRejected, refusal(r)
	case scep.Pending:
		e.Status = trace.PKIPending
	}
	a.record(e)
}

// granted stores the certificate in the place of the one before.
func (a *Agent) granted(e *enrolling, o scep.Outcome) {
	if !o.Verdict.OK() {
		a.judged(e.trustpoint, o.Verdict)
	}
	c := o.Certificate
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: e.trustpoint, Replaces: true, Promote: e.promote,
		Certificates: []config.StoredCertificate{{Kind: config.OwnCertificate, Serial: pki.SerialText(c.SerialNumber), DER: c.Raw}}})
	a.record(&trace.PKIEnrollmentEnded{Trustpoint: e.trustpoint, Outcome: trace.PKIReceived})
	a.tell(e, nil)
	delete(a.enrolments, e.trustpoint)
}

func (a *Agent) tell(e *enrolling, err error) {
	if e.done != nil {
		e.done(*a.status[e.trustpoint], err)
	}
}

// end gives an enrolment up.
func (a *Agent) end(e *enrolling, state scep.State, problem error) {
	s := a.status[e.trustpoint]
	if s == nil {
		return
	}
	s.State, s.Retry = state, time.Time{}
	if problem != nil {
		s.Problem, _, _ = strings.Cut(problem.Error(), "\n")
	}
	outcome := trace.PKIFailed
	if state == scep.Refused {
		outcome = trace.PKIRefused
	}
	a.record(&trace.PKIEnrollmentEnded{Trustpoint: e.trustpoint, Outcome: outcome, Problem: s.Problem})
	a.tell(e, problem)
	delete(a.enrolments, e.trustpoint)
}

// TerminalRequest is the request of a trustpoint that an operator carries to
// the CA.
func (a *Agent) TerminalRequest(now time.Time, name string, c Choices) ([]byte, error) {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		return nil, err
	}
	key, ok := a.o.Keys.Key(KeyLabel(a.o.Config, t))
	if !ok {
		return nil, fail("There is no key pair %s", KeyLabel(a.o.Config, t))
	}
	request, err := a.Request(t, c)
	if err != nil {
		return nil, err
	}
	der, err := request.Sign(a.o.Rand, key)
	if err != nil {
		return nil, fail("%v", err)
	}
	return der, nil
}

// ownFor is how long a certificate lives that the gateway has signed itself.
const ownFor = 10 * 365 * 24 * time.Hour

// SelfSign makes a certificate of a trustpoint that has no CA: `enrollment
// selfsigned`. Peers have to be given it.
func (a *Agent) SelfSign(now time.Time, name string, c Choices) (Output, error) {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		return Output{}, err
	}
	key, ok := a.o.Keys.Key(KeyLabel(a.o.Config, t))
	if !ok {
		return Output{}, fail("There is no key pair %s", KeyLabel(a.o.Config, t))
	}
	request, err := a.Request(t, c)
	if err != nil {
		return Output{}, err
	}
	cert, err := a.selfSigned(request, key, ownFor)
	if err != nil {
		return Output{}, err
	}
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: name, Replaces: true, Certificates: []config.StoredCertificate{
		{Kind: config.SelfSignedCertificate, Serial: pki.SerialText(cert.SerialNumber), DER: cert.Raw}}})
	return a.finish(), nil
}

// ImportPEM takes the certificate that an operator has brought from the CA.
func (a *Agent) ImportPEM(now time.Time, name, text string) (Output, error) {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		return Output{}, err
	}
	c, err := ParsePEM(text)
	if err != nil {
		return Output{}, err
	}
	return a.Import(t, c)
}

// Import stores a certificate of a trustpoint's own key, issued by its CA.
func (a *Agent) Import(t *config.Trustpoint, c *x509.Certificate) (Output, error) {
	set := a.ca(t.Name)
	if set == nil {
		return Output{}, &Error{"You must authenticate the Certificate Authority before\n  you can import its certificate.", "`crypto pki authenticate " + t.Name + "`"}
	}
	key, ok := a.o.Keys.Key(KeyLabel(a.o.Config, t))
	if !ok || !sameKey(key.Public(), c.PublicKey) {
		return Output{}, fail("the certificate is of another key than %s", KeyLabel(a.o.Config, t))
	}
	own := trust(t)
	own.Anchors = []*x509.Certificate{set.CA}
	if v := pki.VerifyChain(a.now, c, set.Chain, own, pki.ForIKE); !v.OK() {
		a.judged(t.Name, v)
		a.finish()
		return Output{}, fail("%s", v.Text())
	}
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: t.Name, Replaces: true,
		Certificates: []config.StoredCertificate{{Kind: config.OwnCertificate, Serial: pki.SerialText(c.SerialNumber), DER: c.Raw}}})
	return a.finish(), nil
}

func sameKey(a, b any) bool {
	x, err1 := x509.MarshalPKIXPublicKey(a)
	y, err2 := x509.MarshalPKIXPublicKey(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
