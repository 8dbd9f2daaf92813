package console

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// Whatever is typed yields a view or an error, never both; a caret stands
// within the line or right behind it, and no control character is printed.
func FuzzRun(f *testing.F) {
	for _, c := range Commands() {
		f.Add(c.Form)
	}
	for _, line := range []string{"", "!", "|", "show version | begin (", "sh\tcry i sa", "ping 10.1.1.1 source \x1b[2J", "\xff\xfe", "explain |"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := New(nothingConfigured(nil)).Run(line)
		var syntax *SyntaxError
		if errors.As(r.Err, &syntax) && (syntax.Col < 0 || syntax.Col > len(line)) {
			t.Errorf("caret at %d of %q", syntax.Col, line)
		}
		words := split(line)
		empty := len(words) == 0 || strings.HasPrefix(words[0].Text, "!")
		if (r.JSON == nil) != (r.Err != nil || empty) {
			t.Errorf("%q: JSON %v, error %v", line, r.JSON, r.Err)
		}
		if strings.ContainsAny(r.Output, "\x1b\r\a\b") {
			t.Errorf("%q prints %q", line, r.Output)
		}
	})
}

// Whatever is typed in whatever mode, Help and Complete answer, the prompt is
// the hub's or the one typed, and what the router was given is a configuration
// that loads.
func FuzzSession(f *testing.F) {
	for _, s := range scripts {
		f.Add(s.script)
	}
	f.Add("conf t\ninterface Fa0/1\n ip address 10.1.1.1 255.255.255.0\nbanner motd ^C\n^C\ncrypto pki trustpoint X\nexit\nend\n")
	f.Add("conf t\ndo\ndo conf t\ndo do\nno\ndefault\nno end\n\x00\nend")
	f.Fuzz(func(t *testing.T, script string) {
		l := live(t)
		s := NewSession(l)
		for line := range strings.Lines(script) {
			line = strings.TrimRight(line, "\r\n")
			if _, err := s.Help(line); err == nil {
				s.Complete(line)
			}
			prompt := s.Prompt()
			r := s.Feed(line)
			if out := r.Output + ErrorText(prompt, r.Err); strings.ContainsAny(out, "\x1b\r\a\b\x00") {
				t.Errorf("%q prints %q", line, out)
			}
		}
		s.End()
		if _, err := clone(l.cfg.RunningConfig()); err != nil {
			t.Error(err)
		}
	})
}

// Whatever keys are pressed, the terminal comes to the end of them.
func FuzzTerminal(f *testing.F) {
	for _, keys := range []string{"sh\tver\t\r  q", "conf t\rhostname x\x1ado sh\x03\x1b[A\x1b[A\r?", "\x1b[200~show version\r\x1b[201~\r", "\xff\xe4\xb8\x96\x15\x0b\x17\x14\x0c"} {
		f.Add(keys)
	}
	f.Fuzz(func(t *testing.T, keys string) {
		s := &screen{keys: strings.NewReader(keys)}
		if err := NewTerminal(s, NewSession(live(t)), TerminalOptions{Height: 5, Width: 20}).Run(); err != nil && err != io.EOF {
			t.Error(err)
		}
	})
}
