package ladder

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Style is what a terminal can show. The zero value is plain ASCII.
type Style struct {
	UTF8  bool // lines and arrows are drawn as such
	Color bool
}

// Columns of the drawing: 79, so that no terminal of 80 breaks a line.
const (
	timeColumns  = len("15:04:05.000")
	stateColumns = 11
	rungColumns  = 40
	labelMax     = rungColumns - 4 // a line of an arrow stays on either side
	leftLine     = timeColumns + 1 + stateColumns + 1
	columns      = leftLine + 1 + rungColumns + 1 + 1 + stateColumns
	noteColumns  = columns - leftLine - 2
)

// marks are what lines are made of.
type marks struct {
	line, lost, post       string // of an arrow, of one without an answer, of an end
	toLeft, toRight        string
	good, plain, warn, bad string
	rule                   string
}

var (
	ascii = marks{"-", "- ", "|", "<", ">", "+", ".", "!", "X", "-"}
	boxes = marks{"─", "╌", "│", "◄", "►", "✓", "·", "!", "✗", "─"}
)

// Colours, as SGR parameters.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
)

// drawer draws one ladder.
type drawer struct {
	marks
	style Style
	b     strings.Builder
	now   string // the time of the line before
}

// Text draws the ladder, 79 columns wide, with times in UTC.
func (l *Ladder) Text(style Style) string {
	d := drawer{marks: ascii, style: style}
	if style.UTF8 {
		d.marks = boxes
	}
	d.put(bold, "IKE with "+l.Peer.String()+", times in UTC")
	if l.Lost > 0 {
		d.put("", fmt.Sprintf("The first %d events are gone: the flight recorder keeps the last.", l.Lost))
	}
	for i := range l.Sections {
		d.section(&l.Sections[i])
	}
	return d.b.String()
}

func (d *drawer) section(s *Section) {
	d.b.WriteByte('\n')
	for _, line := range wrap(strings.Fields(title(s)), columns) {
		d.put(bold, line)
	}
	d.now = ""
	date := s.Steps[0].Time.UTC().Format(time.DateOnly)
	d.put("", ends(date, s))
	for _, step := range s.Steps {
		at := step.Time.UTC()
		if now := at.Format(time.DateOnly); now != date {
			date = now
			d.put("", strings.Repeat(" ", leftLine)+d.post+" "+now)
		}
		clock := at.Format("15:04:05.000")
		if step.Message != nil {
			d.rung(clock, step.Message)
		} else {
			d.note(clock, step.Note)
		}
		d.now = clock
	}
}

// title names a section: `ISAKMP SA 1, conn-id 1, main mode begun here: failed at MM5`.
func title(s *Section) string {
	if s.SA == 0 {
		return "Outside of an ISAKMP SA"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ISAKMP SA %d", s.SA)
	if s.Conn != 0 {
		fmt.Fprintf(&b, ", conn-id %d", s.Conn)
	}
	if s.Exchange != "" {
		by := "by the peer"
		if s.Role == "initiator" {
			by = "here"
		}
		fmt.Fprintf(&b, ", %s begun %s", s.Exchange, by)
	}
	b.WriteString(": " + s.Outcome)
	switch {
	case s.FailedAt == "":
	case s.Outcome == Failed:
		b.WriteString(" at " + s.FailedAt)
	default:
		b.WriteString(", failed at " + s.FailedAt)
	}
	return b.String()
}

// ends is the date, and the ends' addresses above their columns.
func ends(date string, s *Section) string {
	if s.SA == 0 {
		return date
	}
	left := fmt.Sprintf("%s %*s", date, leftLine-len(date), end(s.Local))
	return left + fmt.Sprintf("%*s", max(1, columns-len(left)), end(s.Remote))
}

// end is an address with its port where that is not IKE's.
func end(a netip.AddrPort) string {
	if a.Port() == 500 {
		return a.Addr().Unmap().String()
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String()
}

// rung draws a message: time, our state, an arrow with its label, the peer's
// state. What does not fit on the arrow stands below it.
func (d *drawer) rung(at string, m *Message) {
	lines := wrap(words(m), labelMax)
	color, right := "", d.post
	if m.Unanswered {
		color, right = yellow, "?"
	}
	peer := m.PeerState
	if peer == "" {
		peer = "?"
	}
	if len(peer) <= stateColumns {
		peer = " " + peer
	}
	// The longest state, AG_INIT_EXCH, stands next to its line without a blank.
	local := fmt.Sprintf("%*s ", stateColumns, m.LocalState)[:stateColumns+1]
	d.put(color, fmt.Sprintf("%s %s%s%s%s%s", at, local, d.post, d.arrow(lines[0], m), right, peer))
	for _, line := range lines[1:] {
		d.put(color, strings.Repeat(" ", leftLine)+d.post+center(line, rungColumns)+d.post)
	}
}

// words are what stands on the arrow of a message.
func words(m *Message) []string {
	label := m.Label
	if m.Encrypted {
		label += "*"
	}
	all := []string{label}
	for _, w := range m.drawn {
		if w == "D" && m.Detail != "" {
			w = "D(" + m.Detail + ")"
		}
		all = append(all, w)
	}
	if m.Again {
		all = append(all, "again")
	}
	if m.Fragments > 0 {
		all = append(all, fmt.Sprintf("in %d fragments", m.Fragments))
	}
	return all
}

func (d *drawer) arrow(label string, m *Message) string {
	line := d.line
	if m.Unanswered {
		line = d.lost
	}
	room := rungColumns - utf8.RuneCountInString(label) - 3 // the blanks and the head
	before := room / 2
	left, right := stretch(line, room-before), stretch(line, before)
	left = strings.Repeat(" ", len(left)-len(strings.TrimRight(left, " "))) + strings.TrimRight(left, " ")
	if m.Sent {
		return left + " " + label + " " + right + d.toRight
	}
	return d.toLeft + left + " " + label + " " + right
}

// stretch repeats a pattern to a number of columns.
func stretch(pattern string, n int) string {
	runes := []rune(strings.Repeat(pattern, n))
	return string(runes[:n])
}

// note draws a line at our end, with its time where it is not that of the line
// before.
func (d *drawer) note(at string, n *Note) {
	if at == d.now {
		at = ""
	}
	mark, color := d.plain, ""
	switch n.Level {
	case Good:
		mark, color = d.good, green
	case Warning:
		mark, color = d.warn, yellow
	case Failure:
		mark, color = d.bad, red
	}
	text := n.Text
	if n.Times > 1 {
		text += fmt.Sprintf(" (%d times)", n.Times)
	}
	for i, line := range wrap(strings.Fields(text), noteColumns) {
		if i > 0 {
			mark, at = d.post, ""
		}
		d.put(color, fmt.Sprintf("%-*s%s %s", leftLine, at, mark, line))
	}
}

func (d *drawer) put(color, line string) {
	if color != "" && d.style.Color {
		line = "\x1b[" + color + "m" + line + "\x1b[0m"
	}
	d.b.WriteString(line + "\n")
}

// wrap joins words into lines of at most so many columns, at least one.
func wrap(words []string, width int) []string {
	lines := []string{""}
	for _, w := range words {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = cut(w, width)
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(w) <= width:
			*last += " " + w
		default:
			lines = append(lines, cut(w, width))
		}
	}
	return lines
}

func cut(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width])
	}
	return s
}

func center(s string, width int) string {
	room := width - utf8.RuneCountInString(s)
	return strings.Repeat(" ", room/2) + s + strings.Repeat(" ", room-room/2)
}
