package connect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"qmidle/internal/gateway"
)

// guardedBy is the environment variable by which a client knows that a process
// before it restores the host.
const guardedBy = "QMIDLE_CLIENT_GUARDED"

// Guarded says whether this process is the client, and not the one before it.
func Guarded() bool { return os.Getenv(guardedBy) != "" }

// Guard runs this program once more, as the client, and returns its exit status.
// When the client has been killed, it restores the host. When this process is
// killed, the kernel tells the client to end.
func Guard(state string, stderr io.Writer) int {
	runtime.LockOSThread() // the kernel watches the thread that has begun the client
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), guardedBy+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
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
