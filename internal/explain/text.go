package explain

import (
	"fmt"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
)

// Options say how much is written.
type Options struct {
	All   bool // name what looks like a fault and is harmless
	Quiet bool // a line for each finding, and no more
}

// maxPeers bounds the peers whose state is listed.
const maxPeers = 50

// Text is the answer for people: what was read, how it stands with each peer,
// and the findings, the most important first.
func (e *Explanation) Text(o Options) string {
	var b strings.Builder
	if o.Quiet {
		for i := range e.Findings {
			f := &e.Findings[i]
			fmt.Fprintf(&b, "%s (%s)%s\n", f.Cause, f.Certainty, f.Who())
		}
		return b.String()
	}
	for _, s := range e.Sources {
		writeSource(&b, s)
	}
	for i, p := range e.Peers {
		if i == maxPeers {
			fmt.Fprintf(&b, "And %d more.\n", len(e.Peers)-i)
			break
		}
		b.WriteString(p.line(len(e.Sources) > 1))
	}
	b.WriteByte('\n')
	if e.Baseline != nil {
		e.Baseline.text(&b)
	}
	r := e.Report
	if !o.All {
		r.Notes = nil
	}
	b.WriteString(r.Text())
	if len(r.Findings) > 0 && len(e.Sources) == 1 && len(e.Sources[0].configs) < 2 {
		b.WriteByte('\n')
		more := "This is one end's view. With the other end's log of the same time, `qmidle explain FILE OTHER` compares the two."
		if e.Sources[0].Capture {
			more = "This is what passed one place on the way. A capture of the same time at the other end shows what is lost between the two; the keys of phase 1 (`--keys FILE`), or a log of either end, say what is in the encrypted messages."
		}
		diagnose.Wrap(&b, "", more)
	}
	return b.String()
}

func writeSource(b *strings.Builder, s *Source) {
	what := "nothing in it is known"
	if len(s.Formats) > 0 {
		what = fmt.Sprintf("%s of %d understood, as %s", count(s.Understood), s.Lines, list(s.Formats))
	}
	diagnose.Wrap(b, "", fmt.Sprintf("%s: %s.", s.Name, what))
	for _, r := range s.Remarks {
		diagnose.Wrap(b, "  ", r+".")
	}
}

func (p Peer) line(many bool) string {
	who := "The peer"
	if p.Addr.IsValid() {
		who = "Peer " + p.Addr.String()
	}
	if p.Of.IsValid() {
		who += " of " + p.Of.String()
	}
	if many {
		who += " (" + p.Source + ")"
	}
	say := func(s string) string {
		if s == "" {
			return "not seen"
		}
		return s
	}
	return fmt.Sprintf("%s: phase 1 %s, phase 2 %s.\n", who, say(p.Phase1), say(p.Phase2))
}

func count(n int) string { return strconv.Itoa(n) }
