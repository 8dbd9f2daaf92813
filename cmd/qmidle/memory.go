package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage there may be beside what is in use, in percent. Half as much is
// collected twice as often: as much is allowed as makes that a small part of a core,
// and never more than is in use. A gateway that negotiates makes much garbage, and time
// is what it lacks; one that only keeps its tunnels up makes little, and can be small.
// As measured with 10,000 tunnels: see docs/performance.md.
const (
	leastGarbage = 14
	mostGarbage  = 100
	// mostRate is how many octets a second are allocated where all of that is allowed.
	mostRate = 140 << 20

	// garbageInterval is how often that is looked at.
	garbageInterval = time.Second
	// returnInterval lies between two times that a quiet gateway gives memory back.
	returnInterval = 30 * time.Second
	// keptFree is the part of the heap, in percent, that is not worth giving back.
	keptFree = 4
)

// keepSmall chooses how much garbage there may be until the context ends, unless the
// operator has by GOGC.
func keepSmall(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(garbageInterval)
	defer tick.Stop()
	percent := mostGarbage
	debug.SetGCPercent(percent)
	before := lookAtHeap()
	returned := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := lookAtHeap()
		next := garbageFor(now.allocated-before.allocated, percent)
		before = now
		calm := next == leastGarbage && percent != next
		if next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
		if percent == leastGarbage && now.free > now.used*keptFree/100 && (calm || time.Since(returned) > returnInterval) {
			debug.FreeOSMemory()
			returned = time.Now()
		}
	}
}

// garbageFor is how much garbage there may be, where so many octets were allocated in
// an interval and it was so much before. It falls slowly, for negotiations come in
// bursts.
func garbageFor(octets uint64, before int) int {
	rate := float64(octets) / garbageInterval.Seconds()
	return min(max(int(mostGarbage*rate/mostRate), before*3/4, leastGarbage), mostGarbage)
}

// heap is octets: what has been allocated so far, what objects take, and what is free
// and not given back.
type heap struct{ allocated, used, free uint64 }

func lookAtHeap() heap {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}
