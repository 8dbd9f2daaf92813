package console

import (
	"strings"
	"unicode"

	"qmidle/internal/config"
)

// Console runs exec commands against one router. It keeps no state of its own:
// several may run at once as far as the Router lets them.
type Console struct {
	router Router
	style  Style
}

// New returns a console of a router.
func New(r Router) *Console { return &Console{router: r} }

// NewStyled returns a console whose output is for a screen.
func NewStyled(r Router, style Style) *Console { return &Console{r, style} }

// Result is what a command yields. Output ends in a newline unless it is
// empty. JSON is nil after an error; else it is one of this package's View
// types, whose members keep their names.
type Result struct {
	Output string
	JSON   any
	Err    error // a *SyntaxError for a line that is no command
}

// View is the result of a command: a value for encoding/json, and its text.
type View interface {
	// Text is what IOS prints, lines ended by newlines.
	Text() string
}

// Run runs one line. An empty line and a comment yield an empty Result. Behind
// a `|` stands a filter of the output: IOS's begin, exclude, include or section
// with a regular expression; or json, which makes Output the JSON of the
// result. A ping returns after its last answer or time-out; every other command
// at once. The commands that belong to one operator, such as configure terminal,
// need a Session.
func (c *Console) Run(line string) Result { return c.run(line, nil) }

func (c *Console) run(line string, s *Session) Result {
	words := split(line)
	if len(words) == 0 || strings.HasPrefix(words[0].Text, "!") {
		return Result{}
	}
	command, filter, err := cutFilter(line)
	if err != nil {
		return Result{Err: err}
	}
	words = split(command)
	if len(words) == 0 {
		return Result{Err: &SyntaxError{Code: config.CodeInvalid, Line: line}}
	}
	match, syntax := config.Parse(commands, command, words)
	if syntax != nil {
		return Result{Err: newSyntaxError(line, words, syntax)}
	}
	call := &call{router: c.router, session: s}
	match.Path[len(match.Path)-1].Do(call, match.Args)
	if call.err != nil {
		return Result{Err: call.err}
	}
	if d, ok := call.view.(drawing); ok && filter == nil && c.style != (Style{}) {
		return Result{Output: d.Draw(c.style), JSON: call.view}
	}
	output, err := filter.apply(call.view)
	if err != nil {
		return Result{Err: err}
	}
	return Result{Output: printable(output), JSON: call.view}
}

// printable replaces what a terminal might take for a command: an identity or a
// vendor ID may come from a peer.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, text)
}

// Help returns what `?` shows after a part of a line.
func (c *Console) Help(line string) ([]config.Choice, error) {
	if _, rest, found := strings.Cut(line, "|"); found {
		return filterHelp(rest), nil
	}
	choices, err := config.Help(commands, line)
	if err != nil {
		return nil, newSyntaxError(line, split(line), err)
	}
	if n := len(choices); n > 0 && choices[n-1].Text == "<cr>" {
		choices = append(choices[:n-1:n-1], config.Choice{Text: "|", Help: "Output modifiers"}, choices[n-1])
	}
	return choices, nil
}

// Complete returns what the tab key makes of a line's last word, and false
// where nothing or more than one thing fits.
func (c *Console) Complete(line string) (string, bool) {
	if _, rest, found := strings.Cut(line, "|"); found {
		words := split(rest)
		if len(words) != 1 || strings.HasSuffix(line, " ") {
			return "", false
		}
		return only(filterVerbs, words[0].Text)
	}
	return config.Complete(commands, line)
}

// Prompt is what stands before a line on a terminal.
func (c *Console) Prompt() string { return c.router.Hostname() + "#" }

// split cuts a line into words.
func split(line string) []config.Token {
	var words []config.Token
	col := 0
	for _, word := range strings.FieldsFunc(line, blank) {
		col += strings.Index(line[col:], word)
		words = append(words, config.Token{Text: word, Col: col})
		col += len(word)
	}
	return words
}

func blank(r rune) bool { return r == ' ' || r == '\t' }
