package lab

import (
	"regexp"
	"strings"
	"testing"
)

// The table of docs/lab.md has every form of every command, and no other.
func TestDocsListEveryCommand(t *testing.T) {
	text := read(t, "../../docs/lab.md")
	row := regexp.MustCompile("(?m)^\\| `([a-z][^`]*)` \\|")
	documented := make(map[string]bool)
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		documented[m[1]] = true
	}
	for _, v := range verbs {
		for _, form := range v.forms {
			if !documented[form] {
				t.Errorf("%q is not documented", form)
			}
			if !strings.HasPrefix(form, v.name) {
				t.Errorf("%q is a form of %q", form, v.name)
			}
			delete(documented, form)
		}
	}
	for form := range documented {
		t.Errorf("%q is documented and does not exist", form)
	}
}
