package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says what a Diagnostic does to the load.
type Severity uint8

// Severities.
const (
	Note    Severity = iota // worth a line
	Warning                 // the file loads, and something in it deserves a look
	Error                   // the load stops
)

// String names the severity as a compiler would.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	}
	return "error"
}

// Code is a Diagnostic's kind, for programs to compare.
type Code string

// Kinds of Diagnostic.
const (
	CodeInvalid     Code = "invalid-input"  // a word that the grammar does not have there
	CodeAmbiguous   Code = "ambiguous"      // an abbreviation of several words
	CodeIncomplete  Code = "incomplete"     // the line ends too early
	CodeValue       Code = "bad-value"      // well formed, and refused
	CodeUnsupported Code = "unsupported"    // IOS knows it, this gateway does not yet
	CodeReference   Code = "reference"      // names something that is not there
	CodeUnused      Code = "unused"         // nothing refers to it
	CodeDisabled    Code = "never-used"     // loads, and can never carry traffic
	CodeWeak        Code = "weak-algorithm" // DES, MD5, small groups
	CodeSkipped     Code = "skipped"        // the count of lines outside VPN
)

// Diagnostic is one finding about a configuration.
type Diagnostic struct {
	File     string
	Line     int // from 1; 0 when it concerns no line
	Col      int // byte column in the file's line, from 1; 0 when it concerns no word
	Severity Severity
	Code     Code
	Message  string
	Text     string   // the line to show, with secrets replaced; "" for none
	Caret    int      // offset in Text that the caret stands under, -1 for none
	Expected []string // what could have stood there, with its help
	Hint     string
}

// String shows the diagnostic as IOS would: the line, the caret under the word,
// and what was expected.
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.File)
	if d.Line > 0 {
		fmt.Fprintf(&b, ":%d", d.Line)
	}
	if d.Col > 0 {
		fmt.Fprintf(&b, ":%d", d.Col)
	}
	fmt.Fprintf(&b, ": %s: %s\n", d.Severity, printable(d.Message))
	if d.Text != "" {
		fmt.Fprintf(&b, "    %s\n", printable(d.Text))
		if d.Caret >= 0 {
			before := d.Text[:min(d.Caret, len(d.Text))]
			fmt.Fprintf(&b, "    %s%s^\n", blank(before), strings.Repeat(" ", d.Caret-len(before)))
		}
	}
	for i, e := range d.Expected {
		if i == 0 {
			b.WriteString("  expected:\n")
		}
		fmt.Fprintf(&b, "    %s\n", e)
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", printable(d.Hint))
	}
	return b.String()
}

// printable replaces what would upset a terminal: bytes that are no characters,
// and characters that steer it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != utf8.RuneError && unicode.IsPrint(r) || r == '\t' || r == '\n' {
			return r
		}
		return '?'
	}, s)
}

// blank is as wide as s on a terminal.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// Diagnostics is all that is to be said about a file, sorted by line.
type Diagnostics []Diagnostic

// Err returns the errors as one error, or nil when the configuration may be
// used.
func (ds Diagnostics) Err() error {
	errs := ds.Of(Error)
	if len(errs) == 0 {
		return nil
	}
	return &LoadError{errs}
}

// Of returns those of one severity.
func (ds Diagnostics) Of(s Severity) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// String shows them one after the other.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
	}
	return b.String()
}

// sort orders by line; those of no line come last.
func (ds Diagnostics) sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

// LoadError is the reason why a configuration cannot be used.
type LoadError struct{ Diagnostics Diagnostics }

// Error shows every error with its line.
func (e *LoadError) Error() string {
	return strings.TrimRight(e.Diagnostics.String(), "\n")
}
