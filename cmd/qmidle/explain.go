package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"qmidle/internal/explain"
)

const explainUsage = `usage: qmidle explain FILE...
       qmidle explain --baseline GOOD BAD...
       qmidle [-s SOCKET] explain [last | peer ADDRESS | packet ...]

Say what is wrong with a tunnel from a log, of any make that docs/explain.md
names, or from a capture (pcap or pcapng); - is standard input. Without a file,
ask the daemon.

The exit status is 0 if no fault is seen, 1 if one is, and 2 if a file cannot be
read or nothing in it is known.

  --baseline GOOD  say where the log parts from GOOD, one of when it worked
  --json           print an object of JSON
  --ladder         draw the messages that the log tells of
  --all            name what looks like a fault and is harmless
  --quiet          print a line for each fault, and no more

  --keys FILE      decrypt IKE of captures: a line for each negotiation with its
                   initiator's cookie, a comma and the encryption key
  --psk-file FILE  check captured aggressive modes against pre-shared keys, one
                   on each line
`

// explainOptions are those of `qmidle explain` with files.
type explainOptions struct {
	explain.Options
	json     bool
	baseline string // a log of when it worked
	ladder   bool   // draw the messages
	keys     string // a file with keys of phase 1
	pskFile  string // a file with pre-shared keys
}

// secrets reads the files with keys.
func (o explainOptions) secrets() (*explain.Secrets, error) {
	s := &explain.Secrets{}
	for _, x := range []struct {
		file string
		read func(io.Reader) error
	}{{o.keys, s.ReadKeys}, {o.pskFile, s.ReadPSKs}} {
		if x.file == "" {
			continue
		}
		if err := readSecrets(x.file, x.read); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", x.file, fileError(err))
		}
	}
	return s, nil
}

func readSecrets(name string, read func(io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// explain is `qmidle explain`, whose options may stand behind it.
func (c *client) explain(args []string) int {
	o := explainOptions{json: c.json}
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.socket, "s", c.socket, "")
	flags.BoolVar(&o.json, "json", c.json, "")
	flags.BoolVar(&o.All, "all", false, "")
	flags.BoolVar(&o.Quiet, "quiet", false, "")
	flags.BoolVar(&o.ladder, "ladder", false, "")
	flags.StringVar(&o.baseline, "baseline", "", "")
	flags.StringVar(&o.keys, "keys", "", "")
	flags.StringVar(&o.pskFile, "psk-file", "", "")
	rest, err := parseInterspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.stdout, explainUsage)
		return exitOK
	}
	if err == nil && o.baseline != "" && len(rest) == 0 {
		err = errors.New("--baseline needs a log to compare")
	}
	if err != nil {
		return usageError(c.stderr, "explain", err)
	}
	if o.baseline == "" && askDaemon(rest) {
		c.json = o.json
		return c.run(append([]string{"explain"}, rest...))
	}
	return explainFiles(rest, o, c.stdout, c.stderr)
}

// askDaemon says whether the words are those of the exec command.
func askDaemon(words []string) bool {
	if len(words) == 0 {
		return true
	}
	for _, w := range []string{"last", "peer", "packet"} {
		if strings.HasPrefix(w, strings.ToLower(words[0])) {
			return true
		}
	}
	return false
}

func explainFiles(names []string, o explainOptions, stdout, stderr io.Writer) int {
	var sources []*explain.Source
	unreadable := false
	secrets, err := o.secrets()
	if err != nil {
		fmt.Fprintf(stderr, "qmidle explain: %v\n", err)
		return exitUnreadable
	}
	for _, name := range names {
		s, err := explainFile(name, secrets)
		if s != nil {
			sources = append(sources, s)
		}
		if err != nil {
			fmt.Fprintf(stderr, "qmidle explain: cannot read %s: %v\n", name, fileError(err))
			unreadable = true
		}
	}
	if len(sources) == 0 {
		return exitUnreadable
	}
	e := explain.Explain(sources)
	if o.baseline != "" {
		good, err := explainFile(o.baseline, secrets)
		if err != nil {
			fmt.Fprintf(stderr, "qmidle explain: cannot read %s: %v\n", o.baseline, fileError(err))
			return exitUnreadable
		}
		e.Baseline = explain.Compare(good, sources[0])
	}
	if err := writeExplanation(e, o, stdout); err != nil {
		fmt.Fprintf(stderr, "qmidle explain: %v\n", err)
		return exitUnreadable
	}
	switch {
	case !e.Understood():
		fmt.Fprintln(stderr, "qmidle explain: nothing in it is known: no line of a log, and no IKE or ESP of a capture\n  hint: docs/explain.md says which logs are, and how to make them")
		return exitUnreadable
	case unreadable:
		return exitUnreadable
	case len(e.Findings) > 0:
		return exitFailed
	}
	return exitOK
}

func writeExplanation(e *explain.Explanation, o explainOptions, stdout io.Writer) error {
	if !o.json {
		text := e.Text(o.Options)
		if o.ladder {
			text += e.Ladder()
		}
		_, err := io.WriteString(stdout, text)
		return err
	}
	if !o.All {
		e.Plain()
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// explainFile reads one file; "-" is standard input. What was read before an
// error is returned too.
func explainFile(name string, s *explain.Secrets) (*explain.Source, error) {
	if name == "-" {
		return explain.Read("standard input", os.Stdin, s)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := &progress{in: f, name: name}
	if info, err := f.Stat(); err == nil && info.Size() > showFrom && term.IsTerminal(int(os.Stderr.Fd())) {
		p.size, p.out = info.Size(), os.Stderr
	}
	defer p.clear()
	return explain.Read(name, p, s)
}

// showFrom is how long a file must be for its progress to be shown.
const showFrom = 32 << 20

// progress shows how much of a file was read, where somebody looks at it.
type progress struct {
	in         io.Reader
	out        io.Writer // nil for nobody
	name       string
	read, size int64
	percent    int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.read += int64(n)
	if p.out != nil {
		if now := min(100, 100*p.read/p.size); now != p.percent {
			p.percent = now
			fmt.Fprintf(p.out, "\r%3d %% of %s", now, strconv.QuoteToGraphic(p.name))
		}
	}
	return n, err
}

// clear takes the line away again.
func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
