package ike

import "qmidle/internal/trace"

// halfOpen is the bounded table of responder SAs whose peer has not yet shown,
// by sending message 3 from its address with our cookie, that it exists. Such
// an SA costs its record and no exponentiation.
type halfOpen struct {
	queue []*sa // oldest first; may hold some that have left
	count int
}

// add admits s, evicting the oldest when the table is full.
func (h *halfOpen) add(s *sa, limit int) {
	for h.count >= limit {
		h.evictOldest()
	}
	s.halfOpen = true
	h.count++
	h.queue = append(h.queue, s)
}

func (h *halfOpen) evictOldest() {
	for len(h.queue) > 0 {
		s := h.queue[0]
		h.queue[0] = nil
		h.queue = h.queue[1:]
		if !s.halfOpen {
			continue
		}
		s.e.stats.Evicted++
		s.halfOpen = false
		h.count--
		s.deleteSA(trace.ReasonEvicted)
		s.purge()
		return
	}
	h.count = 0
}

// remove takes s out of the table: it went on, or it ended. One that was
// refused stays counted until its purge, since it still costs its record.
func (h *halfOpen) remove(s *sa) {
	if !s.halfOpen {
		return
	}
	s.halfOpen = false
	h.count--
	h.compact()
}

// compact drops those that have left once they are the greater part, so that
// the queue stays within twice the table.
func (h *halfOpen) compact() {
	if len(h.queue) < 64 || len(h.queue) < 2*h.count {
		return
	}
	kept := h.queue[:0]
	for _, s := range h.queue {
		if s.halfOpen {
			kept = append(kept, s)
		}
	}
	clear(h.queue[len(kept):])
	h.queue = kept
}
