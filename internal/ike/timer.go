package ike

import (
	"container/heap"
	"time"
)

// timer is one deadline. It is embedded in what waits for it, and is in at
// most one place of the queue.
type timer struct {
	at    time.Time
	index int // in the queue, plus 1; 0 when not set
	fire  func(now time.Time)
}

// timers is the queue of deadlines, nearest first.
type timers []*timer

func (q timers) Len() int           { return len(q) }
func (q timers) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q timers) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

// Push implements heap.Interface.
func (q *timers) Push(x any) {
	t := x.(*timer)
	*q = append(*q, t)
	t.index = len(*q)
}

// Pop implements heap.Interface.
func (q *timers) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	t.index = 0
	return t
}

// set moves t's deadline, in the queue or not.
func (q *timers) set(t *timer, at time.Time) {
	t.at = at
	if t.index != 0 {
		heap.Fix(q, t.index-1)
		return
	}
	heap.Push(q, t)
}

// clear takes t out of the queue.
func (q *timers) clear(t *timer) {
	if t.index != 0 {
		heap.Remove(q, t.index-1)
	}
}

// expired takes the nearest timer out if its deadline has passed.
func (q *timers) expired(now time.Time) *timer {
	if len(*q) == 0 || (*q)[0].at.After(now) {
		return nil
	}
	return heap.Pop(q).(*timer)
}
