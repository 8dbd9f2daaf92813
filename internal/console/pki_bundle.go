package console

import (
	"encoding/base64"
	"encoding/pem"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// importNodes follow the trustpoint of `crypto pki import`.
var importNodes = []*node{
	{Text: "certificate", Help: "Import the router's certificate", Do: asking(importCertificate)},
	{Text: "exportable", Arg: "exportable", Help: "Allow the key to be exported", Next: []*node{importPKCS12Node}},
	importPKCS12Node,
}

var importPKCS12Node = &node{Text: "pkcs12", Help: "Import from PKCS12", Next: []*node{
	{Text: "terminal", Help: "From this terminal", Next: []*node{
		{Text: "password", Help: "Specify the passphrase", Next: passphraseWord(importPKCS12)},
		passphraseWord(importPKCS12)[0],
	}},
}}

// exportNodes follow the trustpoint of `crypto pki export`.
var exportNodes = []*node{
	{Text: "pem", Help: "Export to PEM", Next: []*node{
		{Text: "terminal", Help: "To this terminal", Do: asking(exportPEM), Next: []*node{
			{Text: "3des", Arg: "3des", Help: "Encrypt the private key by 3DES", Next: passphraseWord(exportPEM)},
			{Text: "aes", Help: "Encrypt the private key by AES", Next: passphraseWord(exportPEM)},
		}},
	}},
	{Text: "pkcs12", Help: "Export to PKCS12", Next: []*node{
		{Text: "terminal", Help: "To this terminal", Next: []*node{
			{Text: "password", Help: "Specify the passphrase", Next: passphraseWord(exportPKCS12)},
			passphraseWord(exportPKCS12)[0],
		}},
	}},
}

// importPKCS12 is crypto pki import NAME pkcs12 terminal.
func importPKCS12(c *call, p PKI, a config.Args) (View, error) {
	name, passphrase := a.Text("name"), secret.FromString(a.Text("passphrase"))
	paste := func() (View, error) {
		return c.paste(say("Enter the base 64 encoded pkcs12.", `End with a blank line or the word "quit" on a line by itself:`), true, func(text string) (View, error) {
			data, err := pasted(text)
			if err != nil {
				return nil, err
			}
			left, err := p.ImportPKCS12(name, data, passphrase, a.Has("exportable"))
			if err != nil {
				return nil, err
			}
			m := say("CRYPTO_PKI: Imported PKCS12 file successfully.")
			if left > 0 {
				m = m.with(say("% Certificates of CAs higher in the hierarchy were left out: they are not trusted by this."))
			}
			return m, nil
		})
	}
	if hasKey(p, name) {
		return c.yesNo(say("% You already have RSA or ECDSA keys named "+name+".", "% If you replace them, all device certs issued using these keys", "% will be of no use."),
			"% Do you really want to replace them? [yes/no]: ", "", func(yes bool) (View, error) {
				if !yes {
					return say(), nil
				}
				return paste()
			})
	}
	return paste()
}

// pasted reads base 64, with or without lines around it as PEM has them.
func pasted(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(data) == 0 {
		return nil, &trustpoint.Error{Text: "the text is no base 64"}
	}
	return data, nil
}

// exportPKCS12 is crypto pki export NAME pkcs12 terminal.
func exportPKCS12(_ *call, p PKI, a config.Args) (View, error) {
	data, err := p.ExportPKCS12(a.Text("name"), secret.FromString(a.Text("passphrase")))
	if err != nil {
		return nil, err
	}
	return say("Exported pkcs12 follows:").with(base64Lines(data)), nil
}

// base64Lines are 64 characters long.
func base64Lines(data []byte) (m Message) {
	const onALine = 64
	for text := base64.StdEncoding.EncodeToString(data); text != ""; {
		n := min(onALine, len(text))
		m = m.with(say(text[:n]))
		text = text[n:]
	}
	return m
}

// exportPEM is crypto pki export NAME pem terminal: the CA's certificate, the
// gateway's own, and with a passphrase its private key. The lines between are
// recalled but for that of the CA's.
func exportPEM(_ *call, p PKI, a config.Args) (View, error) {
	name := a.Text("name")
	b, label, err := p.ExportCertificates(name)
	if err != nil {
		return nil, err
	}
	m := say()
	if b.Certificate == nil {
		m = say("% The specified trustpoint is not enrolled ("+name+").", "% Only export the CA certificate in PEM format.")
	}
	m = m.with(say("% CA certificate:", trustpoint.PEM(b.Authorities...)))
	if b.Certificate == nil {
		return m, nil
	}
	if a.Has("passphrase") {
		key, err := p.ExportKey(label, secret.FromString(a.Text("passphrase")), !a.Has("3des"))
		if err != nil {
			return nil, err
		}
		m = m.with(say("% Key name: "+label, "   Usage: General Purpose Key", key))
	}
	return m.with(say("% General Purpose Certificate:", trustpoint.PEM(b.Certificate))), nil
}
