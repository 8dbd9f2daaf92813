package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
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

// firstLine is an error's, of which several joined say the same.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// filesHint is a hint for what needs more open files than may be; "" for what does not.
func filesHint(err error) string {
	if errors.Is(err, syscall.EMFILE) {
		return "the limit of open files is too low: `ulimit -n`, or LimitNOFILE of the service; 1024 are enough"
	}
	if errors.Is(err, syscall.ENFILE) {
		return "the host has as many files open as it can: `sysctl fs.file-nr` shows it"
	}
	return ""
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
	return &OperatorError{fmt.Sprintf("the data plane does not start: %s", firstLine(err)), filesHint(err)}
}
