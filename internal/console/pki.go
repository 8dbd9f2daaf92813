package console

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/keystore"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// PKI is what a Router may have besides: trustpoints at work, and keys. What
// asks a CA returns with its answer.
type PKI interface {
	Authenticate(name string) (*trustpoint.Offer, error)
	// OfferPEM is Authenticate of a certificate that was pasted.
	OfferPEM(name, text string) (*trustpoint.Offer, error)
	// Accept makes a CA's certificates part of the running configuration.
	Accept(*trustpoint.Offer) error
	// Enroll sends a request. It returns with the first answer, after which the
	// enrolment may go on by itself.
	Enroll(name string, c trustpoint.Choices) (trustpoint.Status, error)
	Enrollment(name string) (trustpoint.Status, bool)
	// Rollover is when a CA is next asked for the certificate that comes after its
	// own, or that is to be used; zero for never.
	Rollover(name string) time.Time
	// SelfSign makes a certificate for `enrollment selfsigned`.
	SelfSign(name string, c trustpoint.Choices) error
	TerminalRequest(name string, c trustpoint.Choices) ([]byte, error)
	ImportCertificate(name, text string) error
	// ImportPKCS12 takes a file for a trustpoint that is new or has nothing yet, and
	// returns how many certificates of CAs were left out.
	ImportPKCS12(name string, data []byte, passphrase secret.Secret, exportable bool) (left int, err error)
	ExportPKCS12(name string, passphrase secret.Secret) ([]byte, error)
	// ExportCertificates returns a trustpoint's, and the label of its key.
	ExportCertificates(name string) (trustpoint.Bundle, string, error)
	CRLs() []trustpoint.CRLView
	RequestCRL(name string) error

	Keys() []keystore.Pair
	// GenerateKey takes up to some seconds.
	GenerateKey(kind keystore.Kind, label string, bits int, exportable bool) (keystore.Pair, error)
	ZeroizeKey(label string) error
	ExportKey(label string, passphrase secret.Secret, strong bool) (string, error)
	ImportKey(label, text string, passphrase secret.Secret, exportable bool) error
	// SerialNumber is the gateway's, as certificates may have it.
	SerialNumber() string
}

var errNoPKI = errors.New("this router has no trustpoints at work")

func pkiOf(r Router) (PKI, error) {
	p, ok := r.(PKI)
	if !ok {
		return nil, errNoPKI
	}
	return p, nil
}

// pkiCommands are of configuration mode in IOS; here exec mode has them too.
// They change what runs, and wait for nobody's `end`.
var pkiCommands = []*node{
	{Text: "crypto", Help: "Encryption module", Next: []*node{
		{Text: "ca", Help: "Certification authority", Next: pkiVerbs},
		{Text: "key", Help: "Long term key operations", Next: keyVerbs},
		{Text: "pki", Help: "Public Key components", Next: pkiVerbs},
	}},
}

var pkiVerbs = []*node{
	{Text: "authenticate", Help: "Get the CA certificate", Next: trustpointWord(authenticate)},
	{Text: "crl", Help: "Actions on certificate revocation lists", Next: []*node{
		{Text: "request", Help: "Query CA for the latest CRL", Next: trustpointWord(requestCRL)},
	}},
	{Text: "enroll", Help: "Request a certificate from a CA", Next: trustpointWord(enroll)},
	{Text: "export", Help: "Export certificates and keys", Next: []*node{
		{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Trustpoint Name", Next: exportNodes},
	}},
	{Text: "import", Help: "Import certificates and keys", Next: []*node{
		{Kind: config.Word, Text: "WORD", Arg: "name", Help: "Trustpoint Name", Next: importNodes},
	}},
}

func trustpointWord(f func(*call, PKI, config.Args) (View, error)) []*node {
	return []*node{{Kind: config.Word, Text: "WORD", Arg: "name", Help: "CA Server Name", Do: asking(f)}}
}

// asking makes a grammar action of a command that may ask an operator.
func asking(f func(*call, PKI, config.Args) (View, error)) config.Action[*call] {
	return func(c *call, a config.Args) *config.Problem {
		p, err := pkiOf(c.router)
		if err == nil {
			c.view, err = f(c, p, a)
		}
		if err != nil {
			c.view, c.err = nil, fmt.Errorf("%% %w", err)
		}
		return nil
	}
}

// Message is what a command about certificates and keys has to say.
type Message struct {
	Lines []string `json:"lines"`
}

// Text has a line each.
func (m Message) Text() string {
	if len(m.Lines) == 0 {
		return ""
	}
	return strings.Join(m.Lines, "\n") + "\n"
}

func say(lines ...string) Message { return Message{append([]string{}, lines...)} }

// with adds lines of another message.
func (m Message) with(o Message) Message { return say(append(m.Lines, o.Lines...)...) }

// authenticate is crypto pki authenticate.
func authenticate(c *call, p PKI, a config.Args) (View, error) {
	name := a.Text("name")
	t := c.router.Config().Trustpoint(name)
	if t != nil && t.Enrollment == config.EnrollTerminal {
		return c.paste(say("Enter the base 64 encoded CA certificate.", `End with a blank line or the word "quit" on a line by itself`, ""), true,
			func(text string) (View, error) {
				o, err := p.OfferPEM(name, text)
				if err != nil {
					return nil, err
				}
				return c.accept(p, o)
			})
	}
	if t != nil && t.Enrollment == config.EnrollSelfSigned {
		return nil, &trustpoint.Error{Text: "A self-signed trustpoint has no CA", Hint: "`crypto pki enroll " + name + "`"}
	}
	o, err := p.Authenticate(name)
	var own *trustpoint.Error
	if errors.As(err, &own) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("Error in receiving Certificate Authority certificate: %w", err)
	}
	return c.accept(p, o)
}

// accept shows a CA's fingerprints, and asks. One that the configuration has
// needs no answer.
func (c *call) accept(p PKI, o *trustpoint.Offer) (View, error) {
	f := o.Fingerprints
	m := say("Certificate has the following attributes:",
		"       Fingerprint MD5: "+hexGroups(f.MD5[:])+" ", "      Fingerprint SHA1: "+hexGroups(f.SHA1[:])+" ",
		"    Fingerprint SHA256: "+hexGroups(f.SHA256[:])+" ")
	if !o.Verdict.OK() {
		m = m.with(say("% Warning: " + o.Verdict.Text()))
	}
	m = m.with(say(""))
	taken := say("Trustpoint CA certificate accepted.")
	if o.Matched {
		return m.with(say("Certificate validated - fingerprints matched.")).with(taken), p.Accept(o)
	}
	return c.yesNo(m, "% Do you accept this certificate? [yes/no]: ", "write `fingerprint` below the trustpoint", func(yes bool) (View, error) {
		if !yes {
			return say("% Certificate is not accepted."), nil
		}
		return taken, p.Accept(o)
	})
}

// requestCRL is crypto pki crl request.
func requestCRL(_ *call, p PKI, a config.Args) (View, error) {
	if err := p.RequestCRL(a.Text("name")); err != nil {
		return nil, fmt.Errorf("CRL request failed: %w", err)
	}
	return say(), nil
}

// importCertificate is crypto pki import NAME certificate.
func importCertificate(c *call, p PKI, a config.Args) (View, error) {
	return c.paste(say("Enter the base 64 encoded certificate.", `End with a blank line or the word "quit" on a line by itself`, ""), true,
		func(text string) (View, error) {
			if err := p.ImportCertificate(a.Text("name"), text); err != nil {
				return nil, err
			}
			return say("% Router Certificate successfully imported"), nil
		})
}
