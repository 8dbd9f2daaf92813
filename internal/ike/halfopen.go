package ike

import (
	"cmp"

	"qmidle/internal/trace"
)

// stage says how far the peer of a responder's SA has proven itself.
type stage uint8

const (
	proven   stage = iota // it is authenticated, or we began
	halfOpen              // it has sent message 1, from what may be another's address
	unproven              // it has sent message 3 from there with our cookie, so that it exists
)

// backlog is a bounded table of the SAs in one stage. A half-open SA costs its
// record and no exponentiation, an unproven one two of them. An SA that ended
// stays counted until its purge, since it still costs its record.
type backlog struct {
	stage stage
	queue []*sa // oldest first; may hold some that have left
	count int
}

func (e *Engine) maxHalfOpen() int {
	return e.place.part(cmp.Or(e.cfg.MaxHalfOpen, DefaultMaxHalfOpen))
}

func (e *Engine) maxUnproven() int {
	return e.place.part(cmp.Or(e.cfg.MaxUnproven, DefaultMaxUnproven))
}

func (s *sa) halfOpen() bool { return s.stage == halfOpen }

// add admits s, evicting the oldest when the table is full.
func (b *backlog) add(s *sa, limit int) {
	for b.count >= limit {
		b.evictOldest()
	}
	s.stage = b.stage
	b.count++
	b.queue = append(b.queue, s)
}

func (b *backlog) evictOldest() {
	for len(b.queue) > 0 {
		s := b.queue[0]
		b.queue[0] = nil
		b.queue = b.queue[1:]
		if s.stage != b.stage {
			continue
		}
		s.e.stats.Evicted++
		s.stage = proven
		b.count--
		s.deleteSA(trace.ReasonEvicted)
		s.purge()
		return
	}
	b.count = 0
}

// remove takes s out of the table: it went on, or it is purged.
func (b *backlog) remove(s *sa) {
	if s.stage != b.stage {
		return
	}
	s.stage = proven
	b.count--
	b.compact()
}

// compact drops those that have left once they are the greater part, so that
// the queue stays within twice the table.
func (b *backlog) compact() {
	if len(b.queue) < 64 || len(b.queue) < 2*b.count {
		return
	}
	kept := b.queue[:0]
	for _, s := range b.queue {
		if s.stage == b.stage {
			kept = append(kept, s)
		}
	}
	clear(b.queue[len(kept):])
	b.queue = kept
}
