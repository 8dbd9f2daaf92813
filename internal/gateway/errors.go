package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// OperatorError is what the operator can mend: what is wrong, and a hint at
// what to do.
type OperatorError struct{ Message, Hint string }

// Error shows both, the hint on a line of its own.
func (e *OperatorError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "\n  hint: " + e.Hint
}

// plainly is an error in an operator's words: of a chain that ends in the
// kernel's answer, the answer alone.
func plainly(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	return err.Error()
}

// deviceError explains why the sockets or the TUN device could not be had.
func deviceError(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &OperatorError{fmt.Sprintf("the kernel refuses the data plane: %v", err),
			"`qmidle run` needs root, or CAP_NET_ADMIN and CAP_NET_RAW"}
	case errors.Is(err, syscall.EBUSY):
		return &OperatorError{fmt.Sprintf("the data plane is taken: %v", err), "another qmidle runs here; stop it first"}
	case errors.Is(err, fs.ErrNotExist):
		return &OperatorError{fmt.Sprintf("the data plane lacks something: %v", err),
			"the TUN device needs /dev/net/tun; `modprobe tun` makes it, and a container must be given it"}
	}
	return &OperatorError{Message: fmt.Sprintf("the data plane does not start: %v", err)}
}
