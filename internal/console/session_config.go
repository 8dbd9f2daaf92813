package console

import (
	"fmt"
	"reflect"
	"strings"

	"qmidle/internal/config"
)

// edit is a stay in configuration mode: a copy of the configuration, with the
// lines that were typed.
type edit struct {
	editor *config.Editor
	cfg    *config.Config
	// running is the text of the configuration that is in effect.
	running string
	// chains are the certificates as they were at the beginning.
	chains []*config.CertificateChain
	// told has the findings that were there before, or were shown.
	told map[string]bool
}

// newEdit begins with the configuration that runs. To read its text takes most of a
// second where it has thousands of entries.
func newEdit(r Router) (*edit, error) {
	e := &edit{running: r.Config().RunningConfig(), told: map[string]bool{}}
	if err := aside(r, e.begin); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *edit) begin() (err error) {
	if e.cfg, err = clone(e.running); err != nil {
		return err
	}
	before, err := clone(e.running)
	if err != nil {
		return err
	}
	e.editor, e.chains = config.NewEditor(e.cfg), before.Chains
	e.fresh(e.editor.Check())
	return nil
}

// clone reads a configuration's text: an editor changes what it edits.
func clone(text string) (*config.Config, error) {
	cfg, diagnostics := config.Load("running-config", []byte(text))
	if err := diagnostics.Err(); err != nil {
		return nil, fmt.Errorf("the running configuration cannot be edited: %w", err)
	}
	return cfg, nil
}

// top says whether the mode is the global one.
func (e *edit) top() bool { return e.editor.Prompt() == "(config)" }

// line applies a line of configuration to the copy.
func (e *edit) line(line string) Result {
	diagnostics := e.editor.Line(line)
	change := ConfigChange{Mode: e.editor.Prompt(), Warnings: e.fresh(diagnostics), Notices: []string{}}
	if errs := diagnostics.Of(config.Error); len(errs) > 0 {
		return Result{Output: change.Text(), Err: &ConfigError{Line: line, Diagnostics: errs}}
	}
	return Result{Output: change.Text(), JSON: change}
}

// commit hands the lines to the router, where they change anything.
func (e *edit) commit(r Router) (ConfigChange, error) {
	diagnostics := e.editor.Check()
	change := ConfigChange{Warnings: e.fresh(diagnostics), Notices: []string{}}
	if errs := diagnostics.Of(config.Error); len(errs) > 0 {
		return change, &ConfigError{Diagnostics: errs}
	}
	e.keepChains(r.Config())
	text := e.cfg.RunningConfig()
	if text == e.running {
		return change, nil
	}
	cfg, err := clone(text)
	if err != nil {
		return change, err
	}
	c, ok := r.(Configurer)
	if !ok {
		return change, errNotConfigurable
	}
	notices, err := c.Apply(cfg)
	if err != nil {
		return change, fmt.Errorf("%% Not in effect: %w\n%s", err, nothingChanged)
	}
	e.running = text
	change.Notices = append(change.Notices, notices...)
	return change, nil
}

// keepChains takes over the certificates that have come since, where none were
// edited here: an enrolment goes on while somebody types.
func (e *edit) keepChains(running *config.Config) {
	if reflect.DeepEqual(e.cfg.Chains, e.chains) {
		e.cfg.Chains = running.Chains
	}
}

// fresh returns the warnings that were not told yet.
func (e *edit) fresh(all config.Diagnostics) []string {
	warnings := []string{}
	for _, d := range all.Of(config.Warning) {
		text := d.Message
		if d.Hint != "" {
			text += "; " + d.Hint
		}
		if !e.told[text] {
			e.told[text] = true
			warnings = append(warnings, text)
		}
	}
	return warnings
}

// ConfigChange is what a line of configuration, and leaving configuration
// mode, has to say.
type ConfigChange struct {
	Mode     string   `json:"mode"` // afterwards: (config-isakmp), or "" for exec mode
	Warnings []string `json:"warnings"`
	Notices  []string `json:"notices"` // what needs a new negotiation
}

// Text has a line for each.
func (c ConfigChange) Text() string {
	var b strings.Builder
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "%% Warning: %s\n", strings.TrimPrefix(w, "%"))
	}
	for _, n := range c.Notices {
		fmt.Fprintf(&b, "%% %s\n", strings.TrimPrefix(n, "% "))
	}
	return b.String()
}

// ConfigError is a line of configuration that is refused, or lines that cannot
// take effect together.
type ConfigError struct {
	Line        string // "" for lines together
	Diagnostics config.Diagnostics
}

const nothingChanged = "% Nothing has changed: correct this, or leave by `abort`."

// Error shows the messages under the line with a caret.
func (e *ConfigError) Error() string {
	var b strings.Builder
	for _, d := range e.Diagnostics {
		if d.Text != "" {
			b.WriteString(d.Text + "\n")
		}
		if d.Text != "" && d.Caret >= 0 && d.Code == config.CodeInvalid {
			b.WriteString(strings.Repeat(" ", d.Caret) + "^\n")
		}
		b.WriteString(messageText(d))
	}
	return strings.TrimRight(b.String(), "\n")
}

// Terminal is what IOS prints below a line that was typed after a prompt. For
// lines together it repeats each that is at fault.
func (e *ConfigError) Terminal(prompt string) string {
	var b strings.Builder
	for _, d := range e.Diagnostics {
		switch {
		case e.Line == "":
			b.WriteString(messageText(d))
			if d.Text != "" {
				fmt.Fprintf(&b, "    %s\n", strings.TrimSpace(d.Text))
			}
			continue
		case d.Code == config.CodeInvalid && d.Col > 0 && d.Col <= len(e.Line)+1:
			caret := SyntaxError{Line: e.Line, Col: d.Col - 1}
			b.WriteString(caret.caret(len(prompt)))
			if !strings.HasPrefix(d.Hint, "did you mean") { // any other is about files
				d.Hint = ""
			}
		}
		b.WriteString(messageText(d) + "\n")
	}
	if e.Line == "" {
		b.WriteString(nothingChanged + "\n")
	}
	return b.String()
}

// messageText is a finding after IOS's "% ", with its hint.
func messageText(d config.Diagnostic) string {
	text := d.Message + "\n"
	if !strings.HasPrefix(text, "%") {
		text = "% " + text
	}
	if d.Hint != "" {
		text += "  hint: " + d.Hint + "\n"
	}
	return text
}

// ErrorText is what a terminal shows of a Result's error, for a line that was
// typed after this prompt. It is "" without error.
func ErrorText(prompt string, err error) string {
	if err == nil {
		return ""
	}
	if e, ok := err.(interface{ Terminal(prompt string) string }); ok {
		return printable(e.Terminal(prompt))
	}
	return printable(err.Error()) + "\n"
}
