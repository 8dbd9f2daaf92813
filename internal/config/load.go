package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxSize is far above any router's configuration.
const maxSize = 4 << 20

// Read reads a configuration's text, and no more of a device or of a file that
// never ends than Load needs to refuse it.
func Read(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, maxSize+1))
}

// Load reads a configuration. file is the name that diagnostics show. The
// diagnostics hold the errors, the warnings and the count of the lines that
// have nothing to do with VPN; the Config is nil when Diagnostics.Err is not.
func Load(file string, text []byte) (*Config, Diagnostics) {
	e, ds := load(file, text)
	if ds.Err() != nil {
		return nil, ds
	}
	return e.cfg, ds
}

func load(file string, text []byte) (*Editor, Diagnostics) {
	e := NewEditor(New())
	e.file, e.loading = file, true
	e.read(text)
	ds := e.diags
	if ds.Err() == nil || len(ds.Of(Error)) < maxErrors {
		ds = append(ds, e.Check()...)
	}
	if e.foreign > 0 {
		ds = append(ds, e.diagnostic(Note, CodeSkipped, skippedMessage(e.foreign), mark{}))
	}
	ds.sort()
	return e, ds
}

func skippedMessage(n int) string {
	if n == 1 {
		return "1 line that has nothing to do with VPN was skipped"
	}
	return fmt.Sprintf("%d lines that have nothing to do with VPN were skipped", n)
}

// read applies every line of a file.
func (e *Editor) read(text []byte) {
	if len(text) > maxSize {
		e.report(Error, CodeInvalid, fmt.Sprintf("the file has more than %d bytes, more than any configuration", maxSize), mark{})
		return
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		line := 1 + bytes.Count(text[:i], []byte("\n"))
		e.report(Error, CodeInvalid, "the file is not text: it has a byte 0x00", mark{line: line})
		if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
			e.diags[len(e.diags)-1].Hint = "it may be UTF-16: save it as plain text or UTF-8"
		}
		return
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var banner string // the delimiter that ends a banner
	for raw := range bytes.Lines(text) {
		line := paged(strings.TrimRight(string(raw), "\r\n"))
		if e.open != nil {
			e.apply(line)
			continue
		}
		if banner != "" {
			e.line++
			e.foreign++
			if strings.Contains(line, banner) {
				banner = ""
			}
			continue
		}
		if noise(line) {
			e.line++
			continue
		}
		if e.ended && !comment(line) {
			e.line++
			e.text = line
			e.report(Error, CodeInvalid, "a line after `end`", mark{line: e.line})
			return
		}
		e.apply(line)
		if e.mode != &groupMode {
			banner = bannerDelimiter(line)
		}
		if len(e.diags.Of(Error)) >= maxErrors {
			e.report(Error, CodeInvalid, fmt.Sprintf("stopped after %d errors", maxErrors), mark{line: e.line})
			return
		}
	}
	if e.open != nil {
		e.report(Error, CodeIncomplete, fmt.Sprintf("the banner's closing %q is missing", e.open.delimiter), e.open.at)
	}
	if e.hex != nil {
		e.report(Error, CodeIncomplete, "the `quit` that ends this "+e.hex.of+" is missing", e.hex.at)
	}
	if banner != "" {
		e.report(Error, CodeIncomplete, fmt.Sprintf("the banner's closing %q is missing", banner), mark{line: e.line})
	}
}

const pager = "--More--"

// paged is what is left of a line once the terminal has wiped the pager's
// prompt away: a log of the terminal has both, and what wiped it.
func paged(line string) string {
	if !strings.HasPrefix(strings.TrimLeft(line, " "), pager) {
		return line
	}
	if i := strings.LastIndexAny(line, "\b\r"); i >= 0 {
		return line[i+1:]
	}
	return line
}

// noise is what a terminal shows around a configuration: IOS's own heading and
// the prompt with the command that asked for it; and the `configure terminal`
// before a text that was typed.
func noise(line string) bool {
	line = strings.TrimSpace(line)
	for _, heading := range []string{"Building configuration...", "Current configuration :", "Using ", pager} {
		if strings.HasPrefix(line, heading) {
			return true
		}
	}
	if words := strings.Fields(line); len(words) == 2 && len(words[0]) >= 4 &&
		strings.HasPrefix("configure", words[0]) && strings.HasPrefix("terminal", words[1]) {
		return true
	}
	prompt, command, ok := strings.Cut(line, "#")
	if !ok || prompt == "" || strings.ContainsAny(prompt, " \t!") {
		return false
	}
	words := strings.Fields(command)
	return len(words) == 0 || strings.HasPrefix("show", words[0]) && len(words[0]) >= 2 || strings.HasPrefix("more", words[0])
}

// bannerDelimiter returns the text that ends the banner which a line opens, or
// "" for any other line and for a banner of one line. A running configuration
// writes the delimiter ETX as `^C`.
func bannerDelimiter(line string) string {
	words := lex(line)
	if len(words) < 3 || !strings.EqualFold(words[0].Text, "banner") {
		return ""
	}
	body := line[words[2].Col:]
	delimiter := body[:1]
	if strings.HasPrefix(body, "^C") {
		delimiter = "^C"
	}
	if strings.Contains(body[len(delimiter):], delimiter) {
		return ""
	}
	return delimiter
}
