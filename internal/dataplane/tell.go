package dataplane

import (
	"net/netip"
	"sync/atomic"
	"time"

	"qmidle/internal/ipsec"
)

// tellInterval is the least time between two events of one kind: a flood of
// bad packets must not become a flood of events. The counters count them all.
const tellInterval = time.Second

// tellLimits are the times of the last event of each kind, in nanoseconds.
type tellLimits struct {
	unknownSPI, usedUp atomic.Int64
	drops              [ipsec.DropCount]atomic.Int64
}

// due says whether an event may be told now, and if so notes it.
func due(last *atomic.Int64, now time.Time) bool {
	then := last.Load()
	if then != 0 && now.UnixNano()-then < int64(tellInterval) {
		return false
	}
	return last.CompareAndSwap(then, now.UnixNano())
}

func (u *Userspace) tellSoftLimit(sa *ipsec.SA) {
	if u.cfg.Events.SoftLimit != nil {
		u.cfg.Events.SoftLimit(sa.Params())
	}
}

func (u *Userspace) tellUsedUp(sa *ipsec.SA) {
	if u.cfg.Events.UsedUp != nil {
		u.cfg.Events.UsedUp(sa.Params())
	}
}

// tellMoved tells of each SA apart: a NAT that forgets moves all peers behind it.
func (u *Userspace) tellMoved(sa *ipsec.SA, from netip.AddrPort) {
	if u.cfg.Events.PeerMoved != nil && due(sa.MoveTold(), u.cfg.Now()) {
		u.cfg.Events.PeerMoved(sa.Params(), from)
	}
}

func (u *Userspace) tellUnknown(spi uint32, from, to netip.AddrPort) {
	if u.cfg.Events.UnknownSPI != nil && due(&u.told.unknownSPI, u.cfg.Now()) {
		u.cfg.Events.UnknownSPI(spi, from, to)
	}
}

// tellDrop leaves out what has its own way of being known: a lifetime's end,
// the size of packets, dummies.
func (u *Userspace) tellDrop(d ipsec.Drop, sa *ipsec.SA, f ipsec.Flow) {
	switch d {
	case ipsec.DropDummy, ipsec.DropTooBig, ipsec.DropLifetime, ipsec.DropNoPolicy:
		return
	}
	if u.cfg.Events.Dropped == nil || !due(&u.told.drops[d], u.cfg.Now()) {
		return
	}
	spi := uint32(0)
	if sa != nil {
		spi = sa.SPI()
	}
	u.cfg.Events.Dropped(d, spi, f)
}

// tellGuarded tells of a packet that the guard has dropped, and counted.
func (u *Userspace) tellGuarded(out bool, f ipsec.Flow) {
	if out {
		u.tellDrop(ipsec.DropLeavesClear, nil, f)
		return
	}
	u.tellDrop(ipsec.DropClearTextRequired, nil, f)
}

func (u *Userspace) tellHostChanged() {
	if u.cfg.Events.HostChanged != nil {
		u.cfg.Events.HostChanged()
	}
}

func (u *Userspace) tellDevice(err error) {
	if u.cfg.Events.Device != nil {
		u.cfg.Events.Device(u.cfg.Device, err)
	}
}
