package dataplane

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

// device is a TUN device. It ends by Close, or by somebody's `ip link delete`.
// As with a socket, its reader waits in the kernel.
type device struct {
	tun.Device
	raw     syscall.RawConn
	wake    *os.File // readable once the device is to end
	wakeRaw syscall.RawConn
	closed  atomic.Bool
	polled  [2]unix.PollFd
	waiting func(fd uintptr) // made once each: a method value is an allocation
	pausing func(fd uintptr)
}

func openDevice(name string, mtu int) (*device, error) {
	file, err := openTUN(name)
	if err != nil {
		return nil, err
	}
	d := &device{}
	d.waiting, d.pausing = d.wait, d.pause
	if d.raw, err = file.SyscallConn(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), file.Close())
	}
	d.wake = os.NewFile(uintptr(wake), "eventfd")
	if d.wakeRaw, err = d.wake.SyscallConn(); err != nil {
		return nil, errors.Join(err, file.Close(), d.wake.Close())
	}
	if d.Device, err = tun.CreateTUNFromFile(file, mtu); err != nil {
		return nil, errors.Join(err, file.Close(), d.wake.Close())
	}
	return d, nil
}

// openTUN makes a file that Go's poller leaves alone, and whose reads do not
// wait.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
	}
	file := os.NewFile(uintptr(fd), "/dev/net/tun")
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, errors.Join(os.NewSyscallError("TUNSETIFF", err), file.Close())
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(os.NewSyscallError("O_NONBLOCK", err), file.Close())
	}
	return file, nil
}

// Read waits for packets, as that of tun.Device; os.ErrClosed says that there
// will be none any more.
func (d *device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	for !d.closed.Load() {
		n, err := d.Device.Read(bufs, sizes, offset)
		if !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
		if d.raw.Control(d.waiting) != nil {
			break
		}
	}
	return 0, os.ErrClosed
}

// wait holds the device's descriptor while pause holds that of the eventfd.
func (d *device) wait(fd uintptr) {
	d.polled[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	_ = d.wakeRaw.Control(d.pausing) // fails once closed, which Read sees
}

func (d *device) pause(fd uintptr) {
	d.polled[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	_, _ = unix.Poll(d.polled[:], -1)
}

// Close ends a Read that waits.
func (d *device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	_, err := d.wake.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	return errors.Join(err, d.Device.Close(), d.wake.Close())
}
