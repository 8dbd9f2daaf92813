package compare

import (
	"fmt"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
)

// aggressive is how an end begins in aggressive mode with the other; nil where it
// begins in main mode.
func (m *meeting) aggressive(begins int) *ike.Aggressive {
	g, peer := m.entries[begins].gateway, m.seen(1-begins)
	if !g.cfg.ISAKMP.AggressiveMode {
		return nil
	}
	if how := g.plan.Aggressive[peer]; how != nil {
		return how
	}
	if p := m.demanded(begins); p != nil && p.Aggressive {
		return &ike.Aggressive{}
	}
	return nil
}

// aggressiveQuote is the line by which an end begins in aggressive mode.
func (m *meeting) aggressiveQuote(begins int) Quote {
	g := m.entries[begins].gateway
	if x := m.aggressivePeer(begins); x != nil {
		return g.File.quote(g.File.source.Peer(x), "")
	}
	return g.File.quote(g.File.source.ProfileAggressive(m.demanded(begins).Name), "")
}

// aggressivePeer is the `crypto isakmp peer` of an end for the other; nil for none.
func (m *meeting) aggressivePeer(begins int) *config.ISAKMPPeer {
	g := m.entries[begins].gateway
	for _, x := range g.cfg.ISAKMP.Peers {
		if x.Endpoint.Type != 0 && (x.Addr == m.seen(1-begins) || x.Host != "" && g.plan.Aggressive[m.seen(1-begins)] != nil) {
			return x
		}
	}
	return nil
}

// usedKeys are the keys of both ends when one of them begins.
func (m *meeting) usedKeys(begins int) (use [2]foundKey) {
	answers := 1 - begins
	use[begins] = m.key(begins, keyringsOf(m.demanded(begins)))
	how := m.aggressive(begins)
	if how == nil {
		use[answers] = m.key(answers, nil)
		return use
	}
	if !how.Secret.IsZero() {
		use[begins] = foundKey{peer: m.aggressivePeer(begins), key: config.PresharedKey{Key: how.Secret, Mask: 32}, ok: true}
	}
	a, who := m.entries[answers], m.presented(begins, m.demanded(begins), true)
	profile := ike.ProfileFor(a.gateway.plan.Profiles, a.conn.Local, who)
	k := &use[answers]
	k.ring, k.key, k.ok = a.gateway.plan.Key(ike.KeyQuery{Local: a.conn.Local, Remote: m.seen(begins), Keyrings: keyringsOf(profile), Identity: who})
	return use
}

// compareAggressive tells of an end that begins in aggressive mode, which the other
// refuses, or takes.
func (p *Pair) compareAggressive(m *meeting, begins int) {
	if m.aggressive(begins) == nil {
		return
	}
	g, other := p.Ends[begins], p.Ends[1-begins]
	line := m.aggressiveQuote(begins)
	if other.cfg.ISAKMP.AggressiveMode {
		p.luck(diagnose.AggressiveVsMain, []Quote{line}, m.tunnels,
			"%s begins in aggressive mode, in which anybody who hears one exchange can search for the key", g.Name)
		return
	}
	p.add(Finding{Cause: diagnose.AggressiveVsMain, Stops: begunBy(begins), order: orderPolicy, Lines: []Quote{line, other.File.quote(other.File.source.AggressiveMode(), "")},
		Summary: fmt.Sprintf("%s begins in aggressive mode, which %s refuses", g.Name, other.Name),
		Fix:     []Fix{{g.Name, "", m.mainModeCommands(begins)}, {other.Name, "", []string{"no crypto isakmp aggressive-mode disable"}}}}, m.tunnels...)
}

// mainModeCommands have an end begin in main mode.
func (m *meeting) mainModeCommands(begins int) []string {
	if x := m.aggressivePeer(begins); x != nil {
		if x.Host != "" {
			return []string{"no crypto isakmp peer hostname " + x.Host}
		}
		return []string{"no crypto isakmp peer address " + x.Addr.String()}
	}
	return []string{"crypto isakmp profile " + m.demanded(begins).Name, "   no initiate mode aggressive"}
}
