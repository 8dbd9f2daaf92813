package dataplane

import (
	"net/netip"
	"time"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// goneCounters are those of SAs that were removed, and what the kernel does not
// count.
type goneCounters struct {
	sealed, opened, acquired uint64
	drops                    ipsec.DropCounts
}

func (g *goneCounters) add(sa *kernelSA) {
	c := sa.counters()
	if sa.Direction() == ipsec.Outbound {
		g.sealed += c.Packets
	} else {
		g.opened += c.Packets
	}
	g.drops = g.drops.Plus(c.Drops)
}

// counters are those of the last look.
func (sa *kernelSA) counters() ipsec.Counters {
	s := sa.seen
	c := ipsec.Counters{Packets: s.Packets, Bytes: s.Bytes, Sequence: s.Sequence}
	p := sa.Params()
	if p.Mode == ipsec.Transport {
		c.Bytes += s.Packets * ipv4HeaderLen // the kernel counts what is protected
	}
	if p.Direction == ipsec.Inbound {
		c.Sequence = s.Highest
	}
	c.Drops[ipsec.DropReplayOld] = uint64(s.Late)
	c.Drops[ipsec.DropReplayDuplicate] = uint64(s.Replayed)
	c.Drops[ipsec.DropAuthFailed] = uint64(s.Forged)
	return c
}

// look reads the counters of all SAs. Those of a state that has ended stay as
// they were seen last.
func (k *Kernel) look() {
	states, err := k.conn.States()
	if err != nil {
		return
	}
	for _, s := range states {
		if sa := k.byState[s.ID]; sa != nil {
			k.tellLosses(sa, s)
			sa.seen = s
		}
	}
}

// tellLosses tells of what a state has dropped since the last look.
func (k *Kernel) tellLosses(sa *kernelSA, now xfrm.Status) {
	if now.Forged > sa.seen.Forged {
		k.tellDrop(ipsec.DropAuthFailed, sa.SA, ipsec.Flow{})
	}
	if now.Late > sa.seen.Late {
		k.tellDrop(ipsec.DropReplayOld, sa.SA, ipsec.Flow{})
	}
	if now.Replayed > sa.seen.Replayed {
		k.tellDrop(ipsec.DropReplayDuplicate, sa.SA, ipsec.Flow{})
	}
}

// SAs implements Backend.
func (k *Kernel) SAs() []SAStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	out := make([]SAStatus, 0, len(k.sas))
	for _, sa := range k.sas {
		out = append(out, statusOf(sa.SA, sa.counters()))
	}
	return out
}

// SA implements Backend.
func (k *Kernel) SA(d ipsec.Direction, spi uint32, remote netip.Addr) (s SAStatus, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sa := k.sas[SAKeyOf(d, spi, remote)]
	if sa == nil {
		return s, false
	}
	if last, err := k.conn.State(sa.stateID()); err == nil {
		k.tellLosses(sa, last)
		sa.seen = last
	}
	return statusOf(sa.SA, sa.counters()), true
}

// lookAge is how old the counters may be that Packets returns: who asks for all SAs
// asks the kernel once.
const lookAge = 500 * time.Millisecond

// Packets implements Backend.
func (k *Kernel) Packets(d ipsec.Direction, spi uint32, remote netip.Addr) (uint64, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sa := k.sas[SAKeyOf(d, spi, remote)]
	if sa == nil {
		return 0, false
	}
	if now := k.cfg.Now(); now.Sub(k.looked) > lookAge {
		k.looked = now
		k.look()
	}
	return sa.seen.Packets, true
}

// Stats implements Backend.
func (k *Kernel) Stats() Stats {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.look()
	g := k.gone
	for _, sa := range k.sas {
		g.add(sa)
	}
	s := Stats{Stats: ipsec.Stats{Sealed: g.sealed, Opened: g.opened, Acquired: g.acquired, Drops: g.drops}}
	s.addGuarded(k.host)
	return s
}

// Discard implements Backend: the kernel keeps no packets.
func (k *Kernel) Discard(tag, line uint32) {}

// MovePeer implements Backend. A peer moves to another port only: keys and access
// lists go by its address.
func (k *Kernel) MovePeer(d ipsec.Direction, spi uint32, remote netip.Addr, to netip.AddrPort) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	sa := k.sas[SAKeyOf(d, spi, remote)]
	if sa == nil {
		return ErrNoSA
	}
	if to.Addr() != sa.Endpoint().Addr() {
		return &ipsec.ParamError{Field: "Remote", Reason: "an SA of the kernel does not move to another address"}
	}
	if err := k.conn.MovePort(sa.stateID(), d == ipsec.Outbound, to.Port()); err != nil {
		return err
	}
	sa.SetEndpoint(to)
	return nil
}
