package dataplane

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// acquireLimits are when an SA was last asked for, for each line.
type acquireLimits struct {
	mu   sync.Mutex
	last map[lineKey]time.Time
}

func newAcquireLimits() acquireLimits { return acquireLimits{last: map[lineKey]time.Time{}} }

func (l *acquireLimits) due(k lineKey, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.last[k]) < acquireInterval {
		return false
	}
	l.last[k] = now
	return true
}

// forget forgets a line that is no more.
func (l *acquireLimits) forget(k lineKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, k)
}

// acquire asks the owner for an SA. The kernel has dropped the packet.
func (k *Kernel) acquire(p xfrm.Policy, flow xfrm.Selector) {
	k.mu.Lock()
	entry, ok := k.policies.entryOf(p)
	if ok {
		k.gone.acquired++
		k.asked[k.policies.reqidOf(entry.Tag)] = true
	}
	k.mu.Unlock()
	if !ok || k.events.Acquire == nil || !k.acquires.due(keyOf(entry), k.now()) {
		return
	}
	for _, sa := range k.endedOf(entry.Tag) {
		k.tellUsedUp(sa.SA)
	}
	k.events.Acquire(entry, ipsec.Flow{Src: flow.Source.Addr(), Dst: flow.Destination.Addr(), Protocol: flow.Protocol,
		SrcPort: flow.SourcePort.Value, DstPort: flow.DestinationPort.Value})
}

// endedOf are an entry's SAs that its owner has not removed though they have ended.
func (k *Kernel) endedOf(tag uint32) (list []*kernelSA) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, sa := range k.byState {
		if sa.ended && sa.Params().Tag == tag {
			list = append(list, sa)
		}
	}
	return list
}

// askAgain lets the kernel ask again for SAs that it has asked for, until the Kernel is
// closed: by itself it does so for the same packets once in half a minute.
func (k *Kernel) askAgain() {
	tick := time.NewTicker(acquireInterval)
	defer tick.Stop()
	for {
		select {
		case <-k.closed:
			return
		case <-tick.C:
		}
		k.mu.Lock()
		asked := k.asked
		k.asked = map[uint32]bool{}
		k.mu.Unlock()
		if len(asked) > 0 {
			// What stays ends by itself.
			_ = k.conn.Withdraw(func(reqid uint32) bool { return asked[reqid] })
		}
	}
}

// expire tells of a state's end. Where the time was its end, its owner has not
// ended it.
func (k *Kernel) expire(id xfrm.ID, reqid uint32, hard bool) {
	if !isOurs(reqid) {
		return
	}
	k.mu.Lock()
	sa := k.byState[id]
	if sa != nil {
		sa.ended = sa.ended || hard
	}
	k.mu.Unlock()
	switch {
	case sa == nil:
	case hard:
		k.tellUsedUp(sa.SA)
	default:
		k.tellSoftLimit(sa.SA)
	}
}

// shown tells of ESP for an SA that is not there.
func (k *Kernel) shown(packet []byte) {
	spi, from, to, ok := spiOf(packet)
	if !ok {
		return
	}
	k.mu.Lock()
	id := xfrm.ID{SPI: spi, Destination: to.Addr()}
	known := k.byState[id] != nil || k.now().Sub(k.removed[id]) < spiGrace
	k.mu.Unlock()
	if !known {
		k.tellUnknown(spi, from, to)
	}
}

// mapping tells that a NAT has moved a peer.
func (k *Kernel) mapping(id xfrm.ID, reqid uint32, from netip.AddrPort) {
	if !isOurs(reqid) {
		return
	}
	k.mu.Lock()
	sa := k.byState[id]
	k.mu.Unlock()
	if sa != nil {
		k.tellMoved(sa.SA, from)
	}
}

// rememberRemoved notes that an SA has just been removed.
func (k *Kernel) rememberRemoved(id xfrm.ID) {
	now := k.now()
	if len(k.removed) >= maxRemoved {
		maps.DeleteFunc(k.removed, func(_ xfrm.ID, at time.Time) bool { return now.Sub(at) >= spiGrace })
	}
	if len(k.removed) < maxRemoved {
		k.removed[id] = now
	}
}
