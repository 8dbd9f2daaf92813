package console

import (
	"errors"
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
