package dataplane

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRooms(t *testing.T) {
	r := newRooms(5, 9344)
	for i, room := range r.all {
		if len(room) != 9344 || cap(room) != 9344 {
			t.Fatalf("room %d: %d of %d octets", i, len(room), cap(room))
		}
		for at := range room {
			if room[at] != 0 {
				t.Fatalf("room %d has something in it", i)
			}
			room[at] = byte(i + 1)
		}
	}
	for i, room := range r.all {
		if room[0] != byte(i+1) || room[9343] != byte(i+1) {
			t.Errorf("room %d overlaps another", i)
		}
	}
}

// TestRoomsAreNoGarbage makes batches that hold the largest packets: what they reserve
// is not counted as in use, and it goes back to the system with them.
func TestRoomsAreNoGarbage(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b := newInBatch()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("a batch takes %d octets of the heap", n)
	}
	first := b.rooms.all[0]
	b.rooms.all[0][0] = 1
	b = nil
	for range 1000 {
		runtime.GC()
		if unix.Msync(first, unix.MS_ASYNC) == unix.ENOMEM {
			return
		}
		runtime.Gosched()
	}
	t.Error("the memory is still there")
}
