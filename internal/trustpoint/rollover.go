package trustpoint

import (
	"crypto/x509"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/trace"
)

// Times between two questions about a CA's next certificate.
const (
	nextCAAgain = 24 * time.Hour // whether there is one
	switchAgain = time.Hour      // whether the CA uses it
)

// rollover is when a trustpoint's CA is next asked about the certificate that
// comes after its own, or that certificate is to be used. Only who renews by
// itself asks: others have an operator.
func (a *Agent) rollover(t *config.Trustpoint) (time.Time, bool) {
	cas := a.parse(t.Name, config.CACertificate)
	if t.AutoEnroll == 0 || t.Enrollment != config.EnrollURL || len(cas) == 0 || a.rolling[t.Name].asked {
		return time.Time{}, false
	}
	next := a.parse(t.Name, config.RolloverCertificate)
	if len(next) == 0 {
		return later(RenewAt(cas[0], t.AutoEnroll), a.rolling[t.Name].again), true
	}
	// The CA may switch before its certificate ends; then it does so for certain.
	end := later(cas[0].NotAfter, next[0].NotBefore)
	return earlier(end, later(next[0].NotBefore, a.rolling[t.Name].again)), true
}

// Rollover is when a trustpoint's CA is next asked, or its next certificate used;
// zero for never.
func (a *Agent) Rollover(name string) (at time.Time) {
	if t := a.o.Config.Trustpoint(name); t != nil {
		at, _ = a.rollover(t)
	}
	return at
}

// rolling is how a CA's change of certificates stands.
type rolling struct {
	asked bool
	again time.Time
}

// roll asks for a CA's next certificate, or whether it is in use.
func (a *Agent) roll(t *config.Trustpoint) {
	next := a.parse(t.Name, config.RolloverCertificate)
	ca := a.parse(t.Name, config.CACertificate)[0]
	server, err := server(t)
	if err != nil {
		a.rolling[t.Name] = rolling{again: a.now.Add(nextCAAgain)}
		return
	}
	switch {
	case len(next) == 0:
		a.rolling[t.Name] = rolling{asked: true}
		a.askNextCA(t, server)
	case !a.now.Before(later(ca.NotAfter, next[0].NotBefore)):
		a.switchCA(t, &scep.CACertificates{CA: next[0]})
	default:
		a.rolling[t.Name] = rolling{asked: true}
		a.askSwitched(t, server, next[0])
	}
}

// askNextCA asks GetNextCACert of a CA that says that it knows it.
func (a *Agent) askNextCA(t *config.Trustpoint, server scep.Server) {
	later := func(problem string) {
		a.rolling[t.Name] = rolling{again: a.now.Add(nextCAAgain)}
		if problem != "" {
			a.record(&trace.PKIUnanswered{Trustpoint: t.Name, Operation: "GetNextCACert", Problem: problem, RetrySeconds: uint32(nextCAAgain / time.Second)})
		}
	}
	a.ask(Fetch{HTTP: server.Get(scep.OpGetCACaps, t.Name), Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true}, func(answer Answer) {
		switch {
		case answer.Err != nil:
			later(answer.Err.Error())
			return
		case answer.Status != 200 || !scep.ParseCapabilities(answer.Body).NextCA:
			later("") // it has none to offer
			return
		}
		request := server.Get(scep.OpGetNextCACert, t.Name)
		a.record(&trace.PKIRequestSent{Trustpoint: t.Name, Operation: request.Operation.String(), Path: request.Path})
		a.ask(Fetch{HTTP: request, Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true}, func(answer Answer) { later(a.gotNextCA(t, answer)) })
	})
}

// gotNextCA stores a CA's next certificate, if the present CA or its RA has
// signed it, and returns what is wrong otherwise.
func (a *Agent) gotNextCA(t *config.Trustpoint, answer Answer) (problem string) {
	set := a.ca(t.Name)
	switch {
	case answer.Err != nil:
		return answer.Err.Error()
	case answer.Status != 200 || set == nil:
		return "" // there is none yet
	}
	next, err := set.ParseNextCA(answer.Body, t.Legacy)
	if err != nil {
		return err.Error()
	}
	if next.CA.Equal(set.CA) {
		return ""
	}
	own := trust(t)
	own.Anchors = []*x509.Certificate{next.CA}
	if v := pki.VerifyChain(a.now, next.CA, nil, own, pki.ForAny); !v.OK() && v.Reason != pki.NotYetValid {
		a.judged(t.Name, v)
		return v.Text()
	}
	a.record(&trace.PKITransactionCompleted{Trustpoint: t.Name, Operation: "GetNextCACert"})
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: t.Name, Replaces: true, Certificates: []config.StoredCertificate{
		{Kind: config.RolloverCertificate, Serial: pki.SerialText(next.CA.SerialNumber), DER: next.CA.Raw}}})
	return ""
}

// askSwitched asks whether the CA works by its next certificate already.
func (a *Agent) askSwitched(t *config.Trustpoint, server scep.Server, next *x509.Certificate) {
	a.ask(Fetch{HTTP: server.Get(scep.OpGetCACert, t.Name), Proxy: t.Proxy, MaxBytes: maxCAAnswer, Configured: true}, func(answer Answer) {
		a.rolling[t.Name] = rolling{again: a.now.Add(switchAgain)}
		if answer.Err != nil || answer.Status != 200 {
			return
		}
		if set, err := scep.ParseCACertificates(answer.ContentType, answer.Body); err == nil && set.CA.Equal(next) {
			a.switchCA(t, set)
		}
	})
}

// switchCA has a CA's next certificate take the first place. The old one stays
// behind it: peers have certificates of both. The gateway's own is renewed.
func (a *Agent) switchCA(t *config.Trustpoint, set *scep.CACertificates) {
	a.rolling[t.Name] = rolling{}
	if s := a.status[t.Name]; s != nil {
		s.Began = time.Time{} // whatever was asked of the old CA, the new one is asked at once
	}
	certificates := stored(set)
	for _, c := range a.parse(t.Name, config.CACertificate) {
		if !c.Equal(set.CA) {
			certificates = append(certificates, config.StoredCertificate{Kind: config.CACertificate, Serial: pki.SerialText(c.SerialNumber), DER: c.Raw})
		}
	}
	a.record(&trace.PKIAuthorityReceived{Trustpoint: t.Name})
	a.out.Stores = append(a.out.Stores, Store{Trustpoint: t.Name, Certificates: certificates,
		Drops: []config.CertificateKind{config.CACertificate, config.RASignCertificate, config.RAEncryptCertificate, config.RolloverCertificate}})
}

// ofOldCA says whether a certificate is of a CA that another has taken the place
// of.
func (a *Agent) ofOldCA(t *config.Trustpoint, c *x509.Certificate) bool {
	cas := a.parse(t.Name, config.CACertificate)
	for i, ca := range cas {
		if ca.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return i > 0
		}
	}
	return false
}
