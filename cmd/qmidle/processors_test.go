package main

import (
	"runtime"
	"testing"
)

func TestSpareProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct {
		chosen string
		after  int
	}{{"", 2 + waiters}, {"2", 2}} {
		runtime.GOMAXPROCS(2)
		t.Setenv("GOMAXPROCS", c.chosen)
		if cores, after := spareProcessors(), runtime.GOMAXPROCS(0); cores != 2 || after != c.after {
			t.Errorf("GOMAXPROCS=%q: %d cores, %d goroutines at once; want 2 and %d", c.chosen, cores, after, c.after)
		}
	}
}
