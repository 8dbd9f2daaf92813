package console

import (
	"errors"
	"strings"

	"qmidle/internal/config"
)

// ownCommands are those that every configuration mode has.
var ownCommands = []config.Choice{
	{Text: "abort", Help: "Leave configuration mode and drop the lines that are not in effect"},
	{Text: "default", Help: "Set a command to its defaults"},
	{Text: "do", Help: "To run exec commands in config mode"},
	{Text: "end", Help: "Exit from configure mode"},
	{Text: "exit", Help: "Exit from the present mode"},
	{Text: "no", Help: "Negate a command or set its defaults"},
}

// Help returns what `?` shows after a part of a line, in the present mode.
func (s *Session) Help(line string) ([]config.Choice, error) {
	if s.edit == nil {
		return s.console.Help(line)
	}
	if rest, ok := afterDo(line); ok {
		return s.console.Help(rest)
	}
	choices, syntax := s.edit.editor.Help(line)
	if prefix := strings.TrimLeft(line, " "); !strings.Contains(prefix, " ") {
		for _, c := range ownCommands {
			if strings.HasPrefix(c.Text, strings.ToLower(prefix)) {
				choices = append(choices, c)
			}
		}
	}
	if syntax != nil && len(choices) == 0 {
		return nil, newSyntaxError(line, split(line), syntax)
	}
	return choices, nil
}

// HelpText is what a terminal shows for `?`: words with their help, or, right
// behind a part of a word, the words that begin so.
func (s *Session) HelpText(line string) string {
	choices, err := s.Help(line)
	var syntax *SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Code == config.CodeAmbiguous:
		return "% Ambiguous command:  \"" + line + "\"\n"
	case err != nil || len(choices) == 0:
		return "% Unrecognized command\n"
	}
	if line != "" && !strings.HasSuffix(line, " ") {
		var words []string
		for _, c := range choices {
			words = append(words, c.Text)
		}
		return strings.Join(words, "  ") + "\n"
	}
	var b strings.Builder
	for _, text := range config.Lines(choices) {
		b.WriteString("  " + text + "\n")
	}
	return b.String()
}

// Complete returns the line with what the tab key makes of its last word, and
// false where nothing or more than one thing fits.
func (s *Session) Complete(line string) (string, bool) {
	word, ok := s.completeWord(line)
	if !ok {
		return line, false
	}
	words := split(line)
	return line[:words[len(words)-1].Col] + word + " ", true
}

func (s *Session) completeWord(line string) (string, bool) {
	if s.edit == nil {
		return s.console.Complete(line)
	}
	if rest, ok := afterDo(line); ok {
		return s.console.Complete(rest)
	}
	words := split(line)
	if len(words) != 1 || strings.HasSuffix(line, " ") {
		return s.edit.editor.Complete(line)
	}
	choices, err := s.Help(line)
	if err != nil {
		return "", false
	}
	return only(choices, words[0].Text)
}

// only is the choice that alone begins with a prefix.
func only(choices []config.Choice, prefix string) (string, bool) {
	var fits []string
	for _, c := range choices {
		if strings.HasPrefix(c.Text, strings.ToLower(prefix)) {
			fits = append(fits, c.Text)
		}
	}
	if len(fits) != 1 {
		return "", false
	}
	return fits[0], true
}

// afterDo cuts off the `do` before an exec command.
func afterDo(line string) (string, bool) {
	line = strings.TrimLeft(line, " ")
	if len(line) < 3 || !strings.EqualFold(line[:3], "do ") {
		return "", false
	}
	return strings.TrimLeft(line[3:], " "), true
}
