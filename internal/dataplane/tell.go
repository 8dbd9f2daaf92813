package dataplane

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"qmidle/internal/ipsec"
)

// tellInterval is the least time between two events of one kind: a flood of
// bad packets must not become a flood of events. The counters count them all.
const tellInterval = time.Second

// unknownKinds is how many kinds of senders of ESP with an unknown SPI are told apart,
// so that a flood from others does not keep a peer's from being told.
const unknownKinds = 64

// tellLimits are the times of the last event of each kind, in nanoseconds.
type tellLimits struct {
	usedUp     atomic.Int64
	unknownSPI [unknownKinds]atomic.Int64
	drops      [ipsec.DropCount]atomic.Int64
}

var unknownSeed = maphash.MakeSeed()

// kindOf is one of unknownKinds. Who floods cannot know which addresses share a peer's.
func kindOf(sender netip.Addr) int {
	return int(maphash.Comparable(unknownSeed, sender) % unknownKinds)
}

// due says whether an event may be told now, and if so notes it.
func due(last *atomic.Int64, now time.Time) bool {
	then := last.Load()
	if then != 0 && now.UnixNano()-then < int64(tellInterval) {
		return false
	}
	return last.CompareAndSwap(then, now.UnixNano())
}

// teller tells a backend's owner of what happens.
type teller struct {
	events Events
	device string
	now    func() time.Time
	told   tellLimits
}

func (t *teller) tellSoftLimit(sa *ipsec.SA) {
	if t.events.SoftLimit != nil {
		t.events.SoftLimit(sa.Params())
	}
}

func (t *teller) tellUsedUp(sa *ipsec.SA) {
	if t.events.UsedUp != nil {
		t.events.UsedUp(sa.Params())
	}
}

// tellMoved tells of each SA apart: a NAT that forgets moves all peers behind it.
func (t *teller) tellMoved(sa *ipsec.SA, from netip.AddrPort) {
	if t.events.PeerMoved != nil && due(sa.MoveTold(), t.now()) {
		t.events.PeerMoved(sa.Params(), from)
	}
}

func (t *teller) tellUnknown(spi uint32, from, to netip.AddrPort) {
	if t.events.UnknownSPI != nil && due(&t.told.unknownSPI[kindOf(from.Addr())], t.now()) {
		t.events.UnknownSPI(spi, from, to)
	}
}

// tellDrop leaves out what has its own way of being known: a lifetime's end,
// the size of packets, dummies.
func (t *teller) tellDrop(d ipsec.Drop, sa *ipsec.SA, f ipsec.Flow) {
	switch d {
	case ipsec.DropDummy, ipsec.DropTooBig, ipsec.DropLifetime, ipsec.DropNoPolicy:
		return
	}
	if t.events.Dropped == nil || !due(&t.told.drops[d], t.now()) {
		return
	}
	spi := uint32(0)
	if sa != nil {
		spi = sa.SPI()
	}
	t.events.Dropped(d, spi, f)
}

// tellGuarded tells of a packet that the guard has dropped, and counted.
func (t *teller) tellGuarded(out bool, f ipsec.Flow) {
	if out {
		t.tellDrop(ipsec.DropLeavesClear, nil, f)
		return
	}
	t.tellDrop(ipsec.DropClearTextRequired, nil, f)
}

func (t *teller) tellHostChanged() {
	if t.events.HostChanged != nil {
		t.events.HostChanged()
	}
}

func (t *teller) tellDevice(err error) {
	if t.events.Device != nil {
		t.events.Device(t.device, err)
	}
}
