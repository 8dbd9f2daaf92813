package explain

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"qmidle/internal/compare"
	"qmidle/internal/diagnose"
)

// maxPaste is how long a text may be that is searched for configurations: what
// somebody has pasted, not what a daemon has logged.
const maxPaste = 1 << 20

// configurations takes the configurations of routers out of a text, and returns
// the text to be read again. A text beyond maxPaste has none.
func configurations(name string, in io.Reader) (io.Reader, []*compare.File) {
	b := bufio.NewReaderSize(in, maxPaste)
	text, err := b.Peek(maxPaste)
	if err == nil {
		return b, nil
	}
	var files []*compare.File
	for _, part := range configTexts(text) {
		// One that cannot be read is a piece of one, or another make's.
		if f, err := compare.Read(name, part); err == nil {
			files = append(files, f)
		}
	}
	return b, files
}

// configTexts are the configurations in a text that have to do with tunnels, each
// with empty lines for what is not of it, so that lines keep their numbers. A
// configuration goes from its host name to `end`, a prompt, or the next one's
// name.
func configTexts(text []byte) [][]byte {
	var all []*bytes.Buffer
	var hosts []string
	var now *bytes.Buffer
	before := 0 // lines
	for line := range bytes.Lines(text) {
		host := hostOf(line)
		switch {
		case host != "":
			at := slices.Index(hosts, host)
			if at < 0 {
				at = len(hosts)
				hosts, all = append(hosts, host), append(all, bytes.NewBuffer(bytes.Repeat([]byte("\n"), before)))
			}
			now = all[at]
			if n := before - bytes.Count(now.Bytes(), []byte("\n")); n > 0 {
				now.Write(bytes.Repeat([]byte("\n"), n))
			}
		case now != nil && leaves(line, hosts):
			now = nil
		}
		if now != nil {
			now.Write(line)
		}
		before++
	}
	var out [][]byte
	for _, b := range all {
		if bytes.Contains(b.Bytes(), []byte("crypto ")) {
			out = append(out, b.Bytes())
		}
	}
	return out
}

// hostOf is the name in a line `hostname NAME`; "" for any other.
func hostOf(line []byte) string {
	rest, ok := bytes.CutPrefix(line, []byte("hostname "))
	if !ok {
		return ""
	}
	return string(bytes.TrimSpace(rest))
}

// leaves says whether a line is the last of a configuration, or behind it: the
// prompt of a router, or a debug.
func leaves(line []byte, hosts []string) bool {
	line = bytes.TrimRight(line, " \t\r\n")
	if string(line) == "end" || len(line) > 0 && (line[0] == '*' || line[0] == '%') {
		return true
	}
	return slices.ContainsFunc(hosts, func(h string) bool {
		rest, ok := bytes.CutPrefix(line, []byte(h))
		return ok && len(rest) > 0 && (rest[0] == '#' || rest[0] == '>' || rest[0] == '(')
	})
}

// misfits are findings about configurations that do not fit each other.
func misfits(sources []*Source) []diagnose.Finding {
	var files []*compare.File
	for _, s := range sources {
		files = append(files, s.configs...)
	}
	if len(files) < 2 {
		return nil
	}
	c, err := compare.Compare(files)
	if err != nil {
		return nil
	}
	var all []diagnose.Finding
	for _, p := range c.Pairs {
		for i := range p.Findings {
			if f := &p.Findings[i]; f.Kind == compare.Mismatch && (f.Stops[0] || f.Stops[1] || f.Mute[0] || f.Mute[1]) {
				all = append(all, ofConfigurations(p, f))
			}
		}
	}
	return all
}

// ofConfigurations is a finding of a comparison. It is likely at most: a paste may
// lack lines.
func ofConfigurations(p *compare.Pair, f *compare.Finding) diagnose.Finding {
	out := diagnose.Finding{Cause: f.Cause, Certainty: diagnose.Likely, Summary: strings.TrimSuffix(f.Summary, "."),
		Name: p.Ends[0].Name + " with " + p.Ends[1].Name, Tell: "What was pasted may lack lines: compare the whole configurations with `qmidle check`."}
	for _, q := range f.Lines {
		text := q.Text
		if q.Note != "" {
			text = strings.TrimSpace(fmt.Sprintf("%s (%s)", text, q.Note))
		}
		out.Evidence = append(out.Evidence, diagnose.Evidence{Source: q.File, Line: q.Line, Text: text})
	}
	for i, x := range f.Fix {
		where, on := diagnose.Here, "on "
		if x.Gateway == p.Ends[1].Name {
			where = diagnose.AtPeer
		}
		if i > 0 {
			on = "or, instead of that, on "
		}
		why := on + x.Gateway
		if x.Why != "" {
			why += ": " + x.Why
		}
		out.Fix = append(out.Fix, diagnose.Fix{Where: where, System: diagnose.IOS, Text: why, Commands: x.Commands})
	}
	return out
}
