package connect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"qmidle/internal/gateway"
)

// guardedBy is the environment variable by which a client knows that a process
// before it restores the host.
const guardedBy = "QMIDLE_CLIENT_GUARDED"

// Files returns what Guard has opened for this process, the client.
func Files(n int) (all []*os.File) {
	for i := range n {
		all = append(all, os.NewFile(uintptr(3+i), "inherited"))
	}
	return all
}

// capabilities are what a client needs of root: devices, routes and rules, raw
// sockets and marks, and the ports of IKE.
var capabilities = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}

// confine takes all other capabilities from what the calling thread executes, and
// every way to new ones.
func confine() error {
	for c := uintptr(0); ; c++ {
		if slices.Contains(capabilities, c) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		switch {
		case errors.Is(err, unix.EINVAL): // the kernel knows no more
			return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		case errors.Is(err, unix.EPERM): // somebody else has confined this process
			return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		case err != nil:
			return err
		}
	}
}

// Guarded says whether this process is the client, and not the one before it.
func Guarded() bool { return os.Getenv(guardedBy) != "" }

// Guard runs this program once more, as the client, with some files open for it, and
// returns its exit status. The client can do no more than a client has to. When it
// has been killed, this process restores the host. When this process is killed, the
// kernel tells the client to end.
func Guard(state string, stderr io.Writer, files ...*os.File) int {
	runtime.LockOSThread() // the kernel watches the thread that has begun the client
	if err := confine(); err != nil {
		fmt.Fprintf(stderr, "qmidle: the client cannot be confined: %v\n", err)
		return 1
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), guardedBy+"=1")
	c.Stdin, c.Stdout, c.Stderr, c.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, files
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := c.Start(); err != nil {
		fmt.Fprintf(stderr, "qmidle: the client cannot be started: %v\n", err)
		return 1
	}
	go func() {
		for s := range signals {
			_ = c.Process.Signal(s) // it may have ended
		}
	}()
	err := c.Wait()
	if err == nil {
		return 0
	}
	left := gateway.Release(state)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode() // it has said why
	}
	fmt.Fprintf(stderr, "\nqmidle: the client was killed (%v): the host is restored\n", err)
	if left != nil {
		fmt.Fprintf(stderr, "qmidle: %v\n", left)
	}
	return 1
}
