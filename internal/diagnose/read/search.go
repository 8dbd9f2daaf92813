package read

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// search finds every anchor of all phrases in a line. Of each anchor a window of
// up to eight characters is looked for, one that few other anchors have: at every
// place of a line the hash of four characters tells whether a window may begin
// there, and only where one does are anchors compared. Anchors and lines are
// outlines, in which digits are alike.
type search struct {
	maybe   [1 << hashBits / 64]uint64  // the hashes of the windows' beginnings
	heads   [1 << (hashBits - 4)]uint16 // an anchor by hash, counted from 1
	anchors []anchor
}

// anchor is a text that is looked for, without blanks at its ends.
type anchor struct {
	word, mask uint64 // the window as it is read from a line
	at         int    // where it begins in the text
	text       string
	ids        []uint16 // of the wordings that have it
	next       uint16   // of those with the same hash
}

const (
	gramLen   = 4 // characters that are hashed
	windowLen = 8
	hashBits  = 17
)

func hash(word uint64) uint32 { return uint32(word) * 0x9e3779b1 >> (32 - hashBits) }

// newSearch takes the anchors of wordings, which are numbered in this order. The
// error names one that is too short.
func newSearch(texts []string) (*search, error) {
	s := &search{}
	known := make(map[string]int)
	common := make(map[string]int) // how many anchors have a gram, or a window
	for id, text := range texts {
		if len(text) < gramLen {
			return nil, fmt.Errorf("%q is shorter than %d characters", text, gramLen)
		}
		text = zeroDigits(text)
		i, ok := known[text]
		if !ok {
			i = len(s.anchors)
			known[text] = i
			s.anchors = append(s.anchors, anchor{text: text})
			for at := range len(text) - gramLen + 1 {
				common[text[at:at+gramLen]]++
				if len(text)-at >= windowLen {
					common[text[at:at+windowLen]]++
				}
			}
		}
		s.anchors[i].ids = append(s.anchors[i].ids, uint16(id))
	}
	for i := range s.anchors {
		a := &s.anchors[i]
		a.choose(common)
		h := hash(a.word)
		s.maybe[h/64] |= 1 << (h % 64)
		a.next, s.heads[h>>4] = s.heads[h>>4], uint16(i+1)
	}
	return s, nil
}

// choose takes the rarest window of the text.
func (a *anchor) choose(common map[string]int) {
	size := min(windowLen, len(a.text))
	best := 0
	for at := range len(a.text) - size + 1 {
		n := common[a.text[at:at+gramLen]] + 4*common[a.text[at:at+size]]
		if at == 0 || n < best {
			a.at, best = at, n
		}
	}
	var window [windowLen]byte
	copy(window[:], a.text[a.at:])
	a.word, a.mask = binary.LittleEndian.Uint64(window[:]), ^uint64(0)>>(8*(windowLen-size))
}

// hit is an anchor that ends at an offset of the line.
type hit struct {
	id  uint16
	end int
}

// maxHits bounds what is looked at in a line.
const maxHits = 48

// cut is an anchor of which a part stands in a line: the rest must stand in another.
type cut struct {
	anchor uint16
	at     int // where the anchor is cut
	end    int // where it ends in the line, if its first part is missing
}

// scan appends the anchors that stand in the outline of a line, in the order of
// their ends, those that begin in it, and those that end in it.
func (s *search) scan(outline []byte, l *known) {
	f := &l.folded
	f.fold(outline)
	n := len(f.text)
	all := append(f.text, make([]byte, windowLen)...)
	f.text = all
	for i := 0; i+gramLen <= n; i++ {
		word := binary.LittleEndian.Uint64(all[i : i+windowLen])
		h := hash(word)
		if s.maybe[h/64]>>(h%64)&1 == 0 {
			continue
		}
		for next := s.heads[h>>4]; next != 0; {
			id := next - 1
			a := &s.anchors[id]
			next = a.next
			if word&a.mask == a.word || i+windowLen > n {
				s.compare(id, all[:n], i-a.at, l)
			}
		}
	}
	slices.SortStableFunc(l.hits, func(a, b seen) int { return a.end - b.end })
}

// compare compares an anchor with a text from an offset on, which may lie before
// the text.
func (s *search) compare(id uint16, text []byte, from int, l *known) {
	a := &s.anchors[id]
	head, end := max(0, -from), from+len(a.text)
	tail := min(len(a.text), len(text)-from)
	if string(text[max(0, from):min(end, len(text))]) != a.text[head:tail] {
		return
	}
	switch {
	case head > 0 && tail < len(a.text): // three lines
	case head > 0 && a.text[head-1] == ' ' && len(l.ends) < maxHits:
		l.ends = append(l.ends, cut{id, head - 1, l.folded.place(end)})
	case head == 0 && tail == len(a.text):
		l.add(a, l.folded.place(end))
	case head == 0 && a.text[tail-1] == ' ' && len(l.begins) < maxHits:
		l.begins = append(l.begins, cut{anchor: id, at: tail})
	case head == 0 && a.text[tail] == ' ' && len(l.begins) < maxHits:
		l.begins = append(l.begins, cut{anchor: id, at: tail + 1})
	}
}

// over appends the anchors that begin in a line and end in the next one.
func (s *search) over(before, line *line, hits []hit) []hit {
	for _, c := range before.known.begins {
		a := &s.anchors[c.anchor]
		if end := prefixFold(line.outline, skipBlanks(line.outline), a.text[c.at:]); end >= 0 {
			hits = a.hit(end, hits)
		}
	}
	for _, c := range line.known.ends {
		if a := &s.anchors[c.anchor]; behind(before.outline, a.text[:c.at]) {
			hits = a.hit(c.end, hits)
		}
	}
	return hits
}

// behind tells whether a line ends with a text.
func behind(outline []byte, text string) bool {
	at := blanksBefore(outline, len(outline))
	for i := len(text) - 1; i >= 0; i-- {
		if at == 0 || outline[at-1] != text[i] {
			return false
		}
		if at--; text[i] == ' ' {
			at = blanksBefore(outline, at)
		}
	}
	return true
}

// skipBlanks is where a line's first word begins.
func skipBlanks(line []byte) (at int) {
	for at < len(line) && line[at] == ' ' {
		at++
	}
	return at
}

func blanksBefore(line []byte, at int) int {
	for at > 0 && line[at-1] == ' ' {
		at--
	}
	return at
}

// hit appends the wordings of the anchor.
func (a *anchor) hit(end int, hits []hit) []hit {
	for _, id := range a.ids {
		if len(hits) < maxHits {
			hits = append(hits, hit{id, end})
		}
	}
	return hits
}
