package diagnose

import (
	"fmt"
	"strings"
)

// localRules are about what is, or is not, configured at this end. They need no
// conclusion: who has the configuration knows.
var localRules = []rule{
	{"map-not-applied", CryptoMapNotApplied, []Kind{MapNotApplied}, Certain, seen, mapNotApplied},
	{"map-incomplete", CryptoMapNotApplied, []Kind{MapIncomplete}, Certain, seen, mapIncomplete},
	{"interface-down", CryptoMapNotApplied, []Kind{InterfaceDown}, Certain, seen, interfaceDown},
	{"map-on-wrong-interface", CryptoMapNotApplied, []Kind{WrongInterface}, Likely, seen, wrongInterface},
	{"not-enabled", CryptoMapNotApplied, []Kind{NotEnabled}, Certain, seen, notEnabled},
	{"flood", Flood, []Kind{Flooded}, Likely, seen, flooded},
	{"wrong-local-address", ConnectionNotMatched, []Kind{NotEnabled}, Likely, seen, wrongLocalAddress},
}

// dead says whether nothing active here is for the peer.
func (c *Case) dead() bool { return len(c.configured()) == 0 && !c.Up && !c.TunnelUp }

func mapNotApplied(c *Case) *Finding {
	on := c.All.Of(MapNotApplied)
	if len(on) == 0 || !c.dead() {
		return nil
	}
	certainty := Certain
	if on.read() {
		certainty = Likely // the interface may have been left out
	}
	return find(CryptoMapNotApplied, certainty, append(on, c.Phase1.Of(NotEnabled)...), on.Last().Place+" is on no interface: it protects nothing, and this end does not negotiate").in(PhaseNone, 0).
		or("See whether the configuration was shown whole.", NoInterestingTraffic)
}

// flooded is that first messages, or others, come as from no peer.
func flooded(c *Case) *Finding {
	on := c.All.Of(Flooded)
	if len(on) == 0 {
		return nil
	}
	var floods []string
	for _, o := range on {
		floods = append(floods, fmt.Sprintf("of %s, %d beyond what peers send; %s", o.Place, o.Count, o.Detail))
	}
	return find(Flood, Likely, on, "a flood "+strings.Join(floods, "; a flood ")+". Tunnels that are up stay, and new peers get in when they come back").in(PhaseNone, 0).
		or("Many peers that begin at once, after a failure of the network, look the same for a moment; then most of the first messages come back. A gateway that has lost its SAs gets messages and ESP of them until its peers know.", NoFault)
}

func mapIncomplete(c *Case) *Finding {
	on := c.All.Of(MapIncomplete)
	if len(on) == 0 || !c.dead() {
		return nil
	}
	return find(CryptoMapNotApplied, Certain, append(on, c.Phase1.Of(NotEnabled)...), on.Last().Place+" stays disabled: it has no "+on.Last().Detail).in(PhaseNone, 0)
}

func interfaceDown(c *Case) *Finding {
	on := c.All.Of(InterfaceDown)
	if len(on) == 0 || !c.dead() {
		return nil
	}
	return find(CryptoMapNotApplied, Certain, on, on.Last().Place+", which has the crypto map, is down").in(PhaseNone, 0)
}

// wrongInterface is a map that does not see what goes to the peer.
func wrongInterface(c *Case) *Finding {
	on := c.All.Of(WrongInterface)
	if len(on) == 0 || (c.TunnelUp || c.Up) && !c.unanswering() {
		return nil
	}
	o := on.Last()
	return find(CryptoMapNotApplied, Likely, append(on, c.Phase1.Of(NotEnabled)...), "the crypto map is on "+o.Place+", and the peer is reached by "+o.Detail+": the map is on the wrong interface").in(PhaseNone, 0).
		or("A map with an address of its own (`crypto map NAME local-address`) may be on another interface than the one that has it.", ConnectionNotMatched, RoutingMissing)
}

// Details of NotEnabled.
const (
	isakmpOff = "ISAKMP is off"
)

// notEnabled is a first message to an address where no crypto map is active, or
// the knowledge that ISAKMP is off.
func notEnabled(c *Case) *Finding {
	on := c.Phase1.Of(NotEnabled)
	if len(on) == 0 {
		return nil
	}
	if off := on.About(isakmpOff); len(off) > 0 {
		return find(CryptoMapNotApplied, Certain, off, "ISAKMP is off here: `no crypto isakmp enable` is configured").in(PhaseNone, 0)
	}
	if len(c.configured()) > 0 {
		return nil // elsewhere, or since
	}
	certainty := Likely
	if known := c.All.Of(Surveyed); len(known) > 0 && known.Total() == 0 {
		certainty = Certain
	}
	return find(CryptoMapNotApplied, certainty, on, "the peer calls, and no crypto map is active on the interface "+at(on.Last())).in(Phase1, 1).
		or("See which interface the peer calls: one without a crypto map may be the wrong one.", ConnectionNotMatched)
}

func at(o *Observation) string {
	if !o.Local.IsValid() {
		return "that it calls"
	}
	return "with " + o.Local.String()
}

// wrongLocalAddress is a peer that calls another address of this gateway than
// the one with the crypto map.
func wrongLocalAddress(c *Case) *Finding {
	on := c.Phase1.Of(NotEnabled)
	on = on.where(func(o *Observation) bool { return o.Detail != isakmpOff })
	if len(on) == 0 {
		return nil
	}
	for _, conf := range c.configured() {
		if conf.Local == on.Last().Local {
			return nil // applied since
		}
	}
	if len(c.configured()) == 0 || c.All.Has(WrongInterface) {
		return nil
	}
	conf := c.configured().Last()
	return find(ConnectionNotMatched, Likely, append(on, conf), "the peer calls the address "+on.Last().Local.String()+", and "+conf.Place+" is active on "+conf.Local.String()).in(Phase1, 1).
		or("See which address the peer is configured with.", CryptoMapNotApplied)
}
