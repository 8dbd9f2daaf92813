package dataplane

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// signOfLife is an abstract UNIX socket that a Kernel with an xfrm interface has, for
// the interface itself outlives a process that is killed.
const signOfLife = "@qmidle-xfrm-interface"

// xfrmLink is the type of an xfrm interface.
const xfrmLink = "xfrm"

// openInterface makes the xfrm interface that packets are led into, as they are into
// the TUN device. Only what passes it meets our policies and states.
func (k *Kernel) openInterface() (err error) {
	if k.life, err = net.Listen("unix", signOfLife); err != nil {
		return fmt.Errorf("xfrm interface %s: %w", k.cfg.Device, err)
	}
	return k.makeInterface()
}

func (k *Kernel) makeInterface() error {
	link := &netlink.Xfrmi{LinkAttrs: netlink.LinkAttrs{Name: k.cfg.Device, MTU: wideMTU}, Ifid: k.cfg.InterfaceID}
	if err := k.host.netlink.LinkAdd(link); err != nil {
		return fmt.Errorf("xfrm interface %s with ID %d: %w", k.cfg.Device, k.cfg.InterfaceID, err)
	}
	return prepareDevice(k.host, k.cfg.Device)
}

// removeInterface removes one that a Kernel, killed since, has left.
func removeInterface(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if isGone(err) || err == nil && link.Type() != xfrmLink {
		return nil
	}
	if err != nil {
		return err
	}
	life, err := net.Listen("unix", signOfLife)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil // in use
	}
	if err != nil {
		return err
	}
	return errors.Join(h.LinkDel(link), life.Close())
}

// closeInterface is for the Kernel that has it.
func (k *Kernel) closeInterface() error {
	if k.life == nil {
		return nil
	}
	var errs []error
	if link, err := k.host.netlink.LinkByName(k.cfg.Device); err == nil && link.Type() == xfrmLink {
		errs = append(errs, k.host.netlink.LinkDel(link))
	}
	return errors.Join(append(errs, k.life.Close())...)
}
