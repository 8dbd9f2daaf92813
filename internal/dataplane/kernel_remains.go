package dataplane

import (
	"errors"

	"qmidle/internal/dataplane/xfrm"
)

// removeRemains removes the states, policies and the interface that a Kernel has left in
// the calling thread's network namespace. Where the kernel cannot be asked for them it has none.
func removeRemains(h *Host) error {
	if err := removeInterface(h.netlink, DefaultDevice); err != nil {
		return err
	}
	conn, err := xfrm.Open()
	if err != nil {
		return nil
	}
	return errors.Join(removeStates(conn), removePolicies(conn), conn.Close())
}
