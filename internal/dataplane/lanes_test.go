package dataplane

import (
	"encoding/binary"
	"sync"
	"testing"
)

// numbered is a packet that tells its lane's key and its number there.
func numbered(key, n uint32) arrival {
	return arrival{packet: binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, key), n)}
}

// laneLog is what came of each key, in order.
type laneLog struct {
	mu   sync.Mutex
	seen map[uint32][]uint32
	all  sync.WaitGroup
}

func (l *laneLog) note(packets []arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range packets {
		key := binary.BigEndian.Uint32(a.packet)
		l.seen[key] = append(l.seen[key], binary.BigEndian.Uint32(a.packet[4:]))
		l.all.Done()
	}
}

// TestLanesKeepTheOrder has a reader meet the keys in turns of many lengths, so
// that it does some of the work itself and passes on the rest.
func TestLanesKeepTheOrder(t *testing.T) {
	log := &laneLog{seen: map[uint32][]uint32{}}
	closed, loops := make(chan struct{}), sync.WaitGroup{}
	ls := newLanes(3, closed, &loops, func() func([]arrival) { return log.note })
	const keys, bursts = 7, 5000
	next, last, passed, own := map[uint32]uint32{}, noLane, 0, 0
	for i := range uint32(bursts) {
		key := i / (1 + i%11) % keys
		var packets []arrival
		for range 1 + i%4 {
			packets = append(packets, numbered(key, next[key]))
			next[key]++
		}
		log.all.Add(len(packets))
		if ls.pass(&last, ls.index(key), packets) {
			passed++
		} else {
			own++
			log.note(packets)
		}
		for _, a := range packets {
			clear(a.packet) // a reader uses its memory again
		}
	}
	log.all.Wait()
	close(closed)
	loops.Wait()
	if passed == 0 || own == 0 {
		t.Errorf("%d bursts were passed on, %d not", passed, own)
	}
	for key, n := range next {
		if len(log.seen[key]) != int(n) {
			t.Errorf("key %d: %d of %d packets", key, len(log.seen[key]), n)
		}
		for i, got := range log.seen[key] {
			if got != uint32(i) {
				t.Fatalf("key %d: packet %d at place %d", key, got, i)
			}
		}
	}
}

// TestOneSAHasNoLane: who meets one lane only does the work.
func TestOneSAHasNoLane(t *testing.T) {
	closed, loops := make(chan struct{}), sync.WaitGroup{}
	ls := newLanes(2, closed, &loops, func() func([]arrival) { return func([]arrival) { t.Error("passed on") } })
	last := noLane
	for i := range uint32(100) {
		if ls.pass(&last, 1, []arrival{numbered(1, i)}) {
			t.Fatal("passed on")
		}
	}
	close(closed)
	loops.Wait()
}

// TestLanesEnd: a reader does not wait for lanes that have ended.
func TestLanesEnd(t *testing.T) {
	closed, loops := make(chan struct{}), sync.WaitGroup{}
	block := make(chan struct{})
	ls := newLanes(2, closed, &loops, func() func([]arrival) { return func([]arrival) { <-block } })
	last, done := noLane, make(chan struct{})
	go func() {
		defer close(done)
		for i := range 4 * laneLimit {
			ls.pass(&last, i%2, []arrival{numbered(uint32(i), 0)})
		}
	}()
	close(closed)
	<-done
	close(block)
	loops.Wait()
}

func TestLanesDoNotAllocate(t *testing.T) {
	var worked sync.WaitGroup
	closed, loops := make(chan struct{}), sync.WaitGroup{}
	ls := newLanes(2, closed, &loops, func() func([]arrival) { return func([]arrival) { worked.Done() } })
	last, at, packets := 0, 0, []arrival{numbered(1, 1), numbered(1, 2)}
	n := testing.AllocsPerRun(1000, func() {
		at = 1 - at // another lane each time
		worked.Add(1)
		if !ls.pass(&last, at, packets) {
			t.Error("not passed on")
		}
		worked.Wait()
	})
	if n >= 1 && !raceDetector {
		t.Errorf("%v allocations a burst", n)
	}
	close(closed)
	loops.Wait()
}
