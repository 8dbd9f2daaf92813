package config

import (
	"fmt"
	"strings"
)

const (
	secretShown = "<secret>"
	restShown   = " ..."
	maxExpected = 16
)

// report adds a diagnostic at a mark.
func (e *Editor) report(s Severity, code Code, message string, at mark) {
	e.diags = append(e.diags, e.diagnostic(s, code, message, at))
}

func (e *Editor) diagnostic(s Severity, code Code, message string, at mark) Diagnostic {
	d := Diagnostic{File: e.file, Severity: s, Code: code, Message: message, Line: at.line, Col: at.col, Text: at.text, Caret: at.caret}
	if at.text == "" {
		d.Caret = -1
	}
	return d
}

// plain marks an offset of a line without secrets in it.
func (e *Editor) plain(offset int) mark {
	return mark{line: e.line, col: offset + 1, caret: offset, text: e.text}
}

// at marks a word of the current line, with the secrets among its arguments
// replaced.
func (e *Editor) at(args Args, word Token) mark {
	text, caret := maskSecrets(e.text, args, word.Col)
	return mark{line: e.line, col: word.Col + 1, caret: caret, text: text}
}

// maskSecrets replaces the secret arguments of a line and moves the caret along.
func maskSecrets(text string, args Args, caret int) (string, int) {
	var b strings.Builder
	from, moved := 0, caret
	for _, a := range args {
		if !a.Secret {
			continue
		}
		b.WriteString(text[from:a.Token.Col])
		b.WriteString(secretShown)
		from = a.Token.Col + len(a.Token.Text)
		if a.Token.Col < caret {
			moved += len(secretShown) - len(a.Token.Text)
		}
	}
	b.WriteString(text[from:])
	return b.String(), moved
}

// remember marks where a part of the model was written: the word of an
// argument, or the last word.
func (e *Editor) remember(key string, args Args, arg string) {
	words := lex(e.text)
	word := words[len(words)-1]
	if a := args.get(arg); a.Name != "" {
		word = a.Token
	}
	e.marks[key] = e.at(args, word)
}

// again warns, in a file, that a block is begun a second time.
func (e *Editor) again(key string, args Args, arg string) {
	if first := e.marks[key]; e.loading && first.line > 0 {
		e.report(Warning, CodeValue, fmt.Sprintf("this was begun at line %d already: these lines change it", first.line), e.at(args, args.get(arg).Token))
	}
}

// syntaxError reports a line that the grammar does not have.
func (e *Editor) syntaxError(c command, m Match[*Editor], err *SyntaxError) {
	text, caret := e.shown(m, err.At, c.words)
	at := mark{line: e.line, text: text, caret: caret}
	var message string
	switch err.Code {
	case CodeIncomplete:
		at.col = len(e.text) + 1
		message = "% Incomplete command."
	case CodeAmbiguous:
		at.col = c.words[err.At].Col + 1
		message = fmt.Sprintf("%% Ambiguous command:  %q", text[:caret]+c.words[err.At].Text)
	default:
		at.col = c.words[err.At].Col + 1
		message = "% Invalid input detected at '^' marker."
	}
	d := e.diagnostic(Error, err.Code, message, at)
	d.Expected = Lines(err.Expected[:min(len(err.Expected), maxExpected)])
	if more := len(err.Expected) - len(d.Expected); more > 0 {
		d.Expected = append(d.Expected, fmt.Sprintf("and %d more", more))
	}
	switch {
	case err.Near != "":
		d.Hint = fmt.Sprintf("did you mean `%s`?", err.Near)
	case err.unknown() && e.mode == nil:
		d.Hint = "if the line has nothing to do with VPN, put a `!` before it"
	}
	e.diags = append(e.diags, d)
	e.swallow()
}

// swallow leaves out the lines below a wrong global line of a file: they are not
// wrong themselves.
func (e *Editor) swallow() {
	if e.loading && e.mode == nil {
		e.below = block{on: true, indent: indent(e.text)}
	}
}

// shown is the current line for a message about its word number at. What stands
// after a word that was not understood may be a key, and the word itself too.
func (e *Editor) shown(m Match[*Editor], at int, words []Token) (text string, caret int) {
	caret = len(e.text)
	if at == len(words) {
		return maskSecrets(e.text, m.Args, caret+1)
	}
	word := words[at]
	text, caret = maskSecrets(e.text[:word.Col], m.Args, word.Col)
	after := e.text[word.Col+len(word.Text):]
	afterSecret := at > 0 && m.secretBefore(at)
	switch {
	case afterSecret, keyShaped(words, at) && at >= len(m.Path):
		return text + secretShown + restShown, caret
	case after != "" && mayHoldKey(words):
		return text + word.Text + restShown, caret
	}
	return text + word.Text + after, caret
}

// secretBefore says whether the word before the one at fault is a secret.
func (m Match[T]) secretBefore(at int) bool {
	return at <= len(m.Path) && m.Path[at-1].Secret
}

// mayHoldKey says whether a line has a word that announces a key or a password,
// misspelt or not.
func mayHoldKey(words []Token) bool {
	for _, w := range words {
		t := strings.ToLower(w.Text)
		if strings.HasPrefix(t, "k") && len(t) <= 5 || strings.HasPrefix(t, "pas") || strings.HasPrefix(t, "sec") || strings.HasPrefix(t, "pre-sh") {
			return true
		}
	}
	return false
}

// keyShaped says whether a word stands where a pre-shared key does: before
// `address` or `hostname`.
func keyShaped(words []Token, at int) bool {
	if at+1 >= len(words) || at < 2 {
		return false
	}
	next := strings.ToLower(words[at+1].Text)
	return strings.HasPrefix(next, "addr") || strings.HasPrefix(next, "host")
}
