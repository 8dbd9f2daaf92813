package dataplane

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// What changes around the gateway.
const (
	// hostSettle lets a tool finish that changes many addresses.
	hostSettle = 200 * time.Millisecond
	// pathMTUInterval is how soon a path that has become wider is noticed; a
	// narrower one is at once. The kernel forgets what ICMP told it after ten
	// minutes.
	pathMTUInterval = time.Minute
	// linkFlags are what of a link's flags matters: whether it can carry packets.
	linkFlags = unix.IFF_UP | unix.IFF_RUNNING
)

// hostChanges are what the kernel tells of its interfaces.
type hostChanges struct {
	addresses chan netlink.AddrUpdate
	links     chan netlink.LinkUpdate
	flags     map[int32]uint32 // linkFlags of each link that was told of, by index
}

// subscribe listens in the calling thread's network namespace.
func subscribe(done <-chan struct{}) (c hostChanges, err error) {
	c.flags = make(map[int32]uint32)
	return c, errors.Join(c.subscribeAddresses(done), c.subscribeLinks(done))
}

func (c *hostChanges) subscribeAddresses(done <-chan struct{}) error {
	c.addresses = make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribe(c.addresses, done); err != nil {
		c.addresses = nil
		return fmt.Errorf("watch addresses: %w", err)
	}
	return nil
}

func (c *hostChanges) subscribeLinks(done <-chan struct{}) error {
	c.links = make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribe(c.links, done); err != nil {
		c.links = nil
		return fmt.Errorf("watch interfaces: %w", err)
	}
	return nil
}

// moved says whether a link went away, is new, or began or ceased to carry
// packets.
func (c *hostChanges) moved(l netlink.LinkUpdate) bool {
	if l.Header.Type == unix.RTM_DELLINK {
		delete(c.flags, l.Index)
		return true
	}
	old, known := c.flags[l.Index]
	c.flags[l.Index] = l.Flags & linkFlags
	return !known || old != l.Flags&linkFlags
}

// watchHost follows the host's addresses and links, which decide on the source
// of the gateway's own packets, the paths to the peers, and whether somebody
// sets the TUN device down.
func (u *Userspace) watchHost(changes hostChanges) {
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	paths := time.NewTicker(pathMTUInterval)
	defer paths.Stop()
	for {
		select {
		case <-u.closed:
			return
		case _, ok := <-changes.addresses:
			if !ok {
				u.resubscribe(changes.subscribeAddresses)
			}
			settled.Reset(hostSettle)
		case l, ok := <-changes.links:
			switch {
			case !ok:
				u.resubscribe(changes.subscribeLinks)
				settled.Reset(hostSettle)
			case l.Attrs().Name != u.cfg.Device:
				if changes.moved(l) {
					settled.Reset(hostSettle)
				}
			case l.Header.Type == unix.RTM_NEWLINK && l.IfInfomsg.Flags&unix.IFF_UP == 0:
				u.raiseDevice()
			}
		case <-settled.C:
			if err := u.host.Renew(u.cfg.Device); err != nil && !isGone(err) {
				u.tellDevice(err)
			}
			u.refreshPaths()
			u.tellHostChanged()
			u.renewRoutes()
		case <-paths.C:
			// What was missed is noticed now.
			if changes.addresses == nil {
				u.resubscribe(changes.subscribeAddresses)
			}
			if changes.links == nil {
				u.resubscribe(changes.subscribeLinks)
			}
			u.refreshPaths()
			u.tellHostChanged()
			u.renewRoutes()
		}
	}
}

// resubscribe listens again: the kernel has had more to tell than the socket
// could hold, and the subscription has ended. Without it paths and addresses
// are looked at once a minute.
func (u *Userspace) resubscribe(subscribe func(done <-chan struct{}) error) {
	select {
	case <-u.closed:
	default:
		_ = u.space.do(func() error { return subscribe(u.closed) })
	}
}

// renewRoutes follows the ways to the peers. What cannot be installed now may be
// at the next look.
func (u *Userspace) renewRoutes() { _ = u.host.RenewRoutes() }

// raiseDevice sets the TUN device up again.
func (u *Userspace) raiseDevice() {
	select {
	case <-u.closed:
		return
	default:
	}
	// One that is gone is keepDevice's, and a new one begins down.
	if up, err := u.host.isUp(u.cfg.Device); up || isGone(err) {
		return
	}
	if err := u.host.Renew(u.cfg.Device); !isGone(err) {
		u.tellDevice(err)
	}
}

// refreshPaths asks the kernel anew for the MTU of each path that an outbound
// SA uses.
func (u *Userspace) refreshPaths() {
	for _, sa := range u.processor.SAs() {
		if sa.Params().Direction == ipsec.Outbound {
			u.refreshPath(sa)
		}
	}
}

// refreshPath does so for one SA. Without a route the SA keeps what it has.
func (u *Userspace) refreshPath(sa *ipsec.SA) {
	if mtu, err := u.host.PathMTU(sa.Endpoint().Addr()); err == nil {
		sa.SetPathMTU(mtu)
	}
}
