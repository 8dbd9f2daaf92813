package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"
)

// attributes are the name attributes that have a word in IOS.
var attributes = []struct {
	word string
	oid  asn1.ObjectIdentifier
}{
	{"cn", asn1.ObjectIdentifier{2, 5, 4, 3}},
	{"ou", asn1.ObjectIdentifier{2, 5, 4, 11}},
	{"o", asn1.ObjectIdentifier{2, 5, 4, 10}},
	{"l", asn1.ObjectIdentifier{2, 5, 4, 7}},
	{"st", asn1.ObjectIdentifier{2, 5, 4, 8}},
	{"c", asn1.ObjectIdentifier{2, 5, 4, 6}},
	{"e", oidEmail},
	{"serialNumber", oidSerialNumber},
	{"hostname", oidUnstructuredName},
	{"ipaddress", oidUnstructuredAddress},
	{"title", asn1.ObjectIdentifier{2, 5, 4, 12}},
	{"street", asn1.ObjectIdentifier{2, 5, 4, 9}},
	{"dnQualifier", asn1.ObjectIdentifier{2, 5, 4, 46}},
	{"dc", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}},
	{"uid", asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}},
}

// The attributes of PKCS #9 (RFC 2985) in which Cisco's routers name
// themselves, and X.520's serial number.
var (
	oidEmail               = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidUnstructuredName    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 2}
	oidUnstructuredAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 8}
	oidSerialNumber        = asn1.ObjectIdentifier{2, 5, 4, 5}
)

// words that other systems write for the same.
var attributeAliases = map[string]string{"s": "st", "emailaddress": "e", "email": "e", "unstructuredname": "hostname",
	"unstructuredaddress": "ipaddress", "domaincomponent": "dc", "userid": "uid", "sn": "serialNumber"}

// Name is a distinguished name on one line as IOS writes it: the most specific
// part first, cn=r1,ou=VPN,o=Lab. What is not printable becomes a dot.
func Name(n pkix.Name) string { return strings.Join(NameLines(n), ",") }

// NameLines has a line for each part of a name, the most specific first.
func NameLines(n pkix.Name) []string {
	rdns := n.ToRDNSequence()
	if len(n.Names) > 0 {
		rdns = sequenceOf(n)
	}
	return rdnLines(rdns)
}

// sequenceOf keeps the order of a parsed name, which pkix.Name's own
// conversion does not. Multi-valued parts come apart.
func sequenceOf(n pkix.Name) pkix.RDNSequence {
	var rdns pkix.RDNSequence
	for _, a := range n.Names {
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{a})
	}
	return rdns
}

func rdnLines(rdns pkix.RDNSequence) []string {
	lines := make([]string, 0, len(rdns))
	for i := len(rdns) - 1; i >= 0; i-- {
		var parts []string
		for _, a := range rdns[i] {
			parts = append(parts, attributeWord(a.Type)+"="+printable(fmt.Sprint(a.Value)))
		}
		lines = append(lines, strings.Join(parts, "+"))
	}
	return lines
}

// RawName is Name of a name's DER, which keeps multi-valued parts together. It
// is "" for what is no name.
func RawName(der []byte) string {
	rdns, err := parseName(der)
	if err != nil {
		return ""
	}
	return strings.Join(rdnLines(rdns), ",")
}

func parseName(der []byte) (pkix.RDNSequence, error) {
	var rdns pkix.RDNSequence
	rest, err := asn1.Unmarshal(der, &rdns)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("not a distinguished name")
	}
	return rdns, nil
}

func attributeWord(oid asn1.ObjectIdentifier) string {
	for _, a := range attributes {
		if a.oid.Equal(oid) {
			return a.word
		}
	}
	return oid.String()
}

func attributeOID(word string) (asn1.ObjectIdentifier, bool) {
	if alias, ok := attributeAliases[strings.ToLower(word)]; ok {
		word = alias
	}
	for _, a := range attributes {
		if strings.EqualFold(a.word, word) {
			return a.oid, true
		}
	}
	return nil, false
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, s)
}

// ParseName reads a distinguished name as `subject-name` has it: parts with
// commas between, the most specific first; a backslash takes a comma, a plus or
// an equals sign for itself (RFC 4514). The error is for the operator.
func ParseName(text string) (pkix.RDNSequence, error) {
	var rdns pkix.RDNSequence
	for _, part := range splitEscaped(text, ',') {
		var set pkix.RelativeDistinguishedNameSET
		for _, one := range splitEscaped(part, '+') {
			word, value, ok := strings.Cut(one, "=")
			word, value = strings.TrimSpace(word), unescape(strings.TrimSpace(value))
			if !ok || value == "" {
				return nil, fmt.Errorf("%q is not of the form NAME=VALUE", strings.TrimSpace(one))
			}
			oid, known := attributeOID(word)
			if !known {
				return nil, fmt.Errorf("%q is no attribute of a name: cn, ou, o, l, st, c, e, dc and so on are", word)
			}
			if attributeWord(oid) == "c" && len(value) != 2 {
				return nil, fmt.Errorf("a country has two letters, %q has not", value)
			}
			set = append(set, pkix.AttributeTypeAndValue{Type: oid, Value: attributeValue(oid, value)})
		}
		rdns = append(pkix.RDNSequence{set}, rdns...)
	}
	if len(rdns) > maxRDNs {
		return nil, errors.New("the name has too many parts")
	}
	return rdns, nil
}

const maxRDNs = 32

// attributeValue gives those attributes their own string type that RFC 2985
// and RFC 4519 want in IA5String.
func attributeValue(oid asn1.ObjectIdentifier, value string) any {
	word := attributeWord(oid)
	if word == "e" || word == "dc" || word == "hostname" {
		if b, err := asn1.MarshalWithParams(value, "ia5"); err == nil {
			return asn1.RawValue{FullBytes: b}
		}
	}
	return value
}

func splitEscaped(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return strings.Trim(s, `"`)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// SerialText is a serial number as IOS writes it: hexadecimal, whole octets.
func SerialText(n *big.Int) string {
	if n == nil {
		return ""
	}
	text := strings.ToUpper(n.Text(16))
	if len(text)%2 == 1 && !strings.HasPrefix(text, "-") {
		text = "0" + text
	}
	return text
}
