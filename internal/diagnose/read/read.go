package read

import (
	"fmt"
	"io"
	"slices"
	"time"

	"qmidle/internal/diagnose"
)

// Readers are the vendors whose logs can be read, made ready. They hold no
// state: any number of logs may be read with them.
type Readers struct {
	vendors  []*Vendor
	wordings []wording
	search   *automaton
}

// New compiles the tables of vendors. The error names a phrase that cannot be
// looked for.
func New(vendors ...*Vendor) (*Readers, error) {
	r := &Readers{vendors: vendors}
	var anchors []string
	for i, v := range vendors {
		for _, mark := range v.Marks {
			r.wordings = append(r.wordings, wording{vendor: i, anchor: fold(mark), mark: true})
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
	r.search = newAutomaton(anchors)
	return r, nil
}

// Log is what was read of one log.
type Log struct {
	Observations []diagnose.Observation
	Lines        int            // all of them
	Understood   map[string]int // lines, by vendor
	Cut          int            // lines too long to be read to their end
	Forgotten    uint64         // observations beyond what is kept

	name    string
	readers *Readers
	sink    *sink
	memory  []*Context // by vendor
	counts  []int      // lines understood, by vendor
	last    int        // the vendor of the line before; -1 for none
	lastID  uint64
	time    time.Time
	timed   int // the line that time was looked for in
	years   int

	state uint32 // of the search, behind the last line
	join  []byte
	found []found
}

// line is one of the three that are looked at: a phrase may go over an end.
type line struct {
	text   []byte
	number int
	hits   []hit
	buffer [2][]byte // raw, and cleaned where it had to be
}

// found is a phrase in a line.
type found struct {
	Match
	vendor, length int
	number         int // of the line
}

// Read reads a whole log. The name is for the evidence. An error is the
// reader's; what was read before it is in the log.
func (r *Readers) Read(name string, in io.Reader) (*Log, error) {
	l := &Log{name: name, readers: r, sink: newSink(), last: -1, Understood: make(map[string]int), counts: make([]int, len(r.vendors))}
	for i, v := range r.vendors {
		x := &Context{log: l, vendor: i, sessions: make(map[string]*Session)}
		if v.New != nil {
			x.Memory = v.New()
		}
		l.memory = append(l.memory, x)
	}
	source := newLines(in)
	prev, cur, next := new(line), new(line), new(line)
	for more := l.fetch(source, cur); more; {
		more = l.fetch(source, next)
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

// fetch reads a line and looks for anchors in it. Where there is none the line
// becomes an empty one.
func (l *Log) fetch(source *lines, into *line) bool {
	raw, ok := source.next(into.buffer[0][:0])
	into.buffer[0], into.text, into.hits, into.number = raw, raw, into.hits[:0], source.number
	if !ok {
		into.text = nil
		return false
	}
	search := l.readers.search
	begin := search.step(l.state, search.class['\n'])
	state, hits, plain := search.scan(begin, raw, into.hits)
	if !plain {
		into.text = clean(into.buffer[1][:0], raw)
		into.buffer[1] = into.text
		state, hits, _ = search.scan(begin, into.text, hits[:0])
	}
	l.state, into.hits = state, hits
	return true
}

// read finds the phrases of a line, and lets their vendors tell.
//
// A phrase that goes over the end of a line counts only where the line itself
// says nothing: else two lines that stand together by chance would speak as one.
func (l *Log) read(prev, cur, next *line) {
	l.found = l.found[:0]
	marked, mixed, says := -1, false, false
	for _, within := range [...]bool{true, false} {
		if !within && says {
			break
		}
		for _, h := range cur.hits {
			w := &l.readers.wordings[h.id]
			if w.mark {
				if marked < 0 {
					marked = w.vendor
				}
				continue
			}
			f := l.slot()
			f.vendor, f.length, f.number = w.vendor, w.length, cur.number
			if within && !w.hit(cur.text, h.end, &f.Match) || !within && !l.beyond(w, h, prev, cur, next, f) {
				l.found = l.found[:len(l.found)-1]
				continue
			}
			says = says || !w.Quiet
			mixed = mixed || w.vendor != l.found[0].vendor
		}
	}
	if len(l.found) == 0 {
		l.rest(cur, marked)
		return
	}
	vendor := l.found[0].vendor
	if mixed {
		vendor = l.owner(marked)
		l.found = slices.DeleteFunc(l.found, func(f found) bool { return f.vendor != vendor })
	}
	l.tell(vendor, cur)
}

// slot is a match to be filled in, of those of the line before.
func (l *Log) slot() *found {
	if len(l.found) < cap(l.found) {
		l.found = l.found[:len(l.found)+1]
	} else {
		l.found = append(l.found, found{})
	}
	return &l.found[len(l.found)-1]
}

// beyond looks for a phrase whose anchor is in a line and that begins in the one
// before, or ends in the one behind.
func (l *Log) beyond(w *wording, h hit, prev, cur, next *line, f *found) bool {
	if w.first && h.end >= len(w.anchor) {
		return len(w.parts) > 1 && len(cur.text)-h.end < maxHoleLength && l.across(w, cur, next, f)
	}
	return l.across(w, cur, next, f) || l.across(w, prev, cur, f)
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
	if w.find(l.join[from:], &f.Match) && f.start < len(a.text) && f.end > len(a.text)+1 {
		return true
	}
	l.join = l.join[:from]
	return false
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
			f.Do(x, &f.Match)
		case !f.Quiet:
			x.Match(&f.Match)
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
