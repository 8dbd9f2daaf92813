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
	// addressSettle lets a tool finish that changes many addresses.
	addressSettle = 200 * time.Millisecond
	// pathMTUInterval is how soon a path that has become wider is noticed; a
	// narrower one is at once. The kernel forgets what ICMP told it after ten
	// minutes.
	pathMTUInterval = time.Minute
)

// hostChanges are what the kernel tells of its interfaces.
type hostChanges struct {
	addresses chan netlink.AddrUpdate
	links     chan netlink.LinkUpdate
}

// subscribe listens in the calling thread's network namespace.
func subscribe(done <-chan struct{}) (hostChanges, error) {
	c := hostChanges{make(chan netlink.AddrUpdate, 64), make(chan netlink.LinkUpdate, 64)}
	if err := errors.Join(netlink.AddrSubscribe(c.addresses, done), netlink.LinkSubscribe(c.links, done)); err != nil {
		return c, fmt.Errorf("watch interfaces: %w", err)
	}
	return c, nil
}

// watchHost follows the host's addresses, which decide on the source of the
// gateway's own packets, the paths to the peers, and whether somebody sets the
// TUN device down.
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
				changes.addresses = nil
				continue
			}
			settled.Reset(addressSettle)
		case l, ok := <-changes.links:
			if !ok {
				changes.links = nil
				continue
			}
			if l.Header.Type == unix.RTM_NEWLINK && l.IfInfomsg.Flags&unix.IFF_UP == 0 && l.Attrs().Name == u.cfg.Device {
				u.raiseDevice()
			}
		case <-settled.C:
			if err := u.host.Renew(u.cfg.Device); err != nil && !isGone(err) {
				u.tellDevice(err)
			}
			u.refreshPaths()
		case <-paths.C:
			u.refreshPaths()
		}
	}
}

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
