package diagnose

import "fmt"

// lifeRules are about tunnels that were up: peers that die, restart or forget.
var lifeRules = []rule{
	{"peer-dead", DPDTimeout, []Kind{PeerDead}, Likely, seen, peerDead},
	{"peer-questioned", DPDTimeout, []Kind{DPDUnanswered}, Possible, inferred, peerQuestioned},
	{"esp-for-no-sa", StaleSA, []Kind{InvalidSPI}, Likely, seen, espForNoSA},
	{"told-no-such-sa", StaleSA, []Kind{InvalidSPITold}, Likely, told, toldNoSuchSA},
	{"message-for-no-sa", StaleSA, []Kind{NoSAForMessage, StrayQuickMode}, Likely, seen, messageForNoSA},
	{"wrong-port-or-address", LocalFirewall, []Kind{WrongAddress}, Possible, seen, wrongAddress},
}

func peerDead(c *Case) *Finding {
	on := c.All.After(Phase1Up).Of(PeerDead)
	if len(on) == 0 {
		return nil
	}
	on = append(c.All.After(Phase1Up).Of(DPDUnanswered), on...)
	summary := "dead peer detection gave the peer up: it answered none of the questions"
	if c.Attempt != nil && c.Attempt.Over {
		summary += ", and it does not answer new negotiations either"
	}
	return find(DPDTimeout, Likely, on, summary).in(PhaseLife, 0).
		or("See whether the peer is up and has this end's questions in its log. If it has restarted, it knows the SA no more.", PeerUnreachable, StaleSA, LocalFirewall)
}

func peerQuestioned(c *Case) *Finding {
	on := c.All.After(DPDAnswered, Phase1Up, PeerDead).Of(DPDUnanswered)
	if len(on) < 2 {
		return nil
	}
	return find(DPDTimeout, Possible, on, fmt.Sprintf("the peer has left %d questions of dead peer detection unanswered", len(on))).in(PhaseLife, 0).
		or("A few lost packets look the same; wait until it is given up or answers.", PeerUnreachable, StaleSA, NoFault)
}

func espForNoSA(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(InvalidSPI)
	if len(on) == 0 || c.damaged(on) {
		return nil
	}
	return find(StaleSA, Likely, on, "the peer sends ESP under an SA that is not here: this end was restarted or cleared, and the peer does not know").in(PhaseLife, 0).
		or("ESP can be forged by anybody; the peer's `show crypto ipsec sa` has the SPI if it is the peer's.", MalformedOrCorrupt)
}

// damaged says whether unknown SPIs are explained by what alters packets.
func (c *Case) damaged(on Part) bool {
	n := c.altered().Total()
	return n >= enough && n >= uint64(len(on))
}

func toldNoSuchSA(c *Case) *Finding {
	on := c.All.After(Phase2Up).Of(InvalidSPITold)
	if len(on) == 0 || c.damaged(on) {
		return nil
	}
	return find(StaleSA, Likely, on, "the peer says that it has no such SA: it was restarted, or has cleared its SAs").in(PhaseLife, 0).
		or("The peer's log says when its SAs ended.", PeerQuirk)
}

// messageForNoSA is a peer that speaks under an ISAKMP SA that this end has
// lost. Late messages of a negotiation that ended look the same, but for their
// exchange: that is phase 1's.
func messageForNoSA(c *Case) *Finding {
	on := c.All.After(Phase1Up, Phase2Up).Of(NoSAForMessage, StrayQuickMode).where(func(o *Observation) bool { return o.Phase != Phase1 })
	if len(on) == 0 || c.Up || c.Phase1.Has(Undecryptable, AllOffersRefused, HashMismatch) {
		return nil
	}
	certainty := Possible
	if len(on) > 1 {
		certainty = Likely
	}
	return find(StaleSA, certainty, on, "the peer speaks under an ISAKMP SA that is not here: this end was restarted or cleared, and the peer does not know").in(PhaseLife, 0).
		or("A last message of an SA that was deleted a moment ago looks the same and is no fault.", NoFault, PeerUnreachable)
}

func wrongAddress(c *Case) *Finding {
	on := c.All.After(Phase1Up, Phase2Up).Of(WrongAddress)
	if len(on) == 0 {
		return nil
	}
	return find(LocalFirewall, Possible, on, "messages of a known SA come from another address or port than it was made with: a NAT on the way has changed its mapping").in(PhaseLife, 0).
		or("A forger who has seen the cookies looks the same.", PeerUnreachable)
}
