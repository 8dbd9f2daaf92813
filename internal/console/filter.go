package console

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"qmidle/internal/config"
)

// filter is what stands behind a `|`: which lines of the output are shown, or
// that its JSON is. A nil filter shows the text.
type filter struct {
	verb    string
	pattern *regexp.Regexp // nil with json
}

var filterVerbs = []config.Choice{
	{Text: "begin", Help: "Begin with the line that matches"},
	{Text: "exclude", Help: "Exclude lines that match"},
	{Text: "include", Help: "Include lines that match"},
	{Text: "json", Help: "Show the result as a JSON object"},
	{Text: "section", Help: "Include the lines that match and those indented below them"},
}

// cutFilter splits a line at its first `|`. The filter is nil when there is
// none.
func cutFilter(line string) (command string, f *filter, err error) {
	command, rest, found := strings.Cut(line, "|")
	if !found {
		return line, nil, nil
	}
	verb, pattern, _ := strings.Cut(strings.TrimSpace(rest), " ")
	verb, ok := only(filterVerbs, verb)
	if !ok {
		return "", nil, fmt.Errorf("%% Invalid filter: one of begin, exclude, include, json, section is needed after '|'")
	}
	f = &filter{verb: verb}
	if verb == "json" && pattern == "" {
		return command, f, nil
	}
	if f.pattern, err = regexp.Compile(strings.TrimSpace(pattern)); err != nil || pattern == "" || verb == "json" {
		return "", nil, fmt.Errorf("%% Failed to compile regular expression \"%s\"", pattern)
	}
	return command, f, nil
}

// filterHelp is what `?` shows behind a `|`.
func filterHelp(rest string) []config.Choice {
	words := split(rest)
	switch {
	case len(words) == 0:
		return filterVerbs
	case len(words) > 1 || strings.HasSuffix(rest, " "):
		if verb, ok := only(filterVerbs, words[0].Text); ok && verb != "json" {
			return []config.Choice{{Text: "LINE", Help: "Regular Expression"}}
		}
		return []config.Choice{{Text: "<cr>"}}
	}
	var fits []config.Choice
	for _, v := range filterVerbs {
		if strings.HasPrefix(v.Text, strings.ToLower(words[0].Text)) {
			fits = append(fits, v)
		}
	}
	return fits
}

// apply is what is shown of a command's result.
func (f *filter) apply(v View) (string, error) {
	switch {
	case f == nil:
		return v.Text(), nil
	case f.verb == "json":
		return jsonText(v)
	}
	return f.lines(v.Text()), nil
}

// jsonText is the JSON of a result, indented, with a newline at the end.
func jsonText(v View) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("%% The result has no JSON: %w", err)
	}
	return b.String(), nil
}

// lines returns the lines of text that pass.
func (f *filter) lines(text string) string {
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
