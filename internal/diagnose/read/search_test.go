package read

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

// pieces are what test lines are made of: wordings whole and in part, with
// digits of all kinds.
var pieces = []string{"no proposal from ", "proposal is bad", "192.0.2.1", " is acceptable", "phase 1 failed", "phase 2 failed", "phase 1", "Phase  2",
	" of ", "\t", "   ", "shared words here", "shared", "words", "here", "attrs differ in ", "sha", ", wanted ", "7", "12", "oned:", "twod4:", "twod5:",
	"round 3 of 12 with ", "round 4 of 12 with ", "x", "é", "\x1b[31m", "because of the moon"}

func digitReaders(t *testing.T) *Readers {
	t.Helper()
	r, err := New(
		&Vendor{Name: "one", Marks: []string{"oned:"}, Phrases: []Phrase{
			Says("no proposal from {peer} is acceptable", diagnose.AllOffersRefused, diagnose.Phase1, 1),
			Says("proposal is bad", diagnose.AllOffersRefused, diagnose.Phase1, 1),
			Says("phase 1 failed", diagnose.AllOffersRefused, diagnose.Phase1, 1),
			Says("phase 2 failed", diagnose.AllOffersRefused, diagnose.Phase2, 1),
			Says("round 3 of {count} with {detail} phase 1", diagnose.KeyMissing, diagnose.Phase1, 1),
			{Text: "attrs differ in {detail}, wanted {wanted}", Tell: diagnose.Observation{Kind: diagnose.OfferRefused}},
		}},
		&Vendor{Name: "two", Marks: []string{"twod4:"}, Phrases: []Phrase{
			Says("shared words here", diagnose.HashMismatch, diagnose.Phase1, 5),
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is remembered of the outline of a line says of another line with it what
// a search of that line says.
func TestOutlinesAreRemembered(t *testing.T) {
	r := digitReaders(t)
	rng := rand.New(rand.NewPCG(1, 2))
	warm := lineLog(r)
	matches := 0
	for range 20000 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		text := b.String()
		got, line := sees(warm, text)
		want := stand(r, line)
		if got != want {
			t.Fatalf("%q:\nremembered %s\nsearched   %s", text, got, want)
		}
		matches += strings.Count(want, "(")
	}
	if matches < 1000 {
		t.Errorf("only %d matches", matches)
	}
}

func lineLog(r *Readers) *Log {
	return &Log{readers: r, outlines: newMemory(), last: -1, counts: make([]int, len(r.vendors))}
}

// sees is what a log finds in a line, and the line as it is cleaned.
func sees(l *Log, text string) (all string, cleaned []byte) {
	at := &line{}
	l.fetch(newLines(strings.NewReader(text)), &line{known: &known{}}, at)
	l.found = l.found[:0]
	l.within(at)
	var each []string
	for _, f := range l.found {
		each = append(each, describe(f.Match))
	}
	slices.Sort(each)
	return strings.Join(each, ""), at.text
}

// stand are the wordings that a comparison of the line with each of them finds.
func stand(r *Readers, line []byte) string {
	var each []string
	for i := range r.wordings {
		w, m := &r.wordings[i], &Match{}
		if at, end := indexFold(line, 0, w.anchor); at >= 0 && !w.mark && w.hit(line, end, m) {
			each = append(each, describe(m))
		}
	}
	slices.Sort(each)
	return strings.Join(each, "")
}

func describe(m *Match) string {
	text := fmt.Sprintf(" (%s %d-%d", m.Text, m.start, m.end)
	for _, name := range m.names {
		text += fmt.Sprintf(" %s=%q", name, m.Hole(name))
	}
	return text + ")"
}

// The search finds every anchor that a comparison at each place finds, and no
// other.
func TestSearchFindsAllAnchors(t *testing.T) {
	texts := []string{"proposal", "no proposal", "phase 0", "isakmp", "isakmp (", "here", "a b c d e f", "words here", "is acceptable"}
	s, err := newSearch(texts)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	hits := 0
	for range 20000 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			switch rng.IntN(3) {
			case 0:
				b.WriteString(texts[rng.IntN(len(texts))])
			case 1:
				word := texts[rng.IntN(len(texts))]
				b.WriteString(word[rng.IntN(len(word)):])
			default:
				b.WriteString(strings.Repeat(" ", rng.IntN(4)))
			}
		}
		text, _ := outline(nil, []byte(b.String()))
		k := &known{}
		s.scan(text, k)
		found := make(map[uint16]int)
		for _, h := range k.hits {
			found[h.id] = h.end
		}
		for id, anchor := range texts {
			at, end := indexFold(text, 0, anchor)
			if got, ok := found[uint16(id)]; ok != (at >= 0) || ok && got != end {
				t.Fatalf("%q in %q: found %v, ends at %d, want %d", anchor, text, ok, got, end)
			}
			hits += min(1, at+1)
		}
	}
	if hits < 10000 {
		t.Errorf("only %d hits", hits)
	}
}

// Eight bytes at once are what one at a time are.
func TestOutlineOfWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		line := make([]byte, 8+rng.IntN(20))
		for i := range line {
			line[i] = byte(' ' + rng.IntN(0x7f-' '))
			if rng.IntN(60) == 0 {
				line[i] = byte(rng.IntN(256))
			}
		}
		got, plain := outline(nil, line)
		odd := strings.ContainsFunc(string(line), func(r rune) bool { return (r < ' ' || r >= 0x7f) && r != '\t' })
		if plain == odd {
			t.Fatalf("%q: plain is %v", line, plain)
		}
		if want := outlineCleaned(nil, line); plain && string(got) != string(want) {
			t.Fatalf("%q: %q, want %q", line, got, want)
		}
	}
}

// A wording that is all anchor and has digits is found whatever the blanks in it.
func TestDigitsBehindBlanks(t *testing.T) {
	r := digitReaders(t)
	for _, text := range []string{"phase 1 failed", "x  phase   1    failed", "phase\t1 failed"} {
		if got, _ := sees(lineLog(r), text); !strings.Contains(got, "phase 1 failed") {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got, _ := sees(lineLog(r), "phase   3   failed"); strings.Contains(got, "failed") {
		t.Errorf("%q", got)
	}
}
