package read

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// wording is one compiled text of a phrase.
type wording struct {
	*Phrase
	vendor int
	parts  []part
	anchor string   // the literal that is looked for
	length int      // of all literals: the more, the more it says
	mark   bool     // a vendor's mark, not a phrase
	digits bool     // it has some
	whole  bool     // the anchor is all of it
	first  bool     // it begins with the anchor
	holes  []string // their names
	alike  *wording // with every digit as 0; itself where it has none
}

// part is a literal, in lower case and with single blanks, or a hole.
type part struct {
	literal string
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
		w.alike = &w
		if w.digits {
			w.alike = w.outline()
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
			w.parts = append(w.parts, part{literal: l})
			w.digits = w.digits || hasDigit(l)
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
		if len(w.holes) == maxHoles {
			return fmt.Errorf("it has more than %d holes", maxHoles)
		}
		w.parts = append(w.parts, part{hole: true, name: text[1:end]})
		w.holes = append(w.holes, text[1:end])
		text = text[end+1:]
	}
	if w.anchor = strings.TrimSpace(w.anchor); len(w.anchor) < minAnchor {
		return fmt.Errorf("it has no literal of %d characters to look for", minAnchor)
	}
	w.first = w.parts[0].literal == w.anchor
	w.whole = w.first && len(w.parts) == 1
	return nil
}

// outline is the wording as it is found in outlines.
func (w *wording) outline() *wording {
	o := *w
	o.whole = false // where it begins matters: there its digits are
	o.anchor, o.digits, o.parts = zeroDigits(w.anchor), false, slices.Clone(w.parts)
	for i := range o.parts {
		o.parts[i].literal = zeroDigits(w.parts[i].literal)
	}
	return &o
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func zeroDigits(s string) string { return string(outlineCleaned(nil, []byte(s))) }

// digitsAt are the digits of the literals, where a match of the outline's wording
// has them. sure is false where a literal with digits stands at a second place: a
// line may then have its digits there.
func (w *wording) digitsAt(outline []byte, m *Match) (all []digit, sure bool) {
	pos, n := m.start, 0
	for i, p := range w.alike.parts {
		if p.hole {
			pos = int(m.holes[n].to)
			n++
			continue
		}
		literal := w.parts[i].literal
		if again, _ := indexFold(outline, pos+1, p.literal); again >= 0 && hasDigit(literal) {
			return nil, false
		}
		for k := range len(literal) {
			if c := literal[k]; isDigit(c) {
				all = append(all, digit{int32(prefixFold(outline, pos, p.literal[:k])), c})
			}
		}
		pos = prefixFold(outline, pos, p.literal)
	}
	return all, true
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
	names      []string // of the holes
}

type span struct{ from, to int32 }

const (
	maxHoles      = 12
	maxHoleLength = 240
)

// Hole is what stands in the hole of a name; "" for none.
func (m *Match) Hole(name string) string { return string(m.hole(name)) }

func (m *Match) hole(name string) []byte {
	for i, n := range m.names {
		if n == name {
			return bytes.TrimSpace(m.text[m.holes[i].from:m.holes[i].to])
		}
	}
	return nil
}

// Addr is the address in a hole, with or without a port or brackets; invalid
// where the hole has none, or a stand-in for one.
func (m *Match) Addr(name string) netip.Addr {
	b := m.hole(name)
	if a, ok := plainIPv4(b); ok {
		return a
	}
	return Addr(string(b))
}

// Number is the number at the start of a hole, decimal or after 0x; 0 for none.
func (m *Match) Number(name string) uint64 { return Number(m.Hole(name)) }

// plainIPv4 reads four numbers with dots between, with or without a port behind.
// It leaves addresses that need thought to Addr, and "0.0.0.0" too.
func plainIPv4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	part, n, digits := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && isDigit(b[i]) {
			if n = 10*n + int(b[i]-'0'); n > 255 || digits > 0 && n < 10 {
				return netip.Addr{}, false
			}
			digits++
			continue
		}
		if digits == 0 {
			return netip.Addr{}, false
		}
		out[part] = byte(n)
		if part == 3 {
			return netip.AddrFrom4(out), endsAddr(b[i:]) && out != [4]byte{}
		}
		if i == len(b) || b[i] != '.' {
			return netip.Addr{}, false
		}
		part, n, digits = part+1, 0, 0
	}
	return netip.Addr{}, false
}

// endsAddr tells whether what stands behind an address is surely none of it: a
// port, a prefix' length, the end of a sentence's part.
func endsAddr(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	return bytes.IndexByte([]byte("[/(# "), rest[0]) >= 0 || rest[0] == ':' && bytes.IndexByte(rest[1:], ':') < 0
}

// Addr reads an address with or without a port, brackets or punctuation.
func Addr(s string) netip.Addr {
	if strings.IndexByte(s, '.') < 0 && strings.IndexByte(s, ':') < 0 {
		return netip.Addr{}
	}
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
	if w.whole && !w.digits {
		m.Phrase, m.text, m.start, m.end, m.names = w.Phrase, text, max(0, from), end, nil
		return true
	}
	if w.first && from >= 0 && w.at(text, from, m) {
		return true
	}
	return w.find(text, m)
}

// stands tells whether the anchor stands in a line.
func (w *wording) stands(text []byte) bool {
	at, _ := indexFold(text, 0, w.anchor)
	return at >= 0
}

// find looks for the wording in a line. It may begin anywhere.
func (w *wording) find(text []byte, m *Match) bool {
	if w.parts[0].hole {
		return w.at(text, 0, m)
	}
	for first := 0; ; first++ {
		at, _ := indexFold(text, first, w.parts[0].literal)
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
	m.Phrase, m.text, m.start, m.names = w.Phrase, text, from, w.holes
	pos, n := from, 0
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
		if next < 0 || s.from >= s.to && p.name != "rest" && p.name != "" {
			return false
		}
		m.holes[n] = s
		n++
		pos = next
	}
	m.end = pos
	return true
}

// hole is the extent of hole i from an offset, and where the literal behind it
// ends.
func (w *wording) hole(text []byte, from, i int) (span, int) {
	if i+1 < len(w.parts) {
		at, end := indexFold(text, from, w.parts[i+1].literal)
		if at < 0 || at-from > maxHoleLength {
			return span{}, -1
		}
		return span{int32(from), int32(at)}, end
	}
	if w.parts[i].name == "rest" {
		return span{int32(from), int32(len(text))}, len(text)
	}
	for from < len(text) && isBlank(text[from]) {
		from++
	}
	end := from
	for end < len(text) && !isBlank(text[end]) && text[end] != ',' && text[end] != ';' && text[end] != ')' {
		end++
	}
	return span{int32(from), int32(end)}, end
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

// indexFold finds a literal at or behind an offset: where it begins and ends, or
// -1.
func indexFold(text []byte, from int, literal string) (int, int) {
	small, blank := literal[0], literal[0] == ' '
	capital := small
	if 'a' <= small && small <= 'z' {
		capital -= 'a' - 'A'
	}
	for at := from; at < len(text); at++ {
		if c := text[at]; c != small && c != capital && !(blank && isBlank(c)) {
			continue
		}
		if end := prefixFold(text, at, literal); end >= 0 {
			return at, end
		}
	}
	return -1, -1
}
