package diagnose

import "fmt"

// dataRules are about tunnels that are up and pass nothing, or not all.
var dataRules = []rule{
	{ruleOutOnly, ESPBlocked, []Kind{Encapsulated}, Possible, inferred, outAndNothingIn},
	{"in-and-nothing-out", ACLOrNATExemption, []Kind{Decapsulated}, Possible, inferred, inAndNothingOut},
	{"fell-silent", StaleSA, []Kind{Silent}, Possible, inferred, fellSilent},
	{"replays", ReplayErrors, []Kind{ReplaySeen}, Likely, seen, replays},
	{"too-big", FragmentationMTU, []Kind{TooBig, FragmentLost}, Likely, seen, tooBig},
	{"esp-unauthentic", MalformedOrCorrupt, []Kind{DataDropped}, Likely, seen, espUnauthentic},
	{"outside-selector", ProxyIdentityMismatch, []Kind{DataDropped}, Likely, seen, outsideSelector},
	{"wrong-encapsulation", LocalFirewall, []Kind{DataDropped}, Likely, seen, wrongEncapsulation},
	{"nothing-could-be-sent", RoutingMissing, []Kind{DataDropped}, Likely, seen, sendFailed},
	{"clear-text", CryptoMapNotApplied, []Kind{ClearTextSeen}, Likely, seen, clearText},
	{"send-errors", ProxyIdentityMismatch, []Kind{DataDropped}, Possible, inferred, sendErrors},
}

// ruleOutOnly is what one end can say where the other end may know more.
const ruleOutOnly = "out-and-nothing-in"

// read says whether it comes from a log, where a line may stand for many packets.
func (p Part) read() bool { return len(p) > 0 && p.Last().Evidence.Log }

// enough packets without an answer are no accident.
const enough = 3

// dropsInbound are reasons for which something came and was not used.
var dropsInbound = []string{"authentication failed", "bad padding", "selector mismatch", "replay: too old", "replay: duplicate",
	"wrong encapsulation", "wrong destination", "unknown SPI"}

// flows pairs the counters of each tunnel.
func (c *Case) flows(yield func(out, in *Observation)) {
	for _, out := range c.All.Of(Encapsulated) {
		for _, in := range c.All.Of(Decapsulated) {
			if in.Pair == out.Pair && in.Session == out.Session {
				yield(out, in)
			}
		}
	}
}

// outAndNothingIn is `encaps` without `decaps`.
func outAndNothingIn(c *Case) *Finding {
	var on Part
	c.flows(func(out, in *Observation) {
		if out.Count >= enough && in.Count == 0 {
			on = append(on, out, in)
		}
	})
	if len(on) == 0 || c.All.Of(DataDropped).About(dropsInbound...).Total() > 0 {
		return nil
	}
	summary := fmt.Sprintf("the tunnel is up, %d packets went out, and none came back%s", on[len(on)-2].Count, colon(on.Last().Pair))
	tell := "See the peer's counters. If it has decapsulated nothing, something drops ESP on the way to it; if it has and encapsulated nothing, the far network does not answer, or has no route back to this one; if it has encapsulated, its ESP is dropped on the way here."
	if c.OnPath {
		tell = "Capture at the other end at the same time: what leaves here and does not come there is dropped between the two. " + tell
	}
	if on.Last().Detail == OverUDP {
		return find(RoutingMissing, Possible, on, summary+", in UDP, which does pass").in(PhaseData, 0).
			or(tell, ACLOrNATExemption, NATT4500Blocked, ESPBlocked, StaleSA, LocalFirewall)
	}
	return find(ESPBlocked, Possible, on, summary).in(PhaseData, 0).or(tell, RoutingMissing, ACLOrNATExemption, StaleSA, LocalFirewall)
}

// colon puts what a sentence is about behind it.
func colon(what string) string {
	if what == "" {
		return ""
	}
	return ": " + what
}

// OverUDP is the Detail of counters of a tunnel in UDP.
const OverUDP = "UDP"

// inAndNothingOut is `decaps` without `encaps`.
func inAndNothingOut(c *Case) *Finding {
	var on Part
	c.flows(func(out, in *Observation) {
		if in.Count >= enough && out.Count == 0 {
			on = append(on, out, in)
		}
	})
	if len(on) == 0 {
		return nil
	}
	return find(RoutingMissing, Possible, on, fmt.Sprintf("the tunnel is up, %d packets came in, and no answer goes out%s", on.Last().Count, colon(on.Last().Pair))).in(PhaseData, 0).
		or("See whether the hosts answer at all, and which way: by a route that leads around this gateway, or through a NAT that changes their addresses before the crypto map sees them.",
			ACLOrNATExemption, LocalFirewall)
}

// fellSilent is a tunnel that worked, from which nothing comes any more.
func fellSilent(c *Case) *Finding {
	on := c.All.Of(Silent)
	if len(on) == 0 {
		return nil
	}
	others := []Cause{ESPBlocked, PeerUnreachable, RoutingMissing, NoFault}
	if c.overUDP() {
		others[0] = NATT4500Blocked
	}
	if c.OnPath {
		others = append(others, MalformedOrCorrupt) // who gets what was altered says nothing
	}
	return find(StaleSA, Possible, on, fmt.Sprintf("the tunnel worked, and nothing has come in for %s though packets go out: the peer may have lost its SAs", on.Last().Detail)).in(PhaseData, 0).
		or("`clear crypto session` makes a new tunnel; if that works the peer had lost the old one. `crypto isakmp keepalive` finds it by itself. Traffic that is never answered looks the same.",
			others...)
}

// overUDP says whether a tunnel goes in UDP.
func (c *Case) overUDP() bool { return len(c.All.Of(Encapsulated).About(OverUDP)) > 0 }

func replays(c *Case) *Finding {
	on := c.All.Of(ReplaySeen)
	if on.Total() < enough && !on.read() {
		return nil
	}
	summary := fmt.Sprintf("%d packets were dropped as replays: they came twice, or too late for the window", on.Total())
	if c.OnPath {
		summary = fmt.Sprintf("%d ESP packets came twice, or too late for a window of 64: their receiver drops them as replays", on.Total())
	}
	return find(ReplayErrors, Likely, on, summary).in(PhaseData, 0).
		or("Packets that priority queues or several paths put out of order need a larger window; packets that come twice are duplicated on the way.", DuplicateRetransmit)
}

func tooBig(c *Case) *Finding {
	on := append(c.Phase1.Of(FragmentLost), c.All.Of(TooBig)...)
	ofNone := func(o *Observation) bool { return o.Session == 0 && o.Kind == FragmentLost }
	if len(on) == 0 || c.OnPath && c.Attempt == nil && len(on) < enough && len(on.where(ofNone)) == len(on) {
		return nil // who gets its answers gets the fragments
	}
	if len(on.About(FilteredPerhaps)) == len(on) {
		return find(FragmentationMTU, Possible, on, "messages come in fragments, of which all but the first ones are missing: they are lost, or the capture's filter leaves them out, for only a first fragment has the port").in(Phase1, 0).
			or("Capture without a filter for ports, as by `host` alone, and see whether the fragments are there.", PeerUnreachable, NoFault)
	}
	return find(FragmentationMTU, Likely, on, "packets are too large for the path, or their fragments are lost").in(on.Last().Phase, 0).
		or("See whether small packets pass and large ones do not.", ESPBlocked)
}

func espUnauthentic(c *Case) *Finding {
	on := c.altered()
	if on.Total() < enough && !on.read() {
		return nil
	}
	return find(MalformedOrCorrupt, Likely, on, fmt.Sprintf("%d ESP packets do not prove authentic: they were altered on the way, or the two ends made different keys", on.Total())).in(PhaseData, 0).
		or("If every packet fails, the peer derives other keys or truncates the integrity check to another length; if some do, the way damages them.", PeerQuirk)
}

// altered are the packets of the present tunnels that do not prove authentic.
func (c *Case) altered() Part {
	return c.All.Of(DataDropped).About("authentication failed", "bad padding")
}

func outsideSelector(c *Case) *Finding {
	on := c.All.Of(DataDropped).About("selector mismatch")
	certainty := Likely
	if on.Total() < enough {
		if len(on) == 0 || !on.read() {
			return nil
		}
		certainty = Possible // a log names but some of them
	}
	return find(ProxyIdentityMismatch, certainty, on, fmt.Sprintf("%d packets came through the tunnel that are outside of what was agreed for it", on.Total())).in(PhaseData, 0).
		or("The peer puts more into the tunnel than its identities said.", PeerQuirk)
}

func wrongEncapsulation(c *Case) *Finding {
	on := c.All.Of(DataDropped).About("wrong encapsulation", "wrong destination")
	if on.Total() < enough {
		return nil
	}
	return find(LocalFirewall, Likely, on, "ESP comes in another encapsulation or to another address than was agreed: a NAT changes it on the way").in(PhaseData, 0).
		or("A capture shows whether it comes as protocol 50 or in UDP 4500.", PeerQuirk)
}

func sendFailed(c *Case) *Finding {
	on := c.All.Of(DataDropped).About("send failed")
	if on.Total() == 0 {
		return nil
	}
	return find(RoutingMissing, Likely, on, fmt.Sprintf("the host refused to send %d encrypted packets", on.Total())).in(PhaseData, 0).
		or("See the host's route to the peer and its own packet filter.", LocalFirewall)
}

// clearText is traffic of the peer's that should have come encrypted.
func clearText(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(ClearTextSeen)
	if len(on) == 0 {
		return nil
	}
	if c.Up || c.TunnelUp || c.Succeeded {
		return find(ACLOrNATExemption, Likely, on, "packets come in clear that the crypto map here wants encrypted, from a peer that does negotiate: it does not protect these").in(PhaseData, 0).
			or("See whether the peer's access list names this traffic, whether a NAT changes it there, and whether its route leads by the crypto map.", RoutingMissing, ProxyIdentityMismatch, CryptoMapNotApplied)
	}
	return find(CryptoMapNotApplied, Likely, on, "packets come in clear that the crypto map here wants encrypted: the peer does not protect them").in(PhaseData, 0).
		or("See whether the peer's crypto map is on the interface that faces this end, and whether its access list names this traffic.", ACLOrNATExemption, ProxyIdentityMismatch, RoutingMissing)
}

// sendErrors are packets that waited for SAs which did not come. Only a table of
// counters tells of them when nothing else is known.
func sendErrors(c *Case) *Finding {
	on := c.All.Of(DataDropped).About("no SA")
	if on.Total() < enough || c.TunnelUp {
		return nil
	}
	return find(Phase2TransformMismatch, Possible, on, fmt.Sprintf("%d packets asked for the tunnel and were dropped, because no SA came up", on.Total())).in(Phase2, 0).
		or("The history of the negotiation says where it stops.", ProxyIdentityMismatch, PFSMismatch, PeerUnreachable)
}
