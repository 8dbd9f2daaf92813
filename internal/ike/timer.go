package ike

import (
	"iter"
	"math/bits"
	"time"
)

// instant is a time.Time in a third of its octets, which the timers of an engine tell:
// nanoseconds from a century before the first input on, so that 0 can stand for the
// zero time.
type instant int64

const century = 100 * 365 * 24 * time.Hour

// timer is one deadline. It is embedded in what waits for it, and is in at
// most one place of the wheels.
type timer struct {
	at         instant
	prev, next *timer // in the ring of its slot; nil when not set
	owner      waiting
}

// waiting is what a timer is embedded in: there are many, and a function for each timer
// would be one more object.
type waiting interface {
	due(t *timer, now time.Time)
}

// then is a function that waits for its only timer.
type then func(now time.Time)

func (f then) due(_ *timer, now time.Time) { f(now) }

func (t *timer) isSet() bool { return t.next != nil }

// timers is all deadlines, as hashed hierarchical wheels (Varghese and Lauck): to set one
// and to clear one cost the same however many there are. A wheel has a slot for each value
// of six bits of a deadline in nanoseconds, counted from the first input. A deadline is in the wheel of the highest bits in which it differs from the base, a time that has
// passed, and moves to a finer wheel when the base comes to its slot: at most as often as
// there are wheels. So those of the finer wheels come before those of the coarser, and
// deadlines at one time stay in the order in which they were set.
type timers struct {
	origin time.Time
	base   uint64
	count  int
	wheels [wheels]wheel
	// overdue are deadlines that had passed when they were set, the earliest first.
	overdue *timer
}

const (
	slotBits = 6
	slots    = 1 << slotBits
	wheels   = (63 + slotBits - 1) / slotBits
	// lookAt bounds what is compared to tell the exact next deadline.
	lookAt = 16
)

// wheel is rings of timers by the value of its bits, and which of them there are.
type wheel struct {
	taken uint64
	rings [slots]*timer // the first of each
}

// set moves t's deadline, whether it is set or not.
func (q *timers) set(t *timer, at time.Time) {
	q.clear(t)
	t.at = q.instant(at)
	q.count++
	if key, ok := q.key(t.at); ok {
		q.file(t, key)
		return
	}
	q.overdue = insert(q.overdue, t)
}

// key is a deadline as the wheels have it; ok is false before the base.
func (q *timers) key(at instant) (key uint64, ok bool) {
	d := at - instant(century)
	return uint64(d), d >= 0 && uint64(d) >= q.base
}

func (q *timers) instant(at time.Time) instant {
	if at.IsZero() {
		return 0
	}
	return instant(at.Sub(q.origin) + century)
}

// time is what an instant was made of. It has a monotonic reading where the first input's
// time has one.
func (q *timers) time(i instant) time.Time {
	if i == 0 {
		return time.Time{}
	}
	return q.origin.Add(time.Duration(i) - century)
}

// place is the wheel and the slot of a key.
func (q *timers) place(key uint64) (level, slot int) {
	level = max(0, bits.Len64(key^q.base)-1) / slotBits
	return level, int(key >> (level * slotBits) % slots)
}

func (q *timers) file(t *timer, key uint64) {
	level, slot := q.place(key)
	w := &q.wheels[level]
	w.rings[slot] = push(w.rings[slot], t)
	w.taken |= 1 << slot
}

// clear takes t out.
func (q *timers) clear(t *timer) {
	if !t.isSet() {
		return
	}
	q.count--
	key, ok := q.key(t.at)
	if !ok {
		q.overdue = pull(q.overdue, t)
		return
	}
	level, slot := q.place(key)
	w := &q.wheels[level]
	if w.rings[slot] = pull(w.rings[slot], t); w.rings[slot] == nil {
		w.taken &^= 1 << slot
	}
}

// first is the place with the earliest deadlines of the wheels, and when its slot begins.
func (q *timers) first() (level, slot int, begin uint64, ok bool) {
	for level := range q.wheels {
		if taken := q.wheels[level].taken; taken != 0 {
			slot := bits.TrailingZeros64(taken)
			shift := level * slotBits
			return level, slot, q.base>>shift>>slotBits<<slotBits<<shift | uint64(slot)<<shift, true
		}
	}
	return 0, 0, 0, false
}

// nextDeadline is when expired is to be asked again: when the earliest timer is due or,
// where many are near each other, when they are to be told apart.
func (q *timers) nextDeadline() (at time.Time, ok bool) {
	if q.overdue != nil {
		return q.time(q.overdue.at), true
	}
	level, slot, begin, ok := q.first()
	if !ok {
		return at, false
	}
	first := q.wheels[level].rings[slot]
	if level == 0 {
		return q.time(first.at), true
	}
	earliest := first.at
	n := 0
	for t := range first.all() {
		if n++; n > lookAt {
			return q.origin.Add(time.Duration(begin)), true
		}
		earliest = min(earliest, t.at)
	}
	return q.time(earliest), true
}

// expired takes the earliest timer out if its deadline has passed.
func (q *timers) expired(now time.Time) *timer {
	if t := q.overdue; t != nil {
		if t.at > q.instant(now) {
			return nil
		}
		q.clear(t)
		return t
	}
	until, ok := q.key(q.instant(now))
	if !ok {
		return nil
	}
	for {
		level, slot, begin, ok := q.first()
		if !ok || begin > until {
			q.base = until
			return nil
		}
		if level == 0 {
			t := q.wheels[0].rings[slot]
			q.clear(t)
			q.base = begin
			return t
		}
		q.spread(level, slot, begin)
	}
}

// spread moves the timers of a slot, to whose beginning the base comes, to finer wheels.
func (q *timers) spread(level, slot int, begin uint64) {
	w := &q.wheels[level]
	ring := w.rings[slot]
	w.rings[slot], w.taken = nil, w.taken&^(1<<slot)
	q.base = begin
	for ring != nil {
		t := ring
		ring = pull(ring, t)
		key, _ := q.key(t.at)
		q.file(t, key)
	}
}

// push puts t at the end of a ring, and returns the ring.
func push(ring, t *timer) *timer {
	if ring == nil {
		t.prev, t.next = t, t
		return t
	}
	t.prev, t.next = ring.prev, ring
	ring.prev.next, ring.prev = t, t
	return ring
}

// pull takes t out of its ring, and returns what is left of it.
func pull(ring, t *timer) *timer {
	if t.next == t {
		ring = nil
	} else if t == ring {
		ring = t.next
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.prev, t.next = nil, nil
	return ring
}

// all are the timers of a ring.
func (ring *timer) all() iter.Seq[*timer] {
	return func(yield func(*timer) bool) {
		for t := ring; t != nil && yield(t); {
			if t = t.next; t == ring {
				return
			}
		}
	}
}

// insert puts t into a ring in the order of deadlines, behind its equals.
func insert(ring, t *timer) *timer {
	if ring == nil || t.at < ring.at {
		push(ring, t)
		return t
	}
	behind := ring.prev
	for behind.at > t.at {
		behind = behind.prev
	}
	t.prev, t.next = behind, behind.next
	behind.next.prev, behind.next = t, t
	return ring
}
