package dataplane

import "errors"

// ErrRunning says that a gateway runs in this network namespace.
var ErrRunning = errors.New("dataplane: the device " + DefaultDevice + " is there: a gateway runs")

// Release takes down what a gateway that has ended, or was killed, has left in
// the calling thread's network namespace: GuardTable, rules, routes and what of the kernel's ESP is ours. What
// was protected may pass in clear then. It fails with ErrRunning beside a
// gateway.
func Release() error {
	guard, err := openGuard()
	if err != nil {
		return err
	}
	defer guard.close()
	link, err := openLinks()
	if err != nil {
		return err
	}
	h := newHost(link)
	h.guard = guard
	defer link.Close()
	if err := removeInterface(link, DefaultDevice); err != nil {
		return err
	}
	if _, err := h.isUp(DefaultDevice); !isGone(err) {
		return errors.Join(ErrRunning, err)
	}
	return errors.Join(removeRemains(h), h.Cleanup(), h.Release())
}
