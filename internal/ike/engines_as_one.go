package ike

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/trace"
)

// The methods below are Engine's, of the engine that they concern, or of all.

// Datagram is Engine.Datagram.
func (x *Engines) Datagram(now time.Time, local, remote netip.AddrPort, data []byte, fx *Effects) {
	x.forDatagram(local.Addr(), remote.Addr(), data).Datagram(now, local, remote, data, fx)
	x.supplant(now, fx)
}

// Answer is Engine.Answer.
func (x *Engines) Answer(now time.Time, id uint64, a Answer, fx *Effects) {
	x.ofQuestion(id).Answer(now, id, a, fx)
	x.supplant(now, fx)
}

// NextDeadline is Engine.NextDeadline.
func (x *Engines) NextDeadline() (at time.Time, ok bool) {
	for _, e := range x.list {
		if t, due := e.NextDeadline(); due && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Timeout is Engine.Timeout.
func (x *Engines) Timeout(now time.Time, fx *Effects) {
	for _, e := range x.list {
		e.Timeout(now, fx)
	}
	x.supplant(now, fx)
}

// Acquire is Engine.Acquire.
func (x *Engines) Acquire(now time.Time, a Acquire, fx *Effects) {
	x.ofTag(a.Connection).Acquire(now, a, fx)
}

// UnknownSPI is Engine.UnknownSPI.
func (x *Engines) UnknownSPI(now time.Time, spi uint32, local, remote netip.AddrPort, fx *Effects) {
	x.at(local.Addr(), remote.Addr()).UnknownSPI(now, spi, local, remote, fx)
}

// PeerMoved is Engine.PeerMoved.
func (x *Engines) PeerMoved(now time.Time, inboundSPI uint32, from netip.AddrPort, fx *Effects) {
	x.ofSPI(inboundSPI).PeerMoved(now, inboundSPI, from, fx)
}

// VolumeLow is Engine.VolumeLow.
func (x *Engines) VolumeLow(now time.Time, inboundSPI uint32, fx *Effects) {
	x.ofSPI(inboundSPI).VolumeLow(now, inboundSPI, fx)
}

// VolumeUsedUp is Engine.VolumeUsedUp.
func (x *Engines) VolumeUsedUp(now time.Time, inboundSPI uint32, fx *Effects) {
	x.ofSPI(inboundSPI).VolumeUsedUp(now, inboundSPI, fx)
}

// EndInstance is Engine.EndInstance.
func (x *Engines) EndInstance(tag uint32, fx *Effects) { x.ofTag(tag).EndInstance(tag, fx) }

// Reconfigure is Engine.Reconfigure.
func (x *Engines) Reconfigure(now time.Time, cfg Config, why trace.Reason, fx *Effects) {
	x.conns = indexOf(cfg.Connections)
	x.settle(cfg.Connections)
	for k, e := range x.list {
		e.place.sharing = x.sharing(len(x.list))
		e.reconfigure(now, x.tapped(cfg, k), x.conns, why, fx)
	}
	x.supplant(now, fx)
}

// ClearISAKMP is Engine.ClearISAKMP.
func (x *Engines) ClearISAKMP(now time.Time, conn uint32, fx *Effects) int {
	return x.list.clearISAKMP(now, conn, fx)
}

// ClearIPsec is Engine.ClearIPsec.
func (x *Engines) ClearIPsec(now time.Time, f IPsecFilter, fx *Effects) int {
	return x.list.clearIPsec(now, f, fx)
}

// ClearSession is Engine.ClearSession.
func (x *Engines) ClearSession(now time.Time, f SessionFilter, fx *Effects) (isakmpSAs, pairs int) {
	return x.list.clearSession(now, f, fx)
}

// Shutdown is Engine.Shutdown.
func (x *Engines) Shutdown(now time.Time, fx *Effects) { x.list.shutdown(now, fx) }

// ISAKMPSAs is Engine.ISAKMPSAs.
func (x *Engines) ISAKMPSAs() []ISAKMPSA { return x.list.isakmpSAs() }

// IPsecSAs is Engine.IPsecSAs.
func (x *Engines) IPsecSAs() []IPsecSA { return x.list.ipsecSAs() }

// EncryptionKeys is Engine.EncryptionKeys.
func (x *Engines) EncryptionKeys() []EncryptionKey { return x.list.encryptionKeys() }

// Instances is Engine.Instances.
func (x *Engines) Instances() (all []*Connection) {
	for _, e := range x.list {
		all = append(all, e.Instances()...)
	}
	slices.SortFunc(all, func(a, b *Connection) int { return cmp.Compare(a.Tag, b.Tag) })
	return all
}

// PairsOf is Engine.PairsOf.
func (x *Engines) PairsOf(tag uint32) (all []IPsecSA) {
	for _, e := range x.list {
		all = append(all, e.PairsOf(tag)...)
	}
	return all
}

// PairsOfSession is Engine.PairsOfSession.
func (x *Engines) PairsOfSession(session uint64) (all []IPsecSA) {
	for _, e := range x.list {
		all = append(all, e.PairsOfSession(session)...)
	}
	return all
}

// PairOf is Engine.PairOf.
func (x *Engines) PairOf(local, remote netip.Addr, id uint32) (IPsecSA, bool) {
	home := x.at(local, remote)
	if p, ok := home.PairOf(local, remote, id); ok {
		return p, ok
	}
	for _, e := range x.list {
		if p, ok := e.PairOf(local, remote, id); ok && e != home {
			return p, ok
		}
	}
	return IPsecSA{}, false
}

// Configured is Engine.Configured.
func (x *Engines) Configured(tag uint32) uint32 { return x.ofTag(tag).Configured(tag) }

// CurrentPeer is Engine.CurrentPeer.
func (x *Engines) CurrentPeer(tag uint32) netip.Addr { return x.ofTag(tag).CurrentPeer(tag) }

// Connected is Engine.Connected.
func (x *Engines) Connected(tag uint32) bool {
	return slices.ContainsFunc(x.list, func(e *Engine) bool { return e.Connected(tag) })
}

// Statistics is Engine.Statistics.
func (x *Engines) Statistics() (all Statistics) {
	for _, e := range x.list {
		all.add(&e.stats)
	}
	return all
}

// CountOn is Engine.CountOn.
func (x *Engines) CountOn(s Statistics) {
	for _, e := range x.list {
		e.stats = Statistics{}
	}
	x.list[0].CountOn(s)
}

// ResetAdmissions is Engine.ResetAdmissions.
func (x *Engines) ResetAdmissions() {
	for _, e := range x.list {
		e.ResetAdmissions()
	}
}

// Overrun is Engine.Overrun.
func (x *Engines) Overrun(now time.Time, n uint64) { x.list[0].Overrun(now, n) }

// OverrunStrays is Engine.OverrunStrays.
func (x *Engines) OverrunStrays(now time.Time, n uint64) { x.list[0].OverrunStrays(now, n) }

// OverrunESP is Engine.OverrunESP.
func (x *Engines) OverrunESP(now time.Time, n uint64) { x.list[0].OverrunESP(now, n) }

// Holdings is Engine.Holdings.
func (x *Engines) Holdings() (all Holdings) {
	for _, e := range x.list {
		all.add(e.Holdings())
	}
	return all
}

// Check is Engine.Check.
func (x *Engines) Check() error {
	up, instances, serials := 0, 0, x.list[0].serials
	for _, e := range x.list {
		if err := e.Check(); err != nil {
			return err
		}
		up += e.established
		instances += len(e.instances.byTag)
	}
	if n := serials.up.Load(); n != int64(up) {
		return fmt.Errorf("%d SAs are counted as up by all engines, %d are", n, up)
	}
	if n := serials.countEntries(); n != instances {
		return fmt.Errorf("%d instances in all engines, %d numbers of theirs", instances, n)
	}
	return nil
}
