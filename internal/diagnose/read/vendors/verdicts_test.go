package vendors

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

// Each line of the file is some lines of a make, parted by \n, behind the cause
// that they tell alone.
func TestVerdicts(t *testing.T) {
	readers, err := Readers()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/verdicts.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		want, text, ok := strings.Cut(s.Text(), "\t")
		if !ok {
			continue
		}
		n++
		text = strings.ReplaceAll(text, `\n`, "\n") + "\n"
		log, err := readers.Read("log", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		got := string(diagnose.NoFault)
		if report := diagnose.Judge(log.Observations); len(report.Findings) > 0 {
			got = string(report.Findings[0].Cause)
		}
		if got != want {
			t.Errorf("%s instead of %s:\n%s", got, want, text)
		}
	}
	if n < 200 {
		t.Errorf("only %d verdicts", n)
	}
}
