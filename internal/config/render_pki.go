package config

import (
	"strings"

	"qmidle/internal/pki"
)

func (c *Config) writePKI(w *writer) {
	for _, t := range c.Trustpoints {
		t.write(w)
		w.line("!")
	}
	for _, m := range c.CertificateMaps {
		for _, e := range m.Entries {
			w.line("crypto pki certificate map %s %d", m.Label, e.Seq)
			for _, l := range e.Lines {
				w.line(" %s", l)
			}
		}
		w.line("!")
	}
	for _, x := range c.Chains {
		x.write(w)
	}
	if len(c.Chains) > 0 {
		w.line("!")
	}
	c.writePeerKeys(w)
}

func (t *Trustpoint) write(w *writer) {
	w.line("crypto pki trustpoint %s", t.Name)
	t.writeEnrollment(w)
	t.writeNames(w)
	t.writeChecks(w)
}

func (t *Trustpoint) writeEnrollment(w *writer) {
	if t.Retries != DefaultRetries {
		w.line(" enrollment retry count %d", t.Retries)
	}
	if t.Period != DefaultPeriod {
		w.line(" enrollment retry period %d", t.Period)
	}
	if t.ModeRA {
		w.line(" enrollment mode ra")
	}
	switch t.Enrollment {
	case EnrollURL:
		w.line(" enrollment url %s", t.URL)
	case EnrollSelfSigned:
		w.line(" enrollment selfsigned")
	case EnrollTerminal:
		pem := ""
		if t.PEM {
			pem = " pem"
		}
		w.line(" enrollment terminal%s", pem)
	}
	if i := strings.LastIndexByte(t.Proxy, ':'); i > 0 {
		w.line(" enrollment http-proxy %s %s", strings.Trim(t.Proxy[:i], "[]"), t.Proxy[i+1:])
	}
}

func (t *Trustpoint) writeNames(w *writer) {
	switch t.Serial {
	case SerialYes:
		w.line(" serial-number")
	case SerialNo:
		w.line(" serial-number none")
	}
	switch {
	case t.NoFQDN:
		w.line(" fqdn none")
	case t.FQDN != "":
		w.line(" fqdn %s", t.FQDN)
	}
	switch {
	case t.NoIPAddress:
		w.line(" ip-address none")
	case t.IPInterface != "":
		w.line(" ip-address %s", t.IPInterface)
	case t.IPAddress.IsValid():
		w.line(" ip-address %s", t.IPAddress)
	}
	if !t.Password.Clear.IsZero() {
		w.line(" password %s", t.Password.words())
	}
	if t.Fingerprint != "" {
		w.line(" fingerprint %s", t.Fingerprint)
	}
	if t.Subject != "" {
		w.line(" subject-name %s", t.Subject)
	}
	if t.Usage != "" {
		w.line(" usage %s", t.Usage)
	}
}

func (t *Trustpoint) writeChecks(w *writer) {
	if t.CRLQuery != "" {
		w.line(" crl query %s", t.CRLQuery)
	}
	methods := ""
	for _, m := range t.Revocation {
		methods += " " + m.String()
	}
	w.line(" revocation-check%s", methods)
	if t.OCSPURL != "" {
		w.line(" ocsp url %s", t.OCSPURL)
	}
	if t.NoNonce {
		w.line(" ocsp disable-nonce")
	}
	switch {
	case t.ChainParent != "":
		w.line(" chain-validation continue %s", t.ChainParent)
	case t.ChainStop:
		w.line(" chain-validation stop")
	}
	switch {
	case t.EncryptBits > 0:
		w.line(" rsakeypair %s %d %d", t.KeyPair, t.KeyBits, t.EncryptBits)
	case t.KeyBits > 0:
		w.line(" rsakeypair %s %d", t.KeyPair, t.KeyBits)
	case t.KeyPair != "":
		w.line(" rsakeypair %s", t.KeyPair)
	case t.ECKeyPair != "":
		w.line(" eckeypair %s", t.ECKeyPair)
	}
	for _, u := range t.Maps {
		w.line(" match certificate %s%s", u.Map, u.options())
	}
	switch {
	case t.AutoEnroll > 0 && t.Regenerate:
		w.line(" auto-enroll %d regenerate", t.AutoEnroll)
	case t.AutoEnroll > 0:
		w.line(" auto-enroll %d", t.AutoEnroll)
	case t.Regenerate:
		w.line(" regenerate")
	}
	if t.Hash != EnrollSHA256 {
		w.line(" hash %s", enrollmentHashes[t.Hash])
	}
	if t.Legacy {
		w.line(" qmidle legacy")
	}
	if t.Cipher != EnrollAES {
		w.line(" qmidle scep-cipher %s", enrollmentCiphers[t.Cipher])
	}
}

func (u MapUse) options() string {
	switch {
	case u.AllowExpired:
		return " allow expired-certificate"
	case u.SkipRevocation:
		return " skip revocation-check"
	}
	return ""
}

var mapFields = map[pki.Field]string{pki.FieldAltName: "alt-subject-name", pki.FieldExpires: "expires-on", pki.FieldIssuer: "issuer-name",
	pki.FieldName: "name", pki.FieldSerial: "serial-number", pki.FieldSubject: "subject-name",
	pki.FieldUnstructured: "unstructured-subject-name", pki.FieldStarts: "valid-start"}

// String is the line without its indentation.
func (l MapLine) String() string {
	for _, o := range mapOperators {
		if o.op == l.Criterion.Op {
			return mapFields[l.Criterion.Field] + " " + o.word + " " + l.Text
		}
	}
	return ""
}

// write shows a chain as IOS does: groups of eight digits, nine on a line.
func (x *CertificateChain) write(w *writer) {
	w.line("crypto pki certificate chain %s", x.Name)
	for _, c := range x.Certificates {
		kind := c.Kind.String()
		if kind != "" {
			kind += " "
		}
		w.line(" certificate %s%s", kind, c.Serial)
		const onALine = 9 * 4
		for b := c.DER; len(b) > 0; {
			n := min(onALine, len(b))
			w.line("  %s ", pki.HexGroups(b[:n]))
			b = b[n:]
		}
		w.line("  \tquit")
	}
}
