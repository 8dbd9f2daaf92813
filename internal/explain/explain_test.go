package explain

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// said is an answer without the fixes, which have tests of their own.
func said(e *Explanation) string {
	var b strings.Builder
	for _, p := range e.Peers {
		b.WriteString(p.line(false))
	}
	for _, f := range e.Findings {
		fmt.Fprintf(&b, "%s (%s), %s: %s\n", f.Cause, f.Certainty, f.Phase, f.Summary)
		for _, x := range f.Evidence {
			fmt.Fprintf(&b, "  %d: %s\n", x.Line, x.Text)
		}
		fmt.Fprintf(&b, "  or %v\n", f.Alternatives)
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "harmless: %s\n", n.Summary)
	}
	return b.String()
}

// Logs in the vendors' wording, with documentation's addresses; the golden file
// is what is said about them.
func TestLogs(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatal(err, len(logs))
	}
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source, err := Log(filepath.Base(name), strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		got := said(Explain([]*Source{source}))
		golden := strings.TrimSuffix(name, ".log") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
}
