package lab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"qmidle/internal/compare"
	"qmidle/internal/diagnose"
)

// compared holds texts against each other, and proves it.
func compared(t testing.TB, texts map[string]string) *compare.Comparison {
	t.Helper()
	var files []*compare.File
	var names []string
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := compare.Read(name, []byte(texts[name]))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	c, err := compare.Compare(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := Prove(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// generatedPairs are enough to meet each change some times; any number will do.
const generatedPairs = 400

// TestComparisonPredictsTheLab gives one end of a good pair one difference or
// two. What the comparison says of each tunnel is what the lab sees, and each
// difference is named with its lines.
func TestComparisonPredictsTheLab(t *testing.T) {
	ups, downs := 0, 0
	for seed := range uint64(generatedPairs) {
		r := rand.New(rand.NewPCG(seed, 7))
		a, b := goodPair(r)
		var made []change
		what := ""
		for range 1 + r.IntN(2) {
			s, o := a, b
			if r.IntN(2) == 1 {
				s, o = b, a
			}
			if x := changes[r.IntN(len(changes))]; x.make(r, s, o) {
				made = append(made, x)
				what += ", " + x.name + " at " + s.name
			}
		}
		t.Run(fmt.Sprintf("%d%s", seed, what), func(t *testing.T) {
			c := compared(t, map[string]string{"left.cfg": a.text(), "right.cfg": b.text()})
			p := c.Pairs[0]
			problem := ""
			for _, x := range disagreements(c) {
				problem += x + "\n"
			}
			for _, x := range p.Tunnels {
				for _, w := range x.Ways {
					switch {
					case w == nil || w.Outcome == nil:
					case w.Outcome.Up:
						ups++
					default:
						downs++
					}
				}
			}
			for i, x := range made {
				if x.cause == "" || len(made) == 2 && hides(made[1-i], x) {
					continue
				}
				if !nameIn(p, x) {
					problem += fmt.Sprintf("%s is not named with its lines: %s\n", x.name, x.cause)
				}
			}
			if problem != "" {
				t.Errorf("%s\n%s\n--- left.cfg\n%s\n--- right.cfg\n%s", problem, c.Text(), a.text(), b.text())
			}
			for _, key := range []string{"generated-key-of-two", "another-generated-key"} {
				if bytes.Contains([]byte(c.Text()), []byte(key)) {
					t.Errorf("the text shows the key %q", key)
				}
			}
		})
	}
	if ups < generatedPairs/4 || downs < generatedPairs/4 {
		t.Errorf("%d came up and %d did not: the pairs show little", ups, downs)
	}
}

// nameIn says whether a finding names a change, with lines of both files.
func nameIn(p *compare.Pair, x change) bool {
	return slices.ContainsFunc(p.Findings, func(f compare.Finding) bool {
		files := make(map[string]bool)
		numbered := 0
		for _, q := range f.Lines {
			files[q.File] = true
			if q.Line > 0 {
				numbered++
			}
		}
		return f.Cause == x.cause && (f.Kind == compare.Luck) == x.luck && (x.one || len(files) == 2) && (numbered > 0 || x.cause == diagnose.StaleSA)
	})
}

// hides says whether one change may take away what another is about, or undo it.
func hides(x, y change) bool {
	return slices.ContainsFunc(x.about, func(a string) bool { return slices.Contains(y.about, a) })
}
