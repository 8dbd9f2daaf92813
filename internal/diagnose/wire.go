package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
)

// cookies are those of the ISAKMP SAs that a case is about.
func (c *Case) cookies() map[string]bool {
	all := make(map[string]bool)
	for _, o := range c.All {
		if o.Cookie != "" {
			all[o.Cookie] = true
		}
	}
	return all
}

// sharesCookie says whether two cases speak of one ISAKMP SA.
func (c *Case) sharesCookie(d *Case) bool {
	all := c.cookies()
	return len(all) > 0 && slices.ContainsFunc(d.All, func(o *Observation) bool { return all[o.Cookie] })
}

// isBetween says whether what was captured passed between an end and its peer: it
// has the cookie of one of the end's SAs, or their addresses. Where the end does
// not say its own address, or has no name for the peer but its own, the only
// capture is the one.
func (p *Case) isBetween(c *Case, captures []*Case) bool {
	if c.OnPath {
		return false
	}
	if p.sharesCookie(c) {
		return true
	}
	ends := []netip.Addr{p.Peer, p.otherEnd()}
	switch here := c.local(); {
	case !c.Peer.IsValid():
		return len(captures) == 1
	case !slices.Contains(ends, c.Peer):
		return false
	case !here.IsValid() || slices.Contains(ends, here):
		return true
	}
	// A NAT may stand between this end and the capture.
	return !slices.ContainsFunc(captures, func(x *Case) bool { return x != p && (x.Peer == c.Peer || x.otherEnd() == c.Peer) })
}

// otherEnd is the end of a captured path that is not its Peer.
func (p *Case) otherEnd() netip.Addr {
	for _, o := range p.All.onPath() {
		if o.Peer == p.Peer {
			return o.Local
		}
		return o.Peer
	}
	return netip.Addr{}
}

// notTaken is a message of the peer that was captured, and that the end, which
// goes on sending what comes before, does not know of.
func notTaken(c, p *Case) *Finding {
	a := c.Attempt
	if a == nil || a.Sent == 0 || a.Resent[min(a.Sent, maxMessage)] == 0 || a.Received > a.Sent {
		return nil
	}
	wanted := a.Sent + 1
	on := p.All.where(func(o *Observation) bool {
		ours := o.Cookie != "" && c.cookies()[o.Cookie] || len(c.cookies()) == 0
		return o.Phase == Phase1 && o.Message == wanted && ours && (o.sender() == c.Peer || !c.Peer.IsValid())
	})
	if len(on) == 0 {
		return nil
	}
	return find(LocalFirewall, Likely, append(slices.Clone(on), a.Of(Retransmitted)...), fmt.Sprintf("message %d of %s is in the capture, and %s does not know of it: something drops it before the IKE of that end", wanted, name(c.Peer), thisEnd(c.local()))).
		in(Phase1, wanted).or("If the capture was not made at that end, the message may be lost behind it.", PeerUnreachable, FragmentationMTU)
}

func thisEnd(a netip.Addr) string {
	if !a.IsValid() {
		return "the end whose log this is"
	}
	return a.String()
}

// sender is who sent a message that was captured; invalid for what is none.
func (o *Observation) sender() netip.Addr {
	switch {
	case !o.OnPath:
	case o.Kind == MessageSent, o.Kind == Retransmitted:
		return o.Local
	case o.Kind == MessageReceived, o.Kind == DuplicateSeen:
		return o.Peer
	}
	return netip.Addr{}
}
