package console

import (
	"fmt"
	"regexp"
	"strings"
)

// filter is what stands behind a `|`: which lines of the output are shown.
type filter struct {
	verb    string
	pattern *regexp.Regexp
}

var filterVerbs = []string{"begin", "exclude", "include", "section"}

// cutFilter splits a line at its first `|`. The filter is nil when there is
// none.
func cutFilter(line string) (command string, f *filter, err error) {
	command, rest, found := strings.Cut(line, "|")
	if !found {
		return line, nil, nil
	}
	verb, pattern, _ := strings.Cut(strings.TrimSpace(rest), " ")
	f = &filter{}
	for _, v := range filterVerbs {
		if verb != "" && strings.HasPrefix(v, strings.ToLower(verb)) {
			f.verb = v
		}
	}
	if f.verb == "" {
		return "", nil, fmt.Errorf("%% Invalid filter: one of %s is needed after '|'", strings.Join(filterVerbs, ", "))
	}
	if f.pattern, err = regexp.Compile(strings.TrimSpace(pattern)); err != nil || pattern == "" {
		return "", nil, fmt.Errorf("%% Failed to compile regular expression \"%s\"", pattern)
	}
	return command, f, nil
}

// apply returns the lines of text that pass.
func (f *filter) apply(text string) string {
	var b strings.Builder
	begun := false
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\n")
		matches := f.pattern.MatchString(body)
		indented := strings.HasPrefix(body, " ") || strings.HasPrefix(body, "\t")
		show := matches
		switch f.verb {
		case "exclude":
			show = !matches
		case "begin":
			begun = begun || matches
			show = begun
		case "section":
			begun = matches || begun && indented
			show = begun
		}
		if show {
			b.WriteString(line)
		}
	}
	return b.String()
}
