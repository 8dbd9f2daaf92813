package config

import (
	"slices"
	"strings"

	"qmidle/internal/pki"
)

// pkiNodes follow `crypto pki` and `crypto ca`.
var pkiNodes = []*node{
	{Text: "authenticate", Help: "Get the CA certificate", Next: atConsole("WORD", "CA Server Name")},
	{Text: "certificate", Help: "Actions on certificates", Next: []*node{
		{Text: "chain", Help: "Identify certificates", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "name", Help: "CA Server Name", Do: enterChain, No: noChain},
		}},
		{Text: "map", Help: "Define certificate attributes map", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "label", Help: "Map label", Next: []*node{
				{Kind: Number, Lo: 1, Hi: 65535, Arg: "seq", Help: "Sequence to insert to existing certificate map entry", Do: enterCertificateMap, No: noCertificateMap},
			}},
		}},
		{Text: "query", Help: "Don't store certificates locally", Unsupported: "fetching certificates at each use", Scope: ScopeAlways},
	}},
	{Text: "crl", Help: "Actions on certificate revocation lists", Next: []*node{
		{Text: "request", Help: "Query CA for the latest CRL", Next: atConsole("WORD", "CA Server Name")},
	}},
	{Text: "enroll", Help: "Request a certificate from a CA", Next: atConsole("WORD", "CA Server Name")},
	{Text: "export", Help: "Export certificates and keys", Next: atConsole("WORD", "Trustpoint Name")},
	{Text: "identity", Help: "Define a CA server, as IOS 12.2 has it", Unsupported: "`crypto ca identity`: write `crypto pki trustpoint`", Block: true},
	{Text: "import", Help: "Import certificates and keys", Next: atConsole("WORD", "Trustpoint Name")},
	{Text: "profile", Help: "Define a certificate profile", Unsupported: "an enrollment profile", Block: true},
	{Text: "server", Help: "Enable a certificate server", Unsupported: "a certificate server", Block: true},
	{Text: "token", Help: "Configure cryptographic token", Unsupported: "a cryptographic token", Block: true},
	{Text: "trustpoint", Help: "Define a CA trustpoint", Next: []*node{
		{Kind: Word, Text: "WORD", Arg: "name", Help: "CA Server Name", Do: enterTrustpoint, No: noTrustpoint},
	}},
}

// cryptoKeyNodes follow `crypto key`.
var cryptoKeyNodes = []*node{
	{Text: "export", Help: "Export keys", Next: atConsole("LINE", "What, and how")},
	{Text: "generate", Help: "Generate new keys", Next: atConsole("LINE", "What, and how")},
	{Text: "import", Help: "Import keys", Next: atConsole("LINE", "What, and how")},
	{Text: "pubkey-chain", Help: "Peer public key chain management", Next: pubkeyChainNodes},
	{Text: "zeroize", Help: "Remove keys", Next: atConsole("LINE", "Which")},
}

// atConsole are commands that configuration mode has, and no file: a console
// carries them out before an Editor sees them.
func atConsole(word, help string) []*node {
	return []*node{{Kind: Rest, Text: word, Help: help, Do: func(*Editor, Args) *Problem {
		return &Problem{Code: CodeValue, Message: "this is done at a console, and is no part of a configuration"}
	}}}
}

func trustpointMark(name string) string { return "trustpoint " + name }

func enterTrustpoint(e *Editor, a Args) *Problem {
	name := a.Text("name")
	e.enter(&trustpointMode)
	e.trustpoint = e.cfg.Trustpoint(name)
	if e.trustpoint != nil {
		e.again(trustpointMark(name), a, "name")
		return nil
	}
	e.trustpoint = newTrustpoint(name)
	e.cfg.Trustpoints = append(e.cfg.Trustpoints, e.trustpoint)
	e.remember(trustpointMark(name), a, "name")
	return nil
}

// noTrustpoint removes a trustpoint with its certificates, as IOS does.
func noTrustpoint(e *Editor, a Args) *Problem {
	name, before := a.Text("name"), len(e.cfg.Trustpoints)
	e.cfg.Trustpoints = slices.DeleteFunc(e.cfg.Trustpoints, func(t *Trustpoint) bool { return t.Name == name })
	if len(e.cfg.Trustpoints) == before {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such trustpoint"}
	}
	e.cfg.Chains = slices.DeleteFunc(e.cfg.Chains, func(x *CertificateChain) bool { return x.Name == name })
	e.enter(nil)
	return nil
}

var certificateMapMode = mode{name: "Certificate map", prompt: "ca-certificate-map", nodes: []*node{
	mapField("alt-subject-name", "Subject alternative name", pki.FieldAltName, textOperators),
	mapField("expires-on", "Date the certificate expires on", pki.FieldExpires, dateOperators),
	mapField("issuer-name", "Issuer of the certificate", pki.FieldIssuer, textOperators),
	mapField("name", "Any name of the subject", pki.FieldName, textOperators),
	mapField("serial-number", "Serial number of the certificate", pki.FieldSerial, textOperators),
	mapField("subject-name", "Subject of the certificate", pki.FieldSubject, textOperators),
	mapField("unstructured-subject-name", "Unstructured name or address of the subject", pki.FieldUnstructured, textOperators),
	mapField("valid-start", "Date the certificate is valid from", pki.FieldStarts, dateOperators),
}}

var mapOperators = []struct {
	word, help string
	op         pki.Operator
}{
	{"co", "contains", pki.Contains}, {"eq", "equal", pki.Equal}, {"ge", "not before", pki.AtLeast}, {"lt", "before", pki.Less},
	{"nc", "does not contain", pki.NotContains}, {"ne", "not equal", pki.NotEqual},
}

const (
	textOperators = "co eq nc ne"
	dateOperators = "eq ge lt ne"
)

func mapField(word, help string, field pki.Field, operators string) *node {
	n := &node{Text: word, Help: help, No: noMapLine(field)}
	for _, o := range mapOperators {
		if slices.Contains(strings.Fields(operators), o.word) {
			n.Next = append(n.Next, &node{Text: o.word, Help: o.help, Next: []*node{
				{Kind: Rest, Text: "LINE", Arg: "value", Help: "Value, without case and blanks", Do: addMapLine(field, o.op)},
			}})
		}
	}
	return n
}

func addMapLine(field pki.Field, op pki.Operator) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		line := MapLine{Criterion: pki.Criterion{Field: field, Op: op, Value: a.Text("value")}, Text: a.Text("value")}
		if field == pki.FieldExpires || field == pki.FieldStarts {
			at, err := pki.ParseMapDate(line.Text)
			if err != nil {
				return &Problem{Code: CodeValue, Arg: "value", Message: err.Error()}
			}
			line.Criterion.Value, line.Criterion.Time = "", at
		}
		if !slices.Contains(e.mapEntry.Lines, line) {
			e.mapEntry.Lines = append(e.mapEntry.Lines, line)
		}
		return nil
	}
}

func noMapLine(field pki.Field) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.mapEntry.Lines = slices.DeleteFunc(e.mapEntry.Lines, func(l MapLine) bool {
			return l.Criterion.Field == field && (!a.Has("value") || l.Text == a.Text("value"))
		})
		return nil
	}
}

func enterCertificateMap(e *Editor, a Args) *Problem {
	e.enter(&certificateMapMode)
	m := e.cfg.CertificateMap(a.Text("label"))
	if m == nil {
		m = &CertificateMap{Label: a.Text("label")}
		e.cfg.CertificateMaps = append(e.cfg.CertificateMaps, m)
	}
	seq := int(a.Number("seq"))
	i, found := slices.BinarySearchFunc(m.Entries, seq, func(x *CertificateMapEntry, seq int) int { return x.Seq - seq })
	if !found {
		m.Entries = slices.Insert(m.Entries, i, &CertificateMapEntry{Seq: seq})
	}
	e.mapEntry = m.Entries[i]
	return nil
}

func noCertificateMap(e *Editor, a Args) *Problem {
	m := e.cfg.CertificateMap(a.Text("label"))
	before := 0
	if m != nil {
		before = len(m.Entries)
		m.Entries = slices.DeleteFunc(m.Entries, func(x *CertificateMapEntry) bool { return x.Seq == int(a.Number("seq")) })
	}
	if m == nil || len(m.Entries) == before {
		return &Problem{Code: CodeReference, Arg: "label", Message: "there is no such certificate map"}
	}
	e.cfg.CertificateMaps = slices.DeleteFunc(e.cfg.CertificateMaps, func(m *CertificateMap) bool { return len(m.Entries) == 0 })
	e.enter(nil)
	return nil
}
