package console

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/keystore"
	"qmidle/internal/pki"
	"qmidle/internal/secret"
	"qmidle/internal/trustpoint"
)

// keyVerbs follow `crypto key`.
var keyVerbs = []*node{
	{Text: "export", Help: "Export keys", Next: []*node{
		{Text: "rsa", Help: "RSA keys", Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Next: []*node{
				{Text: "pem", Help: "In PEM", Next: []*node{
					{Text: "terminal", Help: "To this terminal", Next: []*node{
						{Text: "3des", Arg: "3des", Help: "Encrypt by 3DES", Next: passphraseWord(exportKey)},
						{Text: "aes", Help: "Encrypt by AES", Next: passphraseWord(exportKey)},
					}},
				}},
			}},
		}},
	}},
	{Text: "generate", Help: "Generate new keys", Next: []*node{
		{Text: "rsa", Help: "Generate RSA keys", Do: asking(generateKey),
			Next: generateOptions("exportable", "general-keys", "label", "modulus"), Part: "OPTIONS"},
	}},
	{Text: "import", Help: "Import keys", Next: []*node{
		{Text: "rsa", Help: "RSA keys", Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Next: append([]*node{
				{Text: "exportable", Arg: "exportable", Help: "Allow the key to be exported", Next: importPEM},
			}, importPEM...)},
		}},
	}},
	{Text: "zeroize", Help: "Remove keys", Next: []*node{
		{Text: "rsa", Help: "Remove RSA keys", Do: asking(zeroizeKeys), Next: []*node{
			{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Do: asking(zeroizeKeys)},
		}},
	}},
}

var importPEM = []*node{
	{Text: "pem", Help: "In PEM", Next: []*node{
		{Text: "terminal", Help: "From this terminal", Next: passphraseWord(importKey)},
	}},
}

func passphraseWord(f func(*call, PKI, config.Args) (View, error)) []*node {
	return []*node{{Kind: config.Word, Text: "WORD", Arg: "passphrase", Help: "Passphrase of the private key", Secret: true, Do: asking(f)}}
}

// generateOptions stand in any order, each once.
func generateOptions(left ...string) []*node {
	var nodes []*node
	for i, name := range left {
		rest := generateOptions(slices.Delete(slices.Clone(left), i, i+1)...)
		switch name {
		case "exportable":
			nodes = append(nodes, &node{Text: name, Arg: name, Help: "Allow the key to be exported", Do: asking(generateKey), Next: rest})
		case "general-keys":
			nodes = append(nodes, &node{Text: name, Help: "Generate a general purpose RSA key pair for signing and encryption", Do: asking(generateKey), Next: rest})
		case "label":
			nodes = append(nodes, &node{Text: name, Help: "Provide a label", Next: []*node{
				{Kind: config.Word, Text: "WORD", Arg: "label", Help: "RSA keypair label", Do: asking(generateKey), Next: rest}}})
		case "modulus":
			nodes = append(nodes, &node{Text: name, Help: "Provide number of modulus bits on the command line", Next: []*node{
				{Kind: config.Number, Lo: keystore.MinBits, Hi: keystore.MaxBits, Arg: "bits", Help: "size of the key modulus", Do: asking(generateKey), Next: rest}}})
		}
	}
	return nodes
}

// generateKey is crypto key generate rsa.
func generateKey(c *call, p PKI, a config.Args) (View, error) {
	label, exportable := a.Text("label"), a.Has("exportable")
	m := say()
	if label == "" {
		if err := ownName(c.router.Config()); err != nil {
			return nil, err
		}
		label = trustpoint.HostName(c.router.Config())
	}
	if hasKey(p, label) {
		m = say("% You already have RSA keys defined named " + label + ".")
		return c.yesNo(m, "% Do you really want to replace them? [yes/no]: ", "`crypto key zeroize rsa "+label+"`", func(yes bool) (View, error) {
			if !yes {
				return say(), nil
			}
			return c.sized(say(), p, label, int(a.Number("bits")), exportable)
		})
	}
	return c.sized(say("The name for the keys will be: "+label), p, label, int(a.Number("bits")), exportable)
}

func ownName(cfg *config.Config) error {
	switch {
	case cfg.Hostname == config.New().Hostname:
		return &trustpoint.Error{Text: "Please define a hostname other than Router."}
	case cfg.DomainName == "":
		return &trustpoint.Error{Text: "Please define a domain-name first."}
	}
	return nil
}

// sized asks for the size of a key if need be, and makes it.
func (c *call) sized(m Message, p PKI, label string, bits int, exportable bool) (View, error) {
	if bits > 0 || c.session == nil {
		if bits == 0 {
			bits = pki.MinRSABits
		}
		return c.generate(m, p, label, bits, exportable)
	}
	m = m.with(say(fmt.Sprintf("Choose the size of the key modulus in the range of %d to %d for your", keystore.MinBits, keystore.MaxBits),
		"  General Purpose Keys. Choosing a key modulus greater than 512 may take", "  a few minutes.", ""))
	var asked func(string) (View, error)
	question := fmt.Sprintf("How many bits in the modulus [%d]: ", pki.MinRSABits)
	asked = func(answer string) (View, error) {
		if answer == "" {
			return c.generate(say(), p, label, pki.MinRSABits, exportable)
		}
		n, err := strconv.Atoi(answer)
		if err != nil || n < keystore.MinBits || n > keystore.MaxBits {
			return c.ask(say(fmt.Sprintf("%% A number from %d to %d is expected.", keystore.MinBits, keystore.MaxBits)), question, asked)
		}
		return c.generate(say(), p, label, n, exportable)
	}
	return c.ask(m, question, asked)
}

func (c *call) generate(m Message, p PKI, label string, bits int, exportable bool) (View, error) {
	if _, err := p.GenerateKey(label, bits, exportable); err != nil {
		return nil, err
	}
	return m.with(generated(bits, exportable)), nil
}

func generated(bits int, exportable bool) Message {
	not := "non-"
	if exportable {
		not = ""
	}
	m := say(fmt.Sprintf("%% Generating %d bit RSA keys, keys will be %sexportable...[OK]", bits, not))
	if bits < pki.MinRSABits {
		m = m.with(say(fmt.Sprintf("%% Warning: %d bits are too few for new use; 2048 are not", bits)))
	}
	return m
}

// zeroizeKeys is crypto key zeroize rsa.
func zeroizeKeys(c *call, p PKI, a config.Args) (View, error) {
	var labels []string
	for _, k := range p.Keys() {
		if !a.Has("label") || k.Label == a.Text("label") {
			labels = append(labels, k.Label)
		}
	}
	if len(labels) == 0 {
		return nil, &trustpoint.Error{Text: "No Signature RSA Keys found in configuration."}
	}
	m := say("% All keys will be removed.")
	if a.Has("label") {
		m = say("% Keys to be removed are named '" + labels[0] + "'.")
	}
	m = m.with(say("% Certificates that were issued for these keys are of no use without them."))
	return c.yesNo(m, "Do you really want to remove these keys? [yes/no]: ", "", func(yes bool) (View, error) {
		if !yes {
			return say(), nil
		}
		for _, label := range labels {
			if err := p.ZeroizeKey(label); err != nil {
				return nil, err
			}
		}
		return say(), nil
	})
}

// exportKey is crypto key export rsa. It shows a private key, encrypted: by
// IOS's own custom, and for keys that were made for it.
func exportKey(_ *call, p PKI, a config.Args) (View, error) {
	text, err := p.ExportKey(a.Text("label"), secret.FromString(a.Text("passphrase")), !a.Has("3des"))
	if err != nil {
		return nil, err
	}
	return say("% Key name: "+a.Text("label"), "   Usage: General Purpose Key", "   Key data:", strings.TrimSuffix(text, "\n")), nil
}

// importKey is crypto key import rsa.
func importKey(c *call, p PKI, a config.Args) (View, error) {
	m := say("% Enter PEM-formatted keys: the public one may stand before the private one.", `% End with "quit" on a line by itself.`)
	return c.paste(m, false, func(text string) (View, error) {
		if err := p.ImportKey(a.Text("label"), text, secret.FromString(a.Text("passphrase")), a.Has("exportable")); err != nil {
			return nil, err
		}
		return say("% Key pair import succeeded."), nil
	})
}

// PublicKeys is show crypto key mypubkey rsa.
type PublicKeys struct {
	Keys []PublicKey `json:"keys"`
}

// PublicKey is the public half of a key pair.
type PublicKey struct {
	Label      string    `json:"label"`
	Generated  time.Time `json:"generated"`
	Exportable bool      `json:"exportable"`
	Bits       int       `json:"bits"`
	Data       string    `json:"data"` // SubjectPublicKeyInfo in hexadecimal
}

func publicKeys(r Router) PublicKeys {
	v := PublicKeys{Keys: []PublicKey{}}
	p, err := pkiOf(r)
	if err != nil {
		return v
	}
	for _, k := range p.Keys() {
		der, err := x509.MarshalPKIXPublicKey(k.Public)
		if err != nil {
			continue // an RSA key always can be
		}
		v.Keys = append(v.Keys, PublicKey{k.Label, k.Generated, k.Exportable, k.Public.N.BitLen(), fmt.Sprintf("%X", der)})
	}
	return v
}

// Text is IOS's.
func (v PublicKeys) Text() string {
	var b strings.Builder
	for _, k := range v.Keys {
		not := "not "
		if k.Exportable {
			not = ""
		}
		fmt.Fprintf(&b, "%% Key pair was generated at: %s\nKey name: %s\nKey type: RSA KEYS\n Storage Device: not specified\n Usage: General Purpose Key\n Key is %sexportable.\n Key Data:\n",
			pki.DateText(k.Generated), k.Label, not)
		const group, onALine = 8, 9 * 8
		for data := k.Data; data != ""; {
			n := min(onALine, len(data))
			b.WriteString(" ")
			for line := data[:n]; line != ""; {
				g := min(group, len(line))
				b.WriteString(" " + line[:g])
				line = line[g:]
			}
			b.WriteString(" \n")
			data = data[n:]
		}
	}
	return b.String()
}
