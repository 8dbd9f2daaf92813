package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qmidle/internal/compare"
)

// TestComparisons holds what is said of the configurations in
// testdata/compare against what stands behind them.
func TestComparisons(t *testing.T) {
	files, err := filepath.Glob("testdata/compare/*.txt")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d comparisons, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			const mark = "-- output --\n"
			head, want, found := strings.Cut(string(text), mark)
			if !found {
				t.Fatal("no output part")
			}
			got := comparison(t, splitParts(head))
			if *update {
				if err := os.WriteFile(file, []byte(head+mark+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func comparison(t *testing.T, parts []part) string {
	t.Helper()
	var files []*compare.File
	for _, p := range parts {
		f, err := compare.Read(p.name, []byte(p.text))
		if err != nil {
			return "cannot be compared:\n" + err.Error() + "\n"
		}
		files = append(files, f)
	}
	c, err := compare.Compare(files)
	if err != nil {
		return "cannot be compared: " + err.Error() + "\n"
	}
	if err := Prove(c); err != nil {
		t.Fatal(err)
	}
	verdict := "not good\n"
	if c.OK() {
		verdict = "good\n"
	}
	for _, secret := range []string{"lab-key-of-two", "another-lab-key"} {
		if strings.Contains(c.Text(), secret) {
			t.Errorf("the text shows the key %q", secret)
		}
	}
	for _, problem := range disagreements(c) {
		t.Error(problem)
	}
	return c.Text() + verdict
}

// disagreements are where what was predicted is not what the lab saw, or was not
// tried.
func disagreements(c *compare.Comparison) (all []string) {
	for _, p := range c.Pairs {
		for _, x := range p.Tunnels {
			for _, w := range x.Ways {
				switch {
				case w == nil || w.Outcome == nil && !w.Up:
				case w.Outcome == nil:
					all = append(all, fmt.Sprintf("tunnel %d begun by %s was not tried", x.Number, w.From.Name))
				case w.Up != w.Outcome.Up || w.Passes != (w.Outcome.Passes && w.Outcome.Returns):
					all = append(all, fmt.Sprintf("tunnel %d begun by %s: up %v, passes %v; the lab: up %v, passes %v, returns %v", x.Number, w.From.Name,
						w.Up, w.Passes, w.Outcome.Up, w.Outcome.Passes, w.Outcome.Returns))
				}
			}
		}
	}
	return all
}
