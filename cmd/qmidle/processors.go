package main

import (
	"os"
	"runtime"
)

// waiters are the readers that wait in a system call of their own while packets flow:
// of the device, of raw ESP, and of port 4500.
const waiters = 3

// spareProcessors has Go's scheduler run as many goroutines more than there are cores
// as there are such readers, unless the operator has chosen by GOMAXPROCS, and returns
// the cores. The scheduler counts a reader that waits as one that runs, until its
// monitor has seen it for 20 µs; where none other could run, the monitor wakes that
// often for as long as packets flow. On a single core all does best in one thread.
// See docs/performance.md for what either takes. A limit of the cgroup counts as it
// is at the start: Go follows it no more once it is told a number.
func spareProcessors() (cores int) {
	cores = runtime.GOMAXPROCS(0)
	if cores > 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cores + waiters)
	}
	return cores
}
