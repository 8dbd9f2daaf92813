package console

import (
	"net/netip"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/keystore"
	"qmidle/internal/pki"
	"qmidle/internal/pki/scep"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// enrolling is a stay in the dialogue of crypto pki enroll.
type enrolling struct {
	c       *call
	p       PKI
	t       *config.Trustpoint
	choices trustpoint.Choices
	said    Message // before the next question
}

// enroll is crypto pki enroll. What the configuration says is not asked; without
// an operator it says all.
func enroll(c *call, p PKI, a config.Args) (View, error) {
	t := c.router.Config().Trustpoint(a.Text("name"))
	if t == nil {
		return nil, &trustpoint.Error{Text: "CA trustpoint " + a.Text("name") + " is not configured"}
	}
	e := &enrolling{c: c, p: p, t: t, said: say("% Start certificate enrollment .. ")}
	if err := e.prepare(); err != nil {
		return nil, err
	}
	e.choices.Serial = t.Serial == config.SerialYes
	switch {
	case !t.Password.Clear.IsZero() || c.session == nil || t.Enrollment == config.EnrollSelfSigned:
		e.choices.Password = t.Password.Clear
		return e.names()
	}
	e.said = e.said.with(say("% Create a challenge password. You will need to verbally provide this",
		"   password to the CA Administrator in order to revoke your certificate.",
		"   For security reasons your password will not be saved in the configuration.",
		"   Please make a note of it.", ""))
	return e.password()
}

// prepare refuses what cannot be enrolled before anything is asked, makes the
// key that `rsakeypair` names, and finds the address.
func (e *enrolling) prepare() error {
	cfg := e.c.router.Config()
	if len(cfg.Chain(e.t.Name).Of(config.CACertificate)) == 0 && e.t.Enrollment != config.EnrollTerminal && e.t.Enrollment != config.EnrollSelfSigned {
		return &trustpoint.Error{Text: "You must authenticate the Certificate Authority before\n  you can enroll with it.", Hint: "`crypto pki authenticate " + e.t.Name + "`"}
	}
	if label := trustpoint.KeyLabel(cfg, e.t); e.t.KeyPair == "" && !hasKey(e.p, label) {
		if e.t.ECKeyPair != "" {
			return &trustpoint.Error{Text: "There is no EC key pair " + label, Hint: "`crypto key generate ec keysize 256 label " + label + "`"}
		}
		return &trustpoint.Error{Text: "There is no RSA key pair " + label, Hint: "`crypto key generate rsa modulus 2048`"}
	}
	if e.t.KeyPair != "" && !hasKey(e.p, e.t.KeyPair) {
		bits := e.t.KeyBits
		if bits == 0 {
			bits = pki.MinRSABits
		}
		if _, err := e.p.GenerateKey(keystore.RSA, e.t.KeyPair, bits, false); err != nil {
			return err
		}
		e.said = e.said.with(generated(keystore.RSA, bits, false))
	}
	e.choices.Address = e.t.IPAddress
	if e.t.IPInterface != "" {
		addr, ok := interfaceAddress(cfg, e.t.IPInterface)
		if !ok {
			return &trustpoint.Error{Text: e.t.IPInterface + " has no `ip address`"}
		}
		e.choices.Address = addr
	}
	return nil
}

func hasKey(p PKI, label string) bool {
	_, ok := keyOf(p, label)
	return ok
}

func keyOf(p PKI, label string) (keystore.Pair, bool) {
	for _, k := range p.Keys() {
		if k.Label == label {
			return k, true
		}
	}
	return keystore.Pair{}, false
}

func interfaceAddress(cfg *config.Config, name string) (netip.Addr, bool) {
	if i := cfg.Interface(name); i != nil && len(i.Addresses) > 0 {
		return i.Addresses[0].Addr(), true
	}
	return netip.Addr{}, false
}

func (e *enrolling) password() (View, error) {
	said := e.said
	e.said = say()
	return e.c.hidden(said, "Password: ", func(first string) (View, error) {
		return e.c.hidden(say(), "Re-enter password: ", func(second string) (View, error) {
			if first != second {
				e.said = say("% Passwords do not match. Try again.")
				return e.password()
			}
			e.choices.Password = secret.FromString(first)
			e.said = say("")
			return e.names()
		})
	})
}

// names tells what the certificate will say, and asks for the serial number.
func (e *enrolling) names() (View, error) {
	host := e.t.FQDN
	if host == "" {
		host = trustpoint.HostName(e.c.router.Config())
	}
	if e.t.Subject != "" {
		e.said = e.said.with(say("% The subject name in the certificate will include: " + e.t.Subject))
	}
	if !e.t.NoFQDN {
		e.said = e.said.with(say("% The subject name in the certificate will include: " + host))
	}
	if e.t.Serial != config.SerialAsk || e.c.session == nil {
		return e.serial(e.choices.Serial)
	}
	return e.ask("% Include the router serial number in the subject name? [yes/no]: ", e.serial)
}

func (e *enrolling) ask(question string, then func(bool) (View, error)) (View, error) {
	said := e.said
	e.said = say()
	return e.c.yesNo(said, question, "", then)
}

func (e *enrolling) serial(yes bool) (View, error) {
	e.choices.Serial = yes
	if yes {
		e.said = e.said.with(say("% The serial number in the certificate will be: " + e.p.SerialNumber()))
	}
	if e.t.NoIPAddress || e.choices.Address.IsValid() || e.c.session == nil {
		return e.confirm()
	}
	return e.ask("% Include an IP address in the subject name? [yes/no]: ", func(yes bool) (View, error) {
		if !yes {
			return e.confirm()
		}
		return e.address()
	})
}

func (e *enrolling) address() (View, error) {
	said := e.said
	e.said = say()
	return e.c.ask(said, "Enter Interface name or IP Address[]: ", func(answer string) (View, error) {
		addr, err := netip.ParseAddr(answer)
		if err != nil {
			long, _, _ := config.InterfaceName(strings.ReplaceAll(answer, " ", ""))
			var ok bool
			if addr, ok = interfaceAddress(e.c.router.Config(), long); !ok {
				e.said = say("% Bad interface or address. Try again.")
				return e.address()
			}
		}
		e.choices.Address = addr
		return e.confirm()
	})
}

func (e *enrolling) confirm() (View, error) {
	switch {
	case e.t.Enrollment == config.EnrollTerminal && e.c.session == nil:
		return e.display()
	case e.t.Enrollment == config.EnrollTerminal:
		return e.ask("Display Certificate Request to terminal? [yes/no]: ", func(yes bool) (View, error) {
			if !yes {
				return e.said, nil
			}
			return e.display()
		})
	case e.t.Enrollment == config.EnrollSelfSigned && e.c.session == nil:
		return e.selfSign()
	case e.t.Enrollment == config.EnrollSelfSigned:
		return e.ask("Generate Self Signed Router Certificate? [yes/no]: ", func(yes bool) (View, error) {
			if !yes {
				return e.said, nil
			}
			return e.selfSign()
		})
	case e.c.session == nil:
		return e.request()
	}
	return e.ask("Request certificate from CA? [yes/no]: ", func(yes bool) (View, error) {
		if !yes {
			return say("% Enrollment request was not sent."), nil
		}
		return e.request()
	})
}

// selfSign makes the certificate. IOS's question before it and what it says are
// recalled.
func (e *enrolling) selfSign() (View, error) {
	if err := e.p.SelfSign(e.t.Name, e.choices); err != nil {
		return nil, err
	}
	return e.said.with(say("", "Router Self Signed Certificate successfully created", "")), nil
}

// display shows the request, for an operator to carry.
func (e *enrolling) display() (View, error) {
	der, err := e.p.TerminalRequest(e.t.Name, e.choices)
	if err != nil {
		return nil, err
	}
	m := e.said.with(say("Certificate Request follows:", ""))
	if e.t.PEM {
		m = m.with(say("-----BEGIN CERTIFICATE REQUEST-----"))
	}
	m = m.with(base64Lines(der))
	if e.t.PEM {
		return m.with(say("-----END CERTIFICATE REQUEST-----", "", "---End - This line not part of the certificate request---", "")), nil
	}
	return m.with(say("", "---End - This line not part of the certificate request---", "")), nil
}

// request sends the request, and shows what IOS does while it waits.
func (e *enrolling) request() (View, error) {
	status, err := e.p.Enroll(e.t.Name, e.choices)
	if err != nil {
		return nil, err
	}
	m := e.said.with(say("% Certificate request sent to Certificate Authority",
		"% The certificate request fingerprint will be displayed.",
		"% The 'show crypto ca certificate' command will also show the fingerprint.", "",
		"       Fingerprint MD5: "+hexGroups(status.Fingerprints.MD5[:])+" ",
		"      Fingerprint SHA1: "+hexGroups(status.Fingerprints.SHA1[:])+" ",
		"    Fingerprint SHA256: "+hexGroups(status.Fingerprints.SHA256[:])+" "))
	switch status.State {
	case scep.Polling:
		m = m.with(say("% The CA lets wait; it is asked again at " + pki.DateText(status.Retry)))
	case scep.Unheard:
		m = m.with(say("% "+status.Problem, "% The request is sent again at "+pki.DateText(status.Retry)))
	}
	return m, nil
}

func hexGroups(b []byte) string { return pki.HexGroups(b) }
