// Package netns runs code of tests in network namespaces. It makes none and knows
// nothing of what runs there.
package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs f on a thread of its own that is in the namespace of this name (ip-netns(8)),
// and returns its error. Sockets that f opens and processes that it starts stay there;
// goroutines that it starts do not.
func Do(name string, f func() error) error {
	done := make(chan error)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, so that no other
		// code finds itself in the namespace.
		runtime.LockOSThread()
		if err := enter(name); err != nil {
			done <- fmt.Errorf("network namespace %s: %w", name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// enter takes the calling thread there.
func enter(name string) error {
	ns, err := os.Open("/run/netns/" + name)
	if err != nil {
		return err
	}
	defer ns.Close()
	return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
}
