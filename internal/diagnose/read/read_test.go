package read

import (
	"strings"
	"testing"

	"qmidle/internal/diagnose"
)

func testReaders(t testing.TB) *Readers {
	t.Helper()
	r, err := New(
		&Vendor{Name: "one", Marks: []string{"oned:"}, Phrases: Join([]Phrase{
			Says("no proposal from {peer} is acceptable", diagnose.AllOffersRefused, diagnose.Phase1, 1),
			Says("proposal is bad", diagnose.AllOffersRefused, diagnose.Phase1, 1),
			{Text: "{atts|attrs} differ in {detail}, wanted {wanted}", Tell: diagnose.Observation{Kind: diagnose.OfferRefused}},
			Says("shared words here", diagnose.KeyMissing, diagnose.Phase1, 1),
		}, Known("all is well"))},
		&Vendor{Name: "two", Marks: []string{"twod:"}, Phrases: []Phrase{
			Says("shared words here", diagnose.HashMismatch, diagnose.Phase1, 5),
			Says("no proposal from {peer} is acceptable because of the moon", diagnose.Harmless, diagnose.Phase1, 1),
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPhrases(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       diagnose.Kind
		peer       string
		line       int
	}{
		{"plain", "x\nno proposal from 192.0.2.1 is acceptable", diagnose.AllOffersRefused, "192.0.2.1", 2},
		{"any case and blanks", "NO  Proposal\tfrom 192.0.2.1[500] is   acceptable", diagnose.AllOffersRefused, "192.0.2.1", 1},
		{"wrapped in the literal", "no proposal from 192.0.2.1 is\r\n   acceptable\r\n", diagnose.AllOffersRefused, "192.0.2.1", 1},
		{"wrapped in the hole's place", "no proposal from\n192.0.2.1 is acceptable\n", diagnose.AllOffersRefused, "192.0.2.1", 1},
		{"stand-in", "no proposal from x.x.x.x is acceptable", diagnose.AllOffersRefused, "invalid IP", 1},
		{"terminal codes", "\x1b[31mno prop\x1b[0mosal from 192.0.2.1\x07 is acceptable", diagnose.AllOffersRefused, "192.0.2.1", 1},
		{"mark order", "UTF-8", diagnose.KindNone, "", 0},
		{"byte order mark", "\xef\xbb\xbfproposal is bad", diagnose.AllOffersRefused, "invalid IP", 1},
		{"UTF-16", "\xff\xfep\x00r\x00o\x00p\x00o\x00s\x00a\x00l\x00 \x00i\x00s\x00 \x00b\x00a\x00d\x00\n\x00", diagnose.AllOffersRefused, "invalid IP", 1},
		{"alternatives", "attrs differ in hash, wanted sha", diagnose.OfferRefused, "invalid IP", 1},
		{"the mark decides", "twod: shared words here", diagnose.HashMismatch, "invalid IP", 1},
		{"the line before decides", "twod: hello\nno proposal from 192.0.2.1 is acceptable because of the moon\nshared words here", diagnose.Harmless, "192.0.2.1", 2},
		{"the first vendor decides", "shared words here", diagnose.KeyMissing, "invalid IP", 1},
	} {
		log, err := testReaders(t).Read("f", strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if c.kind == diagnose.KindNone {
			if len(log.Observations) > 0 {
				t.Errorf("%s: %+v", c.name, log.Observations)
			}
			continue
		}
		if len(log.Observations) == 0 {
			t.Errorf("%s: nothing seen", c.name)
			continue
		}
		o := log.Observations[0]
		if o.Kind != c.kind || o.Peer.String() != c.peer || o.Evidence.Line != c.line {
			t.Errorf("%s: kind %d of %s in line %d: %q", c.name, o.Kind, o.Peer, o.Evidence.Line, o.Evidence.Text)
		}
		if strings.ContainsAny(o.Evidence.Text, "\x1b\x07\r\n\x00") {
			t.Errorf("%s: the evidence is not clean: %q", c.name, o.Evidence.Text)
		}
	}
}

// Neither a line without end nor a log without end takes more memory than is
// set.
func TestBounds(t *testing.T) {
	log, err := testReaders(t).Read("f", strings.NewReader(strings.Repeat("x", 1<<20)+"\nproposal is bad\n"))
	if err != nil || log.Lines != 2 || log.Cut != 1 || len(log.Observations) != 1 || log.Observations[0].Evidence.Line != 2 {
		t.Errorf("%v %d lines, %d cut, %+v", err, log.Lines, log.Cut, log.Observations)
	}
	var b strings.Builder
	for i := range 3 * maxKept {
		b.WriteString("attrs differ in ")
		b.WriteString(strings.Repeat("h", i%97+1))
		b.WriteString(", wanted sha\n")
	}
	log, err = testReaders(t).Read("f", strings.NewReader(b.String()))
	if err != nil || len(log.Observations) > maxKept || log.Forgotten == 0 {
		t.Errorf("%v, %d observations, %d forgotten", err, len(log.Observations), log.Forgotten)
	}
	log, _ = testReaders(t).Read("f", strings.NewReader(strings.Repeat("proposal is bad\n", 1000)))
	if len(log.Observations) != 1 || log.Observations[0].Evidence.Times != 1000 {
		t.Errorf("%d observations, seen %d times", len(log.Observations), log.Observations[0].Evidence.Times)
	}
}

func TestStamps(t *testing.T) {
	for line, want := range map[string]string{
		"*Mar  1 05:06:03.199: ISAKMP":                         "0004-03-01 05:06:03.199",
		"000123: .Mar 13 15:29:24.294 UTC: x":                  "0004-03-13 15:29:24.294",
		"Oct 24 2019 04:31:10: %ASA-7-713236: x":               "2019-10-24 04:31:10.000",
		"<134>Feb  2 01:02:03 host charon: x":                  "0004-02-02 01:02:03.000",
		"2020-02-03T04:05:06.789+01:00 host pluto[1]: x":       "2020-02-03 04:05:06.789",
		"00:44:00: ISAKMP (0:1): x":                            "0004-01-01 00:44:00.000",
		"May 4 12:00:00 2019 x":                                "2019-05-04 12:00:00.000",
		"ISAKMP: no time at all in this line, none whatsoever": "",
	} {
		got := ""
		if s := stamp([]byte(line)); !s.IsZero() {
			got = s.Format("2006-01-02 15:04:05.000")
		}
		if got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}
