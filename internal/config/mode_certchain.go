package config

import (
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
)

// maxCertificate is far above any certificate's size, in octets.
const maxCertificate = 32 << 10

var chainMode = mode{name: "Certificate chain", prompt: "config-cert-chain", nodes: []*node{
	{Text: "certificate", Help: "Add a certificate", Next: append(storedKinds(),
		&node{Kind: Word, Text: "HEX", Arg: "serial", Help: "Serial number; its text follows, up to `quit`", Do: beginCertificate(OwnCertificate), No: noCertificate, Next: storedFile})},
}}

// storedFile is a certificate in a file of the router that the text is from.
var storedFile = []*node{{Kind: Word, Text: "FILE", Help: "A file of the router", Unsupported: "a certificate in a file of the router"}}

func storedKinds() []*node {
	var nodes []*node
	for kind, word := range certificateKinds {
		if word == "" {
			continue
		}
		nodes = append(nodes, &node{Text: word, Arg: "kind", Lo: uint64(kind), Help: "Certificate of this kind", Next: []*node{
			{Kind: Word, Text: "HEX", Arg: "serial", Help: "Serial number; its text follows, up to `quit`", Do: beginCertificate(CertificateKind(kind)), No: noCertificate, Next: storedFile},
		}})
	}
	slices.SortFunc(nodes, func(a, b *node) int { return strings.Compare(a.Text, b.Text) })
	return nodes
}

// hexText is the lines of a certificate or a public key that is being read.
type hexText struct {
	of     string // "certificate"
	digits strings.Builder
	at     mark
	store  func(der []byte) bool // false for what is none
}

func enterChain(e *Editor, a Args) *Problem {
	e.enter(&chainMode)
	e.chain = e.cfg.Chain(a.Text("name"))
	if e.chain == nil {
		e.chain = &CertificateChain{Name: a.Text("name")}
		e.cfg.Chains = append(e.cfg.Chains, e.chain)
		e.remember("chain "+e.chain.Name, a, "name")
	}
	return nil
}

func noChain(e *Editor, a Args) *Problem {
	before := len(e.cfg.Chains)
	e.cfg.Chains = slices.DeleteFunc(e.cfg.Chains, func(x *CertificateChain) bool { return x.Name == a.Text("name") })
	if len(e.cfg.Chains) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such certificate chain"}
	}
	e.enter(nil)
	return nil
}

func beginCertificate(kind CertificateKind) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		serial := a.Text("serial")
		if _, err := hex.DecodeString(evenDigits(serial)); err != nil || len(serial) > 2*64 {
			return &Problem{Code: CodeValue, Arg: "serial", Message: "a serial number is hexadecimal"}
		}
		e.hex = &hexText{of: "certificate", at: e.at(a, a.get("serial").Token), store: func(der []byte) bool {
			if _, err := x509.ParseCertificate(der); err != nil {
				return false
			}
			e.chain.Put(StoredCertificate{Kind: kind, Serial: strings.ToUpper(serial), DER: der})
			return true
		}}
		return nil
	}
}

func evenDigits(s string) string {
	if len(s)%2 == 1 {
		return "0" + s
	}
	return s
}

func noCertificate(e *Editor, a Args) *Problem {
	before := len(e.chain.Certificates)
	e.chain.Certificates = slices.DeleteFunc(e.chain.Certificates, func(c StoredCertificate) bool {
		return c.Kind == CertificateKind(a.Number("kind")) && strings.EqualFold(c.Serial, a.Text("serial"))
	})
	if len(e.chain.Certificates) == before {
		return &Problem{Code: CodeReference, Arg: "serial", Message: "the chain has no such certificate"}
	}
	return nil
}

// hexLine takes a line of a text in hexadecimal. What is no hexadecimal ends it.
func (e *Editor) hexLine(text string) {
	e.line++
	e.text = strings.TrimRight(text, " \t\r")
	words := strings.Fields(e.text)
	if len(words) == 1 && strings.EqualFold(words[0], "quit") {
		e.endHex()
		return
	}
	digits := strings.Join(words, "")
	if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		e.report(Error, CodeInvalid, "the text of a "+e.hex.of+" is hexadecimal digits, and ends by `quit`", e.plain(indent(e.text)))
		e.hex = nil
		if mayHoldKey(lex(e.text)) {
			e.diags[len(e.diags)-1].Text = ""
		}
		return
	}
	if e.hex.digits.Len()+len(digits) > 2*maxCertificate {
		e.report(Error, CodeInvalid, "the "+e.hex.of+" is longer than any", mark{line: e.line})
		e.hex = nil
		return
	}
	e.hex.digits.WriteString(digits)
}

// endHex stores what was read. A text that is not what it should be is told and left
// out: a listing is often cut short before it is passed on.
func (e *Editor) endHex() {
	h := e.hex
	e.hex = nil
	if der, err := hex.DecodeString(h.digits.String()); err != nil || !h.store(der) {
		e.report(Warning, CodeValue, "this "+h.of+" cannot be read, and is left out", h.at)
	}
}
