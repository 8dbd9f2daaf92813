package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const exampleDir = "../../examples/site-to-site"

// runExample runs the example that `make demo` shows.
func runExample(t *testing.T) string {
	t.Helper()
	var out, diagnostics bytes.Buffer
	o := Options{Dir: exampleDir, Script: filepath.Join(exampleDir, "demo.script"), Seed: 1, Diagnostics: &diagnostics}
	if code, err := Run(o, &out); code != 0 || err != nil {
		t.Fatalf("exit code %d, error %v", code, err)
	}
	for _, file := range []string{"hub.cfg", "spoke.cfg"} {
		if n := strings.Count(diagnostics.String(), file+":"); n != 1 {
			t.Errorf("%d warnings about %s, want one about its group:\n%s", n, file, diagnostics.String())
		}
	}
	return out.String()
}

var (
	differing = regexp.MustCompile(`0x[0-9A-F]{5,8}\b|\b[0-9A-F]{8}\b|-?\b\d{8,10}\b`)
	blanks    = regexp.MustCompile(` {2,}`)
)

// normal replaces what differs from run to run: addresses in memory, message
// IDs and SPIs. Runs of blanks count as one, since typesetting changes them.
func normal(text string) []string {
	var lines []string
	for line := range strings.Lines(differing.ReplaceAllString(text, "#")) {
		if line = strings.TrimSpace(blanks.ReplaceAllString(line, " ")); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// transcriptOf is the transcript of one command.
func transcriptOf(t *testing.T, transcript, command string) string {
	t.Helper()
	_, rest, found := strings.Cut(transcript, command+"\n")
	if !found {
		t.Fatalf("no %q in the transcript", command)
	}
	prompt := regexp.MustCompile(`(?m)^(hub|spoke)#`)
	if at := prompt.FindStringIndex(rest); at != nil {
		rest = rest[:at[0]]
	}
	return rest
}

// The published debug output of a responder leaves lines out, and this gateway
// leaves none of the published ones out: all are there in their order.
func TestExample19_2(t *testing.T) {
	book, err := os.ReadFile("../trace/testdata/example-19-2.txt")
	if err != nil {
		t.Fatal(err)
	}
	ping := transcriptOf(t, runExample(t), "spoke#ping 192.168.2.1 source 192.168.3.1")
	got := normal(ping)
	for _, want := range normal(string(book)) {
		at := slices.Index(got, want)
		if at < 0 {
			t.Fatalf("missing or out of order: %q in\n%s", want, ping)
		}
		got = got[at+1:]
	}
	if !strings.Contains(ping, "\n!!!!!\nSuccess rate is 100 percent (5/5), ") {
		t.Errorf("the ping is not 5/5:\n%s", ping)
	}
}

func TestExample19_1(t *testing.T) {
	transcript := runExample(t)
	const want = `dst             src             state          conn-id slot
192.1.1.40      192.1.1.42      QM_IDLE              1    0
`
	for _, name := range []string{"hub", "spoke"} {
		if got := transcriptOf(t, transcript, name+"#show crypto isakmp sa"); got != want {
			t.Errorf("%s shows\n%swant\n%s", name, got, want)
		}
	}
}
