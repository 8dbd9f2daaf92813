package dataplane

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	laneLimit = 32        // bursts that wait in a lane before its reader waits too
	burstRoom = 64 * 1024 // octets; a burst that needs more gets more
)

// arrival is a packet as a reader has it: from the TUN device, or ESP with
// where it came from.
type arrival struct {
	packet   []byte
	from, to netip.AddrPort
	tos      uint8
}

// lanes spread the work of many SAs over the cores. What is of one SA, and of
// its successors, is always in the same lane, and a lane keeps the order. As
// long as a reader meets one lane only, it does the work itself: to wake
// another thread for it would cost more than it gains.
type lanes struct {
	all    []*lane
	closed <-chan struct{}
	bursts sync.Pool
}

type lane struct {
	queue   chan *burst
	waiting atomic.Int32 // bursts in the queue, and the one in work
}

// burst is copies of packets, in memory that is used again.
type burst struct {
	memory  []byte
	packets []arrival
}

// newLanes starts n workers, each with a function of its own.
func newLanes(n int, closed <-chan struct{}, loops *sync.WaitGroup, worker func() func([]arrival)) *lanes {
	ls := &lanes{closed: closed}
	ls.bursts.New = func() any { return &burst{memory: make([]byte, 0, burstRoom)} }
	for range n {
		l := &lane{queue: make(chan *burst, laneLimit)}
		ls.all = append(ls.all, l)
		work := worker()
		loops.Go(func() { ls.run(l, work) })
	}
	return ls
}

func (ls *lanes) run(l *lane, work func([]arrival)) {
	for {
		select {
		case <-ls.closed:
			return
		case b := <-l.queue:
			work(b.packets)
			l.waiting.Add(-1)
			ls.bursts.Put(b)
		}
	}
}

// index is the lane of a key.
func (ls *lanes) index(key uint32) int { return int(key % uint32(len(ls.all))) }

// noLane is the last lane of a reader that has met none.
const noLane = -1

// pass queues copies of packets in their lane, unless the reader, whose last
// lane it is told, is to do the work itself: then it returns false, and nothing
// of that lane is waiting or in work.
func (ls *lanes) pass(last *int, at int, packets []arrival) bool {
	again := *last == at || *last == noLane
	*last = at
	l := ls.all[at]
	if len(ls.all) == 1 || again && l.waiting.Load() == 0 {
		return false
	}
	b := ls.bursts.Get().(*burst)
	b.copy(packets)
	l.waiting.Add(1)
	select {
	case l.queue <- b:
	case <-ls.closed:
	}
	return true
}

func (b *burst) copy(packets []arrival) {
	total := 0
	for _, a := range packets {
		total += len(a.packet)
	}
	if cap(b.memory) < total {
		b.memory = make([]byte, 0, total)
	}
	b.memory, b.packets = b.memory[:0], b.packets[:0]
	for _, a := range packets {
		start := len(b.memory)
		b.memory = append(b.memory, a.packet...)
		a.packet = b.memory[start:len(b.memory):len(b.memory)]
		b.packets = append(b.packets, a)
	}
}
