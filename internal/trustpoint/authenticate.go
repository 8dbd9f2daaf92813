package trustpoint

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// maxCAAnswer bounds what a CA says of itself.
const maxCAAnswer = 1 << 20

// Offer is a CA's certificate that an operator may accept.
type Offer struct {
	Trustpoint   string
	Set          *scep.CACertificates
	Fingerprints pki.Fingerprints
	// Matched says that the configured fingerprint is this one's: nobody has to
	// be asked.
	Matched bool
	// Verdict is what is wrong with the dates or the strength of the
	// certificate, so that it will not be of use.
	Verdict pki.Verdict
}

// Authenticate asks a trustpoint's CA for its certificate, and done takes it.
func (a *Agent) Authenticate(now time.Time, name string, done func(*Offer, error)) Output {
	a.begin(now)
	if err := a.authenticate(name, done); err != nil {
		done(nil, err)
	}
	return a.finish()
}

func (a *Agent) authenticate(name string, done func(*Offer, error)) error {
	t, err := a.of(name)
	if err != nil {
		return err
	}
	if err := a.fresh(name); err != nil {
		return err
	}
	server, err := server(t)
	if err != nil {
		return err
	}
	request := server.Get(scep.OpGetCACert, name)
	a.record(&trace.PKIRequestSent{Trustpoint: name, Operation: request.Operation.String(), Path: request.Path})
	a.ask(Fetch{HTTP: request, Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true}, func(answer Answer) {
		set, err := a.caAnswer(name, answer)
		if err != nil {
			a.record(&trace.PKIUnanswered{Trustpoint: name, Operation: "GetCACert", Problem: err.Error()})
			done(nil, err)
			return
		}
		done(a.offer(t, set))
	})
	return nil
}

// fresh refuses a trustpoint that has its CA's certificate. IOS does, too.
func (a *Agent) fresh(name string) error {
	if a.ca(name) != nil {
		return &Error{"Please delete your existing CA certificate first.\n% You must use 'no crypto pki trustpoint " + name +
			"' to delete the CA certificate.", ""}
	}
	return nil
}

func server(t *config.Trustpoint) (scep.Server, error) {
	if t.Enrollment != config.EnrollURL {
		return scep.Server{}, &Error{"Trustpoint " + t.Name + " has no enrollment URL", "write `enrollment url http://...` below it"}
	}
	s, err := scep.NewServer(t.URL)
	if err != nil {
		return s, fail("%v", err)
	}
	return s, nil
}

func (a *Agent) caAnswer(name string, answer Answer) (*scep.CACertificates, error) {
	if answer.Err != nil {
		return nil, answer.Err
	}
	a.record(&trace.PKIConnectionOpened{Trustpoint: name})
	mediaType, _, _ := strings.Cut(answer.ContentType, ";")
	a.record(&trace.PKIResponseReceived{Trustpoint: name, Operation: "GetCACert", Octets: uint32(len(answer.Body)),
		Header: strings.Join(answer.Header, "\n"), CAAndRA: strings.EqualFold(strings.TrimSpace(mediaType), scep.TypeCAAndR)})
	if answer.Status != 200 {
		return nil, fail("the CA's web server answers with HTTP status %d", answer.Status)
	}
	return scep.ParseCACertificates(answer.ContentType, answer.Body)
}

// offer judges what came, and holds it against the configured fingerprint.
func (a *Agent) offer(t *config.Trustpoint, set *scep.CACertificates) (*Offer, error) {
	all := set.All()[1:]
	for _, c := range all {
		a.record(&trace.PKIChainIncomplete{Trustpoint: t.Name, Name: spaced(c)}) // nobody has accepted the CA yet
	}
	for _, c := range all {
		a.record(&trace.PKICertificateNamed{Trustpoint: t.Name, Name: spaced(c)})
	}
	a.record(&trace.PKITransactionCompleted{Trustpoint: t.Name, Operation: "GetCACert"})
	a.record(&trace.PKIAuthorityReceived{Trustpoint: t.Name})
	o := &Offer{Trustpoint: t.Name, Set: set, Fingerprints: pki.Fingerprint(set.CA.Raw)}
	own := trust(t)
	own.Anchors = []*x509.Certificate{set.CA}
	for _, c := range set.All() {
		if v := pki.VerifyChain(a.now, c, nil, own, pki.ForAny); !v.OK() {
			o.Verdict = v
			a.judged(t.Name, v)
			break
		}
	}
	if t.Fingerprint != "" {
		want, err := hex.DecodeString(t.Fingerprint)
		if err != nil || !o.Fingerprints.Is(want) {
			return nil, &Error{"the CA's certificate has another fingerprint than the one that is configured: it is refused", ""}
		}
		o.Matched = true
	}
	return o, nil
}

// spaced is a name as IOS 12.3 writes it: CN = caserverRA, O = Cisco System.
func spaced(c *x509.Certificate) string {
	var parts []string
	for _, line := range pki.NameLines(c.Subject) {
		word, value, _ := strings.Cut(line, "=")
		parts = append(parts, strings.ToUpper(word)+" = "+value)
	}
	return strings.Join(parts, ", ")
}

// judged tells of a certificate that is refused.
func (a *Agent) judged(trustpoint string, v pki.Verdict) {
	e := &trace.PKIVerdict{Trustpoint: trustpoint, Reason: v.Reason.String(), Clock: pki.DateText(v.Now), Text: v.Text()}
	if c := v.Certificate; c != nil {
		e.Subject, e.Serial = pki.Name(c.Subject), pki.SerialText(c.SerialNumber)
	}
	switch v.Reason {
	case pki.Expired:
		e.Limit = pki.DateText(v.NotAfter)
	case pki.NotYetValid:
		e.Limit = pki.DateText(v.NotBefore)
	case pki.Revoked:
		e.Limit = pki.DateText(v.RevokedAt)
	}
	a.record(e)
}

// OfferPEM is Authenticate of a certificate that an operator has pasted.
func (a *Agent) OfferPEM(now time.Time, name, text string) (*Offer, error) {
	a.begin(now)
	t, err := a.of(name)
	if err != nil {
		return nil, err
	}
	if err := a.fresh(name); err != nil {
		return nil, err
	}
	c, err := ParsePEM(text)
	if err != nil {
		return nil, err
	}
	return a.offer(t, &scep.CACertificates{CA: c})
}

// ParsePEM reads one certificate that was pasted: in PEM, or its base 64 alone.
func ParsePEM(text string) (*x509.Certificate, error) {
	const most = 64 << 10
	if len(text) > most {
		return nil, fail("the text is longer than any certificate")
	}
	if !strings.Contains(text, "-----BEGIN") {
		text = "-----BEGIN CERTIFICATE-----\n" + strings.TrimSpace(text) + "\n-----END CERTIFICATE-----\n"
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
		return nil, fail("the text is no certificate in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fail("the text is no certificate")
	}
	return c, nil
}

// Accept stores a CA's certificates.
func (a *Agent) Accept(now time.Time, o *Offer) Output {
	a.begin(now)
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: o.Trustpoint, Certificates: stored(o.Set), Replaces: true})
	return a.finish()
}

func stored(set *scep.CACertificates) []config.StoredCertificate {
	var all []config.StoredCertificate
	add := func(kind config.CertificateKind, c *x509.Certificate) {
		if c != nil {
			all = append(all, config.StoredCertificate{Kind: kind, Serial: pki.SerialText(c.SerialNumber), DER: c.Raw})
		}
	}
	add(config.RASignCertificate, set.RASign)
	add(config.RAEncryptCertificate, set.RAEncrypt)
	add(config.CACertificate, set.CA)
	return all
}

// Apply puts certificates into a configuration.
func (s Store) Apply(cfg *config.Config) {
	if s.KeyPair != "" {
		cfg.GiveKeyPair(s.Trustpoint, s.KeyPair, s.EC)
	}
	chain := cfg.Chain(s.Trustpoint)
	if chain == nil {
		chain = &config.CertificateChain{Name: s.Trustpoint}
		cfg.Chains = append(cfg.Chains, chain)
	}
	if s.Replaces {
		chain.Certificates = slices.DeleteFunc(chain.Certificates, func(old config.StoredCertificate) bool {
			return slices.ContainsFunc(s.Certificates, func(c config.StoredCertificate) bool { return c.Kind == old.Kind })
		})
	}
	chain.Certificates = slices.DeleteFunc(chain.Certificates, func(old config.StoredCertificate) bool { return slices.Contains(s.Drops, old.Kind) })
	for _, c := range s.Certificates {
		chain.Put(c)
	}
}
