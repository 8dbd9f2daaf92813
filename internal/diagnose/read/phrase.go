package read

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// wording is one compiled text of a phrase.
type wording struct {
	*Phrase
	vendor int
	parts  []part
	anchor string // the literal that is looked for
	length int    // of all literals: the more, the more it says
	mark   bool   // a vendor's mark, not a phrase
	whole  bool   // the anchor is all of it
	first  bool   // it begins with the anchor
}

// part is a literal, in lower case and with single blanks, or a hole.
type part struct {
	literal string
	exact   []byte // the literal as it was written
	hole    bool
	name    string
}

// compile makes the wordings of a phrase: one for each choice of alternatives.
func compile(p *Phrase, vendor int) ([]wording, error) {
	var all []wording
	for _, text := range expand(p.Text) {
		w := wording{Phrase: p, vendor: vendor}
		if err := w.parse(text); err != nil {
			return nil, fmt.Errorf("phrase %q: %w", p.Text, err)
		}
		all = append(all, w)
	}
	return all, nil
}

// expand writes out {a|b}.
func expand(text string) []string {
	from := 0
	for {
		open := strings.IndexByte(text[from:], '{')
		if open < 0 {
			return []string{text}
		}
		open += from
		end := strings.IndexByte(text[open:], '}')
		if end < 0 {
			return []string{text}
		}
		end += open
		if !strings.Contains(text[open:end], "|") {
			from = end
			continue
		}
		var all []string
		for choice := range strings.SplitSeq(text[open+1:end], "|") {
			for _, tail := range expand(text[end+1:]) {
				all = append(all, text[:open]+choice+tail)
			}
		}
		return all
	}
}

func (w *wording) parse(text string) error {
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			open = len(text)
		}
		if l := fold(text[:open]); l != "" {
			w.parts = append(w.parts, part{literal: l, exact: []byte(text[:open])})
			if w.length += len(l); len(l) > len(w.anchor) {
				w.anchor = l
			}
		}
		if text = text[open:]; text == "" {
			break
		}
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return fmt.Errorf("a brace is not closed")
		}
		w.parts = append(w.parts, part{hole: true, name: text[1:end]})
		text = text[end+1:]
	}
	if w.anchor = strings.TrimSpace(w.anchor); len(w.anchor) < minAnchor {
		return fmt.Errorf("it has no literal of %d characters to look for", minAnchor)
	}
	w.first = w.parts[0].literal == w.anchor
	w.whole = w.first && len(w.parts) == 1
	return nil
}

// minAnchor keeps short words, which are everywhere, from being looked for.
const minAnchor = 4

// fold is a text as it is compared: small letters, single blanks.
func fold(s string) string {
	var b strings.Builder
	blank := false
	for i := range len(s) {
		c := s[i]
		if isBlank(c) {
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		}
		blank = false
		b.WriteByte(lower(c))
	}
	return b.String()
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Match is a phrase found in a line.
type Match struct {
	*Phrase
	text       []byte
	start, end int
	holes      [maxHoles]span
	names      [maxHoles]string
	n          int
}

type span struct{ from, to int }

const (
	maxHoles      = 12
	maxHoleLength = 240
)

// Hole is what stands in the hole of a name; "" for none.
func (m *Match) Hole(name string) string {
	for i := range m.n {
		if m.names[i] == name {
			return string(bytes.TrimSpace(m.text[m.holes[i].from:m.holes[i].to]))
		}
	}
	return ""
}

// Addr is the address in a hole, with or without a port or brackets; invalid
// where the hole has none, or a stand-in for one.
func (m *Match) Addr(name string) netip.Addr { return Addr(m.Hole(name)) }

// Number is the number at the start of a hole, decimal or after 0x; 0 for none.
func (m *Match) Number(name string) uint64 { return Number(m.Hole(name)) }

// Addr reads an address with or without a port, brackets or punctuation.
func Addr(s string) netip.Addr {
	s = strings.Trim(s, "'\"<>(),; \t")
	s, _, _ = strings.Cut(s, " ")
	if a, err := netip.ParseAddr(strings.Trim(s, "[].:")); err == nil && !a.IsUnspecified() {
		return a.Unmap().WithZone("")
	}
	for _, cut := range []string{"[", "/", "(", "#"} {
		if at := strings.Index(s, cut); at > 0 {
			s = s[:at]
		}
	}
	if at := strings.LastIndexByte(s, ':'); at > 0 && strings.Count(s, ":") == 1 {
		s = s[:at]
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[].:"))
	if err != nil || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Number is the number at the start of a text, decimal or after 0x; 0 for none.
func Number(s string) uint64 {
	base, digits := 10, "0123456789"
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		base, digits, s = 16, "0123456789abcdefABCDEF", s[2:]
	}
	end := 0
	for end < len(s) && strings.IndexByte(digits, s[end]) >= 0 {
		end++
	}
	n, err := strconv.ParseUint(s[:end], base, 64)
	if err != nil {
		return 0
	}
	return n
}

// hit matches the wording where its anchor ends at an offset of the line.
func (w *wording) hit(text []byte, end int, m *Match) bool {
	from := end - len(w.anchor)
	if w.whole {
		m.Phrase, m.text, m.start, m.end, m.n = w.Phrase, text, max(0, from), end, 0
		return true
	}
	if w.first && from >= 0 && w.at(text, from, m) {
		return true
	}
	return w.find(text, m)
}

// find looks for the wording in a line. It may begin anywhere.
func (w *wording) find(text []byte, m *Match) bool {
	if w.parts[0].hole {
		return w.at(text, 0, m)
	}
	for first := 0; ; first++ {
		at, _ := w.parts[0].index(text, first)
		if at < 0 {
			return false
		}
		if w.at(text, at, m) {
			return true
		}
		if len(w.parts) < 2 {
			return false
		}
		first = at
	}
}

// at matches the wording from an offset on.
func (w *wording) at(text []byte, from int, m *Match) bool {
	m.Phrase, m.text, m.start, m.n = w.Phrase, text, from, 0
	pos := from
	for i, p := range w.parts {
		if !p.hole {
			if i > 0 && w.parts[i-1].hole {
				continue // the hole before it has looked for it
			}
			end := prefixFold(text, pos, p.literal)
			if end < 0 {
				return false
			}
			pos = end
			continue
		}
		s, next := w.hole(text, pos, i)
		if next < 0 || s.from >= s.to && p.name != "rest" && p.name != "" || m.n == maxHoles {
			return false
		}
		m.holes[m.n], m.names[m.n] = s, p.name
		m.n++
		pos = next
	}
	m.end = pos
	return true
}

// hole is the extent of hole i from an offset, and where the literal behind it
// ends.
func (w *wording) hole(text []byte, from, i int) (span, int) {
	if i+1 < len(w.parts) {
		at, end := w.parts[i+1].index(text, from)
		if at < 0 || at-from > maxHoleLength {
			return span{}, -1
		}
		return span{from, at}, end
	}
	if w.parts[i].name == "rest" {
		return span{from, len(text)}, len(text)
	}
	for from < len(text) && isBlank(text[from]) {
		from++
	}
	end := from
	for end < len(text) && !isBlank(text[end]) && text[end] != ',' && text[end] != ';' && text[end] != ')' {
		end++
	}
	return span{from, end}, end
}

// prefixFold compares a literal with the text at an offset, and returns where it
// ends there, or -1. A blank of the literal is any number of them in the text.
func prefixFold(text []byte, at int, literal string) int {
	for i := range len(literal) {
		c := literal[i]
		if c == ' ' {
			if at > 0 && at <= len(text) && isBlank(text[at-1]) && (at == len(text) || !isBlank(text[at])) {
				continue
			}
			if at >= len(text) || !isBlank(text[at]) {
				return -1
			}
			for at < len(text) && isBlank(text[at]) {
				at++
			}
			continue
		}
		if at >= len(text) || lower(text[at]) != c {
			return -1
		}
		at++
	}
	return at
}

// index finds the literal as it was written or in any other way, at or behind an
// offset: where it begins and ends, or -1.
func (p *part) index(text []byte, from int) (int, int) {
	if at := bytes.Index(text[from:], p.exact); at >= 0 {
		return from + at, from + at + len(p.exact)
	}
	return indexFold(text, from, p.literal)
}

// indexFold finds a literal at or behind an offset: where it begins and ends, or
// -1.
func indexFold(text []byte, from int, literal string) (int, int) {
	for at := from; at < len(text); at++ {
		c := text[at]
		if lower(c) != literal[0] && !(literal[0] == ' ' && isBlank(c)) {
			continue
		}
		if end := prefixFold(text, at, literal); end >= 0 {
			return at, end
		}
	}
	return -1, -1
}
