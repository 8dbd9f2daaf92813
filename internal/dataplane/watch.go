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

// hostWatch is what follows the host for a backend.
type hostWatch struct {
	*teller
	host         *Host
	space        namespace
	closed       <-chan struct{}
	refreshPaths func()
	remake       func() // makes the device anew that is gone; nil where others do
}

// follow follows the host's addresses and links, which decide on the source
// of the gateway's own packets, the paths to the peers, and whether somebody
// sets the TUN device down.
func (w *hostWatch) follow(changes hostChanges) {
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	paths := time.NewTicker(pathMTUInterval)
	defer paths.Stop()
	for {
		select {
		case <-w.closed:
			return
		case _, ok := <-changes.addresses:
			if !ok {
				w.resubscribe(changes.subscribeAddresses)
			}
			settled.Reset(hostSettle)
		case l, ok := <-changes.links:
			switch {
			case !ok:
				w.resubscribe(changes.subscribeLinks)
				settled.Reset(hostSettle)
			case l.Attrs().Name != w.device:
				w.host.LinksChanged()
				if changes.moved(l) {
					settled.Reset(hostSettle)
				}
			case l.Header.Type == unix.RTM_DELLINK && w.remake != nil:
				w.remake()
			case l.Header.Type == unix.RTM_NEWLINK && l.IfInfomsg.Flags&unix.IFF_UP == 0:
				w.raiseDevice()
			}
		case <-settled.C:
			if err := w.host.Renew(w.device); err != nil && !isGone(err) {
				w.tellDevice(err)
			}
			w.host.LinksChanged()
			w.refreshPaths()
			w.tellHostChanged()
			w.renewRoutes()
		case <-paths.C:
			// What was missed is noticed now.
			if changes.addresses == nil {
				w.resubscribe(changes.subscribeAddresses)
			}
			if changes.links == nil {
				w.resubscribe(changes.subscribeLinks)
			}
			w.host.LinksChanged()
			w.refreshPaths()
			w.tellHostChanged()
			w.renewRoutes()
		}
	}
}

// resubscribe listens again: the kernel has had more to tell than the socket
// could hold, and the subscription has ended. Without it paths and addresses
// are looked at once a minute.
func (w *hostWatch) resubscribe(subscribe func(done <-chan struct{}) error) {
	select {
	case <-w.closed:
	default:
		_ = w.space.do(func() error { return subscribe(w.closed) })
	}
}

// renewRoutes follows the ways to the peers. What cannot be installed now may be
// at the next look.
func (w *hostWatch) renewRoutes() { _ = w.host.RenewRoutes() }

// raiseDevice sets the TUN device up again.
func (w *hostWatch) raiseDevice() {
	select {
	case <-w.closed:
		return
	default:
	}
	// One that is gone is keepDevice's, and a new one begins down.
	if up, err := w.host.isUp(w.device); up || isGone(err) {
		return
	}
	if err := w.host.Renew(w.device); !isGone(err) {
		w.tellDevice(err)
	}
}

// refreshPaths asks the kernel anew for the MTU of each path that an outbound
// SA uses, and lets SAs rest that have had no packet since the last time.
func (u *Userspace) refreshPaths() {
	u.processor.EachSA(func(sa *ipsec.SA) {
		sa.Rest()
		if sa.Direction() == ipsec.Outbound {
			u.refreshPath(sa)
		}
	})
}

// refreshPath does so for one SA. Without a route the SA keeps what it has.
func (u *Userspace) refreshPath(sa *ipsec.SA) {
	if mtu, err := u.host.PathMTU(sa.Endpoint().Addr()); err == nil {
		sa.SetPathMTU(mtu)
	}
}
