package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that the daemon works with: it makes devices, routes and
// rules, sends raw packets, and listens on UDP 500.
const kept = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_NET_BIND_SERVICE

// confined tells the program that it has begun anew by confine.
const confined = "QMIDLE_CONFINED"

// confine gives up what the daemon does not need: dumps of its memory, which has
// keys, and, where it is root, all other capabilities, for itself and whatever it
// runs. Capabilities are a thread's, and a Go program has several from the start; so
// one thread gives them up and begins the program anew, as which it has one. A
// service manager that has done the same leaves nothing to do.
//
// A file of somebody else that only root's power opens cannot be opened any more.
func confine() error {
	if err := withoutDumps(); err != nil {
		return fmt.Errorf("dumps of memory cannot be switched off: %w", err)
	}
	again := os.Getenv(confined) != ""
	if err := os.Unsetenv(confined); err != nil {
		return err
	}
	if again || os.Geteuid() != 0 || len(spare()) == 0 {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range spare() {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("capability %d cannot be given up: %w", c, err)
		}
	}
	if err := keepOnly(); err != nil {
		return fmt.Errorf("the capabilities cannot be given up: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("new privileges cannot be refused: %w", err)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := syscall.Exec(program, os.Args, append(os.Environ(), confined+"=1")); err != nil {
		return fmt.Errorf("the daemon cannot begin anew without the capabilities that it has no use for: %w", err)
	}
	return nil
}

func withoutDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// spare are the capabilities that the thread or what it runs could have, and has no
// use for.
func spare() (all []uintptr) {
	for c := uintptr(0); ; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil {
			return all // the kernel knows no more
		}
		if has == 1 && kept>>c&1 == 0 {
			all = append(all, c)
		}
	}
}

// keepOnly gives up what the thread has beside kept.
func keepOnly() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	want := [2]unix.CapUserData{{Effective: have[0].Effective & kept, Permitted: have[0].Permitted & kept}}
	return unix.Capset(&header, &want[0])
}
