package dataplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// deviceRetry is the time between two tries to make the TUN device anew.
const deviceRetry = time.Second

// deviceQueue is how many packets wait in the TUN device while the processors are
// another's. The kernel's 500 are half a second of a thousand tunnels that each send
// one packet a second; it takes the memory only as packets wait.
const deviceQueue = 4096

// makeDevice makes the TUN device, up and with its routes.
func (u *Userspace) makeDevice() error {
	d, err := openDevice(u.cfg.Device, int(u.mtu.Load()))
	if err != nil {
		return fmt.Errorf("TUN device %s: %w", u.cfg.Device, err)
	}
	if err := errors.Join(u.host.setQueue(u.cfg.Device, deviceQueue), prepareDevice(u.host, u.cfg.Device)); err != nil {
		return errors.Join(err, d.Close())
	}
	u.tun.Store(d)
	return nil
}

// prepareDevice brings the device up with its routes. The reverse path filter
// may be strict on this host: what comes out of the device has passed an SA's
// selector, which is stricter, so there the device's own filter is made loose.
func prepareDevice(host *Host, device string) error {
	filter := "0"
	if all, err := os.ReadFile(sysctl("ipv4", "all", "rp_filter")); err == nil && strings.TrimSpace(string(all)) != "0" {
		filter = "2"
	}
	if err := os.WriteFile(sysctl("ipv4", device, "rp_filter"), []byte(filter), 0o644); err != nil {
		return fmt.Errorf("reverse path filter of %s: %w", device, err)
	}
	// Hosts without IPv6 lack the file, and need it not.
	_ = os.WriteFile(sysctl("ipv6", device, "disable_ipv6"), []byte("1"), 0o644)
	return host.AddTUNRoutes(device)
}

func sysctl(family, device, name string) string {
	return filepath.Join("/proc/sys/net", family, "conf", device, name)
}

// keepDevice reads the device, and makes it anew when it is gone before its
// time, until the Userspace is closed. What comes meanwhile finds the routes'
// blackhole, and the guard behind it.
func (u *Userspace) keepDevice() {
	for {
		d := u.tun.Load()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for range d.Events() {
				// They must be read for the device to work; watchHost knows better.
			}
		}()
		u.readTUN(d)
		// A device that is gone keeps its descriptor and its netlink socket.
		_ = d.Close()
		<-drained
		if !u.remakeDevice() {
			return
		}
	}
}

// remakeDevice tries until it succeeds, and returns false once closed.
func (u *Userspace) remakeDevice() bool {
	retry := time.NewTicker(deviceRetry)
	defer retry.Stop()
	for {
		select {
		case <-u.closed:
			return false
		default:
		}
		err := u.space.do(func() error {
			if err := u.makeDevice(); err != nil {
				return err
			}
			return u.host.Renew(u.cfg.Device)
		})
		u.tellDevice(err)
		if err == nil {
			return true
		}
		select {
		case <-u.closed:
			return false
		case <-retry.C:
		}
	}
}
