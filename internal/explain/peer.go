package explain

import (
	"net/netip"

	"qmidle/internal/diagnose"
)

// Peer is how the dealings with one peer stand.
type Peer struct {
	Source string // the file's name
	Addr   netip.Addr
	Of     netip.Addr // in a capture, the end whose peer it is
	Name   string     // where the address is not known
	Phase1 string     // "up", "fails", "was up" or "" for nothing seen
	Phase2 string
}

func peersOf(s *Source) []Peer {
	var all []Peer
	for _, c := range diagnose.Cases(s.Observations) {
		if !c.Peer.IsValid() && len(c.All) == 0 {
			continue
		}
		p := Peer{Source: s.Name, Addr: c.Peer, Name: c.Name, Phase1: phase1Of(c), Phase2: phase2Of(c)}
		if c.OnPath {
			p.Of = otherEnd(c)
		}
		all = append(all, p)
	}
	return all
}

// otherEnd is the end of a captured path that is not the peer.
func otherEnd(c *diagnose.Case) netip.Addr {
	for _, o := range c.All {
		switch {
		case !o.OnPath:
		case o.Peer == c.Peer:
			return o.Local
		case o.Local == c.Peer:
			return o.Peer
		}
	}
	return netip.Addr{}
}

func phase1Of(c *diagnose.Case) string {
	switch {
	case c.Up:
		return "up"
	case c.All.Has(diagnose.Phase1Up):
		return "was up"
	case c.All.In(diagnose.Phase2).Has(diagnose.MessageSent, diagnose.MessageReceived, diagnose.ProxyRefused, diagnose.TransformRefused, diagnose.PFSRefused, diagnose.Phase2OfferRefused):
		return "up"
	case len(c.All.In(diagnose.Phase1)) > 0:
		return "not up"
	}
	return ""
}

func phase2Of(c *diagnose.Case) string {
	switch {
	case c.TunnelUp:
		return "up"
	case c.All.Has(diagnose.Phase2Up):
		return "was up"
	case len(c.All.In(diagnose.Phase2)) > 0:
		return "not up"
	}
	return ""
}
