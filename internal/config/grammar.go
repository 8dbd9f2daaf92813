package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Kind is what a grammar node matches.
type Kind uint8

// Kinds of node, the more particular ones first: where several match a word,
// the first kind wins.
const (
	Keyword  Kind = iota // Text, or an abbreviation that no sibling shares
	Number               // Lo to Hi
	Netmask              // a dotted netmask without holes
	Address              // a dotted IPv4 address, a wildcard mask too
	Address6             // an IPv6 address or prefix
	Host                 // a host name
	Word                 // any word
	Rest                 // the rest of the line
)

// Node is one word of a command: a row of the grammar table. T is what the
// commands act upon.
type Node[T any] struct {
	Kind   Kind
	Text   string // the keyword, or what an argument is shown as: WORD, A.B.C.D
	Help   string
	Arg    string // the name its value has in Args; "" for none
	Lo, Hi uint64 // a Number's range; a Keyword's value is Lo
	Secret bool   // its text is never shown
	Next   []*Node[T]

	// Do runs when a line ends here; nil means that the line goes on.
	Do Action[T]
	// No runs for `no` and for `default`, for a line that ends here or goes on.
	No Action[T]
	// Reset runs for `default` where that differs from No.
	Reset Action[T]

	// Unsupported names a construct that IOS has and this gateway does not
	// yet; the rest of the line is not looked at.
	Unsupported string
	// Scope says what puts an unsupported construct to use.
	Scope Scope
	// Foreign marks what has nothing to do with VPN: the line is skipped.
	Foreign bool
	// Block says that the lines below a Foreign or Unsupported one belong to
	// it, indented or not.
	Block bool
	// Open says that unknown words after this one are foreign too.
	Open bool
	// Part names Next where the documentation shows it apart.
	Part string
}

// Scope says what puts an unsupported construct to use, which stops the load.
type Scope uint8

// Scopes of an unsupported construct.
const (
	ScopeUnused    Scope = iota // nothing supported can use it: a warning
	ScopeAlways                 // its line is in effect at once
	ScopeMap                    // in effect when the crypto map is applied
	ScopeACL                    // in effect when a crypto map matches the access list
	ScopeInterface              // in effect when the interface has a crypto map
	ScopeProfile                // in effect when a crypto map uses the ISAKMP profile, or a peer may match it
)

// Action carries out a command. The problem it may return stops the load.
type Action[T any] func(T, Args) *Problem

// Problem is why a well-formed command is refused.
type Problem struct {
	Code    Code
	Arg     string // the argument at fault; "" for the last word
	Message string
	Hint    string
}

// Args are the values of a command's arguments, in order.
type Args []Arg

// Arg is one value.
type Arg struct {
	Name   string
	Text   string
	Number uint64
	Addr   netip.Addr
	Token  Token
	Secret bool
}

// get returns the first argument of a name.
func (as Args) get(name string) Arg {
	for _, a := range as {
		if a.Name == name {
			return a
		}
	}
	return Arg{}
}

// Has says whether the argument was given.
func (as Args) Has(name string) bool { return as.get(name).Name != "" }

// Text returns an argument's text, a keyword's in full; "" when absent.
func (as Args) Text(name string) string { return as.get(name).Text }

// Number returns a number's or keyword's value; 0 when absent.
func (as Args) Number(name string) uint64 { return as.get(name).Number }

// Addr returns an address; invalid when absent.
func (as Args) Addr(name string) netip.Addr { return as.get(name).Addr }

// Texts returns every value of a repeated argument.
func (as Args) Texts(name string) []string {
	var all []string
	for _, a := range as {
		if a.Name == name {
			all = append(all, a.Text)
		}
	}
	return all
}

// Match is a line that the grammar has.
type Match[T any] struct {
	Path []*Node[T]
	Args Args
	// Foreign says that the line has nothing to do with VPN. Path is what was
	// understood of it.
	Foreign bool
}

// last is the node where the line ended.
func (m Match[T]) last() *Node[T] { return m.Path[len(m.Path)-1] }

// no returns the deepest No of the path.
func (m Match[T]) no() Action[T] {
	for i := len(m.Path) - 1; i >= 0; i-- {
		if m.Path[i].No != nil {
			return m.Path[i].No
		}
	}
	return nil
}

// SyntaxError is a line that the grammar does not have.
type SyntaxError struct {
	Code     Code     // CodeInvalid, CodeAmbiguous or CodeIncomplete
	At       int      // index of the word; the number of words for CodeIncomplete
	Expected []Choice // what could have stood there
	Near     string   // the keyword that the word resembles, or ""
	Secret   bool     // the word before is a secret
}

// Choice is one line of help.
type Choice struct{ Text, Help string }

// Lines aligns the help of several choices, as IOS does, without indentation.
func Lines(choices []Choice) []string {
	width := 12
	for _, c := range choices {
		width = max(width, len(c.Text))
	}
	var lines []string
	for _, c := range choices {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, c.Text, c.Help), " "))
	}
	return lines
}

// Parse walks a line's words down the tree. At least one word is needed.
func Parse[T any](nodes []*Node[T], line string, words []Token) (Match[T], *SyntaxError) {
	return parse(nodes, line, words, false)
}

func parse[T any](nodes []*Node[T], line string, words []Token, negated bool) (Match[T], *SyntaxError) {
	var m Match[T]
	for i, word := range words {
		n, err := choose(nodes, word.Text)
		if err != nil {
			if len(m.Path) > 0 && m.last().Open && err.Code == CodeInvalid && err.Near == "" {
				m.Foreign = true
				return m, nil
			}
			err.At = i
			err.Secret = len(m.Path) > 0 && m.last().Secret
			return m, err
		}
		m.Path = append(m.Path, n)
		if n.Kind == Rest {
			word.Text = strings.TrimRight(line[word.Col:], " \t")
		}
		if n.Arg != "" {
			m.Args = append(m.Args, n.value(word))
		}
		if n.Foreign || n.Unsupported != "" {
			m.Foreign = n.Foreign
			return m, nil
		}
		if n.Kind == Rest {
			return m, nil
		}
		nodes = n.Next
	}
	last := m.last()
	if last.Do != nil || negated && last.No != nil {
		return m, nil
	}
	if last.Open {
		m.Foreign = true
		return m, nil
	}
	return m, &SyntaxError{Code: CodeIncomplete, At: len(words), Expected: choices(nodes, "")}
}

// choose finds the node that a word stands for.
func choose[T any](nodes []*Node[T], word string) (*Node[T], *SyntaxError) {
	var abbreviated []*Node[T]
	for _, n := range nodes {
		if n.Kind != Keyword {
			continue
		}
		if strings.EqualFold(n.Text, word) {
			return n, nil
		}
		if hasPrefixFold(n.Text, word) {
			abbreviated = append(abbreviated, n)
		}
	}
	if len(abbreviated) == 1 {
		return abbreviated[0], nil
	}
	var best *Node[T]
	for _, n := range nodes {
		if n.Kind != Keyword && n.accepts(word) && (best == nil || n.Kind < best.Kind) {
			best = n
		}
	}
	if best != nil {
		return best, nil
	}
	if len(abbreviated) > 1 {
		return nil, &SyntaxError{Code: CodeAmbiguous, Expected: choices(abbreviated, "")}
	}
	return nil, &SyntaxError{Code: CodeInvalid, Expected: choices(nodes, ""), Near: nearest(nodes, word)}
}

// accepts says whether an argument's type takes the word.
func (n *Node[T]) accepts(word string) bool {
	switch n.Kind {
	case Number:
		v, err := strconv.ParseUint(word, 10, 64)
		return err == nil && v >= n.Lo && v <= n.Hi
	case Netmask:
		a, ok := parseAddr(word)
		if !ok {
			return false
		}
		_, ok = maskBits(a)
		return ok
	case Address:
		_, ok := parseAddr(word)
		return ok
	case Address6:
		addr, _, _ := strings.Cut(word, "/")
		a, err := netip.ParseAddr(addr)
		return err == nil && a.Is6()
	case Host:
		return hostname(word)
	}
	return true
}

// hostname says whether a word can be a host name: letters, digits, hyphens,
// dots and underscores, with a letter in it so that no broken address passes.
func hostname(word string) bool {
	letter := false
	for _, r := range word {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letter = true
		case r >= '0' && r <= '9', r == '-', r == '.', r == '_':
		default:
			return false
		}
	}
	return letter && len(word) <= 253
}

// value is the argument that a word gives this node.
func (n *Node[T]) value(word Token) Arg {
	a := Arg{Name: n.Arg, Text: word.Text, Token: word, Secret: n.Secret}
	switch n.Kind {
	case Keyword:
		a.Text, a.Number = n.Text, n.Lo
	case Number:
		a.Number, _ = strconv.ParseUint(word.Text, 10, 64)
	case Netmask, Address:
		a.Addr, _ = parseAddr(word.Text)
	}
	return a
}

// shown is how help writes the node.
func (n *Node[T]) shown() string {
	if n.Kind == Number {
		return fmt.Sprintf("<%d-%d>", n.Lo, n.Hi)
	}
	return n.Text
}

// choices lists the nodes whose keyword starts with prefix, and every argument
// when prefix is empty or fits. Words outside VPN are left out.
func choices[T any](nodes []*Node[T], prefix string) []Choice {
	var out []Choice
	for _, n := range nodes {
		fits := prefix == "" || n.Kind == Keyword && hasPrefixFold(n.Text, prefix) || n.Kind != Keyword && n.accepts(prefix)
		if fits && !n.Foreign {
			out = append(out, Choice{n.shown(), n.Help})
		}
	}
	return out
}

// Help returns what `?` shows at the end of a line: the continuations of its
// last word, or the next words where the line ends in a blank.
func Help[T any](nodes []*Node[T], line string) ([]Choice, *SyntaxError) {
	words := lex(line)
	prefix := ""
	if len(words) > 0 && !strings.HasSuffix(line, " ") {
		prefix, words = words[len(words)-1].Text, words[:len(words)-1]
	}
	complete := false
	for i, word := range words {
		n, err := choose(nodes, word.Text)
		if err != nil {
			err.At = i
			return nil, err
		}
		nodes, complete = n.Next, n.Do != nil
	}
	out := choices(nodes, prefix)
	if complete && prefix == "" {
		out = append(out, Choice{"<cr>", ""})
	}
	return out, nil
}

// Complete returns the keyword that the tab key makes of a line's last word,
// and false where there is none or more than one.
func Complete[T any](nodes []*Node[T], line string) (string, bool) {
	words := lex(line)
	if len(words) == 0 || strings.HasSuffix(line, " ") {
		return "", false
	}
	for _, word := range words[:len(words)-1] {
		n, err := choose(nodes, word.Text)
		if err != nil {
			return "", false
		}
		nodes = n.Next
	}
	n, err := choose(nodes, words[len(words)-1].Text)
	if err != nil || n.Kind != Keyword {
		return "", false
	}
	return n.Text, true
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// nearest returns the keyword that differs from the word by a slip of the
// finger or two, or "".
func nearest[T any](nodes []*Node[T], word string) string {
	slips := 2
	if len(word) < 5 {
		slips = 1
	}
	best, least := "", slips+1
	for _, n := range nodes {
		if n.Kind != Keyword || n.Foreign || len(n.Text) < 3 || len(word) < 3 {
			continue
		}
		if d := distance(strings.ToLower(word), n.Text); d < least {
			best, least = n.Text, d
		}
	}
	return best
}

// distance counts the insertions, deletions and substitutions between two
// words. Words whose lengths differ by more than two are given up at once.
func distance(a, b string) int {
	const long = 64
	if len(a) > len(b)+2 || len(b) > len(a)+2 || len(a) > long {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
