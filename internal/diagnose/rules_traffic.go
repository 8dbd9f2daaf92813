package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// trafficRules are about packets that never ask for the tunnel.
var trafficRules = []rule{
	{"no-route", RoutingMissing, []Kind{NoRoute}, Certain, seen, noRoute},
	{"route-around", RoutingMissing, []Kind{RouteAround}, Certain, seen, routeAround},
	{"list-never-matches", ACLOrNATExemption, []Kind{NoMatch}, Likely, seen, listNeverMatches},
	{"nothing-asked", NoInterestingTraffic, []Kind{NothingAsked}, Likely, inferred, nothingAsked},
}

func noRoute(c *Case) *Finding {
	on := c.All.Of(NoRoute)
	if len(on) == 0 {
		return nil
	}
	if to := on.where(toPeer); len(to) > 0 {
		return find(RoutingMissing, Certain, to, "there is no route to "+to.Last().Detail+" here").in(PhaseNone, 0)
	}
	return c.besides(find(RoutingMissing, Certain, on, "there is no route to "+on.Last().Detail+" here: the crypto map never sees packets to it").in(PhaseNone, 0))
}

// peerWord begins the Detail of a route that is missing to the peer itself.
const peerWord = "the peer "

func toPeer(o *Observation) bool { return strings.HasPrefix(o.Detail, peerWord) }

// besides is a fact about routes: the cause only where nothing else fails. The
// network of a line that the peer does not ask for may have no route because
// the line is wrong.
func (c *Case) besides(f *Finding) *Finding {
	switch {
	case c.Phase2.Has(ProxyRefused):
		return nil
	case !c.TunnelUp && (c.Attempt != nil || c.Phase1.Has(AllOffersRefused, Undecryptable, KeyMissing) || c.Phase2.Has(QuickFailed, TransformRefused, PFSRefused)):
		f.Certainty, f.Summary = Possible, "besides, "+f.Summary
	case c.TunnelUp && !c.All.Has(Encapsulated) || c.carries(f.about.Pair):
		// The tunnel for this traffic is up, or its state is not known.
	case c.TunnelUp:
		f.Certainty, f.Summary = Possible, "besides, "+f.Summary
	}
	return f
}

func routeAround(c *Case) *Finding {
	on := c.All.Of(RouteAround)
	if len(on) == 0 {
		return nil
	}
	return c.besides(find(RoutingMissing, Certain, on, fmt.Sprintf("the route to %s does not lead by %s, which has the crypto map: packets go around the tunnel", on.Last().Detail, on.Last().Place)).in(PhaseNone, 0))
}

// carries says whether a tunnel for a pair is up.
func (c *Case) carries(pair string) bool {
	return slices.ContainsFunc(c.All.Of(Encapsulated), func(o *Observation) bool { return o.Pair == pair })
}

func listNeverMatches(c *Case) *Finding {
	on := c.All.Of(NoMatch)
	if nat := on.About(natBefore); nat.Total() >= enough {
		return find(ACLOrNATExemption, Likely, nat, fmt.Sprintf("%d packets were on their way into the tunnel, and their addresses fit no access list when they came there: a NAT of this host changed them first", nat.Total())).
			in(PhaseData, 0).or("`nft list ruleset` shows the NAT of this host.", LocalFirewall)
	}
	if on = on.where(func(o *Observation) bool { return o.Detail != natBefore }); len(on) == 0 || c.TunnelUp {
		return nil
	}
	return find(ACLOrNATExemption, Likely, on, fmt.Sprintf("%d packets left by %s outside of the tunnel, and the crypto access list has matched none", on.Total(), on.Last().Place)).in(PhaseNone, 0).
		or("Compare the packets' addresses with the access list. If the list is right, a NAT changes the addresses before the crypto map sees them.", NoInterestingTraffic)
}

func nothingAsked(c *Case) *Finding {
	on := c.All.Of(NothingAsked)
	if len(on) == 0 || c.Up || c.TunnelUp || c.All.Has(Asked, MessageSent, MessageReceived, SADeleted, ClearTextSeen) {
		return nil
	}
	return find(NoInterestingTraffic, Likely, on, "the tunnel is configured, and nothing has asked for it: no packet matched the access list, and the peer has not called").in(PhaseNone, 0).
		or("Send a packet from the protected network, as by `ping A source B`. If it asks for nothing, its route does not lead by the crypto map or the access list does not name it.",
			ACLOrNATExemption, RoutingMissing, PeerUnreachable)
}
