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
	{Text: "export", Help: "Export keys", Next: kinds(&node{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Next: []*node{
		{Text: "pem", Help: "In PEM", Next: []*node{
			{Text: "terminal", Help: "To this terminal", Next: []*node{
				{Text: "3des", Arg: "3des", Help: "Encrypt by 3DES", Next: passphraseWord(exportKey)},
				{Text: "aes", Help: "Encrypt by AES", Next: passphraseWord(exportKey)},
			}},
		}},
	}})},
	{Text: "generate", Help: "Generate new keys", Next: []*node{
		{Text: "ec", Help: "Generate EC keys for ECDSA", Next: []*node{
			{Text: "keysize", Help: "Specify the size of the key", Next: ecSizes()},
		}},
		{Text: "rsa", Help: "Generate RSA keys", Do: asking(generateKey),
			Next: generateOptions("exportable", "general-keys", "label", "modulus"), Part: "OPTIONS"},
	}},
	{Text: "import", Help: "Import keys", Next: kinds(&node{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Next: append([]*node{
		{Text: "exportable", Arg: "exportable", Help: "Allow the key to be exported", Next: importPEM},
	}, importPEM...)})},
	{Text: "zeroize", Help: "Remove keys", Next: []*node{zeroizeNode(keystore.EC, "ec"), zeroizeNode(keystore.RSA, "rsa")}},
}

// kinds are the words for both kinds of keys. A text says itself which it is.
func kinds(next *node) []*node {
	return []*node{{Text: "ec", Help: "EC keys", Next: []*node{next}}, {Text: "rsa", Help: "RSA keys", Next: []*node{next}}}
}

func zeroizeNode(kind keystore.Kind, word string) *node {
	do := asking(zeroizeKeys(kind))
	return &node{Text: word, Help: "Remove " + kind.String() + " keys", Do: do, Next: []*node{
		{Kind: config.Word, Text: "WORD", Arg: "label", Help: "Label of the key pair", Do: do},
	}}
}

func ecSizes() (nodes []*node) {
	for _, bits := range []int{256, 384, 521} {
		do := asking(func(c *call, p PKI, a config.Args) (View, error) { return c.named(p, keystore.EC, bits, a) })
		label := &node{Text: "label", Help: "Provide a label", Next: []*node{{Kind: config.Word, Text: "WORD", Arg: "label", Help: "EC keypair label", Do: do, Next: []*node{
			{Text: "exportable", Arg: "exportable", Help: "Allow the key to be exported", Do: do}}}}}
		exportable := &node{Text: "exportable", Arg: "exportable", Help: "Allow the key to be exported", Do: do, Next: []*node{
			{Text: "label", Help: "Provide a label", Next: []*node{{Kind: config.Word, Text: "WORD", Arg: "label", Help: "EC keypair label", Do: do}}}}}
		nodes = append(nodes, &node{Text: strconv.Itoa(bits), Help: strconv.Itoa(bits) + " bits", Do: do, Next: []*node{exportable, label}, Part: "OPTIONS"})
	}
	return nodes
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
	return c.named(p, keystore.RSA, int(a.Number("bits")), a)
}

// named finds the label of a new key, and asks where there is one of that label.
func (c *call) named(p PKI, kind keystore.Kind, bits int, a config.Args) (View, error) {
	label, exportable := a.Text("label"), a.Has("exportable")
	if label == "" {
		if err := ownName(c.router.Config()); err != nil {
			return nil, err
		}
		label = trustpoint.HostName(c.router.Config())
	}
	if old, ok := keyOf(p, label); ok {
		word := old.Kind().String()
		return c.yesNo(say("% You already have "+word+" keys defined named "+label+"."), "% Do you really want to replace them? [yes/no]: ",
			"`crypto key zeroize "+strings.ToLower(word)+" "+label+"`", func(yes bool) (View, error) {
				if !yes {
					return say(), nil
				}
				return c.sized(say(), p, kind, label, bits, exportable)
			})
	}
	return c.sized(say("The name for the keys will be: "+label), p, kind, label, bits, exportable)
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
func (c *call) sized(m Message, p PKI, kind keystore.Kind, label string, bits int, exportable bool) (View, error) {
	if bits > 0 || c.session == nil {
		if bits == 0 {
			bits = pki.MinRSABits
		}
		return c.generate(m, p, kind, label, bits, exportable)
	}
	m = m.with(say(fmt.Sprintf("Choose the size of the key modulus in the range of %d to %d for your", keystore.MinBits, keystore.MaxBits),
		"  General Purpose Keys. Choosing a key modulus greater than 512 may take", "  a few minutes.", ""))
	var asked func(string) (View, error)
	question := fmt.Sprintf("How many bits in the modulus [%d]: ", pki.MinRSABits)
	asked = func(answer string) (View, error) {
		if answer == "" {
			return c.generate(say(), p, kind, label, pki.MinRSABits, exportable)
		}
		n, err := strconv.Atoi(answer)
		if err != nil || n < keystore.MinBits || n > keystore.MaxBits {
			return c.ask(say(fmt.Sprintf("%% A number from %d to %d is expected.", keystore.MinBits, keystore.MaxBits)), question, asked)
		}
		return c.generate(say(), p, kind, label, n, exportable)
	}
	return c.ask(m, question, asked)
}

func (c *call) generate(m Message, p PKI, kind keystore.Kind, label string, bits int, exportable bool) (View, error) {
	if _, err := p.GenerateKey(kind, label, bits, exportable); err != nil {
		return nil, err
	}
	return m.with(generated(kind, bits, exportable)), nil
}

func generated(kind keystore.Kind, bits int, exportable bool) Message {
	not := "non-"
	if exportable {
		not = ""
	}
	m := say(fmt.Sprintf("%% Generating %d bit %s keys, keys will be %sexportable...[OK]", bits, kind, not))
	if kind == keystore.RSA && bits < pki.MinRSABits {
		m = m.with(say(fmt.Sprintf("%% Warning: %d bits are too few for new use; 2048 are not", bits)))
	}
	return m
}

// zeroizeKeys is crypto key zeroize.
func zeroizeKeys(kind keystore.Kind) func(*call, PKI, config.Args) (View, error) {
	return func(c *call, p PKI, a config.Args) (View, error) {
		var labels []string
		for _, k := range p.Keys() {
			if k.Kind() == kind && (!a.Has("label") || k.Label == a.Text("label")) {
				labels = append(labels, k.Label)
			}
		}
		return c.zeroize(p, kind, labels, a.Has("label"))
	}
}

// zeroize destroys some keys, or all of a kind, after a question.
func (c *call) zeroize(p PKI, kind keystore.Kind, labels []string, some bool) (View, error) {
	if len(labels) == 0 {
		return nil, &trustpoint.Error{Text: "No Signature " + kind.String() + " Keys found in configuration."}
	}
	m := say("% All keys will be removed.")
	if some {
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

// PublicKeys is show crypto key mypubkey.
type PublicKeys struct {
	Keys []PublicKey `json:"keys"`
}

// PublicKey is the public half of a key pair.
type PublicKey struct {
	Label      string    `json:"label"`
	Kind       string    `json:"kind"` // RSA, EC
	Generated  time.Time `json:"generated"`
	Exportable bool      `json:"exportable"`
	Bits       int       `json:"bits"`
	Data       string    `json:"data"` // SubjectPublicKeyInfo in hexadecimal
}

// publicKeys lists those of some kinds.
func publicKeys(kinds ...keystore.Kind) func(Router) PublicKeys {
	return func(r Router) PublicKeys { return publicKeysOf(r, kinds) }
}

func publicKeysOf(r Router, kinds []keystore.Kind) PublicKeys {
	v := PublicKeys{Keys: []PublicKey{}}
	p, err := pkiOf(r)
	if err != nil {
		return v
	}
	for _, k := range p.Keys() {
		der, err := x509.MarshalPKIXPublicKey(k.Public)
		if err != nil || !slices.Contains(kinds, k.Kind()) {
			continue // no error: both kinds always can be
		}
		v.Keys = append(v.Keys, PublicKey{k.Label, k.Kind().String(), k.Generated, k.Exportable, k.Bits(), fmt.Sprintf("%X", der)})
	}
	return v
}

// Text is IOS's; that of EC keys is recalled.
func (v PublicKeys) Text() string {
	var b strings.Builder
	for _, k := range v.Keys {
		not := "not "
		if k.Exportable {
			not = ""
		}
		fmt.Fprintf(&b, "%% Key pair was generated at: %s\nKey name: %s\nKey type: %s KEYS\n Storage Device: not specified\n Usage: General Purpose Key\n Key is %sexportable.\n Key Data:\n",
			pki.DateText(k.Generated), k.Label, k.Kind, not)
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
