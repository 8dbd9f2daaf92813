package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// SyntaxError is a line that is no command.
type SyntaxError struct {
	Code     config.Code // CodeInvalid, CodeAmbiguous or CodeIncomplete
	Line     string
	Col      int             // byte offset of the word at fault; the line's length for CodeIncomplete
	Expected []config.Choice // what could have stood there
	Near     string          // the keyword that the word resembles, or ""
}

func newSyntaxError(line string, words []config.Token, err *config.SyntaxError) *SyntaxError {
	e := &SyntaxError{Code: err.Code, Line: line, Col: len(line), Expected: err.Expected, Near: err.Near}
	if err.At < len(words) {
		e.Col = words[err.At].Col
	}
	return e
}

// Message is IOS's message, without the line and the caret.
func (e *SyntaxError) Message() string {
	switch e.Code {
	case config.CodeIncomplete:
		return "% Incomplete command."
	case config.CodeAmbiguous:
		return fmt.Sprintf("%% Ambiguous command:  \"%s\"", e.Line)
	}
	return "% Invalid input detected at '^' marker."
}

// Error shows the message, under the line with a caret where IOS has one.
func (e *SyntaxError) Error() string {
	if e.Code != config.CodeInvalid {
		return e.Message()
	}
	return e.Line + "\n" + e.caret(0) + e.Message()
}

// Terminal is what IOS prints below a line that was typed after a prompt: the
// caret stands under the word at fault.
func (e *SyntaxError) Terminal(prompt string) string {
	if e.Code != config.CodeInvalid {
		return e.Message() + "\n\n"
	}
	return e.caret(len(prompt)) + e.Message() + "\n\n"
}

// caret is the line with the caret; tabs stay, so that it stands right below.
func (e *SyntaxError) caret(indent int) string {
	before := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, e.Line[:e.Col])
	return strings.Repeat(" ", indent) + before + "^\n"
}
