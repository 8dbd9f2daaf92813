package read

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"qmidle/internal/diagnose"
)

// Readers are the vendors whose logs can be read, made ready. They hold no
// state: any number of logs may be read with them.
type Readers struct {
	vendors  []*Vendor
	wordings []wording
	search   *search
}

// New compiles the tables of vendors. The error names a phrase that cannot be
// looked for.
func New(vendors ...*Vendor) (*Readers, error) {
	r := &Readers{vendors: vendors}
	var anchors []string
	for i, v := range vendors {
		for _, mark := range v.Marks {
			r.wordings = append(r.wordings, wording{vendor: i, anchor: strings.TrimSpace(fold(mark)), mark: true, digits: hasDigit(mark)})
		}
		for j := range v.Phrases {
			all, err := compile(&v.Phrases[j], i)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.Name, err)
			}
			r.wordings = append(r.wordings, all...)
		}
	}
	for i := range r.wordings {
		anchors = append(anchors, r.wordings[i].anchor)
	}
	var err error
	r.search, err = newSearch(anchors)
	return r, err
}

// Log is what was read of one log.
type Log struct {
	Observations []diagnose.Observation
	Lines        int            // all of them
	Understood   map[string]int // lines, by vendor
	Cut          int            // lines too long to be read to their end
	Forgotten    uint64         // observations beyond what is kept

	name     string
	readers  *Readers
	sink     *sink
	memory   []*Context // by vendor
	counts   []int      // lines understood, by vendor
	last     int        // the vendor of the line before; -1 for none
	lastID   uint64
	time     time.Time
	timed    int    // the line that time was looked for in
	timeless []byte // the text of the line, if it has no time
	years    int

	outlines *memory
	join     []byte
	found    []found
	matches  []*Match // room for those that are not known
}

// line is one of the three that are looked at: a phrase may go over an end.
type line struct {
	text    []byte
	number  int
	outline []byte
	known   *known    // what the outline says
	own     known     // where it is not remembered
	over    []hit     // anchors that begin in the line before
	buffer  [2][]byte // raw, and cleaned where it had to be
}

// found is a phrase in a line.
type found struct {
	*Match
	vendor, length int
	number         int // of the line
}

// Read reads a whole log. The name is for the evidence. An error is the
// reader's; what was read before it is in the log.
func (r *Readers) Read(name string, in io.Reader) (*Log, error) {
	l := &Log{name: name, readers: r, sink: newSink(), last: -1, outlines: newMemory(), Understood: make(map[string]int), counts: make([]int, len(r.vendors))}
	for i, v := range r.vendors {
		x := &Context{log: l, vendor: i, sessions: make(map[string]*Session)}
		if v.New != nil {
			x.Memory = v.New()
		}
		l.memory = append(l.memory, x)
	}
	source := newLines(in)
	prev, cur, next := &line{known: &known{}}, &line{}, &line{}
	for more := l.fetch(source, prev, cur); more; {
		more = l.fetch(source, cur, next)
		l.read(prev, cur, next)
		prev, cur, next = cur, next, prev
	}
	for i, v := range r.vendors {
		if v.End != nil {
			l.memory[i].Text, l.memory[i].Session = nil, nil
			v.End(l.memory[i])
		}
		if l.counts[i] > 0 {
			l.Understood[v.Name] = l.counts[i]
		}
	}
	l.Observations, l.Forgotten = l.sink.observations(), l.sink.dropped
	l.Lines, l.Cut = source.number, source.cut
	return l, source.failure()
}

// fetch reads a line, and looks for phrases in it.
func (l *Log) fetch(source *lines, before, into *line) bool {
	raw, ok := source.next(into.buffer[0][:0])
	into.buffer[0], into.text, into.number = raw, raw, source.number
	if !ok {
		into.text = nil
		return false
	}
	plain := false
	if into.outline, plain = outline(into.outline[:0], raw); !plain {
		into.text = clean(into.buffer[1][:0], raw)
		into.buffer[1] = into.text
		into.outline = outlineCleaned(into.outline[:0], into.text)
	}
	l.know(into)
	into.over = l.readers.search.over(before, into, into.over[:0])
	return true
}

// read finds the phrases of a line, and lets their vendors tell.
//
// A phrase that goes over the end of a line counts only where the line itself
// says nothing: else two lines that stand together by chance would speak as one.
func (l *Log) read(prev, cur, next *line) {
	l.found = l.found[:0]
	marked, says := l.within(cur)
	if !says {
		for _, h := range cur.over {
			l.beyond(h, prev, cur, next)
		}
		for i := range cur.known.hits {
			s := &cur.known.hits[i]
			l.beyond(hit{s.id, s.end}, prev, cur, next)
		}
	}
	if len(l.found) == 0 {
		l.rest(cur, marked)
		return
	}
	l.yield(marked)
	vendor := l.found[0].vendor
	if slices.ContainsFunc(l.found, func(f found) bool { return f.vendor != vendor }) {
		vendor = l.owner(marked)
		l.found = slices.DeleteFunc(l.found, func(f found) bool { return f.vendor != vendor })
	}
	l.tell(vendor, cur)
}

// within finds the phrases that stand in a line, whose mark it has, and whether
// any of the phrases tells something for sure.
func (l *Log) within(cur *line) (marked int, says bool) {
	marked = -1
	for _, h := range cur.over {
		if w := &l.readers.wordings[h.id]; w.mark {
			if marked < 0 {
				marked = w.vendor
			}
		} else if f := l.slot(w, cur); w.hit(cur.text, h.end, f.Match) {
			says = says || !w.Quiet && !w.Weak
		} else {
			l.drop()
		}
	}
	for i := range cur.known.hits {
		s := &cur.known.hits[i]
		if !s.fits(cur.text) {
			continue
		}
		w := &l.readers.wordings[s.id]
		if w.mark {
			if marked < 0 && (s.verdict == matches || w.stands(cur.text)) {
				marked = w.vendor
			}
			continue
		}
		f := l.slot(w, cur)
		if s.verdict == matches {
			f.Match = &s.match
			f.text = cur.text
		} else if !w.hit(cur.text, s.end, f.Match) {
			l.drop()
			continue
		}
		says = says || !w.Quiet && !w.Weak
	}
	return marked, says
}

// slot is a match to be filled in, of those of the line before.
func (l *Log) slot(w *wording, at *line) *found {
	n := len(l.found)
	if n == len(l.matches) {
		l.matches = append(l.matches, new(Match))
	}
	l.found = append(l.found, found{Match: l.matches[n], vendor: w.vendor, length: w.length, number: at.number})
	return &l.found[n]
}

// drop takes the last slot back.
func (l *Log) drop() { l.found = l.found[:len(l.found)-1] }

// beyond looks for a phrase whose anchor is in a line and that begins in the one
// before, or ends in the one behind.
func (l *Log) beyond(h hit, prev, cur, next *line) {
	w := &l.readers.wordings[h.id]
	if w.mark {
		return
	}
	f := l.slot(w, cur)
	ok := false
	if w.first && h.end >= len(w.anchor) {
		ok = len(w.parts) > 1 && len(cur.text)-h.end < maxHoleLength && l.across(w, cur, next, f)
	} else {
		ok = l.across(w, cur, next, f) || l.across(w, prev, cur, f)
	}
	if !ok {
		l.drop()
	}
}

// across looks for a phrase that goes over the end of a line.
func (l *Log) across(w *wording, a, b *line, f *found) bool {
	if len(a.text) == 0 || len(b.text) == 0 {
		return false
	}
	from := len(l.join)
	if from > 4*maxLine {
		l.join, from = nil, 0 // matches may stand in what was
	}
	l.join = append(append(append(l.join, a.text...), ' '), b.text...)
	f.number = a.number
	if w.find(l.join[from:], f.Match) && f.start < len(a.text) && f.end > len(a.text)+1 {
		return true
	}
	l.join = l.join[:from]
	return false
}

// yield drops the weak phrases of vendors whose mark the line does not bear, where
// there are others.
func (l *Log) yield(marked int) {
	if slices.ContainsFunc(l.found, func(f found) bool { return !f.Weak }) && slices.ContainsFunc(l.found, func(f found) bool { return f.Weak && f.vendor != marked }) {
		l.found = slices.DeleteFunc(l.found, func(f found) bool { return f.Weak && f.vendor != marked })
	}
}

// owner is the vendor of a line with phrases.
func (l *Log) owner(marked int) int {
	best, length := -1, -1
	for _, f := range l.found {
		switch {
		case f.vendor == marked:
			return marked
		case f.vendor == l.last && best != l.last:
			best, length = f.vendor, f.length
		case best != l.last && f.length > length || best < 0:
			best, length = f.vendor, f.length
		}
	}
	return best
}

// tell lets the phrases of a line speak, those that say most first; one within
// the extent of another is none.
func (l *Log) tell(vendor int, cur *line) {
	v, x := l.readers.vendors[vendor], l.memory[vendor]
	l.last = vendor
	l.counts[vendor]++
	x.Text, x.Number = cur.text, cur.number
	if l.timeless = nil; !cur.known.clock {
		l.timeless = cur.text
	}
	if v.Begin != nil {
		v.Begin(x)
	}
	for taken := range l.found {
		f := l.longest(taken == 0)
		if f == nil {
			break
		}
		x.Text, x.Number = f.text, f.number
		switch {
		case f.Do != nil:
			f.Do(x, f.Match)
		case !f.Quiet:
			x.Match(f.Match)
		}
	}
	l.join = l.join[:0]
}

// longest takes the phrase that says most of those that are left, and those that
// lie within its extent; nil for none.
func (l *Log) longest(first bool) *found {
	var best *found
	for i := range l.found {
		if f := &l.found[i]; f.length > 0 && !f.Weak && (best == nil || f.length > best.length) {
			best = f
		}
	}
	for i := range l.found {
		if f := &l.found[i]; best == nil && first && f.Weak {
			best = f
		}
	}
	if best == nil {
		return nil
	}
	for i := range l.found {
		if f := &l.found[i]; f.start < best.end && best.start < f.end {
			f.length = 0
		}
	}
	best.length = 0
	return best
}

// rest gives a line without a phrase to a vendor that wants it.
func (l *Log) rest(cur *line, marked int) {
	vendor := l.last
	if marked >= 0 {
		vendor = marked
		l.counts[marked]++
	}
	if vendor < 0 {
		return
	}
	if v, x := l.readers.vendors[vendor], l.memory[vendor]; v.Rest != nil && x.Block {
		x.Text, x.Number = cur.text, cur.number
		v.Rest(x)
	}
}
