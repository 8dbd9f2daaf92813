// Package readtest is for tests of the readers of logs: what holds for each of
// them, whatever a log has. It knows no vendor.
package readtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Fuzz reads any text as logs of some vendors: to its end, without a panic, and
// what is quoted of it may go to a terminal.
func Fuzz(f *testing.F, seeds []string, vendors ...*read.Vendor) {
	f.Helper()
	readers, err := read.New(vendors...)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range seeds {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		log, err := readers.Read("f", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(text, "\n") + 1; log.Lines > lines {
			t.Errorf("%d lines of %d", log.Lines, lines)
		}
		for _, o := range log.Observations {
			if i := strings.IndexFunc(o.Evidence.Text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' }); i >= 0 {
				t.Fatalf("%q is quoted", o.Evidence.Text)
			}
		}
		diagnose.Judge(log.Observations)
	})
}

// Files are the texts of the files that a pattern has, one at least.
func Files(f *testing.F, pattern string) (texts []string) {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatal(pattern, err, len(names))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}
