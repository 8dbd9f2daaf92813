package pki

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Map is a `crypto pki certificate map`: its entries in the order of their
// numbers, of which one has to match.
type Map []MapEntry

// MapEntry has criteria that have to match together.
type MapEntry []Criterion

// Field is a field of a certificate that a map looks at.
type Field uint8

// Fields of a certificate map.
const (
	FieldSubject Field = iota
	FieldIssuer
	FieldName    // any name of the subject
	FieldAltName // subject alternative names
	FieldUnstructured
	FieldSerial
	FieldExpires
	FieldStarts
)

// Operator is how a value is compared.
type Operator uint8

// Operators of a certificate map.
const (
	Equal Operator = iota
	NotEqual
	Contains
	NotContains
	Less
	AtLeast
)

// Criterion is one line of a map. Dates have Time, all others have Value.
type Criterion struct {
	Field Field
	Op    Operator
	Value string
	Time  time.Time
}

// Matches says whether a certificate fits the map. A map without entries, and
// an entry without criteria, match nothing.
func (m Map) Matches(c *x509.Certificate) bool {
	return slices.ContainsFunc(m, func(e MapEntry) bool { return e.matches(c) })
}

func (e MapEntry) matches(c *x509.Certificate) bool {
	return len(e) > 0 && !slices.ContainsFunc(e, func(x Criterion) bool { return !x.matches(c) })
}

func (x Criterion) matches(c *x509.Certificate) bool {
	switch x.Field {
	case FieldExpires:
		return x.date(c.NotAfter)
	case FieldStarts:
		return x.date(c.NotBefore)
	}
	values := x.values(c)
	hit := slices.ContainsFunc(values, x.text)
	if x.Op == NotEqual || x.Op == NotContains {
		return !hit
	}
	return hit
}

func (x Criterion) date(t time.Time) bool {
	switch x.Op {
	case Equal:
		return t.Equal(x.Time)
	case NotEqual:
		return !t.Equal(x.Time)
	case Less:
		return t.Before(x.Time)
	case AtLeast:
		return !t.Before(x.Time)
	}
	return false
}

func (x Criterion) values(c *x509.Certificate) []string {
	alternative := slices.Concat(c.DNSNames, c.EmailAddresses, addressTexts(c))
	unstructured := append(subjectValues(c, oidUnstructuredName), subjectValues(c, oidUnstructuredAddress)...)
	switch x.Field {
	case FieldSubject:
		return []string{RawName(c.RawSubject)}
	case FieldIssuer:
		return []string{RawName(c.RawIssuer)}
	case FieldAltName:
		return alternative
	case FieldUnstructured:
		return unstructured
	case FieldSerial:
		return []string{SerialText(c.SerialNumber)}
	}
	return slices.Concat([]string{RawName(c.RawSubject)}, alternative, unstructured)
}

func addressTexts(c *x509.Certificate) []string {
	var all []string
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// text compares without case and without blanks.
func (x Criterion) text(value string) bool {
	value, want := folded(value), folded(x.Value)
	if x.Field == FieldSerial {
		value, want = strings.TrimLeft(value, "0"), strings.TrimLeft(want, "0")
	}
	if x.Op == Contains || x.Op == NotContains {
		return strings.Contains(value, want)
	}
	return value == want
}

func folded(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// mapDates are the forms in which IOS takes a date.
var mapDates = []string{"Jan 2 2006 15:04:05", "2 Jan 2006 15:04:05", "2 1 2006 15:04:05", "Jan 2 2006", "2 Jan 2006", "2 1 2006"}

// ParseMapDate reads the date of `expires-on` and `valid-start`: month, day and
// year, or day, month and year, with a time or without; in UTC.
func ParseMapDate(text string) (time.Time, error) {
	text = strings.Join(strings.Fields(text), " ")
	text = strings.TrimSuffix(strings.TrimSuffix(text, " GMT"), " UTC")
	for _, form := range mapDates {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date such as `Jun 7 2027 23:56:42`", text)
}
