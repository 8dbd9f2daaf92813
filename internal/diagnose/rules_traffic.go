package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// trafficRules are about packets that never ask for the tunnel.
var trafficRules = []rule{
	{"no-route", RoutingMissing, []Kind{NoRoute}, Certain, seen, noRoute},
	{"no-route-inside", RoutingMissing, []Kind{NoRouteInside}, Likely, seen, noRouteInside},
	{"route-around", RoutingMissing, []Kind{RouteAround}, Certain, seen, routeAround},
	{"list-never-matches", ACLOrNATExemption, []Kind{NoMatch}, Likely, seen, listNeverMatches},
	{"nat-before", ACLOrNATExemption, []Kind{NATBefore}, Likely, seen, natBeforeTunnel},
	{"no-route-listed", RoutingMissing, []Kind{RoutesListed}, Likely, seen, noRouteListed},
	{"gre-ends-differ", ProxyIdentityMismatch, []Kind{FlowListed}, Likely, seen, greEndsDiffer},
	{"flow-never-asked", ACLOrNATExemption, []Kind{FlowDown}, Possible, inferred, flowNeverAsked},
	{ruleNothingAsked, NoInterestingTraffic, []Kind{NothingAsked}, Likely, inferred, nothingAsked},
}

// ruleNothingAsked is what one end can say where the other end may know more.
const ruleNothingAsked = "nothing-asked"

func noRoute(c *Case) *Finding {
	on := c.All.Of(NoRoute)
	if len(on) == 0 {
		return nil
	}
	if to := on.where(toPeer); len(to) > 0 {
		return find(RoutingMissing, Likely, to, "there is no route to "+to.Last().Detail+" here").in(PhaseNone, 0).
			or("See whether the peer's address is right.", ConnectionNotMatched, PeerUnreachable)
	}
	return c.besides(find(RoutingMissing, Likely, on, "there is no route to "+on.Last().Detail+" here: the crypto map never sees packets to it").in(PhaseNone, 0))
}

// peerWord begins the Detail of a route that is missing to the peer itself.
const peerWord = "the peer "

func toPeer(o *Observation) bool { return strings.HasPrefix(o.Detail, peerWord) }

// besides is a fact about routes to a line's remote network. It is the cause for
// certain where the tunnel for that very line is up: the peer has agreed to the
// networks. Else the line may be wrong, and not the route, and where something
// else fails that is the cause.
func (c *Case) besides(f *Finding) *Finding {
	switch {
	case c.Phase2.Has(ProxyRefused):
		return nil
	case c.All.Has(WrongInterface):
		f.Certainty, f.Summary = Possible, "besides, "+f.Summary
		return f.or("See on which interface the crypto map belongs.", CryptoMapNotApplied)
	case c.carries(f.about.Pair):
		f.Certainty = Certain
	case c.TunnelUp, c.Attempt != nil, c.Phase1.Has(AllOffersRefused, Undecryptable, KeyMissing), c.Phase2.Has(QuickFailed, TransformRefused, PFSRefused),
		c.All.Has(NoMatch):
		f.Certainty, f.Summary = Possible, "besides, "+f.Summary
	}
	return f.or("See whether the crypto access list names the network that packets go to.", ACLOrNATExemption, ProxyIdentityMismatch)
}

// noRouteInside is what comes out of the tunnel and leads nowhere.
func noRouteInside(c *Case) *Finding {
	on := c.All.Of(NoRouteInside)
	if len(on) == 0 || !c.unanswering() {
		return nil
	}
	return find(RoutingMissing, Likely, on, "packets come out of the tunnel, and there is no route from here to "+on.Last().Detail+", which they are for: its interface is down, or the route is missing").in(PhaseData, 0).
		or("See whether the crypto access list names the network that is behind this end.", ProxyIdentityMismatch, ACLOrNATExemption)
}

func routeAround(c *Case) *Finding {
	on := c.All.Of(RouteAround)
	if len(on) == 0 {
		return nil
	}
	if o := on.Last(); o.Attr == attrPartly {
		f := c.besides(find(RoutingMissing, Likely, on, fmt.Sprintf("a route to some of %s does not lead by %s, which has the crypto map: packets to those hosts go around the tunnel", o.Detail, o.Place)).in(PhaseNone, 0))
		if f != nil {
			f.Certainty = min(f.Certainty, Likely)
		}
		return f
	}
	return c.besides(find(RoutingMissing, Likely, on, fmt.Sprintf("the route to %s does not lead by %s, which has the crypto map: packets go around the tunnel", on.Last().Detail, on.Last().Place)).in(PhaseNone, 0))
}

// sends says whether packets go into a tunnel.
func (c *Case) sends() (yes bool) {
	c.flows(func(out, _ *Observation) { yes = yes || out.Count > 0 })
	return yes
}

// unanswering says whether packets come out of a tunnel and none goes in.
func (c *Case) unanswering() (yes bool) {
	c.flows(func(out, in *Observation) { yes = yes || in.Count > 0 && out.Count == 0 })
	return yes
}

// carries says whether a tunnel for a pair is up.
func (c *Case) carries(pair string) bool {
	return slices.ContainsFunc(c.All.Of(Encapsulated), func(o *Observation) bool { return o.Pair == pair })
}

func listNeverMatches(c *Case) *Finding {
	on := c.All.Of(NoMatch)
	if nat := on.About(natBefore); nat.Total() >= enough && !c.sends() {
		return find(ACLOrNATExemption, Likely, nat, fmt.Sprintf("%d packets were on their way into the tunnel, and their addresses fit no access list when they came there: a NAT of this host changed them first", nat.Total())).
			in(PhaseData, 0).or("`nft list ruleset` shows the NAT of this host.", LocalFirewall)
	}
	if on = on.where(func(o *Observation) bool { return o.Detail != natBefore }); len(on) == 0 || c.TunnelUp && !c.unanswering() {
		return nil
	}
	return find(ACLOrNATExemption, Likely, on, fmt.Sprintf("%d packets left by %s outside of the tunnel, and the crypto access list has matched none", on.Total(), on.Last().Place)).in(PhaseNone, 0).
		or("Compare the packets' addresses with the access list. If the list is right, a NAT changes the addresses before the crypto map sees them.", ProxyIdentityMismatch, NoInterestingTraffic)
}

func nothingAsked(c *Case) *Finding {
	on := c.All.Of(NothingAsked)
	if len(on) == 0 || c.Up || c.TunnelUp || c.All.Has(Asked, MessageSent, MessageReceived, SADeleted, ClearTextSeen) {
		return nil
	}
	if on.read() {
		return find(NoInterestingTraffic, Possible, on, "there is no ISAKMP SA, not even a negotiation: no packet has asked for a tunnel").in(PhaseNone, 0).
			or("Send a packet from the protected network, as by `ping A source B`, and look again. If there is still nothing, the crypto map is on no interface, its access list does not name the packet, or the route leads elsewhere.",
				CryptoMapNotApplied, ACLOrNATExemption, RoutingMissing)
	}
	return find(NoInterestingTraffic, Likely, on, "the tunnel is configured, and nothing has asked for it: no packet matched the access list, and the peer has not called").in(PhaseNone, 0).
		or("Send a packet from the protected network, as by `ping A source B`. If it asks for nothing, its route does not lead by the crypto map or the access list does not name it.",
			ACLOrNATExemption, RoutingMissing, PeerUnreachable)
}

// noRouteListed holds the networks of the entries against a table of routes that
// has no default one.
func noRouteListed(c *Case) *Finding {
	listed := c.All.Of(RoutesListed).Last()
	if listed == nil || c.TunnelUp || c.Attempt != nil {
		return nil
	}
	routes := strings.Fields(listed.Detail)
	for _, o := range c.All.Of(FlowListed, Configured) {
		_, remote, ok := strings.Cut(o.Pair, " - ")
		if net, known := netOf(remote); !ok || !known || slices.ContainsFunc(routes, func(r string) bool { return overlap(r, net.String()) }) {
			continue
		}
		return find(RoutingMissing, Likely, Part{o, listed}, "there is no route to "+remote+" here, and no default route: the crypto map never sees packets to it").in(PhaseNone, 0).
			or("See whether the table of routes was shown whole.", NoInterestingTraffic, ACLOrNATExemption)
	}
	return nil
}

// greEndsDiffer is an access list for GRE whose far end is not the peer. GRE
// between the two ends of the tunnel is protected by a list that names just them.
func greEndsDiffer(c *Case) *Finding {
	if c.TunnelUp || !c.Peer.IsValid() {
		return nil
	}
	for _, o := range c.All.Of(FlowListed) {
		local, remote, _ := strings.Cut(o.Pair, " - ")
		here, hasGRE := strings.CutSuffix(local, " gre")
		there, _ := strings.CutSuffix(remote, " gre")
		if !hasGRE || there == c.Peer.String() || !o.Local.IsValid() || here != o.Local.String() || strings.Contains(there, "/") {
			continue
		}
		return find(ProxyIdentityMismatch, Likely, Part{o}, fmt.Sprintf("the access list protects GRE from this end's own address to %s, and the peer is %s: the tunnel's packets match nothing, or the peer has another list", there, c.Peer)).in(Phase2, 0).
			or("A tunnel whose destination is an address behind the peer looks the same, and is right.", ACLOrNATExemption, RoutingMissing)
	}
	return nil
}

// flowNeverAsked is traffic that gets no answer and never asked for the tunnel.
func flowNeverAsked(c *Case) *Finding {
	down, pings := c.All.Of(FlowDown), c.All.Of(PingFailed)
	if len(down) == 0 || down.Total() > 0 || c.Up || c.TunnelUp || c.All.Has(Asked, MessageSent, MessageReceived, StateSeen, RoutesListed) {
		return nil
	}
	if len(pings) == 0 {
		return find(NoInterestingTraffic, Possible, down, "the tunnel is configured and down, and nothing shows that a packet has asked for it").in(PhaseNone, 0).
			or("Send a packet from the protected network, as by `ping A source B`, with `debug crypto isakmp` on: if nothing appears, the packet never reaches the crypto map.", ACLOrNATExemption, RoutingMissing, PeerUnreachable)
	}
	return find(ACLOrNATExemption, Possible, append(down, pings...), "packets get no answer, and none has asked for the tunnel: they match no crypto access list, or never come to the crypto map").in(PhaseNone, 0).
		or("See the route to the destination, whether the access list names both addresses, and whether a NAT changes them first.", RoutingMissing, ProxyIdentityMismatch, NoInterestingTraffic)
}

// natBeforeTunnel is a NAT of this end that stands before the tunnel.
func natBeforeTunnel(c *Case) *Finding {
	on := c.All.Of(NATBefore)
	if len(on) == 0 || c.sends() {
		return nil
	}
	return find(ACLOrNATExemption, Likely, on, "a NAT of this end takes packets that belong into the tunnel, or refuses them: they are not exempted from it").in(PhaseData, 0).
		or("See whether the packet in the message is one for the tunnel; other traffic has the same message.", RoutingMissing, LocalFirewall)
}
