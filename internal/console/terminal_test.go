package console

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// screen is a terminal whose operator has typed everything beforehand.
type screen struct {
	keys *strings.Reader
	out  bytes.Buffer
}

func (s *screen) Read(p []byte) (int, error)  { return s.keys.Read(p) }
func (s *screen) Write(p []byte) (int, error) { return s.out.Write(p) }

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// operate types keys and returns what was written, without movements of the
// cursor.
func operate(t *testing.T, r Router, height int, keys string) string {
	t.Helper()
	s := &screen{keys: strings.NewReader(keys)}
	if err := NewTerminal(s, NewSession(r), TerminalOptions{Height: height, Width: 100}).Run(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(escapes.ReplaceAllString(s.out.String(), ""), "\r\n", "\n")
}

func TestTypedLines(t *testing.T) {
	tests := []struct{ name, keys, want string }{
		{"command", "show debugging\r", "hub#show debugging\nhub#"},
		{"both bytes of Enter", "show crypto isakmp sa count | i Dead\r\nshow debugging\r\n",
			"hub#show crypto isakmp sa count | i Dead\nDead ISAKMP SA's: 0\nhub#show debugging\nhub#"},
		{"caret", "show cryptoo\r", "hub#show cryptoo\n         ^\n% Invalid input detected at '^' marker.\n\nhub#"},
		{"ctrl-c drops the line", "clear crypto sa\x03show debugging\r", "show debugging\nhub#"},
		{"ctrl-d leaves", "\x04show debugging\r", "hub#"},
		{"exit leaves", "exit\rshow debugging\r", "hub#exit\n"},
		{"arrow recalls", "show debugging\r\x1b[A\r", "hub#show debugging\nhub#show debugging\nhub#"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := hubRouter(t)
			if got := operate(t, f, 0, tt.keys); !strings.HasSuffix(got, tt.want) || tt.name != "ctrl-c drops the line" && got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if len(f.cleared) != 0 {
				t.Error("a dropped line was done")
			}
		})
	}
}

func TestCtrlZDoesTheLineAndEndsConfigurationMode(t *testing.T) {
	l := live(t)
	out := operate(t, l, 0, "configure terminal\rhostname other\x1ashow version | include uptime\r")
	if len(l.applied) != 1 || !strings.Contains(out, "other uptime is") {
		t.Errorf("applied %d times:\n%s", len(l.applied), out)
	}
}

// A connection that breaks off in configuration mode has changed nothing.
func TestEndOfInputDropsTheLines(t *testing.T) {
	l := live(t)
	operate(t, l, 0, "configure terminal\rhostname other\r")
	if len(l.applied) != 0 {
		t.Error("the lines are in effect")
	}
}

func TestTabAndQuestionMark(t *testing.T) {
	f := upResponder(t)
	out := operate(t, f, 0, "sh\tcry\tisa\tsa cou\t\r")
	if !strings.HasSuffix(out, "Active ISAKMP SA's: 1\n\nStandby ISAKMP SA's: 0\n\nCurrently being negotiated ISAKMP SA's: 0\n\n"+
		"Dead ISAKMP SA's: 0\nhub#") {
		t.Errorf("tab: %q", out)
	}
	out = operate(t, f, 0, "clear crypto ?\r")
	for _, want := range []string{"hub#clear crypto ?\n", "\n  isakmp        Flush the ISAKMP database\n  sa            Clear all crypto SAs\n",
		"% Incomplete command."} {
		if !strings.Contains(out, want) {
			t.Errorf("?: no %q in %q", want, out)
		}
	}
	if strings.Contains(operate(t, f, 0, "show version?\r"), "% Invalid") {
		t.Error("the question mark stays in the line")
	}
}

// erased is what removes ` --More-- `.
var erased = strings.Repeat("\b", len(more)) + strings.Repeat(" ", len(more)) + strings.Repeat("\b", len(more))

func TestPages(t *testing.T) {
	const command = "show crypto isakmp policy\r"
	whole := New(hubRouter(t)).Run("show crypto isakmp policy").Output
	lines := strings.SplitAfter(whole, "\n")
	lines = lines[:len(lines)-1]
	tests := []struct {
		name   string
		height int
		before string // typed before the command
		keys   string
		want   string // what follows the command
	}{
		{"no height", 0, "", "", whole},
		{"high", 100, "", "", whole},
		{"exactly full", len(lines) + 1, "", "", whole},
		{"quit", 6, "", "q", strings.Join(lines[:5], "") + more + erased},
		{"ctrl-c", 6, "", "\x03", strings.Join(lines[:5], "") + more + erased},
		{"space", 6, "", "  ", strings.Join(lines[:5], "") + more + erased + strings.Join(lines[5:10], "") + more + erased + strings.Join(lines[10:], "")},
		{"line", 6, "", "\rq", strings.Join(lines[:5], "") + more + erased + lines[5] + more + erased},
		{"length 0", 6, "terminal length 0\r", "", whole},
		{"length 4", 6, "terminal length 4\r", "q", strings.Join(lines[:3], "") + more + erased},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := operate(t, hubRouter(t), tt.height, tt.before+command+tt.keys)
			_, got, _ := strings.Cut(out, "show crypto isakmp policy\n")
			equal(t, tt.want+"hub#", got)
		})
	}
}

func TestBrokenConnection(t *testing.T) {
	broken := fmt.Errorf("gone")
	rw := struct {
		io.Reader
		io.Writer
	}{io.MultiReader(strings.NewReader("show vers"), errReader{broken}), io.Discard}
	if err := NewTerminal(rw, NewSession(hubRouter(t)), TerminalOptions{}).Run(); err != broken {
		t.Errorf("%v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// Debug lines come from another goroutine, while the operator types.
func TestMonitor(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	if err := near.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	serialized := 0
	term := NewTerminal(far, NewSession(hubRouter(t)), TerminalOptions{Serialize: func(f func()) { serialized++; f() }})
	done := make(chan error)
	go func() { done <- term.Run() }()
	out := bufio.NewReader(near)
	read := func(until string) string {
		var b strings.Builder
		for !strings.HasSuffix(b.String(), until) {
			c, err := out.ReadByte()
			if err != nil {
				t.Fatalf("%v after %q", err, b.String())
			}
			b.WriteByte(c)
		}
		return b.String()
	}
	typed := func(text string) {
		go io.WriteString(near, text)
	}
	read("hub#")
	term.Monitor([]byte("ISAKMP: unseen\n")) // would block: nobody reads
	typed("terminal monitor\r")
	read("terminal monitor\r\nhub#")
	typed("show ver")
	read("show ver")
	go term.Monitor([]byte("ISAKMP:(0): \x1b[2Jseen\n"))
	if got := read("hub#show ver"); !strings.Contains(got, "ISAKMP:(0): .[2Jseen\r\n") {
		t.Errorf("monitor: %q", got)
	}
	typed("\x15terminal no monitor\r")
	read("terminal no monitor\r\nhub#")
	term.Monitor([]byte("ISAKMP: unseen\n"))
	typed("exit\r")
	read("exit\r\n")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if serialized == 0 {
		t.Error("the router was reached past Serialize")
	}
}

// A drawing has colours and lines on a screen that shows them, and neither
// behind a filter nor anywhere else.
func TestDrawingsSuitTheScreen(t *testing.T) {
	f := policyMismatch(t)
	show := func(style Style, line string) string {
		s := &screen{keys: strings.NewReader(line + "\r")}
		if err := NewTerminal(s, NewSession(f), TerminalOptions{Width: 100, Style: style}).Run(); err != nil {
			t.Fatal(err)
		}
		return s.out.String()
	}
	const ladder = "show crypto isakmp ladder"
	const red, cross = "\x1b[31m", "✗"
	for _, test := range []struct {
		text           string
		colored, boxes bool
	}{
		{show(Style{UTF8: true, Color: true}, ladder), true, true},
		{show(Style{Color: true}, ladder), true, false},
		{show(Style{}, ladder), false, false},
		{show(Style{UTF8: true, Color: true}, ladder+" | include fits"), false, false},
		{NewStyled(f, Style{UTF8: true}).Run(ladder).Output, false, true},
		{New(f).Run(ladder).Output, false, false},
	} {
		if !strings.Contains(test.text, "no transform fits a policy") {
			t.Fatalf("no ladder: %q", test.text)
		}
		if strings.Contains(test.text, red) != test.colored || strings.Contains(test.text, cross) != test.boxes {
			t.Errorf("colour %v and boxes %v wanted: %q", test.colored, test.boxes, test.text)
		}
	}
}
