package diagnose

import (
	"fmt"
	"net/netip"
	"strings"
)

const textWidth = 78

// Text is the report for people, in lines of up to 78 columns but for what is
// quoted and typed.
func (r Report) Text() string {
	var b strings.Builder
	if len(r.Findings) == 0 {
		b.WriteString("No fault seen.\n")
	}
	for i := range r.Findings {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeFinding(&b, i+1, &r.Findings[i])
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\nHarmless%s:\n", withPeer(n.Peer))
		Wrap(&b, "  ", sentence(n.Summary))
		writeEvidence(&b, n.Evidence)
	}
	return b.String()
}

func writeFinding(b *strings.Builder, number int, f *Finding) {
	of := ""
	if f.onPath {
		of = " of " + f.Local.String()
	}
	fmt.Fprintf(b, "%d. %s (%s)%s%s%s\n", number, f.Cause, f.Certainty, f.Who(), of, where(f))
	Wrap(b, "  ", sentence(f.Summary))
	writeEvidence(b, f.Evidence)
	if len(f.Alternatives) > 0 {
		var names []string
		for _, a := range f.Alternatives {
			names = append(names, string(a))
		}
		Wrap(b, "  ", "Would look the same: "+strings.Join(names, ", ")+".")
	}
	if f.Tell != "" {
		Wrap(b, "  ", f.Tell)
	}
	for i, x := range f.Fix {
		writeFix(b, f, x, i > 0)
	}
}

func withPeer(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return ", peer " + a.String()
}

// Who is the peer in a heading, by its address or its name; "" for none.
func (f *Finding) Who() string {
	if !f.Peer.IsValid() && f.Name != "" {
		return ", connection " + f.Name
	}
	return withPeer(f.Peer)
}

func where(f *Finding) string {
	if f.Phase == PhaseNone {
		return ""
	}
	if f.Message == 0 {
		return ", " + f.Phase.String()
	}
	return fmt.Sprintf(", %s, message %d", f.Phase, f.Message)
}

func writeEvidence(b *strings.Builder, list []Evidence) {
	if len(list) == 0 {
		return
	}
	b.WriteString("  Seen:\n")
	for _, e := range list {
		b.WriteString("    ")
		switch {
		case e.Source != "" && e.Line > 0:
			fmt.Fprintf(b, "%s:%d: ", e.Source, e.Line)
		case e.Line > 0:
			fmt.Fprintf(b, "line %d: ", e.Line)
		case !e.Time.IsZero():
			b.WriteString(e.Time.UTC().Format("15:04:05.000 "))
		}
		b.WriteString(e.Text)
		if e.Times > 1 {
			fmt.Fprintf(b, " (%d times)", e.Times)
		}
		b.WriteByte('\n')
	}
}

var systemTitles = [...]string{"", "a Cisco router", "a Cisco ASA", "strongSwan", "libreswan"}

func writeFix(b *strings.Builder, f *Finding, x Fix, further bool) {
	title := "Here"
	switch {
	case x.Where == Here && f.onPath:
		title = "At " + f.Local.String()
		if x.System != AnySystem {
			title += ", if that is " + systemTitles[x.System]
		}
	case x.Where == AtPeer && x.System == AnySystem:
		title = "At the peer"
	case x.Where == AtPeer:
		title = "At the peer, if that is " + systemTitles[x.System]
	case x.Where == Between:
		title = "Between the two"
	}
	if !further {
		title = "To mend it. " + title
	}
	if x.Text != "" {
		title += ": " + x.Text
	}
	if len(x.Commands) == 0 {
		Wrap(b, "  ", sentence(title))
		return
	}
	Wrap(b, "  ", title+":")
	for _, c := range x.Commands {
		b.WriteString("    " + c + "\n")
	}
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// Wrap writes text in lines, each behind an indent.
func Wrap(b *strings.Builder, indent, text string) {
	column := 0
	for _, word := range strings.Fields(text) {
		if column > 0 && column+1+len(word) > textWidth {
			b.WriteByte('\n')
			column = 0
		}
		if column == 0 {
			b.WriteString(indent)
			column = len(indent)
		} else {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
