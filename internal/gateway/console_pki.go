package gateway

import (
	"errors"
	"time"

	"qmidle/internal/keystore"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// errBroken is a wait that an operator has ended; what was asked goes on.
var errBroken = errors.New("The command was broken off")

// awaited is what a trustpoint says later.
type awaited[T any] struct {
	value T
	err   error
}

// await runs an input of the trustpoints, and waits aside for the first that it
// says.
func await[T any](v *view, begin func(done func(T, error)) trustpoint.Output) (T, error) {
	said := make(chan awaited[T], 1)
	v.g.enact(v.now, begin(func(value T, err error) {
		select {
		case said <- awaited[T]{value, err}:
		default: // a later one, for the log alone
		}
	}))
	var a awaited[T]
	err := v.Aside(func() error {
		select {
		case a = <-said:
			return nil
		case <-v.ctx.Done():
			return errBroken
		}
	})
	return a.value, errors.Join(err, a.err)
}

// The methods below implement console.PKI.

func (v *view) agent() *trustpoint.Agent { return v.g.authorities.agent }

// Authenticate implements console.PKI.
func (v *view) Authenticate(name string) (*trustpoint.Offer, error) {
	return await(v, func(done func(*trustpoint.Offer, error)) trustpoint.Output {
		return v.agent().Authenticate(v.now, name, done)
	})
}

// OfferPEM implements console.PKI.
func (v *view) OfferPEM(name, text string) (*trustpoint.Offer, error) {
	return v.agent().OfferPEM(v.now, name, text)
}

// Accept implements console.PKI.
func (v *view) Accept(o *trustpoint.Offer) error {
	v.g.enact(v.now, v.agent().Accept(v.now, o))
	return nil
}

// Enroll implements console.PKI.
func (v *view) Enroll(name string, c trustpoint.Choices) (trustpoint.Status, error) {
	return await(v, func(done func(trustpoint.Status, error)) trustpoint.Output {
		return v.agent().Enroll(v.now, name, c, done)
	})
}

// Enrollment implements console.PKI.
func (v *view) Enrollment(name string) (trustpoint.Status, bool) { return v.agent().Status(name) }

// Rollover implements console.PKI.
func (v *view) Rollover(name string) time.Time { return v.agent().Rollover(name) }

// TerminalRequest implements console.PKI.
func (v *view) TerminalRequest(name string, c trustpoint.Choices) ([]byte, error) {
	return v.agent().TerminalRequest(v.now, name, c)
}

// SelfSign implements console.PKI.
func (v *view) SelfSign(name string, c trustpoint.Choices) error {
	out, err := v.agent().SelfSign(v.now, name, c)
	v.g.enact(v.now, out)
	return err
}

// ImportCertificate implements console.PKI.
func (v *view) ImportCertificate(name, text string) error {
	out, err := v.agent().ImportPEM(v.now, name, text)
	v.g.enact(v.now, out)
	return err
}

// ImportPKCS12 implements console.PKI.
func (v *view) ImportPKCS12(name string, data []byte, passphrase secret.Secret, exportable bool) (left int, err error) {
	var b keystore.Bundle
	err = v.Aside(func() (err error) {
		b, err = keystore.ReadPKCS12(data, passphrase)
		return err
	})
	if err != nil {
		return 0, err
	}
	certs := trustpoint.Bundle{Certificate: b.Certificate, Authorities: b.Authorities}
	if err := v.agent().CheckBundle(v.now, name, certs); err != nil {
		return 0, err
	}
	if _, err := v.g.authorities.keys.Import(v.now, name, b, exportable); err != nil {
		return 0, err
	}
	out, left := v.agent().ImportBundle(v.now, name, b.Kind() == keystore.EC, certs)
	v.g.enact(v.now, out)
	return left, v.keysChanged(nil)
}

// ExportPKCS12 implements console.PKI.
func (v *view) ExportPKCS12(name string, passphrase secret.Secret) (data []byte, err error) {
	b, label, err := v.agent().ExportOwn(name)
	if err != nil {
		return nil, err
	}
	old := v.g.opts.Config.Trustpoint(name).Legacy
	err = v.Aside(func() (err error) {
		data, err = v.g.authorities.keys.ExportPKCS12(label, b.Certificate, b.Authorities, passphrase, old)
		return err
	})
	return data, err
}

// ExportCertificates implements console.PKI.
func (v *view) ExportCertificates(name string) (trustpoint.Bundle, string, error) {
	return v.agent().Export(name)
}

// CRLs implements console.PKI.
func (v *view) CRLs() []trustpoint.CRLView { return v.agent().CRLs() }

// RequestCRL implements console.PKI.
func (v *view) RequestCRL(name string) error {
	_, err := await(v, func(done func(struct{}, error)) trustpoint.Output {
		return v.agent().RequestCRL(v.now, name, func(err error) { done(struct{}{}, err) })
	})
	return err
}

// Keys implements console.PKI.
func (v *view) Keys() []keystore.Pair { return v.g.authorities.keys.List() }

// GenerateKey implements console.PKI.
func (v *view) GenerateKey(kind keystore.Kind, label string, bits int, exportable bool) (p keystore.Pair, err error) {
	now, generate := v.now, v.g.authorities.keys.Generate
	if kind == keystore.EC {
		generate = v.g.authorities.keys.GenerateEC
	}
	err = v.Aside(func() (err error) {
		p, err = generate(now, label, bits, exportable)
		return err
	})
	return p, v.keysChanged(err)
}

// ZeroizeKey implements console.PKI.
func (v *view) ZeroizeKey(label string) error {
	return v.keysChanged(v.Aside(func() error { return v.g.authorities.keys.Zeroize(label) }))
}

// ExportKey implements console.PKI.
func (v *view) ExportKey(label string, passphrase secret.Secret, strong bool) (string, error) {
	return v.g.authorities.keys.ExportPEM(label, passphrase, strong)
}

// ImportKey implements console.PKI.
func (v *view) ImportKey(label, text string, passphrase secret.Secret, exportable bool) error {
	now := v.now
	return v.keysChanged(v.Aside(func() error {
		_, err := v.g.authorities.keys.ImportPEM(now, label, text, passphrase, exportable)
		return err
	}))
}

// SerialNumber implements console.PKI.
func (v *view) SerialNumber() string { return serialNumber() }
