package read

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// known is what the outline of a line says of the line: phrases and their holes
// stand at the same places in all lines with this outline, unless a phrase has
// digits. A daemon writes a few hundred kinds of lines, so most need not be
// searched.
type known struct {
	outline []byte
	hits    []seen // anchors that stand in the line, in the order of their ends
	begins  []cut  // those that begin in it
	ends    []cut  // those that end in it
	clock   bool   // there may be a time of day near its start
	folded  folded // while it is searched
}

// seen is a wording whose anchor stands in a line.
type seen struct {
	id      uint16
	verdict verdict
	end     int // of the anchor
	match   Match
	digits  []digit // of which the verdict depends
}

// digit is one of a wording's, and where a line must have it.
type digit struct {
	at    int32
	value byte
}

type verdict uint8

const (
	differs verdict = iota // the wording does not stand in the line
	matches                // it does, if the digits are the same
	unsure                 // it may stand at several places
)

// add takes an anchor, the first time that it is found.
func (k *known) add(a *anchor, end int) {
	for _, id := range a.ids {
		if len(k.hits) < maxHits && !slices.ContainsFunc(k.hits, func(s seen) bool { return s.id == id }) {
			k.hits = append(k.hits, seen{id: id, end: end})
		}
	}
}

// fits tells whether a line with the outline has the digits.
func (s *seen) fits(text []byte) bool {
	for _, d := range s.digits {
		if text[d.at] != d.value {
			return false
		}
	}
	return s.verdict != differs
}

// memory keeps what is known of outlines. Where more than two have the same
// place, the latest drives out the one that was not seen for longest.
type memory struct {
	seed maphash.Seed
	sets [1 << memoryBits][2]*known // the one used last first
	hits int                        // of all of them
}

// Bounds of what is kept of outlines: a few MB.
const (
	memoryBits = 11
	maxOutline = 400      // bytes
	maxSeen    = 16 << 10 // hits
)

func newMemory() *memory { return &memory{seed: maphash.MakeSeed()} }

// know sets what is known of a line.
func (l *Log) know(at *line) {
	set := &l.outlines.sets[maphash.Bytes(l.outlines.seed, at.outline)>>(64-memoryBits)]
	for i, k := range set {
		if k != nil && string(k.outline) == string(at.outline) {
			at.known = k
			set[0], set[i] = set[i], set[0]
			return
		}
	}
	k := &at.own
	k.hits, k.begins, k.ends = k.hits[:0], k.begins[:0], k.ends[:0]
	l.readers.learn(at, k)
	if at.known = k; len(at.outline) > maxOutline {
		return
	}
	if l.outlines.hits += len(k.hits); l.outlines.hits > maxSeen {
		clear(l.outlines.sets[:])
		l.outlines.hits = len(k.hits)
	}
	set[0], set[1] = k.copy(at.outline), set[0]
}

func (k *known) copy(outline []byte) *known {
	c := &known{outline: slices.Clone(outline), hits: slices.Clone(k.hits), begins: slices.Clone(k.begins), ends: slices.Clone(k.ends), clock: k.clock}
	for i := range c.hits {
		c.hits[i].match.text = nil
	}
	return c
}

// learn searches a line.
func (r *Readers) learn(at *line, k *known) {
	r.search.scan(at.outline, k)
	k.clock = bytes.Contains(at.outline[:min(len(at.outline), stampWithin+32)], []byte("00:00:00"))
	for i := range k.hits {
		s := &k.hits[i]
		s.judge(&r.wordings[s.id], at.outline)
	}
}

// judge matches the wording with an outline.
func (s *seen) judge(w *wording, outline []byte) {
	switch {
	case w.mark && w.digits:
		s.verdict = unsure
	case w.mark:
		s.verdict = matches
	case !w.alike.hit(outline, s.end, &s.match):
		s.verdict = differs
	default:
		s.verdict = unsure
		var sure bool
		if s.digits, sure = w.digitsAt(outline, &s.match); sure {
			s.verdict = matches
		}
	}
	s.match.Phrase = w.Phrase
}
