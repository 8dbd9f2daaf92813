package main

import (
	"runtime"
	"testing"
)

func TestSpareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct {
		cores  int
		chosen string
		after  int
	}{{2, "", 2 + waiters}, {2, "2", 2}, {1, "", 1}} {
		runtime.GOMAXPROCS(c.cores)
		t.Setenv("GOMAXPROCS", c.chosen)
		if cores, after := spareProcessors(), runtime.GOMAXPROCS(0); cores != c.cores || after != c.after {
			t.Errorf("GOMAXPROCS=%q: %d cores, %d goroutines at once; want %d and %d", c.chosen, cores, after, c.cores, c.after)
		}
	}
}
