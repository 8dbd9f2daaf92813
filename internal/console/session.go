package console

import (
	"errors"
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// Configurer is what a Router may have besides: that its configuration can be
// changed.
type Configurer interface {
	// Apply makes cfg, which has no errors and is nobody else's, the running
	// configuration. The notices say, a sentence each, what goes on as before
	// until it is negotiated anew, and what was torn down. After an error the
	// old configuration runs on.
	Apply(cfg *config.Config) (notices []string, err error)
	// WriteMemory replaces the startup configuration by text, in one step, in
	// a file that its owner alone can read.
	WriteMemory(text string) error
}

// Reloader is what a Router may have besides: that it can read its startup
// configuration anew.
type Reloader interface {
	// Reload makes the startup configuration the running one. The notices are
	// Configurer's, after warnings about the file.
	Reload() (notices []string, err error)
}

// Reloaded is reload.
type Reloaded struct {
	Notices []string `json:"notices"`
}

// Text has a line for each notice.
func (r Reloaded) Text() string { return ConfigChange{Notices: r.Notices}.Text() }

func reload(r Router, _ config.Args) (View, error) {
	l, ok := r.(Reloader)
	if !ok {
		return nil, errors.New("this router has no startup configuration to read")
	}
	notices, err := l.Reload()
	if err != nil {
		return nil, fmt.Errorf("the startup configuration was not read, and the old one runs on: %w", err)
	}
	return Reloaded{append([]string{}, notices...)}, nil
}

var errNotConfigurable = errors.New("this router cannot be configured here")

// Session is one operator at a console: the mode, the lines of configuration
// that are not in effect yet, the history and the settings of the terminal. It
// does no input or output of its own, and belongs to one goroutine.
//
// Lines of configuration take effect together, when configuration mode is left
// or an exec command is done from within it: no peer is ever met with half a
// policy.
type Session struct {
	console  *Console
	edit     *edit // nil in exec mode
	settings TerminalSettings
	history  []string
	closed   bool
	question *question // that has to be answered next
}

// NewSession begins in exec mode.
func NewSession(r Router) *Session {
	return &Session{console: New(r), settings: TerminalSettings{Length: defaultLength, Width: defaultWidth, HistorySize: defaultHistory}}
}

// Prompt is what stands before the next line.
func (s *Session) Prompt() string {
	if s.question != nil {
		return s.question.text
	}
	if s.edit != nil {
		return s.edit.cfg.Hostname + s.edit.editor.Prompt() + "#"
	}
	return s.console.Prompt()
}

// Closed says whether the operator has left.
func (s *Session) Closed() bool { return s.closed }

// Settings are the terminal's.
func (s *Session) Settings() TerminalSettings { return s.settings }

// Feed takes one line in the present mode. Errors of syntax are shown with
// ErrorText and the prompt that the line was typed after.
func (s *Session) Feed(line string) Result {
	if s.question != nil {
		return s.renew(s.answer(line))
	}
	words := split(line)
	if len(words) == 0 || strings.HasPrefix(words[0].Text, "!") {
		return Result{}
	}
	if !holdsPassphrase(words) {
		s.remember(line)
	}
	if s.edit != nil {
		return s.configLine(line, words)
	}
	return s.console.run(line, s)
}

// holdsPassphrase says whether a line has one, which the history is not to keep.
func holdsPassphrase(words []config.Token) bool {
	match, err := config.Parse(pkiCommands, "", words)
	return err == nil && match.Args.Has("passphrase")
}

// End is Ctrl-Z: it ends configuration mode, as `end` does. In exec mode and
// while a question waits it does nothing.
func (s *Session) End() Result {
	if s.edit == nil || s.question != nil {
		return Result{}
	}
	return s.leave()
}

func (s *Session) configLine(line string, words []config.Token) Result {
	switch own := ownWord(words); own {
	case "abort":
		s.edit = nil
		return Result{JSON: ConfigChange{Warnings: []string{}, Notices: []string{}}}
	case "end":
		return s.leave()
	case "exit":
		if s.edit.top() {
			return s.leave()
		}
		return s.edit.line(own)
	case "do":
		return s.doExec(line, words)
	}
	if _, err := config.Parse(pkiCommands, line, words); err == nil {
		return s.renew(s.execNow(line, 0))
	}
	return s.edit.line(line)
}

// renew begins to edit anew what runs, where a command has changed that: what
// was typed before is in effect then.
func (s *Session) renew(r Result) Result {
	if s.edit == nil || s.console.router.Config().RunningConfig() == s.edit.running {
		return r
	}
	e, err := newEdit(s.console.router)
	if err != nil {
		return Result{Output: r.Output, Err: errors.Join(r.Err, err)}
	}
	s.edit = e
	return r
}

// ownWord is a command that configuration mode has in every sub-mode.
func ownWord(words []config.Token) string {
	first := strings.ToLower(words[0].Text)
	switch {
	case first == "do" && len(words) > 1:
		return first
	case len(words) > 1:
		return ""
	case len(first) > 1 && strings.HasPrefix("exit", first):
		return "exit"
	case first == "end" || first == "abort":
		return first
	}
	return ""
}

// leave puts the lines in effect and goes back to exec mode; where they cannot
// be, the mode stays.
func (s *Session) leave() Result {
	change, err := s.edit.commit(s.console.router)
	if err != nil {
		return Result{Output: change.Text(), Err: err}
	}
	s.edit = nil
	return Result{Output: change.Text(), JSON: change}
}

// doExec runs an exec command on what was configured so far, or on what ran
// before where that cannot be in effect yet.
func (s *Session) doExec(line string, words []config.Token) Result {
	return s.execNow(line, words[1].Col)
}

// execNow runs an exec command that begins within a line.
func (s *Session) execNow(line string, at int) Result {
	change, err := s.edit.commit(s.console.router)
	before := change.Text()
	if err != nil {
		before += "% The lines so far are not in effect; `end` says why.\n"
	}
	r := s.console.run(line[at:], s)
	r.Output = before + r.Output
	var syntax *SyntaxError
	if errors.As(r.Err, &syntax) {
		syntax.Line, syntax.Col = line, syntax.Col+at
	}
	return r
}

// configure is configure terminal.
func configure(s *Session) (View, error) {
	if _, ok := s.console.router.(Configurer); !ok {
		return nil, errNotConfigurable
	}
	if s.edit != nil {
		return ModeChange{Mode: s.edit.editor.Prompt()}, nil
	}
	e, err := newEdit(s.console.router)
	if err != nil {
		return nil, err
	}
	s.edit = e
	return ModeChange{Mode: e.editor.Prompt(), message: "Enter configuration commands, one per line.  End with CNTL/Z.\n"}, nil
}

// ModeChange is configure terminal and exit.
type ModeChange struct {
	Mode string `json:"mode"` // (config), or "" for exec mode

	message string
}

// Text is what IOS says at the entry to configuration mode.
func (m ModeChange) Text() string { return m.message }

// Written is write memory.
type Written struct {
	Bytes int `json:"bytes"` // of the startup configuration
}

// Text is IOS's.
func (Written) Text() string { return "Building configuration...\n[OK]\n" }

func writeMemory(r Router) (View, error) {
	c, ok := r.(Configurer)
	if !ok {
		return nil, errNotConfigurable
	}
	text := startupConfig(r.Config())
	if err := c.WriteMemory(text); err != nil {
		return nil, fmt.Errorf("the startup configuration was not written: %w", err)
	}
	return Written{len(text)}, nil
}

// startupConfig is the running configuration without the heading, which is no
// part of a file.
func startupConfig(c *config.Config) string {
	text := c.RunningConfig()
	return text[strings.Index(text, "!\n"):]
}
