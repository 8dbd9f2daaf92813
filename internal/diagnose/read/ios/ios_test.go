package ios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"qmidle/internal/diagnose/read"
)

// Whatever a log holds, it is read to its end, and what is quoted may go to a
// terminal.
func FuzzIOS(f *testing.F) {
	seeds, err := filepath.Glob("../../../explain/testdata/ios-*.log")
	if err != nil || len(seeds) == 0 {
		f.Fatal(err, len(seeds))
	}
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	readers, err := read.New(Vendor())
	if err != nil {
		f.Fatal(err)
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
			for _, r := range o.Evidence.Text {
				if !unicode.IsPrint(r) && r != '\t' {
					t.Fatalf("%q is quoted", o.Evidence.Text)
				}
			}
		}
	})
}
