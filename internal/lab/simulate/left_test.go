package simulate

import (
	"io"
	"runtime"
	"testing"
)

// Of a run that is over nothing is left in the process: no goroutine, and no memory.
func TestRunsLeaveNothing(t *testing.T) {
	heap := func() uint64 {
		for seed := range uint64(12) {
			if _, failure := Draw(seed+1).Run(io.Discard, false); failure != nil {
				t.Fatal(failure)
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first, goroutines := heap(), runtime.NumGoroutine()
	if after := heap(); after > first+first/4+1<<20 {
		t.Errorf("the heap has %d octets after twelve runs, and %d after twelve more", first, after)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, before %d", n, goroutines)
	}
}
