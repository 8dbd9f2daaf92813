package trustpoint

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// Keys finds key pairs by their label.
type Keys interface {
	Key(label string) (crypto.Signer, bool)
}

// Options are what an Agent is made of.
type Options struct {
	Config *config.Config
	Keys   Keys
	Events trace.Sink
	Rand   io.Reader
	Serial string // of this gateway, where a subject has it
}

// Agent has the trustpoints of one gateway. It belongs to one goroutine.
type Agent struct {
	o          Options
	now        time.Time
	out        Output
	next       uint64
	deadline   deadline
	maxEntries int                          // of all lists together
	parsed     map[string]*x509.Certificate // by DER
	waiting    map[uint64]func(Answer)
	enrolments map[string]*enrolling
	status     map[string]*Status
	rolling    map[string]rolling
	crls       map[crlKey]*crlState
	ocsp       map[ocspKey]*ocspState
	checks     map[*check]bool           // that wait for answers
	warned     map[[sha256.Size]byte]int // how many warnings of a certificate's end were told
}

// Output is what is to be done after an input.
type Output struct {
	Fetches []Fetch
	Stores  []Store
	Keys    []KeyRequest
}

// Fetch is something to be asked over HTTP.
type Fetch struct {
	ID       uint64
	HTTP     scep.HTTPRequest
	Proxy    string
	MaxBytes int64
	// Configured says that the URL is of the configuration, and not of a
	// certificate.
	Configured bool
	// CRL says that the answer is a revocation list, which is to be read as it
	// comes, away from who waits for the Agent.
	CRL bool
}

// Answer is what came of a Fetch.
type Answer struct {
	Status      int
	ContentType string
	Header      []string // the status line first
	Body        []byte
	CRL         *pki.CRL
	Err         error // the operator's sentence
}

// Store is certificates that the configuration gets.
type Store struct {
	Trustpoint   string
	Certificates []config.StoredCertificate
	// Replaces says that the trustpoint's certificates of these kinds go.
	Replaces bool
	// Promote is the label that the key made for these certificates is to get, from
	// NextLabel of it; "" where no key was made. Both change together.
	Promote string
	// Drops are kinds of certificates that go without new ones.
	Drops []config.CertificateKind
	// KeyPair is the label of the key that came with the certificates: the
	// trustpoint is made if need be, and gets it. "" leaves it its own.
	KeyPair string
	EC      bool // of KeyPair
}

// New returns an Agent that has done nothing yet.
func New(o Options) *Agent {
	return &Agent{o: o, maxEntries: maxCRLEntries, parsed: map[string]*x509.Certificate{}, waiting: map[uint64]func(Answer){}, enrolments: map[string]*enrolling{}, status: map[string]*Status{}, rolling: map[string]rolling{},
		crls: map[crlKey]*crlState{}, ocsp: map[ocspKey]*ocspState{}, checks: map[*check]bool{}, warned: map[[sha256.Size]byte]int{}}
}

// deadline is a Deadline that was worked out since the last input.
type deadline struct {
	known, ok bool
	at        time.Time
}

// Configure makes another configuration the present one.
func (a *Agent) Configure(cfg *config.Config) {
	a.o.Config, a.deadline = cfg, deadline{}
	clear(a.parsed)
	a.forgetWarned()
	for name := range a.enrolments {
		if cfg.Trustpoint(name) == nil {
			delete(a.enrolments, name)
			delete(a.status, name)
		}
	}
	maps.DeleteFunc(a.rolling, func(name string, _ rolling) bool { return cfg.Trustpoint(name) == nil })
	for key, c := range a.crls {
		if t := cfg.Trustpoint(c.trustpoint.Name); t != nil {
			c.trustpoint = t
		} else {
			delete(a.crls, key) // what is being fetched ends with the old one
		}
	}
	maps.DeleteFunc(a.ocsp, func(_ ocspKey, s *ocspState) bool { return !s.asked })
	a.dropChecks()
}

// begin takes the time of an input; finish hands out what is to be done.
func (a *Agent) begin(now time.Time) { a.now, a.deadline = now, deadline{} }

func (a *Agent) finish() Output {
	out := a.out
	a.out = Output{}
	return out
}

// Fetched takes the answer to a Fetch. One that nobody waits for is dropped.
func (a *Agent) Fetched(now time.Time, id uint64, answer Answer) Output {
	a.begin(now)
	if f := a.waiting[id]; f != nil {
		delete(a.waiting, id)
		f(answer)
	}
	return a.finish()
}

// Deadline is when Timeout is to be called.
func (a *Agent) Deadline() (at time.Time, ok bool) {
	if !a.deadline.known {
		at, ok = a.firstDue()
		a.deadline = deadline{true, ok, at}
	}
	return a.deadline.at, a.deadline.ok
}

func (a *Agent) firstDue() (at time.Time, ok bool) {
	sooner := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for _, e := range a.enrolments {
		if due, on := e.due(); on {
			sooner(due)
		}
	}
	for _, c := range a.crls {
		if !c.refresh.IsZero() && !c.asked {
			sooner(c.refresh)
		}
	}
	for c := range a.checks {
		sooner(c.due)
	}
	if due, on := a.nextWarning(); on {
		sooner(due)
	}
	for _, t := range a.o.Config.Trustpoints {
		if due, on := a.renewal(t); on {
			sooner(due)
		}
		if due, on := a.rollover(t); on {
			sooner(due)
		}
	}
	return at, ok
}

// Timeout does what is due.
func (a *Agent) Timeout(now time.Time) Output {
	a.begin(now)
	for _, t := range a.o.Config.Trustpoints {
		if e := a.enrolments[t.Name]; e != nil {
			if due, on := e.due(); on && !now.Before(due) {
				a.send(e)
			}
		}
		if due, on := a.renewal(t); on && !now.Before(due) {
			a.renew(t)
		}
		if due, on := a.rollover(t); on && !now.Before(due) {
			a.roll(t)
		}
	}
	a.refreshCRLs()
	a.late()
	a.warn()
	return a.finish()
}

// ask sends a question and remembers who waits for the answer.
func (a *Agent) ask(f Fetch, then func(Answer)) {
	a.next++
	f.ID = a.next
	a.waiting[f.ID] = then
	a.out.Fetches = append(a.out.Fetches, f)
}

func (a *Agent) record(e trace.Event) {
	a.o.Events.Record(&trace.Record{Time: a.now, Event: e})
}

// Error is an operator's.
type Error struct{ Text, Hint string }

// Error implements error.
func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Text + "\n  hint: " + e.Hint
	}
	return e.Text
}

func fail(format string, args ...any) error { return &Error{Text: fmt.Sprintf(format, args...)} }

// of finds a trustpoint.
func (a *Agent) of(name string) (*config.Trustpoint, error) {
	if t := a.o.Config.Trustpoint(name); t != nil {
		return t, nil
	}
	return nil, &Error{"CA trustpoint " + name + " is not configured", "write `crypto pki trustpoint " + name + "`"}
}

// parse reads the stored certificates of a kind; those that cannot be read are
// left out, as the configuration has none such.
func (a *Agent) parse(name string, kind config.CertificateKind) []*x509.Certificate {
	var all []*x509.Certificate
	for _, der := range a.o.Config.Chain(name).Of(kind) {
		c := a.parsed[string(der)]
		if c == nil {
			var err error
			if c, err = x509.ParseCertificate(der); err != nil {
				continue
			}
			a.parsed[string(der)] = c
		}
		all = append(all, c)
	}
	return all
}

// ca is a trustpoint's CA with its RA, or nil where it is not authenticated.
func (a *Agent) ca(name string) *scep.CACertificates {
	cas := a.parse(name, config.CACertificate)
	if len(cas) == 0 {
		return nil
	}
	set := &scep.CACertificates{CA: cas[0], Chain: cas[1:]}
	if c := a.parse(name, config.RASignCertificate); len(c) > 0 {
		set.RASign = c[0]
	}
	if c := a.parse(name, config.RAEncryptCertificate); len(c) > 0 {
		set.RAEncrypt = c[0]
	}
	return set
}

// HostName is the gateway's fully qualified name.
func HostName(c *config.Config) string {
	if c.DomainName == "" {
		return c.Hostname
	}
	return c.Hostname + "." + c.DomainName
}

// KeyLabel is the label of a trustpoint's key pair.
func KeyLabel(c *config.Config, t *config.Trustpoint) string {
	switch {
	case t.ECKeyPair != "":
		return t.ECKeyPair
	case t.KeyPair != "":
		return t.KeyPair
	}
	return HostName(c)
}

func trust(t *config.Trustpoint) pki.Trust { return pki.Trust{Legacy: t.Legacy} }
