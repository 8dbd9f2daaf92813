package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// What IOS begins with.
const (
	defaultLength  = 24
	defaultWidth   = 80
	defaultHistory = 20
)

// TerminalSettings are what the terminal commands set, for one session.
type TerminalSettings struct {
	Monitor     bool `json:"monitor"` // debug lines are shown
	Length      int  `json:"length"`  // lines of a page; 0: no pages
	Width       int  `json:"width"`
	HistorySize int  `json:"history_size"`

	chosen bool // Length was
}

// Text is empty: IOS says nothing.
func (TerminalSettings) Text() string { return "" }

// setTerminal makes the action of a terminal command.
func setTerminal(set func(*TerminalSettings, config.Args)) config.Action[*call] {
	return inSession(func(s *Session, a config.Args) (View, error) {
		set(&s.settings, a)
		s.trimHistory()
		return s.settings, nil
	})
}

func setMonitor(on bool) config.Action[*call] {
	return setTerminal(func(t *TerminalSettings, _ config.Args) { t.Monitor = on })
}

// LineHistory is show history.
type LineHistory struct {
	Lines []string `json:"lines"` // oldest first
}

func lineHistory(s *Session, _ config.Args) (View, error) {
	return LineHistory{append([]string{}, s.history...)}, nil
}

// Text has a line each.
func (h LineHistory) Text() string {
	var b strings.Builder
	for _, line := range h.Lines {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// remember adds a line to the history, once where it is repeated.
func (s *Session) remember(line string) {
	line = strings.TrimSpace(line)
	if n := len(s.history); n > 0 && s.history[n-1] == line {
		return
	}
	s.history = append(s.history, line)
	s.trimHistory()
}

func (s *Session) trimHistory() {
	if n := len(s.history) - s.settings.HistorySize; n > 0 {
		s.history = append([]string{}, s.history[n:]...)
	}
}

// Recall returns the line that is n lines back, 0 for the last, and false
// where the history does not reach.
func (s *Session) Recall(n int) (string, bool) {
	if n < 0 || n >= len(s.history) {
		return "", false
	}
	return s.history[len(s.history)-1-n], true
}

func exit(s *Session, _ config.Args) (View, error) {
	if s.edit == nil {
		s.closed = true
	}
	return ModeChange{}, nil
}

// inSession makes the action of a command that only an operator has.
func inSession(f func(*Session, config.Args) (View, error)) config.Action[*call] {
	return func(c *call, a config.Args) *config.Problem {
		if c.session == nil {
			c.err = fmt.Errorf("%% This command is for an interactive console")
			return nil
		}
		view, err := f(c.session, a)
		if err != nil {
			c.err = fmt.Errorf("%% %w", err)
			return nil
		}
		c.view = view
		return nil
	}
}
