package console

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
	"qmidle/internal/trace"
)

// Surveyor is what a Router may have besides: what explain wants to know of
// keys, packets and routes.
type Surveyor interface {
	// CanProve says whether there is a pre-shared key for a peer, or another method
	// by which it may be proven.
	CanProve(local, remote netip.Addr) bool
	// LastPackets are when the last packets of a pair passed, zero for never.
	LastPackets(inSPI uint32) (in, out time.Time)
	// Missed counts packets that left outside of the tunnel although their
	// destination or their source is that of a connection's line, and shows the
	// last one.
	Missed(tag uint32, line int) (n uint64, last string)
	// RouteTo is where the route to an address leads; false where there is none.
	RouteTo(to netip.Addr) (diagnose.Hop, bool)
	// WaysInto are the interfaces by which packets to the addresses of a network
	// leave, each once, but for what is within another network: this side's own.
	// It is false where routes do not decide which way packets take.
	WaysInto(network, except trace.Proxy) ([]string, bool)
	// Ruled says that the host's rules lead into the tunnel what a crypto map
	// protects, whatever the routes say.
	Ruled() bool
}

// Explanation is explain: what is wrong and how to mend it.
type Explanation struct {
	diagnose.Report

	asked netip.Addr // a peer of which nothing is known; else invalid
}

// Text is for people.
func (e Explanation) Text() string {
	if e.asked.IsValid() {
		return "Nothing is known of " + e.asked.String() + ": no crypto map entry names it, and it has not called.\n"
	}
	return e.Report.Text()
}

func explain(r Router) Explanation {
	return Explanation{Report: diagnose.Judge(Observe(r, netip.Addr{}))}
}

func explainPeer(r Router, a config.Args) (View, error) {
	peer := a.Addr("peer")
	seen := Observe(r, peer)
	if !slices.ContainsFunc(seen, func(o diagnose.Observation) bool { return o.Peer == peer }) {
		return Explanation{asked: peer}, nil
	}
	return Explanation{Report: diagnose.Judge(seen).Of(peer)}, nil
}

func explainLast(r Router) Explanation { return Explanation{Report: explain(r).Report.Last()} }

// Observe is what is known of one peer, or of all for the invalid
// address.
func Observe(r Router, peer netip.Addr) []diagnose.Observation {
	var events diagnose.Records
	if peer.IsValid() {
		events.Read(r.History(peer))
	} else {
		peers := slices.Clone(r.PeersWithHistory())
		slices.Reverse(peers)
		eachHistory(r, peers, events.Read)
	}
	all := events.Observations()
	return append(all, diagnose.FromSituation(situationOf(r))...)
}

func situationOf(r Router) *diagnose.Situation {
	s := &diagnose.Situation{Now: r.Now(), Started: r.Started(), Config: r.Config(), Connections: r.Connections(), ISAKMPSAs: r.ISAKMPSAs(), Drops: r.PacketDrops(), Floods: r.Statistics().Floods, Ways: make(map[netip.Addr]string)}
	survey, _ := r.(Surveyor)
	for _, sa := range r.IPsecSAs() {
		s.Tunnels = append(s.Tunnels, tunnelOf(r, survey, sa))
	}
	for _, c := range s.Connections {
		for i, acl := range c.ACL {
			if acl.Permit {
				s.Lines = append(s.Lines, lineOf(r, survey, c, i))
			}
		}
		for _, p := range c.Peers {
			routeTo(s, survey, p)
		}
	}
	if links, ok := r.(LinkStates); ok {
		for _, i := range s.Config.Interfaces {
			if !links.LinkUp(i.Name) {
				s.LinksDown = append(s.LinksDown, i.Name)
			}
		}
	}
	return s
}

// routeTo notes how a peer is reached.
func routeTo(s *diagnose.Situation, survey Surveyor, peer netip.Addr) {
	if survey == nil {
		return
	}
	hop, ok := survey.RouteTo(peer)
	switch {
	case !ok:
		s.Unroutable = append(s.Unroutable, peer)
	case !survey.Ruled():
		s.Ways[peer] = hop.Interface
	}
}

func tunnelOf(r Router, survey Surveyor, sa ike.IPsecSA) diagnose.Tunnel {
	c := r.SACounters(sa.InSPI, sa.OutSPI)
	t := diagnose.Tunnel{SA: sa, Encaps: c.EncapsPackets, Decaps: c.DecapsPackets, Drops: c.SendDrops.Plus(c.RecvDrops)}
	if survey != nil {
		t.LastIn, t.LastOut = survey.LastPackets(sa.InSPI)
	}
	return t
}

func lineOf(r Router, survey Surveyor, c *ike.Connection, i int) diagnose.Line {
	counters := r.PolicyCounters(c.Tag, i)
	l := diagnose.Line{Connection: c.Tag, Line: i, Encaps: counters.EncapsPackets, Decaps: counters.DecapsPackets}
	if survey == nil {
		return l
	}
	for _, p := range c.Peers {
		if !survey.CanProve(c.Local, p) {
			l.NoKey = append(l.NoKey, p)
		}
	}
	l.Missed, l.MissedFlow = survey.Missed(c.Tag, i)
	l.Ways, l.WaysKnown = survey.WaysInto(c.ACL[i].Remote, c.ACL[i].Local)
	if home, known := survey.WaysInto(c.ACL[i].Local, trace.Proxy{}); known {
		l.Homeless = len(home) == 0
	}
	return l
}
