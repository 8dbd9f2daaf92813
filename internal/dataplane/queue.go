package dataplane

import (
	"sync"
	"time"

	"qmidle/internal/ipsec"
)

// Limits of the packets that wait for an SA.
const (
	DefaultQueueLimit = 64   // packets for each line of the policy
	totalQueueLimit   = 4096 // packets for all lines together
	queueLifetime     = 30 * time.Second
	acquireInterval   = time.Second
)

// lineKey names a line of the policy.
type lineKey struct{ tag, line uint32 }

func keyOf(e ipsec.PolicyEntry) lineKey { return lineKey{e.Tag, e.Line} }

type waitingPacket struct {
	packet []byte
	since  time.Time
}

type waitingLine struct {
	packets  []waitingPacket
	acquired time.Time // when an SA was last asked for
}

// acquireQueue keeps the packets that wait for an SA, so that the first packet
// of a connection is late but not lost.
type acquireQueue struct {
	mu    sync.Mutex
	limit int
	lines map[lineKey]*waitingLine
	total int
}

func newAcquireQueue(limit int) *acquireQueue {
	return &acquireQueue{limit: limit, lines: map[lineKey]*waitingLine{}}
}

// put copies the packet into the queue of its line. ask says that it is time
// to ask for an SA; aged is how many packets have waited too long and were
// dropped; full says that the packet did not fit.
func (q *acquireQueue) put(k lineKey, packet []byte, now time.Time) (ask bool, aged int, full bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[k]
	if l == nil {
		l = &waitingLine{}
		q.lines[k] = l
	}
	aged = q.age(l, now)
	if ask = now.Sub(l.acquired) >= acquireInterval; ask {
		l.acquired = now
	}
	if len(l.packets) >= q.limit || q.total >= totalQueueLimit {
		return ask, aged, true
	}
	l.packets = append(l.packets, waitingPacket{append([]byte(nil), packet...), now})
	q.total++
	return ask, aged, false
}

// age drops what stands at the head of a line for too long.
func (q *acquireQueue) age(l *waitingLine, now time.Time) int {
	n := 0
	for n < len(l.packets) && now.Sub(l.packets[n].since) > queueLifetime {
		n++
	}
	l.packets = append([]waitingPacket(nil), l.packets[n:]...)
	q.total -= n
	return n
}

// take empties the queues of the lines that match and returns their packets
// in the order in which they came to each line.
func (q *acquireQueue) take(matches func(lineKey) bool) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out [][]byte
	for k, l := range q.lines {
		if !matches(k) {
			continue
		}
		for _, w := range l.packets {
			out = append(out, w.packet)
		}
		q.total -= len(l.packets)
		delete(q.lines, k)
	}
	return out
}

func (q *acquireQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}
