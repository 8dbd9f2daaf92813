package scep

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strconv"
	"time"

	"qmidle/internal/pki"
)

// State is where an enrolment stands.
type State uint8

// States.
const (
	Sending   State = iota // a message is to be sent, or its answer is awaited
	Unheard                // no answer that counts; the message is sent again
	Polling                // the CA lets wait, and is asked again
	Granted                // the certificate is there
	Refused                // the CA has refused
	Abandoned              // after the last retry
)

// Done says whether nothing more will come.
func (s State) Done() bool { return s >= Granted }

// Params are what an enrolment is made of.
type Params struct {
	Client  Client
	Server  Server
	POST    bool
	Type    MessageType // PKCSReq or RenewalReq
	Request []byte      // PKCS #10
	Subject []byte      // of the request, in DER
	// Public is the key to be certified. It is Client.Key's but where a
	// certificate is renewed with a new key.
	Public *rsa.PublicKey
	// Renewed is the certificate that the new one takes the place of; nil for
	// none.
	Renewed *x509.Certificate
	Retries int           // after the first sending, and of polls
	Period  time.Duration // between two
	Trust   pki.Trust     // of the trustpoint
}

// Answer is what came of an HTTP request. Err is an operator's sentence where
// there was no answer.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	Err         error
}

// Outcome is what an answer has led to.
type Outcome struct {
	State State
	// Reply is the CA's, where one came and its checks passed.
	Reply *Reply
	// Certificate is the one that was granted. Its Verdict may be that it has
	// expired or is not yet valid: then one of the clocks is wrong.
	Certificate *x509.Certificate
	Verdict     pki.Verdict
	Problem     error     // of Unheard and Abandoned, for the operator
	Retry       time.Time // when the next message is due
}

// Enrolment asks a CA for one certificate.
type Enrolment struct {
	p           Params
	transaction Transaction
	state       State
	left        int
	due         time.Time
}

// NewEnrolment is due at once. It refuses a CA or RA whose certificate cannot be
// relied upon now: the Verdict tells.
func NewEnrolment(now time.Time, p Params) (*Enrolment, pki.Verdict, error) {
	trust := p.Trust
	trust.Anchors = []*x509.Certificate{p.Client.CA.CA}
	for _, c := range p.Client.CA.All() {
		if v := pki.VerifyChain(now, c, nil, trust, pki.ForAny); !v.OK() {
			return nil, v, nil
		}
	}
	id, err := TransactionID(p.Public, p.Renewed)
	if err != nil {
		return nil, pki.Verdict{}, err
	}
	e := &Enrolment{p: p, transaction: Transaction{Type: p.Type, ID: id}, left: p.Retries, due: now}
	return e, pki.Verdict{}, nil
}

// State is where the enrolment stands.
func (e *Enrolment) State() State { return e.state }

// Transaction names it.
func (e *Enrolment) Transaction() Transaction { return e.transaction }

// Due is when Next is to be called; false when the enrolment is over or waits
// for an answer.
func (e *Enrolment) Due() (time.Time, bool) { return e.due, !e.due.IsZero() && !e.state.Done() }

// Next makes the message that is due.
func (e *Enrolment) Next() (HTTPRequest, error) {
	content := e.p.Request
	if e.state == Polling {
		e.transaction.Type = CertPoll
		content = IssuerAndSubject(e.p.Client.CA.CA.RawSubject, e.p.Subject)
	}
	message, err := e.p.Client.Message(&e.transaction, content)
	if err != nil {
		e.state = Abandoned
		return HTTPRequest{}, err
	}
	e.due = time.Time{}
	return e.p.Server.Post(message, e.p.POST), nil
}

// Answer takes what came of the last message.
func (e *Enrolment) Answer(now time.Time, a Answer) Outcome {
	if e.state.Done() {
		return Outcome{State: e.state}
	}
	if problem := a.problem(); problem != nil {
		return e.again(now, problem)
	}
	reply, err := e.p.Client.Reply(&e.transaction, a.Body)
	if err != nil {
		// Whoever is on the way could send such: the CA may yet answer.
		return e.again(now, err)
	}
	switch reply.Status {
	case Pending:
		return e.pending(now, reply)
	case Failure:
		e.state = Refused
		return Outcome{State: e.state, Reply: reply}
	}
	return e.granted(now, reply)
}

func (a Answer) problem() error {
	switch {
	case a.Err != nil:
		return a.Err
	case a.Status != 200:
		return httpStatusError(a.Status)
	}
	return nil
}

// again waits for the next sending, if one is left.
func (e *Enrolment) again(now time.Time, problem error) Outcome {
	if e.left == 0 {
		e.state = Abandoned
		return Outcome{State: e.state, Problem: problem}
	}
	e.left--
	e.due = now.Add(e.p.Period)
	if e.state != Polling {
		e.state = Unheard
	}
	return Outcome{State: Unheard, Problem: problem, Retry: e.due}
}

func (e *Enrolment) pending(now time.Time, reply *Reply) Outcome {
	if e.state != Polling {
		e.state, e.left = Polling, e.p.Retries
	} else if e.left == 0 {
		e.state = Abandoned
		return Outcome{State: e.state, Reply: reply, Problem: errors.New("the CA still lets wait after the last retry")}
	} else {
		e.left--
	}
	e.due = now.Add(e.p.Period)
	return Outcome{State: Polling, Reply: reply, Retry: e.due}
}

// granted looks for the certificate of our key, and judges it.
func (e *Enrolment) granted(now time.Time, reply *Reply) Outcome {
	for _, c := range reply.Certificates {
		if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || !key.Equal(e.p.Public) {
			continue
		}
		trust := e.p.Trust
		trust.Anchors = []*x509.Certificate{e.p.Client.CA.CA}
		v := pki.VerifyChain(now, c, reply.Certificates, trust, pki.ForIKE)
		if !v.OK() && v.Reason != pki.Expired && v.Reason != pki.NotYetValid {
			e.state = Abandoned
			return Outcome{State: e.state, Reply: reply, Verdict: v, Problem: errors.New(v.Text())}
		}
		e.state = Granted
		return Outcome{State: e.state, Reply: reply, Certificate: c, Verdict: v}
	}
	return e.again(now, errors.New("the CA grants a certificate of another key"))
}

// httpStatusError is an answer that is none.
type httpStatusError int

// Error says it for the operator.
func (e httpStatusError) Error() string {
	if e == 404 {
		return "the CA's web server has nothing at the enrollment URL (HTTP status 404)"
	}
	return "the CA's web server answers with HTTP status " + strconv.Itoa(int(e))
}
