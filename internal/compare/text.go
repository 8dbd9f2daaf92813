package compare

import (
	"fmt"
	"slices"
	"strings"

	"qmidle/internal/diagnose"
)

// Text is the comparison for people, in lines of up to 78 columns but for what is
// quoted and typed.
func (c *Comparison) Text() string {
	var b strings.Builder
	for i, p := range c.Pairs {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.write(&b)
	}
	for _, g := range c.Alone {
		fmt.Fprintf(&b, "\n%s (%s) names none of the others as its peer, and none names it.\n", g.Name, g.File.Name)
	}
	if len(c.Weak) > 0 {
		b.WriteString("\nWeak algorithms:\n")
		for _, f := range c.Weak {
			b.WriteByte('\n')
			diagnose.Wrap(&b, "  ", sentence(f.Summary))
			writeQuotes(&b, f.Lines)
		}
	}
	c.writeNotes(&b)
	b.WriteByte('\n')
	diagnose.Wrap(&b, "", c.conclusion())
	return b.String()
}

func (p *Pair) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s (%s) and %s (%s)\n", p.Ends[0].Name, p.Ends[0].File.Name, p.Ends[1].Name, p.Ends[1].File.Name)
	if len(p.Tunnels) == 0 {
		words := "There is no tunnel between them."
		if p.elsewhere {
			words = "There is no tunnel between them that could be compared."
		}
		b.WriteString("\n  " + words + "\n")
	}
	for _, t := range p.Tunnels {
		t.write(b)
	}
	number := 0
	for kind, title := range []string{"What does not fit:", "What works by luck:"} {
		first := true
		for i := range p.Findings {
			f := &p.Findings[i]
			if f.Kind != Kind(kind) {
				continue
			}
			if first {
				fmt.Fprintf(b, "\n%s\n", title)
				first = false
			}
			number++
			b.WriteByte('\n')
			p.writeFinding(b, number, f)
		}
	}
}

func (t *Tunnel) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n  Tunnel %d: %s\n", t.Number, t.Protect)
	if a, z := t.Ways[0], t.Ways[1]; a != nil && z != nil && a.verdict() == z.verdict() {
		fmt.Fprintf(b, "    begun by %s or %s: %s", a.From.Name, z.From.Name, a.verdict())
		return
	}
	for _, w := range t.Ways {
		if w != nil {
			fmt.Fprintf(b, "    begun by %s: %s", w.From.Name, w.verdict())
		}
	}
}

// verdict is what becomes of a tunnel, with the algorithms that it has, in lines.
func (w *Way) verdict() string {
	o := w.Outcome
	switch {
	case o == nil && !w.Up, o != nil && !o.Up:
		return w.down()
	case o == nil:
		return "would come up; not tried in the lab\n"
	}
	words := "comes up"
	switch {
	case !o.Passes:
		words += ", and its packets do not arrive"
	case !o.Returns:
		words += ", and answers do not come back"
	default:
		words += "; packets pass both ways"
	}
	if w.Cause != "" && !(o.Passes && o.Returns) {
		words += ": " + string(w.Cause)
	}
	if !w.Known {
		words += " (as far as it is compared)"
	}
	if w.Beyond != "" {
		words += "; in the lab, which knows nothing of " + string(w.Beyond) + " below"
	}
	nat := ""
	if o.NAT {
		nat = ", in UDP"
	}
	return fmt.Sprintf("%s\n      phase 1: %s, %s\n      phase 2: %s%s, %s, %s, %s\n", words, suite(o.Phase1), seconds(o.Phase1.Lifetime),
		setWords(o.Transform), nat, pfsWord(o), seconds(o.Lives.Seconds), kilobytes(o.Lives.Kilobytes))
}

func pfsWord(o *Outcome) string {
	if o.PFS == 0 {
		return "no PFS"
	}
	return "PFS group " + itoa(int(o.PFS))
}

// down says why a tunnel does not come up: by the comparison, else by what the
// lab saw.
func (w *Way) down() string {
	words := "does not come up"
	if !w.Known {
		words += ", as far as it is compared"
	}
	switch {
	case w.Cause != "":
		words += ": " + string(w.Cause)
	case w.Outcome != nil && len(w.Outcome.Diagnosis.Findings) > 0:
		f := w.Outcome.Diagnosis.Findings[0]
		words += ": " + string(f.Cause) + "\n      " + f.Summary
	}
	return words + "\n"
}

func (p *Pair) writeFinding(b *strings.Builder, number int, f *Finding) {
	var head strings.Builder
	diagnose.Wrap(&head, "   ", fmt.Sprintf("%s: %s", f.Cause, sentence(f.Summary)))
	fmt.Fprintf(b, "%2d.%s", number, strings.TrimPrefix(head.String(), "  "))
	writeQuotes(b, f.Lines)
	if about := p.about(f); about != "" {
		diagnose.Wrap(b, "    ", about)
	}
	for i, x := range f.Fix {
		title := "or at "
		if i == 0 {
			title = "To mend it, at "
		}
		title += x.Gateway
		if x.Why != "" {
			title += " (" + x.Why + ")"
		}
		fmt.Fprintf(b, "    %s:\n", title)
		for _, c := range x.Commands {
			fmt.Fprintf(b, "      %s\n", c)
		}
	}
}

// about says which tunnels a finding is about, and what it does to them.
func (p *Pair) about(f *Finding) string {
	which := "tunnels"
	if n := len(f.Tunnels); n > 0 && n < len(p.Tunnels) {
		var numbers []string
		for _, x := range f.Tunnels {
			numbers = append(numbers, itoa(x))
		}
		which = "tunnel " + list(numbers)
		if n > maxQuotes {
			which = itoa(n) + " tunnels"
		}
	}
	by := func(b [2]bool) string {
		switch b {
		case both:
			return "by either end"
		case begunBy(0):
			return "by " + p.Ends[0].Name
		}
		return "by " + p.Ends[1].Name
	}
	var parts []string
	if f.Stops != [2]bool{} {
		parts = append(parts, "Stops "+which+" begun "+by(f.Stops)+".")
	}
	if f.Mute != [2]bool{} {
		parts = append(parts, "Packets do not pass both ways by "+which+" begun "+by(f.Mute)+".")
	}
	if len(parts) == 0 && which != "tunnels" {
		parts = append(parts, "About "+which+".")
	}
	return strings.Join(parts, " ")
}

func writeQuotes(b *strings.Builder, lines []Quote) {
	for _, q := range lines {
		b.WriteString("      " + q.String() + "\n")
	}
}

// String is the line behind its place, as a compiler shows it.
func (q Quote) String() string {
	switch {
	case q.Line == 0:
		return q.File + ": (" + q.Note + ")"
	case q.Note != "":
		return fmt.Sprintf("%s:%d: %s    (%s)", q.File, q.Line, q.Text, q.Note)
	}
	return fmt.Sprintf("%s:%d: %s", q.File, q.Line, q.Text)
}

func (c *Comparison) writeNotes(b *strings.Builder) {
	var assumed, left []Note
	for _, g := range c.Gateways {
		assumed = append(assumed, g.Assumed...)
	}
	for _, p := range c.Pairs {
		for _, n := range p.NotCompared {
			if !slices.ContainsFunc(left, func(o Note) bool { return o.Text == n.Text && slices.Equal(o.Lines, n.Lines) }) {
				left = append(left, n)
			}
		}
	}
	for _, x := range []struct {
		title string
		notes []Note
	}{{"Assumed:", assumed}, {"Not compared:", left}} {
		if len(x.notes) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s\n\n", x.title)
		for _, n := range x.notes {
			diagnose.Wrap(b, "  ", sentence(n.Text))
			writeQuotes(b, n.Lines)
		}
	}
}

// conclusion is the last line.
func (c *Comparison) conclusion() string {
	tunnels, good, mismatches, lucky := 0, 0, 0, 0
	for _, p := range c.Pairs {
		tunnels += len(p.Tunnels)
		for _, t := range p.Tunnels {
			if t.good() {
				good++
			}
		}
		for _, f := range p.Findings {
			if f.Kind == Mismatch {
				mismatches++
			} else {
				lucky++
			}
		}
	}
	return fmt.Sprintf("%s: %s. %s, %s, %s.", count(tunnels, "tunnel", "tunnels"), comesUp(good), count(mismatches, "mismatch", "mismatches"),
		count(lucky, "thing that works by luck", "things that work by luck"), count(len(c.Weak), "weak algorithm", "weak algorithms"))
}

// good says whether a tunnel comes up, and passes packets, from each end that can
// begin it.
func (t *Tunnel) good() bool {
	for _, w := range t.Ways {
		if w != nil && !w.good() {
			return false
		}
	}
	return t.Ways != [2]*Way{}
}

func comesUp(n int) string {
	if n == 1 {
		return "1 comes up and passes packets whoever begins"
	}
	return itoa(n) + " come up and pass packets whoever begins"
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}

// sentence ends with a full stop. It may begin with a name, which keeps its case.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
