package dataplane

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// threadNamespace is the network namespace of the calling thread.
const threadNamespace = "/proc/thread-self/ns/net"

// namespace is the network namespace that a Userspace was opened in. Other
// threads of the process may be in another one.
type namespace struct{ file *os.File }

func openNamespace() (namespace, error) {
	f, err := os.Open(threadNamespace)
	if err != nil {
		return namespace{}, fmt.Errorf("network namespace: %w", err)
	}
	return namespace{f}, nil
}

func (n namespace) close() error { return n.file.Close() }

// do runs f on a thread in the namespace. Only where the calling thread is not
// there already does it need CAP_SYS_ADMIN.
func (n namespace) do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		same, err := n.here()
		if err == nil && !same {
			// The thread stays locked and ends with the goroutine: no other code
			// finds itself in the namespace.
			err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		if same {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

func (n namespace) here() (bool, error) {
	mine, err := os.Stat(threadNamespace)
	theirs, err2 := n.file.Stat()
	if err := errors.Join(err, err2); err != nil {
		return false, fmt.Errorf("network namespace: %w", err)
	}
	return os.SameFile(mine, theirs), nil
}
