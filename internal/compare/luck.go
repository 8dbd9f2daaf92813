package compare

import (
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
)

func (p *Pair) luck(cause diagnose.Cause, lines []Quote, tunnels []*Tunnel, format string, args ...any) {
	p.add(Finding{Kind: Luck, Cause: cause, order: orderLuck, Lines: lines, Summary: fmt.Sprintf(format, args...)}, tunnels...)
}

// luckOfMeeting looks at what works between two entries as long as nothing
// happens.
func (p *Pair) luckOfMeeting(m *meeting) {
	p.luckOfDeadPeers(m)
	p.luckOfFragments(m)
	p.luckOfReplay(m)
	p.luckOfIdentity(m)
	for end := range 2 {
		p.luckOfDefaultPolicy(m, end)
		p.luckOfNAT(m, end)
		p.luckOfAddress(m, end)
		p.luckOfDFBit(m, end)
	}
	if a, b := m.entries[0], m.entries[1]; a.dynamic() != b.dynamic() {
		asks, answers := 0, 1
		if a.dynamic() {
			asks, answers = 1, 0
		}
		p.luck(diagnose.NoInterestingTraffic, []Quote{m.entries[answers].quote("", ""), m.entries[asks].quote("", "")}, m.tunnels,
			"only %s can begin: %s of %s waits for its peers, so nothing that it sends brings the tunnel up again",
			p.Ends[asks].Name, m.entries[answers].name(), p.Ends[answers].Name)
	} else if a.dynamic() {
		p.add(Finding{Cause: diagnose.NoInterestingTraffic, Stops: both, order: orderActive, Lines: []Quote{a.quote("", ""), b.quote("", "")},
			Summary: "both ends have a dynamic crypto map, and neither begins"}, m.tunnels...)
	}
}

// luckOfDeadPeers looks for dead peer detection at both ends.
func (p *Pair) luckOfDeadPeers(m *meeting) {
	var lines, with []Quote
	var names []string
	for end := range 2 {
		if q, ok := m.keepalive(end); ok {
			with = append(with, q)
		} else {
			lines = append(lines, p.Ends[end].File.none("no `crypto isakmp keepalive`"))
			names = append(names, p.Ends[end].Name)
		}
	}
	switch len(names) {
	case 1:
		p.luck(diagnose.StaleSA, append(with, lines...), m.tunnels,
			"dead peer detection (DPD) is on at one end only: %s does not notice that its peer has gone, and sends into SAs that the other end has lost until they expire", names[0])
	case 2:
		p.luck(diagnose.StaleSA, lines, m.tunnels,
			"dead peer detection (DPD) is on at neither end: after a restart the other end sends into SAs that are gone until they expire")
	}
}

// keepalive is the line that switches dead peer detection on at an end.
func (m *meeting) keepalive(end int) (Quote, bool) {
	e := m.entries[end]
	f, c := e.gateway.File, e.gateway.cfg
	if x := c.Profile(e.profile()); x != nil && x.Keepalive != nil {
		return f.quote(f.source.ProfileKeepalive(x.Name), ""), true
	}
	return f.quote(f.source.Keepalive(), ""), c.ISAKMP.Keepalive != nil
}

// luckOfFragments looks for `crypto isakmp fragmentation` at one end only.
func (p *Pair) luckOfFragments(m *meeting) {
	on := [2]bool{p.Ends[0].cfg.ISAKMP.Fragmentation > 0, p.Ends[1].cfg.ISAKMP.Fragmentation > 0}
	if on[0] == on[1] {
		return
	}
	with := 0
	if on[1] {
		with = 1
	}
	f := p.Ends[with].File
	p.luck(diagnose.FragmentationMTU, []Quote{f.quote(f.source.Fragmentation(), ""), p.Ends[1-with].File.none("no `crypto isakmp fragmentation`")}, m.tunnels,
		"fragmentation of IKE messages is on at %s only, so it is not used: large messages go in IP fragments, which some paths lose", p.Ends[with].Name)
}

// luckOfReplay looks for windows that differ or are off.
func (p *Pair) luckOfReplay(m *meeting) {
	var lines []Quote
	windows := [2]int{}
	for end, e := range m.entries {
		windows[end] = max(e.conn.ReplayWindow, 0)
		lines = append(lines, e.lifetime("replay", fmt.Sprintf("by default: %d packets", windows[end])))
	}
	words := func(n int) string {
		if n == 0 {
			return "off"
		}
		return fmt.Sprintf("%d packets", n)
	}
	switch {
	case windows[0] != windows[1]:
		p.luck(diagnose.ReplayErrors, lines, m.tunnels, "the replay window is %s at %s and %s at %s: what comes out of order is dropped at one end and not at the other",
			words(windows[0]), p.Ends[0].Name, words(windows[1]), p.Ends[1].Name)
	case windows[0] == 0:
		p.luck(diagnose.ReplayErrors, lines, m.tunnels, "the replay check is off at both ends: packets that somebody sends again are taken")
	}
}

// luckOfIdentity looks for names that nobody compares.
func (p *Pair) luckOfIdentity(m *meeting) {
	for end := range 2 {
		g := p.Ends[end]
		if g.cfg.ISAKMP.Identity != config.IdentityHostname || m.entries[1-end].profile() != "" || m.demanded(end) != nil {
			continue
		}
		p.luck(diagnose.IdentityMismatch, []Quote{g.File.quote(g.File.source.Identity(), "")}, m.tunnels,
			"%s presents its host name, and %s finds the key by the address and looks at no name: a peer of another make may want the address", g.Name, p.Ends[1-end].Name)
	}
}

func (p *Pair) luckOfDefaultPolicy(m *meeting, end int) {
	g := p.Ends[end]
	if !g.cfg.ISAKMP.DefaultPolicy {
		return
	}
	p.luck(diagnose.Phase1PolicyMismatch, []Quote{g.File.quote(g.File.source.DefaultPolicy(), "")}, m.tunnels,
		"%s takes the built-in policy 65535 (DES, SHA, RSA signatures, group 1) behind its own: releases differ in what that is, and none is safe", g.Name)
}

// luckOfNAT tells of a NAT in front of an end.
func (p *Pair) luckOfNAT(m *meeting, end int) {
	g, other := p.Ends[end], p.Ends[1-end]
	if !g.NAT.IsValid() {
		return
	}
	lines := []Quote{g.addressQuote(m.entries[end].conn.Local)}
	e := m.entries[1-end]
	if len(e.written.Peers) > 0 {
		lines = append(lines, e.quote("peer "+g.NAT.String(), ""))
	} else {
		lines = append(lines, e.quote("", ""))
	}
	if e.dynamic() {
		p.luck(diagnose.LocalFirewall, lines, m.tunnels, "%s is behind a NAT: UDP 4500 has to pass, and only %s can begin", g.Name, g.Name)
		return
	}
	p.luck(diagnose.LocalFirewall, lines, m.tunnels,
		"%s is behind a NAT that gives it %s: UDP 4500 has to pass, and %s can begin only if the NAT forwards UDP 500 and 4500 to %s", g.Name, g.NAT, other.Name, m.entries[end].conn.Local)
}

// luckOfAddress tells of an address that may change while the other end names it.
func (p *Pair) luckOfAddress(m *meeting, end int) {
	e, other := m.entries[end], m.entries[1-end]
	g := e.gateway
	i := g.holds(e.conn.Local)
	if i != nil && i.Learned != config.AddressStatic && len(other.written.Peers) > 0 && other.admits(m.seen(end)) {
		x := other.written.Peers[0]
		p.luck(diagnose.ConnectionNotMatched, []Quote{g.addressQuote(e.conn.Local), other.quote("peer "+x.String(), "")}, m.tunnels,
			"%s learns its address, and %s names it: it works as long as that stays %s", g.Name, other.gateway.Name, m.seen(end))
	}
	for _, x := range e.written.Peers {
		if x.Host != "" && slices.Contains(g.peerAddresses(x), m.seen(1-end)) && !g.File.source.Host(x.Host).Written() {
			p.luck(diagnose.ConnectionNotMatched, []Quote{e.quote("peer "+x.String(), "")}, m.tunnels,
				"%s finds %s by the name %s: it works as long as DNS answers, and with the right address", g.Name, other.gateway.Name, x.Host)
		}
	}
}

func (p *Pair) luckOfDFBit(m *meeting, end int) {
	g := p.Ends[end]
	if g.cfg.IPsec.DFBit != config.DFSet {
		return
	}
	p.luck(diagnose.FragmentationMTU, []Quote{g.File.quote(g.File.source.DFBit(), "")}, m.tunnels,
		"%s sets the DF bit of every packet that it encrypts: where the path is narrower and ICMP does not come back, large packets vanish", g.Name)
}

// luckOfPeers tells of peers that are tried before the right one.
func (p *Pair) luckOfPeers(m *meeting, end int, want netip.Addr) {
	e := m.entries[end]
	if e.dynamic() || len(e.conn.Peers) < 2 || e.conn.Peers[0] == want {
		return
	}
	var lines []Quote
	for _, x := range e.written.Peers {
		lines = append(lines, e.quote("peer "+x.String(), ""))
	}
	p.luck(diagnose.PeerUnreachable, lines, m.tunnels, "%s tries %s before %s, and each that does not answer costs a minute; %s is taken only then",
		e.gateway.Name, e.conn.Peers[0], want, p.Ends[1-end].Name)
}

// luckOfKey tells of a key that more than one peer may use.
func (p *Pair) luckOfKey(m *meeting, end int, k foundKey) {
	g := p.Ends[end]
	if !k.ok || k.peer != nil || k.key.Hostname != "" || k.key.Mask == 32 {
		return
	}
	who := "any address"
	if k.key.Mask > 0 {
		who = "every address of " + k.key.Prefix().String()
	}
	lines := []Quote{g.File.quote(g.File.source.Key(k.ring, k.key), "")}
	if m.entries[end].dynamic() {
		p.luck(diagnose.NoPSKForPeer, lines, m.tunnels, "the key of %s is for %s: every peer knows it, and each can pass for another", g.Name, who)
		return
	}
	p.luck(diagnose.NoPSKForPeer, lines, m.tunnels, "%s has no key for %s alone: it uses that for %s, which a more particular line would take the place of", g.Name, m.seen(1-end), who)
}

// luckOfTunnel looks for lines of an end that share traffic, so that their order
// decides.
func (p *Pair) luckOfTunnel(t *Tunnel) {
	for end := range 2 {
		l := t.lines[end]
		if l == nil || t.Ways[end] == nil {
			continue
		}
		g := l.entry.gateway
		for _, x := range g.before(l) {
			if !x.Permit {
				continue
			}
			p.luck(diagnose.ProxyIdentityMismatch, []Quote{g.policyQuote(x), l.quote("")}, []*Tunnel{t},
				"two lines of %s share traffic, %s and %s: the first takes it, whatever the second is for", g.Name, traffic(x.Selector), traffic(l.selector()))
		}
		if s := l.selector(); s.LocalNet.Overlaps(s.RemoteNet) && s.RemoteNet.Prefixes()[0].Bits() > 0 && s.LocalNet.Prefixes()[0].Bits() > 0 {
			p.luck(diagnose.ProxyIdentityMismatch, []Quote{l.quote("")}, []*Tunnel{t},
				"the two networks of this line of %s share addresses: a host of one cannot reach the same address in the other", g.Name)
		}
	}
}
