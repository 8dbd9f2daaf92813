package lab

import (
	"container/heap"
	"time"
)

// epoch is where the virtual clock begins: what a router shows whose clock
// nothing has set.
var epoch = time.Date(2002, time.March, 1, 0, 0, 0, 0, time.UTC)

// clock is the virtual time and what is to happen, in the order of time and,
// for one time, of being asked for.
type clock struct {
	now   time.Time
	queue eventQueue
	made  uint64
}

type event struct {
	at  time.Time
	seq uint64
	do  func()
}

// after makes do happen in d.
func (c *clock) after(d time.Duration, do func()) {
	c.made++
	heap.Push(&c.queue, event{c.now.Add(d), c.made, do})
}

// next is when the next event happens; false when there is none.
func (c *clock) next() (time.Time, bool) {
	if len(c.queue) == 0 {
		return time.Time{}, false
	}
	return c.queue[0].at, true
}

// take removes the next event and makes its time the present.
func (c *clock) take() func() {
	e := heap.Pop(&c.queue).(event)
	c.now = e.at
	return e.do
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *eventQueue) Push(x any) { *q = append(*q, x.(event)) }

// Pop implements heap.Interface.
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}
