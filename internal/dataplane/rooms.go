package dataplane

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// rooms are buffers of one size outside of Go's heap. They hold the largest packets,
// which hardly ever come: of most the system need never give but the first page. The
// garbage collector would count all of them as in use, and let as much more garbage
// lie.
//
// The memory goes back to the system with the rooms, so that who has one of the
// buffers has to have the rooms too.
type rooms struct{ all [][]byte }

func newRooms(n, size int) *rooms {
	page := os.Getpagesize()
	stride := (size + page - 1) / page * page
	memory, err := unix.Mmap(-1, 0, n*stride, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	r := &rooms{make([][]byte, n)}
	if err != nil {
		memory = make([]byte, n*stride)
	} else {
		runtime.AddCleanup(r, func(memory []byte) { _ = unix.Munmap(memory) }, memory)
	}
	for i := range r.all {
		r.all[i] = memory[i*stride : i*stride+size : i*stride+size]
	}
	return r
}
